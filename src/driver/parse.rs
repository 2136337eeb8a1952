//! From the bytes that were read to the events that are ready to be handed out.

use super::Driver;
use crate::session::SessionEvent;

/// What became of an event.
pub(super) enum Sorted {
    Unwanted,
    Ready,
    /// Ready, and the application has to decide before anything behind it is parsed.
    Request,
}

impl Driver {
    /// Takes out of the session what came without bytes.
    pub(super) fn poll_session(&mut self) {
        while self.session.has_event() {
            let event = self.session.poll_event(&mut &mut [][..], self.now);
            let Some(event) = event else { break };
            self.sort(event);
        }
    }

    /// Parses what was read before up to the first event.
    pub(super) fn poll_next(&mut self) {
        while !self.unparsed.is_empty() && self.ready.is_empty() {
            let Some(event) = self.unparsed.poll(&mut self.session, self.now) else { return };
            self.sort(event);
        }
    }

    /// Whether there is something to be parsed that need not wait until it is asked for. What is given
    /// in chunks is not: inflated, it can be a thousand times as much as was read.
    pub(super) fn parses_ahead(&self) -> bool {
        let enough = self.gives_chunks() && self.is_far_ahead();
        !(self.unparsed.is_empty() || enough)
    }

    /// Parses all that was read before, up to a request: it is decided about first, so that what
    /// lies behind it meets an open connection, whether it came in the same read or not.
    pub(super) fn poll_unparsed(&mut self) {
        while self.parses_ahead() {
            let Some(event) = self.unparsed.poll(&mut self.session, self.now) else { return };
            if let Sorted::Request = self.sort(event) {
                return;
            }
        }
    }

    /// Takes in bytes up to the first event that is wanted; keeps the rest.
    #[inline]
    pub(super) fn poll(&mut self, input: &mut [u8]) {
        self.poll_with_more(input, 0);
    }

    /// The same, where so many more bytes may follow at once.
    #[inline]
    pub(super) fn poll_with_more(&mut self, mut input: &mut [u8], more: usize) {
        match self.session.poll_owned_event(&mut input, self.now) {
            Some(SessionEvent::Message(message)) => self.ready.add_message(message),
            Some(event) => self.poll_more(event, &mut input),
            // The peer may have broken a rule, which makes a Close and no event.
            None => self.calm = false,
        }
        if !input.is_empty() {
            self.unparsed.keep_with_more(input, more, &self.session);
        }
    }

    #[inline(never)]
    fn poll_more(&mut self, mut event: SessionEvent<'static>, input: &mut &mut [u8]) {
        while let Sorted::Unwanted = self.sort(event) {
            let Some(next) = self.session.poll_owned_event(input, self.now) else { return };
            event = next;
        }
    }

    /// Makes an event ready to be handed out, if it is wanted.
    pub(super) fn sort(&mut self, mut event: SessionEvent<'static>) -> Sorted {
        if let SessionEvent::Ended(report) = &mut event {
            self.security.tell(report);
        }
        self.calm &= matches!(event, SessionEvent::Message(_));
        let sorted = match &mut event {
            SessionEvent::Ping | SessionEvent::CloseReceived => {
                self.reply_due = true;
                return self.sort_control(event);
            }
            SessionEvent::Pong { rtt } => {
                *rtt = self.note_pong().or(*rtt);
                return self.sort_control(event);
            }
            SessionEvent::Request(_) => {
                self.asked = true;
                Sorted::Request
            }
            SessionEvent::Open(_)
            | SessionEvent::Message(_)
            | SessionEvent::Chunk(_)
            | SessionEvent::Ended(_) => Sorted::Ready,
        };
        self.ready.add(event);
        sorted
    }

    /// Makes what a control frame caused ready, if such events are wanted.
    fn sort_control(&mut self, event: SessionEvent<'static>) -> Sorted {
        if self.settings.without_control_events {
            return Sorted::Unwanted;
        }
        match event {
            SessionEvent::Ping => self.ready.add_control(event, self.session.ping_payload()),
            SessionEvent::Pong { .. } => self.ready.add_control(event, self.session.pong_payload()),
            other => self.ready.add(other),
        }
        Sorted::Ready
    }
}
