//! From messages to frames: what leaves at once, what waits, and in which pieces.
//!
//! Invariant: messages leave in the order in which they were accepted. A long one is cut into
//! frames only as the output drains, so that a Pong or a Ping never waits behind all of it. The
//! Close follows the last frame of the last message.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use bytes::{Bytes, BytesMut};

use super::prepared::Frame;
use super::queue::Queue;
use super::unsent::{Unsent, UnsentLog};
use crate::config::Config;
use crate::connection::{Backlog, Connection};
use crate::wire::frame::OpCode;
use crate::wire::mask;
use crate::wire::message::Payload;
use crate::wire::role::Role;

/// No more of what waits is framed once this much output is ready to leave.
const AHEAD: usize = 64 * 1024;

/// Prepared frames from this size on are queued as they are; copying smaller ones is cheaper.
const SHARED: usize = 256;

/// What a message that waits counts for beside its payload.
const PER_WAITING: usize = 64;

/// Everything that was accepted for sending and has not left.
#[derive(Debug)]
pub(super) struct SendQueue {
    /// Framed.
    pub(super) queue: Queue,
    /// Not framed, or not all of it.
    waiting: VecDeque<Waiting>,
    /// Payload bytes of `waiting`.
    waiting_bytes: usize,
    /// Copies of whole messages until they have left, where they are asked for.
    kept: Option<Box<UnsentLog>>,
}

/// A message or a fragment of which at least the last frame is still to be made.
#[derive(Debug)]
struct Waiting {
    /// The opcode of its next frame, and the reserved bits.
    opcode: OpCode,
    rsv: u8,
    /// Whether its last frame ends a message.
    fin: bool,
    /// Whether it is a whole message of which a copy is kept.
    kept: bool,
    payload: Unframed,
}

#[derive(Debug)]
enum Unframed {
    Shared(Bytes),
    /// Ours alone, so that it can be masked in place.
    Unique(BytesMut),
}

/// An accepted message or a fragment of one, as it is to be framed.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) opcode: OpCode,
    /// The reserved bits of its first frame.
    pub(super) rsv: u8,
    pub(super) fin: bool,
    /// Whether it is a whole message of which a copy is kept.
    pub(super) kept: bool,
    pub(super) payload: Payload<'a>,
}

impl Unframed {
    fn new(payload: Payload<'_>, role: Role) -> Self {
        match (payload, role) {
            (Payload::Borrowed(bytes), Role::Client) => Self::Unique(BytesMut::from(bytes)),
            (Payload::Owned(bytes), Role::Client) => match bytes.try_into_mut() {
                Ok(unique) => Self::Unique(unique),
                Err(shared) => Self::Shared(shared),
            },
            (payload, Role::Server) => Self::Shared(payload.into_bytes()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Shared(bytes) => bytes.len(),
            Self::Unique(bytes) => bytes.len(),
        }
    }
}

impl SendQueue {
    pub(super) fn new(role: Role) -> Self {
        Self { queue: Queue::new(role), waiting: VecDeque::new(), waiting_bytes: 0, kept: None }
    }

    /// From now on, copies are kept of whole messages until they have left.
    pub(super) fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// Whether copies are kept.
    #[inline]
    pub(super) fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// The messages that were kept and have not left; keeping ends.
    pub(super) fn take_unsent(&mut self) -> Vec<Unsent> {
        self.kept.take().map_or_else(Vec::new, |kept| kept.into_unsent())
    }

    /// The first `count` bytes of the output have left. Gives how many were bytes of frames.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> usize {
        if let Some(kept) = &mut self.kept {
            kept.flushed(count.min(self.queue.len()));
        }
        self.queue.consume(count)
    }

    /// Bytes that have not left, framed or not.
    pub(super) fn pending(&self) -> usize {
        self.queue.len().saturating_add(self.waiting_bytes)
    }

    /// What is to be held against the limit of pending output: every message that waits takes memory
    /// beside its bytes, of which it may have none.
    pub(super) fn held(&self) -> usize {
        self.pending().saturating_add(self.waiting.len().saturating_mul(PER_WAITING))
    }

    pub(super) fn unframed(&self) -> usize {
        self.waiting_bytes
    }

    /// Keeps a copy of a whole message that is queued next, if that is asked for: as it was accepted,
    /// before an extension transforms it. Says so, and gives the payload back.
    pub(super) fn keep_copy<'a>(
        &mut self,
        opcode: OpCode,
        payload: Payload<'a>,
    ) -> (bool, Payload<'a>) {
        match &mut self.kept {
            Some(kept) => (true, kept.keep(opcode, payload)),
            None => (false, payload),
        }
    }

    /// Queues an accepted message, or a fragment of one.
    #[inline]
    pub(super) fn add(&mut self, part: Part<'_>, connection: &mut Connection, config: &Config) {
        self.frame_waiting(connection, config);
        if !self.waiting.is_empty() || part.payload.len() > fragment_size(config) {
            self.add_waiting(part, connection.role());
            return;
        }
        let Part { opcode, rsv, fin, kept, payload } = part;
        let before = self.queue.len();
        let head = connection.frame_head(opcode, fin, rsv, payload.len() as u64);
        match (payload, head.mask()) {
            (Payload::Owned(bytes), None) => self.queue.share(head.bytes(), bytes),
            (payload, mask) => self.queue.copy(head.bytes(), &payload, mask),
        }
        self.framed(kept, before, true);
    }

    #[inline(never)]
    fn add_waiting(&mut self, part: Part<'_>, role: Role) {
        let Part { opcode, rsv, fin, kept, payload } = part;
        let payload = Unframed::new(payload, role);
        self.waiting_bytes += payload.len();
        self.waiting.push_back(Waiting { opcode, rsv, fin, kept, payload });
    }

    /// A frame was queued, of a message of which a copy is kept if `kept` says so.
    #[inline]
    fn framed(&mut self, kept: bool, before: usize, last: bool) {
        if let (true, Some(copies)) = (kept, &mut self.kept) {
            copies.framed(before, self.queue.len(), last);
        }
    }

    /// Queues an accepted message whose frame exists already, where that frame can be used.
    pub(super) fn add_prepared(
        &mut self,
        opcode: OpCode,
        rsv: u8,
        kept: bool,
        prepared: &Frame,
        connection: &mut Connection,
        config: &Config,
    ) {
        let len = prepared.payload().len();
        self.frame_waiting(connection, config);
        let usable = connection.role() == Role::Server && len <= fragment_size(config);
        if !usable || !self.waiting.is_empty() {
            let payload = Payload::Owned(prepared.shared_payload());
            self.add(Part { opcode, rsv, fin: true, kept, payload }, connection, config);
            return;
        }
        // The frame is counted; its head is the prepared one's.
        connection.frame_head(opcode, true, rsv, len as u64);
        let before = self.queue.len();
        let frame = prepared.bytes();
        if frame.len() < SHARED {
            self.queue.copy(frame, &[], None);
        } else {
            self.queue.push(frame.clone());
        }
        self.framed(kept, before, true);
    }

    /// Frames as much of what waits as should be ready, and lets the connection add its own.
    pub(super) fn fill(&mut self, connection: &mut Connection, config: &Config) {
        self.answer(connection, config);
        self.frame_waiting(connection, config);
        if self.waiting.is_empty() {
            self.queue.write(|out| connection.transmit_close(out));
        }
    }

    /// Lets the connection write its Pong and its Ping, unless nobody takes the output: then the
    /// latest Pong waits in its slot instead of joining all earlier ones.
    #[inline]
    pub(super) fn answer(&mut self, connection: &mut Connection, config: &Config) {
        //= rfc6455#5.4
        //# Control frames (see Section 5.5) MAY be injected in the middle of
        //# a fragmented message.
        if self.queue.len() <= config.limits.pending_output {
            self.queue.write(|out| connection.transmit_answers(out));
        }
    }

    #[inline]
    fn frame_waiting(&mut self, connection: &mut Connection, config: &Config) {
        while self.queue.len() < AHEAD && !self.waiting.is_empty() {
            self.frame_next(connection, config);
        }
    }

    fn frame_next(&mut self, connection: &mut Connection, config: &Config) {
        let Some(next) = self.waiting.front_mut() else { return };
        let len = next.payload.len().min(fragment_size(config));
        let last = len == next.payload.len();
        let head = connection.frame_head(next.opcode, next.fin && last, next.rsv, len as u64);
        next.opcode = OpCode::Continuation;
        next.rsv = 0;
        let (kept, before) = (next.kept, self.queue.len());
        self.waiting_bytes -= len;
        match &mut next.payload {
            Unframed::Shared(bytes) => {
                let piece = bytes.split_to(len);
                match head.mask() {
                    Some(_) => self.queue.copy(head.bytes(), &piece, head.mask()),
                    None => self.queue.share(head.bytes(), piece),
                }
            }
            Unframed::Unique(bytes) => {
                let mut piece = bytes.split_to(len);
                if let Some(key) = head.mask() {
                    mask::apply(&mut piece, key);
                }
                self.queue.share(head.bytes(), piece.freeze());
            }
        }
        self.framed(kept, before, last);
        if last {
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// What has not left, as the report needs it.
    pub(super) fn backlog(&self) -> Backlog {
        let whole = self.waiting.iter().filter(|waiting| waiting.fin).count() as u64;
        Backlog {
            handshake: self.queue.handshake() as u64,
            unframed: self.waiting_bytes as u64,
            messages: self.queue.unfinished_messages() + whole,
        }
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
    }
}

/// How many bytes of a message go into one frame.
fn fragment_size(config: &Config) -> usize {
    config.fragment_size.map_or(usize::MAX, |size| size.max(1))
}
