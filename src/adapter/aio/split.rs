//! The two halves of a tokio WebSocket, for two tasks.
//!
//! Both execute the same driver, under a lock that nobody holds while waiting. Streams and timers
//! remember one waker only, so they get one that wakes both halves.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::turn::Turn;
use super::verbs::verbs;
use super::writer::MessageWriter;
use crate::adapter::getters::half_getters;
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, Messages, PingError, lock};
use crate::connection::SendError;
use crate::driver::Driver;
use crate::report::{DialRecord, Evidence, Stats};
use crate::session::{Outgoing, SendRefused};
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};

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
        let before = awaited(&mut turn.driver);
        let result = poll(&mut turn, &mut Context::from_waker(&waker));
        // What the sender waits for may have come about here. Where nothing has, it is left alone: both
        // would else wake each other for as long as the stream takes nothing.
        let wake = before != awaited(&mut turn.driver);
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
    pub(super) fn command<R>(&self, command: impl FnOnce(&mut Turn<S>) -> R) -> R {
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

/// What a sender may wait for: that all has left, that there is room, that its Ping is answered.
fn awaited(driver: &mut Driver) -> (Result<bool, SendError>, [bool; 3]) {
    let full = driver.session().is_full();
    (driver.flushed(), [full, driver.has_room(), driver.is_answered()])
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
/// It acts on the deadlines and answers Pings while [`next`](Self::next) waits: keep calling it
/// until the end, also while the other half closes. It is a [`Stream`](futures_core::Stream) of
/// [`Incoming`].
///
/// ```no_run
/// # async fn run() -> Result<(), farewell::ConnectError> {
/// let (mut receiver, mut sender) = farewell::aio::connect("ws://127.0.0.1:9001/").await?.split();
/// let reader = tokio::spawn(async move {
///     loop {
///         match receiver.next().await.into_message() {
///             Ok(message) => println!("{message:?}"),
///             Err(report) => return report,
///         }
///     }
/// });
/// let _ = sender.send("hello").await; // the report tells why it failed
/// let _ = sender.close(farewell::CloseCode::NORMAL).await;
/// println!("{}", reader.await.expect("it does not panic"));
/// # Ok(())
/// # }
/// ```
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

    /// Waits for the next part of a message, or for the end, as
    /// [`WebSocket::next_chunk`](super::WebSocket::next_chunk) does. Cancel-safe.
    pub async fn next_chunk(&mut self) -> IncomingChunk {
        poll_fn(|cx| self.shared.receive(cx, Turn::poll_chunk)).await
    }

    /// Waits for the next message, Ping, Pong or Close, or for the end, as
    /// [`WebSocket::next_event`](super::WebSocket::next_event) does. Cancel-safe.
    pub async fn next_event(&mut self) -> IncomingEvent {
        poll_fn(|cx| self.shared.receive(cx, Turn::poll_incoming_event)).await
    }

    /// The messages that come in, as
    /// [`WebSocket::messages`](super::WebSocket::messages) gives them.
    pub fn messages(&mut self) -> Messages<&mut Self> {
        Messages::new(self)
    }

    /// As [`messages`](Self::messages), of a half that moves along: into a task, for example.
    pub fn into_messages(self) -> Messages<Self> {
        Messages::new(self)
    }
}

half_getters!(Receiver, |half| half.shared.lock().driver);

/// The writing half of a [`WebSocket`](super::WebSocket).
///
/// What it sends leaves while the reading half waits. Dropping it leaves the connection open. It is
/// a [`Sink`](futures_sink::Sink) of [`Message`](crate::Message). Each method does what the
/// WebSocket's of the same name does, and fails as that one; [`close`](Self::close) alone returns
/// before the end, whose report the reading half has.
///
/// ```no_run
/// # async fn run(socket: farewell::aio::WebSocket<tokio::net::TcpStream>) {
/// let (mut receiver, mut sender) = socket.split();
/// tokio::spawn(async move {
///     let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
///     while sender.send("tick").await.is_ok() {
///         ticks.tick().await;
///     }
/// });
/// while let Ok(message) = receiver.next().await.into_message() {
///     println!("{message:?}");
/// }
/// # }
/// ```
///
/// A queue that is forwarded by a task needs a box, without which the compiler does not see that a
/// `Message<'static>` goes through `map` unchanged:
///
/// ```no_run
/// # fn run(socket: farewell::aio::WebSocket<tokio::net::TcpStream>) {
/// use farewell::Message;
/// use futures_util::StreamExt;
///
/// let (receiver, sender) = socket.split();
/// let ticks = futures_util::stream::repeat_with(|| Message::from("tick")).take(3);
/// tokio::spawn(async move { ticks.map(Ok).boxed().forward(sender).await });
/// # }
/// ```
pub struct Sender<S> {
    pub(super) shared: Arc<Shared<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Sends a Close behind what is queued. The reading half then returns what still comes, and
    /// the report.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over, or the Close cannot leave any more.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.queue_close(frame)?;
        poll_fn(|cx| self.shared.send(cx, Turn::poll_close_flush)).await
    }

    pub(super) fn poll_turn<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Turn<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.shared.send(cx, poll)
    }

    fn command<R>(&mut self, command: impl FnOnce(&mut Turn<S>) -> R) -> R {
        self.shared.command(command)
    }
}

verbs! {
    Sender,
    /// Queues a message. It leaves with the next [`flush`](Self::flush), or as soon as the reading
    /// half is polled, which this wakes.
}

half_getters!(Sender, |half| half.shared.lock().driver);
