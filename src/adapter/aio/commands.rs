//! What is asked of a stream and its driver: the same for a socket with one owner and for halves.

use alloc::boxed::Box;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::turn::{Turn, poll_budget};
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, PingError};
use crate::connection::SendError;
use crate::driver::Want;
use crate::report::Termination;
use crate::session::{Outgoing, SendRefused, Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::close::CloseCode;

impl<S: AsyncRead + AsyncWrite + Unpin> Turn<S> {
    /// The next event, whatever it is about.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SessionEvent<'static>> {
        self.poll(Want::Event, cx, |event| event)
    }

    /// Waits for what the application decides, or for the event that makes it needless, which can be the
    /// end alone.
    pub(super) async fn wait_for_decision<R>(
        &mut self,
        decision: impl Future<Output = R>,
    ) -> Result<R, SessionEvent<'static>> {
        let mut decision = pin!(decision);
        poll_fn(|cx| {
            // First, since one that is there at once finds unread what came behind the request.
            if let Poll::Ready(decision) = decision.as_mut().poll(cx) {
                return Poll::Ready(Ok(decision));
            }
            self.poll_event(cx).map(Err)
        })
        .await
    }

    /// The next message, or the report.
    #[inline]
    pub(super) fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        self.driver.receive_in_chunks(false);
        if let Some(message) = self.driver.next_of_many() {
            return Poll::Ready(Incoming::Message(message));
        }
        self.poll(Want::Event, cx, |event| match event {
            Some(SessionEvent::Message(message)) => Some(Incoming::Message(message)),
            Some(SessionEvent::Ended(report)) => Some(Incoming::Ended(report)),
            _ => None,
        })
    }

    /// The next message, Ping or Pong, the peer's Close, or the report.
    pub(super) fn poll_incoming_event(&mut self, cx: &mut Context<'_>) -> Poll<IncomingEvent> {
        self.driver.receive_in_chunks(false);
        self.driver.receive_control_events(true);
        loop {
            let event = ready!(self.poll_event(cx));
            if let Some(event) = IncomingEvent::of(event, &self.driver) {
                return Poll::Ready(event);
            }
        }
    }

    /// The next part of a message, or the report.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<IncomingChunk> {
        self.driver.receive_in_chunks(true);
        self.poll(Want::Event, cx, |event| match event {
            Some(SessionEvent::Chunk(chunk)) => Some(IncomingChunk::Chunk(*chunk)),
            Some(SessionEvent::Message(message)) => Some(IncomingChunk::Chunk(message.into())),
            Some(SessionEvent::Ended(report)) => Some(IncomingChunk::Ended(report)),
            _ => None,
        })
    }

    /// The report, or nothing of what came before it: what is received in chunks is not put together to
    /// be dropped.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Termination>>> {
        if self.driver.gives_chunks() {
            return self.poll_chunk(cx).map(|chunk| chunk.into_chunk().err());
        }
        self.poll_incoming(cx).map(|incoming| incoming.into_message().err())
    }

    /// Ready once all that is queued is with the stream, and with what lies below it.
    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.begin(cx);
        if self.flush_at_once(cx) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.go_on(Want::Flushed, cx, |event| event.is_none().then_some(())));
        let Some(error) = self.driver.failed() else { return Poll::Ready(Ok(())) };
        poll_budget(cx).map(|()| Err(error))
    }

    /// Queues the message as soon as there is room. Both happen in one turn: the other half may take
    /// the room in between.
    pub(super) fn poll_feed<'m>(
        &mut self,
        message: &mut Option<Outgoing<'m>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendRefused<'m>>> {
        if self.send_at_once(message).is_some() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_room(cx));
        Poll::Ready(message.take().map_or(Ok(()), |message| self.send(message)))
    }

    /// Queues the message, if it is one that can be without being moved about. Returns when that was.
    #[inline]
    fn send_at_once(&mut self, message: &mut Option<Outgoing<'_>>) -> Option<Timestamp> {
        let now = self.clock.now();
        if !self.driver.send_direct(message.as_ref()?, now) {
            return None;
        }
        *message = None;
        Some(now)
    }

    /// Queues what is no message as soon as there is room.
    pub(super) fn poll_other(
        &mut self,
        cx: &mut Context<'_>,
        command: impl FnOnce(&mut Session, Timestamp) -> Result<(), SendError>,
    ) -> Poll<Result<(), SendError>> {
        ready!(self.poll_room_for_part(cx));
        Poll::Ready(self.command(command))
    }

    /// Queues the message, unless that was done before, as soon as there is room; ready once all
    /// that is queued is with the stream.
    #[inline]
    pub(super) fn poll_send(
        &mut self,
        message: &mut Option<Outgoing<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        if message.is_some() {
            self.queued_at = self.send_at_once(message);
        }
        if message.is_some() {
            ready!(self.poll_room(cx));
        }
        if let Some(message) = message.take() {
            let now = self.clock.now();
            self.driver.send(message, now)?;
            self.queued_at = Some(now);
        }
        let result = self.poll_flush(cx);
        self.queued_at = None;
        result
    }

    /// Queues a Ping, unless that was done before, as soon as there is room; ready once its Pong has
    /// come, or will not.
    pub(super) fn poll_ping(
        &mut self,
        sent: &mut Option<Timestamp>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Duration, PingError>> {
        let sent = match *sent {
            Some(at) => at,
            None => {
                ready!(self.poll_room_for_part(cx));
                let now = self.clock.now();
                self.driver.ping(now)?;
                *sent.insert(now)
            }
        };
        ready!(self.poll(Want::Answered, cx, |event| event.is_none().then_some(())));
        Poll::Ready(PingError::judge(&self.driver, self.clock.now().since(sent)))
    }

    /// Ready once the session takes another message.
    #[inline]
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.driver.has_room() {
            ready!(self.poll(Want::Room, cx, |event| event.is_none().then_some(())));
        }
        self.poll_going_on(cx)
    }

    /// The same for what is no message.
    fn poll_room_for_part(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.driver.session().is_full() {
            ready!(self.poll(Want::RoomForPart, cx, |event| event.is_none().then_some(())));
        }
        self.poll_going_on(cx)
    }

    #[inline]
    fn poll_going_on(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Nobody waits for anything any more, so that a loop would never give way.
        if self.driver.ended().is_some() { poll_budget(cx) } else { Poll::Ready(()) }
    }

    /// As [`poll_flush`](Self::poll_flush), behind a Close: the peer may have answered it, and all
    /// be over, before the half that sent it looks again.
    pub(super) fn poll_close_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let result = ready!(self.poll_flush(cx));
        let left = self.driver.session().local_close().is_some_and(|close| close.flushed);
        Poll::Ready(if left { Ok(()) } else { result })
    }

    /// What closing a `Sink` does: the Close is written; the report comes through the `Stream`.
    pub(super) fn poll_close_sink(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        match self.command(|session, now| session.close(CloseCode::NORMAL, now)) {
            Ok(()) | Err(SendError::Closing) => self.poll_close_flush(cx),
            Err(SendError::Ended) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S> Turn<S> {
    pub(super) fn send<'m>(&mut self, message: Outgoing<'m>) -> Result<(), SendRefused<'m>> {
        self.driver.send(message, self.clock.now())
    }

    pub(super) fn command<R>(&mut self, command: impl FnOnce(&mut Session, Timestamp) -> R) -> R {
        command(self.driver.session_mut(), self.clock.now())
    }

    pub(super) fn abort(&mut self) {
        self.driver.abort(self.clock.now());
    }
}
