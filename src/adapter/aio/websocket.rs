//! A WebSocket over a tokio stream, with one owner.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::clock::Clock;
use super::split::{self, Receiver, Sender};
use super::turn::Turn;
use super::verbs::verbs;
use super::writer::MessageWriter;
use crate::adapter::getters::socket_getters;
use crate::adapter::opening::{self, Opening};
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, Messages, PingError, Ticket};
use crate::config::Config;
use crate::connection::SendError;
use crate::handshake::{Negotiated, Request, Response};
use crate::report::{DialRecord, Evidence, Stats, Termination, TlsFacts};
use crate::session::{Outgoing, SendRefused, Session, Unsent};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};
use crate::wire::keystream::Seed;
use crate::wire::role::Role;

/// A WebSocket connection over a tokio stream.
///
/// Made by [`connect`](super::connect), [`handshake`](super::handshake) or
/// [`accept`](super::accept), or from [somebody else's upgrade](Self::upgraded).
///
/// While a call waits, the socket answers Pings, sends its own, and acts on every deadline of the
/// [`Config`]; between calls nothing happens. Dropping it closes the stream without a Close frame;
/// [`close`](Self::close) ends it properly.
///
/// It is a [`Stream`](futures_core::Stream) of [`Incoming`], which ends after [`Incoming::Ended`],
/// and a [`Sink`](futures_sink::Sink) of [`Message`](crate::Message).
///
/// # Cancel safety
///
/// Every future can be dropped at any time, in `select!` for example. A message that was queued
/// leaves with the next call that writes, once; one that was received is given by the next
/// [`next`](Self::next). Only [`send`](Self::send) and [`feed`](Self::feed) may not have taken
/// their message yet if they are dropped while the output is over its limit:
/// [`ready`](Self::ready) and [`try_feed`](Self::try_feed) tell the two apart.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::aio::Incoming;
///
/// let mut socket = farewell::aio::connect("ws://127.0.0.1:9001/chat").await?;
/// socket.send("hello").await?;
/// match socket.next().await {
///     Incoming::Message(message) => println!("{message:?}"),
///     Incoming::Ended(report) => println!("{report}"),
/// }
/// let report = socket.close(farewell::CloseCode::NORMAL).await;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
pub struct WebSocket<S> {
    /// Elsewhere, since a future holds twice what it returns and what then becomes of that.
    pub(super) turn: Box<Turn<S>>,
    pub(super) opening: Opening,
    /// The [`Stream`](futures_core::Stream) has given the report.
    pub(super) ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Takes over a stream on which the opening handshake was spoken by somebody else, an HTTP
    /// server for example. `read` is what was read behind the handshake.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes to give.
    pub fn upgraded(
        stream: S,
        role: Role,
        negotiated: Negotiated,
        config: impl Into<Arc<Config>>,
        read: &[u8],
    ) -> io::Result<Self> {
        let clock = Clock::new();
        let seed = Seed::from_os().map_err(io::Error::other)?;
        let session = Session::upgraded(role, negotiated, config, seed, clock.now());
        let driver = opening::driver(session, None, clock.now()).with_input(read);
        Ok(Self::new(Box::new(Turn::new(stream, driver, clock)), Opening::default()))
    }

    pub(super) fn new(turn: Box<Turn<S>>, opening: Opening) -> Self {
        Self { turn, opening, ended: false }
    }

    /// Waits for the next message, or for the end.
    ///
    /// What is queued is written before it waits. Pongs that answer Pings leave before it waits or
    /// returns the message behind them. After the end it returns the same report again.
    ///
    /// It takes part in tokio's cooperative budget: neither a flood of messages nor a loop that goes
    /// on after the end keeps the other tasks of a thread from their turns.
    pub async fn next(&mut self) -> Incoming {
        poll_fn(|cx| self.turn.poll_incoming(cx)).await
    }

    /// Waits for the next part of a message, or for the end, as [`next`](Self::next) does: what comes
    /// is returned as it comes, and a message takes no memory however long it is.
    ///
    /// A message that came whole is one chunk. It can be called in turn with `next`, which passes
    /// over what is left of a message that was begun with this.
    /// [`Limits::message`](crate::Limits::message) still holds: raise it for messages that are longer
    /// than its 64 MiB. See [`MessageChunk`](crate::MessageChunk) for what a chunk is.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut socket = farewell::aio::connect("ws://127.0.0.1:9001/").await?;
    /// let mut len = 0;
    /// loop {
    ///     let chunk = socket.next_chunk().await.into_chunk()?;
    ///     len += chunk.payload().len() as u64;
    ///     if chunk.is_last() {
    ///         break println!("a message of {len} bytes");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_chunk(&mut self) -> IncomingChunk {
        poll_fn(|cx| self.turn.poll_chunk(cx)).await
    }

    /// Waits for the next message, Ping, Pong or Close, or for the end, as [`next`](Self::next) does.
    ///
    /// Control frames are told from the first call on, and none that was passed over before. From then on
    /// they wait to be taken as messages do, by this or by `next`, which passes over them.
    ///
    /// ```no_run
    /// # async fn run(mut socket: farewell::aio::WebSocket<tokio::net::TcpStream>) {
    /// use farewell::IncomingEvent;
    ///
    /// loop {
    ///     match socket.next_event().await {
    ///         IncomingEvent::Message(message) => println!("{} bytes", message.len()),
    ///         IncomingEvent::Pong { round_trip: Some(time), .. } => println!("there after {time:?}"),
    ///         IncomingEvent::Ended(report) => break println!("{report}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn next_event(&mut self) -> IncomingEvent {
        poll_fn(|cx| self.turn.poll_incoming_event(cx)).await
    }

    /// Closes: sends what is queued, then the Close, waits for the peer's, and reports.
    ///
    /// Messages that wait or still come are dropped; to have them, call
    /// [`queue_close`](Self::queue_close) and then [`next`](Self::next) until the end. It takes no
    /// longer than the close timeout and the linger timeout. On a connection that is already
    /// closing or over it waits for the end and reports it; so does a second call, after a first
    /// one was dropped.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        // A refusal says that the end is already under way.
        let _ = self.queue_close(frame);
        poll_fn(|cx| {
            loop {
                if let Some(report) = ready!(self.turn.poll_end(cx)) {
                    return Poll::Ready(report);
                }
            }
        })
        .await
    }

    /// The messages that come in, as a `Stream` of `Result`s: see [`Messages`].
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::{StreamExt, TryStreamExt};
    ///
    /// let (mut receiver, mut sender) = farewell::aio::connect("ws://127.0.0.1:9001/").await?.split();
    /// while let Some(message) = receiver.messages().try_next().await? {
    ///     println!("{} bytes", message.len());
    ///     if message.as_text() == Some("now echo") {
    ///         break;
    ///     }
    /// }
    /// // An unclean end is `SendError::Ended` here; `receiver.next()` has the report.
    /// receiver.messages().err_into().forward(&mut sender).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&mut self) -> Messages<&mut Self> {
        Messages::new(self)
    }

    /// As [`messages`](Self::messages), of a socket that moves along: into a task, for example.
    pub fn into_messages(self) -> Messages<Self> {
        Messages::new(self)
    }

    /// Splits it into a reader and a writer for two tasks.
    #[must_use]
    pub fn split(self) -> (Receiver<S>, Sender<S>) {
        split::split(*self.turn)
    }

    /// Joins a drain, which is then told how the connection ends, and can close it: with a
    /// [`Ticket`] that was taken when the connection came in, or with the [`Drain`](super::Drain) itself.
    ///
    /// Where the drain has begun, the connection is closed at once. A socket is in one drain at most:
    /// the last one that it joined.
    pub fn join(&mut self, ticket: impl Into<Ticket>) {
        self.turn.ticket = Some(ticket.into().of_socket(&self.turn.driver));
    }

    pub(super) fn poll_turn<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Turn<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        poll(&mut self.turn, cx)
    }

    fn command<R>(&mut self, command: impl FnOnce(&mut Turn<S>) -> R) -> R {
        command(&mut self.turn)
    }
}

verbs! {
    WebSocket,
    /// Queues a message. It leaves with the next [`flush`](Self::flush), or when
    /// [`next`](Self::next) would wait, whichever comes first.
}

impl<S> WebSocket<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.turn.stream
    }

    /// The stream below, to set its options for example. What is read from it or written to it is
    /// missing to the connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.turn.stream
    }

    /// The stream below, once the connection is of no more use. What was read from it and what is
    /// still queued are dropped with the rest; no Close is sent.
    pub fn into_inner(self) -> S {
        self.turn.stream
    }
}

socket_getters!(WebSocket, |socket| socket.turn.driver);
