//! The two halves of a tokio WebSocket, for two tasks.
//!
//! Both execute the same driver, under a lock that nobody holds while waiting. Streams and timers
//! remember one waker only, so they get one that wakes both halves.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard};

use tokio::io::{AsyncRead, AsyncWrite};

use super::turn::Turn;
use crate::adapter::{Incoming, lock};
use crate::connection::SendError;
use crate::report::{Evidence, Stats};
use crate::session::{Outgoing, SendRefused, Session};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::Data;

pub(super) fn split<S>(turn: Turn<S>) -> (Receiver<S>, Sender<S>) {
    let shared = Arc::new(Shared { turn: Mutex::new(turn), wakers: Arc::default() });
    (Receiver { shared: shared.clone(), ended: false }, Sender { shared })
}

pub(super) struct Shared<S> {
    turn: Mutex<Turn<S>>,
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
    /// Takes a turn for the receiver.
    pub(super) fn receive<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Turn<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.wakers.receiver.set(cx.waker());
        let waker = Waker::from(self.wakers.clone());
        let mut turn = self.lock();
        let result = poll(&mut turn, &mut Context::from_waker(&waker));
        // What the sender waits for may have come about here.
        let wake = turn.driver.flushed() != Ok(false) || !turn.driver.session().is_full();
        drop(turn);
        if wake {
            self.wakers.sender.wake();
        }
        result
    }

    /// Takes a turn for the sender.
    pub(super) fn send<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Turn<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.wakers.sender.set(cx.waker());
        let waker = Waker::from(self.wakers.clone());
        self.command(|turn| poll(turn, &mut Context::from_waker(&waker)))
    }

    /// Does something that the receiver may have to wake up for: to hand it out, to write it, or to
    /// wait less long.
    fn command<R>(&self, command: impl FnOnce(&mut Turn<S>) -> R) -> R {
        let mut turn = self.lock();
        let result = command(&mut turn);
        let wake = turn.driver.has_work() || has_earlier_deadline(&turn);
        drop(turn);
        if wake {
            self.wakers.receiver.wake();
        }
        result
    }
}

/// Whether a deadline lies before what the timer is set to.
fn has_earlier_deadline<S>(turn: &Turn<S>) -> bool {
    let deadline = turn.driver.session().poll_timeout();
    let instant = deadline.and_then(|at| turn.clock.instant(at));
    match (instant, &turn.timer) {
        (Some(instant), Some(timer)) => instant < timer.deadline(),
        (instant, None) => instant.is_some(),
        (None, _) => false,
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Turn<S>> {
        lock(&self.turn)
    }
}

/// The reading half of a [`WebSocket`](super::WebSocket).
///
/// It keeps the deadlines and answers Pings while [`next`](Self::next) waits: keep calling it until
/// the end, also while the other half closes. It is a [`Stream`](futures_core::Stream) of
/// [`Incoming`].
pub struct Receiver<S> {
    pub(super) shared: Arc<Shared<S>>,
    /// The [`Stream`](futures_core::Stream) has given the report.
    pub(super) ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// Waits for the next message, or for the end, as
    /// [`WebSocket::next`](super::WebSocket::next) does. Cancel-safe.
    pub async fn next(&mut self) -> Incoming {
        poll_fn(|cx| self.shared.receive(cx, Turn::poll_incoming)).await
    }
}

impl<S> Receiver<S> {
    /// What was seen so far.
    pub fn evidence(&self) -> Evidence {
        self.shared.lock().driver.session().evidence()
    }

    /// What was done so far, in numbers.
    pub fn stats(&self) -> Stats {
        self.shared.lock().driver.session().stats()
    }
}

/// The writing half of a [`WebSocket`](super::WebSocket).
///
/// What it sends leaves while the reading half waits. Dropping it leaves the connection open. It is
/// a [`Sink`](futures_sink::Sink) of [`Message`](crate::Message). Each method does what the
/// WebSocket's of the same name does, and fails as that one; [`close`](Self::close) alone returns
/// before the end, whose report the reading half has.
pub struct Sender<S> {
    pub(super) shared: Arc<Shared<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Queues a message and waits until all that is queued is with the transport, as
    /// [`WebSocket::send`](super::WebSocket::send) does.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted, or why it cannot leave any more.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.shared.send(cx, |turn, cx| turn.poll_send(&mut message, cx))).await
    }

    /// Queues a message, as [`WebSocket::feed`](super::WebSocket::feed) does. It leaves with the
    /// next [`flush`](Self::flush), or as soon as the reading half is polled, which this wakes.
    ///
    /// # Errors
    ///
    /// The message, with the reason why it was not accepted.
    pub async fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendRefused<'m>> {
        let mut message = message.into();
        loop {
            self.ready().await;
            match self.try_feed(message) {
                // The reading half has taken the room, for a Pong.
                Err(refused) if refused.reason == SendError::Full => message = refused.message,
                result => return result,
            }
        }
    }

    /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output.
    pub async fn ready(&mut self) {
        poll_fn(|cx| self.shared.send(cx, Turn::poll_room)).await;
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
        self.shared.command(|turn| turn.send(message.into()))
    }

    /// Waits until all that is queued is with the transport.
    ///
    /// # Errors
    ///
    /// Why it cannot leave any more.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.shared.send(cx, Turn::poll_flush)).await
    }

    /// Sends a part of a message, as
    /// [`WebSocket::send_fragment`](super::WebSocket::send_fragment) does.
    ///
    /// # Errors
    ///
    /// Why the part was not accepted, or why it cannot leave any more.
    pub async fn send_fragment<'m>(
        &mut self,
        data: impl Into<Data<'m>>,
        fin: bool,
    ) -> Result<(), SendError> {
        let data = data.into();
        self.send_other(|session, now| session.send_fragment(data, fin, now)).await
    }

    /// Sends a Ping with a payload of at most 125 bytes. The heartbeat sends its own.
    ///
    /// # Errors
    ///
    /// Why it was not accepted, or why it cannot leave any more.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_other(|session, now| session.ping(payload, now)).await
    }

    /// Queues what is no message as soon as there is room, and flushes.
    async fn send_other(
        &mut self,
        mut command: impl FnMut(&mut Session, Timestamp) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        loop {
            self.ready().await;
            match self.shared.command(|turn| turn.command(&mut command)) {
                Err(SendError::Full) => {}
                result => break result?,
            }
        }
        self.flush().await
    }

    /// Sends a Close behind what is queued. The reading half then gives what still comes, and the
    /// report.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over, or the Close cannot leave any more.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.queue_close(frame)?;
        poll_fn(|cx| self.shared.send(cx, Turn::poll_close_flush)).await
    }

    /// Queues a Close behind what is queued and returns at once.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over.
    pub fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.shared.command(|turn| turn.command(|session, now| session.close(frame, now)))
    }

    /// Gives the connection up at once, without a Close frame. The reading half has the report.
    pub fn abort(&mut self) {
        self.shared.command(Turn::abort);
    }
}

impl<S> Sender<S> {
    /// What was seen so far.
    pub fn evidence(&self) -> Evidence {
        self.shared.lock().driver.session().evidence()
    }

    /// What was done so far, in numbers.
    pub fn stats(&self) -> Stats {
        self.shared.lock().driver.session().stats()
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
