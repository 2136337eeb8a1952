//! Where in the peer's stream something happened.

use core::fmt;

/// Where in the peer's stream something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Position {
    /// In the TLS handshake, which comes before the opening handshake.
    TlsHandshake,
    /// In the opening handshake.
    OpeningHandshake,
    /// Between two messages.
    FrameBoundary,
    /// Inside a frame's header.
    InsideHeader {
        /// Bytes of the header that had arrived.
        received: u64,
    },
    /// Inside the payload of a Ping, a Pong or a Close between two messages: no message is cut short.
    InsideControlFrame {
        /// Bytes of the payload that had arrived.
        received: u64,
        /// Bytes that its header declares.
        expected: u64,
    },
    /// Inside a frame's payload, in the middle of a message.
    InsidePayload {
        /// Bytes of the payload that had arrived.
        received: u64,
        /// Bytes that its header declares.
        expected: u64,
    },
    /// Between two fragments of a message.
    BetweenFragments {
        /// Bytes of the message that had arrived.
        received: u64,
    },
}

impl Position {
    /// Whether that was before the connection was open.
    pub(crate) const fn is_before_open(self) -> bool {
        matches!(self, Self::TlsHandshake | Self::OpeningHandshake)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlsHandshake => f.write_str("in the TLS handshake"),
            Self::OpeningHandshake => f.write_str("in the opening handshake"),
            Self::FrameBoundary => f.write_str("between two messages"),
            Self::InsideHeader { received } => {
                write!(f, "inside a frame's header, {} of it received", Bytes(*received))
            }
            Self::InsideControlFrame { received, expected } => {
                write!(f, "inside a control frame, {received} of {expected} bytes received")
            }
            Self::InsidePayload { received, expected } => {
                write!(f, "inside a frame, {received} of {expected} bytes received")
            }
            Self::BetweenFragments { received } => {
                write!(f, "between two fragments, {} of the message received", Bytes(*received))
            }
        }
    }
}

/// A number of bytes.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
