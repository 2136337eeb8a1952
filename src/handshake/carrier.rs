//! What carries a WebSocket connection, as the opening handshake has settled it.

use core::fmt;

/// What carries a WebSocket connection: a connection of its own, or one stream of many.
///
/// Frames, masking and messages are the same on each. What differs is the opening handshake, and
/// how an end looks: a stream can be reset while the connection below lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Carrier {
    /// A connection of its own, upgraded from HTTP/1.1 (RFC 6455).
    #[default]
    Http1,
    /// A stream of an HTTP/2 connection, opened by an extended CONNECT (RFC 8441).
    Http2,
    /// A stream of an HTTP/3 connection, opened by an extended CONNECT (RFC 9220).
    Http3,
}

impl Carrier {
    /// A short name for a label: `http1`, `http2` or `http3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Http3 => "http3",
        }
    }

    /// The status of a response over it: 426 asks for an upgrade, which no stream can have.
    pub(crate) const fn status(self, status: u16) -> u16 {
        if status == 426 && self.is_stream() { 400 } else { status }
    }

    /// Whether it is one stream of a connection that may carry others.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Http1 => false,
            Self::Http2 | Self::Http3 => true,
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        })
    }
}
