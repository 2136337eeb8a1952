//! Messages as they are asked for: whole, or in chunks.
//!
//! Invariant: a message of which nothing was handed out is handed out as it is asked for, although it
//! may have been read otherwise. Of one that was begun in chunks, what is left is handed out in chunks
//! or passed over.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::{Driver, Step, WRITE_SOON};
use crate::session::{MessageChunk, SessionEvent};

#[derive(Debug, Default)]
pub(super) struct Handing {
    in_chunks: bool,
    /// A part of the message under way was handed out.
    begun: bool,
    /// The chunks so far of a message that is asked for as a whole, no longer than
    /// [`Limits::message`](crate::Limits::message).
    joined: Vec<u8>,
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

    /// Whether messages are handed out in chunks.
    pub(crate) fn gives_chunks(&self) -> bool {
        self.handing.in_chunks
    }

    /// What there is for the application, unless something has to be written first.
    pub(super) fn take_event(&mut self) -> Option<Step> {
        loop {
            if self.ready.is_empty() && !self.unparsed.is_empty() && !self.is_undecided() {
                self.poll_next();
            }
            if self.ready.is_empty() && !self.ready.has_ended() {
                return None;
            }
            let soon = self.reply_due || self.session.pending_output() >= WRITE_SOON;
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
            SessionEvent::Chunk(chunk) => self.handing.hand_out(*chunk),
            other => Some(other),
        }
    }
}

impl Handing {
    fn hand_out(&mut self, mut chunk: MessageChunk) -> Option<SessionEvent<'static>> {
        let last = chunk.is_last();
        if self.in_chunks {
            if !self.joined.is_empty() {
                self.joined.extend_from_slice(chunk.payload());
                chunk = chunk.behind(mem::take(&mut self.joined).into(), true);
            }
            self.begun = !last;
            return Some(SessionEvent::Chunk(Box::new(chunk)));
        }
        if self.begun {
            self.begun = !last;
            return None;
        }
        if self.joined.is_empty() && last {
            let payload = chunk.payload().clone();
            return Some(SessionEvent::Message(chunk.complete(payload)));
        }
        self.joined.extend_from_slice(chunk.payload());
        if !last {
            return None;
        }
        Some(SessionEvent::Message(chunk.complete(mem::take(&mut self.joined).into())))
    }
}
