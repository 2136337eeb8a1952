//! What happens in a cell: who says what to whom, where the fault is put, which deadlines are short.
//!
//! We are the end that the fault is put to and whose report is looked at; the peer is well behaved.
//! We ask a question of one frame; the peer answers with two fragments. Then somebody closes.

use std::time::Duration;

use farewell::testkit::{At, Cut, Effect, Faults, Proxy};
use farewell::{CloseCode, CloseFrame, Config, Heartbeat, OpCode, Role, TransportError};

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// When a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// During the opening handshake.
    Opening,
    /// While messages are exchanged. We close once we have our answer.
    Open,
    /// We close right behind the question, so that the answer comes between the Closes.
    WeClose,
    /// The peer closes right behind its answer.
    PeerCloses,
}

pub(crate) const PHASES: [Phase; 4] =
    [Phase::Opening, Phase::Open, Phase::WeClose, Phase::PeerCloses];

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::WeClose => "we close",
            Self::PeerCloses => "peer closes",
        }
    }
}

pub(crate) fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

pub(crate) fn question() -> Vec<u8> {
    vec![b'?'; 3000]
}

pub(crate) fn answer() -> Vec<u8> {
    vec![b'!'; 300]
}

/// The buffer of a simulated link: the question fits in, unless it is to be too small for that.
pub(crate) fn buffer(fault: &str) -> usize {
    if fault == "nobody reads what we send" { 1024 } else { 8192 }
}

/// The payload of the answer's first fragment.
const FRAGMENT: usize = 200;

pub(crate) fn our_close() -> CloseFrame {
    CloseFrame::from_code(CloseCode::NORMAL)
}

pub(crate) fn peers_close() -> CloseFrame {
    CloseFrame::new(CloseCode::new(4000).unwrap(), "bye").unwrap()
}

/// The settings of the peer, who waits for ever.
pub(crate) fn peer_config(fault: &str, time: Time) -> Config {
    let mut config = patient();
    config.fragment_size = Some(FRAGMENT);
    config.timeouts.linger = time.span(2, 150);
    if fault == "the peer's Close is lost" {
        config.timeouts.close = time.span(5, 150);
    }
    config
}

/// Settings without a deadline that anything would come to.
fn patient() -> Config {
    let long = Duration::from_secs(100_000);
    let mut config = Config::default();
    config.heartbeat = None;
    config.fragment_size = None;
    config.timeouts.handshake = long;
    config.timeouts.close = long;
    config.timeouts.write_stall = Some(long);
    config
}

/// The clock that a cell runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Virtual,
    Real,
}

impl Time {
    /// So many seconds, or so many milliseconds where they have to be waited for.
    pub(crate) fn span(self, seconds: u64, millis: u64) -> Duration {
        match self {
            Self::Virtual => Duration::from_secs(seconds),
            Self::Real => Duration::from_millis(millis),
        }
    }
}

/// Our settings: only the deadline that the cell is about is short, so that a slow machine changes
/// nothing.
pub(crate) fn our_config(fault: &str, phase: Phase, outcome: &str, time: Time) -> Config {
    let mut config = patient();
    let timeouts = &mut config.timeouts;
    timeouts.linger = time.span(2, 150);
    if outcome.starts_with("handshake timeout") {
        timeouts.handshake = time.span(10, 150);
    }
    if outcome.starts_with("close timeout") || outcome.starts_with("writing failed") {
        timeouts.close = time.span(5, 150);
    }
    if outcome.starts_with("write stalled") {
        timeouts.write_stall = Some(time.span(30, 150));
    }
    let beats = phase == Phase::Open && fault.starts_with("a proxy's lifetime");
    let dies = outcome.starts_with("pong timeout");
    if dies || fault.contains("sleep") || beats {
        let mut heartbeat = Heartbeat::default();
        heartbeat.interval = time.span(20, 60);
        // Where Pongs come, they have time to.
        heartbeat.timeout = time.span(20, if dies { 120 } else { 60_000 });
        config.heartbeat = Some(heartbeat);
    }
    config
}

/// Everything that goes wrong.
pub(crate) const FAULTS: [&str; 39] = [
    "nothing",
    "byte by byte",
    "an outage that passes",
    "the stream ends",
    "the stream ends inside a header",
    "the stream ends inside a payload",
    "the stream ends between fragments",
    "the stream ends inside the Close",
    "the stream ends before the Close",
    "the stream ends behind the Close",
    "a reset",
    "a reset inside a frame",
    "a reset behind the Close",
    "a read times out",
    "a read is aborted",
    "a read fails otherwise",
    "TLS is cut short",
    "TLS is cut short behind the Close",
    "a write finds a broken pipe",
    "a write finds a reset",
    "a write times out",
    "a flush fails",
    "a shutdown fails",
    "what we send vanishes",
    "what we are sent vanishes",
    "the cable is pulled",
    "Pongs are lost",
    "the peer's Close is lost",
    "our Close is lost",
    "the end of a message is lost",
    "nobody reads what we send",
    "a bit is flipped",
    "a bit of the close code is flipped",
    "our process sleeps",
    "our process sleeps, and the path is gone",
    "a proxy's idle timeout ends it",
    "a proxy's idle timeout resets it",
    "a proxy's lifetime ends it",
    "a proxy forgets it",
];

/// The fault of that name, put where it belongs in `phase`.
pub(crate) fn put(fault: &str, us: Role, phase: Phase, time: Time) -> Faults {
    let peer = peer_of(us);
    let none = Faults::none();
    let to_us = |at, effect| Faults::none().towards(us, at, effect);
    let to_peer = |at, effect| Faults::none().towards(peer, at, effect);
    // A client masks, which makes its headers longer.
    let mask = if peer == Role::Client { 4 } else { 0 };
    let (first, last) = (At::Byte(0), At::Call(1));
    let here = match phase {
        Phase::Opening => first,
        Phase::Open | Phase::WeClose => At::Frame { index: 0, byte: 0 },
        Phase::PeerCloses => At::Close { byte: 0 },
    };
    let inside = match phase {
        Phase::Opening => At::Byte(20),
        Phase::PeerCloses => At::Close { byte: 3 + mask },
        _ => At::Frame { index: 0, byte: 4 + mask + 50 },
    };
    let ours = match phase {
        Phase::Opening => first,
        Phase::Open => At::Frame { index: 0, byte: 0 },
        Phase::WeClose | Phase::PeerCloses => At::Close { byte: 0 },
    };
    let silence = || match phase {
        Phase::PeerCloses => to_us(here, Effect::Vanish),
        _ => to_us(here, Effect::Vanish).towards(peer, ours, Effect::Vanish),
    };
    // No answer comes while we wait for one, but Pings and Pongs pass.
    let no_answer = || {
        to_us(first, Effect::Lose(OpCode::Binary)).towards(
            us,
            first,
            Effect::Lose(OpCode::Continuation),
        )
    };
    let lonely = || if phase == Phase::Open { no_answer() } else { silence() };
    let idle = time.span(60, 800);
    match fault {
        "nothing" => none,
        "byte by byte" => none.both(first, Effect::Pieces(1)),
        "an outage that passes" => to_us(here, Effect::Hold(time.span(3, 50))),
        "the stream ends" => to_us(here, Effect::Eof),
        "the stream ends inside a header" => match phase {
            Phase::Opening => to_us(At::Byte(20), Effect::Eof),
            Phase::PeerCloses => to_us(At::Close { byte: 1 }, Effect::Eof),
            _ => to_us(At::Frame { index: 0, byte: 1 }, Effect::Eof),
        },
        "the stream ends inside a payload" => to_us(inside, Effect::Eof),
        "the stream ends between fragments" => to_us(At::Frame { index: 1, byte: 0 }, Effect::Eof),
        "the stream ends inside the Close" => to_us(At::Close { byte: 3 + mask }, Effect::Eof),
        "the stream ends before the Close" => to_us(At::Close { byte: 0 }, Effect::Eof),
        "the stream ends behind the Close" => to_us(At::AfterClose, Effect::Eof),
        "a reset" => to_us(here, Effect::Reset),
        "a reset inside a frame" => to_us(inside, Effect::Reset),
        "a reset behind the Close" => to_us(At::AfterClose, Effect::Reset),
        "a read times out" => to_us(here, Effect::ReadFails(TransportError::TimedOut)),
        "a read is aborted" => to_us(here, Effect::ReadFails(TransportError::Aborted)),
        "a read fails otherwise" => to_us(here, Effect::ReadFails(TransportError::Other)),
        "TLS is cut short" => to_us(here, Effect::ReadFails(TransportError::TlsTruncated)),
        "TLS is cut short behind the Close" => {
            to_us(At::AfterClose, Effect::ReadFails(TransportError::TlsTruncated))
        }
        "a write finds a broken pipe" => {
            to_peer(ours, Effect::WriteFails(TransportError::BrokenPipe))
        }
        "a write finds a reset" => to_peer(ours, Effect::WriteFails(TransportError::Reset)),
        "a write times out" => to_peer(ours, Effect::WriteFails(TransportError::TimedOut)),
        "a flush fails" => to_peer(ours, Effect::FlushFails(TransportError::BrokenPipe)),
        "a shutdown fails" => to_peer(last, Effect::ShutdownFails(TransportError::Other)),
        "what we send vanishes" => to_peer(ours, Effect::Vanish),
        "what we are sent vanishes" => to_us(here, Effect::Vanish),
        "the cable is pulled" => to_us(here, Effect::Vanish).towards(peer, ours, Effect::Vanish),
        "Pongs are lost" => no_answer().towards(us, first, Effect::Lose(OpCode::Pong)),
        "the peer's Close is lost" => to_us(first, Effect::Lose(OpCode::Close)),
        "our Close is lost" => to_peer(first, Effect::Lose(OpCode::Close)),
        "the end of a message is lost" => to_us(first, Effect::Lose(OpCode::Continuation)),
        "nobody reads what we send" => to_peer(ours, Effect::Stall),
        "a bit is flipped" => to_us(here, Effect::Flip(0x10)),
        "a bit of the close code is flipped" => {
            to_us(At::Close { byte: 2 + mask }, Effect::Flip(0x80))
        }
        "our process sleeps" => to_us(here, Effect::Suspend(time.span(100, 300))),
        "our process sleeps, and the path is gone" => {
            silence().towards(us, here, Effect::Suspend(time.span(100, 400)))
        }
        "a proxy's idle timeout ends it" => silence().proxy(Proxy::idle(idle)),
        "a proxy's idle timeout resets it" => silence().proxy(Proxy::idle(idle).cut(Cut::Reset)),
        "a proxy's lifetime ends it" => lonely().proxy(Proxy::max_lifetime(time.span(7200, 1500))),
        "a proxy forgets it" => {
            lonely().proxy(Proxy::max_lifetime(time.span(300, 1000)).cut(Cut::Silence))
        }
        other => panic!("no fault {other:?}"),
    }
}
