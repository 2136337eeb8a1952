//! The peer's Pings: when the latest came, and how far our Pong for it has got.

use crate::report;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pong {
    /// No Ping has come.
    None,
    /// It was not written into the output.
    Due,
    /// It was; `mark` is the offset at which it ends.
    Written,
    /// The transport has accepted it; `mark` is when that was, in nanoseconds.
    Flushed,
}

#[derive(Debug)]
pub(super) struct PeerPings {
    received: u32,
    pong: Pong,
    last: Timestamp,
    mark: u64,
}

impl PeerPings {
    pub(super) fn new() -> Self {
        Self { received: 0, pong: Pong::None, last: Timestamp::ZERO, mark: 0 }
    }

    pub(super) fn received(&mut self, now: Timestamp) {
        self.received = self.received.saturating_add(1);
        self.pong = Pong::Due;
        self.last = now;
    }

    /// The Pong for the latest was written into the output and ends at the offset `mark`.
    pub(super) fn answered(&mut self, mark: u64) {
        self.pong = Pong::Written;
        self.mark = mark;
    }

    /// The transport has accepted the output up to `flushed`.
    #[inline]
    pub(super) fn flushed(&mut self, flushed: u64, now: Timestamp) {
        if self.pong == Pong::Written && flushed >= self.mark {
            self.pong = Pong::Flushed;
            self.mark = now.as_nanos();
        }
    }

    pub(super) fn report(&self) -> report::PeerPings {
        report::PeerPings {
            received: self.received,
            last: (self.received > 0).then_some(self.last),
            answered: (self.pong == Pong::Flushed).then(|| Timestamp::from_nanos(self.mark)),
        }
    }
}
