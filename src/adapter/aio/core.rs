//! A stream, its driver and one timer, polled.
//!
//! Invariant: everything that a call has done is in here, nothing in its future. A future that is
//! dropped loses nothing, and asking again goes on from there.

use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, IoSlice};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::adapter::driver::{Driver, Next};
use crate::adapter::{Incoming, scratch};
use crate::connection::SendError;
use crate::report::ReadClosed;
use crate::time::Timestamp;

/// A clock that stands still where tokio's does in a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    pub(super) fn now(self) -> Timestamp {
        Timestamp::ZERO + Instant::now().saturating_duration_since(self.origin)
    }

    /// The instant, or `None` for one too far away to be waited for.
    pub(super) fn instant(self, at: Timestamp) -> Option<Instant> {
        self.origin.checked_add(at.since(Timestamp::ZERO))
    }
}

/// A stream with its driver.
pub(super) struct Core<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    /// Set to the next deadline, or to an earlier one that has moved since.
    timer: Option<Pin<Box<Sleep>>>,
    /// The stream has taken bytes that it may still hold.
    unflushed: bool,
    /// The stream is being shut down.
    shutting_down: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Core<S> {
    pub(super) fn new(stream: S, driver: Driver, clock: Clock) -> Self {
        Self { stream, driver, clock, timer: None, unflushed: false, shutting_down: false }
    }

    /// The next message, or the report.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let mut wrote = false;
        loop {
            match self.driver.next(wrote, self.clock.now()) {
                Next::Incoming(incoming) => {
                    self.poll_shutdown(cx);
                    return Poll::Ready(incoming);
                }
                Next::Write => {
                    let _ = self.poll_write(cx);
                    wrote = true;
                }
                Next::Wait => ready!(self.poll_turn(cx)),
            }
        }
    }

    /// Everything that there is to do; ready once some of it may have changed what comes next.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        //= rfc6455#6.1
        //# The frame(s) that have been formed MUST be transmitted over the
        //# underlying network connection.
        let _ = self.poll_write(cx);
        self.poll_shutdown(cx);
        if self.driver.ended().is_some() {
            return Poll::Ready(());
        }
        if self.driver.may_read() {
            if self.poll_read(cx).is_ready() {
                // Here too: a peer that always has more to read would put deadlines off for ever.
                self.driver.handle_timeout(self.clock.now());
                return Poll::Ready(());
            }
        } else if !self.driver.wants_write() && self.driver.session().poll_timeout().is_none() {
            // Nothing can come any more and nothing is left to write or to wait for.
            self.driver.abort(self.clock.now());
            return Poll::Ready(());
        }
        self.poll_timer(cx)
    }

    /// Ready once all that is queued is with the stream, and with what lies below it.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            let written = self.poll_write(cx);
            self.poll_shutdown(cx);
            if self.driver.flushed()? && written.is_ready() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_ahead(cx));
        }
    }

    /// As [`poll_flush`](Self::poll_flush), behind a Close: the peer may have answered it, and all
    /// be over, before the half that sent it looks again.
    pub(super) fn poll_close_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let result = ready!(self.poll_flush(cx));
        let left = self.driver.session().local_close().is_some_and(|close| close.flushed);
        Poll::Ready(if left { Ok(()) } else { result })
    }

    /// Ready once the session takes another message.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.driver.is_full() {
            let before = self.driver.session().pending_output();
            let _ = self.poll_write(cx);
            self.poll_shutdown(cx);
            if self.driver.session().pending_output() == before {
                ready!(self.poll_ahead(cx));
            }
        }
        Poll::Ready(())
    }

    /// Reads while the transport takes nothing: the peer may be waiting, too, until somebody reads
    /// what it sends.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.now();
        self.driver.parse_leftover(true, now);
        let due = self.driver.due(now) && self.driver.may_read();
        if (self.driver.may_read_ahead() || due) && self.poll_read(cx).is_ready() {
            self.driver.handle_timeout(self.clock.now());
            return Poll::Ready(());
        }
        self.poll_timer(cx)
    }

    /// Ready once nothing is left to write, or nothing can be.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.driver.wants_write() {
            let result = ready!(self.poll_write_once(cx));
            let now = self.clock.now();
            match result {
                Ok(0) => self.driver.handle_write_failed(&ErrorKind::WriteZero.into(), now),
                Ok(len) => {
                    self.unflushed = true;
                    self.driver.session_mut().handle_flushed(len, now);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.driver.handle_write_failed(&error, now),
            }
        }
        if self.unflushed {
            let result = ready!(Pin::new(&mut self.stream).poll_flush(cx));
            self.unflushed = false;
            if let Err(error) = result {
                self.driver.handle_write_failed(&error, self.clock.now());
            }
        }
        Poll::Ready(())
    }

    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let output = self.driver.session_mut().output();
        if !stream.is_write_vectored() {
            return stream.poll_write(cx, output.chunk());
        }
        let mut slices = [IoSlice::new(&[]); 16];
        let count = output.chunks_vectored(&mut slices);
        stream.poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }

    /// Begins to end our side of the stream when it is time, and goes on with it.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        self.shutting_down |= self.driver.take_shutdown().is_some();
        if self.shutting_down && Pin::new(&mut self.stream).poll_shutdown(cx).is_ready() {
            // A failure changes nothing: what the peer does decides.
            self.shutting_down = false;
        }
    }

    /// Ready once something was read, the end of the stream included.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = Pin::new(&mut self.stream);
        let spare = self.driver.spare_mut(self.clock.now());
        let result = if spare.is_empty() {
            scratch::with(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                let result = ready!(stream.poll_read(cx, &mut buffer));
                let len = buffer.filled().len();
                if result.is_ok() && len > 0 {
                    self.driver.handle_read(buffer.filled_mut(), self.clock.now());
                }
                Poll::Ready(result.map(|()| len))
            })
        } else {
            let mut buffer = ReadBuf::new(spare);
            let result = ready!(stream.poll_read(cx, &mut buffer));
            let len = buffer.filled().len();
            if result.is_ok() && len > 0 {
                self.driver.handle_filled(len, self.clock.now());
            }
            Poll::Ready(result.map(|()| len))
        };
        let how = match ready!(result) {
            Ok(0) => ReadClosed::Eof,
            Ok(_) => return Poll::Ready(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Poll::Ready(()),
            Err(error) => (&error).into(),
        };
        self.driver.handle_read_closed(how, self.clock.now());
        Poll::Ready(())
    }

    /// Ready once a deadline has taken effect. The caller has just tried to read.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.driver.session().poll_timeout();
            let Some(instant) = deadline.and_then(|at| self.clock.instant(at)) else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(instant)));
            if instant < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(instant);
            }
            ready!(timer.as_mut().poll(cx));
            let now = self.clock.now();
            if self.driver.due(now) {
                self.driver.handle_timeout(now);
                return Poll::Ready(());
            }
        }
    }

    /// Whether a deadline lies before what the timer is set to.
    pub(super) fn has_earlier_deadline(&self) -> bool {
        let deadline = self.driver.session().poll_timeout();
        let instant = deadline.and_then(|at| self.clock.instant(at));
        match (instant, &self.timer) {
            (Some(instant), Some(timer)) => instant < timer.deadline(),
            (instant, None) => instant.is_some(),
            (None, _) => false,
        }
    }
}
