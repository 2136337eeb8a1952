//! What can be asked of a driver, and given to its session.

#[cfg(feature = "std")]
use bytes::Buf;

#[cfg(feature = "std")]
use super::turn::Turn;
use super::{Driver, WRITE_SOON};
use crate::report::{Termination, TlsFacts};
#[cfg(doc)]
use crate::session::SessionEvent;
use crate::session::{Outgoing, SendRefused, Session};
use crate::time::Timestamp;

impl Driver {
    /// The session, for its getters.
    #[must_use]
    #[inline]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session, for its commands: to send, to close, to accept a request.
    ///
    /// What the `handle_` methods and [`next`](Self::next) do for it, they have to do alone.
    pub fn session_mut(&mut self) -> &mut Session {
        (self.calm, self.stale) = (false, true);
        &mut self.session
    }

    /// Queues a message; see [`Session::send`].
    ///
    /// # Errors
    ///
    /// The message, with the reason why it was not accepted.
    #[inline]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'m>> {
        let result = self.session.send(message, now);
        self.has_queued(now);
        result
    }

    /// As [`send`](Self::send), if the message is accepted, framed at once and copied. Returns whether
    /// it is.
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn send_direct(&mut self, message: &Outgoing<'_>, now: Timestamp) -> bool {
        let sent = self.session.feed_direct(message, now);
        if sent {
            self.has_queued(now);
        }
        sent
    }

    /// A message was queued, or was not: what was read with the one that it answers is still handed
    /// out at once.
    #[inline]
    fn has_queued(&mut self, now: Timestamp) {
        self.tell(now);
        self.queued = true;
        self.calm = self.calm && !self.unparsed.is_empty() && !self.has_to_turn();
    }

    /// Whether a write or a deadline comes before the next message that was read.
    #[inline]
    fn has_to_turn(&self) -> bool {
        self.session.is_due(self.now) || self.writes_soon()
    }

    /// Whether so much is queued that it is written before anything else is handed out.
    #[inline]
    pub(super) fn writes_soon(&self) -> bool {
        self.session.pending_output() >= WRITE_SOON
    }

    /// The latest time that was told.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What the Ping or the Pong says that was handed out last, with [`SessionEvent::Ping`] or
    /// [`SessionEvent::Pong`]. The session's own getters have the latest that was read, which can be a
    /// later one.
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.ready.control_payload()
    }

    /// The report, once the connection has ended.
    #[must_use]
    #[inline]
    pub fn ended(&self) -> Option<&Termination> {
        self.ready.ended()
    }

    /// What is known of the TLS below, where this driver speaks it.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.security.facts()
    }

    /// Whether there is anything to hand out, to write or to shut down.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_work(&mut self) -> bool {
        self.stale
            || !self.ready.is_empty()
            || self.ready.has_ended()
            || self.wants_write()
            || (self.shut_down.is_none() && self.session.wants_shutdown())
    }

    /// Exchanges what this driver's executor has tried for what another one has.
    #[cfg(feature = "std")]
    pub(crate) fn swap_turn(&mut self, turn: &mut Turn) {
        core::mem::swap(&mut self.turn, turn);
    }

    /// Whether an event would be handed out before anything is read.
    #[cfg(feature = "std")]
    pub(crate) fn has_incoming(&self) -> bool {
        (!self.ready.is_empty() && !self.session.is_due(self.now)) || self.ready.has_ended()
    }

    /// Copies the beginning of the output. Returns how much of it.
    #[cfg(feature = "std")]
    pub(crate) fn copy_output(&mut self, memory: Option<&mut [u8]>) -> usize {
        let memory = memory.unwrap_or_default();
        if !self.wants_write() {
            return 0;
        }
        let mut output = self.output();
        let len = output.remaining().min(memory.len());
        output.copy_to_slice(memory.get_mut(..len).unwrap_or_default());
        len
    }
}
