//! What can be seen of a connection: getters, the evidence so far. Nothing here changes anything.

use core::time::Duration;

use super::Connection;
use super::closing::CloseState;
use crate::report::Phase;
use crate::report::Stats;
use crate::report::{Evidence, LocalClose, Position, SentMessage, Traffic};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::role::Role;

impl Connection {
    /// Whether to shut down the writing side of the transport now.
    ///
    /// Shut it down once, then go on reading until the peer's stream ends or the deadline comes,
    /// then close the transport. Closing without that can destroy our Close on its way, by a reset
    /// (RFC 6455 section 7.1.1).
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
        let over = match self.phase {
            Phase::Ended => true,
            //= rfc6455#7.1.1
            //# when a server
            //# is instructed to _Close the WebSocket Connection_ it SHOULD initiate
            //# a TCP Close immediately, and when a client is instructed to do the
            //# same, it SHOULD wait for a TCP Close from the server.
            Phase::Lingering => self.role == Role::Server || !closing.complete,
            _ => false,
        };
        over && self.pending_output() == 0
            && closing.write_failed.is_none()
            && closing.close_state == CloseState::Done
    }

    /// How far the connection has got.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
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
        self.closing.as_ref().and_then(|closing| closing.peer.as_ref())
    }

    /// Our Close, where one was queued.
    #[must_use]
    pub fn local_close(&self) -> Option<&LocalClose> {
        self.closing.as_ref().and_then(|closing| closing.local.as_ref())
    }

    /// Bytes of output that the transport has not accepted yet, as far as they were written into
    /// the caller's buffers.
    #[must_use]
    pub fn pending_output(&self) -> u64 {
        self.bytes_queued - self.bytes_flushed
    }

    #[inline]
    pub(super) fn last_received(&self) -> Timestamp {
        self.last_received.max(self.last_data)
    }

    /// Payload bytes still to come of the data frame under way, if they are a part of the message
    /// as they are.
    pub(crate) fn direct_remaining(&self) -> u64 {
        if self.receiver.in_compressed_message() { 0 } else { self.payload_remaining() }
    }

    /// Payload bytes still to come of the data frame under way.
    pub(crate) fn payload_remaining(&self) -> u64 {
        match self.phase {
            Phase::Open | Phase::CloseSent => self.receiver.payload_remaining(),
            _ => 0,
        }
    }

    /// Payload bytes still to come of the message under way, at the most: before its last frame
    /// nobody knows.
    pub(crate) fn message_remaining(&self) -> u64 {
        if self.receiver.in_last_frame() { self.payload_remaining() } else { u64::MAX }
    }

    /// The phase and the position in the peer's stream, or those at which delivery stopped.
    pub(super) fn standing(&self) -> (Phase, Position) {
        let stopped = self.closing.as_ref().and_then(|closing| closing.stopped);
        stopped.unwrap_or_else(|| (self.phase, self.receiver.position()))
    }

    /// What was done so far, in numbers; without the high-water marks, which are of buffers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(self.phase, &self.evidence())
    }

    fn last_sent(&self) -> Option<SentMessage> {
        let any = self.messages_sent > 0 || self.fragmenting.is_some();
        any.then(|| SentMessage {
            queued: self.message_queued,
            len: self.message_len.into(),
            largest_before: self.largest_before.into(),
        })
    }

    /// What was seen so far; `ended` is the time of the latest call.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let frames = self.receiver.frames();
        let (phase, position) = self.standing();
        let seen = |at: Timestamp, any: bool| any.then_some(at);
        Evidence {
            phase,
            position,
            opened: self.opened,
            ended: self.now.max(self.last_data),
            last_received: seen(self.last_received(), self.receiver.bytes() > 0),
            last_flushed: seen(self.last_flushed, self.bytes_flushed > 0),
            last_data: seen(self.last_data, self.receiver.any_piece()),
            last_sent: self.last_sent(),
            pings: self.heartbeat.report(self.config.heartbeat.as_ref()),
            received: Traffic {
                bytes: self.receiver.bytes(),
                frames,
                messages: self.receiver.messages(),
            },
            sent: Traffic {
                bytes: self.bytes_queued,
                frames: self.frames_sent,
                messages: self.messages_sent,
            },
            discarded: self.closing.as_ref().map_or(0, |closing| closing.discarded),
            pending_output: self.pending_output(),
            timer_lateness: Duration::from_micros(u64::from(self.lateness_micros)),
            suspended_at: self.suspended_at(),
            http_status: None,
        }
    }
}
