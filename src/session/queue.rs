//! Output that is ready to leave, in order: small frames coalesced, large payloads as they are.
//!
//! Invariant: the bytes of `small` that belong between the large segments are counted once, in the
//! segment that follows them or in `tail`, and `len` is the sum of everything that has not left.
//! No frame's header is ever split over two segments. When everything has left, next to no memory
//! is kept.

use alloc::collections::VecDeque;
use core::mem;

use bytes::{Buf, Bytes, BytesMut};

use super::output::Output;
use crate::wire::frame::FrameHeader;
use crate::wire::mask::{self, MaskingKey};
use crate::wire::role::Role;

/// Owned payloads from this size on are queued as they are; copying smaller ones is cheaper.
const OWN_SEGMENT: usize = 4096;

/// A buffer of at most this size survives a moment without output, so that a quick exchange of
/// small messages does not allocate for each.
const KEPT: usize = 192;

/// Bytes that have left are moved out of the buffer from this many on.
const COMPACT: usize = 4096;

/// Output in order.
#[derive(Debug)]
pub(super) struct Queue {
    role: Role,
    /// Everything that is not a segment of its own. Never advanced, so that its capacity is true.
    pub(super) small: BytesMut,
    /// Bytes of `small` that have left.
    pub(super) done: usize,
    pub(super) large: VecDeque<Large>,
    /// Bytes of `small` behind the last large segment.
    tail: usize,
    len: usize,
    /// How many of the first bytes belong to the opening handshake.
    handshake: usize,
    /// Bytes still to leave of the frame that has partly left.
    frame_left: u64,
    /// Whether that frame ends a message.
    frame_ends_message: bool,
}

/// A segment of its own.
#[derive(Debug)]
pub(super) struct Large {
    /// Bytes of `small` that leave before it.
    pub(super) before: usize,
    pub(super) bytes: Bytes,
}

impl Queue {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            small: BytesMut::new(),
            done: 0,
            large: VecDeque::new(),
            tail: 0,
            len: 0,
            handshake: 0,
            frame_left: 0,
            frame_ends_message: false,
        }
    }

    /// Bytes that have not left.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Of these, how many belong to the opening handshake.
    pub(super) fn handshake(&self) -> usize {
        self.handshake
    }

    /// Lets `write` append to the coalesced output.
    #[inline]
    pub(super) fn write<R>(&mut self, write: impl FnOnce(&mut BytesMut) -> R) -> R {
        let before = self.small.len();
        let result = write(&mut self.small);
        let written = self.small.len().saturating_sub(before);
        self.tail += written;
        self.len += written;
        result
    }

    /// As [`write`](Self::write), for bytes that are no frames.
    pub(super) fn write_handshake<R>(&mut self, write: impl FnOnce(&mut BytesMut) -> R) -> R {
        let before = self.len;
        let result = self.write(write);
        self.handshake += self.len - before;
        result
    }

    /// Queues a head with a payload that is copied behind it, masked if there is a key.
    #[inline]
    pub(super) fn copy(&mut self, head: &[u8], payload: &[u8], mask: Option<MaskingKey>) {
        self.write(|out| {
            out.reserve(head.len() + payload.len());
            out.extend_from_slice(head);
            match mask {
                Some(key) => mask::append_masked(out, payload, key),
                None => out.extend_from_slice(payload),
            }
        });
    }

    /// Queues a head with a payload as it is, without copying it unless it is small.
    pub(super) fn share(&mut self, head: &[u8], payload: Bytes) {
        if payload.len() < OWN_SEGMENT {
            self.copy(head, &payload, None);
        } else {
            self.write(|out| out.extend_from_slice(head));
            self.push(payload);
        }
    }

    /// Queues whole frames as they are.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.large.push_back(Large { before: mem::take(&mut self.tail), bytes });
        }
    }

    /// A view of the output.
    pub(super) fn output(&self) -> Output<'_> {
        Output::new(self)
    }

    /// `count` bytes have left. Gives how many of them were bytes of frames.
    pub(super) fn consume(&mut self, count: usize) -> usize {
        let count = count.min(self.len);
        let handshake = count.min(self.handshake);
        if count == self.len {
            self.clear();
            return count - handshake;
        }
        self.follow_frames(count);
        self.handshake -= handshake;
        self.len -= count;
        let mut left = count;
        while left > 0 {
            let Some(front) = self.large.front_mut() else {
                self.tail -= left;
                self.done += left;
                break;
            };
            let small = left.min(front.before);
            front.before -= small;
            self.done += small;
            left -= small;
            let large = left.min(front.bytes.len());
            front.bytes.advance(large);
            left -= large;
            if front.bytes.is_empty() {
                self.large.pop_front();
            }
        }
        self.compact();
        count - handshake
    }

    /// Forgets everything, and gives back the memory.
    pub(super) fn clear(&mut self) {
        if self.small.capacity() > KEPT {
            self.small = BytesMut::new();
        } else {
            self.small.clear();
        }
        // Assigned only where it is needed: it costs more than the comparison.
        if self.large.capacity() > 0 {
            self.large = VecDeque::new();
        }
        self.done = 0;
        self.tail = 0;
        self.len = 0;
        self.handshake = 0;
        self.frame_left = 0;
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

    /// Keeps track of the frame that partly leaves with the next `count` bytes.
    ///
    /// Only a partial write comes here, so the frames are looked at once more where the transport
    /// is the bottleneck, and never otherwise.
    fn follow_frames(&mut self, count: usize) {
        let mut output = self.output();
        let handshake = count.min(self.handshake);
        output.advance(handshake);
        let mut left = (count - handshake) as u64;
        let mut walk = Walk { left: self.frame_left, ends_message: self.frame_ends_message };
        while left > 0 {
            walk.enter_frame(&output, self.role);
            let step = left.min(walk.left);
            output.advance(step as usize);
            walk.left -= step;
            left -= step;
        }
        self.frame_left = walk.left;
        self.frame_ends_message = walk.ends_message;
    }

    /// Messages of which the last byte is queued and has not left.
    pub(super) fn unfinished_messages(&self) -> u64 {
        let mut output = self.output();
        output.advance(self.handshake);
        let mut walk = Walk { left: self.frame_left, ends_message: self.frame_ends_message };
        let mut messages = 0;
        while output.has_remaining() {
            walk.enter_frame(&output, self.role);
            messages += u64::from(walk.ends_message);
            output.advance(usize::try_from(walk.left).unwrap_or(usize::MAX));
            walk.left = 0;
        }
        messages
    }
}

/// A position in the output, in terms of frames.
struct Walk {
    left: u64,
    ends_message: bool,
}

impl Walk {
    /// Reads the header at the front of `output`, unless that is inside a frame.
    fn enter_frame(&mut self, output: &Output<'_>, role: Role) {
        if self.left > 0 {
            return;
        }
        // Our own headers are valid, and whole in their segment.
        match FrameHeader::decode_with(output.front(), role, 0x7) {
            Ok(Some((header, len))) => {
                self.left = header.len.saturating_add(len as u64);
                self.ends_message = header.fin && !header.opcode.is_control();
            }
            _ => *self = Self { left: output.remaining() as u64, ends_message: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::wire::data::MessageKind;
    use crate::wire::frame::{MAX_HEADER, OpCode};

    fn frame(queue: &mut Queue, opcode: OpCode, fin: bool, payload: &[u8], own: bool) {
        let mut header = FrameHeader::new(opcode, payload.len() as u64);
        header.fin = fin;
        let mut head = [0; MAX_HEADER];
        let len = header.encode(&mut head);
        if own {
            queue.write(|out| out.extend_from_slice(&head[..len]));
            queue.push(Bytes::copy_from_slice(payload));
        } else {
            queue.copy(&head[..len], payload, None);
        }
    }

    /// Six frames, four of which end a message, behind 10 bytes of handshake.
    fn filled() -> Queue {
        let mut queue = Queue::new(Role::Server);
        queue.write_handshake(|out| out.extend_from_slice(b"handshake\n"));
        frame(&mut queue, OpCode::Text, true, b"one", false);
        frame(&mut queue, MessageKind::Binary.into(), false, &[2; 300], true);
        frame(&mut queue, OpCode::Ping, true, b"?", false);
        frame(&mut queue, OpCode::Continuation, true, &[3; 200], true);
        frame(&mut queue, OpCode::Binary, true, b"", false);
        frame(&mut queue, OpCode::Binary, true, &[4; 5_000], true);
        queue
    }

    fn contents(queue: &Queue) -> Vec<u8> {
        let mut output = queue.output();
        let mut bytes = vec![0; output.remaining()];
        output.copy_to_slice(&mut bytes);
        bytes
    }

    #[test]
    fn any_partial_write_leaves_the_rest_in_order() {
        let whole = contents(&filled());
        assert_eq!(whole.len(), 10 + 5 + 304 + 3 + 204 + 2 + 5_004);
        for step in [1, 2, 3, 7, 100, 309, 4096, 5_500] {
            let mut queue = filled();
            let (mut gone, mut frames) = (0, 0);
            while queue.len() > 0 {
                assert!(contents(&queue) == whole[gone..], "step {step}, after {gone}");
                frames += queue.consume(step);
                gone = (gone + step).min(whole.len());
                assert_eq!(queue.len(), whole.len() - gone);
            }
            assert_eq!(frames, whole.len() - 10);
            assert!(queue.small.capacity() <= KEPT && queue.large.capacity() == 0);
        }
    }

    #[test]
    fn messages_are_unfinished_until_their_last_byte_has_left() {
        let ends = [15, 526, 528, 5_532];
        for step in [1, 4, 15, 523, 527] {
            let mut queue = filled();
            let mut gone = 0;
            while queue.len() > 0 {
                let expected = ends.iter().filter(|end| **end > gone).count() as u64;
                assert_eq!(queue.unfinished_messages(), expected, "step {step}, after {gone}");
                queue.consume(step);
                gone += step;
            }
            assert_eq!(queue.unfinished_messages(), 0);
        }
    }

    #[test]
    fn a_buffer_that_never_runs_dry_does_not_grow_for_ever() {
        let mut queue = Queue::new(Role::Server);
        let mut expected = VecDeque::new();
        for round in 0..2000_u32 {
            let payload = round.to_be_bytes().repeat(10);
            frame(&mut queue, OpCode::Binary, true, &payload, false);
            expected.extend([0x82, 40]);
            expected.extend(payload);
            if queue.len() > 100 {
                queue.consume(41);
                expected.drain(..41);
            }
        }
        while queue.len() > 500 {
            queue.consume(499);
            expected.drain(..499);
        }
        assert_eq!(contents(&queue), Vec::from(expected));
        assert!(queue.small.len() < 2 * COMPACT);
    }
}
