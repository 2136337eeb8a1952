//! The deadlines of a connection, and what happens at them.
//!
//! Deadlines are derived from what was seen, not stored: they cannot go stale, and moving one costs
//! nothing on the way of a message. Invariants: handling a deadline disarms it or moves it beyond
//! the time given; while the connection is open, none lies nearer to what was last received or
//! flushed than the shortest wait that the settings know.

use core::time::Duration;

use super::{Connection, heartbeat};
use crate::config::{Config, Timeouts};
use crate::report::{Cause, Phase};
use crate::time::{Timer, Timestamp};
use crate::wire::close::{CloseCode, CloseFrame};

/// A deadline handled later than this tells of a process that slept, where no heartbeat says what
/// is late.
const SUSPENDED: Duration = Duration::from_secs(20);

impl Connection {
    /// Lets every deadline that has passed take effect.
    ///
    /// Harmless at any time. Before calling it at a deadline, read once more: what makes the peer
    /// look dead may only be unread.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        if !self.is_due(now) {
            return;
        }
        // Each timer fires or moves at most once for a given time.
        for _ in 0..8 {
            match self.next_timer() {
                Some((at, timer)) if at <= now => self.fire(timer, now.since(at), now),
                _ => return,
            }
        }
    }

    fn fire(&mut self, timer: Timer, late: Duration, now: Timestamp) {
        self.note_lateness(late, now);
        match timer {
            Timer::Ping => self.queue_ping(now),
            Timer::Pong => self.pong_missed(late, now),
            Timer::Idle => {
                let idle = now.since(self.last_received());
                let away = CloseFrame::new(CloseCode::GOING_AWAY, "idle timeout");
                let frame = away.unwrap_or(CloseFrame::EMPTY);
                self.begin_close(frame, Some(Cause::IdleTimeout { idle }), now);
            }
            Timer::WriteStall => {
                self.give_up(Cause::WriteStalled { pending: self.pending_output() }, now);
            }
            Timer::Close => self.close_timed_out(now),
            Timer::Linger => self.finish(now),
            Timer::Handshake => {}
        }
    }

    /// The transport ended while a deadline was overdue: nobody was there to handle it.
    pub(super) fn note_overdue(&mut self, now: Timestamp) {
        if let Some((at, _)) = self.next_timer() {
            self.note_lateness(now.since(at), now);
        }
    }

    fn note_lateness(&mut self, late: Duration, now: Timestamp) {
        let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
        self.lateness_micros = self.lateness_micros.max(micros);
        let heartbeat = self.config.heartbeat.as_ref();
        if late > heartbeat.map_or(SUSPENDED, |settings| settings.timeout) {
            let secs = now.since(self.opened).as_secs();
            self.suspended_secs =
                u32::try_from(secs).map_or(u32::MAX, |secs| secs.saturating_add(1));
        }
    }

    /// When a deadline was last handled far too late.
    pub(super) fn suspended_at(&self) -> Option<Timestamp> {
        let secs = self.suspended_secs.checked_sub(1)?;
        Some(self.opened + Duration::from_secs(secs.into()))
    }

    fn queue_ping(&mut self, now: Timestamp) {
        if self.config.heartbeat.is_some() {
            self.heartbeat.queue(&mut self.keystream, now);
        }
    }

    fn pong_missed(&mut self, late: Duration, now: Timestamp) {
        let Some(settings) = &self.config.heartbeat else { return };
        if self.heartbeat.forgives(settings, late) {
            self.queue_ping(now);
        } else {
            let waited = self.heartbeat.waited(self.last_received(), now);
            self.give_up(Cause::PongTimeout { waited }, now);
        }
    }

    fn close_timed_out(&mut self, now: Timestamp) {
        let Some(closing) = &mut self.closing else { return };
        let transport_up = closing.write_failed.is_none() && closing.read_closed.is_none();
        if transport_up {
            closing.cause.get_or_insert(Cause::CloseTimeout);
        }
        if self.phase == Phase::CloseSent && closing.local_flushed() && transport_up {
            self.linger(now);
        } else {
            self.finish(now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// The next deadline, and what it is for.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        if self.phase == Phase::Ended {
            return None;
        }
        if let Some(closing) = &self.closing {
            let close = closing.close_deadline.map(|at| (at, Timer::Close));
            let linger = closing.linger_deadline.map(|at| (at, Timer::Linger));
            return sooner(close, linger);
        }
        let last_received = self.last_received();
        let mut next = None;
        if let Some(settings) = &self.config.heartbeat {
            let quiet_since = self.quiet_since();
            let ping = self.heartbeat.ping_deadline(settings, quiet_since, last_received);
            next = ping.map(|at| (at, Timer::Ping));
            let pong = self.heartbeat.pong_deadline(settings, last_received);
            next = sooner(next, pong.map(|at| (at, Timer::Pong)));
        }
        if let Some(span) = self.config.timeouts.idle {
            next = sooner(next, Some((last_received + span, Timer::Idle)));
        }
        if let Some(span) = self.config.timeouts.write_stall {
            if self.pending_output() > 0 || self.handshake_pending > 0 {
                next = sooner(next, Some((self.stalled_since + span, Timer::WriteStall)));
            }
        }
        next
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) has come: two comparisons, as long as nothing
    /// can be due yet.
    #[inline]
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        // No deadline of an open connection lies nearer to what was last seen than that.
        let earliest = self.quiet_since().as_nanos().saturating_add(self.shortest_wait);
        if self.closing.is_none() && now.as_nanos() < earliest {
            debug_assert!(!self.is_due_exactly(now), "a deadline nearer than the shortest wait");
            return false;
        }
        self.is_due_exactly(now)
    }

    #[inline(never)]
    fn is_due_exactly(&self, now: Timestamp) -> bool {
        self.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Since when the quieter direction has carried nothing.
    #[inline]
    fn quiet_since(&self) -> Timestamp {
        self.last_received().min(self.last_flushed)
    }
}

/// The sooner of two deadlines; the first of them where they are one.
fn sooner(
    first: Option<(Timestamp, Timer)>,
    second: Option<(Timestamp, Timer)>,
) -> Option<(Timestamp, Timer)> {
    match (first, second) {
        (Some(first), Some(second)) => Some(if second.0 < first.0 { second } else { first }),
        (first, second) => first.or(second),
    }
}

/// The shortest wait of an open connection for anything, in nanoseconds. All of them are counted
/// from what was last received or flushed, or from later.
pub(super) fn shortest_wait(config: &Config) -> u64 {
    let Timeouts { idle, write_stall, .. } = config.timeouts;
    let heartbeat = config.heartbeat.as_ref();
    let ping = heartbeat.map(|settings| heartbeat::shortest_interval(settings.interval));
    let pong = heartbeat.map(|settings| settings.timeout);
    let shortest = [ping, pong, idle, write_stall].into_iter().flatten().min();
    shortest.map_or(u64::MAX, |span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}
