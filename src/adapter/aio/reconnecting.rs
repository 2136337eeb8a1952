//! A tokio WebSocket that connects again.
//!
//! Invariants: everything that a call has done is in here, nothing in its future, so that a future
//! that is dropped loses nothing. A message is in one place, the caller's or the socket's; what the
//! socket did not send comes back with the report of its ending.

mod attempt;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use futures_core::{FusedStream, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::clock::Clock;
use super::outbox::OutboxSender;
use super::websocket::WebSocket;
use super::writer::MessageWriter;
use super::{connect_through, open};
use crate::adapter::outbox::Pumped;
use crate::adapter::reconnecting::{Disconnected, Plan, ReconnectEvent, Try, reconnecting};
use crate::adapter::{ConnectError, ConnectOptions, Incoming, IncomingChunk, PingError};
use crate::config::Config;
use crate::connection::SendError;
use crate::diagnosis::{Diagnosis, History};
use crate::handshake::{ClientRequest, Response};
#[cfg(doc)]
use crate::reconnect::ConnectFailure;
use crate::reconnect::{Attempt, Kept, OutboxLimit, Reconnect, ReconnectConfig};
use crate::report::{DialRecord, Evidence, Stats, Termination, TlsFacts};
use crate::session::{Outgoing, SendRefused, Unsent};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};
use crate::wire::message::Message;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Connect<S> = dyn FnMut(Try<Clock>) -> Later<Result<WebSocket<S>, ConnectError>> + Send;
type Requested = Later<Result<ClientRequest, ConnectError>>;
type Renew = dyn FnMut(Attempt, Arc<ClientRequest>) -> Requested + Send;

/// A WebSocket client that connects again after an ending, and says so.
///
/// It owns a URL and leaves every decision to a [`Reconnect`], by the rules in
/// [`reconnect`](crate::reconnect). [`next`](Self::next) connects, waits between attempts, and
/// returns messages; every attempt and every ending is an event, too. It is a [`Stream`] of these
/// events, which ends after [`ReconnectEvent::GaveUp`].
///
/// # What happens to messages
///
/// A message that [`send`](Self::send), [`feed`](Self::feed) or [`try_feed`](Self::try_feed)
/// refuses is in the error. One that they accept is sent on the present connection, or comes back
/// in [`Disconnected::unsent`] after it: never both, and nothing is sent on a later connection but
/// by you, or by the [`outbox`](Self::outbox) that you ask for. What has left was accepted by the
/// transport, and can be lost behind it: [`keep_unconfirmed`](Self::keep_unconfirmed) keeps it until
/// the peer has read it. Only a message of the peer's own can tell that it was understood.
///
/// A message in parts, from [`message_writer`](Self::message_writer) or
/// [`send_fragment`](Self::send_fragment), is kept by nobody and belongs to one connection:
/// [`Disconnected::unsent_in_parts`] counts those that it cut. One that comes in, in
/// [chunks](Self::next_chunk), does not go on on the next connection either.
///
/// # Cancel safety
///
/// Every future can be dropped at any time, in `select!` for example: an attempt to connect, a wait
/// or a read goes on with the next call of [`next`](Self::next). Only [`send`](Self::send) and
/// [`feed`](Self::feed) may not have taken their message yet if they are dropped while the output
/// is over its limit: [`ready`](Self::ready) and [`try_feed`](Self::try_feed) tell the two apart.
///
/// ```no_run
/// # async fn run(mut orders: tokio::sync::mpsc::Receiver<String>) -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::Message;
/// use farewell::aio::{ReconnectEvent, Reconnecting};
///
/// let mut socket = Reconnecting::to("ws://127.0.0.1:9001/orders")?
///     .on_open(|_| vec!["subscribe: prices".into()]);
/// let mut outbox: Vec<Message> = Vec::new();
/// loop {
///     tokio::select! {
///         event = socket.next() => match event {
///             ReconnectEvent::Message(message) => println!("{message:?}"),
///             ReconnectEvent::Ended(ending) => {
///                 eprintln!("{ending}");
///                 outbox.extend(ending.unsent.into_iter().map(|unsent| unsent.message));
///             }
///             ReconnectEvent::GaveUp(reason) => break eprintln!("{reason}"),
///             other => eprintln!("{other}"),
///         },
///         Some(order) = orders.recv() => outbox.push(order.into()),
///     }
///     while let (Some(_), false) = (socket.socket(), outbox.is_empty()) {
///         if let Err(refused) = socket.try_feed(outbox.remove(0)) {
///             outbox.insert(0, refused.message.into_message());
///             break;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Reconnecting<S = TcpStream> {
    plan: Plan,
    connect: Box<Connect<S>>,
    renew: Option<Box<Renew>>,
    clock: Clock,
    stage: Stage<S>,
    /// The [`Stream`] has said that it gave up.
    ended: bool,
}

enum Stage<S> {
    /// No attempt is under way. The timer is for the next.
    Between(Option<Pin<Box<Sleep>>>),
    /// An attempt was told of and is to be made.
    Announced(Attempt),
    /// Its request is being made.
    Requesting {
        request: Requested,
        began: Timestamp,
        deadline: Pin<Box<Sleep>>,
    },
    Connecting {
        attempt: Later<Result<WebSocket<S>, ConnectError>>,
        deadline: Pin<Box<Sleep>>,
    },
    /// The connection is open, and these messages have to be queued first.
    Greeting(WebSocket<S>, VecDeque<Message<'static>>),
    Open(WebSocket<S>),
}

impl Reconnecting<TcpStream> {
    /// For a request that has header fields or subprotocols, with settings for each connection: a
    /// [`Config`], or [`ConnectOptions`] for the way to the server as well.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes to give.
    pub fn new(
        request: ClientRequest,
        options: impl Into<ConnectOptions>,
    ) -> Result<Self, ConnectError> {
        let options = options.into();
        Self::with_attempt(request, options.config.clone(), move |attempt| {
            let Try { request, config, clock, began, .. } = attempt;
            let options = options.with_config(config);
            Box::pin(async move { connect_through(&request, &options, Ok, clock, began).await })
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Reconnecting<S> {
    /// With streams of your own: over TLS, through a proxy, over a Unix socket.
    ///
    /// `connect` has the time that the whole attempt may take; its future is dropped where it takes
    /// longer. Its errors are judged as [`ConnectFailure`](crate::reconnect::ConnectFailure) says,
    /// which one of them can hold.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes to give.
    pub fn with_connector<F>(
        request: ClientRequest,
        config: impl Into<Arc<Config>>,
        mut connect: impl FnMut(Arc<ClientRequest>, Duration) -> F + Send + 'static,
    ) -> Result<Self, ConnectError>
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        Self::with_attempt(request, config.into(), move |attempt| {
            let Try { request, config, clock, began, limit } = attempt;
            let stream = connect(request.clone(), limit);
            Box::pin(async move {
                open(stream.await?, None, &request, config, None, clock, began).await
            })
        })
    }

    fn with_attempt(
        request: ClientRequest,
        config: Arc<Config>,
        connect: impl FnMut(Try<Clock>) -> Later<Result<WebSocket<S>, ConnectError>> + Send + 'static,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            plan: Plan::new(request, config)?,
            connect: Box::new(connect),
            renew: None,
            clock: Clock::new(),
            stage: Stage::Between(None),
            ended: false,
        })
    }

    /// Sets where the request of each attempt comes from: with a token that has not run out, for
    /// example, or to a server that has moved.
    ///
    /// `renew` is passed the attempt, whose [`reason`](Attempt::reason) says how the one before
    /// ended, and the request before. Its future is polled when the attempt begins, and dropped at
    /// the attempt's deadline. An error of its own is a failed attempt, judged as an error of the
    /// connector's is. A refusal with 401 stops all the same, unless a
    /// [`Classifier`](crate::reconnect::Classifier) says that it is worth another attempt.
    ///
    /// ```no_run
    /// use farewell::aio::Reconnecting;
    /// use farewell::handshake::ClientRequest;
    /// use farewell::reconnect::{Advice, Classifier, Outcome, ReconnectConfig};
    ///
    /// # async fn fresh_token() -> std::io::Result<String> { Ok("abc".into()) }
    /// let mut policy = ReconnectConfig::default();
    /// policy.classify = Some(Classifier::new(|outcome| match outcome {
    ///     Outcome::Ended(report) if report.evidence.http_status == Some(401) => Some(Advice::Retry),
    ///     Outcome::Ended(report) if report.code == 4401 => Some(Advice::Retry),
    ///     _ => None,
    /// }));
    /// let socket = Reconnecting::to("ws://127.0.0.1:9001/orders")?
    ///     .policy(policy)
    ///     .request_with(async |_, _| {
    ///         let token = format!("Bearer {}", fresh_token().await?);
    ///         Ok(ClientRequest::new("ws://127.0.0.1:9001/orders")?.header("Authorization", &token)?)
    ///     });
    /// # Ok::<(), farewell::ConnectError>(())
    /// ```
    #[must_use]
    pub fn request_with<F>(
        mut self,
        mut renew: impl FnMut(Attempt, Arc<ClientRequest>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<ClientRequest, ConnectError>> + Send + 'static,
    {
        self.renew = Some(Box::new(move |attempt, request| Box::pin(renew(attempt, request))));
        self
    }

    /// Waits for what happens next: connects and waits between attempts on the way.
    ///
    /// After [`ReconnectEvent::GaveUp`] it returns the same again.
    pub async fn next(&mut self) -> ReconnectEvent {
        poll_fn(|cx| self.poll_event(cx, false)).await
    }

    /// As [`next`](Self::next), but messages come in [chunks](ReconnectEvent::Chunk), as they come in:
    /// see [`WebSocket::next_chunk`].
    ///
    /// The two can be called in turn: `next` passes over what is left of a message that was begun with
    /// this.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use farewell::aio::{ReconnectEvent, Reconnecting};
    ///
    /// let mut socket = Reconnecting::to("ws://127.0.0.1:9001/backup")?;
    /// let mut received = Vec::new();
    /// loop {
    ///     match socket.next_chunk().await {
    ///         ReconnectEvent::Chunk(chunk) => {
    ///             if chunk.is_first() {
    ///                 received.clear(); // what an ended connection has cut goes on nowhere
    ///             }
    ///             received.extend_from_slice(chunk.payload());
    ///             if chunk.is_last() {
    ///                 println!("a message of {} bytes", received.len());
    ///             }
    ///         }
    ///         ReconnectEvent::GaveUp(reason) => break println!("{reason}"),
    ///         told => println!("{told}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_chunk(&mut self) -> ReconnectEvent {
        poll_fn(|cx| self.poll_event(cx, true)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>, in_chunks: bool) -> Poll<ReconnectEvent> {
        loop {
            let event = match &mut self.stage {
                Stage::Between(_) => ready!(self.poll_between(cx)),
                Stage::Announced(attempt) => {
                    let attempt = *attempt;
                    self.begin(attempt);
                    None
                }
                Stage::Requesting { .. } => ready!(self.poll_requesting(cx)),
                Stage::Connecting { .. } => ready!(self.poll_connecting(cx)),
                Stage::Greeting(..) => ready!(self.poll_greeting(cx)),
                Stage::Open(_) => ready!(self.poll_open(cx, in_chunks)),
            };
            if let Some(event) = event {
                return Poll::Ready(event);
            }
        }
    }

    fn poll_greeting(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        let Stage::Greeting(socket, messages) = &mut self.stage else { return Poll::Ready(None) };
        while !messages.is_empty() {
            ready!(socket.turn.poll_room(cx));
            let Some(message) = messages.pop_front() else { break };
            if socket.try_feed(message).is_err() {
                // The connection is over already, and will say so.
                messages.clear();
            }
        }
        self.plan.begin_keeping(socket.turn.driver.session_mut());
        if let Stage::Greeting(socket, _) =
            core::mem::replace(&mut self.stage, Stage::Between(None))
        {
            self.stage = Stage::Open(socket);
        }
        Poll::Ready(Some(ReconnectEvent::Opened))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>, in_chunks: bool) -> Poll<Option<ReconnectEvent>> {
        if let Some(outbox) = self.plan.outbox() {
            outbox.register(cx.waker());
        }
        self.pump();
        let Stage::Open(socket) = &mut self.stage else { return Poll::Ready(None) };
        let (plan, clock) = (&mut self.plan, self.clock);
        let came = match in_chunks {
            true => socket.turn.poll_chunk(cx).map(|chunk| match chunk {
                IncomingChunk::Chunk(chunk) => Ok(plan.chunk(chunk, clock.now())),
                IncomingChunk::Ended(report) => Err(report),
            }),
            false => socket.turn.poll_incoming(cx).map(|incoming| match incoming {
                Incoming::Message(message) => Ok(plan.message(message, clock.now())),
                Incoming::Ended(report) => Err(report),
            }),
        };
        match came {
            // What was written meanwhile has made room.
            Poll::Pending if self.pump() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(event)) => Poll::Ready(Some(event)),
            Poll::Ready(Err(report)) => Poll::Ready(self.ended(report)),
        }
    }

    /// The connection has ended.
    fn ended(&mut self, report: Box<Termination>) -> Option<ReconnectEvent> {
        let stage = core::mem::replace(&mut self.stage, Stage::Between(None));
        let Stage::Open(mut socket) = stage else { return None };
        let session = socket.turn.driver.session_mut();
        Some(self.plan.ended(report, session, self.clock.now()))
    }

    /// Whether messages were last asked for in chunks.
    fn gives_chunks(&mut self) -> bool {
        self.open_socket().is_ok_and(|socket| socket.turn.driver.gives_chunks())
    }

    fn open_socket(&mut self) -> Result<&mut WebSocket<S>, SendError> {
        match &mut self.stage {
            Stage::Open(socket) => Ok(socket),
            _ => Err(self.plan.refusal()),
        }
    }

    /// Stops: closes the connection, if one is open, and makes no other attempt.
    ///
    /// It does not wait. Call [`next`](Self::next) on: it returns the messages that still come, the
    /// ending of an open connection, and [`ReconnectEvent::GaveUp`].
    pub fn stop(&mut self, frame: impl Into<CloseFrame>) {
        self.pump();
        self.plan.reconnect.stop();
        self.plan.set_over(true);
        match &mut self.stage {
            // A refusal says that the end is already under way.
            Stage::Greeting(socket, _) | Stage::Open(socket) => drop(socket.queue_close(frame)),
            stage => *stage = Stage::Between(None),
        }
    }

    /// Connects without waiting any longer, if it waits and the budget allows it; also after it
    /// gave up. See [`Reconnect::start`].
    pub fn retry_now(&mut self) {
        if let Stage::Between(_) = self.stage {
            self.plan.reconnect.start(self.clock.now());
            self.plan.set_over(false);
            self.ended = false;
        }
    }

    /// As [`retry_now`](Self::retry_now); but an open connection is given up without a Close, and
    /// another one made in its place: the network was changed, or the machine has slept, and the old
    /// one leads nowhere. An attempt that is under way goes on. See [`Reconnect::replace`].
    pub fn reconnect_now(&mut self) {
        self.retry_now();
        if let Stage::Greeting(socket, _) | Stage::Open(socket) = &mut self.stage {
            self.plan.reconnect.replace(self.clock.now());
            socket.abort();
        }
    }
}

reconnecting!([AsyncRead + AsyncWrite + Unpin + Send + 'static] async await);

impl<S> Reconnecting<S> {
    /// The socket, while a connection is open.
    pub fn socket(&self) -> Option<&WebSocket<S>> {
        match &self.stage {
            Stage::Open(socket) => Some(socket),
            _ => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for Reconnecting<S> {
    type Item = ReconnectEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        let reconnecting = self.get_mut();
        if reconnecting.ended {
            return Poll::Ready(None);
        }
        let event = ready!(reconnecting.poll_event(cx, false));
        reconnecting.ended = matches!(event, ReconnectEvent::GaveUp(_));
        Poll::Ready(Some(event))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> FusedStream for Reconnecting<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}
