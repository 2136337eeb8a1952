//! An established connection: frames in and out, the closing handshake, the heartbeat, deadlines.
//!
//! Invariant: this file alone changes the phase. A connection gives exactly one
//! [`Event::Ended`], as its last event, no later than the close timeout plus the linger timeout
//! after its end began. It borrows every buffer and allocates nothing while open.

mod ending;
mod heartbeat;
mod receive;
mod send;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;
use core::time::Duration;

use crate::close::{CloseCode, CloseFrame};
use crate::config::Config;
use crate::event::{Event, MessageKind, Phase, ReadClosed, Role, SendError, TransportError};
use crate::mask::{Keystream, Seed};
use crate::termination::{Backlog, Cause, Evidence, Initiator, LocalClose, Termination, Traffic};
use crate::time::Timestamp;
use crate::timer::{Deadlines, Timer};
use crate::violation::Violation;

use ending::{CloseState, Ending};
use heartbeat::Heartbeat;
use receive::{Fault, Received, Receiver};
pub use send::FrameHead;

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
///         server.send(chunk.payload, &mut out, now)?;
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
    last_received: Timestamp,
    last_data: Timestamp,
    last_flushed: Timestamp,
    /// Since when output has been pending without progress.
    stalled_since: Timestamp,
    bytes_queued: u64,
    bytes_flushed: u64,
    frames_sent: u64,
    messages_sent: u64,
    messages_received: u64,
    /// Messages queued since the output was last all flushed.
    messages_pending: u32,
    lateness_micros: u32,
    /// The end, once it has begun; also there when the transport fails one way.
    ending: Option<Box<Ending>>,
}

impl Connection {
    /// A connection whose opening handshake has just been completed.
    ///
    /// `seed` feeds the masking keys and the payloads of Pings; every connection needs its own,
    /// from a strong source of entropy (RFC 6455 section 10.3). One `Arc<Config>` serves any
    /// number of connections.
    #[must_use]
    pub fn new(role: Role, config: impl Into<Arc<Config>>, seed: Seed, now: Timestamp) -> Self {
        Self::with_keystream(role, config.into(), Keystream::new(seed), now)
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
            messages_received: 0,
            messages_pending: 0,
            lateness_micros: 0,
            ending: None,
        }
    }

    /// Takes the next event out of the bytes that came.
    ///
    /// Call it until it gives `None`; then all of `input` is consumed, and the buffer behind it is
    /// free for the next read. Payloads are unmasked in place and lent from it. Call it with empty
    /// input too, after any other call that takes `now`: an [`Event::Ended`] may wait.
    #[inline]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        if self.phase == Phase::Open {
            if let Some(chunk) = self.receiver.whole_frame(input) {
                self.now = self.now.max(now);
                self.last_received = self.now;
                self.last_data = self.now;
                self.messages_received += 1;
                return Some(Event::Data(chunk));
            }
        }
        self.poll_event_slowly(input, now)
    }

    #[inline(never)]
    fn poll_event_slowly<'b>(
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
                    self.messages_received += u64::from(chunk.last);
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
        let report = self.ending.as_mut().and_then(|ending| ending.report.take());
        report.map(Event::Ended)
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
        let len = self.receiver.discard(input);
        if let Some(ending) = &mut self.ending {
            ending.discarded += len;
            if self.phase == Phase::Lingering && ending.discarded > self.config.limits.linger {
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
        let ending = self.ending_mut(Initiator::Transport);
        if ending.read_closed.is_some() {
            return;
        }
        ending.read_closed = Some(how);
        // The peer may have closed its side alone: our Close, and what goes out before it, still
        // gets its chance until the close deadline.
        let dead = ending.write_failed.is_some() || matches!(how, ReadClosed::Failed(_));
        if dead || ending.close_state == CloseState::Done {
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
        let deadline = now + self.config.timeouts.close;
        let ending = self.ending_mut(Initiator::Transport);
        ending.give_up_writing(kind);
        ending.close_deadline.get_or_insert(deadline);
        if ending.read_closed.is_some() {
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
        if bytes == 0 {
            return;
        }
        self.bytes_flushed = self.bytes_flushed.saturating_add(bytes as u64).min(self.bytes_queued);
        self.last_flushed = now;
        self.stalled_since = now;
        if self.bytes_flushed == self.bytes_queued {
            self.messages_pending = 0;
        }
        self.heartbeat.flushed(self.bytes_flushed, now);
        if self.ending.is_some() {
            self.close_flushed(now);
        }
    }

    fn close_flushed(&mut self, now: Timestamp) {
        let Some(ending) = &mut self.ending else { return };
        let CloseState::Written { mark } = ending.close_state else { return };
        if self.bytes_flushed < mark {
            return;
        }
        ending.close_state = CloseState::Done;
        if let Some(local) = &mut ending.local {
            local.flushed = true;
        }
        let read_closed = ending.read_closed.is_some();
        ending.complete = ending.peer.is_some() && !read_closed;
        if read_closed {
            self.finish(now);
        } else if matches!(self.phase, Phase::CloseReceived | Phase::Lingering) {
            self.linger(now);
        }
    }

    /// Lets every deadline that has passed take effect.
    ///
    /// Harmless at any time. Before calling it at a deadline, read once more: what makes the peer
    /// look dead may only be unread.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        // Each timer fires or moves at most once for a given time.
        for _ in 0..8 {
            match self.next_timer() {
                Some((at, timer)) if at <= now => self.fire(timer, now.since(at), now),
                _ => return,
            }
        }
    }

    fn fire(&mut self, timer: Timer, late: Duration, now: Timestamp) {
        let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
        self.lateness_micros = self.lateness_micros.max(micros);
        match timer {
            Timer::Ping => self.queue_ping(now),
            Timer::Pong => self.pong_missed(late, now),
            Timer::Idle => {
                let idle = now.since(self.last_received);
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

    fn queue_ping(&mut self, now: Timestamp) {
        if let Some(settings) = &self.config.heartbeat {
            self.heartbeat.queue(settings, &mut self.keystream, now);
        }
    }

    fn pong_missed(&mut self, late: Duration, now: Timestamp) {
        let Some(settings) = &self.config.heartbeat else { return };
        if self.heartbeat.forgives(settings, late) {
            self.queue_ping(now);
        } else {
            self.give_up(Cause::PongTimeout { waited: now.since(self.last_received) }, now);
        }
    }

    fn close_timed_out(&mut self, now: Timestamp) {
        let Some(ending) = &mut self.ending else { return };
        if ending.write_failed.is_none() {
            ending.cause.get_or_insert(Cause::CloseTimeout);
        }
        if self.phase == Phase::CloseSent && ending.local_flushed() {
            self.linger(now);
        } else {
            self.finish(now);
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
    pub fn close(
        &mut self,
        frame: impl Into<CloseFrame>,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let now = self.advance(now);
        self.check_open()?;
        self.begin_close(frame.into(), None, now);
        Ok(())
    }

    fn begin_close(&mut self, frame: CloseFrame, cause: Option<Cause>, now: Timestamp) {
        let deadline = now + self.config.timeouts.close;
        let ending = self.ending_mut(Initiator::Local);
        ending.queue_close(frame, false);
        ending.cause = cause;
        ending.close_deadline = Some(deadline);
        self.phase = Phase::CloseSent;
    }

    fn close_received(&mut self, frame: CloseFrame, now: Timestamp) {
        let deadline = now + self.config.timeouts.close;
        let answer = self.answer_to(&frame);
        let truncated = self.receiver.in_message();
        let ending = self.ending_mut(Initiator::Peer);
        ending.peer = Some(frame);
        ending.truncated_message = truncated;
        ending.close_deadline.get_or_insert(deadline);
        if ending.write_failed.is_some() {
            ending.initiator = Initiator::Peer;
            self.linger(now);
            return;
        }
        match &ending.local {
            //= rfc6455#5.5.1
            //# If an endpoint receives a Close frame and did not previously send a
            //# Close frame, the endpoint MUST send a Close frame in response.
            None => ending.queue_close(answer, true),
            Some(local) if local.flushed => {
                ending.complete = true;
                self.linger(now);
                return;
            }
            Some(_) => ending.initiator = Initiator::Both,
        }
        self.phase = Phase::CloseReceived;
    }

    /// Our answer carries the peer's code and no reason.
    fn answer_to(&self, frame: &CloseFrame) -> CloseFrame {
        frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code)
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 section 7.1.7).
    fn fail(&mut self, fault: Fault, now: Timestamp) {
        let Fault { rule, offset } = fault;
        let deadline = now + self.config.timeouts.close;
        let frame = CloseFrame::new(rule.close_code(), rule.close_reason());
        let frame = frame.unwrap_or(CloseFrame::from_code(rule.close_code()));
        let ending = self.ending_mut(Initiator::Local);
        ending.cause = Some(match rule {
            Violation::FrameTooBig { .. } | Violation::MessageTooBig { .. } => {
                Cause::TooBig { rule, offset }
            }
            _ => Cause::Violation { rule, offset },
        });
        ending.close_deadline.get_or_insert(deadline);
        //= rfc6455#7.1.7
        //# If _The WebSocket Connection is Established_ prior to the point where
        //# the endpoint is required to _Fail the WebSocket Connection_, the
        //# endpoint SHOULD send a Close frame with an appropriate status code
        let unwritten = ending.write_failed.is_none() && !ending.local_flushed();
        if unwritten && ending.local.is_none() {
            ending.queue_close(frame, false);
        }
        if unwritten {
            self.phase = Phase::Lingering;
        } else {
            self.linger(now);
        }
    }

    /// Nothing more is delivered; the transport is given up at the linger timeout at the latest.
    fn linger(&mut self, now: Timestamp) {
        let deadline = now + self.config.timeouts.linger;
        if let Some(ending) = &mut self.ending {
            ending.close_deadline = None;
            ending.linger_deadline.get_or_insert(deadline);
        }
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
        let ending = self.ending_mut(Initiator::Local);
        if !ending.complete {
            ending.cause.get_or_insert(cause);
        }
        self.finish(now);
    }

    fn ending_mut(&mut self, initiator: Initiator) -> &mut Ending {
        let (phase, position) = (self.phase, self.receiver.position());
        self.ending.get_or_insert_with(|| Box::new(Ending::new(initiator, phase, position)))
    }

    /// Makes the report. The next [`poll_event`](Self::poll_event) gives it.
    fn finish(&mut self, now: Timestamp) {
        let mut evidence = self.evidence();
        evidence.ended = now;
        let dropped =
            Backlog { bytes: self.pending_output(), messages: u64::from(self.messages_pending) };
        let role = self.role;
        self.phase = Phase::Ended;
        let ending = self.ending_mut(Initiator::Local);
        evidence.phase = ending.phase;
        evidence.position = ending.position;
        ending.report = Some(Box::new(Termination {
            role,
            //= rfc6455#7.1.5
            //# If _The WebSocket
            //# Connection is Closed_ and no Close control frame was received by the
            //# endpoint (such as could occur if the underlying transport connection
            //# is lost), _The WebSocket Connection Close Code_ is considered to be
            //# 1006.
            code: ending.peer.as_ref().map_or(1006, CloseFrame::reported_code),
            clean: ending.complete,
            initiator: ending.initiator,
            cause: ending.cause(),
            local_close: ending.local,
            peer_close: ending.peer,
            stream_end: ending.stream_end(),
            truncated_message: ending.truncated_message,
            dropped,
            refusal: None,
            evidence,
        }));
    }

    /// Whether a command that needs an open connection may go on.
    fn check_open(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Open if self.ending.is_none() => Ok(()),
            Phase::Open => Err(SendError::WriteFailed),
            Phase::Ended => Err(SendError::Ended),
            _ => Err(SendError::Closing),
        }
    }

    /// Time runs forwards.
    #[inline]
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    fn deadlines(&self) -> Deadlines {
        let mut deadlines = Deadlines::default();
        if self.phase == Phase::Ended {
            return deadlines;
        }
        if let Some(ending) = &self.ending {
            if let Some(at) = ending.close_deadline {
                deadlines.set(Timer::Close, at);
            }
            if let Some(at) = ending.linger_deadline {
                deadlines.set(Timer::Linger, at);
            }
            return deadlines;
        }
        if let Some(settings) = &self.config.heartbeat {
            let quiet_since = self.last_received.min(self.last_flushed);
            let ping = self.heartbeat.ping_deadline(settings, quiet_since, self.last_received);
            if let Some(at) = ping {
                deadlines.set(Timer::Ping, at);
            }
            if let Some(at) = self.heartbeat.pong_deadline(settings, self.last_received) {
                deadlines.set(Timer::Pong, at);
            }
        }
        if let Some(span) = self.config.timeouts.idle {
            deadlines.set(Timer::Idle, self.last_received + span);
        }
        if let (Some(span), true) = (self.config.timeouts.write_stall, self.pending_output() > 0) {
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
        self.deadlines().next()
    }

    /// Whether to shut down the writing side of the transport now.
    ///
    /// Shut it down once, then go on reading until the peer's stream ends or the deadline comes,
    /// then close the transport. Closing without that can destroy our Close on its way, by a reset
    /// (RFC 6455 section 7.1.1).
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        let over = match self.phase {
            Phase::Ended => true,
            //= rfc6455#7.1.1
            //# in most normal cases, the server SHOULD close
            //# the TCP connection first
            Phase::Lingering => self.role == Role::Server || !ending.complete,
            _ => false,
        };
        over && self.pending_output() == 0
            && ending.write_failed.is_none()
            && ending.close_state == CloseState::Done
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

    /// The payload of the latest Ping, after [`Event::Ping`].
    #[must_use]
    pub fn ping_payload(&self) -> &[u8] {
        self.receiver.ping_payload()
    }

    /// The payload of the latest Pong, right after [`Event::Pong`].
    #[must_use]
    pub fn pong_payload(&self) -> &[u8] {
        self.receiver.pong_payload()
    }

    /// The peer's Close, where it has come.
    #[must_use]
    pub fn peer_close(&self) -> Option<&CloseFrame> {
        self.ending.as_ref().and_then(|ending| ending.peer.as_ref())
    }

    /// Our Close, where one was queued.
    #[must_use]
    pub fn local_close(&self) -> Option<&LocalClose> {
        self.ending.as_ref().and_then(|ending| ending.local.as_ref())
    }

    /// Bytes of output that the transport has not accepted yet, as far as they were written into
    /// the caller's buffers.
    #[must_use]
    pub fn pending_output(&self) -> u64 {
        self.bytes_queued - self.bytes_flushed
    }

    /// Payload bytes still to come of the data frame under way.
    pub(crate) fn payload_remaining(&self) -> u64 {
        match self.phase {
            Phase::Open | Phase::CloseSent => self.receiver.payload_remaining(),
            _ => 0,
        }
    }

    /// What was seen so far; `ended` is the time of the latest call.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let frames = self.receiver.frames();
        let seen = |at: Timestamp, any: bool| any.then_some(at);
        Evidence {
            phase: self.phase,
            position: self.receiver.position(),
            opened: self.opened,
            ended: self.now,
            last_received: seen(self.last_received, self.receiver.bytes() > 0),
            last_flushed: seen(self.last_flushed, self.bytes_flushed > 0),
            last_data: seen(self.last_data, self.messages_received > 0 || self.receiver.any_piece()),
            pings: self.heartbeat.report(),
            received: Traffic {
                bytes: self.receiver.bytes(),
                frames,
                messages: self.messages_received,
            },
            sent: Traffic {
                bytes: self.bytes_queued,
                frames: self.frames_sent,
                messages: self.messages_sent,
            },
            discarded: self.ending.as_ref().map_or(0, |ending| ending.discarded),
            pending_output: self.pending_output(),
            timer_lateness: Duration::from_micros(u64::from(self.lateness_micros)),
            http_status: None,
        }
    }
}
