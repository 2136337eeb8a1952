//! The queue of outgoing messages: which are framed at once, which wait, and how long ones are
//! fragmented.
//!
//! Invariant: messages leave in the order in which they were accepted. A long one is cut into
//! frames only as the output drains, so that a Pong or a Ping never waits behind all of it. The
//! Close follows the last frame of the last message.

mod direct;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::ledger::{Left, Piece};
use super::output::Output;
use super::output_buffer::{OWN_SEGMENT, OutputBuffer};
use super::prepared::Prepared;
use super::unsent::{Unsent, UnsentLog};
use crate::config::Config;
use crate::connection::{Connection, SendError, UndeliveredParts};
use crate::deflate::Deflate;
use crate::time::Timestamp;
use crate::wire::copy;
use crate::wire::data::{Data, MessageKind};
use crate::wire::frame::{OpCode, RSV1};
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
    pub(super) output: OutputBuffer,
    /// Not framed, or not all of it.
    waiting: Option<Box<Waiting>>,
    /// Whole messages that can be handed back, where that is asked for.
    pub(super) unsent: Option<Box<UnsentLog>>,
    /// The most bytes of frames, made or to be made, that were pending when some of them left.
    peak: usize,
    /// How many bytes of a message go into one frame.
    fragment_size: usize,
    /// How much may be pending before messages are refused.
    limit: usize,
}

/// What is still to be framed; never empty.
#[derive(Debug, Default)]
struct Waiting {
    parts: VecDeque<Part<Unframed>>,
    /// Payload bytes of all of them.
    bytes: usize,
    /// Those that end a message.
    messages: u64,
}

/// An accepted message or a fragment of one, of which at least the last frame is still to be made.
#[derive(Debug)]
struct Part<P> {
    /// The opcode of its next frame, and the reserved bits.
    opcode: OpCode,
    rsv: u8,
    /// Whether its last frame ends a message.
    fin: bool,
    payload: P,
}

#[derive(Debug)]
enum Unframed {
    Shared(Bytes),
    /// Ours alone, so that it can be masked in place.
    Unique(BytesMut),
}

impl Unframed {
    fn new(payload: Payload<'_>, role: Role) -> Self {
        match (payload, role) {
            (Payload::Borrowed(bytes), Role::Client) => {
                let mut unique = BytesMut::with_capacity(bytes.len());
                copy::append(&mut unique, bytes);
                Self::Unique(unique)
            }
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
    pub(super) fn new(config: &Config) -> Self {
        Self {
            output: OutputBuffer::new(),
            waiting: None,
            unsent: None,
            peak: 0,
            fragment_size: config.fragment_size.map_or(usize::MAX, |size| size.max(1)),
            limit: config.limits.pending_output,
        }
    }

    /// The output of the opening handshake.
    pub(super) fn handshake_output(&mut self) -> &mut OutputBuffer {
        &mut self.output
    }

    /// What is ready to leave.
    #[inline]
    pub(super) fn output(&self) -> Output<'_> {
        Output::new(&self.output)
    }

    /// Whether anything is ready to leave.
    #[inline]
    pub(super) fn has_output(&self) -> bool {
        self.output.len() > 0
    }

    /// Bytes that have not left, framed or not.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.output.len().saturating_add(self.unframed())
    }

    /// Payload bytes that are not framed.
    #[inline]
    pub(super) fn unframed(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    /// Whether no message is accepted before some have left. Every message that waits takes memory
    /// beside its bytes, of which it may have none.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        let waiting = self
            .waiting
            .as_ref()
            .map_or(0, |waiting| (waiting.parts.len() * PER_WAITING).saturating_add(waiting.bytes));
        let framed = self.output.len() + self.output.ledger().memory();
        framed.saturating_add(waiting) > self.limit
    }

    /// Whether no Ping is accepted: it leaves before what is not framed yet, so that does not count.
    pub(super) fn is_full_of_frames(&self) -> bool {
        self.output.len() > self.limit
    }

    /// The most bytes of frames that were pending at once. What is pending only grows until some of
    /// it leaves, so it is looked at then, and when it is asked for.
    pub(super) fn peak(&self) -> usize {
        self.peak.max(self.pending() - self.handshake())
    }

    /// From now on, whole messages can be handed back until they have left.
    pub(super) fn keep_unsent(&mut self) {
        let accepted = self.unfinished_messages();
        self.unsent.get_or_insert_with(|| Box::new(UnsentLog::new(accepted)));
    }

    /// The messages that can be handed back; no others will be.
    pub(super) fn take_unsent(&mut self) -> Vec<Unsent> {
        let begun = self.output.ledger().has_begun();
        self.unsent.take().map_or_else(Vec::new, |log| log.into_unsent(begun))
    }

    /// How many messages have not left that cannot be handed back, where others can.
    pub(super) fn skipped(&self) -> Option<u64> {
        self.unsent.as_ref().map(|log| log.skipped())
    }

    /// Messages that were accepted to their end, of which that has not left.
    fn unfinished_messages(&self) -> u64 {
        self.output.ledger().unfinished_messages() + self.unframed_messages()
    }

    /// Messages that were accepted to their end, of which that is not framed.
    pub(super) fn unframed_messages(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.messages)
    }

    /// The first `count` bytes of the output have left. Returns what they were.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> Left {
        let framed = self.output.len();
        let pending =
            self.waiting.as_ref().map_or(framed, |waiting| framed.saturating_add(waiting.bytes));
        self.peak = self.peak.max(pending - self.handshake());
        let left = self.output.consume(count);
        if let Some(log) = &mut self.unsent {
            log.handle_left(left.messages);
        }
        left
    }

    /// Queues a frame with a payload that is copied.
    #[inline]
    pub(super) fn add_frame(
        &mut self,
        opcode: OpCode,
        fin: bool,
        payload: &[u8],
        connection: &mut Connection,
    ) {
        let piece = if fin { Piece::MessageEnd } else { Piece::Fragment };
        self.output.write(piece, |out| connection.append_frame(opcode, fin, payload, out));
    }

    /// Queues an accepted message, compressed where `compress` says so and `deflate` is given.
    #[inline(never)]
    pub(super) fn add_message(
        &mut self,
        kind: MessageKind,
        mut payload: Payload<'_>,
        compress: bool,
        deflate: Option<&mut Deflate>,
        connection: &mut Connection,
    ) {
        if let Some(log) = &mut self.unsent {
            payload = log.add(kind, payload, compress);
        }
        let mut rsv = 0;
        //= rfc7692#6.1
        //# If this PMCE is the last extension to process outgoing
        //# messages, build frame(s) using the compressed data instead of
        //# the original data for the message payload, set the "Per-
        //# Message Compressed" bit of the first frame, and then send the
        //# frame(s) as described in Section 6.1 of [RFC6455].
        let deflate = deflate.filter(|_| compress);
        if let Some(compressed) = deflate.and_then(|deflate| deflate.compress(&payload)) {
            (rsv, payload) = (RSV1, Payload::Owned(compressed));
        }
        self.add(Part { opcode: kind.into(), rsv, fin: true, payload }, connection);
        self.ping_if_due(connection);
    }

    /// Queues an accepted message whose frame exists already, where that frame can be used: on a
    /// server, where its bytes are shared and not copied.
    ///
    /// It is compressed by the first session that needs it so, for all that agreed on the same
    /// window. What it refers to is only itself, so that the next message of the session begins a
    /// new context.
    pub(super) fn add_prepared(
        &mut self,
        prepared: &Prepared,
        compress: bool,
        deflate: Option<&mut Deflate>,
        connection: &mut Connection,
    ) {
        let compressed = deflate.filter(|_| compress).and_then(|deflate| {
            let frame = prepared.compressed(deflate)?;
            deflate.forget();
            Some(frame)
        });
        let (rsv, frame) = compressed.map_or((0, prepared.plain()), |frame| (RSV1, frame));
        let opcode = prepared.kind().into();
        if let Some(log) = &mut self.unsent {
            log.add(prepared.kind(), Payload::Owned(prepared.plain().shared_payload()), compress);
        }
        self.frame_waiting(connection);
        let len = frame.payload().len();
        let usable = connection.role() == Role::Server && len <= self.fragment_size;
        if !usable || self.waiting.is_some() {
            let payload = Payload::Owned(frame.shared_payload());
            self.add(Part { opcode, rsv, fin: true, payload }, connection);
            self.ping_if_due(connection);
            return;
        }
        let bytes = frame.bytes();
        connection.frame_queued(bytes.len());
        if bytes.len() < SHARED {
            self.output.copy(Piece::MessageEnd, bytes, &[], None);
        } else {
            self.output.push(Piece::MessageEnd, &[], bytes.clone());
        }
        self.ping_if_due(connection);
    }

    /// Queues an accepted fragment of a message.
    pub(super) fn add_fragment(
        &mut self,
        opcode: OpCode,
        data: Data<'_>,
        fin: bool,
        deflate: Option<&mut Deflate>,
        connection: &mut Connection,
    ) {
        let mut payload = Payload::Borrowed(data.as_bytes());
        let mut rsv = 0;
        if let Some(deflate) = deflate {
            let first = opcode != OpCode::Continuation;
            if let Some(compressed) = deflate.compress_fragment(&payload, first, fin) {
                payload = Payload::Owned(compressed);
                rsv = if first { RSV1 } else { 0 };
            }
        }
        if let (true, Some(log)) = (fin, &mut self.unsent) {
            log.skip();
        }
        self.add(Part { opcode, rsv, fin, payload }, connection);
    }

    /// Queues a Ping of the application's own.
    pub(super) fn add_ping(
        &mut self,
        payload: &[u8],
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<(), SendError> {
        self.output.write(Piece::Control, |out| connection.ping(payload, out, now))?;
        if let Some(log) = &mut self.unsent {
            log.handle_other_ping();
        }
        Ok(())
    }

    #[inline]
    fn add(&mut self, part: Part<Payload<'_>>, connection: &mut Connection) {
        self.frame_waiting(connection);
        if self.waiting.is_some() || part.payload.len() > self.fragment_size {
            self.add_waiting(part, connection.role());
            return;
        }
        let Part { opcode, rsv, fin, payload } = part;
        let own = matches!(&payload, Payload::Owned(bytes) if bytes.len() >= OWN_SEGMENT);
        if rsv == 0 && !own {
            self.add_frame(opcode, fin, &payload, connection);
            return;
        }
        let piece = if fin { Piece::MessageEnd } else { Piece::Fragment };
        let head = connection.frame_head(opcode, fin, rsv, payload.len() as u64);
        match (payload, head.mask()) {
            (Payload::Owned(bytes), None) => self.output.share(piece, head.bytes(), bytes),
            (payload, mask) => self.output.copy(piece, head.bytes(), &payload, mask),
        }
    }

    #[inline(never)]
    fn add_waiting(&mut self, part: Part<Payload<'_>>, role: Role) {
        let Part { opcode, rsv, fin, payload } = part;
        let payload = Unframed::new(payload, role);
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes += payload.len();
        waiting.messages += u64::from(fin);
        waiting.parts.push_back(Part { opcode, rsv, fin, payload });
    }

    /// Whether [`fill`](Self::fill) would do nothing, and all output may leave.
    #[inline]
    pub(super) fn is_framed(&self, connection: &Connection) -> bool {
        self.waiting.is_none() && connection.has_nothing_to_say()
    }

    /// Frames as much of what waits as should be ready, and lets the connection add its own.
    #[inline]
    pub(super) fn fill(&mut self, connection: &mut Connection) {
        if connection.wants_transmit() || self.waiting.is_some() {
            self.fill_now(connection);
        }
    }

    #[inline(never)]
    fn fill_now(&mut self, connection: &mut Connection) {
        self.queue_control(connection);
        self.frame_waiting(connection);
        self.ping_if_due(connection);
        if self.waiting.is_none() {
            self.output.write(Piece::Control, |out| connection.transmit_close(out));
        }
    }

    /// Lets the connection write its Pong and its Ping, unless nobody takes the output: then the
    /// latest Pong waits in its slot instead of joining all earlier ones.
    pub(super) fn queue_control(&mut self, connection: &mut Connection) {
        //= rfc6455#5.4
        //# Control frames (see Section 5.5) MAY be injected in the middle of
        //# a fragmented message.
        if self.output.len() <= self.limit {
            self.output.write(Piece::Control, |out| connection.transmit_ping_pong(out));
        }
    }

    #[inline]
    fn frame_waiting(&mut self, connection: &mut Connection) {
        while self.waiting.is_some() && self.output.len() < AHEAD {
            self.frame_next(connection);
        }
    }

    fn frame_next(&mut self, connection: &mut Connection) {
        let Some(waiting) = &mut self.waiting else { return };
        let Some(next) = waiting.parts.front_mut() else { return };
        let len = next.payload.len().min(self.fragment_size);
        let last = len == next.payload.len();
        let next_fin = next.fin;
        let fin = next_fin && last;
        let piece = if fin { Piece::MessageEnd } else { Piece::Fragment };
        let head = connection.frame_head(next.opcode, fin, next.rsv, len as u64);
        next.opcode = OpCode::Continuation;
        next.rsv = 0;
        waiting.bytes -= len;
        match &mut next.payload {
            Unframed::Shared(bytes) => {
                let bytes = bytes.split_to(len);
                match head.mask() {
                    Some(_) => self.output.copy(piece, head.bytes(), &bytes, head.mask()),
                    None => self.output.share(piece, head.bytes(), bytes),
                }
            }
            Unframed::Unique(bytes) => {
                let mut bytes = bytes.split_to(len);
                if let Some(key) = head.mask() {
                    mask::apply(&mut bytes, key);
                }
                self.output.share(piece, head.bytes(), bytes.freeze());
            }
        }
        if last {
            waiting.messages -= u64::from(next_fin);
            waiting.parts.pop_front();
        }
        if waiting.parts.is_empty() {
            self.waiting = None;
        }
    }

    /// Bytes of the opening handshake that have not left.
    pub(super) fn handshake(&self) -> usize {
        self.output.ledger().handshake()
    }

    /// What has not left, as the report needs it.
    pub(super) fn undelivered(&self) -> UndeliveredParts {
        UndeliveredParts {
            handshake: self.handshake() as u64,
            unframed: self.unframed() as u64,
            messages: self.unfinished_messages(),
        }
    }

    /// Forgets what will never leave, and frees the memory.
    pub(super) fn clear(&mut self) {
        self.peak = self.peak();
        self.output.clear();
        self.waiting = None;
    }
}
