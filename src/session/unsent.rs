//! A log of the messages that were accepted and have not left, so that they can be handed back.
//!
//! Invariant: the log has the whole messages accepted since it began of which the transport has not
//! accepted the last byte, each once, in the order in which they were accepted. A session that was
//! not asked for it has nothing of this but an empty pointer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::outgoing;
use crate::wire::data::MessageKind;
use crate::wire::message::{Message, Payload};

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

/// The messages that can be handed back.
///
/// Messages leave in the order in which they were accepted, so each is known by its number.
#[derive(Debug)]
pub(super) struct UnsentLog {
    messages: VecDeque<Entry>,
    /// Messages that were accepted to their end, and of these, how many have left. Both count from
    /// the first message that had not left when the log began.
    accepted: u64,
    left: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    kind: MessageKind,
    payload: Bytes,
}

impl UnsentLog {
    /// Begins behind the messages that were accepted before and have not left.
    pub(super) fn new(accepted_before: u64) -> Self {
        Self { messages: VecDeque::new(), accepted: accepted_before, left: 0 }
    }

    /// A whole message was accepted. Returns its payload, shared with the log.
    pub(super) fn add(&mut self, kind: MessageKind, payload: Payload<'_>) -> Payload<'static> {
        let payload = payload.into_bytes();
        let number = self.accepted;
        self.messages.push_back(Entry { number, kind, payload: payload.clone() });
        self.accepted += 1;
        Payload::Owned(payload)
    }

    /// The end of a message was accepted that is not to be handed back.
    pub(super) fn skip(&mut self) {
        self.accepted += 1;
    }

    /// So many messages more have left.
    pub(super) fn handle_left(&mut self, messages: u64) {
        self.left += messages;
        while self.messages.front().is_some_and(|entry| entry.number < self.left) {
            self.messages.pop_front();
        }
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    /// The messages, where a part of the one that leaves next has left already or not.
    pub(super) fn into_unsent(self, begun: bool) -> Vec<Unsent> {
        let first = self.left;
        let unsent = self.messages.into_iter().map(|entry| Unsent {
            partly: begun && entry.number == first,
            message: outgoing::whole(entry.kind, entry.payload),
        });
        unsent.collect()
    }
}
