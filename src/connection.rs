//! An established connection: frames in and out, the closing handshake, the heartbeat, deadlines.
//!
//! Invariant: this file alone changes the phase. A connection gives exactly one
//! [`Event::Ended`], as its last event, no later than the close timeout plus the linger timeout
//! after its end began. It borrows every buffer and allocates nothing for a message.

mod closing;
mod control;
mod event;
mod getters;
mod heartbeat;
mod judgement;
mod receive;
mod send_error;
mod timers;
#[cfg(feature = "tracing")]
mod traced;
mod transmit;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;

use crate::config::Config;
use crate::report::Phase;
use crate::report::trace::Trace;
use crate::report::{Cause, Initiator, Undelivered};
use crate::report::{ReadClosed, TransportError};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::MessageKind;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::role::Role;

use closing::{CloseState, Closing};
pub use event::Event;
use heartbeat::Heartbeat;
use receive::{Fault, Received, Receiver};
pub use send_error::SendError;
pub use transmit::FrameHead;

/// An established WebSocket connection, for runtimes that own their buffers.
///
/// It starts after the opening handshake. For one that speaks the opening handshake, owns its
/// buffers and gives whole messages, see [`Session`](crate::Session).
///
/// Four families of methods, in the order of their use:
///
/// 1. *What happened*: [`poll_event`](Self::poll_event) with the bytes that came, until it gives
///    `None`; [`handle_read_closed`](Self::handle_read_closed),
///    [`handle_write_failed`](Self::handle_write_failed),
///    [`handle_flushed`](Self::handle_flushed), [`handle_timeout`](Self::handle_timeout).
/// 2. *Commands*: [`send`](Self::send), [`send_fragment`](Self::send_fragment),
///    [`begin_frame`](Self::begin_frame), [`ping`](Self::ping), [`close`](Self::close),
///    [`abort`](Self::abort).
/// 3. *What to do*: [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout),
///    [`wants_shutdown`](Self::wants_shutdown).
/// 4. Getters.
///
/// After any call of the first two families: drain the events, then the output, then wait until
/// the deadline. No call panics, in whatever order it comes and whatever it is given.
///
/// ```
/// use bytes::BytesMut;
/// use farewell::{Config, Connection, Event, Role, Seed, Timestamp};
///
/// let now = Timestamp::ZERO;
/// // Use `Seed::from_os` outside of examples.
/// let mut server = Connection::new(Role::Server, Config::default(), Seed::new([1; 32]), now);
/// let mut out = BytesMut::new();
///
/// // RFC 6455 section 5.7: a single-frame masked text message, "Hello".
/// let mut wire = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let mut input = &mut wire[..];
/// while let Some(event) = server.poll_event(&mut input, now) {
///     if let Event::Data(chunk) = event {
///         server.send(chunk.payload(), &mut out, now)?;
///     }
/// }
/// assert_eq!(&out[..], b"\x82\x05Hello");
/// server.handle_flushed(out.len(), now);
/// # Ok::<(), farewell::SendError>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    heartbeat: Heartbeat,
    keystream: Keystream,
    config: Arc<Config>,
    role: Role,
    phase: Phase,
    /// The message that goes out in fragments.
    fragmenting: Option<MessageKind>,
    opened: Timestamp,
    /// The latest time that any call gave.
    now: Timestamp,
    /// When a byte last came, unless `last_data` is later.
    last_received: Timestamp,
    last_data: Timestamp,
    last_flushed: Timestamp,
    /// Since when output has been pending without progress.
    stalled_since: Timestamp,
    bytes_queued: u64,
    bytes_flushed: u64,
    frames_sent: u64,
    messages_sent: u64,
    /// Messages queued since the output was last all flushed.
    messages_pending: u32,
    /// When the last message was queued, or a fragment of it.
    message_queued: Timestamp,
    /// Payload bytes of that message so far, and of the largest before it.
    message_len: u32,
    largest_before: u32,
    lateness_micros: u32,
    /// When a deadline was last handled far too late: seconds since `opened`, plus one.
    suspended_secs: u32,
    /// Bytes of the opening handshake's response that have not left. They lie before all frames.
    handshake_pending: u32,
    /// The shortest time, in nanoseconds, after which anything could be due on a silent connection.
    shortest_wait: u64,
    /// The end, once it has begun; also there when the transport fails one way.
    closing: Option<Box<Closing>>,
    trace: Trace,
}

impl Connection {
    /// A connection whose opening handshake has just been completed.
    ///
    /// `seed` feeds the masking keys and the payloads of Pings; every connection needs its own,
    /// from a strong source of entropy (RFC 6455 section 10.3). One `Arc<Config>` serves any
    /// number of connections.
    #[must_use]
    pub fn new(role: Role, config: impl Into<Arc<Config>>, seed: Seed, now: Timestamp) -> Self {
        let mut connection = Self::with_keystream(role, config.into(), Keystream::new(seed), now);
        connection.trace = Trace::new(role);
        connection
    }

    pub(crate) fn with_keystream(
        role: Role,
        config: Arc<Config>,
        mut keystream: Keystream,
        now: Timestamp,
    ) -> Self {
        let peer = match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let shortest_wait = timers::shortest_wait(&config);
        Self {
            receiver: Receiver::new(peer, &config.limits),
            heartbeat: Heartbeat::new(config.heartbeat.as_ref(), &mut keystream),
            keystream,
            config,
            role,
            phase: Phase::Open,
            fragmenting: None,
            opened: now,
            now,
            last_received: now,
            last_data: now,
            last_flushed: now,
            stalled_since: now,
            bytes_queued: 0,
            bytes_flushed: 0,
            frames_sent: 0,
            messages_sent: 0,
            messages_pending: 0,
            message_queued: now,
            message_len: 0,
            largest_before: 0,
            lateness_micros: 0,
            suspended_secs: 0,
            handshake_pending: 0,
            shortest_wait,
            closing: None,
            trace: Trace::elsewhere(),
        }
    }

    /// Takes the next event out of the bytes that came.
    ///
    /// Call it until it gives `None`; then all of `input` is consumed, and the buffer behind it is
    /// free for the next read. Payloads are unmasked in place and borrowed from it. Call it with empty
    /// input too, after any other call that takes `now`: an [`Event::Ended`] may wait.
    // Out of line, the event would go through memory, which takes as long as the rest.
    #[inline(always)]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        if let Some(chunk) = self.receiver.whole_frame(input) {
            // The other marks of time follow from this one.
            self.last_data = self.last_data.max(now).max(self.now);
            return Some(Event::Data(chunk));
        }
        self.poll_event_slow(input, now)
    }

    #[inline(never)]
    fn poll_event_slow<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        let now = self.advance(now);
        if !input.is_empty() && self.phase != Phase::Ended {
            self.last_received = now;
        }
        if matches!(self.phase, Phase::Open | Phase::CloseSent) {
            match self.receiver.poll(input, &self.config.limits) {
                Ok(Some(Received::Chunk(chunk))) => {
                    self.last_data = now;
                    return Some(Event::Data(chunk));
                }
                Ok(Some(Received::Ping)) => return Some(Event::Ping),
                Ok(Some(Received::Pong)) => {
                    let rtt = self.heartbeat.acknowledge(self.receiver.pong_payload(), now);
                    return Some(Event::Pong { rtt });
                }
                Ok(Some(Received::Close(frame))) => {
                    self.close_received(frame, now);
                    return Some(Event::CloseReceived);
                }
                Ok(None) => {}
                Err(fault) => self.fail(fault, now),
            }
        }
        self.discard(input, now);
        let report = self.closing.as_mut().and_then(|closing| closing.report.take())?;
        self.trace.ended(&report);
        Some(Event::Ended(report))
    }

    /// Whether [`poll_event`](Self::poll_event) has something to do without any input: to give the
    /// report, or to fail the connection for a text that was cut short.
    #[allow(dead_code, reason = "for the driver")]
    #[inline]
    pub(crate) fn has_event(&self) -> bool {
        self.receiver.fault_waits()
            || self.closing.as_ref().is_some_and(|closing| closing.report.is_some())
    }

    /// What comes after the end began is counted and thrown away.
    fn discard(&mut self, input: &mut &mut [u8], now: Timestamp) {
        if input.is_empty() {
            return;
        }
        if self.phase == Phase::Ended {
            *input = &mut [];
            return;
        }
        //= rfc6455#7.1.7
        //# An endpoint MUST NOT continue to attempt to process data
        //# (including a responding Close frame) from the remote endpoint after
        //# being instructed to _Fail the WebSocket Connection_.
        let len = mem::take(input).len() as u64;
        self.throw_away(len, now);
    }

    fn throw_away(&mut self, mut len: u64, now: Timestamp) {
        let limit = self.config.limits.linger;
        let lingering = self.phase == Phase::Lingering;
        if let Some(closing) = &mut self.closing {
            if lingering {
                // How much of it came at once must not show in the report: what lies beyond the
                // byte that is too much is not counted.
                len = len.min(limit.saturating_add(1).saturating_sub(closing.discarded));
            }
            closing.discarded += len;
            self.receiver.skip(len);
            if lingering && closing.discarded > limit {
                self.finish(now);
            }
        }
    }

    /// The reading side of the transport has ended; nothing more will come.
    ///
    /// Give all bytes that were read to [`poll_event`](Self::poll_event) first.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        let now = self.advance(now);
        if self.phase == Phase::Ended {
            return;
        }
        self.note_overdue(now);
        let (_, position) = self.standing();
        let closing = self.closing_mut(Initiator::Transport);
        if closing.read_closed.is_some() {
            return;
        }
        closing.read_ended(how, position);
        // The peer may have closed its side alone: our Close, and what goes out before it, still
        // gets its chance until the close deadline.
        let dead = closing.write_failed.is_some() || matches!(how, ReadClosed::Failed(_));
        if dead || closing.close_state == CloseState::Done {
            self.finish(now);
        }
    }

    /// The writing side of the transport has failed; nothing more will leave.
    ///
    /// Reading goes on, and is worth it: the peer's Close may be waiting there.
    pub fn handle_write_failed(&mut self, kind: TransportError, now: Timestamp) {
        let now = self.advance(now);
        if self.phase == Phase::Ended {
            return;
        }
        self.note_overdue(now);
        let deadline = now + self.config.timeouts.close;
        let closing = self.closing_mut(Initiator::Transport);
        closing.give_up_writing(kind);
        closing.close_deadline.get_or_insert(deadline);
        if closing.read_closed.is_some() {
            self.finish(now);
        } else if matches!(self.phase, Phase::CloseReceived | Phase::Lingering) {
            self.linger(now);
        }
    }

    /// The transport has accepted `bytes` more bytes of the output.
    ///
    /// The output is counted from the connection's first byte on; more than is pending counts as
    /// all of it.
    #[inline]
    pub fn handle_flushed(&mut self, bytes: usize, now: Timestamp) {
        let now = self.advance(now);
        if bytes == 0 || self.pending_output() == 0 {
            return;
        }
        self.bytes_flushed = self.bytes_flushed.saturating_add(bytes as u64).min(self.bytes_queued);
        self.last_flushed = now;
        self.stalled_since = now;
        if self.bytes_flushed == self.bytes_queued {
            self.messages_pending = 0;
        }
        self.heartbeat.flushed(self.bytes_flushed, now);
        if self.closing.is_some() && self.phase != Phase::Ended {
            self.close_flushed(now);
        }
    }

    /// The response of the opening handshake waits in front of all frames: where the transport
    /// takes none of it, that stalls as frames do.
    pub(crate) fn handshake_queued(&mut self, bytes: usize) {
        self.handshake_pending = u32::try_from(bytes).unwrap_or(u32::MAX);
    }

    /// The transport has accepted `bytes` more bytes of the opening handshake.
    pub(crate) fn handshake_flushed(&mut self, bytes: usize, now: Timestamp) {
        let now = self.advance(now);
        if bytes > 0 && self.handshake_pending > 0 {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.handshake_pending = self.handshake_pending.saturating_sub(bytes);
            self.stalled_since = now;
        }
    }

    fn close_flushed(&mut self, now: Timestamp) {
        let Some(closing) = &mut self.closing else { return };
        let CloseState::Written { mark } = closing.close_state else { return };
        if self.bytes_flushed < mark {
            return;
        }
        closing.close_state = CloseState::Done;
        if let Some(local) = &mut closing.local {
            local.flushed = true;
        }
        let read_closed = closing.read_closed.is_some();
        closing.complete = closing.peer.is_some() && !read_closed;
        if read_closed {
            self.finish(now);
        } else if matches!(self.phase, Phase::CloseReceived | Phase::Lingering) {
            self.linger(now);
        }
    }

    /// Starts the closing handshake (RFC 6455 section 7.1.2).
    ///
    /// Everything that was accepted before goes out first. Messages keep coming in until the
    /// peer's Close does. The end comes within the close timeout and the linger timeout.
    ///
    /// # Errors
    ///
    /// [`SendError`] where a Close was already queued or received, the transport takes no more
    /// writes, or the connection has ended.
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Timestamp) -> Result<(), SendError> {
        let now = self.advance(now);
        self.check_open()?;
        self.begin_close(frame.into(), None, now);
        Ok(())
    }

    fn begin_close(&mut self, frame: CloseFrame, cause: Option<Cause>, now: Timestamp) {
        //= rfc6455#7.1.2
        //# an endpoint MUST send a Close control frame, as described in Section
        //# 5.5.1, whose status code is set to /code/ and whose close reason is
        //# set to /reason/.
        let deadline = now + self.config.timeouts.close;
        let closing = self.closing_mut(Initiator::Local);
        closing.queue_close(frame, false);
        closing.cause = cause;
        closing.close_deadline = Some(deadline);
        self.phase = Phase::CloseSent;
    }

    fn close_received(&mut self, frame: CloseFrame, now: Timestamp) {
        let deadline = now + self.config.timeouts.close;
        let truncated = self.receiver.in_message();
        let closing = self.closing_mut(Initiator::Peer);
        closing.peer = Some(frame);
        closing.truncated_message = truncated;
        closing.close_deadline.get_or_insert(deadline);
        match &closing.local {
            Some(local) if local.flushed => {
                closing.complete = true;
                self.linger(now);
                return;
            }
            local if closing.write_failed.is_some() => {
                let both = local.is_some();
                closing.initiator = if both { Initiator::Both } else { Initiator::Peer };
                self.linger(now);
                return;
            }
            //= rfc6455#5.5.1
            //# If an endpoint receives a Close frame and did not previously send a
            //# Close frame, the endpoint MUST send a Close frame in response.
            None => closing.queue_close(frame.answer(), true),
            Some(_) => closing.initiator = Initiator::Both,
        }
        self.stop_receiving();
        self.phase = Phase::CloseReceived;
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 section 7.1.7).
    fn fail(&mut self, fault: Fault, now: Timestamp) {
        let Fault { rule, offset } = fault;
        let deadline = now + self.config.timeouts.close;
        let frame = CloseFrame::new(rule.close_code(), rule.close_reason());
        let frame = frame.unwrap_or(CloseFrame::from_code(rule.close_code()));
        let closing = self.closing_mut(Initiator::Local);
        closing.cause = Some(match rule.is_too_big() {
            true => Cause::TooBig { rule, offset },
            false => Cause::Violation { rule, offset },
        });
        closing.close_deadline.get_or_insert(deadline);
        //= rfc6455#7.1.7
        //# If _The WebSocket Connection is Established_ prior to the point where
        //# the endpoint is required to _Fail the WebSocket Connection_, the
        //# endpoint SHOULD send a Close frame with an appropriate status code
        let unwritten = closing.write_failed.is_none() && !closing.local_flushed();
        if unwritten && closing.local.is_none() {
            closing.queue_close(frame, false);
        }
        self.stop_receiving();
        if unwritten {
            self.phase = Phase::Lingering;
        } else {
            self.linger(now);
        }
    }

    /// Nothing more is delivered; the transport is given up at the linger timeout at the latest.
    fn linger(&mut self, now: Timestamp) {
        if let Some(closing) = &mut self.closing {
            closing.begin_linger(self.config.timeouts.linger, now);
        }
        self.stop_receiving();
        self.phase = Phase::Lingering;
    }

    /// Ends the connection at once, without a closing handshake.
    ///
    /// The transport is to be dropped. Where the closing handshake had been completed already, the
    /// report still says so.
    pub fn abort(&mut self, now: Timestamp) {
        let now = self.advance(now);
        self.give_up(Cause::Aborted, now);
    }

    fn give_up(&mut self, cause: Cause, now: Timestamp) {
        if self.phase == Phase::Ended {
            return;
        }
        let closing = self.closing_mut(Initiator::Local);
        // What has happened before is the cause, and dropping the connection its consequence.
        if !closing.complete && closing.write_failed.is_none() && closing.read_closed.is_none() {
            closing.cause.get_or_insert(cause);
        }
        self.finish(now);
    }

    /// Makes the report. The next [`poll_event`](Self::poll_event) gives it.
    fn finish(&mut self, now: Timestamp) {
        self.closing_mut(Initiator::Local);
        self.stop_receiving();
        let mut evidence = self.evidence();
        evidence.ended = now;
        let dropped = Undelivered {
            bytes: self.pending_output(),
            messages: u64::from(self.messages_pending),
        };
        let role = self.role;
        self.closing_mut(Initiator::Local).make_report(role, dropped, evidence);
        self.phase = Phase::Ended;
    }

    /// Time runs forwards.
    #[inline]
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now).max(self.last_data);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_stays_small() {
        // With feature `tracing`, there is a pointer more.
        let size = size_of::<Connection>() - size_of::<Trace>();
        assert!(size < 500, "{size}");
    }
}
