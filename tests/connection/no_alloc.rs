//! An open connection allocates nothing per message, whichever way it goes and however it is cut.
//!
//! Counted on the thread of the test alone: the harness allocates on its own, at times of its own.

use allocation_counter::measure;
use bytes::BytesMut;
use farewell::{Config, Connection, Event, MessageKind, Phase, Role, Seed, Timestamp};

use crate::support::wire::{
    self, BINARY, BINARY_BEGINS, CLOSE, GOES_ON, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS,
    close_body, peer_of, sent_by,
};

/// How often memory was taken, enlarged or given back in `work`.
fn allocations(work: impl FnOnce()) -> i64 {
    let seen = measure(work);
    let taken = seen.count_total as i64;
    let given_back = taken - seen.count_current;
    taken + given_back
}

/// An open connection, an output buffer with room, and what came in.
struct Peer {
    connection: Connection,
    out: BytesMut,
    now: Timestamp,
    events: usize,
    received: usize,
}

impl Peer {
    fn new(role: Role) -> Self {
        let now = Timestamp::ZERO;
        let config = Config::default();
        Self {
            connection: Connection::new(role, config, Seed::new([3; 32]), now),
            out: BytesMut::with_capacity(1 << 18),
            now,
            events: 0,
            received: 0,
        }
    }

    /// One read; everything that comes of it; all output written.
    fn read(&mut self, bytes: &mut [u8]) {
        let mut input = bytes;
        while let Some(event) = self.connection.poll_event(&mut input, self.now) {
            self.events += 1;
            if let Event::Data(chunk) = event {
                self.received += chunk.payload().len();
            }
        }
        self.connection.poll_transmit(&mut self.out);
        self.flush();
    }

    fn flush(&mut self) {
        let written = self.out.len();
        self.out.clear();
        self.connection.handle_flushed(written, self.now);
    }

    /// Lets time pass until something is due, and does it.
    fn tick(&mut self) {
        if let Some(at) = self.connection.poll_timeout() {
            self.now = at;
            self.connection.handle_timeout(at);
        }
        self.read(&mut []);
    }
}

/// What a peer can send on an open connection.
fn streams(sender: Role) -> Vec<(&'static str, Vec<u8>)> {
    let of = |frames: &[(u8, &[u8])]| sent_by(sender, frames);
    let text = "text and tëxt ".repeat(300);
    vec![
        ("short text", of(&[(TEXT, "héllo".as_bytes())])),
        ("short binary", of(&[(BINARY, &[0xff; 125])])),
        ("empty messages", of(&[(TEXT, b""), (BINARY, b"")])),
        ("long text", of(&[(TEXT, text.as_bytes())])),
        ("long binary", of(&[(BINARY, &[7; 70_000])])),
        ("fragments", of(&[(TEXT_BEGINS, b"a\xe2\x82"), (GOES_ON, b"\xac"), (LAST, b"b")])),
        ("empty fragments", of(&[(BINARY_BEGINS, b""), (GOES_ON, b""), (LAST, b"")])),
        ("pings", of(&[(PING, b""), (PING, &[b'p'; 125])])),
        ("pongs", of(&[(PONG, b""), (PONG, b"12345678")])),
        ("control between", of(&[(BINARY_BEGINS, b"a"), (PING, &[1; 125]), (LAST, b"b")])),
    ]
}

fn sends(peer: &mut Peer) {
    let (now, out) = (peer.now, &mut peer.out);
    let connection = &mut peer.connection;
    connection.send("héllo", out, now).unwrap();
    connection.send(&[1; 125], out, now).unwrap();
    connection.send(&[2; 4_096], out, now).unwrap();
    connection.send(&[3; 70_000], out, now).unwrap();
    connection.send_fragment("he", false, out, now).unwrap();
    connection.ping(&[4; 125], out, now).unwrap();
    connection.send_fragment("llo", true, out, now).unwrap();
    connection.begin_frame(MessageKind::Binary, 0, true, now).unwrap();
    // The head that the caller would have written.
    let head = if connection.role() == Role::Client { 6 } else { 2 };
    out.extend_from_slice(&[0; 6][..head]);
    peer.flush();
    assert_eq!(peer.connection.pending_output(), 0);
}

#[test]
fn an_open_connection_allocates_nothing() {
    for role in ROLES {
        for (name, wire) in streams(peer_of(role)) {
            for size in [1, 3, 7, 64, 4_096, wire.len()] {
                let mut peer = Peer::new(role);
                let mut rounds = vec![wire.clone(); 20];
                let count = allocations(|| {
                    for round in &mut rounds {
                        round.chunks_mut(size).for_each(|piece| peer.read(piece));
                    }
                });
                // A Ping that is longer than most: one box for life, and one more where it comes in
                // pieces behind another that is not answered yet.
                let most = match name {
                    "pings" => 2,
                    "control between" => 1,
                    _ => 0,
                };
                assert!(count <= most, "{role:?} received {name}, {size} bytes a read: {count}");
                assert!(peer.events >= 20, "{role:?} received {name}");
                assert_eq!(peer.connection.phase(), Phase::Open, "{name}");
            }
        }
        let mut peer = Peer::new(role);
        assert_eq!(allocations(|| (0..20).for_each(|_| sends(&mut peer))), 0, "{role:?} sent");

        heartbeats(role);
        long_pongs(role);
        an_ending(role);
    }
}

/// Pings of its own, their answers, deadlines.
fn heartbeats(role: Role) {
    let mut peer = Peer::new(role);
    let mut answers = Vec::new();
    let mut probe = Peer::new(role);
    for _ in 0..20 {
        // What the same connection would write: its Pings depend on the seed alone.
        probe.now = probe.connection.poll_timeout().expect("a heartbeat");
        probe.connection.handle_timeout(probe.now);
        probe.connection.poll_transmit(&mut probe.out);
        let ping = wire::plain(&probe.out).pop().expect("a Ping").1;
        probe.flush();
        let mut answer = sent_by(peer_of(role), &[(PONG, &ping)]);
        answers.push(answer.clone());
        probe.read(&mut answer);
    }
    let count = allocations(|| {
        for answer in &mut answers {
            peer.tick();
            peer.read(answer);
        }
    });
    assert_eq!(count, 0, "{role:?} pinged");
    let pings = peer.connection.evidence().pings;
    assert_eq!((pings.sent, pings.outstanding), (20, 0));
}

/// A Pong longer than 14 bytes that nobody asked for takes a box, once for the connection's life.
fn long_pongs(role: Role) {
    let mut peer = Peer::new(role);
    let mut rounds = vec![sent_by(peer_of(role), &[(PONG, &[b'x'; 125]), (PONG, b"")]); 20];
    let count = allocations(|| rounds.iter_mut().for_each(|round| peer.read(round)));
    assert_eq!(count, 1, "{role:?} received long Pongs");
}

/// An ending takes its record and its report, and nothing that grows.
fn an_ending(role: Role) {
    let mut peer = Peer::new(role);
    let mut bye = sent_by(peer_of(role), &[(CLOSE, &close_body(1000, ""))]);
    let count = allocations(|| {
        peer.read(&mut bye);
        peer.connection.handle_read_closed(farewell::ReadClosed::Eof, peer.now);
        peer.read(&mut []);
    });
    // Three boxes: those of the report and of what was seen at the end are given back by `read`. The
    // span's is given back as well.
    let span = i64::from(cfg!(feature = "tracing"));
    assert_eq!(count, 5 + span, "{role:?} ended");
    assert_eq!(peer.connection.phase(), Phase::Ended);
}
