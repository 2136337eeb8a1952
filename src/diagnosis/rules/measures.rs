//! The numbers of a report that the rules ask for, made once and without overflow.

use alloc::vec::Vec;
use core::iter;
use core::time::Duration;

use super::super::{Diagnoser, Fact};
use crate::report::{Cause, Direction, Evidence, Gap, Phase, Termination, TransportError};
use crate::time::Timestamp;
use crate::wire::close::{ABNORMAL_CLOSURE, CloseFrame};

/// How far timers, schedulers and clocks may be off without meaning anything.
const TOLERANCE: Duration = Duration::from_millis(500);

/// The longest round trip to expect where none was measured.
pub(super) const LONG_TRIP: Duration = Duration::from_millis(2_500);

/// By how much most timers fire late, and what they do takes to be seen, beside the round trip.
const PROMPT: Duration = Duration::from_millis(100);

/// By how much a span may be seen shorter than it was: its beginning took longer to arrive, or to be
/// noted.
const EARLY: Duration = Duration::from_millis(100);

/// By how much it is, unless this machine or the path has much to do.
const A_LITTLE: Duration = Duration::from_millis(30);

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
        let opening =
            self.evidence.phase == Phase::Opening || self.evidence.position.is_before_open();
        let handshake = matches!(
            self.report.cause,
            Cause::HandshakeTimeout
                | Cause::HandshakeRejected { .. }
                | Cause::PlainRequest { .. }
                | Cause::HandshakeInvalid(_)
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
            evidence.last_gap.map(|gap| gap.ended),
            evidence.close_received.map(|close| close.at),
            evidence.peer_pings.last,
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
        opening == (self.evidence.position.is_before_open())
    }

    /// When it was decided that the connection ends; all spans are measured up to that.
    pub(super) fn end(&self) -> Timestamp {
        self.evidence.end(self.report.initiator)
    }

    pub(super) fn ago(&self, at: Option<Timestamp>) -> Duration {
        let at = at.map_or(self.evidence.opened, |at| at.max(self.evidence.opened));
        self.end().since(at)
    }

    pub(super) fn age(&self) -> Duration {
        self.end().since(self.evidence.opened)
    }

    /// For how long no byte had gone either way.
    pub(super) fn quiet(&self) -> Duration {
        self.evidence.quiet_before(self.report.initiator)
    }

    /// A failure of the transport, with what it said beside the kind.
    pub(super) fn failure(&self, direction: Direction, kind: TransportError) -> Vec<Fact> {
        let said = self.evidence.failure.filter(|failure| failure.kind == kind);
        let said = said.filter(|said| said.os_error.is_some() || !said.message.is_empty());
        let kind = Fact::Transport { direction, kind };
        iter::once(kind).chain(said.map(|failure| Fact::Said { failure })).collect()
    }

    pub(super) fn quiet_in(&self) -> Duration {
        self.ago(self.evidence.last_received)
    }

    /// When the last byte had come; or for how long none had, where none ever did.
    pub(super) fn received(&self) -> Fact {
        match self.evidence.last_received {
            Some(_) => Fact::LastReceived { before: self.quiet_in() },
            None => Fact::NothingReceived { span: self.quiet_in() },
        }
    }

    /// How long before the end the peer's last Ping was read, and how long after that our Pong left.
    pub(super) fn peer_ping(&self) -> Option<(Duration, Option<Duration>)> {
        let pings = &self.evidence.peer_pings;
        let last = pings.last?;
        let answered = pings.answered.filter(|at| *at <= self.end());
        Some((self.ago(Some(last)), answered.map(|at| at.since(last))))
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

    /// The Pings that went, if any did: ours, or else the peer's.
    pub(super) fn pings(&self) -> Fact {
        let (ours, theirs) = (&self.evidence.pings, self.evidence.peer_pings.received);
        match (ours.sent, theirs) {
            (0, 0) => Fact::NoPing,
            (0, received) => Fact::PeerPings { received },
            (sent, _) => Fact::Pings { sent, unanswered: ours.outstanding },
        }
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

    /// The whole number of `grid`s after which `span` ended, as timers of whole seconds do: within a
    /// tenth of a second, or two round trips more where it is later. `None` where it ended
    /// elsewhere, or where that would hold of too many spans to mean anything.
    pub(super) fn whole(&self, span: Duration, grid: Duration) -> Option<Duration> {
        let trips = self.rtt().unwrap_or_default().saturating_mul(2);
        // Clocks that are set right run a little faster or slower meanwhile.
        let window = PROMPT.saturating_add(trips).saturating_add(span / 20_000);
        let early = EARLY.saturating_add(span / 20_000);
        if window.saturating_add(A_LITTLE) > grid / 4 {
            return None;
        }
        let grids = span.saturating_add(early).as_millis() / grid.as_millis().max(1);
        let timeout = grid.checked_mul(u32::try_from(grids).ok()?)?;
        (span <= timeout.saturating_add(window)).then_some(timeout)
    }

    /// Whether `span` is a little less than `timeout`, as timers seldom have it.
    pub(super) fn is_early(span: Duration, timeout: Duration) -> bool {
        span.saturating_add(A_LITTLE).saturating_add(span / 20_000) < timeout
    }

    /// Whether the path is quick enough to tell one multiple of five seconds from any other span.
    pub(super) fn is_sharp(&self) -> bool {
        self.rtt().is_none_or(|rtt| rtt <= PROMPT.saturating_mul(2))
    }

    /// Whether the connection had been quiet for longer than `span` before, and lived on.
    pub(super) fn has_outlived(&self, span: Duration) -> bool {
        self.evidence.longest_gap >= span.saturating_add(PROMPT)
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
        self.evidence.suspended_at.is_some_and(|at| self.end().since(at) <= within)
    }

    /// The time in which nobody had called, where the end was there as soon as somebody did.
    pub(super) fn last_gap(&self) -> Option<Gap> {
        self.evidence.last_gap.filter(|gap| self.end().since(gap.ended) <= PROMPT)
    }
}
