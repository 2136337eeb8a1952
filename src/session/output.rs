//! A session's output, as a transport writes from it.

use bytes::Buf;

use super::output_buffer::OutputBuffer;

/// What a [`Session`](crate::Session) has to send, as a [`Buf`] for plain or vectored writes.
///
/// It borrows: advancing it takes nothing out of the session. Report what the transport has
/// accepted with [`Session::handle_flushed`](crate::Session::handle_flushed).
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    buffer: &'a OutputBuffer,
    /// The offset in the coalesced bytes.
    small: usize,
    /// The large segment that comes next, and how many of its bytes were skipped.
    index: usize,
    behind: usize,
    /// Coalesced bytes before that segment.
    before: usize,
    remaining: usize,
}

impl<'a> Output<'a> {
    #[inline]
    pub(crate) fn new(buffer: &'a OutputBuffer) -> Self {
        let before = buffer.large.front().map_or(0, |large| large.before);
        let remaining = buffer.len();
        Self { buffer, small: buffer.done, index: 0, behind: 0, before, remaining }
    }

    /// The same, with nothing left.
    pub(super) fn end(self) -> Self {
        Self { remaining: 0, ..self }
    }

    /// The bytes at the front, as far as they lie together; none only at the end.
    #[inline]
    pub(crate) fn front(&self) -> &'a [u8] {
        let buffer = self.buffer;
        let bytes = match buffer.large.get(self.index) {
            Some(_) if self.before > 0 => buffer.small.get(self.small..self.small + self.before),
            Some(large) => large.bytes.get(self.behind..),
            None => buffer.small.get(self.small..),
        };
        let bytes = bytes.unwrap_or_default();
        bytes.get(..self.remaining).unwrap_or(bytes)
    }
}

impl Buf for Output<'_> {
    #[inline]
    fn remaining(&self) -> usize {
        self.remaining
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.front()
    }

    /// Skips `count` bytes, or all that are left if those are fewer.
    fn advance(&mut self, count: usize) {
        let mut left = count.min(self.remaining);
        self.remaining -= left;
        while left > 0 {
            let Some(large) = self.buffer.large.get(self.index) else {
                self.small += left;
                return;
            };
            let small = left.min(self.before);
            self.before -= small;
            self.small += small;
            left -= small;
            let step = left.min(large.bytes.len() - self.behind);
            self.behind += step;
            left -= step;
            if self.behind == large.bytes.len() {
                self.index += 1;
                self.behind = 0;
                self.before = self.buffer.large.get(self.index).map_or(0, |large| large.before);
            }
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'b>(&'b self, slices: &mut [std::io::IoSlice<'b>]) -> usize {
        let mut view = *self;
        let mut count = 0;
        for slice in slices {
            let front = view.front();
            if front.is_empty() {
                break;
            }
            *slice = std::io::IoSlice::new(front);
            view.advance(front.len());
            count += 1;
        }
        count
    }
}
