//! A stream, its driver and one timer, polled: the turn under tokio.
//!
//! Invariant: everything that a call has done is in here, nothing in its future. A future that is
//! dropped loses nothing, and asking again goes on from there.

use alloc::boxed::Box;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::consume_budget;
use tokio::time::{Sleep, sleep_until};

use super::clock::Clock;
use crate::adapter::{Ticket, scratch};
use crate::driver::{Driver, Flushing, Shutdown, Step, Wait, Want};
use crate::session::SessionEvent;
use crate::time::Timestamp;

/// A stream with its driver.
pub(super) struct Turn<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    /// Set to the next deadline, or to an earlier one that has moved since.
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    shutting_down: bool,
    /// Its place in a drain.
    pub(super) ticket: Option<Box<Ticket>>,
    /// The time of what was queued in this very poll, which is the time of the write behind it.
    pub(super) queued_at: Option<Timestamp>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Turn<S> {
    pub(super) fn new(stream: S, driver: Driver, clock: Clock) -> Self {
        Self {
            stream,
            driver,
            clock,
            timer: None,
            shutting_down: false,
            ticket: None,
            queued_at: None,
        }
    }

    /// Executes steps until `pick` makes something of an event, or of nothing once what else is
    /// wanted is so.
    #[inline]
    pub(super) fn poll<T>(
        &mut self,
        want: Want,
        cx: &mut Context<'_>,
        pick: impl Fn(Option<SessionEvent<'static>>) -> Option<T>,
    ) -> Poll<T> {
        self.begin(cx);
        self.go_on(want, cx, pick)
    }

    /// A turn begins: what was blocked is tried again.
    #[inline]
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        self.driver.handle_ready();
        self.poll_shutdown(cx);
    }

    /// Goes on with the turn, as [`poll`](Self::poll) does.
    #[inline]
    pub(super) fn go_on<T>(
        &mut self,
        want: Want,
        cx: &mut Context<'_>,
        pick: impl Fn(Option<SessionEvent<'static>>) -> Option<T>,
    ) -> Poll<T> {
        loop {
            match self.driver.next(want) {
                Step::Event(event) => {
                    if let Some(picked) = pick(Some(event)) {
                        return Poll::Ready(picked);
                    }
                }
                Step::Done => {
                    if let Some(picked) = pick(None) {
                        return Poll::Ready(picked);
                    }
                }
                //= rfc6455#6.1
                //# The frame(s) that have been formed MUST be transmitted over the
                //# underlying network connection.
                Step::Write => self.write(cx),
                Step::Flush => drop(self.flush(cx)),
                Step::Read => self.read(cx),
                Step::ShutDown(how) => {
                    self.shutting_down = true;
                    self.poll_shutdown(cx);
                    if let (Shutdown::Both, Some(ticket)) = (how, &self.ticket) {
                        ticket.ended(&self.driver);
                    }
                }
                Step::Wait(wait) => ready!(self.poll_wait(wait, cx)),
            }
        }
    }

    /// Executes the steps of a flush as far as nothing keeps it up. Returns whether that was all.
    #[inline]
    pub(super) fn flush_at_once(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(step) = self.driver.next_of_flush() {
            match step {
                Flushing::Write => self.write(cx),
                Flushing::Flush if self.flush(cx) => return true,
                Flushing::Flush => {}
                Flushing::Done => return true,
            }
        }
        false
    }

    #[inline]
    fn write(&mut self, cx: &mut Context<'_>) {
        let Self { stream, driver, clock, queued_at, .. } = self;
        let mut stream = Pin::new(stream);
        let vectored = stream.is_write_vectored();
        let write = |slices: &[io::IoSlice<'_>]| match slices {
            [only] => unpolled(stream.as_mut().poll_write(cx, only)),
            [first, ..] if !vectored => unpolled(stream.as_mut().poll_write(cx, first)),
            _ => unpolled(stream.as_mut().poll_write_vectored(cx, slices)),
        };
        driver.write_with(write, || queued_at.take().unwrap_or_else(|| clock.now()));
    }

    /// Returns whether nothing is held back any more.
    #[inline]
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let Self { stream, driver, clock, .. } = self;
        let mut flushed = false;
        let flush = || {
            let result = unpolled(Pin::new(stream).poll_flush(cx));
            flushed = result.is_ok();
            result
        };
        driver.flush_with(flush, || clock.now());
        flushed
    }

    fn read(&mut self, cx: &mut Context<'_>) {
        let Self { stream, driver, clock, .. } = self;
        let read = |memory: &mut [u8]| {
            let mut buffer = ReadBuf::new(memory);
            unpolled(Pin::new(stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len()))
        };
        scratch::with(|memory| driver.read_with(memory, read, || clock.now()));
    }

    /// Goes on with ending our side of the stream. A failure changes nothing: the peer decides.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        if self.shutting_down && Pin::new(&mut self.stream).poll_shutdown(cx).is_ready() {
            self.shutting_down = false;
        }
    }

    /// Ready once the time has come. The stream wakes whoever polls when it is ready.
    fn poll_wait(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(ticket) = &mut self.ticket {
            if ticket.poll_called(cx.waker()) {
                ticket.obey(&mut self.driver, self.clock.now());
                return Poll::Ready(());
            }
        }
        loop {
            let now = self.clock.now();
            if wait.is_over(now) {
                // The driver asks for the time at least once in so many events, those that come
                // from memory and those after the end included.
                ready!(poll_budget(cx));
                self.driver.handle_timeout(now);
                return Poll::Ready(());
            }
            let instant = wait.until.and_then(|at| self.clock.instant(at));
            let Some(instant) = instant else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(instant)));
            if instant < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(instant);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }
}

/// Takes part in tokio's cooperative budget: pending once the task has been ready for so often that
/// others have to get their turn.
pub(super) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    pin!(consume_budget()).poll(cx)
}

/// What is pending would block; what says so without being pending is a fault of the stream.
#[inline]
fn unpolled<T>(result: Poll<io::Result<T>>) -> io::Result<T> {
    match result {
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        Poll::Ready(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
            Err(io::Error::other(error))
        }
        Poll::Ready(result) => result,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// What an idle socket holds beside its task, its timer and its handshake.
    #[test]
    fn a_turn_stays_small() {
        let all = cfg!(any(feature = "deflate", feature = "rustls", feature = "tracing"));
        let bound = if all { 1216 } else { 1128 };
        let size = size_of::<Turn<TcpStream>>();
        assert!(size <= bound, "{size}");
    }
}
