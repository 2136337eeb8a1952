//! A decision, and the reasons for it in words.

use core::fmt;
use core::time::Duration;

use crate::handshake::HandshakeError;
use crate::report::{Cause, ProxyFailure, Termination, TlsError, TransportError};
use crate::time::Timestamp;
use crate::time::display::Span;
use crate::wire::close::{ABNORMAL_CLOSURE, CodeFacts, CodeRetry};
use crate::wire::violation::Violation;

use super::outcome::{Advice, ConnectFailure, Outcome};

/// What is done about an outcome. Its `Display` says why:
///
/// ```text
/// retry in 3.2 s: the peer's stream ended without a Close (1006)
/// stop: 1002 repeats until the bug is fixed (protocol error)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There will be another attempt.
    Retry(Retry),
    /// There will be none.
    Stop(Reason),
}

impl Decision {
    /// Why it was decided so.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Retry(retry) => &retry.reason,
            Self::Stop(reason) => reason,
        }
    }

    /// Whether there will be no other attempt.
    #[must_use]
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Stop(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(retry) => retry.fmt(f),
            Self::Stop(reason) => write!(f, "stop: {reason}"),
        }
    }
}

/// When the next attempt is, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The time of the attempt.
    pub at: Timestamp,
    /// The time until then.
    pub delay: Duration,
    /// What the delay was made of.
    pub pace: Pace,
    /// What calls for an attempt.
    pub reason: Reason,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retry in {}: {}", Span(self.delay), self.reason)?;
        match self.pace {
            Pace::RetryAfter { asked } => {
                let proxy =
                    matches!(self.reason.kind, ReasonKind::Failed(ConnectFailure::Proxy(_)));
                let who = if proxy { "proxy" } else { "server" };
                write!(f, "; the {who} asked for {}", Span(asked))
            }
            Pace::Budget { attempts, window } => {
                write!(f, "; {attempts} attempts in {} are the limit", Span(window))
            }
            Pace::First | Pace::Backoff { .. } | Pace::Restart | Pace::Overload | Pace::Later => {
                Ok(())
            }
        }
    }
}

/// What a delay was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// The first since a stable connection: anything up to
    /// [`first_delay`](super::ReconnectConfig::first_delay).
    First,
    /// Anything from [`min_delay`](super::ReconnectConfig::min_delay) to the ceiling.
    Backoff {
        /// How many delays there were since a stable connection.
        delays: u32,
        /// The longest that it could have been.
        ceiling: Duration,
    },
    /// Of [`restart_delay`](super::ReconnectConfig::restart_delay).
    Restart,
    /// Of [`overload_delay`](super::ReconnectConfig::overload_delay).
    Overload,
    /// Of [`later_delay`](super::ReconnectConfig::later_delay).
    Later,
    /// What the server, or a proxy that let nothing through, asked for, within
    /// [`max_retry_after`](super::ReconnectConfig::max_retry_after), and a little.
    RetryAfter {
        /// What was asked for.
        asked: Duration,
    },
    /// The budget is used up.
    Budget {
        /// The attempts that it allows.
        attempts: u32,
        /// In this time.
        window: Duration,
    },
}

/// Why something was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// What happened.
    pub kind: ReasonKind,
    /// Whether the application's [`Classifier`](super::Classifier) said what that means.
    pub classified: bool,
    /// There would be another attempt, but no connection was stable for so long: see
    /// [`give_up_after`](super::ReconnectConfig::give_up_after).
    pub gave_up_after: Option<Duration>,
    /// The same after so many attempts: see
    /// [`give_up_after_attempts`](super::ReconnectConfig::give_up_after_attempts).
    pub gave_up_after_attempts: Option<u32>,
}

impl Reason {
    pub(super) const fn new(kind: ReasonKind) -> Self {
        Self { kind, classified: false, gave_up_after: None, gave_up_after_attempts: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.classified) {
            (ReasonKind::Code(code), true) => write!(f, "the peer closed with {code}")?,
            (ReasonKind::Status(status) | ReasonKind::MayPass(status), true) => {
                write!(f, "the server refused with status {status}")?
            }
            (why, _) => why.fmt(f)?,
        }
        f.write_str(if self.classified { ", as the application classified it" } else { "" })?;
        if let Some(span) = self.gave_up_after {
            write!(f, "; no connection was stable for {}", Span(span))?;
        }
        match self.gave_up_after_attempts {
            Some(1) => f.write_str("; one attempt was the limit"),
            Some(count) => {
                write!(f, "; {count} attempts without a stable connection were the limit")
            }
            None => Ok(()),
        }
    }
}

/// What happened, as far as reconnecting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasonKind {
    /// The application asked for a connection.
    Started,
    /// The application stopped reconnecting.
    Stopped,
    /// The application asked for another connection in the place of the one that was open.
    Replaced,
    /// The application closed the connection.
    ClosedHere,
    /// The application dropped the connection.
    AbortedHere,
    /// The peer closed with this code; 1005 where its Close had none.
    Code(u16),
    /// The connection was lost without a Close of the peer's.
    Lost(Cause),
    /// This endpoint failed the connection, because the peer broke this rule or went over this
    /// limit.
    Violation(Violation),
    /// The server refused the opening handshake with this status.
    Status(u16),
    /// The opening handshake was refused with this status, which a captive portal or a deployment
    /// may have answered for a while: 200, 511, a redirection to another host, or a 404 where a
    /// connection was open before.
    MayPass(u16),
    /// The server's response broke this rule of the opening handshake.
    Handshake(HandshakeError),
    /// TLS failed for this before the connection was open.
    Tls(TlsError),
    /// No transport connection came about.
    Failed(ConnectFailure),
}

impl ReasonKind {
    /// What happened, as far as reconnecting is concerned. `opened` says whether any connection was
    /// open before.
    pub(super) fn of(outcome: &Outcome<'_>, opened: bool) -> Self {
        let report = match outcome {
            Outcome::Ended(report) => report,
            Outcome::Undialled(record) => return Self::Failed((*record).into()),
            Outcome::Failed(failure) => return Self::Failed(*failure),
        };
        match report.cause {
            Cause::Violation { rule, .. } | Cause::TooBig { rule, .. } => Self::Violation(rule),
            Cause::Aborted => Self::AbortedHere,
            Cause::HandshakeRejected { status } | Cause::PlainRequest { status } => {
                status_of(report, status, opened)
            }
            // Of a response whose status is 101 or cannot be read: any other is a refusal.
            Cause::HandshakeInvalid(error) => Self::Handshake(error),
            // Closed by this endpoint, though not by the application: the peer's Close only
            // followed.
            Cause::IdleTimeout { .. } | Cause::MessageTimeout { .. } => Self::Lost(report.cause),
            // In TLS 1.3, a server refuses a client's certificate once that one has finished.
            Cause::Transport { kind: TransportError::Tls(error), .. }
                if report.evidence.position.is_before_open() =>
            {
                Self::Tls(error)
            }
            Cause::Transport { kind: TransportError::ProxyTls(error), .. }
                if report.evidence.position.is_before_open() =>
            {
                Self::Failed(ConnectFailure::Proxy(ProxyFailure::Tls(error)))
            }
            Cause::ClosingHandshake
            | Cause::Eof { .. }
            | Cause::Transport { .. }
            | Cause::PongTimeout { .. }
            | Cause::WriteStalled { .. }
            | Cause::CloseTimeout
            | Cause::HandshakeTimeout => who_closed(report),
        }
    }

    /// What it means for the next attempt, unless the application says otherwise.
    pub(super) const fn advice(&self) -> Advice {
        match self {
            Self::Started | Self::Replaced => Advice::Retry,
            Self::Stopped
            | Self::ClosedHere
            | Self::AbortedHere
            | Self::Violation(_)
            | Self::Handshake(_) => Advice::Stop,
            Self::Code(code) => Advice::for_code(*code),
            Self::Lost(_) => Advice::for_code(ABNORMAL_CLOSURE),
            Self::Status(status) => Advice::for_status(*status),
            Self::Tls(error) => Advice::for_tls(*error),
            Self::MayPass(_) => Advice::RetryLater,
            Self::Failed(failure) => failure.advice(),
        }
    }

    /// Whether the application did it itself, so that there is nothing to classify.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Stopped | Self::ClosedHere | Self::AbortedHere => true,
            Self::Started
            | Self::Replaced
            | Self::Code(_)
            | Self::Lost(_)
            | Self::Violation(_)
            | Self::Status(_)
            | Self::MayPass(_)
            | Self::Handshake(_)
            | Self::Tls(_)
            | Self::Failed(_) => false,
        }
    }
}

/// Some statuses are somebody else's, or pass.
fn status_of(report: &Termination, status: u16, opened: bool) -> ReasonKind {
    let elsewhere = report.refusal.as_ref().is_some_and(|refusal| refusal.redirects_elsewhere());
    let later = matches!(Advice::for_status(status), Advice::RetryLater);
    if later || elsewhere || (status == 404 && opened) {
        ReasonKind::MayPass(status)
    } else {
        ReasonKind::Status(status)
    }
}

/// Who closed first matters more than how it ended.
fn who_closed(report: &Termination) -> ReasonKind {
    if report.local_close.is_some_and(|close| !close.echo) {
        ReasonKind::ClosedHere
    } else if report.peer_close.is_some() {
        ReasonKind::Code(report.code)
    } else {
        ReasonKind::Lost(report.cause)
    }
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the application asked for a connection"),
            Self::Stopped => f.write_str("the application stopped reconnecting"),
            Self::Replaced => f.write_str("the application asked for another connection"),
            Self::ClosedHere => f.write_str("the application closed the connection"),
            Self::AbortedHere => f.write_str("the application dropped the connection"),
            Self::Code(code) => fmt_code(*code, f),
            Self::Lost(cause) => {
                cause.fmt_lost(f)?;
                write!(f, " ({ABNORMAL_CLOSURE})")
            }
            Self::Violation(rule) => write!(f, "the peer would only do it again: {rule}"),
            Self::Status(status) if self.advice() == Advice::Stop => {
                write!(f, "status {status} stays until the request or the server is changed")
            }
            Self::Status(status) => write!(f, "the server refused with status {status}"),
            Self::MayPass(status) => {
                write!(f, "status {status} may pass, as of a captive portal or a deployment")
            }
            Self::Handshake(error) => write!(f, "the server would only do it again: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

fn fmt_code(code: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let CodeFacts { retry, meaning, .. } = CodeFacts::of(code);
    match retry {
        CodeRetry::Meant
        | CodeRetry::Backoff
        | CodeRetry::AfterRestart
        | CodeRetry::AfterOverload => write!(f, "{meaning} ({code})"),
        CodeRetry::Repeats => write!(f, "{code} repeats until the bug is fixed ({meaning})"),
        CodeRetry::Unclassified => {
            write!(f, "only the application knows what {code} means; classify it")
        }
    }
}
