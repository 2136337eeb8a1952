//! What can be seen of a session, and what it wants to be done.

use super::{Output, Session, Stage, at_either};
use crate::config::Config;
use crate::connection::Connection;
use crate::handshake::Negotiated;
use crate::report::{Evidence, HighWater, LocalClose, Phase, Stats};
use crate::time::{Timer, Timestamp};
use crate::wire::close::CloseFrame;
use crate::wire::role::Role;

impl Session {
    /// What there is to be written to the transport, as a [`Buf`](bytes::Buf).
    ///
    /// Write as much of it as the transport takes, report that with
    /// [`handle_flushed`](Self::handle_flushed), and ask again: there may be more.
    #[inline]
    pub fn output(&mut self) -> Output<'_> {
        let silent = !self.prepare_output();
        let output = self.send_queue.output();
        if silent { output.end() } else { output }
    }

    /// The same where [`has_output`](Self::has_output) has said just now that there is some.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn ready_output(&self) -> Output<'_> {
        let output = self.send_queue.output();
        if at_either!(&self.stage, at => at.is_silent()) { output.end() } else { output }
    }

    /// Whether there is anything to be written to the transport.
    #[inline]
    pub fn has_output(&mut self) -> bool {
        self.prepare_output() && self.send_queue.has_output()
    }

    /// Frames what waits, as much as should be ready. Returns whether anything may leave at all.
    #[inline(always)]
    fn prepare_output(&mut self) -> bool {
        match &self.stage {
            Stage::Open(connection) if self.send_queue.is_framed(connection) => true,
            _ => self.prepare_output_slow(),
        }
    }

    #[inline(never)]
    fn prepare_output_slow(&mut self) -> bool {
        if at_either!(&self.stage, at => at.is_silent()) {
            return false;
        }
        if let Some(connection) = self.stage.connection_mut() {
            self.send_queue.fill(connection);
        }
        true
    }

    /// Whether [`poll_event`](Self::poll_event) may have an event without any input.
    #[inline]
    pub(crate) fn has_event(&self) -> bool {
        self.looks_first() || at_either!(&self.stage, at => at.has_event())
    }

    /// Whether the end has begun, so that nothing is awaited any more but the peer's part in it: the
    /// echo of our Close, the end of its stream, the rest of a refusal's body.
    pub(crate) fn is_ending(&self) -> bool {
        at_either!(&self.stage, at => at.is_ending())
    }

    /// Whether a deadline has passed at this time.
    #[inline]
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        at_either!(&self.stage, at => at.is_due(now))
    }

    /// Bytes that are queued and that the transport has not accepted, framed or not.
    #[must_use]
    #[inline]
    pub fn pending_output(&self) -> usize {
        self.send_queue.pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// The next deadline, or a time before it which costs less and comes later than now.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn nothing_before(&self, now: Timestamp) -> Option<Timestamp> {
        match self.stage.connection() {
            Some(connection) => connection.nothing_before(now),
            None => self.poll_timeout(),
        }
    }

    /// The next deadline, and what it is for.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        at_either!(&self.stage, at => at.next_timer())
    }

    /// Whether to shut down the writing direction of the transport, once all output is written.
    ///
    /// Shut it down once, then go on reading until the peer's stream ends or the deadline comes,
    /// then close the transport. Closing it earlier may reset the connection and destroy our Close or
    /// our refusal on its way (RFC 6455 section 7.1.1).
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        at_either!(&self.stage, at => at.wants_shutdown())
    }

    /// How far the session has got.
    #[must_use]
    pub fn phase(&self) -> Phase {
        at_either!(&self.stage, at => at.phase())
    }

    /// Whether this is the client or the server.
    #[must_use]
    pub fn role(&self) -> Role {
        at_either!(&self.stage, at => at.role())
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        at_either!(&self.stage, at => at.config())
    }

    /// What was agreed on in the opening handshake; nothing before its end.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The payload of the latest Ping, after [`SessionEvent::Ping`](crate::SessionEvent::Ping).
    #[must_use]
    pub fn ping_payload(&self) -> &[u8] {
        self.stage.connection().map_or(&[], Connection::ping_payload)
    }

    /// The payload of the latest Pong, right after
    /// [`SessionEvent::Pong`](crate::SessionEvent::Pong).
    #[must_use]
    pub fn pong_payload(&self) -> &[u8] {
        self.stage.connection().map_or(&[], Connection::pong_payload)
    }

    /// The peer's Close, where it has come.
    #[must_use]
    pub fn peer_close(&self) -> Option<&CloseFrame> {
        self.stage.connection().and_then(Connection::peer_close)
    }

    /// Our Close, where one was queued.
    #[must_use]
    pub fn local_close(&self) -> Option<&LocalClose> {
        self.stage.connection().and_then(Connection::local_close)
    }

    /// What was done so far, in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = at_either!(&self.stage, at => Stats::new(at.phase(), &at.evidence()));
        stats.pending_output += self.send_queue.unframed() as u64;
        stats.message_memory = self.assembly.memory() as u64;
        stats.high_water = HighWater {
            pending_output: self.send_queue.peak() as u64,
            message_memory: self.assembly.memory_peak() as u64,
        };
        stats
    }

    /// What was seen so far; `ended` is the time of the latest call.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let mut evidence = at_either!(&self.stage, at => at.evidence());
        evidence.pending_output += self.send_queue.unframed() as u64;
        evidence.carrier = self.negotiated.carrier();
        evidence
    }
}
