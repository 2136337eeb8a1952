//! What whoever makes messages of the pieces tells the connection.

use super::Connection;
use super::receive::Fault;
use crate::time::Timestamp;
use crate::wire::violation::Violation;

impl Connection {
    /// Fails the connection for text that its receiver could not take for UTF-8.
    pub(crate) fn fail_text(&mut self, now: Timestamp) {
        let offset = self.receiver.bytes();
        let now = self.advance(now);
        self.fail(Fault { rule: Violation::InvalidUtf8, offset }, now);
    }

    /// Lets messages be compressed: an extension was negotiated that says how.
    pub(crate) fn allow_compressed(&mut self) {
        self.receiver.allow_compressed();
    }

    /// Fails the connection for a compressed message, right after a piece of it.
    ///
    /// How far the rest of the message could be read when that was seen depends on how the input
    /// was cut, so the whole payload of the frame counts as thrown away.
    pub(crate) fn fail_compressed(&mut self, rule: Violation, now: Timestamp) {
        let now = self.advance(now);
        let thrown_away = self.receiver.give_back_payload();
        let offset = self.receiver.bytes();
        self.fail(Fault { rule, offset }, now);
        self.throw_away(thrown_away, now);
    }
}
