//! What lies in the output, piece by piece, and how far it has left.
//!
//! Invariant: the pieces are the bytes of the output in their order. Pieces that are alike and
//! follow one another are counted, not listed, so that equal messages take no memory here.

use alloc::collections::VecDeque;
use core::mem;

/// What a piece is of the frames that leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Control frames.
    Control,
    /// A frame of a message whose end is still to come.
    Fragment,
    /// The frame that ends a message.
    MessageEnd,
}

/// Pieces of one length and kind, one behind the other.
#[derive(Debug, Clone, Copy)]
struct Run {
    piece: Piece,
    count: u16,
    len: u32,
}

/// What has not left: bytes of the opening handshake, then pieces.
#[derive(Debug)]
pub(super) struct Ledger {
    handshake: usize,
    /// All runs but the last one.
    earlier: VecDeque<Run>,
    /// Empty where everything has left.
    last: Run,
    /// Bytes of the first piece that have left.
    done: u32,
    /// Whether a part of the first message has left.
    begun: bool,
}

/// What has left at once.
#[derive(Debug)]
pub(crate) struct Left {
    /// Bytes of the opening handshake.
    pub(super) handshake: usize,
    /// Bytes of frames.
    pub(super) frames: usize,
    /// Messages of which that was the end.
    pub(super) messages: u64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let last = Run { piece: Piece::MessageEnd, count: 0, len: 0 };
        Self { handshake: 0, earlier: VecDeque::new(), last, done: 0, begun: false }
    }

    /// `len` more bytes of the opening handshake were put into the output.
    pub(super) fn push_handshake(&mut self, len: usize) {
        self.handshake += len;
    }

    /// A piece of `len` bytes was put into the output.
    #[inline]
    pub(super) fn push(&mut self, len: usize, piece: Piece) {
        let last = &mut self.last;
        if last.len as usize == len && last.piece == piece && last.count < u16::MAX {
            last.count += 1;
        } else {
            self.push_run(len, piece);
        }
    }

    #[inline(never)]
    fn push_run(&mut self, mut len: usize, piece: Piece) {
        while len > 0 {
            let (step, piece) = match (u32::try_from(len), piece) {
                (Ok(step), piece) => (step, piece),
                (Err(_), Piece::MessageEnd) => (u32::MAX, Piece::Fragment),
                (Err(_), piece) => (u32::MAX, piece),
            };
            if self.last.count > 0 {
                self.earlier.push_back(self.last);
            }
            self.last = Run { piece, count: 1, len: step };
            len -= step as usize;
        }
    }

    /// All bytes have left, which are so many. No memory is held any more.
    #[inline]
    pub(super) fn consume_all(&mut self, count: usize) -> Left {
        let one_run = self.earlier.capacity() == 0 && self.handshake == 0;
        if !one_run || self.last.piece != Piece::MessageEnd {
            let left = self.consume(count);
            self.clear();
            return left;
        }
        self.begun = false;
        self.done = 0;
        let messages = u64::from(mem::take(&mut self.last.count));
        Left { handshake: 0, frames: count, messages }
    }

    /// The first `count` bytes have left.
    pub(super) fn consume(&mut self, count: usize) -> Left {
        let handshake = count.min(self.handshake);
        self.handshake -= handshake;
        let frames = count - handshake;
        let mut messages = 0;
        let mut rest = frames;
        while rest > 0 {
            let run = self.earlier.front_mut().unwrap_or(&mut self.last);
            let (done, len) = (u64::from(self.done), u64::from(run.len));
            let pending = len * u64::from(run.count) - done;
            let step = pending.min(rest as u64);
            let (pieces, done) = if step == pending {
                (run.count, 0)
            } else {
                (((done + step) / len) as u16, (done + step) % len)
            };
            run.count -= pieces;
            self.done = done as u32;
            match run.piece {
                Piece::Control => {}
                Piece::Fragment => self.begun = true,
                Piece::MessageEnd => {
                    messages += u64::from(pieces);
                    self.begun = done > 0;
                }
            }
            rest -= step as usize;
            if step == pending && self.earlier.pop_front().is_none() {
                break;
            }
        }
        Left { handshake, frames, messages }
    }

    /// Forgets what will never leave, and frees the memory.
    pub(super) fn clear(&mut self) {
        self.handshake = 0;
        self.last.count = 0;
        self.done = 0;
        self.earlier = VecDeque::new();
    }

    /// Messages of which the end is in the output and has not left.
    pub(super) fn unfinished_messages(&self) -> u64 {
        let runs = self.earlier.iter().chain([&self.last]);
        let ends = runs.filter(|run| run.piece == Piece::MessageEnd);
        ends.map(|run| u64::from(run.count)).sum()
    }

    /// Bytes of the opening handshake that have not left.
    #[inline]
    pub(super) fn handshake(&self) -> usize {
        self.handshake
    }

    /// Whether a part of the message that leaves next has left already.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Bytes of memory that are taken beside the value itself.
    #[inline]
    pub(super) fn memory(&self) -> usize {
        self.earlier.len() * size_of::<Run>()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;

    /// A list of all pieces, with the bytes of each that have not left.
    #[derive(Default)]
    struct Oracle {
        handshake: usize,
        pieces: VecDeque<(usize, Piece)>,
        begun: bool,
    }

    impl Oracle {
        fn consume(&mut self, count: usize) -> (usize, u64) {
            let handshake = count.min(self.handshake);
            self.handshake -= handshake;
            let (mut rest, mut messages) = (count - handshake, 0);
            while rest > 0 {
                let (left, piece) = self.pieces.front_mut().unwrap();
                let step = rest.min(*left);
                (*left, rest) = (*left - step, rest - step);
                let whole = *left == 0;
                match piece {
                    Piece::Control => {}
                    Piece::Fragment => self.begun = true,
                    Piece::MessageEnd => {
                        self.begun = !whole;
                        messages += u64::from(whole);
                    }
                }
                if whole {
                    self.pieces.pop_front();
                }
            }
            (handshake, messages)
        }
    }

    #[test]
    fn it_knows_as_much_as_a_list_of_all_pieces() {
        let kinds = [Piece::MessageEnd, Piece::MessageEnd, Piece::Control, Piece::Fragment];
        let mut random = 1_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % limit
        };
        let (mut ledger, mut oracle) = (Ledger::new(), Oracle::default());
        ledger.push_handshake(40);
        oracle.handshake = 40;
        for _ in 0..20_000 {
            for _ in 0..below(4) {
                let (len, piece) = (2 + below(3), kinds[below(4)]);
                ledger.push(len, piece);
                oracle.pieces.push_back((len, piece));
            }
            let total = oracle.handshake + oracle.pieces.iter().map(|piece| piece.0).sum::<usize>();
            let count = total.min(below(20));
            let all = count == total;
            let left = if all { ledger.consume_all(count) } else { ledger.consume(count) };
            assert_eq!((left.handshake, left.messages), oracle.consume(count));
            assert_eq!(left.handshake + left.frames, count);
            assert_eq!((ledger.has_begun(), ledger.handshake()), (oracle.begun, oracle.handshake));
            let ends = oracle.pieces.iter().filter(|piece| piece.1 == Piece::MessageEnd).count();
            assert_eq!(ledger.unfinished_messages(), ends as u64);
        }
    }

    #[test]
    fn many_pieces_alike_and_very_long_ones_are_counted() {
        let mut ledger = Ledger::new();
        for _ in 0..100_000 {
            ledger.push(18, Piece::MessageEnd);
        }
        assert_eq!(ledger.unfinished_messages(), 100_000);
        assert_eq!(ledger.memory(), 8, "a run beside the last one");
        assert_eq!(ledger.consume(18 * 99_999 + 17).messages, 99_999);
        assert!(ledger.has_begun());
        assert_eq!(ledger.consume_all(1).messages, 1);
        #[cfg(target_pointer_width = "64")]
        {
            let long = u32::MAX as usize + 10;
            ledger.push(long, Piece::MessageEnd);
            assert_eq!(ledger.consume(long - 1).messages, 0);
            assert!(ledger.has_begun());
            assert_eq!(ledger.consume_all(1).messages, 1);
        }
        assert!(!ledger.has_begun());
    }
}
