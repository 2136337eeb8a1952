//! The exit status: how a visit went, for scripts.

use std::process::ExitCode;

use farewell::{Cause, ConnectError, Phase, Position, Termination, TransportError};

/// The kinds of endings that have a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Both Closes passed; of other tasks, all is as expected.
    Clean = 0,
    /// The connection was lost, or dropped on this side; of other tasks, something is not as
    /// expected.
    Lost = 1,
    /// The arguments make no sense, or a file cannot be written.
    Usage = 2,
    /// No way to the server was found, or nobody waited for it.
    NotReached = 3,
    /// The opening handshake came to nothing.
    NotOpened = 4,
    /// This end failed the connection: the peer had broken a rule or a limit.
    Failed = 5,
    /// There was no TLS with the server.
    NotSecured = 6,
}

impl Status {
    /// That of a connection that was open, or of an opening handshake.
    pub(crate) fn of(report: &Termination) -> Self {
        let opening = report.evidence.phase == Phase::Opening;
        match report.cause {
            Cause::Transport { kind: TransportError::Tls(_), .. } if opening => Self::NotSecured,
            Cause::Transport { kind: TransportError::ProxyTls(_), .. } if opening => {
                Self::NotReached
            }
            _ if report.evidence.position == Position::TlsHandshake => Self::NotSecured,
            _ if opening => Self::NotOpened,
            _ if report.clean => Self::Clean,
            Cause::Violation { .. } | Cause::TooBig { .. } | Cause::MessageTimeout { .. } => {
                Self::Failed
            }
            _ => Self::Lost,
        }
    }

    pub(crate) fn of_error(error: &ConnectError) -> Self {
        match error {
            ConnectError::Ended(report) | ConnectError::Redirect { report, .. } => Self::of(report),
            ConnectError::Request(_) | ConnectError::Tls(_) => Self::Usage,
            _ => Self::NotReached,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
