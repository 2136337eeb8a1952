//! From messages to frames: what leaves at once, what waits, and in which pieces.
//!
//! Invariant: messages leave in the order in which they were accepted. A long one is cut into
//! frames only as the output drains, so that a Pong or a Ping never waits behind all of it. The
//! Close follows the last frame of the last message.

use alloc::collections::VecDeque;
use core::mem;

use bytes::{Bytes, BytesMut};

use super::prepared::Frame;
use super::queue::Queue;
use crate::config::Config;
use crate::connection::Connection;
use crate::event::Role;
use crate::frame::OpCode;
use crate::mask;
use crate::message::Payload;
use crate::termination::{Cause, Termination};

/// No more of what waits is framed once this much output is ready to leave.
const AHEAD: usize = 64 * 1024;

/// Prepared frames from this size on are queued as they are; copying smaller ones is cheaper.
const SHARED: usize = 256;

/// Everything that was accepted for sending and has not left.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Framed.
    pub(super) queue: Queue,
    /// Not framed, or not all of it.
    waiting: VecDeque<Waiting>,
    /// Payload bytes of `waiting`.
    waiting_bytes: usize,
}

/// A message or a fragment of which at least the last frame is still to be made.
#[derive(Debug)]
struct Waiting {
    /// The opcode of its next frame, and the reserved bits.
    opcode: OpCode,
    rsv: u8,
    /// Whether its last frame ends a message.
    fin: bool,
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
    pub(super) payload: Payload<'a>,
}

impl Unframed {
    fn new(payload: Payload<'_>, role: Role) -> Self {
        match (payload, role) {
            (Payload::Lent(bytes), Role::Client) => Self::Unique(BytesMut::from(bytes)),
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

impl Outgoing {
    pub(super) fn new(role: Role) -> Self {
        Self { queue: Queue::new(role), waiting: VecDeque::new(), waiting_bytes: 0 }
    }

    /// Bytes that have not left, framed or not.
    pub(super) fn pending(&self) -> usize {
        self.queue.len().saturating_add(self.waiting_bytes)
    }

    pub(super) fn unframed(&self) -> usize {
        self.waiting_bytes
    }

    /// Queues an accepted message, or a fragment of one.
    pub(super) fn add(&mut self, part: Part<'_>, connection: &mut Connection, config: &Config) {
        let Part { opcode, rsv, fin, payload } = part;
        self.frame_waiting(connection, config);
        if self.waiting.is_empty() && payload.len() <= fragment_size(config) {
            let head = connection.backlog_frame(opcode, fin, rsv, payload.len() as u64);
            match (payload, head.mask()) {
                (Payload::Owned(bytes), None) => self.queue.share(head.bytes(), bytes),
                (payload, mask) => self.queue.copy(head.bytes(), &payload, mask),
            }
        } else {
            let payload = Unframed::new(payload, connection.role());
            self.waiting_bytes += payload.len();
            self.waiting.push_back(Waiting { opcode, rsv, fin, payload });
        }
    }

    /// Queues an accepted message whose frame exists already, where that frame can be used.
    pub(super) fn add_prepared(
        &mut self,
        opcode: OpCode,
        rsv: u8,
        prepared: &Frame,
        connection: &mut Connection,
        config: &Config,
    ) {
        let len = prepared.payload().len();
        self.frame_waiting(connection, config);
        let usable = connection.role() == Role::Server && len <= fragment_size(config);
        if !usable || !self.waiting.is_empty() {
            let payload = Payload::Owned(prepared.shared_payload());
            self.add(Part { opcode, rsv, fin: true, payload }, connection, config);
            return;
        }
        // The frame is counted; its head is the prepared one's.
        connection.backlog_frame(opcode, true, rsv, len as u64);
        let frame = prepared.bytes();
        if frame.len() < SHARED {
            self.queue.copy(frame, &[], None);
        } else {
            self.queue.push(frame.clone());
        }
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
        let head = connection.backlog_frame(next.opcode, next.fin && last, next.rsv, len as u64);
        next.opcode = OpCode::Continuation;
        next.rsv = 0;
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
        if last {
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// Makes the report exact about what will never leave, and forgets that.
    pub(super) fn give_up(&mut self, report: &mut Termination) {
        let unframed = self.waiting_bytes as u64;
        let whole = self.waiting.iter().filter(|waiting| waiting.fin).count() as u64;
        report.dropped.bytes += unframed;
        report.dropped.messages = self.queue.unfinished_messages() + whole;
        report.evidence.pending_output += unframed;
        if let Cause::WriteStalled { pending } = &mut report.cause {
            *pending += unframed;
        }
        self.clear();
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
