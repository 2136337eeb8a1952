//! Any calls, in any order, with any bytes and any times: no panic, one end, nothing after it.

use std::time::Duration;

use bytes::BytesMut;
use farewell::diagnosis::Fact;
use farewell::{
    CloseCode, CloseFrame, Config, Connection, Event, Heartbeat, MessageKind, Phase, ReadClosed,
    Role, Seed, SendError, Termination, Timestamp, TransportError,
};
use proptest::prelude::*;

use crate::support::wire::{self, ROLES, frame, mask_of, peer_of};

/// One call, with its arguments.
#[derive(Debug, Clone)]
enum Call {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A frame that the peer could send, masked rightly.
    Frame(u8, Vec<u8>),
    /// The peer's answer to whatever Ping was written last.
    Answer,
    ReadClosed(ReadClosed),
    WriteFailed(TransportError),
    Flushed(usize),
    Timeout,
    /// At the polled deadline.
    Deadline,
    Text(String),
    Binary(Vec<u8>),
    TextFragment(String, bool),
    BinaryFragment(Vec<u8>, bool),
    BeginFrame(u64, bool),
    Ping(Vec<u8>),
    Close(Option<u16>),
    Abort,
    Transmit,
}

fn any_call() -> impl Strategy<Value = Call> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let first = prop::sample::select(vec![
        0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0x81, 0x82, 0x89, 0x8a,
    ]);
    let body = prop_oneof![
        3 => "[a-z€]{0,20}".prop_map(String::into_bytes),
        1 => (990_u16..1020).prop_map(|code| code.to_be_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 100..130),
    ];
    let kind = prop::sample::select(vec![
        TransportError::Reset,
        TransportError::BrokenPipe,
        TransportError::TimedOut,
        TransportError::TlsTruncated,
        TransportError::StreamReset { code: 8 },
        TransportError::Other,
    ]);
    let how = prop_oneof![
        2 => Just(ReadClosed::Eof),
        1 => Just(ReadClosed::TlsTruncated),
        1 => Just(ReadClosed::EndOrReset),
        1 => kind.clone().prop_map(ReadClosed::Failed),
    ];
    prop_oneof![
        3 => bytes().prop_map(Call::Bytes),
        12 => (first, body).prop_map(|(first, body)| Call::Frame(first, body)),
        3 => Just(Call::Answer),
        1 => how.prop_map(Call::ReadClosed),
        1 => kind.prop_map(Call::WriteFailed),
        8 => prop_oneof![0_usize..100, Just(usize::MAX)].prop_map(Call::Flushed),
        3 => Just(Call::Timeout),
        6 => Just(Call::Deadline),
        3 => "[a-z€]{0,20}".prop_map(Call::Text),
        2 => bytes().prop_map(Call::Binary),
        2 => ("[a-z€]{0,20}", any::<bool>()).prop_map(|(text, fin)| Call::TextFragment(text, fin)),
        1 => (bytes(), any::<bool>()).prop_map(|(bytes, fin)| Call::BinaryFragment(bytes, fin)),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(len, fin)| Call::BeginFrame(len, fin)),
        2 => prop::collection::vec(any::<u8>(), 0..140).prop_map(Call::Ping),
        1 => prop::option::of(1000_u16..1004).prop_map(Call::Close),
        1 => Just(Call::Abort),
        10 => Just(Call::Transmit),
    ]
}

/// Settings that short scripts can reach.
fn config() -> Config {
    let mut config = Config::default();
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = Duration::from_secs(2);
    heartbeat.timeout = Duration::from_secs(3);
    config.heartbeat = Some(heartbeat);
    config.timeouts.idle = Some(Duration::from_secs(30));
    config.limits.message = 200;
    config.limits.linger = 100;
    config
}

/// Settings each of which is as small or as large as can be, as two bits of `choice` say, or as
/// above.
fn extreme(mut choice: u32) -> Config {
    let mut choose = || {
        let bits = choice & 3;
        choice >>= 2;
        bits
    };
    let mut span = |span: &mut Duration| match choose() {
        0 => *span = Duration::ZERO,
        1 => *span = Duration::MAX,
        _ => {}
    };
    let mut config = config();
    let mut heartbeat = config.heartbeat.clone().unwrap_or_default();
    let mut others = [Duration::from_secs(30); 2];
    span(&mut heartbeat.interval);
    span(&mut heartbeat.timeout);
    span(&mut config.timeouts.close);
    span(&mut config.timeouts.linger);
    others.iter_mut().for_each(&mut span);
    config.heartbeat = Some(heartbeat);
    config.timeouts.idle = Some(others[0]);
    config.timeouts.write_stall = Some(others[1]);
    let mut limit = |limit: &mut u64| match choose() {
        0 => *limit = 0,
        1 => *limit = u64::MAX,
        _ => {}
    };
    let limits = &mut config.limits;
    let mut counts = [64; 2];
    let bytes = [&mut limits.frame, &mut limits.message, &mut limits.linger];
    bytes.into_iter().for_each(&mut limit);
    counts.iter_mut().for_each(limit);
    [limits.fragments, limits.empty_fragments] = counts.map(|count| count as u32);
    config
}

/// A connection under random calls, with what was seen of it.
struct Victim {
    connection: Connection,
    out: BytesMut,
    now: Timestamp,
    latest_ping: Vec<u8>,
    report: Option<Termination>,
}

impl Victim {
    fn new(role: Role) -> Self {
        Self::with(role, config())
    }

    fn with(role: Role, config: Config) -> Self {
        let now = Timestamp::from_nanos(5_000_000_000);
        Self {
            connection: Connection::new(role, config, Seed::new([5; 32]), now),
            out: BytesMut::new(),
            now,
            latest_ping: Vec::new(),
            report: None,
        }
    }

    /// Makes the call and checks what may come of it.
    fn call(&mut self, call: &Call) {
        let before = (self.connection.phase(), self.connection.pending_output(), self.out.len());
        if let Some(Err(error)) = self.make(call) {
            // A refused command leaves everything as it was.
            let after = (self.connection.phase(), self.connection.pending_output(), self.out.len());
            assert_eq!(after, before, "{error:?}");
        }
        self.check();
    }

    fn make(&mut self, call: &Call) -> Option<Result<(), SendError>> {
        let now = self.now;
        let (connection, out) = (&mut self.connection, &mut self.out);
        let command = match call {
            Call::Text(text) => connection.send(text.as_str(), out, now),
            Call::Binary(bytes) => connection.send(&bytes[..], out, now),
            Call::TextFragment(text, fin) => {
                connection.send_fragment(text.as_str(), *fin, out, now)
            }
            Call::BinaryFragment(bytes, fin) => {
                connection.send_fragment(&bytes[..], *fin, out, now)
            }
            Call::BeginFrame(len, fin) => {
                connection.begin_frame(MessageKind::Binary, *len, *fin, now).map(|_| ())
            }
            Call::Ping(payload) => connection.ping(payload, out, now),
            Call::Close(None) => connection.close(CloseFrame::EMPTY, now),
            Call::Close(Some(code)) => connection.close(CloseCode::new(*code).unwrap(), now),
            other => {
                self.tell(other);
                return None;
            }
        };
        if self.report.is_some() {
            let told = matches!(command, Err(SendError::Ended | SendError::TooLong));
            assert!(told, "{call:?} after the end gave {command:?}");
        }
        Some(command)
    }

    fn tell(&mut self, call: &Call) {
        let now = self.now;
        let sender = peer_of(self.connection.role());
        match call {
            Call::Bytes(bytes) => self.read(bytes.clone()),
            Call::Frame(first, body) => self.read(frame(*first, mask_of(sender), body)),
            Call::Answer => self.read(frame(wire::PONG, mask_of(sender), &self.latest_ping)),
            Call::ReadClosed(how) => self.connection.handle_read_closed(*how, now),
            Call::WriteFailed(kind) => self.connection.handle_write_failed(*kind, now),
            Call::Flushed(bytes) => self.connection.handle_flushed(*bytes, now),
            Call::Deadline => {
                if let Some(at) = self.connection.poll_timeout() {
                    // Deadlines at the end of time are left alone, or nothing else would happen.
                    self.now = if at < Timestamp::MAX { now.max(at) } else { now };
                }
                self.timeout();
            }
            Call::Timeout => self.timeout(),
            Call::Abort => self.connection.abort(now),
            _ => {
                let start = self.out.len();
                self.connection.poll_transmit(&mut self.out);
                for (first, payload) in wire::plain(&self.out[start..]) {
                    if first == wire::PING {
                        self.latest_ping = payload;
                    }
                }
            }
        }
    }

    fn timeout(&mut self) {
        self.connection.handle_timeout(self.now);
        let next = self.connection.next_timer();
        assert!(next.is_none_or(|(at, _)| at > self.now), "{next:?} at {:?}", self.now);
    }

    fn read(&mut self, mut bytes: Vec<u8>) {
        let most = bytes.len() + 4;
        let mut input = &mut bytes[..];
        let mut events = 0;
        while let Some(event) = self.connection.poll_event(&mut input, self.now) {
            assert!(self.report.is_none(), "{event:?} after the end");
            if let Event::Ended(report) = event {
                let diagnosis = report.diagnosis();
                let contradiction = diagnosis.first().evidence().contains(&Fact::Contradiction);
                assert!(!contradiction, "{report:?}: {diagnosis:#}");
                self.report = Some(*report);
            }
            events += 1;
            assert!(events <= most, "events without end");
        }
        assert!(input.is_empty(), "all input is consumed");
    }

    /// What holds at any time.
    fn check(&mut self) {
        let connection = &self.connection;
        let evidence = connection.evidence();
        assert_eq!(evidence.pending_output, connection.pending_output());
        assert!(evidence.sent.bytes >= connection.pending_output());
        assert!(evidence.opened <= evidence.ended);
        let times = [evidence.last_received, evidence.last_flushed, evidence.last_data];
        assert!(times.iter().flatten().all(|at| (evidence.opened..=evidence.ended).contains(at)));
        assert!(evidence.pings.outstanding <= evidence.pings.sent);
        assert!(evidence.discarded <= evidence.received.bytes);
        assert!(!connection.wants_shutdown() || connection.pending_output() == 0);
        if connection.phase() == Phase::Ended {
            assert_eq!(connection.poll_timeout(), None);
        } else {
            assert!(self.report.is_none());
        }
        if connection.phase() == Phase::Lingering || connection.phase() == Phase::CloseSent {
            assert!(connection.poll_timeout().is_some(), "an end that may never come");
        }
    }

    /// Only time passes. The end has to come of it, once it has begun.
    fn run_out(&mut self) {
        self.connection.handle_read_closed(ReadClosed::Eof, self.now);
        for _ in 0..10 {
            self.read(Vec::new());
            if let Some(at) = self.connection.poll_timeout() {
                self.now = self.now.max(at);
                self.timeout();
            }
        }
        let report = self.report.as_ref().expect("an end");
        assert!(!report.to_string().is_empty());
        let peer = report.peer_close.map(|close| close.reported_code());
        assert_eq!(report.code, peer.unwrap_or(1006));
        if report.clean {
            assert!(peer.is_some() && report.local_close.is_some_and(|close| close.flushed));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_calls_do_harm(
        calls in prop::collection::vec((any_call(), -2_000_i64..4_000), 0..60),
    ) {
        for role in ROLES {
            let mut victim = Victim::new(role);
            for (call, millis) in &calls {
                // Time goes where it likes, backwards too.
                let nanos = victim.now.as_nanos().saturating_add_signed(millis * 1_000_000);
                victim.now = Timestamp::from_nanos(nanos);
                victim.call(call);
            }
            victim.run_out();
            // And nothing after the end.
            for (call, _) in &calls {
                victim.call(call);
            }
            victim.read(vec![0x81; 10]);
            let mut out = BytesMut::new();
            prop_assert!(!victim.connection.poll_transmit(&mut out));
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn no_settings_do_harm(
        calls in prop::collection::vec((any_call(), -2_000_i64..4_000), 0..40),
        choice: u32,
    ) {
        for role in ROLES {
            let mut victim = Victim::with(role, extreme(choice));
            for (call, millis) in &calls {
                let nanos = victim.now.as_nanos().saturating_add_signed(millis * 1_000_000);
                victim.now = Timestamp::from_nanos(nanos);
                victim.call(call);
            }
            victim.run_out();
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1_usize..50) {
        for role in ROLES {
            let mut victim = Victim::new(role);
            for piece in bytes.chunks(size) {
                victim.call(&Call::Bytes(piece.to_vec()));
                victim.call(&Call::Transmit);
            }
            victim.run_out();
        }
    }
}

/// Found by a review: a time near zero was taken for one behind the last that there is.
#[test]
fn behind_its_very_end_time_does_not_begin_anew() {
    let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
    for role in ROLES {
        let config = Config::default();
        let mut connection = Connection::new(role, config, Seed::new([1; 32]), at(20));
        let mut output = BytesMut::new();
        connection.handle_flushed(0, Timestamp::MAX);
        connection.send("x", &mut output, Timestamp::ZERO).unwrap();
        assert_eq!(connection.evidence().ended, Timestamp::MAX);
        connection.handle_timeout(at(31));
        assert_eq!(connection.evidence().ended, Timestamp::MAX);
    }
}

#[test]
fn time_at_its_very_end_does_no_harm() {
    for role in ROLES {
        let mut victim = Victim::new(role);
        victim.now = Timestamp::MAX;
        for call in [Call::Timeout, Call::Transmit, Call::Flushed(1), Call::Timeout, Call::Abort] {
            victim.call(&call);
        }
        victim.run_out();
    }
}
