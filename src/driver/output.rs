//! What there is to be written, be it the session's or what TLS says below it.

use super::Driver;
use crate::connection::SendError;
use crate::session::Output;

impl Driver {
    /// What there is to be written, after [`Step::Write`](super::Step::Write).
    #[inline]
    pub fn output(&mut self) -> Output<'_> {
        self.security.output(&mut self.session)
    }

    /// Memory to read into after [`Step::Read`](super::Step::Read), if it is not empty: that of a large
    /// message, which is then copied no more.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        if self.security.is_on() { &mut [] } else { self.session.spare_mut() }
    }

    /// Whether something can be written.
    pub(super) fn wants_write(&mut self) -> bool {
        if self.security.is_on() {
            return self.security.wants_write(&mut self.session, self.ready.has_ended());
        }
        !self.ready.has_ended() && self.session.has_output()
    }

    /// Whether something is left to write, be it that it cannot be yet.
    pub(super) fn has_output(&mut self) -> bool {
        !self.ready.has_ended() && self.session.has_output() || self.wants_write()
    }

    /// Whether everything that was queued is with the transport.
    ///
    /// # Errors
    ///
    /// Why it never will be.
    pub fn flushed(&mut self) -> Result<bool, SendError> {
        match self.failed() {
            Some(error) => Err(error),
            None => Ok(!self.has_output() && !self.unflushed),
        }
    }

    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.ready.has_ended() || self.write_failed
    }

    /// Why nothing that is queued will ever leave, if that is so.
    #[must_use]
    #[inline]
    pub fn failed(&self) -> Option<SendError> {
        if self.ready.has_ended() {
            Some(SendError::Ended)
        } else {
            self.write_failed.then_some(SendError::WriteFailed)
        }
    }

    /// Whether the end is to be said below the session, too, before the stream is shut down.
    pub(super) fn says_goodbye(&mut self) -> bool {
        let says = self.security.is_on()
            && self.shut_down.is_none()
            && !self.write_failed
            && (self.ready.has_ended() || self.session.wants_shutdown())
            && self.security.close(self.ready.ended());
        if says {
            // It is tried, whatever the stream has said to somebody before: there is no later.
            self.turn.write_blocked = false;
        }
        says
    }
}
