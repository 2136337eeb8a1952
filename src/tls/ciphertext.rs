//! Ciphertext that is ready to leave, and the plaintext that is in it.
//!
//! Invariant: the records are the ciphertext in its order, of which the last is empty where none is
//! left; `plaintext` is the sum of what is in them. Plaintext counts as taken once the last byte of
//! its record is: the peer can read no part of it before.

use alloc::collections::VecDeque;

use bytes::BytesMut;

use crate::session::{Output, OutputBuffer};

/// The most plaintext that a record holds.
pub(super) const RECORD: usize = 16 * 1024;

/// What a record has beside its plaintext, at most, with the cipher suites in use: its header, a
/// nonce or a type, and a tag.
const OVERHEAD: usize = 5 + 8 + 16;

/// Some ciphertext, of one record or of several.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    /// Bytes that have not left.
    ciphertext: usize,
    /// Bytes of plaintext in it: none where TLS speaks for itself.
    plaintext: usize,
}

#[derive(Debug)]
pub(super) struct Ciphertext {
    buffer: OutputBuffer,
    /// All but the last one: most often there is no more than that, which then takes no memory.
    earlier: VecDeque<Record>,
    last: Record,
    plaintext: usize,
}

impl Ciphertext {
    pub(super) fn new() -> Self {
        let (earlier, last) = (VecDeque::new(), Record::default());
        Self { buffer: OutputBuffer::new(), earlier, last, plaintext: 0 }
    }

    /// Makes room for the ciphertext of so much plaintext: where memory grows with each record, it is
    /// copied again and again.
    pub(super) fn reserve(&mut self, plaintext: usize) {
        let records = plaintext.div_ceil(RECORD) + 1;
        self.buffer.write_handshake(|out| out.reserve(plaintext + records * OVERHEAD));
    }

    /// Lets `write` append ciphertext, and say how much plaintext is in it. Returns that.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut BytesMut) -> usize) -> usize {
        let before = self.buffer.len();
        let plaintext = self.buffer.write_handshake(write);
        let ciphertext = self.buffer.len() - before;
        if ciphertext == 0 {
            return 0;
        }
        if self.last.ciphertext > 0 {
            self.earlier.push_back(self.last);
        }
        self.last = Record { ciphertext, plaintext };
        self.plaintext += plaintext;
        plaintext
    }

    /// `count` bytes have left. Returns how much plaintext has by that.
    pub(super) fn consume(&mut self, count: usize) -> usize {
        let mut left = count.min(self.buffer.len());
        self.buffer.consume(left);
        let mut plaintext = 0;
        while left > 0 {
            let front = self.earlier.front_mut().unwrap_or(&mut self.last);
            if left < front.ciphertext {
                front.ciphertext -= left;
                break;
            }
            left -= front.ciphertext;
            plaintext += front.plaintext;
            if self.earlier.pop_front().is_none() {
                self.last = Record::default();
            }
        }
        if self.earlier.is_empty() && self.earlier.capacity() > 0 {
            self.earlier = VecDeque::new();
        }
        self.plaintext -= plaintext;
        plaintext
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes of plaintext that are in it.
    pub(super) fn plaintext(&self) -> usize {
        self.plaintext
    }

    pub(super) fn output(&self) -> Output<'_> {
        Output::new(&self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn plaintext_has_left_with_the_last_byte_of_its_record() {
        let mut whole = Ciphertext::new();
        let push = |queue: &mut Ciphertext| {
            for (plaintext, len) in [(0, 5), (10, 32), (0, 24), (1, 23), (3, 0)] {
                queue.push(|out| {
                    out.extend_from_slice(&vec![7; len]);
                    plaintext
                });
            }
        };
        push(&mut whole);
        assert_eq!((whole.len(), whole.plaintext()), (84, 11));
        for step in 1..=84 {
            let mut queue = Ciphertext::new();
            push(&mut queue);
            let (mut left, mut plaintext) = (0, 0);
            while queue.len() > 0 {
                plaintext += queue.consume(step);
                left = (left + step).min(84);
                let expected = if left == 84 {
                    11
                } else if left >= 37 {
                    10
                } else {
                    0
                };
                assert_eq!(plaintext, expected, "{left} of it, {step} at a time");
                assert_eq!(queue.plaintext(), 11 - plaintext);
            }
            assert_eq!((queue.consume(9), queue.earlier.capacity()), (0, 0));
        }
    }
}
