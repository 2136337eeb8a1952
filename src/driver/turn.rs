//! What was tried in the present turn.

use crate::time::Timestamp;

/// What one executor has tried since it last waited.
///
/// Where two threads share a driver, each has one of its own: what one of them leaves to the other
/// is not blocked for that one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turn {
    /// Nothing was there to read.
    pub(crate) read_blocked: bool,
    /// The time that was told when a read was last asked for.
    pub(super) read_asked: Option<Timestamp>,
    /// The same of the read that was tried last: only what it did not find is not there, however
    /// late it is by now.
    pub(super) read_tried: Option<Timestamp>,
    /// The stream took nothing.
    pub(crate) write_blocked: bool,
    /// Reads that brought something since then.
    pub(super) reads: u8,
}

impl Turn {
    /// After so many reads that brought something, a write that was blocked is tried again: a peer
    /// that always has more to read does not keep us from writing.
    const READS: u8 = 16;

    pub(super) fn has_read(&mut self, now: Timestamp) {
        self.read_tried = Some(now);
        self.reads = self.reads.saturating_add(1);
        if self.reads >= Self::READS {
            self.write_blocked = false;
        }
    }
}
