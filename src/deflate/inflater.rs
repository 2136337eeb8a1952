//! Inflating: RFC 7692 section 7.2.2, piece by piece.
//!
//! Invariant: a message is judged in the order of its inflated bytes, each at the first compressed
//! byte from which it follows, so the verdict does not depend on how the input was cut. No byte
//! beyond a limit is stored.
//!
//! The window is always 32 KiB, whatever was agreed on: the memory is the same, and with a smaller
//! one it would depend on the cut whether a reference beyond it is found out.

use alloc::vec::Vec;
use core::fmt;
use core::panic::AssertUnwindSafe;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::compressor::TAIL;
use crate::wire::data::MessageKind;
use crate::wire::utf8::Utf8Validator;
use crate::wire::violation::Violation;

/// Memory for what comes out is taken in steps of at least and at most this size. Each step costs a
/// copy of the window, so that there should be few; and the last 260 bytes of each go slowly, so
/// that it is best to have more than needed.
const STEPS: [usize; 2] = [1536, 68 * 1024];

/// The size of the window.
const WINDOW: usize = 32 * 1024;

/// Final blocks that a message may have. After each, the window has to be filled in again.
const FINAL_BLOCKS: u32 = 1024;

/// Limits on what a message may inflate to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) message: u64,
    pub(super) ratio: u32,
    pub(super) ratio_free: u64,
}

impl Bounds {
    /// The most that may follow from `taken` compressed bytes, and the rule that says so.
    fn at(&self, taken: u64) -> (u64, Violation) {
        let warranted = taken.saturating_mul(self.ratio.into()).max(self.ratio_free);
        if self.message <= warranted {
            let len = self.message.saturating_add(1);
            (self.message, Violation::MessageTooBig { len, limit: self.message })
        } else {
            (warranted, Violation::InflationRatio { ratio: self.ratio })
        }
    }
}

/// An inflater, with what it knows of the message under way.
pub(super) struct Inflater {
    // As in the compressor, for the auto traits.
    inflate: AssertUnwindSafe<Inflate>,
    utf8: Utf8Validator,
    /// Compressed bytes of the message so far.
    taken: u64,
    final_blocks: u32,
    /// Whether a block was begun, so that the end of the message has to end it.
    in_block: bool,
    /// Once a final block has come: what is in the window before the message. It is not stored for
    /// peers without such blocks, which are nearly all, so what came before the first one is lost.
    history: Option<Vec<u8>>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            inflate: AssertUnwindSafe(Inflate::new(false, 15)),
            utf8: Utf8Validator::default(),
            taken: 0,
            final_blocks: 0,
            in_block: false,
            history: None,
        }
    }

    /// Forgets what was inflated before.
    pub(super) fn reset(&mut self) {
        self.inflate.reset(false);
        self.history = None;
        self.begin();
    }

    /// Forgets what it knows of a message, but for the window.
    fn begin(&mut self) {
        self.utf8 = Utf8Validator::default();
        self.taken = 0;
        self.final_blocks = 0;
        self.in_block = false;
    }

    /// Inflates a piece of the message behind what there is of it.
    pub(super) fn inflate(
        &mut self,
        piece: &[u8],
        kind: MessageKind,
        bounds: &Bounds,
        message: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let mut rest = piece;
        // At a limit, bytes are taken one by one, after a look at what follows without any.
        let mut looked = false;
        loop {
            let (limit, _) = bounds.at(self.taken);
            let open = limit.saturating_sub(message.len() as u64);
            let step = match open {
                0 => {
                    self.look(rest.get(..usize::from(looked)).unwrap_or_default(), bounds, message)
                }
                _ => self.step(rest, open, bounds, message),
            };
            rest = rest.get(step.taken..).unwrap_or_default();
            looked = open == 0 && !looked;
            step.verdict?;
            self.validate(kind, message.get(message.len() - step.made..).unwrap_or_default())?;
            match step.status? {
                Status::StreamEnd => self.next_stream(message)?,
                _ if rest.is_empty() && !step.full && !looked => return Ok(()),
                _ => {}
            }
        }
    }

    /// Inflates into as much room as is likely to be needed, within what is open.
    fn step(&mut self, input: &[u8], open: u64, bounds: &Bounds, message: &mut Vec<u8>) -> Step {
        let start = message.len();
        // Long texts have more in them that was there before.
        let factor = if input.len() < 2048 { 4 } else { 8 };
        // A few bytes behind a long message do not make it twice as long.
        let more = start.min(input.len().saturating_mul(64));
        let likely = input.len().saturating_mul(factor).max(more).clamp(STEPS[0], STEPS[1]);
        let room = usize::try_from(open).unwrap_or(usize::MAX).min(likely);
        reserve(message, room, bounds.message);
        message.resize(start + room, 0);
        let (taken, made, status) = self.run(input, &mut message[start..], InflateFlush::NoFlush);
        message.truncate(start + made);
        Step { taken, made, full: made == room, status, verdict: Ok(()) }
    }

    /// Inflates a byte at most, where no more is open: to see whether there is any, and whether
    /// what was taken for it opens more.
    fn look(&mut self, input: &[u8], bounds: &Bounds, message: &mut Vec<u8>) -> Step {
        let mut byte = [0];
        let (taken, made, status) = self.run(input, &mut byte, InflateFlush::NoFlush);
        let (limit, rule) = bounds.at(self.taken);
        let mut step = Step { taken, made, full: made == 1, status, verdict: Ok(()) };
        if step.full && message.len() as u64 >= limit {
            step.verdict = Err(rule);
        } else if step.full {
            reserve(message, 1, bounds.message);
            message.extend(byte);
        }
        step
    }

    /// Runs the inflater once: what it took, what it made, and what it said.
    fn run(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        flush: InflateFlush,
    ) -> (usize, usize, Result<Status, Violation>) {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, flush);
        let taken = self.inflate.total_in() - before_in;
        let made = self.inflate.total_out() - before_out;
        self.taken += taken;
        self.in_block |= taken > 0;
        (taken as usize, made as usize, status.map_err(|_| Violation::InvalidDeflate))
    }

    //= rfc7692#6.1
    //# At the receiver, the payload data portion after
    //# decompression is subject to the constraints for the original data
    //# type again.
    fn validate(&mut self, kind: MessageKind, made: &[u8]) -> Result<(), Violation> {
        match kind {
            MessageKind::Text => self.utf8.validate(made).map_err(|_| Violation::InvalidUtf8),
            MessageKind::Binary => Ok(()),
        }
    }

    /// A final block has ended; what follows begins anew, with the same window.
    //= rfc7692#7.2.1
    //# An endpoint MAY use both DEFLATE blocks with the "BFINAL" bit set
    //# to 0 and DEFLATE blocks with the "BFINAL" bit set to 1.
    fn next_stream(&mut self, message: &[u8]) -> Result<(), Violation> {
        self.final_blocks += 1;
        self.in_block = false;
        if self.final_blocks > FINAL_BLOCKS {
            return Err(Violation::TooManyFinalBlocks { limit: FINAL_BLOCKS });
        }
        self.inflate.reset(false);
        let history = self.history.get_or_insert_default();
        let joined;
        let window = if history.is_empty() || message.len() >= WINDOW {
            message
        } else {
            joined = [history, message].concat();
            &joined
        };
        if !window.is_empty() {
            let dictionary = last_window(window);
            self.inflate.set_dictionary(dictionary).map_err(|_| Violation::InvalidDeflate)?;
        }
        Ok(())
    }

    /// The message that is complete may be referred to by the next.
    pub(super) fn remember(&mut self, message: &[u8]) {
        if let Some(history) = &mut self.history {
            let message = last_window(message);
            let overfull = (history.len() + message.len()).saturating_sub(WINDOW);
            history.drain(..overfull.min(history.len()));
            history.reserve_exact(message.len());
            history.extend_from_slice(message);
        }
    }

    /// The message is complete; another may follow.
    pub(super) fn finish(&mut self, kind: MessageKind) -> Result<(), Violation> {
        // Behind a final block, and in a message without a byte, there is nothing to be ended.
        if self.in_block {
            //= rfc7692#7.2.2
            //# Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the
            //# payload of the message.
            //
            // They have to be the rest of an empty block: asked to stop behind a block, the
            // inflater takes them and leaves the byte behind them.
            let tail = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0];
            let (taken, made, status) = self.run(&tail, &mut [0], InflateFlush::Block);
            if (taken, made, status) != (TAIL.len(), 0, Ok(Status::Ok)) {
                return Err(Violation::TruncatedDeflate);
            }
        }
        if kind == MessageKind::Text {
            self.utf8.finish().map_err(|_| Violation::InvalidUtf8)?;
        }
        self.begin();
        Ok(())
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// What came of one call of the inflater.
struct Step {
    taken: usize,
    made: usize,
    /// Whether there was no room for more.
    full: bool,
    status: Result<Status, Violation>,
    /// Whether what came out is within the limits; what is not was dropped.
    verdict: Result<(), Violation>,
}

/// As much of the end of `bytes` as a window holds.
fn last_window(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default()
}

/// Makes room behind the message, doubled where that does not take it over its limit.
fn reserve(message: &mut Vec<u8>, room: usize, limit: u64) {
    let len = message.len();
    if message.capacity() - len < room {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        message.reserve_exact(len.min(limit.saturating_sub(len)).max(room));
    }
}
