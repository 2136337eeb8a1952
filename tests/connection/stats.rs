//! The statistics of a session and of a connection: what they count, and how high their marks are.

#![cfg(feature = "std")]

use std::time::Duration;

use bytes::BytesMut;
use farewell::{
    CloseCode, Config, Connection, Event, Heartbeat, HighWater, Phase, Role, Seed, Session, Stats,
};

use crate::support::pair::{Endpoint, Pair, START};
use crate::support::split::Split;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn peer(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The highest that was seen by looking after every single step.
#[derive(Default)]
struct Watcher {
    pending: u64,
    memory: u64,
}

impl Watcher {
    fn look(&mut self, session: &Session) {
        let Stats { pending_output, message_memory, high_water, .. } = session.stats();
        self.pending = self.pending.max(pending_output);
        self.memory = self.memory.max(message_memory);
        assert_eq!(high_water.pending_output, self.pending);
        assert!(high_water.message_memory >= self.memory, "{high_water:?}, seen {}", self.memory);
    }
}

/// Carries all that one side has to say to the other, in steps, and looks after each.
fn carry(pair: &mut Pair, from: Role, watchers: &mut [Watcher; 2]) {
    loop {
        let bytes = pair.side(from).write(START);
        watchers[0].look(&pair.side(from).session);
        let to = pair.side(peer(from));
        to.incoming.extend_from_slice(&bytes);
        let mut read = false;
        while to.read(START) {
            read = true;
            watchers[1].look(&to.session);
        }
        if bytes.is_empty() && !read {
            return;
        }
    }
}

#[test]
fn the_high_water_marks_are_those_of_who_looks_after_every_step() {
    for role in ROLES {
        for (writes, reads) in [(usize::MAX, usize::MAX), (1000, 700), (70_000, 9_000)] {
            let mut pair = Pair::open(Config::default(), Config::default());
            pair.side(role).writes = Split::Every(writes);
            pair.side(peer(role)).reads = Split::Every(reads);
            let mut watchers = <[Watcher; 2]>::default();
            for size in [10, 300_000, 0, 80_000, 5_000] {
                pair.side(role).session.send(vec![7; size], START).unwrap();
                watchers[0].look(&pair.side(role).session);
                if size != 300_000 {
                    carry(&mut pair, role, &mut watchers);
                }
            }
            let sender = pair.side(role).session.stats();
            let receiver = pair.side(peer(role)).session.stats();
            assert_eq!(sender.sent, receiver.received, "{role:?} {writes} {reads}");
            assert_eq!((sender.sent.messages, sender.pending_output), (5, 0));
            assert_eq!(sender.flushed, sender.sent.bytes);
            assert!(sender.high_water.pending_output > 300_000, "{sender:?}");
            assert_eq!(receiver.high_water.pending_output, 0);
            let memory = receiver.high_water.message_memory;
            assert!((300_000..=600_000).contains(&memory), "{memory}");
            assert_eq!((receiver.message_memory, sender.high_water.message_memory), (0, 0));
        }
    }
}

#[test]
fn a_message_that_comes_whole_takes_no_memory() {
    for role in ROLES {
        let mut pair = Pair::open(Config::default(), Config::default());
        pair.side(role).session.send("whole", START).unwrap();
        pair.run();
        let stats = pair.side(peer(role)).session.stats();
        assert_eq!((stats.received.messages, stats.high_water), (1, HighWater::default()));
    }
}

#[test]
fn what_a_session_gives_up_is_in_its_marks() {
    for role in ROLES {
        let mut pair = Pair::open(Config::default(), Config::default());
        pair.side(role).blocked = true;
        pair.side(role).session.send(vec![7; 500_000], START).unwrap();
        pair.side(role).session.abort(START);
        pair.run();
        let report = pair.side(role).report().clone();
        let stats = pair.side(role).session.stats();
        assert_eq!(stats.phase, Phase::Ended);
        assert_eq!(stats.high_water.pending_output, report.dropped.bytes, "{report}");
    }
}

#[test]
fn a_message_that_is_given_up_is_in_the_marks() {
    for role in ROLES {
        let mut pair = Pair::open(Config::default(), Config::default());
        pair.side(role).session.send_fragment(&[7; 50_000], false, START).unwrap();
        pair.run();
        let held = pair.side(peer(role)).session.stats().message_memory;
        assert!((50_000..=100_000).contains(&held), "{held}");
        pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
        pair.run_to_the_end();
        let stats = pair.side(peer(role)).session.stats();
        assert_eq!((stats.message_memory, stats.high_water.message_memory), (0, held));
    }
}

fn agrees(side: &Endpoint) {
    let (stats, evidence) = (side.session.stats(), side.report().evidence);
    assert_eq!(stats.phase, Phase::Ended);
    assert_eq!((stats.received, stats.sent), (evidence.received, evidence.sent));
    assert_eq!((stats.opened, stats.pings), (evidence.opened, evidence.pings));
    assert_eq!(stats.flushed, evidence.sent.bytes - evidence.pending_output);
    assert_eq!(stats.last_received, evidence.last_received);
}

#[test]
fn statistics_begin_with_the_handshake_and_stay_after_the_end() {
    let mut config = Config::default();
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = Duration::from_secs(5);
    config.heartbeat = Some(heartbeat);
    let mut pair = Pair::new(config, Config::default());
    let before = pair.client.session.stats();
    assert_eq!((before.phase, before.opened), (Phase::Opening, START));
    assert_eq!((before.sent.bytes, before.pending_output), (0, 0), "the request is no frame");
    pair.run();
    pair.client.session.send("hello", pair.now).unwrap();
    pair.run();
    while pair.client.session.stats().pings.sent == 0 {
        assert!(pair.sleep());
    }
    let open = pair.client.session.stats();
    assert_eq!((open.phase, open.pings.outstanding), (Phase::Open, 0));
    assert!(open.pings.rtt.is_some() && open.now == pair.now, "{open:?}");
    assert_eq!((open.sent.frames, open.received.frames), (2, 1), "a message, a Ping; a Pong");
    pair.client.session.close(CloseCode::NORMAL, pair.now).unwrap();
    pair.run_to_the_end();
    agrees(&pair.client);
    agrees(&pair.server);
}

#[test]
fn a_connection_has_them_too() {
    for role in ROLES {
        let mut connection = Connection::new(role, Config::default(), Seed::new([1; 32]), START);
        let mut out = BytesMut::new();
        connection.send("hello", &mut out, START).unwrap();
        connection.send("world", &mut out, START).unwrap();
        let queued = out.len() as u64;
        connection.handle_flushed(3, START);
        let stats = connection.stats();
        assert_eq!((stats.pending_output, stats.flushed), (queued - 3, 3));
        connection.handle_flushed(out.len() - 3, START);
        let mut ping = [0x89, 0x80, 0, 0, 0, 0];
        if role == Role::Client {
            ping[1] = 0;
        }
        let header = if role == Role::Client { 2 } else { 6 };
        let mut input = &mut ping[..header];
        assert_eq!(connection.poll_event(&mut input, START), Some(Event::Ping));
        let stats = connection.stats();
        assert_eq!((stats.received.frames, stats.received.bytes), (1, header as u64));
        assert_eq!((stats.pending_output, stats.flushed), (0, queued));
        assert_eq!(stats.high_water, HighWater::default(), "it has no buffers");
    }
}
