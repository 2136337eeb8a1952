//! Events that were parsed and not handed out.
//!
//! Invariant: the report is the last event, and stays.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::report::Termination;
use crate::session::SessionEvent;

/// What a waiting event counts for beside its payload.
const PER_EVENT: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Of most reads there is no more than one, which takes no memory of its own here.
    first: Option<SessionEvent<'static>>,
    more: VecDeque<SessionEvent<'static>>,
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
        self.size
    }

    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn ended(&self) -> Option<&Termination> {
        self.ended.as_deref()
    }

    pub(super) fn add(&mut self, event: SessionEvent<'static>) {
        match event {
            SessionEvent::Ended(report) => self.ended = Some(report),
            event => {
                self.size += cost(&event);
                match self.first {
                    None => self.first = Some(event),
                    Some(_) => self.more.push_back(event),
                }
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<SessionEvent<'static>> {
        let Some(event) = self.first.take() else {
            return self.ended.clone().map(SessionEvent::Ended);
        };
        self.size -= cost(&event);
        if self.more.capacity() > 0 {
            self.first = self.more.pop_front();
            if self.more.is_empty() {
                self.more = VecDeque::new();
            }
        }
        Some(event)
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
        _ => 0,
    };
    payload + PER_EVENT
}
