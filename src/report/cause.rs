//! What happened: the certain part of a report.

use core::fmt;
use core::time::Duration;

use super::position::Position;
use super::transport::{ReadClosed, TransportError};
use crate::handshake::HandshakeError;
use crate::wire::violation::Violation;

/// What happened. It is certain; why it happened is another question.
///
/// ```
/// use farewell::{Cause, Termination};
///
/// fn is_worth_a_page(report: &Termination) -> bool {
///     match report.cause {
///         Cause::Violation { .. } | Cause::TooBig { .. } => true,
///         Cause::WriteStalled { pending } => pending > 1_000_000,
///         _ => false,
///     }
/// }
/// ```
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
        /// The direction that failed first.
        direction: Direction,
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
    /// A message was not complete in time, and the connection was closed with 1008.
    MessageTimeout {
        /// For how long it had been under way.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        elapsed: Duration,
    },
    /// The transport took none of the pending output for too long, or too little of it.
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
    /// A plain request came, which asks for no WebSocket connection, and the application answered it:
    /// a health check, for example. On a server that asks for such requests only.
    PlainRequest {
        /// The HTTP status of the response.
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

const OVER_A_LIMIT: &str = "the peer sent more than a limit of this end allows";

impl Cause {
    /// Its row: its name, and how it lost the connection.
    const fn facts(&self) -> (&'static str, &'static str) {
        match self {
            Self::ClosingHandshake => ("closing_handshake", "both Close frames passed"),
            Self::Eof { .. } => ("eof", "the peer's stream ended without a Close"),
            Self::Transport { .. } => ("transport", "the transport failed"),
            Self::PongTimeout { .. } => ("pong_timeout", "the peer fell silent"),
            Self::IdleTimeout { .. } => ("idle_timeout", "the connection was idle for too long"),
            Self::MessageTimeout { .. } => ("message_timeout", "a message took too long"),
            Self::WriteStalled { .. } => ("write_stalled", "the transport stopped taking output"),
            Self::CloseTimeout => ("close_timeout", "the closing handshake took too long"),
            Self::HandshakeTimeout => ("handshake_timeout", "the opening handshake took too long"),
            Self::HandshakeRejected { .. } => {
                ("handshake_rejected", "the opening handshake was refused")
            }
            Self::PlainRequest { .. } => {
                ("plain_request", "the request asked for no WebSocket connection")
            }
            Self::HandshakeInvalid(_) => {
                ("handshake_invalid", "the opening handshake broke a rule or a limit")
            }
            Self::Violation { rule, .. } if rule.is_limit() => ("violation", OVER_A_LIMIT),
            Self::Violation { .. } => ("violation", "the peer broke a rule"),
            Self::TooBig { .. } => ("too_big", OVER_A_LIMIT),
            Self::Aborted => ("aborted", "the connection was dropped on this side"),
        }
    }

    /// The cause where the peer's stream ended at this position before the closing handshake was
    /// over.
    pub(crate) const fn read_closed(how: ReadClosed, at: Position) -> Self {
        let kind = match how {
            ReadClosed::Eof => return Self::Eof { at },
            ReadClosed::TlsTruncated => TransportError::TlsTruncated,
            ReadClosed::EndOrReset => TransportError::EndOrReset,
            ReadClosed::Failed(kind) => kind,
        };
        Self::Transport { direction: Direction::Read, kind }
    }

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
        self.facts().0
    }

    /// How the connection was lost, where no Close of the peer's says it.
    pub(crate) fn fmt_lost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Transport { direction, kind } = self {
            return write!(f, "{direction} failed: {kind}");
        }
        f.write_str(self.facts().1)
    }
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
