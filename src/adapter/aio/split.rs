//! The two halves of a tokio WebSocket, for two tasks.
//!
//! Both drive the same core, under a lock that nobody holds while waiting. Streams and timers
//! remember one waker only, so they get one that wakes both halves.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::sync::Mutex;

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::core::Core;
use super::websocket::poll_close;
use crate::adapter::{Incoming, lock};
use crate::connection::SendError;
use crate::report::Evidence;
use crate::report::Stats;
use crate::session::{Outgoing, Prepared, SendRefused};
use crate::wire::close::CloseFrame;
use crate::wire::message::Message;

pub(super) fn split<S>(core: Core<S>) -> (Receiver<S>, Sender<S>) {
    let shared = Arc::new(Shared { core: Mutex::new(core), wakers: Arc::default() });
    (Receiver { shared: shared.clone(), ended: false }, Sender { shared })
}

struct Shared<S> {
    core: Mutex<Core<S>>,
    wakers: Arc<Wakers>,
}

/// The tasks of the halves, as far as they wait.
#[derive(Default)]
struct Wakers {
    receiver: Slot,
    sender: Slot,
}

#[derive(Default)]
struct Slot(Mutex<Option<Waker>>);

impl Slot {
    fn set(&self, waker: &Waker) {
        let mut slot = lock(&self.0);
        match &mut *slot {
            Some(set) => set.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.receiver.wake();
        self.sender.wake();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    /// Polls the core for the receiver.
    fn receive<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Core<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.wakers.receiver.set(cx.waker());
        let waker = Waker::from(self.wakers.clone());
        let mut core = lock(&self.core);
        let result = poll(&mut core, &mut Context::from_waker(&waker));
        // What the sender waits for may have come about here.
        let wake = core.driver.flushed() != Ok(false) || !core.driver.is_full();
        drop(core);
        if wake {
            self.wakers.sender.wake();
        }
        result
    }

    /// Polls the core for the sender.
    fn send<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Core<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.wakers.sender.set(cx.waker());
        let waker = Waker::from(self.wakers.clone());
        self.command(|core| poll(core, &mut Context::from_waker(&waker)))
    }

    /// Does something that the receiver may have to know of.
    fn command<R>(&self, command: impl FnOnce(&mut Core<S>) -> R) -> R {
        let mut core = lock(&self.core);
        let result = command(&mut core);
        let wake = core.driver.has_incoming() || core.has_earlier_deadline();
        drop(core);
        if wake {
            self.wakers.receiver.wake();
        }
        result
    }
}

/// The reading half of a [`WebSocket`](super::WebSocket).
///
/// It keeps the deadlines and answers Pings while [`next`](Self::next) waits: keep calling it until
/// the end, also while the other half closes. It is a [`Stream`] of [`Incoming`].
pub struct Receiver<S> {
    shared: Arc<Shared<S>>,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// Waits for the next message, or for the end, as
    /// [`WebSocket::next`](super::WebSocket::next) does. Cancel-safe.
    pub async fn next(&mut self) -> Incoming {
        poll_fn(|cx| self.shared.receive(cx, Core::poll_next)).await
    }

    /// What was seen so far.
    pub fn evidence(&self) -> Evidence {
        lock(&self.shared.core).driver.session().evidence()
    }

    /// What was done so far, in numbers.
    pub fn stats(&self) -> Stats {
        lock(&self.shared.core).driver.session().stats()
    }
}

/// The writing half of a [`WebSocket`](super::WebSocket).
///
/// What it sends leaves while the reading half waits. Dropping it leaves the connection open. It is
/// a [`Sink`] of [`Message`].
pub struct Sender<S> {
    shared: Arc<Shared<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Queues a message and waits until all that is queued is with the transport, as
    /// [`WebSocket::send`](super::WebSocket::send) does.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted, or why it cannot leave any more.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, as [`WebSocket::feed`](super::WebSocket::feed) does.
    ///
    /// It leaves with the next [`flush`](Self::flush), or when the reading half next does anything.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.ready().await;
        self.try_feed(message).map_err(|refused| refused.reason)
    }

    /// Queues a message as [`feed`](Self::feed) does, without compressing it even where that was
    /// agreed on.
    ///
    /// For messages with secrets in them: see the warning of `Compression`.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub async fn feed_uncompressed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendError> {
        self.ready().await;
        let message = message.into().uncompressed();
        self.shared.command(|core| core.driver.send(message, core.clock.now()))?;
        Ok(())
    }

    /// Queues a message that was framed before as [`feed`](Self::feed) does: the same for any number
    /// of peers, framed, and compressed, once.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub async fn feed_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.ready().await;
        self.shared.command(|core| core.driver.send(message, core.clock.now()))?;
        Ok(())
    }

    /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output.
    pub async fn ready(&mut self) {
        poll_fn(|cx| self.shared.send(cx, Core::poll_room)).await;
    }

    /// Queues a message as [`feed`](Self::feed) does, and never waits.
    ///
    /// # Errors
    ///
    /// The message, with the reason why it was not accepted.
    pub fn try_feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendRefused<'m>> {
        self.shared.command(|core| core.driver.send(message, core.clock.now()))
    }

    /// Waits until all that is queued is with the transport.
    ///
    /// # Errors
    ///
    /// Why it cannot leave any more.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.shared.send(cx, Core::poll_flush)).await
    }

    /// Sends a Ping with a payload of at most 125 bytes. The heartbeat sends its own.
    ///
    /// # Errors
    ///
    /// Why it was not accepted, or why it cannot leave any more.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.shared.command(|core| {
            let now = core.clock.now();
            core.driver.session_mut().ping(payload, now)
        })?;
        self.flush().await
    }

    /// Sends a Close behind what is queued. The reading half then gives what still comes, and the
    /// report.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over, or the Close cannot leave any more.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.shared.command(|core| core.driver.close(frame.into(), core.clock.now()))?;
        poll_fn(|cx| self.shared.send(cx, Core::poll_close_flush)).await
    }

    /// Gives the connection up at once, without a Close frame. The reading half has the report.
    pub fn abort(&mut self) {
        self.shared.command(|core| core.driver.abort(core.clock.now()));
    }

    /// What was seen so far.
    pub fn evidence(&self) -> Evidence {
        lock(&self.shared.core).driver.session().evidence()
    }

    /// What was done so far, in numbers.
    pub fn stats(&self) -> Stats {
        lock(&self.shared.core).driver.session().stats()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<S> {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let receiver = self.get_mut();
        if receiver.ended {
            return Poll::Ready(None);
        }
        let incoming = ready!(receiver.shared.receive(cx, Core::poll_next));
        receiver.ended = matches!(incoming, Incoming::Ended(_));
        Poll::Ready(Some(incoming))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Receiver<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message<'static>> for Sender<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, Core::poll_room).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        self.get_mut().try_feed(message).map_err(|refused| refused.reason)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, Core::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, poll_close)
    }
}

impl<S> fmt::Debug for Receiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Sender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
