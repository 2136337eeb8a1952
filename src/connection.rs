//! An established connection: frames in and out, the closing handshake, the heartbeat, deadlines.
//!
//! Invariants: a connection returns exactly one [`Event::Ended`], as its last event, no later than
//! the close timeout plus the linger timeout after its end began. It borrows every buffer and
//! allocates nothing for a message.
//!
//! Each part of it is a type in a file of its own: the [`Receiver`], the [`Sender`], the
//! [`Heartbeat`], the [`Times`] and, once there is an end in sight, the [`Closing`] with its
//! [phase](state). Here is what happens to them; [`commands`] and [`getters`] have the
//! rest of the methods.

mod closing;
mod commands;
mod control;
mod event;
mod getters;
mod heartbeat;
mod peer_pings;
mod receive;
mod send_error;
mod sender;
mod state;
mod timers;
mod times;
#[cfg(feature = "tracing")]
mod traced;

use alloc::boxed::Box;
use core::mem;

use crate::config::Config;
use crate::report::trace::Trace;
use crate::report::{
    Cause, CloseReceived, Initiator, Phase, ReadClosed, ReadEnd, Termination, TransportFailure,
};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::role::Role;

pub(crate) use closing::UndeliveredParts;
use closing::{Closing, PeerClose};
pub use event::Event;
use heartbeat::Heartbeat;
use peer_pings::PeerPings;
use receive::{Fault, Received, Receiver};
pub use send_error::SendError;
pub use sender::FrameHead;
use sender::Sender;
use state::Trigger;
use times::Times;

/// An established WebSocket connection, for runtimes that own their buffers.
///
/// It starts after the opening handshake. For one that speaks the opening handshake, owns its
/// buffers and makes whole messages, see [`Session`](crate::Session).
///
/// Four families of methods, in the order of their use:
///
/// 1. *What happened*: [`poll_event`](Self::poll_event) with the bytes that came, until it
///    returns `None`; [`handle_read_closed`](Self::handle_read_closed),
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
    peer_pings: PeerPings,
    sender: Sender,
    times: Times,
    config: Arc<Config>,
    /// The end, once it has begun; also there when the transport fails one way. Without it, the
    /// connection is open.
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
        Self {
            receiver: Receiver::new(peer, &config.limits),
            heartbeat: Heartbeat::new(config.heartbeat.as_ref(), &mut keystream),
            peer_pings: PeerPings::new(),
            sender: Sender::new(role, keystream, now),
            times: Times::new(&config, now),
            config,
            closing: None,
            trace: Trace::elsewhere(),
        }
    }

    /// Takes the next event out of the bytes that came.
    ///
    /// Call it until it returns `None`; then all of `input` is consumed, and the buffer behind it
    /// is free for the next read. Payloads are unmasked in place and borrowed from it. Call it with
    /// empty input too, after any other call that takes `now`: an [`Event::Ended`] may wait.
    // Out of line, the event would go through memory, which takes as long as the rest.
    #[inline(always)]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        match self.poll_input(input, now) {
            None => self.finish_report(None).map(Event::Ended),
            event => event,
        }
    }

    /// As [`poll_event`](Self::poll_event), without the report, for a session: it takes that with
    /// [`take_report`](Self::take_report).
    #[inline(always)]
    pub(crate) fn poll_input<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        match self.receiver.whole_frame(input) {
            Some(chunk) => {
                self.message_received(now);
                Some(Event::Data(chunk))
            }
            None => self.poll_input_slow(input, now),
        }
    }

    /// Takes the time of a call, and holds it against the deadlines that were due before the call
    /// moves any of them: so a process that slept is found out in whatever order it calls.
    #[inline]
    fn enter(&mut self, now: Timestamp) -> Timestamp {
        if self.times.follow(now) { now } else { self.enter_late(now) }
    }

    #[cold]
    #[inline(never)]
    fn enter_late(&mut self, now: Timestamp) -> Timestamp {
        if self.times.has_jumped(now) {
            self.look_back(now);
        }
        self.times.advance(now)
    }

    #[inline(never)]
    fn poll_input_slow<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<Event<'b>> {
        if let Some(chunk) = self.receiver.longer_frame(input) {
            self.message_received(now);
            return Some(Event::Data(chunk));
        }
        let now = self.enter(now);
        if !input.is_empty() && self.phase() != Phase::Ended {
            self.times.bytes_received();
        }
        if self.receives() {
            if !self.receiver.is_under_way() {
                self.times.message_begun = now;
            }
            match self.receiver.poll(input, &self.config.limits) {
                Ok(Some(Received::Chunk(chunk))) => {
                    self.times.data_received(now);
                    return Some(Event::Data(chunk));
                }
                Ok(Some(Received::Ping)) => {
                    self.times.control_received();
                    self.peer_pings.received(now);
                    return Some(Event::Ping);
                }
                Ok(Some(Received::Pong)) => {
                    self.times.control_received();
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
        None
    }

    /// The report, the first time after the end. A session makes it exact by what it alone knows.
    #[inline]
    pub(crate) fn take_report(
        &mut self,
        undelivered: impl FnOnce() -> UndeliveredParts,
    ) -> Option<Box<Termination>> {
        match self.phase() {
            Phase::Ended => self.finish_report(Some(undelivered())),
            _ => None,
        }
    }

    fn finish_report(&mut self, undelivered: Option<UndeliveredParts>) -> Option<Box<Termination>> {
        let role = self.role();
        let report = self.closing.as_mut()?.take_report(role, undelivered)?;
        self.trace.ended(&report);
        Some(report)
    }

    /// Whether [`poll_event`](Self::poll_event) has something to do without any input: to return
    /// the report, or to fail the connection for a text that was cut short.
    #[inline]
    pub(crate) fn has_event(&self) -> bool {
        self.receiver.fault_waits()
            || self.closing.as_ref().is_some_and(|closing| closing.has_report())
    }

    /// What comes after the end began is counted and thrown away.
    fn discard(&mut self, input: &mut &mut [u8], now: Timestamp) {
        if input.is_empty() {
            return;
        }
        //= rfc6455#7.1.7
        //# An endpoint MUST NOT continue to attempt to process data
        //# (including a responding Close frame) from the remote endpoint after
        //# being instructed to _Fail the WebSocket Connection_.
        let input = mem::take(input);
        if self.phase() != Phase::Ended {
            if let Some(closing) = &mut self.closing {
                closing.unexpected.extend(input);
            }
            self.throw_away(input.len() as u64, now);
        }
    }

    fn throw_away(&mut self, len: u64, now: Timestamp) {
        let Some(closing) = &mut self.closing else { return };
        let lingering = closing.phase() == Phase::Lingering;
        let limit = lingering.then_some(self.config.limits.linger);
        let (counted, too_much) = closing.discard(len, limit);
        self.receiver.skip(counted);
        if too_much {
            self.step(Trigger::LingerOver, now);
        }
    }

    /// The reading direction of the transport has ended; nothing more will come.
    ///
    /// Pass all bytes that were read to [`poll_event`](Self::poll_event) first. The peer may have
    /// closed its side alone: what was queued before an end in order still leaves, within the close
    /// timeout, and nothing more is accepted.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        self.read_ended(how.into(), now);
    }

    /// The reading side of the transport has failed; nothing more will come.
    ///
    /// As [`handle_read_closed`](Self::handle_read_closed), with what the transport said beside the
    /// kind of its failure.
    pub fn handle_read_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        self.read_ended(failure.into().into(), now);
    }

    pub(crate) fn read_ended(&mut self, end: ReadEnd, now: Timestamp) {
        let now = self.enter(now);
        if self.phase() == Phase::Ended {
            return;
        }
        self.note_overdue(now);
        let (_, position) = self.standing();
        let pending = !self.sender.is_flushed();
        let closing = self.expect_close(Initiator::Transport, now);
        if let Some(trigger) = closing.read_ended(end, position, pending) {
            self.step(trigger, now);
        }
    }

    /// The writing direction of the transport has failed; nothing more will leave.
    ///
    /// Reading goes on, and is worth it: the peer's Close may be waiting there.
    pub fn handle_write_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        self.write_failed(failure.into(), now);
    }

    fn write_failed(&mut self, failure: TransportFailure, now: Timestamp) {
        let now = self.enter(now);
        if self.phase() == Phase::Ended {
            return;
        }
        self.note_overdue(now);
        match self.expect_close(Initiator::Transport, now).write_failed(failure) {
            Some(trigger) => self.step(trigger, now),
            None => self.settle(now),
        }
    }

    /// The transport has accepted `bytes` more bytes of the output.
    ///
    /// The output is counted from the connection's first byte on; more than is pending counts as
    /// all of it.
    #[inline]
    pub fn handle_flushed(&mut self, bytes: usize, now: Timestamp) {
        let now = self.enter(now);
        let bytes = self.sender.pending().min(bytes as u64);
        if bytes == 0 {
            return;
        }
        let flushed_to = self.sender.flushed(bytes, now);
        self.heartbeat.flushed(flushed_to, now);
        self.peer_pings.flushed(flushed_to, now);
        if self.closing.is_some() && self.phase() != Phase::Ended {
            self.close_flushed(now);
        }
    }

    /// Bytes came below the connection of which it gets nothing yet: the peer is there.
    #[cfg(feature = "rustls")]
    pub(crate) fn note_received(&mut self, now: Timestamp) {
        self.enter(now);
        if self.phase() != Phase::Ended {
            self.times.bytes_received();
        }
    }

    /// The transport takes what is below the output, if not yet all of any piece of it.
    #[cfg(feature = "rustls")]
    pub(crate) fn note_flushing(&mut self, now: Timestamp) {
        let now = self.enter(now);
        self.sender.flushing(now);
    }

    /// Ends once all has left that was accepted before the peer's stream ended.
    fn drain(&mut self, now: Timestamp) {
        if self.is_draining() && self.sender.is_flushed() {
            self.step(Trigger::TransportDone, now);
        }
    }

    fn close_flushed(&mut self, now: Timestamp) {
        let Some(closing) = &mut self.closing else { return };
        if closing.is_draining() {
            return self.drain(now);
        }
        if !closing.close_flushed(self.sender.flushed_to()) {
            return;
        }
        match closing.nothing_to_write() {
            Some(trigger) => self.step(trigger, now),
            None => self.settle(now),
        }
    }

    fn begin_close(&mut self, frame: CloseFrame, cause: Option<Cause>, now: Timestamp) {
        let trigger = self.expect_close(Initiator::Local, now).close(frame, cause);
        self.step(trigger, now);
    }

    fn close_received(&mut self, frame: CloseFrame, now: Timestamp) {
        let truncated_message = self.receiver.in_message();
        let last = self.times.last_frame().max(self.sender.last_flushed());
        let received = CloseReceived { at: now, quiet: now.since(last) };
        let peer = PeerClose { frame, truncated_message, received };
        let trigger = self.expect_close(Initiator::Peer, now).peer_closes(peer);
        self.step(trigger, now);
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 section 7.1.7).
    fn fail(&mut self, fault: Fault, now: Timestamp) {
        let first = self.receiver.header_begun();
        let closing = self.expect_close(Initiator::Local, now);
        closing.unexpected = first;
        let trigger = closing.fail(fault);
        self.step(trigger, now);
    }

    fn give_up(&mut self, cause: Cause, trigger: Trigger, now: Timestamp) {
        if self.phase() != Phase::Ended {
            self.closing_mut(Initiator::Local).give_up(cause);
            self.step(trigger, now);
        }
    }

    /// Takes a step to another phase, and does what belongs to being there.
    fn step(&mut self, trigger: Trigger, now: Timestamp) {
        let before = self.closing_mut(Initiator::Local).step(trigger);
        if !self.receives() {
            if let Some(position) = self.receiver.stop() {
                self.closing_mut(Initiator::Local).stopped = Some((before, position));
            }
        }
        if self.phase() == Phase::Ended && before != Phase::Ended {
            let mut evidence = self.evidence();
            evidence.ended = now;
            let messages = self.sender.messages_pending();
            self.closing_mut(Initiator::Local).finish(evidence, messages);
        }
        self.settle(now);
    }

    /// Once a connection lingers and no Close of ours waits, the transport is given up at the
    /// linger timeout at the latest.
    fn settle(&mut self, now: Timestamp) {
        let Some(closing) = &mut self.closing else { return };
        if closing.phase() == Phase::Lingering && !closing.ours.is_pending() {
            closing.begin_linger(self.config.timeouts.linger, now);
        }
    }

    /// The closing handshake begins, or is to be over without one.
    fn expect_close(&mut self, initiator: Initiator, now: Timestamp) -> &mut Closing {
        let close_by = now + self.config.timeouts.close;
        let closing = self.closing_mut(initiator);
        closing.expect_close_by(close_by);
        closing
    }

    fn closing_mut(&mut self, initiator: Initiator) -> &mut Closing {
        Closing::of(&mut self.closing, initiator)
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

    #[test]
    fn an_event_without_input_is_announced() {
        let now = Timestamp::ZERO;
        let config = Config::default();
        let mut client = Connection::new(Role::Client, config, Seed::new([1; 32]), now);
        let nothing = &mut &mut [][..];
        // A text that ends inside a character.
        let mut text = [0x81, 0x01, 0xc3];
        assert!(matches!(client.poll_event(&mut &mut text[..], now), Some(Event::Data(_))));
        assert_eq!((client.has_event(), client.phase()), (true, Phase::Open));
        assert!(client.poll_event(nothing, now).is_none());
        assert_eq!((client.has_event(), client.phase()), (false, Phase::Lingering));
        client.abort(now);
        assert!(client.has_event());
        assert!(matches!(client.poll_event(nothing, now), Some(Event::Ended(_))));
        assert!(!client.has_event());
    }
}
