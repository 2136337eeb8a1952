//! Events that were parsed and not handed out.
//!
//! Invariant: the report is the last event, and stays.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::report::Termination;
use crate::session::SessionEvent;
use crate::wire::message::Message;

/// What a waiting event counts for beside its payload.
const PER_EVENT: usize = 64;

/// As much memory is kept for what the next Pings and Pongs say.
const KEPT: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Of most reads there is no more than one, which takes no memory of its own here.
    first: Option<SessionEvent<'static>>,
    /// What waits behind it, if anything does.
    more: Option<Box<More>>,
    ended: Option<Box<Termination>>,
    /// Made for the first Ping or Pong that has to wait with what it says.
    payloads: Option<Box<Payloads>>,
}

/// What the Pings and Pongs among the events say.
#[derive(Debug, Default)]
struct Payloads {
    /// Those that wait, each behind its length.
    waiting: VecDeque<u8>,
    /// The one that was handed out last.
    handed: Vec<u8>,
}

impl Payloads {
    fn hand_out(&mut self) {
        let len = self.waiting.pop_front().unwrap_or_default();
        self.handed.clear();
        self.handed.extend(self.waiting.drain(..usize::from(len)));
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
    }
}

/// Events behind the first, of which there is at least one.
#[derive(Debug, Default)]
struct More {
    events: VecDeque<SessionEvent<'static>>,
    /// What they count for.
    size: usize,
}

impl Ready {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Bytes that wait.
    pub(super) fn size(&self) -> usize {
        let more = self.more.as_ref().map_or(0, |more| more.size);
        let payloads = self.payloads.as_ref().map_or(0, |payloads| payloads.waiting.len());
        self.first.as_ref().map_or(0, cost) + more + payloads
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
                let more = self.more.get_or_insert_default();
                more.size += cost(&event);
                more.events.push_back(event);
            }
        }
    }

    /// Adds a Ping or a Pong, and what it says.
    pub(super) fn add_control(&mut self, event: SessionEvent<'static>, payload: &[u8]) {
        let waiting = &mut self.payloads.get_or_insert_default().waiting;
        waiting.push_back(payload.len() as u8);
        waiting.extend(payload);
        self.add(event);
    }

    /// What the Ping or Pong says that was handed out last.
    pub(super) fn control_payload(&self) -> &[u8] {
        self.payloads.as_ref().map_or(&[], |payloads| &payloads.handed)
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
        if self.more.is_some() {
            self.refill();
        }
        if self.payloads.is_some() {
            self.hand_out_payload(first.as_ref());
        }
        first
    }

    #[cold]
    fn hand_out_payload(&mut self, event: Option<&SessionEvent<'static>>) {
        let says = matches!(event, Some(SessionEvent::Ping | SessionEvent::Pong { .. }));
        if let Some(payloads) = self.payloads.as_mut().filter(|_| says) {
            payloads.hand_out();
        }
    }

    #[cold]
    fn refill(&mut self) {
        let Some(more) = &mut self.more else { return };
        self.first = more.events.pop_front();
        more.size -= self.first.as_ref().map_or(0, cost);
        if more.events.is_empty() {
            self.more = None;
        }
    }

    /// Drops what waits, but for the report.
    pub(super) fn clear(&mut self) {
        self.first = None;
        self.more = None;
        // What was handed out is asked for later.
        if let Some(payloads) = &mut self.payloads {
            payloads.waiting = VecDeque::new();
        }
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
