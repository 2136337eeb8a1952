//! Output that is ready to leave, in order: small frames coalesced, large payloads as they are.
//!
//! Invariant: the bytes of `small` that leave before a large segment are counted with that segment, and
//! `before` and `shared` are the sums over all segments; what else is in `small` lies behind them. So
//! small output is counted by the buffer that it lies in, and by nothing else. When everything has
//! left, next to no memory is held.

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::ledger::{Ledger, Left, Piece};
use crate::wire::copy;
use crate::wire::mask::{self, MaskingKey};

/// Owned payloads from this size on are queued as they are; copying smaller ones is cheaper.
pub(super) const OWN_SEGMENT: usize = 4096;

/// A buffer of at most this size survives a moment without output, so that a quick exchange of
/// small messages does not allocate for each.
const SPARE: usize = 192;

/// Once this many bytes have left, what is behind them moves to the front of the buffer.
const COMPACT: usize = 4096;

/// The room for a handshake's request or response, which most need no more than.
const HANDSHAKE: usize = 384;

/// Output in order.
pub(crate) struct OutputBuffer {
    /// Everything that is not a segment of its own. Never advanced, so that its capacity is true.
    pub(super) small: BytesMut,
    /// Bytes of `small` that have left.
    pub(super) done: usize,
    pub(super) large: VecDeque<Large>,
    /// Bytes of `small` that leave before the last large segment.
    before: usize,
    /// Bytes of the large segments.
    shared: usize,
    /// How much memory to begin with: what the last batch took, if that is not much.
    usual: u16,
    /// What all of it is.
    ledger: Ledger,
}

/// A segment of its own.
pub(super) struct Large {
    /// Bytes of `small` that leave before it.
    pub(super) before: usize,
    pub(super) bytes: Bytes,
}

// A request among the output has credentials in it.
impl fmt::Debug for OutputBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputBuffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl OutputBuffer {
    pub(crate) fn new() -> Self {
        Self {
            small: BytesMut::new(),
            done: 0,
            large: VecDeque::new(),
            before: 0,
            shared: 0,
            usual: 0,
            ledger: Ledger::new(),
        }
    }

    /// How many bytes have not left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.small.len() - self.done + self.shared
    }

    /// What they are.
    #[inline]
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Lets `write` append bytes of the opening handshake.
    pub(crate) fn write_handshake<R>(&mut self, write: impl FnOnce(&mut BytesMut) -> R) -> R {
        if self.small.capacity() == 0 {
            self.small.reserve(HANDSHAKE);
        }
        let (before, result) = (self.small.len(), write(&mut self.small));
        self.ledger.push_handshake(self.small.len().saturating_sub(before));
        result
    }

    /// Lets `write` append a piece to the coalesced output.
    #[inline]
    pub(super) fn write<R>(&mut self, piece: Piece, write: impl FnOnce(&mut BytesMut) -> R) -> R {
        if self.small.capacity() == 0 {
            self.small.reserve(usize::from(self.usual));
        }
        let before = self.small.len();
        let result = write(&mut self.small);
        let written = self.small.len().saturating_sub(before);
        if written > 0 {
            self.ledger.push(written, piece);
        }
        result
    }

    /// Queues a head with a payload that is copied behind it, masked if there is a key.
    pub(super) fn copy(
        &mut self,
        piece: Piece,
        head: &[u8],
        payload: &[u8],
        mask: Option<MaskingKey>,
    ) {
        self.write(piece, |out| {
            out.reserve(head.len() + payload.len());
            out.extend_from_slice(head);
            match mask {
                Some(key) => mask::append_masked(out, payload, key),
                None => copy::append(out, payload),
            }
        });
    }

    /// Queues a head with a payload as it is, without copying it unless it is small.
    pub(super) fn share(&mut self, piece: Piece, head: &[u8], payload: Bytes) {
        if payload.len() < OWN_SEGMENT {
            self.copy(piece, head, &payload, None);
        } else {
            self.push(piece, head, payload);
        }
    }

    /// Queues a head with bytes that become a segment of their own.
    pub(super) fn push(&mut self, piece: Piece, head: &[u8], bytes: Bytes) {
        self.small.extend_from_slice(head);
        self.ledger.push(head.len() + bytes.len(), piece);
        let before = self.small.len() - self.done - self.before;
        self.before += before;
        self.shared += bytes.len();
        self.large.push_back(Large { before, bytes });
    }

    /// `count` bytes have left. Returns what they were.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) -> Left {
        let len = self.len();
        if count < len {
            self.advance(count);
            return self.ledger.consume(count);
        }
        self.empty();
        self.ledger.consume_all(len)
    }

    fn advance(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let Some(front) = self.large.front_mut() else {
                self.done += left;
                break;
            };
            let small = left.min(front.before);
            front.before -= small;
            self.before -= small;
            self.done += small;
            left -= small;
            let large = left.min(front.bytes.len());
            front.bytes.advance(large);
            self.shared -= large;
            left -= large;
            if front.bytes.is_empty() {
                self.large.pop_front();
            }
        }
        self.compact();
    }

    /// Forgets everything, and frees the memory unless it is little.
    pub(crate) fn clear(&mut self) {
        self.empty();
        self.ledger.clear();
    }

    #[inline]
    fn empty(&mut self) {
        if self.small.capacity() > SPARE {
            self.usual = self.small.len().min(COMPACT) as u16;
            self.small = BytesMut::new();
        } else {
            self.small.clear();
        }
        self.done = 0;
        // Most output has no such segments, and assigning costs more than the comparison.
        if self.large.capacity() > 0 {
            self.large = VecDeque::new();
            (self.before, self.shared) = (0, 0);
        }
    }

    /// Moves what is left to the front of the buffer, once that costs less than it gains.
    fn compact(&mut self) {
        if self.done >= COMPACT && self.done >= self.small.len() / 2 {
            let end = self.small.len();
            self.small.copy_within(self.done..end, 0);
            self.small.truncate(end - self.done);
            self.done = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::super::output::Output;
    use super::*;
    use crate::wire::data::MessageKind;
    use crate::wire::frame::{FrameHeader, MAX_HEADER, OpCode};

    fn frame(buffer: &mut OutputBuffer, opcode: OpCode, fin: bool, payload: &[u8], own: bool) {
        let piece = match (opcode.is_control(), fin) {
            (true, _) => Piece::Control,
            (false, true) => Piece::MessageEnd,
            (false, false) => Piece::Fragment,
        };
        let mut header = FrameHeader::new(opcode, payload.len() as u64);
        header.fin = fin;
        let mut head = [0; MAX_HEADER];
        let len = header.encode(&mut head);
        if own {
            buffer.push(piece, &head[..len], Bytes::copy_from_slice(payload));
        } else {
            buffer.copy(piece, &head[..len], payload, None);
        }
    }

    /// Six frames, four of which end a message, behind 10 bytes of handshake.
    fn filled() -> OutputBuffer {
        let mut buffer = OutputBuffer::new();
        buffer.write_handshake(|out| out.extend_from_slice(b"handshake\n"));
        frame(&mut buffer, OpCode::Text, true, b"one", false);
        frame(&mut buffer, MessageKind::Binary.into(), false, &[2; 300], true);
        frame(&mut buffer, OpCode::Ping, true, b"?", false);
        frame(&mut buffer, OpCode::Continuation, true, &[3; 200], true);
        frame(&mut buffer, OpCode::Binary, true, b"", false);
        frame(&mut buffer, OpCode::Binary, true, &[4; 5_000], true);
        buffer
    }

    fn contents(buffer: &OutputBuffer) -> Vec<u8> {
        let mut output = Output::new(buffer);
        let mut bytes = vec![0; output.remaining()];
        output.copy_to_slice(&mut bytes);
        bytes
    }

    #[test]
    fn any_partial_write_leaves_the_rest_in_order() {
        let whole = contents(&filled());
        assert_eq!(whole.len(), 10 + 5 + 304 + 3 + 204 + 2 + 5_004);
        for step in [1, 2, 3, 7, 100, 309, 4096, 5_500] {
            let mut buffer = filled();
            let (mut gone, mut frames) = (0, 0);
            while buffer.len() > 0 {
                assert!(contents(&buffer) == whole[gone..], "step {step}, after {gone}");
                frames += buffer.consume(step).frames;
                gone = (gone + step).min(whole.len());
                assert_eq!(buffer.len(), whole.len() - gone);
            }
            assert_eq!(frames, whole.len() - 10);
            assert!(buffer.small.capacity() <= SPARE && buffer.large.capacity() == 0);
        }
    }

    /// Each move costs what is left, so that there are few: one for each half that has left.
    #[test]
    fn what_is_left_moves_only_once_that_gains_as_much_as_it_costs() {
        let mut buffer = OutputBuffer::new();
        for _ in 0..200 {
            frame(&mut buffer, OpCode::Binary, true, &[7; 98], false);
        }
        let whole = contents(&buffer);
        assert_eq!(buffer.small.len(), 20_000);
        for (count, done) in [(COMPACT - 1, COMPACT - 1), (1, COMPACT), (5_903, 9_999), (1, 0)] {
            buffer.consume(count);
            assert_eq!(buffer.done, done, "after {count}");
        }
        assert_eq!(buffer.small.len(), 10_000);
        assert!(contents(&buffer) == whole[10_000..]);
        // Less than the threshold moves nothing, however little is behind it.
        buffer.consume(10_000 - 2 * 100);
        assert_eq!((buffer.done, buffer.small.len()), (0, 200));
        buffer.consume(150);
        assert_eq!((buffer.done, buffer.small.len()), (150, 200));
    }

    #[test]
    fn a_buffer_that_never_runs_dry_does_not_grow_for_ever() {
        let mut buffer = OutputBuffer::new();
        let mut expected = VecDeque::new();
        for round in 0..2000_u32 {
            let payload = round.to_be_bytes().repeat(10);
            frame(&mut buffer, OpCode::Binary, true, &payload, false);
            expected.extend([0x82, 40]);
            expected.extend(payload);
            if buffer.len() > 100 {
                buffer.consume(41);
                expected.drain(..41);
            }
        }
        while buffer.len() > 500 {
            buffer.consume(499);
            expected.drain(..499);
        }
        assert_eq!(contents(&buffer), Vec::from(expected));
        assert!(buffer.small.len() < 2 * COMPACT);
    }
}
