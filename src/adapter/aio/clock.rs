//! A clock that stands still where tokio's does in a test.

use tokio::time::Instant;

use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    #[inline]
    pub(super) fn now(self) -> Timestamp {
        Timestamp::ZERO + Instant::now().saturating_duration_since(self.origin)
    }

    /// The instant, or `None` for one too far away to be waited for.
    pub(super) fn instant(self, at: Timestamp) -> Option<Instant> {
        self.origin.checked_add(at.since(Timestamp::ZERO))
    }
}
