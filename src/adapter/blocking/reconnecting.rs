//! A blocking WebSocket that connects again.
//!
//! Invariant: a message is in one place, the caller's or the socket's. What the socket did not send
//! comes back with the report of its ending.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::TcpStream;
use std::{io, thread};

use super::outbox::OutboxSender;
use super::transport::Transport;
use super::websocket::WebSocket;
use super::writer::MessageWriter;
use super::{connect_through, open};
use crate::adapter::outbox::Pumped;
use crate::adapter::reconnecting::{Disconnected, Plan, ReconnectEvent, Step, Try, reconnecting};
use crate::adapter::{ConnectError, ConnectOptions, Incoming, IncomingChunk, PingError};
use crate::config::Config;
use crate::connection::SendError;
use crate::diagnosis::{Diagnosis, History};
use crate::handshake::{ClientRequest, Response};
#[cfg(doc)]
use crate::reconnect::ConnectFailure;
use crate::reconnect::{Attempt, Kept, OutboxLimit, Reconnect, ReconnectConfig};
use crate::report::{DialRecord, Evidence, Stats, TlsFacts};
use crate::session::{Outgoing, SendRefused, Unsent};
use crate::time::{Clock, Timestamp};
use crate::wire::close::{CloseCode, CloseFrame};
use crate::wire::data::{Data, MessageKind};
use crate::wire::message::Message;

/// A wait is not longer than this where a [`Stopper`] may end it.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// A wait on a connection is not longer than this where an [`OutboxSender`] may have put something in,
/// or what is in the outbox waits for room.
const OUTBOX_CHECK: Duration = Duration::from_millis(10);

type Connect<S> = dyn FnMut(Try<Clock>) -> Result<WebSocket<S>, ConnectError> + Send;
type Renew = dyn FnMut(&Attempt, &ClientRequest) -> Result<ClientRequest, ConnectError> + Send;

/// A WebSocket client that connects again after an ending, and says so.
///
/// It owns a URL and leaves every decision to a [`Reconnect`], by the rules in
/// [`reconnect`](crate::reconnect). [`next`](Self::next) connects, waits between attempts, and
/// returns messages; every attempt and every ending is an event, too.
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
/// ```
/// use std::{mem, net::TcpListener, thread};
/// use farewell::blocking::{self, ReconnectEvent, Reconnecting};
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, CloseCode, Incoming, Message};
///
/// // A server that goes away after the subscription, comes back, and is done after an order.
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let url = format!("ws://{}/orders", listener.local_addr()?);
/// let server = thread::spawn(move || {
///     for (messages, code) in [(1, CloseCode::GOING_AWAY), (2, CloseCode::NORMAL)] {
///         let (stream, _) = listener.accept().expect("a client connects");
///         let mut socket = blocking::accept(stream, &Acceptor::new(Origins::Any)).expect("it opens");
///         for _ in 0..messages {
///             assert!(matches!(socket.next(), Incoming::Message(_)));
///         }
///         socket.close(code);
///     }
/// });
///
/// let mut socket = Reconnecting::to(&url)?.on_open(|_| vec!["subscribe: prices".into()]);
/// # let mut policy = farewell::reconnect::ReconnectConfig::default();
/// # policy.first_delay = std::time::Duration::from_millis(10);
/// # policy.base_delay = std::time::Duration::ZERO;
/// # let mut socket = socket.policy(policy);
/// let mut outbox: Vec<Message> = Vec::new();
/// let reason = loop {
///     let event = socket.next();
///     eprintln!("{event}");
///     match event {
///         ReconnectEvent::Opened if socket.reconnect().attempts() == 2 => {
///             outbox.push("order: one".into());
///             for message in mem::take(&mut outbox) {
///                 if let Err(refused) = socket.feed(message) {
///                     outbox.push(refused.message.into_message());
///                 }
///             }
///         }
///         ReconnectEvent::Ended(ending) => {
///             outbox.extend(ending.unsent.into_iter().map(|unsent| unsent.message));
///         }
///         ReconnectEvent::GaveUp(reason) => break reason,
///         _ => {}
///     }
/// };
/// assert_eq!(reason.to_string(), "the peer closed normally (1000)");
/// assert!(outbox.is_empty());
/// # server.join().expect("the server is content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reconnecting<S = TcpStream> {
    plan: Plan,
    connect: Box<Connect<S>>,
    renew: Option<Box<Renew>>,
    clock: Clock,
    /// An attempt was told of and is to be made.
    announced: Option<Attempt>,
    socket: Option<WebSocket<S>>,
    stopped: Option<Arc<AtomicBool>>,
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
            let options = options.with_config(attempt.config);
            connect_through(&attempt.request, &options, Ok, attempt.clock, attempt.began)
        })
    }
}

impl<S: Transport> Reconnecting<S> {
    /// With streams of your own: over TLS, through a proxy, over a Unix socket.
    ///
    /// `connect` has the time that the whole attempt may take; nothing ends it where it takes longer.
    /// Its errors are judged as [`ConnectFailure`](crate::reconnect::ConnectFailure) says, which one
    /// of them can hold.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes to give.
    pub fn with_connector(
        request: ClientRequest,
        config: impl Into<Arc<Config>>,
        mut connect: impl FnMut(&ClientRequest, Duration) -> io::Result<S> + Send + 'static,
    ) -> Result<Self, ConnectError> {
        Self::with_attempt(request, config.into(), move |attempt| {
            let stream = connect(&attempt.request, attempt.limit)?;
            open(stream, None, &attempt.request, attempt.config, None, attempt.clock, attempt.began)
        })
    }

    fn with_attempt(
        request: ClientRequest,
        config: Arc<Config>,
        connect: impl FnMut(Try<Clock>) -> Result<WebSocket<S>, ConnectError> + Send + 'static,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            plan: Plan::new(request, config)?,
            connect: Box::new(connect),
            renew: None,
            clock: Clock::new(),
            announced: None,
            socket: None,
            stopped: None,
        })
    }

    /// Sets where the request of each attempt comes from: with a token that has not run out, for
    /// example, or to a server that has moved.
    ///
    /// `renew` is passed the attempt, whose [`reason`](Attempt::reason) says how the one before
    /// ended, and the request before. It is called when the attempt begins, and its time counts. An
    /// error of its own is a failed attempt, judged as an error of the connector's is. A refusal
    /// with 401 stops all the same, unless a [`Classifier`](crate::reconnect::Classifier) says that
    /// it is worth another attempt.
    ///
    /// ```no_run
    /// use farewell::blocking::Reconnecting;
    /// use farewell::handshake::ClientRequest;
    /// use farewell::reconnect::{Advice, Classifier, Outcome, ReconnectConfig};
    ///
    /// # fn fresh_token() -> std::io::Result<String> { Ok("abc".into()) }
    /// let mut policy = ReconnectConfig::default();
    /// policy.classify = Some(Classifier::new(|outcome| match outcome {
    ///     Outcome::Ended(report) if report.evidence.http_status == Some(401) => Some(Advice::Retry),
    ///     Outcome::Ended(report) if report.code == 4401 => Some(Advice::Retry),
    ///     _ => None,
    /// }));
    /// let socket = Reconnecting::to("ws://127.0.0.1:9001/orders")?
    ///     .policy(policy)
    ///     .request_with(|_, _| {
    ///         let token = format!("Bearer {}", fresh_token()?);
    ///         Ok(ClientRequest::new("ws://127.0.0.1:9001/orders")?.header("Authorization", &token)?)
    ///     });
    /// # Ok::<(), farewell::ConnectError>(())
    /// ```
    #[must_use]
    pub fn request_with(
        mut self,
        renew: impl FnMut(&Attempt, &ClientRequest) -> Result<ClientRequest, ConnectError>
        + Send
        + 'static,
    ) -> Self {
        self.renew = Some(Box::new(renew));
        self
    }

    /// Waits for what happens next: connects and waits between attempts on the way.
    ///
    /// After [`ReconnectEvent::GaveUp`] it returns the same again.
    #[expect(clippy::should_implement_trait, reason = "there is always something to give")]
    pub fn next(&mut self) -> ReconnectEvent {
        loop {
            if let Some(event) = self.next_before(None, false) {
                return event;
            }
        }
    }

    /// As [`next`](Self::next), but messages come in [chunks](ReconnectEvent::Chunk), as they come in:
    /// see [`WebSocket::next_chunk`].
    ///
    /// The two can be called in turn: `next` passes over what is left of a message that was begun with
    /// this.
    ///
    /// ```no_run
    /// use farewell::blocking::{ReconnectEvent, Reconnecting};
    ///
    /// let mut socket = Reconnecting::to("ws://127.0.0.1:9001/backup")?;
    /// let mut received = Vec::new();
    /// loop {
    ///     match socket.next_chunk() {
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
    /// # Ok::<(), farewell::ConnectError>(())
    /// ```
    pub fn next_chunk(&mut self) -> ReconnectEvent {
        loop {
            if let Some(event) = self.next_before(None, true) {
                return event;
            }
        }
    }

    /// As [`next`](Self::next), but returns nothing once it has waited for this long.
    ///
    /// An attempt to connect is not cut short by it, nor is a read from a stream whose waits cannot
    /// be bounded: see [`Transport::is_timed`].
    pub fn next_within(&mut self, limit: Duration) -> Option<ReconnectEvent> {
        self.next_before(Some(self.clock.now() + limit), false)
    }

    fn next_before(&mut self, until: Option<Timestamp>, in_chunks: bool) -> Option<ReconnectEvent> {
        loop {
            if self.stopped.as_ref().is_some_and(|stopped| stopped.load(Ordering::Acquire)) {
                self.stop(CloseCode::NORMAL);
            }
            let pause = self.glance().into_iter().chain(until).min();
            if let Some(event) = self.step(pause, in_chunks) {
                return Some(event);
            }
            if until.is_some_and(|until| until <= self.clock.now()) {
                return None;
            }
        }
    }

    /// When to look at what nothing else would wake it for.
    fn glance(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let keeper = self.plan.keeper.as_ref().filter(|_| self.socket.is_some());
        match keeper {
            Some(keeper) if keeper.is_shared() || keeper.shared.waiting() > 0 => {
                Some(now + OUTBOX_CHECK)
            }
            _ => self.stopped.as_ref().map(|_| now + STOP_CHECK),
        }
    }

    /// What happens next, if anything does before `pause`.
    fn step(&mut self, pause: Option<Timestamp>, in_chunks: bool) -> Option<ReconnectEvent> {
        self.pump();
        let waits = self.plan.outbox().is_some_and(|outbox| outbox.waiting() > 0);
        if let Some(socket) = self.socket.as_mut().filter(|_| waits) {
            socket.turn.wait_for_room_before(pause);
            self.pump();
        }
        if self.socket.is_some() {
            return self.step_open(pause, in_chunks);
        }
        if let Some(attempt) = self.announced.take() {
            return Some(self.attempt(&attempt));
        }
        let now = self.clock.now();
        match self.plan.step(now) {
            Step::Attempt(attempt) => {
                self.announced = Some(attempt);
                Some(ReconnectEvent::Attempt(attempt))
            }
            Step::GaveUp(reason) => Some(ReconnectEvent::GaveUp(reason)),
            Step::Wait(until) => {
                let until = until.into_iter().chain(pause).min();
                thread::sleep(until.map_or(STOP_CHECK, |until| until.since(now)));
                None
            }
        }
    }

    /// What comes in, if anything does before `pause`.
    fn step_open(&mut self, pause: Option<Timestamp>, in_chunks: bool) -> Option<ReconnectEvent> {
        let socket = self.socket.as_mut()?;
        let report = if in_chunks {
            match socket.turn.next_chunk_before(pause)? {
                IncomingChunk::Chunk(chunk) => {
                    return Some(self.plan.chunk(chunk, self.clock.now()));
                }
                IncomingChunk::Ended(report) => report,
            }
        } else {
            match socket.turn.next_before(pause)? {
                Incoming::Message(message) => {
                    return Some(self.plan.message(message, self.clock.now()));
                }
                Incoming::Ended(report) => report,
            }
        };
        let session = socket.turn.access.driver.session_mut();
        let event = self.plan.ended(report, session, self.clock.now());
        self.socket = None;
        Some(event)
    }

    /// Whether messages were last asked for in chunks.
    fn gives_chunks(&mut self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.turn.access.driver.gives_chunks())
    }

    fn attempt(&mut self, attempt: &Attempt) -> ReconnectEvent {
        match self.connect(attempt) {
            Ok(socket) => {
                self.open(socket);
                ReconnectEvent::Opened
            }
            Err(error) => self.plan.failed(error, self.clock.now()),
        }
    }

    fn connect(&mut self, attempt: &Attempt) -> Result<WebSocket<S>, ConnectError> {
        let began = self.clock.now();
        let config = self.plan.session_config();
        let mut limit = self.plan.reconnect.config().connect_timeout;
        if let Some(renew) = &mut self.renew {
            self.plan.request = Arc::new(renew(attempt, &self.plan.request)?);
            limit = limit.saturating_sub(self.clock.now().since(began));
            if limit.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
        }
        let request = self.plan.request.clone();
        (self.connect)(Try { request, config, clock: self.clock, began, limit })
    }

    fn open(&mut self, mut socket: WebSocket<S>) {
        for message in self.plan.opened(socket.response(), self.clock.now()) {
            if socket.feed(message).is_err() {
                // The connection is over already, and will say so.
                break;
            }
        }
        self.plan.begin_keeping(socket.turn.access.driver.session_mut());
        self.socket = Some(socket);
    }

    fn open_socket(&mut self) -> Result<&mut WebSocket<S>, SendError> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            None => Err(self.plan.refusal()),
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
        self.announced = None;
        if let Some(socket) = &mut self.socket {
            // A refusal says that the end is already under way.
            let _ = socket.queue_close(frame);
        }
    }

    /// A way to stop from another thread, while [`next`](Self::next) waits.
    ///
    /// From the first of them on, it looks up every 50 ms.
    pub fn stopper(&mut self) -> Stopper {
        Stopper(self.stopped.get_or_insert_default().clone())
    }

    /// Connects without waiting any longer, if it waits and the budget allows it; also after it
    /// gave up or was stopped. See [`Reconnect::start`].
    pub fn retry_now(&mut self) {
        if self.socket.is_none() {
            if let Some(stopped) = &self.stopped {
                stopped.store(false, Ordering::Relaxed);
            }
            self.plan.reconnect.start(self.clock.now());
            self.plan.set_over(false);
        }
    }

    /// As [`retry_now`](Self::retry_now); but an open connection is given up without a Close, and
    /// another one made in its place: the network was changed, or the machine has slept, and the old
    /// one leads nowhere. See [`Reconnect::replace`].
    pub fn reconnect_now(&mut self) {
        self.retry_now();
        if let Some(socket) = &mut self.socket {
            self.plan.reconnect.replace(self.clock.now());
            socket.abort();
        }
    }
}

reconnecting!([Transport]);

impl<S> Reconnecting<S> {
    /// The socket, while a connection is open.
    pub fn socket(&self) -> Option<&WebSocket<S>> {
        self.socket.as_ref()
    }
}

/// Stops a [`Reconnecting`] from another thread.
///
/// It closes with 1000, within 50 ms, or after the attempt to connect that is under way. A read
/// from a stream whose waits cannot be bounded is not cut short.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<AtomicBool>);

impl Stopper {
    /// Stops it. [`Reconnecting::next`] then returns the ending of an open connection, and
    /// [`ReconnectEvent::GaveUp`].
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }
}
