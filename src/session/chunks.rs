//! Messages that are given to the application as they come, and held nowhere.
//!
//! Invariant: beside the chunk that is given, no more of a message is in memory than what the inflater
//! refers back to, and what a few bytes of compressed input make.

use alloc::boxed::Box;
use core::{fmt, mem};

use bytes::Bytes;

use super::{Session, SessionEvent, outgoing};
use crate::connection::Event;
use crate::time::Timestamp;
use crate::wire::data::{Chunk, MessageKind};
use crate::wire::debug::ShortBytes;
use crate::wire::message::Message;
use crate::wire::violation::Violation;

/// How much compressed input is inflated at once: a byte makes up to 1,032.
const SLICE: usize = 128;

/// What comes in small pieces is put together up to this, as far as it is there.
const ENOUGH: usize = 16 * 1024;

/// A part of a message, from a [`Session`] that
/// [receives in chunks](Session::receive_in_chunks) and from the sockets' `next_chunk`.
///
/// Chunks come in order. How a message is cut into chunks depends on its fragments and on how it was
/// read; only the concatenation of its chunks has a meaning. A chunk of text may begin and end inside
/// a character, but the text up to its end has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageChunk {
    payload: Bytes,
    kind: MessageKind,
    first: bool,
    last: bool,
}

impl MessageChunk {
    /// The bytes. Empty only for the last chunk of a message.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The bytes, without the rest.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Whether this chunk begins a message.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.first
    }

    /// Whether this chunk ends its message.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The beginning of a message.
    pub(crate) fn first(payload: Bytes, kind: MessageKind) -> Self {
        Self { payload, kind, first: true, last: false }
    }

    /// The message with these bytes, of which this chunk is the last.
    pub(crate) fn complete(&self, payload: Bytes) -> Message<'static> {
        outgoing::whole(self.kind, payload)
    }
}

/// A whole message, as one chunk.
impl From<Message<'static>> for MessageChunk {
    fn from(message: Message<'static>) -> Self {
        let kind = message.kind();
        Self { payload: message.into_payload().into_bytes(), kind, first: true, last: true }
    }
}

impl fmt::Debug for MessageChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageChunk")
            .field("payload", &ShortBytes(&self.payload))
            .field("kind", &self.kind)
            .field("first", &self.first)
            .field("last", &self.last)
            .finish()
    }
}

/// How messages are given.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// How much of what was inflated and is still held was given.
    given: usize,
    wanted: bool,
    /// A part of the message under way was given, so that the rest has to be.
    begun: bool,
}

impl Session {
    /// From now on, messages are given as they come, in [`SessionEvent::Chunk`], and not put
    /// together; or they are put together again, from the next message on of which nothing was given.
    /// What has come of a message by now is given at once.
    ///
    /// Of a message that breaks a rule, all that lies before the fault is given.
    ///
    /// So a message takes no memory, however long it is: less than 1 MiB with everything around it, be
    /// it compressed or not. [`Limits::message`](crate::Limits::message) still says how long it may
    /// be: raise it for messages that are longer than its 64 MiB.
    ///
    /// ```
    /// use farewell::handshake::Negotiated;
    /// use farewell::{Config, Role, Seed, Session, SessionEvent, Timestamp};
    ///
    /// let now = Timestamp::ZERO;
    /// let negotiated = Negotiated::default();
    /// let seed = Seed::new([1; 32]);
    /// let mut session = Session::upgraded(Role::Client, negotiated, Config::default(), seed, now);
    /// session.receive_in_chunks(true);
    /// // The beginning of a binary message of a megabyte.
    /// let mut bytes = [&[0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0][..], b"the beginning"].concat();
    /// let Some(SessionEvent::Chunk(chunk)) = session.poll_event(&mut &mut bytes[..], now) else {
    ///     panic!("some of it has come")
    /// };
    /// assert_eq!(&chunk.payload()[..], b"the beginning");
    /// assert!(chunk.is_first() && !chunk.is_last());
    /// ```
    pub fn receive_in_chunks(&mut self, wanted: bool) {
        if wanted {
            self.deferred.get_or_insert_default().chunks.get_or_insert_default().wanted = true;
        } else if let Some(chunks) = self.chunks_mut() {
            chunks.wanted = false;
            self.settle_chunks();
        }
    }

    /// Whether messages are given in chunks.
    pub(super) fn gives_chunks(&self) -> bool {
        let chunks = self.deferred.as_ref().is_some_and(|deferred| deferred.chunks.is_some());
        chunks && self.stage.connection().is_some()
    }

    fn chunks_mut(&mut self) -> Option<&mut Chunks> {
        self.deferred.as_mut()?.chunks.as_mut()
    }

    /// Ends it, where nobody wants it and the message that was begun is complete.
    fn settle_chunks(&mut self) {
        if let Some(deferred) = &mut self.deferred {
            deferred.chunks.take_if(|chunks| !chunks.wanted && !chunks.begun);
        }
    }

    /// As [`receive`](Self::receive), in chunks.
    #[cold]
    #[inline(never)]
    pub(super) fn receive_chunks<'b, 'm>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
        whole: impl Fn(&Chunk<'b>) -> Result<Message<'m>, Violation>,
    ) -> Option<SessionEvent<'m>> {
        let begun = self.take_begun();
        if begun.is_some() {
            return begun;
        }
        while self.gives_chunks() {
            let connection = self.stage.connection_mut()?;
            let under_way = connection.message_under_way();
            let all = input.len();
            let len = if self.deflate.is_some() { all.min(SLICE) } else { all };
            let mut slice = input.get_mut(..len).unwrap_or_default();
            let event = connection.poll_input(&mut slice, now);
            let taken = len - slice.len();
            let is_over = event.is_none() && taken == all;
            let event = match event {
                Some(Event::Data(chunk)) => match self.take_chunk(&chunk, taken < all) {
                    Ok(chunk) => chunk.map(|chunk| SessionEvent::Chunk(Box::new(chunk))),
                    Err(rule) => {
                        let (kind, compressed) = (chunk.kind(), chunk.is_compressed());
                        self.stage.connection_mut()?.fail_message(rule, now);
                        self.take_held(kind, compressed, true)
                    }
                },
                Some(other) => self.translate(other),
                None => match (under_way, connection.message_under_way()) {
                    // A fault ends it.
                    (Some((kind, compressed)), None) => self.take_held(kind, compressed, true),
                    _ => None,
                },
            };
            *input = mem::take(input).get_mut(taken..).unwrap_or_default();
            if event.is_some() {
                return event;
            }
            if is_over {
                self.drop_unfinished();
                return self.poll_end();
            }
        }
        self.receive(input, now, whole)
    }

    /// What was put together of the message under way before chunks were asked for.
    fn take_begun(&mut self) -> Option<SessionEvent<'static>> {
        let (kind, compressed) = self.stage.connection()?.message_under_way()?;
        // What was read into its memory is taken in first.
        if self.assembly.has_filled() { None } else { self.take_held(kind, compressed, false) }
    }

    /// What has come of the message under way and was not given; all of it where a fault ends it, behind
    /// which nothing is held.
    fn take_held(
        &mut self,
        kind: MessageKind,
        compressed: bool,
        fault: bool,
    ) -> Option<SessionEvent<'static>> {
        let chunks = self.deferred.as_mut()?.chunks.as_mut()?;
        if self.assembly.received() <= chunks.given {
            return None;
        }
        let payload = match &mut self.deflate {
            Some(deflate) if compressed => {
                let payload;
                (payload, chunks.given) = self.assembly.take_inflated(chunks.given, deflate, fault);
                payload
            }
            _ => self.assembly.take_received(),
        };
        let first = !mem::replace(&mut chunks.begun, true);
        let chunk = MessageChunk { payload, kind, first, last: false };
        Some(SessionEvent::Chunk(Box::new(chunk)))
    }

    /// What there is to be given of a message, once a piece of it has come, and `more` input is there.
    fn take_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        more: bool,
    ) -> Result<Option<MessageChunk>, Violation> {
        let Some(connection) = self.stage.connection() else { return Ok(None) };
        let last = chunk.is_last();
        // Only where more of the same is sure to follow at once: whatever else comes next finds nothing
        // held back.
        let gathers = more && connection.payload_remaining() > 0;
        let payload = match &mut self.deflate {
            Some(deflate) if chunk.is_compressed() => {
                self.assembly.inflate(chunk, deflate, connection.config().limits.message)?;
                let chunks = self.deferred.as_mut().and_then(|deferred| deferred.chunks.as_mut());
                let Some(Chunks { given, .. }) = chunks else { return Ok(None) };
                if gathers && self.assembly.received() < *given + ENOUGH {
                    return Ok(None);
                }
                let payload;
                (payload, *given) = self.assembly.take_inflated(*given, deflate, last);
                payload
            }
            None if self.assembly.memory() == 0 => Bytes::copy_from_slice(chunk.payload()),
            _ => {
                self.assembly.append(chunk.payload(), 0, connection.message_remaining());
                if gathers && self.assembly.received() < ENOUGH {
                    return Ok(None);
                }
                self.assembly.take_received()
            }
        };
        if payload.is_empty() && !last {
            return Ok(None);
        }
        let Some(chunks) = self.chunks_mut() else { return Ok(None) };
        let first = !mem::replace(&mut chunks.begun, !last);
        self.settle_chunks();
        Ok(Some(MessageChunk { payload, kind: chunk.kind(), first, last }))
    }
}
