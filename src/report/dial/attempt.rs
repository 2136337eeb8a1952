//! What became of the addresses of a dial, one by one.

use core::fmt;
use core::net::SocketAddr;

use super::PhaseSpan;
use crate::time::display::Span;

/// What became of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AddressAttempt {
    /// The address.
    pub address: SocketAddr,
    /// When the attempt began and ended.
    pub span: PhaseSpan,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

impl fmt::Display for AddressAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.outcome {
            AttemptOutcome::Pending => return f.write_str(" is under way"),
            AttemptOutcome::Connected => f.write_str(" connected")?,
            AttemptOutcome::Lost => f.write_str(" lost the race")?,
            AttemptOutcome::Silent => f.write_str(" did not answer")?,
            AttemptOutcome::Failed(error) => write!(f, " {error}")?,
        }
        let connected = self.outcome == AttemptOutcome::Connected;
        let preposition = if connected { "in" } else { "after" };
        match self.span.took() {
            Some(took) => write!(f, " {preposition} {}", Span(took)),
            None => Ok(()),
        }
    }
}

/// What became of an attempt to connect to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AttemptOutcome {
    /// It is under way.
    Pending,
    /// It connected first.
    Connected,
    /// It had no answer when another address connected, and was dropped.
    Lost,
    /// It had no answer when the time for it had passed, and was dropped.
    Silent,
    /// It failed.
    Failed(AttemptError),
}

impl AttemptOutcome {
    /// As what it failed; nothing where it did not. Who is not answered is told so by a deadline, be
    /// it the system's or ours.
    pub(crate) const fn failure(self) -> Option<AttemptErrorKind> {
        match self {
            Self::Silent => Some(AttemptErrorKind::TimedOut),
            Self::Failed(error) => Some(error.kind),
            Self::Pending | Self::Connected | Self::Lost => None,
        }
    }
}

/// Why an attempt to connect failed: its kind, and the operating system's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AttemptError {
    /// What kind it is of.
    pub kind: AttemptErrorKind,
    /// The number of the operating system's error, where it was one.
    pub os_error: Option<i32>,
}

impl AttemptError {
    /// An error of which nothing but the kind is known.
    #[must_use]
    pub const fn new(kind: AttemptErrorKind) -> Self {
        Self { kind, os_error: None }
    }

    /// With the number of the operating system's error.
    #[must_use]
    pub const fn os_error(self, number: i32) -> Self {
        Self { os_error: Some(number), ..self }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.os_error {
            Some(number) => write!(f, " (os error {number})"),
            None => Ok(()),
        }
    }
}

/// What a system says of an address that it could not connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AttemptErrorKind {
    /// Nobody listens there, or a firewall says so in its name.
    #[error("refused")]
    Refused,
    /// There is no way to the host or to its network.
    #[error("unreachable")]
    Unreachable,
    /// The system gave up: nothing ever came back.
    #[error("no answer")]
    TimedOut,
    /// The connection was reset before it was open.
    #[error("reset")]
    Reset,
    /// This machine does not allow it: a firewall's rule or a sandbox.
    #[error("not permitted on this machine")]
    NotPermitted,
    /// This machine has no local address or no free port for it.
    #[error("no local address or port for it")]
    NoLocalAddress,
    /// Anything else.
    #[error("failed")]
    Other,
}

impl AttemptErrorKind {
    /// Where the addresses of a name failed in different ways, the one that says most comes first.
    /// An answer says more than none; an address without a route is usual where there is no IPv6, so
    /// that it says least.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::Refused => 0,
            Self::TimedOut => 1,
            Self::NotPermitted => 2,
            Self::NoLocalAddress => 3,
            Self::Reset => 4,
            Self::Other => 5,
            Self::Unreachable => 6,
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for AttemptError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds")]
        let kind = match error.kind() {
            ErrorKind::ConnectionRefused => AttemptErrorKind::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                AttemptErrorKind::Unreachable
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => AttemptErrorKind::TimedOut,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => AttemptErrorKind::Reset,
            ErrorKind::PermissionDenied => AttemptErrorKind::NotPermitted,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => AttemptErrorKind::NoLocalAddress,
            _ => AttemptErrorKind::Other,
        };
        Self { kind, os_error: error.raw_os_error() }
    }
}
