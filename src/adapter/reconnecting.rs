//! What the reconnecting sockets of both adapters share: their events, their plan, their methods.
//!
//! Invariant: every decision is a [`Reconnect`]'s. What is here carries outcomes to it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::adapter::ConnectError;
use crate::config::Config;
use crate::connection::SendError;
use crate::diagnosis::{Diagnoser, Diagnosis, History};
use crate::handshake::{ClientRequest, Response};
use crate::reconnect::{Attempt, Decision, Outcome, Reason, Reconnect, ReconnectConfig, State};
use crate::report::Termination;
use crate::session::Unsent;
use crate::time::Timestamp;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::message::Message;

/// What a `Reconnecting` returns: messages, and every attempt and every ending around them.
///
/// Its `Display` is a line for a log; of a message, only the length.
///
/// See [`Reconnecting`](crate::blocking::Reconnecting) for a loop; this is what a log has of it:
///
/// ```
/// # fn run(event: farewell::ReconnectEvent) {
/// use farewell::ReconnectEvent;
///
/// match event {
///     ReconnectEvent::Message(_) => {}
///     told => println!("{told}"), // each says what is done about it
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// An attempt to connect begins with the next call.
    Attempt(Attempt),
    /// The attempt has failed.
    Failed {
        /// Why.
        error: ConnectError,
        /// What is done about it.
        decision: Decision,
    },
    /// The connection is open. Nothing was sent on it but what the hook of `on_open` returned: the
    /// place to subscribe again, and to send what came back after the ending before.
    Opened,
    /// A whole message.
    Message(Message<'static>),
    /// The connection has ended.
    Ended(Disconnected),
    /// There will be no other attempt. This is the last event; the next call returns it again.
    GaveUp(Reason),
}

/// How a connection of a `Reconnecting` ended, and what comes next.
///
/// ```
/// fn again(ended: farewell::Disconnected) -> Vec<farewell::Message<'static>> {
///     println!("{ended}"); // the report, the diagnosis and what is done about it
///     ended.unsent.into_iter().map(|unsent| unsent.message).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Disconnected {
    /// The report of the ending.
    pub report: Box<Termination>,
    /// Why it probably ended so, in view of the connections before.
    pub diagnosis: Diagnosis,
    /// The messages that were accepted and of which the last byte did not leave, in order. They are
    /// the caller's again: nobody else will send them.
    pub unsent: Vec<Unsent>,
    /// What is done about it.
    pub decision: Decision,
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.report, self.diagnosis, self.decision)
    }
}

impl fmt::Display for ReconnectEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(attempt) => write!(f, "attempt {} to connect", attempt.number),
            Self::Failed { error, decision } => write!(f, "{error}; {decision}"),
            Self::Opened => f.write_str("the connection is open"),
            Self::Message(message) => write!(f, "a message of {} bytes", message.len()),
            Self::Ended(ending) => ending.fmt(f),
            Self::GaveUp(reason) => write!(f, "gave up: {reason}"),
        }
    }
}

type Greet = dyn FnMut(&Response) -> Vec<Message<'static>> + Send;

/// What to connect to, with which settings, and when.
pub(super) struct Plan {
    pub(super) request: Arc<ClientRequest>,
    config: Arc<Config>,
    pub(super) reconnect: Reconnect,
    pub(super) random: Box<dyn FnMut() -> u64 + Send>,
    pub(super) greet: Option<Box<Greet>>,
    give_up_after: Option<Duration>,
    pub(super) history: History,
    pub(super) diagnosis: Option<Diagnosis>,
}

impl Plan {
    pub(super) fn new(request: ClientRequest, config: Arc<Config>) -> Result<Self, ConnectError> {
        let mut keystream = Keystream::new(Seed::from_os()?);
        Ok(Self {
            request: Arc::new(request),
            config,
            reconnect: Reconnect::new(ReconnectConfig::default()),
            random: Box::new(move || keystream.next_u64()),
            greet: None,
            give_up_after: None,
            history: History::new(),
            diagnosis: None,
        })
    }

    pub(super) fn policy(&mut self, mut config: ReconnectConfig) {
        config.give_up_after = self.give_up_after.or(config.give_up_after);
        self.reconnect = Reconnect::new(config);
    }

    pub(super) fn give_up_after(&mut self, span: Duration) {
        self.give_up_after = Some(span);
        self.policy(self.reconnect.config().clone());
    }

    /// The settings of the next connection: its opening handshake takes no longer than an attempt.
    pub(super) fn session_config(&self) -> Arc<Config> {
        let limit = self.reconnect.config().connect_timeout;
        let mut config = self.config.clone();
        if config.timeouts.handshake > limit {
            Arc::make_mut(&mut config).timeouts.handshake = limit;
        }
        config
    }

    /// What there is to do without a connection.
    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        if self.reconnect.state() == State::Idle {
            self.reconnect.start(now);
        }
        self.handle_timeout(now);
        match self.reconnect.poll_attempt() {
            Some(attempt) => Step::Attempt(attempt),
            None => match self.reconnect.state() {
                State::GaveUp(reason) => Step::GaveUp(reason),
                _ => Step::Wait(self.reconnect.poll_timeout()),
            },
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.reconnect.poll_timeout().is_some_and(|at| at <= now) {
            self.reconnect.handle_timeout((self.random)(), now);
        }
    }

    /// A message has come. By now the connection may have become stable.
    pub(super) fn message(&mut self, message: Message<'static>, now: Timestamp) -> ReconnectEvent {
        self.handle_timeout(now);
        ReconnectEvent::Message(message)
    }

    /// The attempt has failed.
    pub(super) fn failed(&mut self, error: ConnectError, now: Timestamp) -> ReconnectEvent {
        let random = (self.random)();
        let decision = self.reconnect.handle_outcome(error.outcome(), random, now);
        self.diagnosis = match error.outcome() {
            Outcome::Ended(report) => Some(self.diagnose(report)),
            Outcome::Undialled(_) | Outcome::Failed(_) => error.diagnosis(),
        };
        ReconnectEvent::Failed { error, decision }
    }

    fn diagnose(&self, report: &Termination) -> Diagnosis {
        Diagnoser::new().history(&self.history).diagnose(report)
    }

    /// The connection is open. Returns what is to be sent first.
    pub(super) fn opened(
        &mut self,
        response: Option<&Response>,
        now: Timestamp,
    ) -> Vec<Message<'static>> {
        self.reconnect.handle_opened(now);
        match (&mut self.greet, response) {
            (Some(greet), Some(response)) => greet(response),
            _ => Vec::new(),
        }
    }

    /// The connection has ended.
    pub(super) fn ended(
        &mut self,
        report: Box<Termination>,
        unsent: Vec<Unsent>,
        now: Timestamp,
    ) -> ReconnectEvent {
        let decision = self.reconnect.handle_outcome(&*report, (self.random)(), now);
        let diagnosis = self.diagnose(&report);
        self.history.record(&report);
        self.diagnosis = Some(diagnosis.clone());
        ReconnectEvent::Ended(Disconnected { report, diagnosis, unsent, decision })
    }

    /// Why nothing can be sent without a connection.
    pub(super) fn refusal(&self) -> SendError {
        match self.reconnect.state() {
            State::GaveUp(_) => SendError::Ended,
            _ => SendError::Opening,
        }
    }
}

/// One attempt: what to ask for, with which settings, and until when.
pub(super) struct Try<C> {
    pub(super) request: Arc<ClientRequest>,
    pub(super) config: Arc<Config>,
    pub(super) clock: C,
    pub(super) began: Timestamp,
    pub(super) limit: Duration,
}

/// What there is to do without a connection.
pub(super) enum Step {
    /// Tell of an attempt, then make it.
    Attempt(Attempt),
    /// Wait until then, or for ever.
    Wait(Option<Timestamp>),
    /// Nothing any more.
    GaveUp(Reason),
}

/// Implements what is the same in both adapters; the calls that wait are `async` in one of them.
///
/// A `Reconnecting` has a `plan` and a `clock`; its `open_socket` is what these calls go to.
macro_rules! reconnecting {
    ([$($bound:tt)+] $($async:tt $await:tt)?) => {
        impl Reconnecting<TcpStream> {
            /// For a `ws://` URL, with the default settings.
            ///
            /// # Errors
            ///
            /// The URL is malformed, or the operating system has no random bytes to give. Nothing
            /// is connected before [`next`](Self::next).
            pub fn to(url: &str) -> Result<Self, ConnectError> {
                Self::new(ClientRequest::new(url)?, Config::default())
            }
        }

        impl<S: $($bound)+> Reconnecting<S> {
            /// Sets when to connect again. Call it before [`next`](Self::next).
            #[must_use]
            pub fn policy(mut self, config: ReconnectConfig) -> Self {
                self.plan.policy(config);
                self
            }

            /// Gives up where no connection has been stable for so long: sets
            /// [`ReconnectConfig::give_up_after`]. Call it before [`next`](Self::next).
            #[must_use]
            pub fn give_up_after(mut self, span: Duration) -> Self {
                self.plan.give_up_after(span);
                self
            }

            /// Sets what is sent first on every connection: subscriptions, for example.
            ///
            /// `greet` is passed the server's response. Its messages are queued before
            /// [`ReconnectEvent::Opened`] is returned, so nothing can come before them; they do not
            /// come back in [`Disconnected::unsent`], as they are made anew for the next
            /// connection.
            #[must_use]
            pub fn on_open(
                mut self,
                greet: impl FnMut(&Response) -> Vec<Message<'static>> + Send + 'static,
            ) -> Self {
                self.plan.greet = Some(Box::new(greet));
                self
            }

            /// Sets where the random numbers for the delays come from, for tests that are the same
            /// each time. By default they come from the operating system.
            #[must_use]
            pub fn random(mut self, random: impl FnMut() -> u64 + Send + 'static) -> Self {
                self.plan.random = Box::new(random);
                self
            }

            /// Queues a message and waits until all that is queued is with the transport, as
            /// [`WebSocket::send`] does.
            ///
            /// # Errors
            ///
            /// Why the message was not accepted: there is no open connection, for one. A message
            /// that was accepted and cannot leave any more is no error here: it comes back in
            /// [`Disconnected::unsent`].
            pub $($async)? fn send<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendError> {
                self.feed(message)$(.$await)??;
                // What cannot leave comes back with the ending.
                let _ = self.flush()$(.$await)?;
                Ok(())
            }

            /// Queues a message as [`WebSocket::feed`] does.
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted.
            pub $($async)? fn feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                match self.open_socket() {
                    Ok(socket) => socket.feed(message)$(.$await)?,
                    Err(reason) => Err(SendRefused { reason, message: message.into() }),
                }
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
                match self.open_socket() {
                    Ok(socket) => socket.try_feed(message),
                    Err(reason) => Err(SendRefused { reason, message: message.into() }),
                }
            }

            /// Sends a part of a message as [`WebSocket::send_fragment`] does. A message of which a
            /// part was lost with a connection is not handed back.
            ///
            /// # Errors
            ///
            /// Why the part was not accepted, or why it cannot leave any more.
            pub $($async)? fn send_fragment<'m>(
                &mut self,
                data: impl Into<Data<'m>>,
                fin: bool,
            ) -> Result<(), SendError> {
                self.open_socket()?.send_fragment(data, fin)$(.$await)?
            }

            /// Sends a Ping and waits for its Pong, as [`WebSocket::ping`] does.
            ///
            /// # Errors
            ///
            /// [`PingError`]: there is no open connection, it could not be sent, or it was not
            /// answered.
            pub $($async)? fn ping(&mut self) -> Result<Duration, PingError> {
                self.open_socket()?.ping()$(.$await)?
            }

            /// As [`ping`](Self::ping), for this long at most.
            ///
            /// # Errors
            ///
            /// As for [`ping`](Self::ping); [`PingError::Silent`] where the time is over.
            pub $($async)? fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
                self.open_socket()?.ping_within(limit)$(.$await)?
            }

            /// Sends a Ping with a payload as [`WebSocket::send_ping`] does.
            ///
            /// # Errors
            ///
            /// Why it was not accepted, or why it cannot leave any more.
            pub $($async)? fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
                self.open_socket()?.send_ping(payload)$(.$await)?
            }

            /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output.
            pub $($async)? fn ready(&mut self) {
                if let Ok(socket) = self.open_socket() {
                    socket.ready()$(.$await)?;
                }
            }

            /// Waits until all that is queued is with the transport.
            ///
            /// # Errors
            ///
            /// Why it cannot leave any more, or that there is no open connection. Messages that
            /// were accepted are not lost by it: they come back in [`Disconnected::unsent`].
            pub $($async)? fn flush(&mut self) -> Result<(), SendError> {
                self.open_socket()?.flush()$(.$await)?
            }

            /// Closes the present connection as [`WebSocket::queue_close`] does. What follows is
            /// decided as after any ending: after a close of our own, no other attempt is made.
            ///
            /// # Errors
            ///
            /// There is no open connection, or it is closing already.
            pub fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
                self.open_socket()?.queue_close(frame)
            }

            /// [Stops](Self::stop) and waits for the end, dropping the messages that still come.
            /// Returns the ending of the connection, if one was open.
            pub $($async)? fn close(&mut self, frame: impl Into<CloseFrame>) -> Option<Disconnected> {
                self.stop(frame);
                let mut ending = None;
                loop {
                    match self.next()$(.$await)? {
                        ReconnectEvent::Ended(ended) => ending = Some(ended),
                        ReconnectEvent::GaveUp(_) => return ending,
                        _ => {}
                    }
                }
            }

            /// The application has found the connection to work; see [`Reconnect::mark_healthy`].
            pub fn mark_healthy(&mut self) {
                self.plan.reconnect.mark_healthy(self.clock.now());
            }
        }

        impl<S> Reconnecting<S> {
            /// The state machine that decides, with its state and its settings.
            ///
            /// It finds out whether a connection has become stable when an event is returned.
            pub fn reconnect(&self) -> &Reconnect {
                &self.plan.reconnect
            }

            /// Why the last connection ended or the last attempt failed: probably so, in view of the
            /// connections before. Nothing where the caller's own request or connector was at fault.
            pub fn diagnosis(&self) -> Option<&Diagnosis> {
                self.plan.diagnosis.as_ref()
            }

            /// The connections before the present one, as far as they are remembered.
            pub fn history(&self) -> &History {
                &self.plan.history
            }

            /// What was seen so far of the present connection.
            pub fn evidence(&self) -> Option<Evidence> {
                self.socket().map(WebSocket::evidence)
            }

            /// How the present connection came about; of one that did not, the error tells.
            pub fn dial(&self) -> Option<&DialRecord> {
                self.socket().and_then(WebSocket::dial)
            }

            /// What is known of the TLS below the present connection, where this crate speaks it.
            pub fn tls(&self) -> Option<&TlsFacts> {
                self.socket().and_then(WebSocket::tls)
            }

            /// What the present connection has done so far, in numbers.
            pub fn stats(&self) -> Option<Stats> {
                self.socket().map(WebSocket::stats)
            }

            /// The time on the clock that the decisions and the reports refer to.
            pub fn now(&self) -> Timestamp {
                self.clock.now()
            }
        }

        impl<S> fmt::Debug for Reconnecting<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let state = self.plan.reconnect.state();
                f.debug_struct("Reconnecting").field("state", &state).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use reconnecting;
