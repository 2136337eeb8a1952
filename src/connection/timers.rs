//! The deadlines of a connection, and what happens at them.
//!
//! Deadlines are derived from what was seen, not stored: they cannot go stale, and moving one costs
//! nothing on the way of a message. Invariant: handling a deadline disarms it or moves it beyond
//! the time given.

use core::time::Duration;

use super::Connection;
use crate::report::Cause;
use crate::report::Phase;
use crate::time::Timestamp;
use crate::time::{Deadlines, Timer};
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
        self.handle_timeout_behind(false, now);
    }

    /// The same for a session, which knows whether the opening handshake has left: where it has
    /// not, that stalls as frames do.
    pub(crate) fn handle_timeout_behind(&mut self, handshake: bool, now: Timestamp) {
        let now = self.advance(now);
        // Each timer fires or moves at most once for a given time.
        for _ in 0..8 {
            match self.next_timer_behind(handshake) {
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

    fn deadlines(&self, handshake: bool) -> Deadlines {
        let mut deadlines = Deadlines::default();
        if self.phase == Phase::Ended {
            return deadlines;
        }
        if let Some(closing) = &self.closing {
            if let Some(at) = closing.close_deadline {
                deadlines.set(Timer::Close, at);
            }
            if let Some(at) = closing.linger_deadline {
                deadlines.set(Timer::Linger, at);
            }
            return deadlines;
        }
        if let Some(settings) = &self.config.heartbeat {
            let quiet_since = self.last_received().min(self.last_flushed);
            let ping = self.heartbeat.ping_deadline(settings, quiet_since, self.last_received());
            if let Some(at) = ping {
                deadlines.set(Timer::Ping, at);
            }
            if let Some(at) = self.heartbeat.pong_deadline(settings, self.last_received()) {
                deadlines.set(Timer::Pong, at);
            }
        }
        if let Some(span) = self.config.timeouts.idle {
            deadlines.set(Timer::Idle, self.last_received() + span);
        }
        let stalling = self.pending_output() > 0 || handshake;
        if let (Some(span), true) = (self.config.timeouts.write_stall, stalling) {
            deadlines.set(Timer::WriteStall, self.stalled_since + span);
        }
        deadlines
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// The next deadline, and what it is for.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        self.next_timer_behind(false)
    }

    /// The same, with the opening handshake pending or not.
    pub(crate) fn next_timer_behind(&self, handshake: bool) -> Option<(Timestamp, Timer)> {
        self.deadlines(handshake).next()
    }
}
