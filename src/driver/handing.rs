//! Messages as they are asked for: whole, or in chunks.
//!
//! Invariant: a message of which nothing was handed out is handed out as it is asked for, although it
//! may have been read otherwise. Of one that was begun in chunks, what is left is handed out in chunks
//! or passed over.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::{Driver, Step};
use crate::session::{MessageChunk, SessionEvent};
use crate::wire::data::MessageKind;

#[derive(Debug, Default)]
pub(super) struct Handing {
    in_chunks: bool,
    /// A part of the message under way was handed out.
    begun: bool,
    joined: Joined,
}

/// The chunks so far of a message that is asked for as a whole, together no longer than
/// [`Limits::message`](crate::Limits::message).
#[derive(Debug, Default)]
struct Joined {
    bytes: Vec<u8>,
    kind: Option<MessageKind>,
}

impl Joined {
    /// Adds a chunk. Memory is doubled at most, and not beyond the limit.
    fn add(&mut self, chunk: &MessageChunk, limit: u64) {
        let (len, more) = (self.bytes.len(), chunk.payload().len());
        if self.bytes.capacity() - len < more {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            self.bytes.reserve_exact(len.min(limit.saturating_sub(len)).max(more));
        }
        self.bytes.extend_from_slice(chunk.payload());
        self.kind = Some(chunk.kind());
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = mem::take(self).bytes;
        bytes.shrink_to_fit();
        bytes
    }
}

impl Driver {
    /// Hands out messages in chunks, as [`SessionEvent::Chunk`], or whole again. What is left of a
    /// message that was begun in chunks is passed over then.
    ///
    /// A message that was read before may come whole. See
    /// [`Session::receive_in_chunks`](crate::Session::receive_in_chunks).
    #[inline]
    pub fn receive_in_chunks(&mut self, wanted: bool) {
        if self.handing.in_chunks != wanted {
            self.handing.in_chunks = wanted;
            self.session_mut().receive_in_chunks(wanted);
        }
    }

    /// Hands out what [`without_control_events`](Self::without_control_events) leaves out from now on, as
    /// it is parsed, or leaves it out again. What was parsed before comes, or does not, as it was then.
    pub fn receive_control_events(&mut self, wanted: bool) {
        self.settings.without_control_events = !wanted;
    }

    /// Whether messages are handed out in chunks.
    pub(crate) fn gives_chunks(&self) -> bool {
        self.handing.in_chunks
    }

    /// What there is for the application, unless something has to be written first.
    pub(super) fn take_event(&mut self) -> Option<Step> {
        if let Some(begun) = self.handing.take_begun() {
            return Some(Step::Event(begun));
        }
        loop {
            if self.ready.is_empty() && !self.unparsed.is_empty() && !self.is_undecided() {
                self.poll_next();
            }
            if self.ready.is_empty() && !self.ready.has_ended() {
                return None;
            }
            let soon = self.reply_due || self.writes_soon();
            if soon || self.ready.is_empty() {
                let output = self.wants_write();
                if let Some(step) = self.write(output) {
                    return Some(step);
                }
                self.reply_due = false;
            }
            self.without_time += 1;
            let event = self.ready.take()?;
            if let Some(event) = self.hand_out(event) {
                return Some(Step::Event(event));
            }
        }
    }

    /// What becomes of an event that was ready, as it is handed out.
    fn hand_out(&mut self, event: SessionEvent<'static>) -> Option<SessionEvent<'static>> {
        match event {
            SessionEvent::Chunk(chunk) => {
                self.handing.hand_out(*chunk, self.session.config().limits.message)
            }
            SessionEvent::Ended(_) => {
                self.handing.forget();
                Some(event)
            }
            other => Some(other),
        }
    }
}

impl Handing {
    /// What was put together of a message, if it is asked for in chunks by now.
    fn take_begun(&mut self) -> Option<SessionEvent<'static>> {
        let kind = self.joined.kind.filter(|_| self.in_chunks)?;
        self.begun = true;
        let begun = MessageChunk::first(self.joined.take().into(), kind);
        Some(SessionEvent::Chunk(Box::new(begun)))
    }

    /// Nothing more will come.
    pub(super) fn forget(&mut self) {
        self.joined = Joined::default();
    }

    fn hand_out(&mut self, chunk: MessageChunk, limit: u64) -> Option<SessionEvent<'static>> {
        let last = chunk.is_last();
        if self.in_chunks {
            self.begun = !last;
            return Some(SessionEvent::Chunk(Box::new(chunk)));
        }
        if self.begun {
            self.begun = !last;
            return None;
        }
        if self.joined.kind.is_none() && last {
            let payload = chunk.payload().clone();
            return Some(SessionEvent::Message(chunk.complete(payload)));
        }
        self.joined.add(&chunk, limit);
        last.then(|| SessionEvent::Message(chunk.complete(self.joined.take().into())))
    }
}
