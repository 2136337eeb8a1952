//! What the reconnecting sockets of both adapters share: their events, their plan, their methods.
//!
//! Invariant: every decision is a [`Reconnect`]'s. What is here carries outcomes to it.

mod methods;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::adapter::ConnectError;
use crate::adapter::outbox::{Keeper, Shared};
use crate::config::Config;
use crate::connection::SendError;
use crate::diagnosis::{Diagnoser, Diagnosis, History};
use crate::handshake::{ClientRequest, Response};
use crate::reconnect::{
    Attempt, Decision, OutboxLimit, Outcome, Reason, Reconnect, ReconnectConfig, State,
};
use crate::report::Termination;
use crate::session::{MessageChunk, Outgoing, SendRefused, Session, Unsent};
use crate::time::Timestamp;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::message::Message;

pub(super) use methods::reconnecting;

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
    /// place to subscribe again, and to send what came back after the ending before. What an outbox
    /// has kept follows with the next call.
    Opened,
    /// A whole message.
    Message(Message<'static>),
    /// A part of a message, from `next_chunk`. A message that the end of the connection cuts goes on
    /// nowhere: after [`Ended`](Self::Ended), the next chunk is a [first](MessageChunk::is_first) one.
    Chunk(MessageChunk),
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
    /// The messages that were accepted and of which the last byte did not leave, in order; where that
    /// was asked for with `keep_unconfirmed`, those that did and may not have arrived as well. They
    /// are the caller's again: nobody else will send them. With an `outbox`, which keeps them for the
    /// next connection, there are none.
    pub unsent: Vec<Unsent>,
    /// How many messages in parts, from `send_fragment` or a `message_writer`, did not leave whole, be
    /// it that they were not finished. The peer's application gets none of them, and nobody has kept
    /// them: whoever has the parts begins again.
    ///
    /// Whether one has arrived that has left whole, only a message of the peer's own can tell:
    /// `keep_unconfirmed` does not keep it.
    pub unsent_in_parts: u64,
    /// What is done about it.
    pub decision: Decision,
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.report, self.diagnosis, self.decision)?;
        match self.unsent_in_parts {
            0 => Ok(()),
            1 => f.write_str("; a message in parts did not leave whole"),
            count => write!(f, "; {count} messages in parts did not leave whole"),
        }
    }
}

impl fmt::Display for ReconnectEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(attempt) => write!(f, "attempt {} to connect", attempt.number),
            Self::Failed { error, decision } => write!(f, "{error}; {decision}"),
            Self::Opened => f.write_str("the connection is open"),
            Self::Message(message) => write!(f, "a message of {} bytes", message.len()),
            Self::Chunk(chunk) => {
                write!(f, "a part of a message, of {} bytes", chunk.payload().len())
            }
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
    give_up_after_attempts: Option<u32>,
    pub(super) history: History,
    pub(super) diagnosis: Option<Diagnosis>,
    pub(super) keeper: Option<Keeper>,
    /// Messages are kept until a Pong confirms them.
    pub(super) confirms: bool,
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
            give_up_after_attempts: None,
            history: History::new(),
            diagnosis: None,
            keeper: None,
            confirms: false,
        })
    }

    pub(super) fn keep_in_outbox(&mut self, limit: Option<OutboxLimit>) -> &Arc<Shared> {
        let keeper = self.keeper(limit.unwrap_or_default());
        keeper.resends = true;
        if let Some(limit) = limit {
            keeper.shared.limit_to(limit);
        }
        &keeper.shared
    }

    pub(super) fn keep_unconfirmed(&mut self) {
        self.confirms = true;
        self.keeper(OutboxLimit::default());
    }

    fn keeper(&mut self, limit: OutboxLimit) -> &mut Keeper {
        self.keeper.get_or_insert_with(|| Keeper { shared: Shared::new(limit), resends: false })
    }

    pub(super) fn outbox(&self) -> Option<&Arc<Shared>> {
        self.keeper.as_ref().map(|keeper| &keeper.shared)
    }

    /// From now on, the connection hands back what it has not sent.
    pub(super) fn begin_keeping(&self, session: &mut Session) {
        match &self.keeper {
            Some(keeper) if self.confirms => session.keep_unconfirmed(keeper.shared.limit()),
            _ => session.keep_unsent(),
        }
    }

    /// Puts a message into the outbox. Without one that sends it later, there has to be a connection.
    pub(super) fn push<'m>(
        &self,
        keeper: &Keeper,
        message: Outgoing<'m>,
        is_open: bool,
    ) -> Result<(), SendRefused<'m>> {
        if keeper.resends || is_open {
            return keeper.shared.push(message);
        }
        Err(SendRefused { reason: self.refusal(), message })
    }

    /// Whether messages can be put into the outbox.
    pub(super) fn set_over(&self, over: bool) {
        if let Some(outbox) = self.outbox() {
            outbox.set_over(over);
        }
    }

    pub(super) fn policy(&mut self, mut config: ReconnectConfig) {
        config.give_up_after = self.give_up_after.or(config.give_up_after);
        let attempts = self.give_up_after_attempts.or(config.give_up_after_attempts);
        config.give_up_after_attempts = attempts;
        self.reconnect = Reconnect::new(config);
    }

    pub(super) fn give_up_after(&mut self, span: Duration) {
        self.give_up_after = Some(span);
        self.policy(self.reconnect.config().clone());
    }

    pub(super) fn give_up_after_attempts(&mut self, count: u32) {
        self.give_up_after_attempts = Some(count);
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
                State::GaveUp(reason) => {
                    self.set_over(true);
                    Step::GaveUp(reason)
                }
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

    /// The same of a part of one.
    pub(super) fn chunk(&mut self, chunk: MessageChunk, now: Timestamp) -> ReconnectEvent {
        self.handle_timeout(now);
        ReconnectEvent::Chunk(chunk)
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

    /// The connection has ended, and this session with it.
    pub(super) fn ended(
        &mut self,
        report: Box<Termination>,
        session: &mut Session,
        now: Timestamp,
    ) -> ReconnectEvent {
        let unsent_in_parts = session.unsent_in_parts();
        let unsent = session.take_unsent();
        let decision = self.reconnect.handle_outcome(&*report, (self.random)(), now);
        let diagnosis = self.diagnose(&report);
        self.history.record(&report);
        self.diagnosis = Some(diagnosis.clone());
        let unsent = match &self.keeper {
            None => unsent,
            Some(keeper) => {
                keeper.shared.handle_ended(unsent);
                if keeper.resends { Vec::new() } else { keeper.shared.take() }
            }
        };
        ReconnectEvent::Ended(Disconnected { report, diagnosis, unsent, unsent_in_parts, decision })
    }

    /// Why nothing can be sent without a connection.
    pub(super) fn refusal(&self) -> SendError {
        match self.reconnect.state() {
            State::GaveUp(_) => SendError::Ended,
            State::Idle
            | State::Waiting(_)
            | State::Connecting(_)
            | State::Probation
            | State::Stable => SendError::NotConnected,
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
