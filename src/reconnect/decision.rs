//! A decision, and the reasons for it in words.

use core::fmt;
use core::time::Duration;

use crate::handshake::HandshakeError;
use crate::report::Cause;
use crate::time::Timestamp;
use crate::time::display::Span;
use crate::wire::violation::Violation;

use super::outcome::{Advice, ConnectFailure};

/// What is done about an outcome. Its `Display` says why:
///
/// ```text
/// retry in 3.2 s: the peer's stream ended without a Close (1006)
/// stop: 1002 repeats until the bug is fixed (protocol error)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// There will be another attempt.
    Retry(Retry),
    /// There will be none.
    Stop(Reason),
}

impl Decision {
    /// ReasonKind it was decided so.
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
            Pace::RetryAfter { asked } => write!(f, "; the server asked for {}", Span(asked)),
            Pace::Budget { attempts, window } => {
                write!(f, "; {attempts} attempts in {} are the limit", Span(window))
            }
            Pace::First | Pace::Backoff { .. } | Pace::Restart | Pace::Overload => Ok(()),
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
    /// What the server asked for, within [`max_retry_after`](super::ReconnectConfig::max_retry_after),
    /// and a little.
    RetryAfter {
        /// What the server asked for.
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
}

impl Reason {
    pub(super) const fn new(kind: ReasonKind) -> Self {
        Self { kind, classified: false }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.classified) {
            (ReasonKind::Code(code), true) => write!(f, "the peer closed with {code}")?,
            (ReasonKind::Status(status), true) => {
                write!(f, "the server refused with status {status}")?
            }
            (why, _) => why.fmt(f)?,
        }
        f.write_str(if self.classified { ", as the application classified it" } else { "" })
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
    /// The application closed the connection.
    ClosedHere,
    /// The application dropped the connection.
    AbortedHere,
    /// The peer closed with this code; 1005 where its Close had none.
    Code(u16),
    /// The connection was lost without a Close of the peer's.
    Lost(Cause),
    /// This end failed the connection, because the peer broke this rule or went over this limit.
    Violation(Violation),
    /// The server refused the opening handshake with this status.
    Status(u16),
    /// The server's answer to the opening handshake broke this rule.
    Handshake(HandshakeError),
    /// No transport connection came about.
    Failed(ConnectFailure),
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the application asked for a connection"),
            Self::Stopped => f.write_str("the application stopped reconnecting"),
            Self::ClosedHere => f.write_str("the application closed the connection"),
            Self::AbortedHere => f.write_str("the application dropped the connection"),
            Self::Code(code) => fmt_code(*code, f),
            Self::Lost(cause) => fmt_lost(cause, f),
            Self::Violation(rule) => write!(f, "the peer would only do it again: {rule}"),
            Self::Status(status) => match Advice::for_status(*status) {
                Advice::Stop => {
                    write!(f, "status {status} stays until the request or the server is changed")
                }
                _ => write!(f, "the server refused with status {status}"),
            },
            Self::Handshake(error) => write!(f, "the server would only do it again: {error}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

fn fmt_code(code: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let meaning = match code {
        1000 => "the peer closed normally",
        1001 => "the peer goes away",
        1005 => "the peer closed without a code",
        1011 => "the peer met a condition that it did not expect",
        1012 => "the server restarts",
        1013 => "the server is overloaded",
        1014 => "a gateway got an invalid answer from its upstream",
        _ => return fmt_final_code(code, f),
    };
    write!(f, "{meaning} ({code})")
}

fn fmt_final_code(code: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let bug = match code {
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "invalid payload",
        1009 => "message too big",
        1010 => "extension missing",
        _ => return write!(f, "only the application knows what {code} means; classify it"),
    };
    write!(f, "{code} repeats until the bug is fixed ({bug})")
}

fn fmt_lost(cause: &Cause, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match cause {
        Cause::Eof { .. } => f.write_str("the peer's stream ended without a Close")?,
        Cause::Transport { side, kind } => write!(f, "{side} failed: {kind}")?,
        Cause::PongTimeout { .. } => f.write_str("the peer fell silent")?,
        Cause::IdleTimeout { .. } => f.write_str("the connection was idle for too long")?,
        Cause::WriteStalled { .. } => f.write_str("the transport stopped taking output")?,
        Cause::CloseTimeout => f.write_str("the closing handshake took too long")?,
        Cause::HandshakeTimeout => f.write_str("the opening handshake took too long")?,
        _ => f.write_str("the connection was lost")?,
    }
    f.write_str(" (1006)")
}
