//! A tokio stream with faults.

use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::io::{self, ErrorKind};
use std::thread;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::time::{Instant, Sleep, sleep_until};

use super::fault::Faults;
use super::injector::{Hits, Injector, ReadStep, WriteStep};
use crate::time::Timestamp;
use crate::wire::role::Role;

/// A tokio stream that behaves as the [`Faults`] say.
///
/// It goes around a real stream: pass it to
/// [`aio::handshake`](crate::aio::handshake) or [`aio::accept`](crate::aio::accept). Only
/// the endpoint that uses it is lied to; the other one sees what the stream below does. It
/// runs on tokio's clock, which a test can stop.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::{ClientRequest, Origins};
/// use farewell::testkit::{At, AsyncFaultyStream, Effect, Faults};
/// use farewell::{Acceptor, Cause, Config, Role};
///
/// let (client, server) = tokio::io::duplex(4096);
/// tokio::spawn(async move {
///     let acceptor = Acceptor::new(Origins::Any);
///     let mut socket = farewell::aio::accept(server, &acceptor).await.expect("a client asks");
///     let _ = socket.send("hello").await;
///     socket.next().await;
/// });
///
/// // The server's first message is cut short.
/// let faults = Faults::none().to_client(At::Frame { index: 0, byte: 4 }, Effect::Eof);
/// let stream = AsyncFaultyStream::new(client, Role::Client, &faults);
/// let request = ClientRequest::new("ws://localhost/")?;
/// let mut socket = farewell::aio::handshake(stream, &request, Config::default()).await?;
/// let report = socket.next().await.into_message().expect_err("the end");
/// assert!(matches!(report.cause, Cause::Eof { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncFaultyStream<S> {
    stream: S,
    injector: Injector,
    origin: Instant,
    /// Wake the task that waits when a fault takes effect by itself.
    reader: Option<Pin<Box<Sleep>>>,
    writer: Option<Pin<Box<Sleep>>>,
    /// The tasks that wait, for when one brings about what the other waits for.
    wakers: [Option<Waker>; 2],
    /// The stream below is being shut down, by a fault.
    ending_below: bool,
    /// Whether the stream below is to be shut down with this one, once that was decided.
    shutting_down: Option<bool>,
}

impl<S> AsyncFaultyStream<S> {
    /// `stream` with faults, to be used by this endpoint. Times count from now on.
    #[must_use]
    pub fn new(stream: S, endpoint: Role, faults: &Faults) -> Self {
        Self {
            stream,
            injector: Injector::new(endpoint, faults, Timestamp::ZERO),
            origin: Instant::now(),
            reader: None,
            writer: None,
            wakers: [None, None],
            ending_below: false,
            shutting_down: None,
        }
    }

    /// Counts the faults that take effect.
    #[must_use]
    pub fn hits(&self) -> Hits {
        self.injector.hits.clone()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, without faults.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.stream
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + Instant::now().saturating_duration_since(self.origin)
    }

    fn wake(&mut self) {
        self.wakers.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    /// When a fault takes effect by itself, if ever.
    fn next(&self) -> Option<Instant> {
        let at = self.injector.next()?;
        self.origin.checked_add(at.since(Timestamp::ZERO))
    }
}

/// Ready once `at` has come.
fn poll_until(
    sleep: &mut Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(at) = at else { return Poll::Pending };
    let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
    if sleep.deadline() != at {
        sleep.as_mut().reset(at);
    }
    sleep.as_mut().poll(cx)
}

impl<S: AsyncWrite + Unpin> AsyncFaultyStream<S> {
    /// The time, with all that has happened until then.
    fn advance(&mut self, cx: &mut Context<'_>) -> Timestamp {
        let mut now = self.now();
        let mut fired = self.injector.advance(now);
        if let Some(span) = self.injector.take_sleep(now) {
            // The whole process is suspended, not only this task.
            thread::sleep(span);
            now = now.max(self.now());
            fired |= self.injector.advance(now);
        }
        if fired {
            self.wake();
        }
        self.end_below(cx);
        now
    }

    fn end_below(&mut self, cx: &mut Context<'_>) {
        self.ending_below |= self.injector.take_end_below();
        if self.ending_below && Pin::new(&mut self.stream).poll_shutdown(cx).is_ready() {
            self.ending_below = false;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for AsyncFaultyStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let now = this.advance(cx);
            let step = this.injector.read(buffer.initialize_unfilled(), now);
            this.end_below(cx);
            match step {
                ReadStep::Done(result) => {
                    return Poll::Ready(result.map(|len| buffer.advance(len)));
                }
                ReadStep::Below if this.poll_below(cx)?.is_ready() => continue,
                ReadStep::Below | ReadStep::Wait => {}
            }
            this.wakers[0] = Some(cx.waker().clone());
            let next = this.next();
            ready!(poll_until(&mut this.reader, next, cx));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncFaultyStream<S> {
    /// Ready once something came from below, the end included.
    fn poll_below(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let mut buffer = ReadBuf::new(&mut bytes);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => self.injector.ended_below(Ok(())),
            Ok(()) => self.injector.read_below(buffer.filled()),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Poll::Ready(Err(error)),
            Err(error) => self.injector.ended_below(Err(error.kind())),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AsyncFaultyStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let now = this.advance(cx);
            let stream = Pin::new(&mut this.stream);
            let written = match this.injector.write(bytes, now) {
                WriteStep::Below(len) => ready!(stream.poll_write(cx, &bytes[..len]))?,
                WriteStep::Changed(byte) => ready!(stream.poll_write(cx, &[byte]))?,
                WriteStep::Done(result) => {
                    this.end_below(cx);
                    this.wake();
                    return Poll::Ready(result);
                }
                WriteStep::Wait => {
                    this.wakers[1] = Some(cx.waker().clone());
                    let next = this.next();
                    ready!(poll_until(&mut this.writer, next, cx));
                    continue;
                }
            };
            if this.injector.wrote(&bytes[..written], now) {
                this.wake();
            }
            this.end_below(cx);
            return Poll::Ready(Ok(written));
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let now = this.now();
        this.injector.flush(now)?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let now = this.advance(cx);
        let below = match this.shutting_down {
            Some(below) => below,
            None => *this.shutting_down.insert(this.injector.shut_down(now)?),
        };
        if below { Pin::new(&mut this.stream).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }
}
