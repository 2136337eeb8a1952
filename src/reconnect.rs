//! Whether to connect again after an ending, and when: a pure state machine.
//!
//! Time, outcomes and random numbers come in; decisions and deadlines come out. It works without
//! `std`, in a simulation, and below any runtime. With sockets and `std` there is
//! [`blocking::Reconnecting`](crate::blocking::Reconnecting), and `aio::Reconnecting` with feature
//! `tokio`: they own a URL and yield messages across connections, and leave every decision to the
//! [`Reconnect`] in them.
//!
//! ```text
//!             start                 its time comes
//!    Idle ───────────┐  Waiting ───────────────┐
//!                    │     ▲                   ▼
//!                    ├─────┼──────────▶   Connecting ── open ──▶ Probation ── open long enough,
//!                    │     │                   │                    │         healthy ──▶ Stable
//!                    │     └──── retry ────────┴────────────────────┴─────────────────────── │
//!                    │                         │                    │                        │
//!                  GaveUp ◀────── stop ────────┴────────────────────┴────────────────────────┘
//! ```
//!
//! # Delays
//!
//! A first delay is uniform between nothing and 5 s, so that the clients of a server that restarts
//! do not all come back at once (RFC 6455 section 7.2.3). After `n` delays in a row the next is
//! uniform between 100 ms and 1 s times 2^n: at least 5 s, for later delays are not to be shorter
//! than the first, and at most 60 s. Only a connection that was open for 10 s, and for as long as
//! the delay before it was, makes the next delay a first one again; where
//! [`require_healthy`](ReconnectConfig::require_healthy) is set, the application has to
//! [agree](Reconnect::mark_healthy), too. No more than 10 attempts begin in 5 minutes; beyond that,
//! one in 60 s. An attempt is given up after 10 s. All of this is in [`ReconnectConfig`].
//!
//! Of 10,000 clients whose server restarts, those with a fixed delay all come in the same tenth of
//! a second, again and again. With these delays it is 521 of them, and 131 where the server has
//! said 1012: `cargo bench --bench herd` prints the simulation.
//!
//! # Messages
//!
//! What becomes of messages that a connection could not send is an [`Outbox`]'s: it keeps them in
//! order, within an [`OutboxLimit`], and takes back what an ended connection returns.
//!
//! # Codes, statuses and causes
//!
//! | How it ended | What is done |
//! |---|---|
//! | the application closed or aborted; 1000 | stop: it was meant |
//! | 1001 going away, 1005 a Close without a code, 1006 no Close, 1011 unexpected condition, 1014 bad gateway | retry |
//! | 1012 restart | retry in 5 s to 30 s |
//! | 1013 try again later | retry in 1 min to 5 min |
//! | 1002, 1003, 1007, 1009, 1010 | stop: it repeats until the bug is fixed |
//! | 1008, 3000-4999 and codes of no meaning here | stop, unless [classified](ReconnectConfig::classify) |
//! | this endpoint failed the connection: the peer broke a rule or a limit | stop: it would do it again |
//! | a missed Pong, a stalled write, an idle timeout, an unanswered handshake | retry |
//! | status 408, 425, 429, any 5xx but 501, 505 and 511 | retry, not before what Retry-After asks for, up to 10 min |
//! | status 200, 511, a redirection to another host, 404 after a connection that was open | retry in 30 s to 2 min, or when Retry-After says: a captive portal or a deployment may have answered |
//! | any other status, other redirections included | stop |
//! | a response that broke a rule of the opening handshake | stop |
//! | no transport connection: the name does not resolve, addresses are silent, refused or unreachable, the time has passed | retry |
//! | a proxy: 408, 429, 5xx; a general failure, host or network unreachable, refused; no answer | retry |
//! | a proxy: it wants or refuses credentials, 403 and other statuses, its rules forbid the server, it speaks something else | stop |
//! | TLS that failed before the connection was open | stop; retry where it was cut short, changed on its way or an internal error, and after a long delay where the certificate is not valid yet, as it may be this machine's clock |
//! | the request, the settings of TLS or the number of addresses is at fault | stop |
//!
//! A Retry-After in seconds is taken as it is; one that is a date is taken relative to the
//! response's own Date, as there is no clock of the day here, and is not heeded without one.
//!
//! # Example
//!
//! ```
//! use core::time::Duration;
//! use farewell::handshake::Negotiated;
//! use farewell::reconnect::{ConnectFailure, Decision, Reconnect, ReconnectConfig, State};
//! use farewell::{Config, ReadClosed, Role, Seed, Session, SessionEvent, Timestamp};
//!
//! let mut now = Timestamp::ZERO;
//! let mut random = || 1 << 63; // Use a real source of random numbers outside of examples.
//! let mut reconnect = Reconnect::new(ReconnectConfig::default());
//!
//! reconnect.start(now);
//! let attempt = reconnect.poll_attempt().expect("the first attempt is at once");
//! assert_eq!(attempt.number, 1);
//! // Nobody listens.
//! let decision = reconnect.handle_outcome(ConnectFailure::Refused, random(), now);
//! assert_eq!(decision.to_string(), "retry in 2.5 s: the connection was refused");
//!
//! now = reconnect.poll_timeout().expect("there will be another attempt");
//! reconnect.handle_timeout(random(), now);
//! assert_eq!(reconnect.poll_attempt().map(|attempt| attempt.number), Some(2));
//! reconnect.handle_opened(now);
//! assert_eq!(reconnect.state(), State::Probation);
//!
//! // After a minute, which makes it stable, the connection is lost.
//! let seed = Seed::new([1; 32]);
//! let mut session =
//!     Session::upgraded(Role::Client, Negotiated::default(), Config::default(), seed, now);
//! now = now + Duration::from_secs(60);
//! session.handle_read_closed(ReadClosed::Eof, now);
//! # session.handle_timeout(now + Duration::from_secs(60));
//! let Some(SessionEvent::Ended(report)) = session.poll_event(&mut &mut [][..], now) else {
//!     panic!("every session ends with a report")
//! };
//! let decision = reconnect.handle_outcome(&*report, random(), now);
//! assert_eq!(
//!     decision.to_string(),
//!     "retry in 2.5 s: the peer's stream ended without a Close (1006)",
//! );
//! ```

#![deny(clippy::wildcard_enum_match_arm)]

mod backoff;
mod config;
mod decision;
#[cfg(test)]
mod dial_tests;
mod outbox;
mod outcome;
#[cfg(test)]
mod tests;

use core::time::Duration;

use crate::time::Timestamp;

use backoff::Budget;

pub use config::{Classifier, ReconnectConfig};
pub use decision::{Decision, Pace, Reason, ReasonKind, Retry};
pub use outbox::{Kept, Outbox, OutboxError, OutboxLimit};
pub use outcome::{Advice, ConnectFailure, Outcome};

//= rfc6455#7.2.3
//# To prevent this, clients SHOULD use some form of backoff when trying
//# to reconnect after abnormal closures as described in this section.
/// Decides whether and when to connect again.
///
/// Four families of methods:
///
/// 1. *What happened*: [`handle_opened`](Self::handle_opened) when an attempt has led to an open
///    connection; [`handle_outcome`](Self::handle_outcome) when an attempt has failed or the
///    connection has ended; [`handle_timeout`](Self::handle_timeout).
/// 2. *Commands*: [`start`](Self::start), [`stop`](Self::stop), [`replace`](Self::replace),
///    [`mark_healthy`](Self::mark_healthy).
/// 3. *What to do*: [`poll_attempt`](Self::poll_attempt), [`poll_timeout`](Self::poll_timeout).
/// 4. Getters.
///
/// A driver calls [`start`](Self::start), and after every call begins the attempt that
/// [`poll_attempt`](Self::poll_attempt) returns, if there is one; it reports what became of it, and
/// calls [`handle_timeout`](Self::handle_timeout) at the time of
/// [`poll_timeout`](Self::poll_timeout).
///
/// Calls that do not fit the state do nothing, and none panics, whatever the order, the time and
/// the numbers. A time that runs backwards counts as no time at all. The [module](crate::reconnect)
/// has the rules and an example.
#[derive(Debug, Clone)]
pub struct Reconnect {
    config: ReconnectConfig,
    stage: Stage,
    /// The latest time that was given.
    now: Timestamp,
    /// Delays since a stable connection.
    delays: u32,
    /// The delay before the latest attempt.
    waited: Duration,
    budget: Budget,
    attempts: u64,
    /// Attempts since a stable connection.
    tries: u32,
    /// The ending to come was asked for, and another connection with it.
    replaced: bool,
    /// Whether any connection was open.
    opened: bool,
    /// Since when there has been no stable connection, if there is none.
    unstable_since: Option<Timestamp>,
    /// The attempt that has to be begun.
    attempt: Option<Attempt>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Idle,
    Waiting(Retry),
    Connecting { until: Timestamp },
    Probation { opened: Timestamp, healthy: bool },
    Stable,
    GaveUp(Reason),
}

/// How far a [`Reconnect`] has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It was not started.
    Idle,
    /// The next attempt is at this time.
    Waiting(Timestamp),
    /// An attempt is under way, and is given up at this time.
    Connecting(Timestamp),
    /// A connection is open, and has not proved to be stable.
    Probation,
    /// A connection is open and has proved to be stable: after it, the backoff begins anew.
    Stable,
    /// There will be no other attempt, unless it is [started](Reconnect::start) again.
    GaveUp(Reason),
}

/// An attempt to be begun now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Counts all attempts, from 1.
    pub number: u64,
    /// The connection has to be open by then.
    pub deadline: Timestamp,
    /// The time that was waited before it.
    pub waited: Duration,
    /// What calls for it: that it was started, or how the attempt or the connection before ended.
    pub reason: Reason,
}

impl Reconnect {
    /// One that was not started.
    #[must_use]
    pub fn new(config: ReconnectConfig) -> Self {
        Self {
            config,
            stage: Stage::Idle,
            now: Timestamp::ZERO,
            delays: 0,
            waited: Duration::ZERO,
            budget: Budget::default(),
            attempts: 0,
            tries: 0,
            replaced: false,
            opened: false,
            unstable_since: None,
            attempt: None,
        }
    }

    /// The connection is open. Counts where an attempt is under way, or where none was asked for.
    pub fn handle_opened(&mut self, now: Timestamp) {
        let opened = self.advance(now);
        if let Stage::Idle | Stage::Connecting { .. } = self.stage {
            self.attempt = None;
            self.opened = true;
            self.stage = Stage::Probation { opened, healthy: false };
        }
    }

    /// The attempt has failed or the connection has ended. Says what is done about it.
    ///
    /// `outcome` is a [`ConnectFailure`], or a reference to a [`Termination`](crate::Termination), of
    /// which a refused opening handshake has one, too, or to the
    /// [`DialRecord`](crate::dial::DialRecord) of a dial that came to nothing; `random` is a uniform
    /// random number.
    ///
    /// While it waits for the next attempt or has given up, an outcome changes nothing: what was
    /// decided before is said again.
    pub fn handle_outcome<'a>(
        &mut self,
        outcome: impl Into<Outcome<'a>>,
        random: u64,
        now: Timestamp,
    ) -> Decision {
        let now = self.advance(now);
        self.settle();
        match self.stage {
            Stage::Waiting(retry) => Decision::Retry(retry),
            Stage::GaveUp(reason) => Decision::Stop(reason),
            Stage::Idle | Stage::Connecting { .. } | Stage::Probation { .. } | Stage::Stable => {
                self.decide(&outcome.into(), random, now)
            }
        }
    }

    fn decide(&mut self, outcome: &Outcome<'_>, random: u64, now: Timestamp) -> Decision {
        if core::mem::take(&mut self.replaced) {
            self.attempt = None;
            let retry = self.retry(now, Pace::First, Reason::new(ReasonKind::Replaced));
            self.stage = Stage::Waiting(retry);
            return Decision::Retry(retry);
        }
        let kind = ReasonKind::of(outcome, self.opened);
        let (mut advice, mut reason) = (kind.advice(), Reason::new(kind));
        if let (false, Some(classifier)) = (kind.is_final(), &self.config.classify) {
            if let Some(other) = classifier.classify(outcome) {
                advice = other;
                reason.classified = true;
            }
        }
        self.attempt = None;
        if advice == Advice::Stop {
            self.stage = Stage::GaveUp(reason);
            return Decision::Stop(reason);
        }
        let asked = outcome.retry_after();
        let (delay, pace) = backoff::delay(&self.config, advice, self.delays, asked, random);
        self.delays = self.delays.saturating_add(1);
        let retry = self.retry(now + delay, pace, reason);
        let since = *self.unstable_since.get_or_insert(now);
        if self.config.give_up_after.is_some_and(|limit| retry.at.since(since) > limit) {
            reason.gave_up_after = Some(now.since(since));
        } else if self.config.give_up_after_attempts.is_some_and(|limit| self.tries >= limit) {
            reason.gave_up_after_attempts = Some(self.tries);
        } else {
            self.stage = Stage::Waiting(retry);
            return Decision::Retry(retry);
        }
        self.stage = Stage::GaveUp(reason);
        Decision::Stop(reason)
    }

    /// An attempt at this time, or later if the budget says so.
    fn retry(&self, at: Timestamp, pace: Pace, reason: Reason) -> Retry {
        let earliest = self.budget.earliest(&self.config, at);
        let limit = Pace::Budget {
            attempts: self.config.budget_attempts.max(1),
            window: self.config.budget_window,
        };
        Retry {
            at: earliest,
            delay: earliest.since(self.now),
            pace: if earliest > at { limit } else { pace },
            reason,
        }
    }

    /// Lets the deadline that has passed take effect: begins the next attempt, or gives up the one
    /// under way, and then says what is done about that; `random` is a uniform random number.
    ///
    /// Harmless at any time.
    pub fn handle_timeout(&mut self, random: u64, now: Timestamp) -> Option<Decision> {
        let now = self.advance(now);
        match self.stage {
            Stage::Waiting(retry) if retry.at <= now => self.begin(retry.delay, retry.reason),
            Stage::Connecting { until } if until <= now => {
                let failure = Outcome::Failed(ConnectFailure::TimedOut);
                return Some(self.decide(&failure, random, now));
            }
            Stage::Probation { .. } => self.settle(),
            Stage::Idle | Stage::Waiting(_) | Stage::Connecting { .. } => {}
            Stage::Stable | Stage::GaveUp(_) => {}
        }
        None
    }

    /// Begins, or begins again after it gave up: with an attempt at once, if the budget allows it.
    ///
    /// While it waits, the next attempt is made earlier: the network may be back. While an attempt
    /// is under way or a connection open, it does nothing.
    pub fn start(&mut self, now: Timestamp) {
        let now = self.advance(now);
        match self.stage {
            Stage::Waiting(_) => {}
            Stage::Idle => self.unstable_since = Some(now),
            Stage::GaveUp(_) => {
                (self.delays, self.tries, self.unstable_since) = (0, 0, Some(now));
            }
            Stage::Connecting { .. } | Stage::Probation { .. } | Stage::Stable => return,
        }
        let retry = self.retry(now, Pace::First, Reason::new(ReasonKind::Started));
        if matches!(self.stage, Stage::Waiting(standing) if standing.at <= retry.at) {
            return;
        }
        if retry.at > now {
            self.stage = Stage::Waiting(retry);
        } else {
            self.begin(Duration::ZERO, retry.reason);
        }
    }

    /// The open connection is to be replaced, as its network may be gone: its ending, which the caller
    /// brings about now, is followed by an attempt at once, if the budget allows it, whatever it looks
    /// like. Without an open connection, this is [`start`](Self::start).
    ///
    /// ```
    /// use farewell::handshake::Negotiated;
    /// use farewell::reconnect::{Reconnect, ReconnectConfig, ReasonKind};
    /// use farewell::{Config, Role, Seed, Session, SessionEvent, Timestamp};
    ///
    /// let now = Timestamp::ZERO;
    /// let mut reconnect = Reconnect::new(ReconnectConfig::default());
    /// reconnect.handle_opened(now);
    /// # let seed = Seed::new([1; 32]);
    /// # let mut session =
    /// #     Session::upgraded(Role::Client, Negotiated::default(), Config::default(), seed, now);
    /// reconnect.replace(now);
    /// session.abort(now);
    /// # let Some(SessionEvent::Ended(report)) = session.poll_event(&mut &mut [][..], now) else { panic!() };
    /// let decision = reconnect.handle_outcome(&*report, 1 << 63, now);
    /// assert_eq!(decision.reason().kind, ReasonKind::Replaced);
    /// reconnect.handle_timeout(1 << 63, now);
    /// assert!(reconnect.poll_attempt().is_some());
    /// ```
    pub fn replace(&mut self, now: Timestamp) {
        match self.stage {
            Stage::Probation { .. } | Stage::Stable => {
                self.advance(now);
                self.replaced = true;
            }
            Stage::Connecting { .. } => {}
            Stage::Idle | Stage::Waiting(_) | Stage::GaveUp(_) => self.start(now),
        }
    }

    /// Ends it. What it led to, an attempt or a connection, is the caller's to end.
    pub fn stop(&mut self) {
        if !matches!(self.stage, Stage::GaveUp(_)) {
            (self.attempt, self.replaced) = (None, false);
            self.stage = Stage::GaveUp(Reason::new(ReasonKind::Stopped));
        }
    }

    /// The application has found the open connection to work: it is authenticated, for example.
    ///
    /// Needed where [`ReconnectConfig::require_healthy`] is set, once for each connection.
    pub fn mark_healthy(&mut self, now: Timestamp) {
        self.advance(now);
        if let Stage::Probation { healthy, .. } = &mut self.stage {
            *healthy = true;
        }
        self.settle();
    }

    /// The attempt that has to be begun, once. Report what becomes of it.
    pub fn poll_attempt(&mut self) -> Option<Attempt> {
        self.attempt.take()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Waiting(retry) => Some(retry.at),
            Stage::Connecting { until } => Some(until),
            Stage::Probation { opened, healthy } if healthy || !self.config.require_healthy => {
                Some(self.stable_from(opened))
            }
            Stage::Idle | Stage::Probation { .. } | Stage::Stable | Stage::GaveUp(_) => None,
        }
    }

    /// How far it has got.
    #[must_use]
    pub fn state(&self) -> State {
        match self.stage {
            Stage::Idle => State::Idle,
            Stage::Waiting(retry) => State::Waiting(retry.at),
            Stage::Connecting { until } => State::Connecting(until),
            Stage::Probation { .. } => State::Probation,
            Stage::Stable => State::Stable,
            Stage::GaveUp(reason) => State::GaveUp(reason),
        }
    }

    /// The number of attempts so far.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &ReconnectConfig {
        &self.config
    }

    /// Time never runs backwards.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    fn begin(&mut self, waited: Duration, reason: Reason) {
        let deadline = self.now + self.config.connect_timeout;
        self.budget.spend(&self.config, self.now);
        self.attempts = self.attempts.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        self.waited = waited;
        self.attempt = Some(Attempt { number: self.attempts, deadline, waited, reason });
        self.stage = Stage::Connecting { until: deadline };
    }

    fn stable_from(&self, opened: Timestamp) -> Timestamp {
        opened + self.config.stable_after.max(self.waited)
    }

    /// A connection that has been open for long enough is stable, whether or not somebody looked at
    /// the clock in time.
    fn settle(&mut self) {
        if let Stage::Probation { opened, healthy } = self.stage {
            let agreed = healthy || !self.config.require_healthy;
            if agreed && self.stable_from(opened) <= self.now {
                self.stage = Stage::Stable;
                (self.delays, self.tries, self.unstable_since) = (0, 0, None);
            }
        }
    }
}
