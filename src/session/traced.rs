//! What a session shows to `tracing`, and what it says there when it is dropped.

use tracing::Span;

use super::Session;
use crate::time::Timestamp;

impl Session {
    /// The session's span, of target `farewell` and level `INFO`, with feature `tracing`: a
    /// disabled one once the report was handed out.
    ///
    /// Its fields are `role`; `path`, without the query, as soon as a request has it; and `peer`,
    /// on a client the host and port that were asked for. On a server `peer` is left to be
    /// recorded by who accepted the transport. Enter the span to have events of your own in it.
    ///
    /// ```
    /// use farewell::{Config, Seed, Session, Timestamp};
    ///
    /// let session = Session::server(Config::default(), Seed::new([1; 32]), Timestamp::ZERO);
    /// session.span().record("peer", "192.0.2.7:50123");
    /// ```
    #[must_use]
    pub fn span(&self) -> Span {
        self.trace.span()
    }
}

/// One that is dropped before its report was taken says in its span what that report is: as
/// [`abort`](Session::abort) has it, unless the end had come before.
impl Drop for Session {
    fn drop(&mut self) {
        if self.trace.is_open() {
            // Time that runs backwards counts as none.
            self.abort(Timestamp::ZERO);
            while self.poll_event(&mut &mut [][..], Timestamp::ZERO).is_some() {}
        }
    }
}
