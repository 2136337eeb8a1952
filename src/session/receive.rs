//! From what the connection reads to the session's events.
//!
//! Invariant: what a message is made of was checked before it comes here, text included.

use super::assembly::Assembly;
use super::stage::Stage;
use super::{Session, SessionEvent};
use crate::connection::{Connection, Event};
use crate::report::Phase;
use crate::time::Timestamp;
use crate::wire::data::Chunk;
use crate::wire::message::Message;
use crate::wire::violation::Violation;

impl Session {
    /// As [`poll_event`](Self::poll_event), of a message that is copied out of the input.
    #[inline]
    pub(crate) fn poll_owned_event(
        &mut self,
        input: &mut &mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        self.poll_with(input, now, |chunk| Ok(Assembly::whole_owned(chunk)))
    }

    #[inline]
    pub(super) fn poll_with<'b, 'm>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
        whole: impl Fn(&Chunk<'b>) -> Result<Message<'m>, Violation>,
    ) -> Option<SessionEvent<'m>> {
        if self.looks_first() {
            let event = self.poll_deferred(now);
            if event.is_some() {
                return event;
            }
            if self.gives_chunks() {
                return self.receive_chunks(input, now, whole);
            }
        }
        match &self.stage {
            Stage::Open(_) => self.receive(input, now, whole),
            Stage::Opening(_) => self.poll_opening(input, now),
        }
    }

    /// Makes messages of what the connection reads; `whole` makes one of a chunk that is all of it.
    #[inline]
    pub(super) fn receive<'b, 'm>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
        whole: impl Fn(&Chunk<'b>) -> Result<Message<'m>, Violation>,
    ) -> Option<SessionEvent<'m>> {
        loop {
            let connection = self.stage.connection_mut()?;
            match connection.poll_input(input, now) {
                Some(Event::Data(chunk)) if chunk.is_whole() => match whole(&chunk) {
                    Ok(message) => return Some(SessionEvent::Message(message)),
                    Err(rule) => connection.fail_message(rule, now),
                },
                Some(Event::Data(chunk)) => {
                    if let Some(message) = self.assemble(&chunk, input.len(), now) {
                        return Some(SessionEvent::Message(message));
                    }
                }
                Some(other) => return self.translate(other),
                None => {
                    self.drop_unfinished();
                    return self.poll_end();
                }
            }
        }
    }

    /// Adds a piece to the message under way; so many bytes lie behind it in the input. Returns the
    /// message once it is complete; for one that breaks a rule the connection fails.
    #[inline(never)]
    fn assemble(
        &mut self,
        chunk: &Chunk<'_>,
        behind: usize,
        now: Timestamp,
    ) -> Option<Message<'static>> {
        let connection = self.stage.connection_mut()?;
        match &mut self.deflate {
            Some(deflate) if chunk.is_compressed() => {
                let limit = connection.config().limits.message;
                if let Err(rule) = self.assembly.inflate(chunk, deflate, limit) {
                    connection.fail_message(rule, now);
                    return None;
                }
            }
            _ => {
                // Of what lies behind, only the rest of this frame is sure to belong to the message.
                let ready = usize::try_from(connection.payload_remaining()).unwrap_or(usize::MAX);
                let more = connection.message_remaining();
                self.assembly.append(chunk.payload(), behind.min(ready), more);
            }
        }
        chunk.is_last().then(|| self.assembly.finish(chunk.kind()))
    }

    /// An event other than data.
    #[inline(never)]
    pub(super) fn translate(&mut self, event: Event<'_>) -> Option<SessionEvent<'static>> {
        Some(match event {
            Event::Data(_) | Event::Ended(_) => return None,
            Event::Ping => {
                // The Pong is queued here and not when the output is asked for, so that its place
                // does not depend on how the input was split.
                self.send_queue.queue_control(self.stage.connection_mut()?);
                SessionEvent::Ping
            }
            Event::Pong { rtt } => {
                self.note_pong(rtt.is_some());
                SessionEvent::Pong { rtt }
            }
            Event::CloseReceived => {
                self.drop_unfinished();
                SessionEvent::CloseReceived
            }
        })
    }

    /// The report of an open connection that has ended, with what the queue still holds.
    #[inline]
    pub(super) fn poll_end(&mut self) -> Option<SessionEvent<'static>> {
        let report = self.stage.connection_mut()?.take_report(|| self.send_queue.undelivered())?;
        Some(self.end(report))
    }

    /// Frees the memory of a message that will never be complete.
    #[inline]
    pub(super) fn drop_unfinished(&mut self) {
        let inflating = self.deflate.as_mut().filter(|deflate| deflate.can_inflate());
        if self.assembly.memory() > 0 || inflating.is_some() {
            if !matches!(
                self.stage.connection().map(Connection::phase),
                Some(Phase::Open | Phase::CloseSent)
            ) {
                self.assembly.clear();
                if let Some(deflate) = inflating {
                    deflate.stop_inflating();
                }
            }
        }
    }
}
