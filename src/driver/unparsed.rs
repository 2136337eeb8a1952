//! Bytes that were read and not parsed.

use alloc::vec::Vec;

use crate::session::{Session, SessionEvent};
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Unparsed {
    /// Those that are parsed by now lie in front.
    bytes: Vec<u8>,
    /// How many these are.
    at: usize,
}

impl Unparsed {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// As [`keep`](Self::keep), where so many more bytes may follow at once: where memory grows with
    /// each piece, it is copied again and again.
    #[inline]
    pub(super) fn keep_with_more(&mut self, bytes: &[u8], more: usize) {
        self.bytes.reserve(bytes.len() + more);
        self.bytes.extend_from_slice(bytes);
    }

    /// The session's next event from here.
    #[inline]
    pub(super) fn poll(
        &mut self,
        session: &mut Session,
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        let mut input = self.bytes.get_mut(self.at..).unwrap_or_default();
        let event = match session.poll_event(&mut input, now) {
            Some(SessionEvent::Message(message)) => {
                Some(SessionEvent::Message(message.into_owned()))
            }
            other => owned(other),
        };
        let left = input.len();
        if left == 0 {
            *self = Self::default();
        } else {
            self.at = self.bytes.len() - left;
        }
        event
    }
}

/// Most events are messages, and have this out of their way.
#[cold]
#[inline(never)]
fn owned(event: Option<SessionEvent<'_>>) -> Option<SessionEvent<'static>> {
    event.map(SessionEvent::into_owned)
}
