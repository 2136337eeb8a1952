//! The getters of a connection, its deadlines among them.

use super::Connection;
use super::times::sooner;
use crate::config::Config;
use crate::handshake::Carrier;
use crate::report::{Evidence, LocalClose, Phase, Position, Stats};
use crate::time::{Timer, Timestamp};
use crate::wire::close::CloseFrame;
use crate::wire::data::MessageKind;
use crate::wire::role::Role;

impl Connection {
    /// Whether to shut down the writing direction of the transport now.
    ///
    /// Shut it down once, then go on reading until the peer's stream ends or the deadline comes,
    /// then close the transport. Closing it earlier may reset the connection and destroy our Close on
    /// its way (RFC 6455 section 7.1.1).
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        let Some(closing) = &self.closing else { return false };
        //= rfc6455#5.5.1
        //# After both sending and receiving a Close message, an endpoint
        //# considers the WebSocket connection closed and MUST close the
        //# underlying TCP connection.
        //= rfc6455#7.1.7
        //# To do so, the client MUST _Close the WebSocket Connection_
        //= rfc6455#7.1.7
        //# Similarly, to do so, the server MUST _Close the WebSocket Connection_,
        //# and SHOULD log the problem.
        let over = match self.phase() {
            Phase::Ended => true,
            //= rfc6455#7.1.1
            //# when a server
            //# is instructed to _Close the WebSocket Connection_ it SHOULD initiate
            //# a TCP Close immediately, and when a client is instructed to do the
            //# same, it SHOULD wait for a TCP Close from the server.
            Phase::Lingering => self.role() == Role::Server || !closing.complete,
            _ => false,
        };
        over && self.pending_output() == 0 && closing.can_write() && !closing.ours.is_pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// The next deadline, and what it is for.
    ///
    /// It is computed from what was seen, not stored, so that a message pays nothing for moving it.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        if self.phase() == Phase::Ended {
            return None;
        }
        if let Some(closing) = &self.closing {
            return closing.deadline;
        }
        let last_received = self.times.last_received();
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
            let stalled = self.sender.stalled_since();
            next = sooner(next, stalled.map(|since| (since + span, Timer::WriteStall)));
        }
        if let Some(span) = self.config.timeouts.write_drain {
            let drips = self.sender.drips_since();
            next = sooner(next, drips.map(|since| (since + span, Timer::WriteDrain)));
        }
        if let Some(span) = self.config.timeouts.message {
            let begun = self.receiver.is_under_way().then_some(self.times.message_begun);
            next = sooner(next, begun.map(|begun| (begun + span, Timer::Message)));
        }
        next
    }

    /// Whether the peer's stream has ended, and only what was accepted before has still to leave.
    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.is_draining())
    }

    /// Whether the closing handshake has begun, or what comes in place of it.
    pub(crate) fn is_ending(&self) -> bool {
        !matches!(self.phase(), Phase::Opening | Phase::Open) || self.is_draining()
    }

    /// The next deadline, or a time before it, which costs less and comes later than now.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn nothing_before(&self, now: Timestamp) -> Option<Timestamp> {
        if self.closing.is_none() {
            let earliest = self.times.earliest_due(self.quiet_since());
            if now < earliest && earliest < Timestamp::MAX {
                return Some(earliest);
            }
        }
        self.poll_timeout()
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) has come: two comparisons, as long as nothing
    /// can be due yet.
    #[inline]
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        if self.closing.is_none() && now < self.times.earliest_due(self.quiet_since()) {
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
        self.times.last_received().min(self.sender.last_flushed())
    }

    /// How far the connection has got.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        self.closing.as_ref().map_or(Phase::Open, |closing| closing.phase())
    }

    #[inline]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether no more output may leave.
    #[inline]
    pub(crate) fn is_silent(&self) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|closing| closing.phase() == Phase::Ended || !closing.can_write())
    }

    /// Whether what comes in is still taken apart.
    pub(super) fn receives(&self) -> bool {
        matches!(self.phase(), Phase::Open | Phase::CloseSent)
    }

    /// The role of this endpoint.
    #[must_use]
    #[inline]
    pub fn role(&self) -> Role {
        self.sender.role()
    }

    /// The payload of the latest Ping, after [`Event::Ping`](crate::Event::Ping).
    #[must_use]
    pub fn ping_payload(&self) -> &[u8] {
        self.receiver.ping_payload()
    }

    /// The payload of the latest Pong, right after [`Event::Pong`](crate::Event::Pong).
    #[must_use]
    pub fn pong_payload(&self) -> &[u8] {
        self.receiver.pong_payload()
    }

    /// The peer's Close, where it has come.
    #[must_use]
    pub fn peer_close(&self) -> Option<&CloseFrame> {
        self.closing.as_ref().and_then(|closing| closing.peer_frame())
    }

    /// Our Close, where one was queued.
    #[must_use]
    pub fn local_close(&self) -> Option<&LocalClose> {
        self.closing.as_ref().and_then(|closing| closing.ours.as_ref())
    }

    /// Bytes of output that the transport has not accepted yet, as far as they were written into
    /// the caller's buffers.
    #[must_use]
    pub fn pending_output(&self) -> u64 {
        self.sender.pending()
    }

    /// Payload bytes still to come of the data frame under way, if they are a part of the message
    /// as they are.
    pub(crate) fn direct_remaining(&self) -> u64 {
        if self.receiver.in_compressed_message() { 0 } else { self.payload_remaining() }
    }

    /// Whether a message was begun that leaves in parts, and is not finished.
    pub(crate) fn is_fragmenting(&self) -> bool {
        self.sender.is_fragmenting()
    }

    /// The kind of the message of which a part has come, and whether it is compressed, if the rest is
    /// still taken in.
    pub(crate) fn message_under_way(&self) -> Option<(MessageKind, bool)> {
        if self.receives() { self.receiver.message_under_way() } else { None }
    }

    /// The header's length and the payload's of the data frame that begins in front of `input`, where
    /// one may.
    pub(crate) fn frame_ahead(&self, input: &[u8]) -> Option<(usize, u64)> {
        if self.receives() { self.receiver.frame_ahead(input) } else { None }
    }

    /// Payload bytes still to come of the data frame under way.
    #[inline]
    pub(crate) fn payload_remaining(&self) -> u64 {
        if self.receives() { self.receiver.payload_remaining() } else { 0 }
    }

    /// Payload bytes still to come of the message under way, at the most: before its last frame
    /// nobody knows.
    #[inline]
    pub(crate) fn message_remaining(&self) -> u64 {
        if self.receiver.in_last_frame() { self.payload_remaining() } else { u64::MAX }
    }

    /// The phase and the position in the peer's stream, or those at which delivery stopped.
    pub(super) fn standing(&self) -> (Phase, Position) {
        let stopped = self.closing.as_ref().and_then(|closing| closing.stopped);
        stopped.unwrap_or_else(|| (self.phase(), self.receiver.position()))
    }

    /// What was done so far, in numbers; without the high-water marks, which are of buffers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(self.phase(), &self.evidence())
    }

    /// What was seen so far; `ended` is the time of the latest call.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let (phase, position) = self.standing();
        let times = &self.times;
        let seen = |at: Timestamp, any: bool| any.then_some(at);
        let received = self.receiver.traffic();
        Evidence {
            phase,
            position,
            carrier: Carrier::default(),
            opened: times.opened,
            ended: times.now(),
            last_received: seen(times.last_received(), received.bytes > 0),
            last_flushed: seen(self.sender.last_flushed(), self.sender.flushed_to() > 0),
            last_data: seen(times.last_data, self.receiver.any_piece()),
            last_sent: self.sender.last_message(),
            pings: self.heartbeat.report(self.config.heartbeat.as_ref()),
            peer_pings: self.peer_pings.report(),
            close_received: None,
            received,
            sent: self.sender.traffic,
            discarded: self.closing.as_ref().map_or(0, |closing| closing.discarded),
            pending_output: self.pending_output(),
            timer_lateness: times.lateness(),
            suspended_at: times.suspended_at(),
            longest_gap: times.longest_gap(),
            last_gap: times.last_gap(),
            http_status: None,
            unexpected: None,
            failure: None,
        }
    }
}
