//! Events that were parsed and not handed out.
//!
//! Invariant: the report is the last event, and stays.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::report::Termination;
use crate::session::SessionEvent;
use crate::wire::message::Message;

/// What a waiting event counts for beside its payload.
const PER_EVENT: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Of most reads there is no more than one, which takes no memory of its own here.
    first: Option<SessionEvent<'static>>,
    more: VecDeque<SessionEvent<'static>>,
    /// Bytes that wait behind the first.
    size: usize,
    ended: Option<Box<Termination>>,
}

impl Ready {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Bytes that wait.
    pub(super) fn size(&self) -> usize {
        self.first.as_ref().map_or(0, cost) + self.size
    }

    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    #[inline]
    pub(super) fn ended(&self) -> Option<&Termination> {
        self.ended.as_deref()
    }

    #[cfg(feature = "rustls")]
    pub(super) fn ended_mut(&mut self) -> Option<&mut Termination> {
        self.ended.as_deref_mut()
    }

    #[inline]
    pub(super) fn add(&mut self, event: SessionEvent<'static>) {
        match event {
            SessionEvent::Ended(report) => self.ended = Some(report),
            event if self.first.is_none() => self.first = Some(event),
            event => {
                self.size += cost(&event);
                self.more.push_back(event);
            }
        }
    }

    #[inline]
    pub(super) fn add_message(&mut self, message: Message<'static>) {
        let event = SessionEvent::Message(message);
        if self.first.is_none() { self.first = Some(event) } else { self.add(event) }
    }

    #[inline]
    pub(super) fn take(&mut self) -> Option<SessionEvent<'static>> {
        let first = self.first.take();
        if first.is_none() {
            return self.ended.clone().map(SessionEvent::Ended);
        }
        if self.more.capacity() > 0 {
            self.refill();
        }
        first
    }

    #[cold]
    fn refill(&mut self) {
        self.first = self.more.pop_front();
        self.size -= self.first.as_ref().map_or(0, cost);
        if self.more.is_empty() {
            self.more = VecDeque::new();
        }
    }

    /// Drops what waits, but for the report.
    pub(super) fn clear(&mut self) {
        self.first = None;
        self.more = VecDeque::new();
        self.size = 0;
    }
}

fn cost(event: &SessionEvent<'static>) -> usize {
    let payload = match event {
        SessionEvent::Message(message) => message.len(),
        SessionEvent::Chunk(chunk) => chunk.payload().len(),
        _ => 0,
    };
    payload + PER_EVENT
}
