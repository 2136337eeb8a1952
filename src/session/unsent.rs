//! Messages that were accepted and have not left, kept so that they can be handed back.
//!
//! Invariant: what is kept are the messages accepted since keeping began of which the transport has
//! not accepted the last byte, each once, in the order in which they were accepted. A session that
//! was not asked to keep them has nothing of this but an empty pointer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::frame::OpCode;
use crate::wire::message::{Message, Payload, Text};

/// A message that was accepted for sending and did not leave, or not all of it.
///
/// From [`Session::take_unsent`](crate::Session::take_unsent). The peer's application never gets a
/// message of which a part is missing, so sending it again on the next connection does not send it
/// twice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsent {
    /// The message, as it was accepted.
    pub message: Message<'static>,
    /// Whether the transport has accepted some of its bytes. A peer that looks at the pieces of a
    /// message before its end may have seen them.
    pub partly: bool,
}

/// What is kept, by its place in the output.
///
/// Offsets count the bytes of output since keeping began.
#[derive(Debug, Default)]
pub(super) struct UnsentLog {
    messages: VecDeque<Entry>,
    /// How many of the first messages are framed to their end.
    framed: usize,
    /// Bytes that have left.
    left: u64,
}

#[derive(Debug)]
struct Entry {
    text: bool,
    payload: Bytes,
    /// The offset of its first byte; `u64::MAX` before any of it is framed.
    start: u64,
    /// The offset behind its last byte; `u64::MAX` before all of it is framed.
    end: u64,
}

impl UnsentLog {
    /// Keeps a whole message. Gives its payload back, shared.
    pub(super) fn keep(&mut self, opcode: OpCode, payload: Payload<'_>) -> Payload<'static> {
        let payload = payload.into_bytes();
        let text = opcode == OpCode::Text;
        let entry = Entry { text, payload: payload.clone(), start: u64::MAX, end: u64::MAX };
        self.messages.push_back(entry);
        Payload::Owned(payload)
    }

    /// A frame of the next message was put into the output, which was `before` bytes long and now
    /// is `after`.
    pub(super) fn framed(&mut self, before: usize, after: usize, last: bool) {
        let Some(entry) = self.messages.get_mut(self.framed) else { return };
        entry.start = entry.start.min(self.left.saturating_add(before as u64));
        if last {
            entry.end = self.left.saturating_add(after as u64);
            self.framed += 1;
        }
    }

    /// The first `count` bytes of the output have left.
    pub(super) fn flushed(&mut self, count: usize) {
        self.left = self.left.saturating_add(count as u64);
        while self.messages.front().is_some_and(|entry| entry.end <= self.left) {
            self.messages.pop_front();
            self.framed -= 1;
        }
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    pub(super) fn into_unsent(self) -> Vec<Unsent> {
        let left = self.left;
        let unsent = self
            .messages
            .into_iter()
            .map(|entry| Unsent { partly: entry.start < left, message: entry.into_message() });
        unsent.collect()
    }
}

impl Entry {
    fn into_message(self) -> Message<'static> {
        if self.text {
            let text = Text::try_from(self.payload);
            Message::Text(text.expect("a text message was UTF-8 when it was accepted"))
        } else {
            Message::from(self.payload)
        }
    }
}
