//! What the deadlines of a connection do, and how late they were seen.
//!
//! Invariant: a timer that fires is disarmed or moves beyond the time at which it does.

use core::time::Duration;

use super::Connection;
use super::state::Trigger;
use crate::report::{Cause, Initiator, Phase};
use crate::time::{Timer, Timestamp};
use crate::wire::close::{CloseCode, CloseFrame};

impl Connection {
    /// Lets every deadline that has passed take effect.
    ///
    /// Harmless at any time. Before calling it at a deadline, read once more: what makes the peer
    /// look dead may only be unread.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.enter(now);
        if !self.is_due(now) {
            return;
        }
        // Each timer fires or moves at most once for a given time.
        for _ in 0..Timer::COUNT {
            match self.next_timer() {
                Some((at, timer)) if at <= now => self.fire(timer, now.since(at), now),
                _ => return,
            }
        }
    }

    /// Handles a deadline: that disarms it, or moves it beyond `now`.
    fn fire(&mut self, timer: Timer, late: Duration, now: Timestamp) {
        self.times.note_lateness(late, now, &self.config);
        match timer {
            Timer::Ping => self.queue_ping(now),
            Timer::Pong => self.pong_missed(late, now),
            Timer::Idle => {
                let idle = now.since(self.times.last_received());
                let away = CloseFrame::new(CloseCode::GOING_AWAY, "idle timeout");
                let frame = away.unwrap_or(CloseFrame::EMPTY);
                self.begin_close(frame, Some(Cause::IdleTimeout { idle }), now);
            }
            Timer::Message => {
                let elapsed = now.since(self.times.message_begun);
                let slow = CloseFrame::new(CloseCode::POLICY_VIOLATION, "message too slow");
                let frame = slow.unwrap_or(CloseFrame::EMPTY);
                self.begin_close(frame, Some(Cause::MessageTimeout { elapsed }), now);
            }
            Timer::WriteStall | Timer::WriteDrain => {
                let pending = self.sender.pending();
                self.give_up(Cause::WriteStalled { pending }, Trigger::PeerLost, now);
            }
            Timer::Close => {
                let trigger = self.closing_mut(Initiator::Local).timed_out();
                self.step(trigger, now);
            }
            Timer::Linger => self.step(Trigger::LingerOver, now),
            Timer::Handshake => {}
        }
    }

    /// The transport ended while a deadline was overdue: nobody was there to handle it.
    pub(super) fn note_overdue(&mut self, now: Timestamp) {
        if let Some((at, _)) = self.next_timer() {
            self.times.note_lateness(now.since(at), now, &self.config);
        }
    }

    fn queue_ping(&mut self, now: Timestamp) {
        if self.config.heartbeat.is_some() {
            self.heartbeat.queue(self.sender.keystream(), now);
        }
    }

    fn pong_missed(&mut self, late: Duration, now: Timestamp) {
        let Some(settings) = &self.config.heartbeat else { return };
        if self.heartbeat.forgives(settings, late) {
            self.queue_ping(now);
        } else {
            let waited = self.heartbeat.waited(self.times.last_received(), now);
            self.give_up(Cause::PongTimeout { waited }, Trigger::PeerLost, now);
        }
    }

    /// A whole message has come, in a call that does nothing else.
    #[inline(always)]
    pub(super) fn message_received(&mut self, now: Timestamp) {
        if !self.times.follow_data(now) {
            self.message_received_late(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn message_received_late(&mut self, now: Timestamp) {
        if self.times.has_jumped(now) {
            self.look_back(now);
        }
        self.times.data_received(now);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn look_back(&mut self, now: Timestamp) {
        if self.phase() != Phase::Ended {
            let late = self.next_timer().map_or(Duration::ZERO, |(at, _)| now.since(at));
            self.times.note_gap(now, late, self.closing.is_none(), &self.config);
        }
    }
}
