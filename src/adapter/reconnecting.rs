//! What the reconnecting sockets of both adapters share: what they tell, and what they connect by.
//!
//! Invariant: every decision is a [`Reconnect`]'s. What is here carries outcomes to it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::adapter::ConnectError;
use crate::config::Config;
use crate::connection::SendError;
use crate::handshake::{ClientRequest, Response};
use crate::reconnect::{Attempt, Decision, Reason, Reconnect, ReconnectConfig, State};
use crate::report::Termination;
use crate::session::{Outgoing, SendRefused, Unsent};
use crate::time::Timestamp;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::message::Message;

/// What a `Reconnecting` gives: messages, and every attempt and every ending around them.
///
/// Its `Display` is a line for a log; of a message, only the length.
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
    /// The connection is open. Nothing but what the hook of `on_open` gave was sent on it: the place
    /// to subscribe again, and to send what came back after the ending before.
    Opened,
    /// A whole message.
    Message(Message<'static>),
    /// The connection has ended.
    Ended(Disconnected),
    /// There will be no other attempt: the last thing. Asking on gives the same again.
    GaveUp(Reason),
}

/// How a connection of a `Reconnecting` ended, and what comes next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Disconnected {
    /// The report of the ending.
    pub report: Box<Termination>,
    /// The messages that were accepted and of which the last byte did not leave, in order. They are
    /// the caller's again: nobody else will send them.
    pub unsent: Vec<Unsent>,
    /// What is done about it.
    pub decision: Decision,
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.report, self.decision)
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

/// Whom to connect to, how, and when.
pub(super) struct Plan {
    pub(super) request: Arc<ClientRequest>,
    config: Arc<Config>,
    pub(super) reconnect: Reconnect,
    random: Box<dyn FnMut() -> u64 + Send>,
    greet: Option<Box<Greet>>,
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
        })
    }

    pub(super) fn set_policy(&mut self, config: ReconnectConfig) {
        self.reconnect = Reconnect::new(config);
    }

    pub(super) fn set_random(&mut self, random: Box<dyn FnMut() -> u64 + Send>) {
        self.random = random;
    }

    pub(super) fn set_greet(&mut self, greet: Box<Greet>) {
        self.greet = Some(greet);
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

    /// A message has come; whether the connection is stable is looked at on the way.
    pub(super) fn message(&mut self, message: Message<'static>, now: Timestamp) -> ReconnectEvent {
        self.handle_timeout(now);
        ReconnectEvent::Message(message)
    }

    /// The attempt has failed.
    pub(super) fn failed(&mut self, error: ConnectError, now: Timestamp) -> ReconnectEvent {
        let random = (self.random)();
        let decision = self.reconnect.handle_outcome(error.outcome(), random, now);
        ReconnectEvent::Failed { error, decision }
    }

    /// The connection is open. Gives what is to be sent first.
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
        ReconnectEvent::Ended(Disconnected { report, unsent, decision })
    }

    /// Why nothing can be sent without a connection.
    pub(super) fn refusal(&self) -> SendError {
        match self.reconnect.state() {
            State::GaveUp(_) => SendError::Ended,
            _ => SendError::Opening,
        }
    }

    pub(super) fn refuse<'m>(&self, message: Outgoing<'m>) -> SendRefused<'m> {
        SendRefused { reason: self.refusal(), message }
    }
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
