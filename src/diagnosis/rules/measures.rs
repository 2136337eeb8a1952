//! The numbers of a report that the rules ask for, made once and without overflow.

use core::time::Duration;

use super::super::Diagnoser;
use crate::report::{Cause, Evidence, Phase, Position, Termination};
use crate::time::Timestamp;
use crate::wire::close::{ABNORMAL_CLOSURE, CloseFrame};

/// How far timers, schedulers and clocks may be off without meaning anything.
const TOLERANCE: Duration = Duration::from_millis(500);

/// The longest round trip to expect where none was measured.
pub(super) const LONG_TRIP: Duration = Duration::from_millis(2_500);

/// A connection that carried a byte within this time is in use.
const BUSY: Duration = Duration::from_secs(10);

/// One report, and what it is held against.
pub(super) struct Measures<'a> {
    pub(super) diagnoser: &'a Diagnoser<'a>,
    pub(super) report: &'a Termination,
    pub(super) evidence: &'a Evidence,
}

impl<'a> Measures<'a> {
    pub(super) fn new(diagnoser: &'a Diagnoser<'a>, report: &'a Termination) -> Self {
        Self { diagnoser, report, evidence: &report.evidence }
    }

    pub(super) fn is_before_open(&self) -> bool {
        let opening = self.evidence.phase == Phase::Opening
            || self.evidence.position == Position::OpeningHandshake;
        let handshake = matches!(
            self.report.cause,
            Cause::HandshakeTimeout | Cause::HandshakeRejected { .. } | Cause::HandshakeInvalid(_)
        );
        opening || handshake
    }

    /// Whether the evidence could have been seen by a clock that runs forwards.
    pub(super) fn is_sound(&self) -> bool {
        let evidence = self.evidence;
        let within = |at: Option<Timestamp>| {
            at.is_none_or(|at| evidence.opened <= at && at <= evidence.ended)
        };
        let pings = &evidence.pings;
        let times = [
            evidence.last_received,
            evidence.last_flushed,
            evidence.last_data,
            evidence.last_sent.map(|sent| sent.queued),
            evidence.suspended_at,
            pings.last_queued,
            pings.last_flushed,
        ];
        evidence.opened <= evidence.ended
            && times.into_iter().all(within)
            && pings.outstanding <= pings.sent
            && (pings.last_flushed.is_none() || pings.last_queued <= pings.last_flushed)
            && self.closes_are_sound()
            && self.phase_is_sound()
    }

    fn closes_are_sound(&self) -> bool {
        let report = self.report;
        let code = report.peer_close.as_ref().map_or(ABNORMAL_CLOSURE, CloseFrame::reported_code);
        let both = report.peer_close.is_some() && report.local_close.is_some();
        report.code == code
            && (both || !report.clean)
            && (both || report.cause != Cause::ClosingHandshake)
    }

    fn phase_is_sound(&self) -> bool {
        let opening = self.evidence.phase == Phase::Opening;
        opening == (self.evidence.position == Position::OpeningHandshake)
    }

    fn ago(&self, at: Option<Timestamp>) -> Duration {
        let at = at.map_or(self.evidence.opened, |at| at.max(self.evidence.opened));
        self.evidence.ended.since(at)
    }

    pub(super) fn age(&self) -> Duration {
        self.evidence.age()
    }

    /// For how long no byte had gone either way.
    pub(super) fn quiet(&self) -> Duration {
        self.evidence.quiet()
    }

    pub(super) fn quiet_in(&self) -> Duration {
        self.ago(self.evidence.last_received)
    }

    pub(super) fn quiet_out(&self) -> Duration {
        self.ago(self.evidence.last_flushed)
    }

    /// For how long no message, or piece of one, had come.
    pub(super) fn no_message_in(&self) -> Duration {
        self.ago(self.evidence.last_data)
    }

    pub(super) fn no_message_out(&self) -> Duration {
        self.ago(self.evidence.last_sent.map(|sent| sent.queued))
    }

    pub(super) fn no_message(&self) -> Duration {
        self.no_message_in().min(self.no_message_out())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.quiet() < BUSY
    }

    /// A round trip: the longer of the smoothed one and the latest.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.evidence.pings.rtt.map(|rtt| rtt.smoothed.max(rtt.last))
    }

    /// What arrives within this time of a write may be a reaction to it.
    pub(super) fn reaction_time(&self) -> Duration {
        match self.rtt() {
            Some(rtt) => (rtt.saturating_mul(3) / 2).saturating_add(TOLERANCE / 4),
            None => TOLERANCE,
        }
    }

    /// The longest that a span seen here may exceed the timeout that caused it.
    pub(super) fn slack(&self) -> Duration {
        self.rtt().map_or(TOLERANCE, |rtt| rtt.saturating_mul(2).max(TOLERANCE))
    }

    /// Whether `span`, as it was seen here, may be `timeout` as it was set there.
    pub(super) fn is_about(&self, span: Duration, timeout: Duration) -> bool {
        !timeout.is_zero()
            && span.saturating_add(TOLERANCE) >= timeout
            && span <= timeout.saturating_add(self.slack())
    }

    /// The same, allowing for a long round trip where none was measured.
    pub(super) fn may_be(&self, span: Duration, timeout: Duration) -> bool {
        let unknown = if self.rtt().is_none() { LONG_TRIP } else { Duration::ZERO };
        self.is_about(span, timeout)
            || (!timeout.is_zero() && span >= timeout && span <= timeout.saturating_add(unknown))
    }

    /// How far `span` is from what would be seen of `timeout`: one that our last byte started is
    /// seen a round trip longer.
    pub(super) fn distance(&self, span: Duration, timeout: Duration) -> Duration {
        let ours = self.evidence.last_flushed > self.evidence.last_received;
        let trip = if ours { self.rtt().unwrap_or_default() } else { Duration::ZERO };
        span.abs_diff(timeout.saturating_add(trip))
    }

    /// The effective timeout of the heartbeat, or its default.
    pub(super) fn pong_timeout(&self) -> Duration {
        self.evidence.pings.timeout.unwrap_or(Duration::from_secs(20))
    }

    /// Whether this process had been asleep until `within` before the end.
    pub(super) fn was_suspended(&self, within: Duration) -> bool {
        // The time of it is known to the second.
        let within = within.saturating_add(Duration::from_secs(1));
        self.evidence.suspended_at.is_some_and(|at| self.evidence.ended.since(at) <= within)
    }
}
