//! Short names of what a report holds, for the labels of metrics and the fields of logs.
//!
//! Invariant: a name is lower-case letters and underscores, and stays what it is: dashboards and
//! alerts are built on it.

use crate::report::{Cause, Initiator};
use crate::wire::role::Role;

impl Cause {
    /// A short name without the details, such as `pong_timeout`: of these there are few, so that
    /// it can be a label.
    ///
    /// ```
    /// use farewell::Cause;
    ///
    /// assert_eq!(Cause::HandshakeRejected { status: 403 }.name(), "handshake_rejected");
    /// ```
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClosingHandshake => "closing_handshake",
            Self::Eof { .. } => "eof",
            Self::Transport { .. } => "transport",
            Self::PongTimeout { .. } => "pong_timeout",
            Self::IdleTimeout { .. } => "idle_timeout",
            Self::WriteStalled { .. } => "write_stalled",
            Self::CloseTimeout => "close_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HandshakeRejected { .. } => "handshake_rejected",
            Self::HandshakeInvalid(_) => "handshake_invalid",
            Self::Violation { .. } => "violation",
            Self::TooBig { .. } => "too_big",
            Self::Aborted => "aborted",
        }
    }
}

impl Initiator {
    /// A short name: `local`, `peer`, `both` or `transport`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Both => "both",
            Self::Transport => "transport",
        }
    }
}

impl Role {
    /// A short name: `client` or `server`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}
