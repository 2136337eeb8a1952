//! What lies behind a final block: what came before it, and the stream that begins after it.
//!
//! A final block ends zlib's stream, and with it the window, to which what follows may refer. Nearly
//! nobody does. So the window is filled in again only once a reference needs it: until then, what
//! came of the new stream is recorded, to be inflated once more.
//!
//! Invariant: no more than [`RECORDED`] bytes are recorded and no more than a window of history is
//! held; and filling windows in copies no more than what [`Past::pay`] allows for the bytes that came, or
//! than has come out of them since.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::WINDOW;
use super::inflater::{Outcome, last_window};
use crate::wire::utf8::Utf8Validator;
use crate::wire::violation::Violation;

/// Compressed bytes of a stream that are recorded at most. Beyond them the window is filled in,
/// whether it is needed or not: it costs little against so many bytes.
pub(super) const RECORDED: usize = 1024;

/// Bytes that may be copied to fill windows in, for each compressed byte: as much work as a byte of
/// an uncompressed message makes.
const COPIES: u64 = 256;

/// What filling a window in costs beside the copy, in bytes copied.
const RESET: u64 = 1024;

/// What an inflater knows of a peer that has sent a final block.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The end of the messages before this one. What came before the first final block is not
    /// among it: it is not stored for peers without such blocks, which are nearly all.
    history: VecDeque<u8>,
    stream: Stream,
    /// What filling windows in has cost so far.
    paid: u64,
}

/// Where the inflater stands in a stream.
#[derive(Debug, Default)]
enum Stream {
    /// Behind its end; another begins with the next byte.
    #[default]
    Ended,
    /// In one that knows nothing of what came before it.
    Alone(Record),
    /// In one whose window is complete.
    Whole,
}

/// A stream that may have to be inflated once more: how it began, and its bytes.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) begun: Outcome,
    pub(super) utf8: Utf8Validator,
    pub(super) input: Vec<u8>,
}

impl Past {
    /// A final block has ended the stream.
    pub(super) fn end_stream(&mut self) {
        self.stream = Stream::Ended;
    }

    /// Whether the next byte begins another stream.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.stream, Stream::Ended)
    }

    /// Another stream begins.
    pub(super) fn begin_stream(&mut self, begun: Outcome, utf8: Utf8Validator) {
        let first = self.history.is_empty() && begun.len == 0;
        self.stream = match first {
            true => Stream::Whole,
            false => Stream::Alone(Record { begun, utf8, input: Vec::new() }),
        };
    }

    /// How many more bytes are recorded of a stream that stands alone.
    pub(super) fn record_room(&self) -> Option<usize> {
        match &self.stream {
            Stream::Alone(record) => Some(RECORDED.saturating_sub(record.input.len())),
            Stream::Ended | Stream::Whole => None,
        }
    }

    /// Where in memory the stream begins that may have to be inflated once more, if there is one.
    pub(super) fn alone_from(&self) -> Option<usize> {
        match &self.stream {
            Stream::Alone(record) => Some(record.begun.len),
            Stream::Ended | Stream::Whole => None,
        }
    }

    /// So many bytes before it are no longer in memory.
    pub(super) fn drop_front(&mut self, count: usize) {
        if let Stream::Alone(record) = &mut self.stream {
            record.begun.len -= count.min(record.begun.len);
        }
    }

    /// Records bytes that were taken.
    pub(super) fn record(&mut self, taken: &[u8]) {
        if let Stream::Alone(record) = &mut self.stream {
            record.input.extend_from_slice(taken);
        }
    }

    /// The stream needs what came before it, and is to be inflated once more; from now on its window
    /// is complete.
    pub(super) fn complete_stream(&mut self) -> Option<Record> {
        match core::mem::replace(&mut self.stream, Stream::Whole) {
            Stream::Alone(record) => Some(record),
            Stream::Ended | Stream::Whole => None,
        }
    }

    /// Counts what it costs to fill in a window that ends with `message`, against `received`
    /// compressed bytes; or says that it is too much.
    pub(super) fn pay(&mut self, message: &[u8], received: u64) -> Result<(), Violation> {
        let copied = (self.history.len() + message.len()).min(WINDOW) as u64;
        self.paid = self.paid.saturating_add(RESET + copied);
        let allowed = (RESET + WINDOW as u64).saturating_add(received.saturating_mul(COPIES));
        if self.paid > allowed { Err(Violation::TooManyFinalBlocks) } else { Ok(()) }
    }

    /// The parts of the window that ends with `message`, in their order.
    pub(super) fn window<'a>(&'a self, message: &'a [u8]) -> [&'a [u8]; 3] {
        let own = last_window(message);
        let (one, two) = self.history.as_slices();
        let skipped = (self.history.len() + own.len()).saturating_sub(WINDOW);
        let part = |bytes: &'a [u8], from: usize| bytes.get(from..).unwrap_or_default();
        [part(one, skipped), part(two, skipped.saturating_sub(one.len())), own]
    }

    /// A message is complete. Where its last stream stands alone, the next message begins another:
    /// between messages, a window is all that there is of a stream.
    pub(super) fn end_message(&mut self) {
        if let Stream::Alone(_) = self.stream {
            self.stream = Stream::Ended;
        }
    }

    /// The next message may refer to this one.
    pub(super) fn remember(&mut self, message: &[u8]) {
        let message = last_window(message);
        let overfull = (self.history.len() + message.len()).saturating_sub(WINDOW);
        self.history.drain(..overfull.min(self.history.len()));
        self.history.reserve_exact(message.len());
        self.history.extend(message);
    }
}
