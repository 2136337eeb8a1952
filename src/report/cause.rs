//! What happened: the certain part of a report.

use core::fmt;
use core::time::Duration;

use super::position::Position;
use super::transport::TransportError;
use crate::handshake::HandshakeError;
use crate::wire::violation::Violation;

/// What happened. It is certain; why it happened is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Cause {
    /// Both Close frames passed.
    ClosingHandshake,
    /// The peer's stream ended although the closing handshake was not over.
    Eof {
        /// Where in the stream.
        at: Position,
    },
    /// The transport failed.
    Transport {
        /// The side that failed first.
        side: Direction,
        /// What it said.
        kind: TransportError,
    },
    /// Nothing arrived for too long after a Ping had left.
    PongTimeout {
        /// For how long nothing had arrived since the Ping left, or since the last byte if that came
        /// later.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        waited: Duration,
    },
    /// Nothing arrived for the idle timeout, and the connection was closed with 1001.
    IdleTimeout {
        /// For how long nothing had arrived.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        idle: Duration,
    },
    /// The transport took none of the pending output for too long.
    WriteStalled {
        /// Bytes that were pending.
        pending: u64,
    },
    /// The closing handshake was not over in time: our Close was not answered, or could not be
    /// written.
    CloseTimeout,
    /// The opening handshake was not over in time.
    HandshakeTimeout,
    /// The opening handshake was refused: on a client by the server, on a server by this end.
    HandshakeRejected {
        /// The HTTP status of the refusal.
        status: u16,
    },
    /// The peer's opening handshake broke a rule.
    HandshakeInvalid(HandshakeError),
    /// The peer broke a rule, and this end failed the connection.
    Violation {
        /// The rule.
        rule: Violation,
        /// The offset of the offending byte in the peer's stream, after the opening handshake; of
        /// what is wrong inside a compressed message, the offset of the payload of the frame that
        /// brought it.
        offset: u64,
    },
    /// The peer sent more than a limit allows, and this end failed the connection.
    TooBig {
        /// The limit, as a rule.
        rule: Violation,
        /// The offset, as above.
        offset: u64,
    },
    /// This end dropped the connection without a closing handshake.
    Aborted,
}

/// A direction of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Direction {
    /// From the peer.
    Read,
    /// To the peer.
    Write,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reading",
            Self::Write => "writing",
        })
    }
}

/// A number of bytes.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
