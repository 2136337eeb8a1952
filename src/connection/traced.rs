//! What a connection shows to `tracing`, and what it says there when it is dropped.

use tracing::Span;

use super::Connection;

impl Connection {
    /// The connection's span, of target `farewell` and level `INFO`, with feature `tracing`: a
    /// disabled one once the report was given out.
    ///
    /// Its field `role` is set. Record `peer` and `path` where they are known, or enter it to have
    /// events of your own in it.
    #[must_use]
    pub fn span(&self) -> Span {
        self.trace.span()
    }
}

/// One that is dropped before its report was taken says in its span what that report is: as
/// [`abort`](Connection::abort) has it, unless the end had come before.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.trace.is_open() {
            let now = self.times.now();
            self.abort(now);
            drop(self.poll_event(&mut &mut [][..], now));
        }
    }
}
