//! What an executor asks whose reads and writes wait: for how long they may.

use core::time::Duration;

use super::Driver;
#[cfg(doc)]
use super::WRITE_SLICE;
use crate::time::Timestamp;

impl Driver {
    /// Says that a write waits where the stream is full. Reading gets its turn after
    /// `WRITE_SLICE`, unless [it might not give it back](Self::reads_may_last).
    pub(crate) fn writes_wait(mut self) -> Self {
        self.settings.writes_wait = true;
        self
    }

    /// A call begins that is over at this time, if at any. Then [`Step::Done`](super::Step::Done)
    /// says so, whatever is wanted.
    ///
    /// Where there is no time from the beginning on, one read is tried, unless it may last. A
    /// deadline waits for a read, so it takes effect with a call that has time for one.
    #[inline]
    pub(crate) fn begin(&mut self, until: Option<Timestamp>, now: impl FnOnce() -> Timestamp) {
        let late = until.is_some_and(|until| until <= now());
        self.turn.begin(until, late && self.settings.reads_may_last);
        self.handle_ready();
    }

    /// How long the read may wait that was asked for, where it is so late now. The next one is asked
    /// for only if the call is not over: a peer that always has more to read does not keep it.
    pub(crate) fn read_timeout(&mut self, now: Timestamp) -> Option<Duration> {
        let until = self.turn.will_wait(now);
        if self.turn.write_blocked {
            // The stream is tried again as soon as nothing more is there.
            return Some(Duration::ZERO);
        }
        let deadline = self.session.poll_timeout();
        deadline.into_iter().chain(until).min().map(|at| at.since(now))
    }

    /// Whether what is read may be told only after the write that is under way: our Close is in it,
    /// and the peer's echo of one that is not known to have left would look like a Close of its own.
    pub(crate) fn write_comes_first(&self) -> bool {
        self.session.local_close().is_some_and(|close| !close.flushed)
    }
}
