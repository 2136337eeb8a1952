//! The assembly of a message that comes in pieces.
//!
//! Invariant: the memory taken is at most twice the bytes received (plus a little), whatever a
//! header declares. It becomes the message's own, or is freed as soon as no message will come.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::deflate::{Deflate, WINDOW};
use crate::wire::copy;
use crate::wire::data::{Chunk, MessageKind};
use crate::wire::message::{Message, NotUtf8, Payload, Text};
use crate::wire::violation::Violation;

/// Direct reading begins once this much of a message has come and as much is still to come.
const DIRECT: usize = 16 * 1024;

/// The pieces so far.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// The bytes received, then those that are open to direct reading.
    memory: Vec<u8>,
    received: usize,
    /// Bytes behind the received ones that were read directly and not looked at yet.
    filled: usize,
    /// The most memory that was held when it was let go.
    peak: usize,
}

impl Assembly {
    /// A message borrowed from the input, if `chunk` is a whole one; text is checked.
    #[inline]
    pub(super) fn whole<'b>(chunk: &Chunk<'b>) -> Result<Message<'b>, Violation> {
        Ok(match chunk.kind() {
            MessageKind::Text => Message::Text(Text::borrowed(chunk.payload()).map_err(not_text)?),
            MessageKind::Binary => Message::Binary(Payload::Borrowed(chunk.payload())),
        })
    }

    /// The same as a message of its own, without a look at text that was checked already.
    #[inline]
    pub(super) fn whole_owned(chunk: &Chunk<'_>) -> Message<'static> {
        message(chunk.kind(), Payload::Borrowed(chunk.payload()).into_bytes())
    }

    /// Adds a piece; at most `more` bytes of the message are still to come, of which `behind` lie ready.
    #[inline]
    pub(super) fn append(&mut self, piece: &[u8], behind: usize, more: u64) {
        let (inside, beyond) = piece.split_at(piece.len().min(self.open().len()));
        let end = self.received + inside.len();
        if let Some(open) = self.memory.get_mut(self.received..end) {
            copy::over(open, inside);
        }
        self.received = end;
        if !beyond.is_empty() {
            if self.memory.capacity() - self.memory.len() < beyond.len() {
                self.grow(beyond.len(), behind, more);
            }
            copy::append(&mut self.memory, beyond);
            self.received += beyond.len();
        }
    }

    /// Adds a piece of a compressed message, which consists of nothing else.
    pub(super) fn inflate(
        &mut self,
        chunk: &Chunk<'_>,
        deflate: &mut Deflate,
        limit: u64,
    ) -> Result<(), Violation> {
        let result = deflate.inflate(chunk, limit, &mut self.memory);
        self.received = self.memory.len();
        result
    }

    /// Gives away what was inflated behind the first `given` bytes. Of a message that is not complete, a
    /// window is held, to which what follows may refer. Returns how much of what is held was given away,
    /// too.
    pub(super) fn take_inflated(
        &mut self,
        mut given: usize,
        deflate: &mut Deflate,
        complete: bool,
    ) -> (Bytes, usize) {
        given = given.min(self.memory.len());
        if complete {
            return (Bytes::from(self.clear()).slice(given..), 0);
        }
        let chunk = Bytes::copy_from_slice(self.memory.get(given..).unwrap_or_default());
        given = self.memory.len();
        let beyond = deflate.settled(given).saturating_sub(WINDOW);
        // Not for every few bytes, as what is left is moved.
        if beyond <= WINDOW {
            return (chunk, given);
        }
        self.peak = self.memory_peak();
        deflate.drop_front(beyond);
        self.memory.drain(..beyond);
        self.memory.shrink_to(4 * WINDOW);
        self.received = self.memory.len();
        (chunk, given - beyond)
    }

    /// How much was received, or inflated, and is held.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Gives it away.
    pub(super) fn take_received(&mut self) -> Bytes {
        let received = self.received;
        let mut memory = self.clear();
        memory.truncate(received);
        memory.into()
    }

    /// Assembles the message, which has just begun, in this memory: what is in it counts as read
    /// directly.
    pub(super) fn adopt(&mut self, memory: Vec<u8>) {
        let (filled, peak) = (memory.len(), self.memory_peak());
        *self = Self { memory, received: 0, filled, peak };
    }

    fn open(&self) -> &[u8] {
        self.memory.get(self.received..).unwrap_or_default()
    }

    /// Makes room for `count` bytes behind the memory, and for all that is still to come where that is
    /// no more than has come: a message of which half is there moves no more. Else for a power of two,
    /// which is how long messages like to be.
    #[inline(never)]
    fn grow(&mut self, count: usize, behind: usize, more: u64) {
        let len = self.memory.len();
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        let come = (len + count).saturating_add(behind.min(more));
        let whole = (len + count).saturating_add(more);
        let doubled = come.saturating_add(1).checked_next_power_of_two();
        let all = if whole / 2 <= come { whole } else { doubled.unwrap_or(whole) };
        self.memory.reserve_exact(all - len);
    }

    /// The message, now that it is complete. Of text, every piece was checked before it came here.
    pub(super) fn finish(&mut self, kind: MessageKind) -> Message<'static> {
        let received = self.received;
        let mut memory = self.clear();
        memory.truncate(received);
        // An inflater asks for room before it knows how much it needs.
        if memory.capacity() / 2 > memory.len() {
            memory.shrink_to_fit();
        }
        message(kind, Bytes::from(memory))
    }

    /// Whether so much was received that reading directly may pay.
    #[inline]
    pub(super) fn is_large(&self) -> bool {
        self.received + self.filled >= DIRECT
    }

    /// Memory to read into while `more` bytes of the frame are still to come; empty where a direct
    /// read would save nothing.
    pub(super) fn spare_mut(&mut self, more: u64) -> &mut [u8] {
        let more = usize::try_from(more).unwrap_or(usize::MAX).saturating_sub(self.filled);
        let start = self.received + self.filled;
        if more < DIRECT || start < DIRECT {
            return &mut [];
        }
        if self.memory.len().saturating_sub(start) < DIRECT {
            let room = start.min(more);
            self.memory.reserve_exact((start + room).saturating_sub(self.memory.len()));
            self.memory.resize(start + room, 0);
        }
        let end = self.memory.len().min(start.saturating_add(more));
        self.memory.get_mut(start..end).unwrap_or_default()
    }

    /// `count` bytes were read into the spare memory, while `more` bytes of the frame are still to
    /// come.
    pub(super) fn fill(&mut self, count: usize, more: u64) {
        let more = usize::try_from(more).unwrap_or(usize::MAX).saturating_sub(self.filled);
        let room = self.open().len().saturating_sub(self.filled);
        self.filled += count.min(room).min(more);
    }

    /// The bytes that were read directly and not looked at yet.
    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        let end = self.received + self.filled;
        self.memory.get_mut(self.received..end).unwrap_or_default()
    }

    pub(super) fn has_filled(&self) -> bool {
        self.filled > 0
    }

    /// `count` of the bytes that were read directly are part of the message.
    pub(super) fn take_filled(&mut self, count: usize) {
        let count = count.min(self.filled);
        self.filled -= count;
        self.received += count;
    }

    /// Forgets the pieces. Returns their memory.
    pub(super) fn clear(&mut self) -> Vec<u8> {
        let (peak, memory) = (self.memory_peak(), core::mem::take(&mut self.memory));
        *self = Self { peak, ..Self::default() };
        memory
    }

    /// Bytes of memory that are held.
    pub(super) fn memory(&self) -> usize {
        self.memory.capacity()
    }

    /// The most that were ever held.
    pub(super) fn memory_peak(&self) -> usize {
        self.peak.max(self.memory())
    }
}

/// A message of these bytes, which were checked.
#[inline]
fn message(kind: MessageKind, bytes: Bytes) -> Message<'static> {
    match kind {
        MessageKind::Text => Message::Text(Text::checked(bytes)),
        MessageKind::Binary => Message::Binary(Payload::Owned(bytes)),
    }
}

fn not_text(_: NotUtf8) -> Violation {
    Violation::InvalidUtf8
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::config::Config;
    use crate::handshake::Negotiated;
    use crate::session::Session;
    use crate::time::Timestamp;
    use crate::wire::keystream::Seed;
    use crate::wire::role::Role;

    #[test]
    fn memory_follows_what_was_received_not_what_was_declared() {
        for piece in [1, 3, 100, 5000] {
            let mut assembly = Assembly::default();
            let declared = 1_000_000_u64;
            let mut received = 0;
            while received + piece <= 300_000 {
                received += piece;
                assembly.append(&vec![7; piece], 0, declared - received as u64);
                let capacity = assembly.memory.capacity();
                assert!(capacity <= 2 * received, "{capacity} for {received}");
            }
            let message = assembly.finish(MessageKind::Binary);
            assert_eq!(message.as_bytes(), vec![7; received]);
            assert_eq!(assembly.memory(), 0);
        }
    }

    #[test]
    fn a_message_that_ends_takes_no_more_than_it_needs() {
        let mut assembly = Assembly::default();
        assembly.append(&[1; 60_000], 0, 1000);
        assembly.append(&[2; 1000], 0, 0);
        assert_eq!(assembly.memory.capacity(), 61_000);
    }

    #[test]
    fn direct_reading_is_bounded_and_mixes_with_pieces() {
        let mut assembly = Assembly::default();
        assert!(assembly.spare_mut(1_000_000).is_empty(), "nothing was received");
        assembly.append(&vec![1; DIRECT], 0, 100_000);
        assert!(assembly.spare_mut(DIRECT as u64 - 1).is_empty(), "not worth it");
        assert_eq!(assembly.spare_mut(100_000).len(), DIRECT);
        assembly.spare_mut(100_000)[..500].fill(2);
        assembly.fill(500, 100_000);
        assert_eq!(assembly.spare_mut(100_000).len(), 500 + DIRECT);
        assembly.spare_mut(100_000)[..500].fill(3);
        assembly.fill(500, 100_000);
        assert_eq!(assembly.filled_mut().len(), 1000);
        assembly.take_filled(1000);
        assembly.append(&vec![4; 50_000], 0, 49_000);
        assembly.fill(usize::MAX, 49_000);
        assert_eq!(assembly.filled_mut().len(), 0, "no memory was handed out");
        let mut expected = vec![1; DIRECT];
        expected.extend([2; 500]);
        expected.extend([3; 500]);
        expected.extend([4; 50_000]);
        assert_eq!(assembly.finish(MessageKind::Binary).as_bytes(), expected);
    }

    #[test]
    fn a_message_of_which_half_has_come_moves_no_more() {
        let mut assembly = Assembly::default();
        assembly.append(&[1; 60_000], 0, 50_000);
        let at = assembly.memory.as_ptr();
        assembly.append(&[2; 50_000], 0, 0);
        assembly.append(&[], 0, 0);
        assert_eq!((assembly.memory.as_ptr(), assembly.memory.capacity()), (at, 110_000));
    }

    #[test]
    fn what_lies_behind_a_fragment_and_is_none_of_it_takes_no_memory() {
        let (role, now) = (Role::Client, Timestamp::ZERO);
        let (config, seed) = (Config::default(), Seed::new([1; 32]));
        let mut session = Session::upgraded(role, Negotiated::default(), config, seed, now);
        let mut wire = [&[0x02, 1, 7][..], &[0x8a, 0].repeat(20_000)].concat();
        let mut input = &mut wire[..];
        while session.poll_event(&mut input, now).is_some() {}
        assert!(session.assembly.memory() <= 2, "{}", session.assembly.memory());
    }

    #[test]
    fn fragments_of_a_message_whose_length_is_a_power_of_two_fill_its_memory() {
        let mut assembly = Assembly::default();
        for _ in 0..1024 {
            assembly.append(&[1; 1024], 0, u64::MAX);
        }
        assert_eq!(assembly.memory.capacity(), 1 << 20);
    }
}
