//! The head of a request or of a response, whatever it came as and whatever it is to become: bytes
//! of HTTP/1.1, or the types of the `http` crate.
//!
//! Invariant: every rule of the opening handshake is checked on these heads, and every field that it
//! sends goes into a [`Sink`], so that there is one copy of each rule and of each field.

use bytes::BytesMut;

use super::carrier::Carrier;
use super::error::HandshakeError;
use super::http1::headers::{Headers, Span};
use crate::config::Limits;

/// Which kind of head it is; they differ in their first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
}

#[derive(Debug, Clone)]
pub(super) struct RequestHead {
    pub(super) headers: Headers,
    pub(super) version: Version,
    pub(super) method: Method,
    /// The method in letters.
    pub(super) verb: Span,
    pub(super) target: Span,
}

/// Of a head that was read as bytes, one of HTTP/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
    #[cfg(feature = "http")]
    Http2,
    #[cfg(feature = "http")]
    Http3,
}

impl Version {
    pub(super) fn carrier(self) -> Carrier {
        match self {
            Self::Http10 | Self::Http11 => Carrier::Http1,
            #[cfg(feature = "http")]
            Self::Http2 => Carrier::Http2,
            #[cfg(feature = "http")]
            Self::Http3 => Carrier::Http3,
        }
    }
}

/// A method, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// For the protocol websocket: an extended CONNECT.
    #[cfg(feature = "http")]
    ConnectWebSocket,
    /// For any other protocol.
    #[cfg(feature = "http")]
    ConnectOther,
    /// Without a protocol: to a host.
    #[cfg(feature = "http")]
    Connect,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResponseHead {
    pub(super) headers: Headers,
    pub(super) status: u16,
    pub(super) http_1_1: bool,
    pub(super) reason: Span,
}

/// How much of a head is read, in all and in each part.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    /// Bytes of the head.
    pub(super) head: usize,
    /// Header fields.
    pub(super) headers: usize,
    /// Bytes of a line.
    pub(super) line: usize,
}

impl HeadLimits {
    pub(super) fn new(limits: &Limits) -> Self {
        // Offsets into the head are 32 bits wide.
        let head = limits.head.min(u32::MAX as usize);
        Self { head, headers: limits.headers, line: limits.header_line }
    }

    /// As much of an input as a head may be long.
    pub(super) fn within(self, input: &[u8]) -> &[u8] {
        input.get(..self.head).unwrap_or(input)
    }

    /// Whether a head of which so many bytes were seen may have another one.
    pub(super) fn check_length(self, seen: usize) -> Result<(), HandshakeError> {
        match seen < self.head {
            true => Ok(()),
            false => Err(HandshakeError::HeadTooLarge { limit: self.head }),
        }
    }

    /// Whether a field may follow so many lines, the first one included.
    pub(super) fn check_count(self, lines: usize) -> Result<(), HandshakeError> {
        match lines <= self.headers {
            true => Ok(()),
            false => Err(HandshakeError::TooManyHeaders { limit: self.headers }),
        }
    }

    /// Whether a line of so many bytes, behind so many lines, may have another one.
    pub(super) fn check_line(
        self,
        kind: Kind,
        lines: usize,
        line_len: usize,
    ) -> Result<(), HandshakeError> {
        let limit = self.line;
        match (kind, lines) {
            _ if line_len < limit => Ok(()),
            (Kind::Request, 0) => Err(HandshakeError::RequestLineTooLong { limit }),
            _ => Err(HandshakeError::LineTooLong { limit }),
        }
    }

    /// The same for a head that is there as a whole: its lines are this long, without their endings.
    #[cfg(feature = "http")]
    pub(super) fn check_lines(
        self,
        kind: Kind,
        lengths: impl Iterator<Item = usize>,
    ) -> Result<(), HandshakeError> {
        let mut seen = 0_usize;
        for (lines, length) in lengths.enumerate() {
            if lines > 0 {
                self.check_length(seen)?;
                self.check_count(lines)?;
            }
            // Of two limits, the one that comes first.
            if length > self.line && seen.saturating_add(self.line) < self.head {
                self.check_line(kind, lines, self.line)?;
            }
            seen = seen.saturating_add(length).saturating_add(2);
            self.check_length(seen.saturating_sub(1))?;
        }
        self.check_length(seen.saturating_add(1))
    }
}

/// Where the fields of a head are written to.
pub(super) trait Sink {
    /// Adds a field that was checked.
    fn field(&mut self, name: &str, value: &[u8]);
}

impl Sink for BytesMut {
    fn field(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.extend_from_slice(part);
        }
    }
}
