//! Reports of real sessions, and random numbers that are the same each time.

use std::time::Duration;

use farewell::handshake::Negotiated;
use farewell::reconnect::{Decision, Outcome, Reconnect, Retry};
use farewell::{Config, ReadClosed, Role, Seed, Session, SessionEvent, Termination, Timestamp};

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + secs(seconds)
}

/// How a client's connection ends whose server sends these bytes, then ends the stream.
pub(crate) fn ended_after(wire: &[u8]) -> Box<Termination> {
    let now = Timestamp::ZERO;
    let seed = Seed::new([1; 32]);
    let mut session =
        Session::upgraded(Role::Client, Negotiated::default(), Config::default(), seed, now);
    let mut wire = wire.to_vec();
    let mut input = &mut wire[..];
    while session.poll_event(&mut input, now).is_some() {}
    let pending = session.pending_output() + 4;
    let _ = session.output();
    session.handle_flushed(pending, now);
    session.handle_read_closed(ReadClosed::Eof, now);
    loop {
        match session.poll_event(&mut &mut [][..], now) {
            Some(SessionEvent::Ended(report)) => return report,
            Some(_) => {}
            None => session.handle_timeout(session.poll_timeout().expect("it is not over")),
        }
    }
}

/// How a client's connection ends that its server closes with this code.
pub(crate) fn closed_with(code: u16) -> Box<Termination> {
    let [high, low] = code.to_be_bytes();
    let report = ended_after(&[0x88, 2, high, low]);
    assert_eq!(report.code, code, "{report}");
    report
}

/// What is decided, which has to be another attempt.
pub(crate) fn retry<'a>(
    reconnect: &mut Reconnect,
    outcome: impl Into<Outcome<'a>>,
    random: u64,
    now: Timestamp,
) -> Retry {
    match reconnect.handle_outcome(outcome, random, now) {
        Decision::Retry(retry) => retry,
        decision => panic!("{decision}"),
    }
}

/// The generator SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
