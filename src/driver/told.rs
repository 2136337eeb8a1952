//! What came of a step, and what time it is.

use alloc::boxed::Box;

use super::Driver;
use super::unparsed::Unparsed;
use crate::report::{ReadClosed, ReadEnd, TransportError, TransportFailure};
use crate::time::Timestamp;

impl Driver {
    /// The stream has taken `len` bytes of the output. None at all is a failure.
    #[inline]
    pub fn handle_written(&mut self, len: usize, now: Timestamp) {
        if len == 0 {
            let failure = self.security.write_failure().unwrap_or(TransportError::BrokenPipe);
            return self.handle_write_failed(failure, now);
        }
        self.tell(now);
        (self.calm, self.unflushed) = (false, true);
        match self.security.written(len) {
            0 => self.note_flushing(),
            plaintext => self.session.handle_flushed(plaintext, now),
        }
        if self.settings.writes_wait && !self.settings.reads_may_last {
            self.turn.has_written(self.now);
        }
        self.stale |= self.read_closed;
    }

    /// The stream takes nothing at present.
    pub fn handle_write_blocked(&mut self) {
        self.turn.has_refused();
    }

    /// The stream will take nothing any more. Reading goes on: the peer's Close may be waiting.
    pub fn handle_write_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        self.tell(now);
        self.write_failed = true;
        self.unflushed = false;
        self.security.forget_output();
        // Where TLS has failed already, it is our alert that cannot leave: that says less.
        if self.security.deadline().is_none() {
            self.session.handle_write_failed(failure, now);
        }
        self.poll_unparsed();
        (self.calm, self.stale) = (false, true);
    }

    /// The stream holds nothing back any more, after [`Step::Flush`](super::Step::Flush).
    pub fn handle_flushed(&mut self) {
        self.unflushed = false;
    }

    /// These bytes were read.
    #[inline]
    pub fn handle_read(&mut self, input: &mut [u8], now: Timestamp) {
        // The order of bytes is kept although nothing should be there.
        if !self.unparsed.is_empty() {
            self.poll_unparsed();
        }
        self.tell(now);
        self.turn.has_read(self.now);
        self.calm &= !self.session.is_due(now);
        if self.security.is_on() {
            self.read_ciphertext(input);
        } else if self.unparsed.is_empty() {
            self.poll(input);
        } else {
            self.calm = false;
            self.unparsed.keep(input, &self.session);
        }
    }

    /// `len` bytes were read into [`spare_mut`](Self::spare_mut).
    pub fn handle_filled(&mut self, len: usize, now: Timestamp) {
        self.tell(now);
        self.turn.has_read(self.now);
        self.session.handle_filled(len, now);
        (self.calm, self.stale) = (false, true);
    }

    /// There is nothing to read at present.
    pub fn handle_read_blocked(&mut self) {
        self.turn.read_tried = self.turn.read_asked;
        self.turn.read_blocked = true;
    }

    /// Nothing will be read any more. An end in order takes effect once everything before it was
    /// handed out; what was accepted until then still leaves, within the close timeout.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        self.read_ended(how.into(), now);
    }

    /// Nothing will be read any more, and the stream said why.
    pub fn handle_read_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        self.read_ended(failure.into().into(), now);
    }

    fn read_ended(&mut self, end: ReadEnd, now: Timestamp) {
        self.poll_unparsed();
        self.tell(now);
        self.calm = false;
        if let Some(end) = self.end_ciphertext(end) {
            self.close_reading(end);
        }
    }

    /// Nothing will be taken in any more.
    pub(super) fn close_reading(&mut self, end: ReadEnd) {
        self.poll_unparsed();
        (self.calm, self.read_closed) = (false, true);
        self.ended_behind = Some(Box::new(end));
        let failed = end.failure.is_some() || matches!(end.how, ReadClosed::Failed(_));
        if failed || self.ready.is_empty() {
            self.tell_ended();
        }
    }

    /// Tells the session that the peer's stream has ended, if that was kept from it.
    pub(super) fn tell_ended(&mut self) -> bool {
        let Some(end) = self.ended_behind.take() else { return false };
        self.session.read_ended(*end, self.now);
        (self.calm, self.stale) = (false, true);
        true
    }

    /// The stream may have become ready: what was blocked is tried again.
    pub fn handle_ready(&mut self) {
        self.turn.restart();
    }

    /// It is so late. Deadlines that have passed take effect once what is there was read.
    ///
    /// Harmless at any time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.tell(now);
        if self.session.is_due(now) {
            self.calm = false;
            self.handle_ready();
        }
    }

    /// Time runs forwards, and what was tried before was tried too early.
    #[inline]
    pub(super) fn tell(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.without_time = 0;
    }

    /// Ends the connection without a word. What was read and not handed out is dropped.
    pub fn abort(&mut self, now: Timestamp) {
        self.tell(now);
        self.security.forget_output();
        self.session.abort(now);
        self.ended_behind = None;
        self.ready.clear();
        self.unparsed = Unparsed::default();
        self.handing.forget();
        (self.calm, self.stale) = (false, true);
    }
}
