//! Inflating: RFC 7692 section 7.2.2, piece by piece.
//!
//! Invariant: a message is judged in the order of its inflated bytes, each at the first compressed
//! byte from which it follows, so the verdict does not depend on how the input was cut. No byte
//! beyond a limit is stored.
//!
//! The window is always 32 KiB, whatever was agreed on: the memory is the same, and with a smaller
//! one it would depend on the cut whether a reference beyond it is found out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::panic::AssertUnwindSafe;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::WINDOW;
use super::compressor::TAIL;
use super::past::{Past, Record};
use crate::wire::data::MessageKind;
use crate::wire::utf8::Utf8Validator;
use crate::wire::violation::Violation;

/// Memory for what comes out is taken in steps of at least and at most this size. Each step costs a
/// copy of the window, so that there should be few; and the last 260 bytes of each go slowly, so
/// that it is best to have more than needed.
const STEPS: [usize; 2] = [1536, 68 * 1024];

/// Once so much has come out of a stream that does not know what came before it, its window is filled
/// in, whether it is needed or not: no more than that has to be held to be made once more.
const ALONE: usize = 2 * WINDOW;

/// Limits on what a message may inflate to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) message: u64,
    pub(super) ratio: Option<u32>,
    pub(super) ratio_free: u64,
}

impl Bounds {
    /// The most that may follow from `taken` compressed bytes, and the rule that says so.
    fn at(&self, taken: u64) -> (u64, Violation) {
        match self.ratio {
            Some(ratio) if self.warranted(ratio, taken) < self.message => {
                (self.warranted(ratio, taken), Violation::InflationRatio { ratio })
            }
            _ => {
                let len = self.message.saturating_add(1);
                (self.message, Violation::MessageTooBig { len, limit: self.message })
            }
        }
    }

    /// How much may still follow from `taken` compressed bytes, where so much is out.
    fn open(&self, taken: u64, out: u64) -> u64 {
        self.at(taken).0.saturating_sub(out)
    }

    /// What `taken` compressed bytes warrant, for their ratio.
    fn warranted(&self, ratio: u32, taken: u64) -> u64 {
        taken.saturating_mul(ratio.into()).max(self.ratio_free)
    }

    /// Whether the next compressed byte may raise the limit.
    fn may_rise(&self, taken: u64) -> bool {
        self.ratio.is_some_and(|ratio| self.warranted(ratio, taken) < self.message)
    }
}

/// An inflater, with what it knows of the message under way.
pub(super) struct Inflater {
    // As in the compressor, for the auto traits.
    inflate: AssertUnwindSafe<Inflate>,
    utf8: Utf8Validator,
    /// Compressed bytes of the message so far.
    taken: u64,
    /// Compressed bytes of the messages before it.
    taken_before: u64,
    /// Whether a block was begun, so that the end of the message has to end it.
    in_block: bool,
    /// Bytes of the message that came out and are no longer in memory.
    gone: u64,
    /// Once a final block has come: what lies behind it.
    past: Option<Box<Past>>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            inflate: AssertUnwindSafe(Inflate::new(false, 15)),
            utf8: Utf8Validator::default(),
            taken: 0,
            taken_before: 0,
            in_block: false,
            gone: 0,
            past: None,
        }
    }

    /// Forgets what was inflated before.
    pub(super) fn reset(&mut self) {
        self.inflate.reset(false);
        self.past = None;
        self.begin();
        self.taken_before = 0;
    }

    /// Forgets what it knows of a message, but for the window.
    fn begin(&mut self) {
        self.utf8 = Utf8Validator::default();
        self.taken_before = self.taken_before.saturating_add(self.taken);
        self.taken = 0;
        self.in_block = false;
        self.gone = 0;
    }

    /// Before which of `len` bytes that came out a window has to be left: behind it, they may have to be
    /// made once more.
    pub(super) fn settled(&self, len: usize) -> usize {
        self.past.as_ref().and_then(|past| past.alone_from()).unwrap_or(len).min(len)
    }

    /// The first `count` bytes that are in memory go. They have to be settled, and a window has to be
    /// left.
    pub(super) fn drop_front(&mut self, count: usize) {
        self.gone += count as u64;
        self.past.iter_mut().for_each(|past| past.drop_front(count));
    }

    /// Inflates a piece of the message behind what there is of it.
    pub(super) fn inflate(
        &mut self,
        piece: &[u8],
        kind: MessageKind,
        bounds: &Bounds,
        message: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let (len, limit, gone) = (message.len(), bounds.message, self.gone);
        let mut output = Output { len, memory: message, limit, gone };
        let result = self.inflate_into(piece, kind, bounds, &mut output);
        let len = output.len;
        message.truncate(len);
        result
    }

    fn inflate_into(
        &mut self,
        piece: &[u8],
        kind: MessageKind,
        bounds: &Bounds,
        output: &mut Output<'_>,
    ) -> Result<(), Violation> {
        let mut rest = piece;
        // Where a byte may raise the limit, bytes are taken one by one, after a look at what follows
        // without any. And more may come out of what is full without another byte.
        let (mut looked, mut full) = (false, false);
        loop {
            if !rest.is_empty() {
                self.begin_stream(output.len);
            }
            let now = match self.record_room() {
                Some(0) if !rest.is_empty() && !full => {
                    self.complete_stream(kind, bounds, output)?;
                    continue;
                }
                Some(room) => rest.get(..room).unwrap_or(rest),
                None => rest,
            };
            let open = bounds.open(self.taken, output.total());
            let one_by_one = open == 0 && bounds.may_rise(self.taken);
            let now = if one_by_one { now.get(..usize::from(looked)).unwrap_or(now) } else { now };
            let start = output.len;
            let step = self.advance(now, open, bounds, output);
            looked = one_by_one && !looked;
            full = step.full;
            step.verdict?;
            self.validate(kind, start, output)?;
            if step.status.is_err() && self.record_room().is_some() {
                // It may refer to what came before its stream.
                self.complete_stream(kind, bounds, output)?;
                continue;
            }
            let taken = rest.get(..step.taken).unwrap_or_default();
            rest = rest.get(step.taken..).unwrap_or_default();
            if step.status? == Status::StreamEnd {
                self.end_stream();
                (full, looked) = (false, false);
            } else if self.record(taken, output.len) {
                self.complete_stream(kind, bounds, output)?;
                (full, looked) = (false, false);
            }
            if rest.is_empty() && !full && !looked {
                return Ok(());
            }
        }
    }

    /// Inflates into as much room as is likely to be needed, within what is open.
    fn step(&mut self, input: &[u8], open: u64, output: &mut Output<'_>) -> Step {
        // Long texts have more in them that was there before.
        let factor = if input.len() < 2048 { 4 } else { 8 };
        // A few bytes behind a long message do not make it twice as long.
        let more = output.len.min(input.len().saturating_mul(64));
        let likely = input.len().saturating_mul(factor).max(more).clamp(STEPS[0], STEPS[1]);
        let room = usize::try_from(open).unwrap_or(usize::MAX).min(likely);
        let (taken, made, status) = self.run(input, output.room(room), InflateFlush::NoFlush);
        output.len += made;
        Step { taken, full: made == room, status, verdict: Ok(()) }
    }

    fn advance(&mut self, now: &[u8], open: u64, bounds: &Bounds, output: &mut Output<'_>) -> Step {
        if open == 0 { self.look(now, bounds, output) } else { self.step(now, open, output) }
    }

    /// Inflates a byte at most, where no more is open: to see whether there is any, and whether
    /// what was taken for it opens more.
    fn look(&mut self, input: &[u8], bounds: &Bounds, output: &mut Output<'_>) -> Step {
        let mut byte = [0];
        let (taken, made, status) = self.run(input, &mut byte, InflateFlush::NoFlush);
        let (limit, rule) = bounds.at(self.taken);
        let mut step = Step { taken, full: made == 1, status, verdict: Ok(()) };
        if step.full && output.total() >= limit {
            step.verdict = Err(rule);
        } else if step.full {
            output.room(1).copy_from_slice(&byte);
            output.len += 1;
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
    //
    // What is no text any more does not come out.
    fn validate(
        &mut self,
        kind: MessageKind,
        start: usize,
        output: &mut Output<'_>,
    ) -> Result<(), Violation> {
        match kind {
            MessageKind::Text => self.utf8.validate(output.since(start)).map_err(|error| {
                output.len = start + error.offset;
                Violation::InvalidUtf8
            }),
            MessageKind::Binary => Ok(()),
        }
    }

    /// A final block has ended; what follows begins anew, with the same window.
    //= rfc7692#7.2.1
    //# An endpoint MAY use both DEFLATE blocks with the "BFINAL" bit set
    //# to 0 and DEFLATE blocks with the "BFINAL" bit set to 1.
    fn end_stream(&mut self) {
        self.in_block = false;
        self.past.get_or_insert_default().end_stream();
    }

    /// Begins another stream where the one before has ended.
    fn begin_stream(&mut self, len: usize) {
        if let Some(past) = self.past.as_mut().filter(|past| past.is_between()) {
            self.inflate.reset(false);
            past.begin_stream(Outcome { len, taken: self.taken }, self.utf8);
        }
    }

    /// How much more may be taken of a stream that does not know what came before it.
    fn record_room(&self) -> Option<usize> {
        self.past.as_ref()?.record_room()
    }

    /// Records what was taken, where the stream may have to be inflated once more. Returns whether that
    /// is to be done now, as so much has come out of it.
    fn record(&mut self, taken: &[u8], len: usize) -> bool {
        let Some(past) = &mut self.past else { return false };
        past.record(taken);
        past.alone_from().is_some_and(|begun| len - begun.min(len) >= ALONE)
    }

    /// Fills in the window before such a stream, and inflates it once more.
    fn complete_stream(
        &mut self,
        kind: MessageKind,
        bounds: &Bounds,
        output: &mut Output<'_>,
    ) -> Result<(), Violation> {
        let Some(past) = &mut self.past else { return Ok(()) };
        let Some(Record { begun, utf8, input }) = past.complete_stream() else { return Ok(()) };
        // What has come out of so much is as much work as this.
        if output.len - begun.len.min(output.len) < ALONE {
            // Not by what was taken since: how much that is depends on the cut.
            let before = output.memory.get(..begun.len).unwrap_or_default();
            past.pay(before, self.taken_before.saturating_add(begun.taken))?;
        }
        output.len = begun.len;
        self.taken = begun.taken;
        self.utf8 = utf8;
        self.inflate.reset(false);
        for part in past.window(output.since(0)) {
            if !part.is_empty() {
                self.inflate.set_dictionary(part).map_err(|_| Violation::InvalidDeflate)?;
            }
        }
        self.inflate_into(&input, kind, bounds, output)
    }

    /// The message that is complete may be referred to by the next.
    pub(super) fn remember(&mut self, message: &[u8]) {
        if let Some(past) = &mut self.past {
            past.remember(message);
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
        if let Some(past) = &mut self.past {
            past.end_message();
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

/// How far a message has got: bytes that came out, from so many that went in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) len: usize,
    pub(super) taken: u64,
}

/// What came of one call of the inflater.
struct Step {
    taken: usize,
    /// Whether there was no room for more.
    full: bool,
    status: Result<Status, Violation>,
    /// Whether what came out is within the limits; what is not was dropped.
    verdict: Result<(), Violation>,
}

/// The message, and memory behind it that was cleared and is not written yet: it is cleared once,
/// however many steps it takes to fill it.
struct Output<'a> {
    memory: &'a mut Vec<u8>,
    len: usize,
    limit: u64,
    /// Bytes of it that are no longer in memory.
    gone: u64,
}

impl Output<'_> {
    /// How long the message is so far.
    fn total(&self) -> u64 {
        self.gone + self.len as u64
    }

    /// What came out, but for the first `start` bytes.
    fn since(&self, start: usize) -> &[u8] {
        self.memory.get(start..self.len).unwrap_or_default()
    }

    /// Room behind the message. Memory is doubled where that does not take it over its limit.
    fn room(&mut self, room: usize) -> &mut [u8] {
        let end = self.len.saturating_add(room);
        if self.memory.len() < end {
            if self.memory.capacity() < end {
                let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
                let more = self.len.min(limit.saturating_sub(self.len)).max(room);
                let wanted = self.len.saturating_add(more);
                self.memory.reserve_exact(wanted - self.memory.len());
            }
            self.memory.resize(end, 0);
        }
        &mut self.memory[self.len..end]
    }
}

/// As much of the end of `bytes` as a window holds.
pub(super) fn last_window(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default()
}
