//! What is asked of a blocking stream and its driver: the same for a socket with one owner and for
//! halves.

use alloc::boxed::Box;
use core::time::Duration;

use super::access::{Access, GLANCE};
use super::turn::Turn;
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, PingError};
use crate::connection::SendError;
use crate::driver::Want;
use crate::report::Termination;
use crate::session::{Outgoing, SendRefused, Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;

impl<A: Access> Turn<A> {
    /// The next event, whatever it is about.
    pub(super) fn next_event(&mut self) -> SessionEvent<'static> {
        loop {
            if let Some(event) = self.run(Want::Event, None, |event| event) {
                return event;
            }
        }
    }

    /// The next event if there is one after the application was away since this time; nothing is looked
    /// for where that was no longer than the look would take.
    pub(super) fn event_since(&mut self, began: Timestamp) -> Option<SessionEvent<'static>> {
        let now = self.clock.now();
        if now.since(began) < GLANCE {
            return None;
        }
        self.run(Want::Event, Some(now), |event| event)
    }

    #[inline]
    pub(super) fn next(&mut self) -> Incoming {
        loop {
            if let Some(incoming) = self.next_before(None) {
                return incoming;
            }
        }
    }

    /// The next message or the report, or nothing once `until` has passed.
    #[inline]
    pub(super) fn next_before(&mut self, until: Option<Timestamp>) -> Option<Incoming> {
        let message = self.access.with(|driver| {
            driver.receive_in_chunks(false);
            driver.next_of_many()
        });
        if let Some(message) = message {
            return Some(Incoming::Message(message));
        }
        self.run(Want::Event, until, |event| match event {
            Some(SessionEvent::Message(message)) => Some(Incoming::Message(message)),
            Some(SessionEvent::Ended(report)) => Some(Incoming::Ended(report)),
            _ => None,
        })
    }

    /// The next message, Ping or Pong, the peer's Close, or the report, or nothing once `until` has
    /// passed.
    pub(super) fn next_event_before(&mut self, until: Option<Timestamp>) -> Option<IncomingEvent> {
        self.access.with(|driver| {
            driver.receive_in_chunks(false);
            driver.receive_control_events(true);
        });
        let event = self.run(Want::Event, until, |event| event)?;
        self.access.with(|driver| IncomingEvent::of(event, driver))
    }

    pub(super) fn next_incoming_event(&mut self) -> IncomingEvent {
        loop {
            if let Some(event) = self.next_event_before(None) {
                return event;
            }
        }
    }

    /// The next part of a message, or the report.
    pub(super) fn next_chunk(&mut self) -> IncomingChunk {
        loop {
            if let Some(chunk) = self.next_chunk_before(None) {
                return chunk;
            }
        }
    }

    /// The next part of a message or the report, or nothing once `until` has passed.
    pub(super) fn next_chunk_before(&mut self, until: Option<Timestamp>) -> Option<IncomingChunk> {
        self.access.with(|driver| driver.receive_in_chunks(true));
        self.run(Want::Event, until, |event| match event {
            Some(SessionEvent::Chunk(chunk)) => Some(IncomingChunk::Chunk(*chunk)),
            Some(SessionEvent::Message(message)) => Some(IncomingChunk::Chunk(message.into())),
            Some(SessionEvent::Ended(report)) => Some(IncomingChunk::Ended(report)),
            _ => None,
        })
    }

    fn wait_for(&mut self, want: Want) {
        self.run(want, None, |event| event.is_none().then_some(()));
    }

    /// Waits until the session takes another message.
    pub(super) fn wait_for_room(&mut self) {
        self.wait_for(Want::Room);
    }

    /// The same, until this time at most.
    pub(super) fn wait_for_room_before(&mut self, until: Option<Timestamp>) {
        self.run(Want::Room, until, |event| event.is_none().then_some(()));
    }

    pub(super) fn flush(&mut self) -> Result<(), SendError> {
        self.begin(None);
        if self.flush_at_once() {
            return Ok(());
        }
        self.go_on(Want::Flushed, |event| event.is_none().then_some(()));
        self.access.with(|driver| driver.failed()).map_or(Ok(()), Err)
    }

    pub(super) fn try_feed<'m>(&mut self, message: Outgoing<'m>) -> Result<(), SendRefused<'m>> {
        let now = self.clock.now();
        self.access.with(|driver| driver.send(message, now))
    }

    /// Queues a message as soon as there is room.
    pub(super) fn feed<'m>(&mut self, mut message: Outgoing<'m>) -> Result<(), SendRefused<'m>> {
        loop {
            match self.try_feed(message) {
                Err(refused)
                    if refused.reason == SendError::Full
                        && !self.access.with(|driver| driver.lacks_confirmation()) =>
                {
                    message = refused.message;
                }
                result => return result,
            }
            self.wait_for_room();
        }
    }

    /// As [`flush`](Self::flush), behind a Close: the peer may have answered it, and all be over,
    /// before the half that sent it looks again.
    pub(super) fn flush_close(&mut self) -> Result<(), SendError> {
        let result = self.flush();
        let left = self
            .access
            .with(|driver| driver.session().local_close().is_some_and(|close| close.flushed));
        if left { Ok(()) } else { result }
    }

    /// Queues what is no message as soon as there is room, and flushes.
    pub(super) fn send_other(
        &mut self,
        command: impl FnMut(&mut Session, Timestamp) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.queue_other(command)?;
        self.flush()
    }

    /// Queues what is no message as soon as there is room.
    pub(super) fn queue_other(
        &mut self,
        mut command: impl FnMut(&mut Session, Timestamp) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        loop {
            self.wait_for(Want::RoomForPart);
            match self.command(&mut command) {
                // The other half has taken the room, for a Pong.
                Err(SendError::Full) => {}
                result => return result,
            }
        }
    }

    /// Sends a Ping as soon as there is room, and waits for its Pong, for so long at most.
    pub(super) fn ping(&mut self, limit: Option<Duration>) -> Result<Duration, PingError> {
        let began = self.clock.now();
        let until = limit.map(|limit| began + limit);
        let done = |event: Option<_>| event.is_none().then_some(());
        loop {
            self.run(Want::RoomForPart, until, done);
            let now = self.clock.now();
            match self.access.with(|driver| driver.ping(now)) {
                Err(SendError::Full) => {}
                result => break result?,
            }
            if until.is_some_and(|until| until <= now) {
                return Err(PingError::Silent { waited: now.since(began) });
            }
        }
        self.run(Want::Answered, until, done);
        let waited = self.clock.now().since(began);
        self.access.with(|driver| PingError::judge(driver, waited))
    }

    pub(super) fn command<R>(&mut self, command: impl FnOnce(&mut Session, Timestamp) -> R) -> R {
        let now = self.clock.now();
        self.access.with(|driver| command(driver.session_mut(), now))
    }

    pub(super) fn queue_close(&mut self, frame: CloseFrame) -> Result<(), SendError> {
        self.command(|session, now| session.close(frame, now))
    }

    /// Drives the connection to its end, dropping the messages until then.
    pub(super) fn finish(&mut self) -> Box<Termination> {
        loop {
            // What was received in chunks is not put together to be dropped.
            let report = match self.access.with(|driver| driver.gives_chunks()) {
                true => self.next_chunk().into_chunk().err(),
                false => self.next().into_message().err(),
            };
            if let Some(report) = report {
                return report;
            }
        }
    }

    pub(super) fn abort(&mut self) {
        let now = self.clock.now();
        self.access.with(|driver| driver.abort(now));
        // The stream is shut down, and nothing waits after an abort.
        self.finish();
    }
}
