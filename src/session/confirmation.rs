//! Pings whose Pongs show what the peer has read.
//!
//! Invariant: such a Ping lies in the output behind the last frame of every message that its Pong
//! confirms. One is queued where messages are that no Ping under way can confirm: once in a round
//! trip, however many messages there are.

use super::Session;
use super::ledger::Piece;
use super::send_queue::SendQueue;
use crate::connection::{Connection, SendError};
use crate::reconnect::{Kept, OutboxLimit};
use crate::time::Timestamp;

impl Session {
    /// As [`keep_unsent`](Self::keep_unsent), but each message is logged until a Pong has shown that
    /// the peer has read past it. What the transport has accepted may be lost between it and the
    /// peer; such a message then comes back, too, as one that has [left](crate::Unsent::left).
    ///
    /// The session pings by itself, behind the first message of which no Ping would tell and then once
    /// in a round trip at most, independently of the heartbeat. Once `limit` is reached, messages are
    /// refused with [`SendError::Full`] until some are confirmed.
    ///
    /// A Pong shows that the peer's WebSocket endpoint has read the Ping, and so all that lies before
    /// it. It does not show that the peer's application has handled a message, and behind a proxy that
    /// speaks WebSocket itself it may be the proxy's. Where that matters, let the application answer.
    ///
    /// Of a session that is not open yet, nothing is logged: call it behind
    /// [`SessionEvent::Open`](crate::SessionEvent::Open).
    ///
    /// ```
    /// use farewell::handshake::Negotiated;
    /// use farewell::reconnect::OutboxLimit;
    /// use farewell::{Config, Role, Seed, Session, SessionEvent, Timestamp};
    ///
    /// let now = Timestamp::ZERO;
    /// let negotiated = Negotiated::default();
    /// let seed = Seed::new([1; 32]);
    /// let mut session = Session::upgraded(Role::Client, negotiated, Config::default(), seed, now);
    /// session.keep_unconfirmed(OutboxLimit::default());
    /// session.send("one", now)?;
    /// session.handle_flushed(usize::MAX, now);
    /// // The transport has it, and its Ping. Then all is over, and who knows what has arrived?
    /// session.abort(now);
    /// let Some(SessionEvent::Ended(_)) = session.poll_event(&mut &mut [][..], now) else { panic!() };
    /// let unsent = session.take_unsent();
    /// assert!(unsent.len() == 1 && unsent[0].left);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn keep_unconfirmed(&mut self, limit: OutboxLimit) {
        if let Ok(connection) = self.stage.open_mut() {
            self.send_queue.keep_unconfirmed(limit, connection.nonce());
        }
    }

    /// What [`take_unsent`](Self::take_unsent) would hand back.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.send_queue.kept()
    }

    /// Queues a Ping with a payload that nobody can predict, and returns that.
    pub(crate) fn check(&mut self, now: Timestamp) -> Result<[u8; 8], SendError> {
        if self.send_queue.is_full_of_frames() && self.is_writable() {
            return Err(SendError::Full);
        }
        self.send_queue.add_check(self.stage.open_mut()?, now)
    }

    /// A Pong came.
    pub(super) fn note_pong(&mut self, is_heartbeat: bool) {
        if let Some(connection) = self.stage.connection_mut() {
            self.send_queue.handle_pong(is_heartbeat, connection);
        }
    }
}

impl SendQueue {
    /// As [`keep_unsent`](Self::keep_unsent), until Pongs confirm them.
    pub(super) fn keep_unconfirmed(&mut self, limit: OutboxLimit, nonce: u64) {
        self.keep_unsent();
        if let Some(log) = &mut self.unsent {
            log.confirm(limit, nonce);
        }
    }

    /// What can be handed back.
    pub(super) fn kept(&self) -> Kept {
        self.unsent.as_ref().map_or(Kept::default(), |log| log.kept())
    }

    /// Whether so much is unconfirmed that no message is accepted.
    #[inline]
    pub(super) fn is_full_of_unconfirmed(&self) -> bool {
        self.unsent.as_ref().is_some_and(|log| log.is_full())
    }

    /// Queues a Ping whose Pong is waited for, and which confirms what is framed, where that is asked
    /// for. Returns its payload.
    pub(super) fn add_check(
        &mut self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<[u8; 8], SendError> {
        connection.check_open()?;
        let unframed = self.unframed_messages();
        let confirms = self.unsent.as_mut().and_then(|log| log.ping(unframed));
        let payload = confirms.unwrap_or_else(|| connection.nonce().to_be_bytes());
        self.output.write(Piece::Control, |out| connection.ping(&payload, out, now))?;
        Ok(payload)
    }

    /// Queues the Ping that confirms what was framed, where one is due.
    #[inline]
    pub(super) fn ping_if_due(&mut self, connection: &mut Connection) {
        let unframed = self.unframed_messages();
        if self.unsent.as_ref().is_some_and(|log| log.wants_ping(unframed)) {
            self.confirm(connection);
        }
    }

    /// Before a Close, behind which there can be none.
    pub(super) fn ping_before_close(&mut self, connection: &mut Connection) {
        let unframed = self.unframed_messages();
        if self.unsent.as_ref().is_some_and(|log| log.wants_last_ping(unframed)) {
            self.confirm(connection);
        }
    }

    #[cold]
    #[inline(never)]
    fn confirm(&mut self, connection: &mut Connection) {
        // Refused once the connection closes: then there is no confirmation any more.
        let _ = self.add_check(connection, Timestamp::ZERO);
    }

    /// A Pong came, which may confirm messages: then the next Ping may be due.
    pub(super) fn handle_pong(&mut self, is_heartbeat: bool, connection: &mut Connection) {
        let Some(log) = &mut self.unsent else { return };
        if log.handle_pong(connection.pong_payload(), is_heartbeat) {
            self.confirm(connection);
        } else {
            self.ping_if_due(connection);
        }
    }
}
