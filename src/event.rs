//! What a [`Connection`](crate::Connection) tells its caller, and what it is told.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use crate::termination::Termination;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Role {
    /// The end that asked for the connection; it masks what it sends.
    Client,
    /// The end that accepted it.
    Server,
}

/// Whether a message is text or binary (RFC 6455 section 5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

/// What is sent: text or bytes, borrowed.
///
/// Made from a `&str` or a `&[u8]`, so that text is valid UTF-8 by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> Data<'a> {
    /// Whether it is text or binary.
    #[must_use]
    pub const fn kind(self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The bytes that go into the payload.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Data<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Data<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

/// A piece of a message, lent from the caller's buffer.
///
/// Pieces come in order. How a message is cut into pieces depends on its fragments and on how it
/// was read; only the concatenation of its pieces has a meaning. A piece of text may begin and end
/// inside a character, but the text up to its end has been checked.
#[derive(PartialEq, Eq)]
pub struct Chunk<'b> {
    payload: &'b [u8],
    piece: Piece,
}

/// What a chunk is of its message, in one byte that has room for the other events: an event is then
/// written and read with the same three moves, which the fastest path depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Piece {
    TextMiddle = 0,
    BinaryMiddle = BINARY,
    TextFirst = FIRST,
    BinaryFirst = FIRST | BINARY,
    TextLast = LAST,
    BinaryLast = LAST | BINARY,
    TextWhole = FIRST | LAST,
    BinaryWhole = FIRST | LAST | BINARY,
    CompressedTextMiddle = COMPRESSED,
    CompressedBinaryMiddle = COMPRESSED | BINARY,
    CompressedTextFirst = COMPRESSED | FIRST,
    CompressedBinaryFirst = COMPRESSED | FIRST | BINARY,
    CompressedTextLast = COMPRESSED | LAST,
    CompressedBinaryLast = COMPRESSED | LAST | BINARY,
    CompressedTextWhole = COMPRESSED | FIRST | LAST,
    CompressedBinaryWhole = COMPRESSED | FIRST | LAST | BINARY,
}

const BINARY: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
const COMPRESSED: u8 = 8;

impl<'b> Chunk<'b> {
    #[inline]
    pub(crate) const fn new(payload: &'b [u8], kind: MessageKind, first: bool, last: bool) -> Self {
        let piece = match (kind, first, last) {
            (MessageKind::Text, false, false) => Piece::TextMiddle,
            (MessageKind::Text, true, false) => Piece::TextFirst,
            (MessageKind::Text, false, true) => Piece::TextLast,
            (MessageKind::Text, true, true) => Piece::TextWhole,
            (MessageKind::Binary, false, false) => Piece::BinaryMiddle,
            (MessageKind::Binary, true, false) => Piece::BinaryFirst,
            (MessageKind::Binary, false, true) => Piece::BinaryLast,
            (MessageKind::Binary, true, true) => Piece::BinaryWhole,
        };
        Self { payload, piece }
    }

    /// The same piece, of a message that was compressed.
    pub(crate) const fn compressed(self) -> Self {
        let piece = match self.piece {
            Piece::TextMiddle => Piece::CompressedTextMiddle,
            Piece::BinaryMiddle => Piece::CompressedBinaryMiddle,
            Piece::TextFirst => Piece::CompressedTextFirst,
            Piece::BinaryFirst => Piece::CompressedBinaryFirst,
            Piece::TextLast => Piece::CompressedTextLast,
            Piece::BinaryLast => Piece::CompressedBinaryLast,
            Piece::TextWhole => Piece::CompressedTextWhole,
            Piece::BinaryWhole => Piece::CompressedBinaryWhole,
            compressed => compressed,
        };
        Self { payload: self.payload, piece }
    }

    #[inline]
    const fn has(&self, flag: u8) -> bool {
        self.piece as u8 & flag != 0
    }

    /// Whether it is a whole message as it was sent by the application.
    #[inline]
    pub(crate) const fn is_whole(&self) -> bool {
        self.piece as u8 & !BINARY == FIRST | LAST
    }

    /// Whether its message was compressed: then the payload is what the compressor made of it.
    #[inline]
    pub(crate) const fn is_compressed(&self) -> bool {
        self.has(COMPRESSED)
    }

    /// The bytes, unmasked. Empty only for the last piece of a message.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'b [u8] {
        self.payload
    }

    /// Whether the message is text or binary.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        if self.has(BINARY) { MessageKind::Binary } else { MessageKind::Text }
    }

    /// Whether this piece begins a message.
    #[inline]
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.has(FIRST)
    }

    /// Whether this piece ends its message.
    #[inline]
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.has(LAST)
    }
}

impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("payload", &self.payload)
            .field("kind", &self.kind())
            .field("first", &self.is_first())
            .field("last", &self.is_last())
            .finish()
    }
}

/// What happened on a connection, from [`Connection::poll_event`](crate::Connection::poll_event).
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A piece of a message.
    Data(Chunk<'b>),
    /// A Ping came; its Pong is already queued. The payload is in
    /// [`Connection::ping_payload`](crate::Connection::ping_payload).
    Ping,
    /// A Pong came. The payload is in
    /// [`Connection::pong_payload`](crate::Connection::pong_payload).
    Pong {
        /// The round trip, where it answers the latest Ping of the heartbeat.
        rtt: Option<Duration>,
    },
    /// The peer's Close came; the answer is already queued. The frame is in
    /// [`Connection::peer_close`](crate::Connection::peer_close).
    CloseReceived,
    /// The connection has ended. Always the last event, and always there.
    Ended(Box<Termination>),
}

/// How far a connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Phase {
    /// The opening handshake is under way. Only a [`Session`](crate::Session) is ever in it.
    Opening,
    /// Messages go both ways.
    Open,
    /// Our Close is queued or sent and the peer's has not come: messages still come in.
    CloseSent,
    /// The peer's Close has come and ours is not written yet: nothing more comes in.
    CloseReceived,
    /// Nothing is delivered any more; what is queued is written and the end of the peer's stream
    /// is awaited.
    Lingering,
    /// It is over.
    Ended,
}

/// How the reading side of the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadClosed {
    /// An orderly end of stream: TCP's FIN, or TLS's `close_notify`.
    Eof,
    /// TCP's FIN without TLS's `close_notify`: someone may have cut the stream short.
    TlsTruncated,
    /// Reading failed.
    Failed(TransportError),
}

/// What a transport says when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum TransportError {
    /// The peer, or something on the path, reset the connection.
    #[error("connection reset")]
    Reset,
    /// The connection was aborted on this machine.
    #[error("connection aborted")]
    Aborted,
    /// The connection was closed for writing.
    #[error("broken pipe")]
    BrokenPipe,
    /// The operating system gave up on the peer.
    #[error("connection timed out")]
    TimedOut,
    /// TLS's stream ended without `close_notify`: someone may have cut it short.
    #[error("the TLS stream was cut short")]
    TlsTruncated,
    /// Anything else.
    #[error("transport error")]
    Other,
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for TransportError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::ConnectionAborted | ErrorKind::NotConnected => Self::Aborted,
            ErrorKind::BrokenPipe | ErrorKind::WriteZero => Self::BrokenPipe,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for ReadClosed {
    /// The error of a read. TLS libraries report a missing `close_notify` as `UnexpectedEof`.
    fn from(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::TlsTruncated,
            _ => Self::Failed(error.into()),
        }
    }
}

/// Why a command was refused. The connection is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The opening handshake is not over.
    #[error("the opening handshake is not over")]
    Opening,
    /// A Close frame was sent or received, after which no data may follow (RFC 6455 section 5.5.1).
    #[error("the connection is closing")]
    Closing,
    /// The connection has ended.
    #[error("the connection has ended")]
    Ended,
    /// The transport takes no more writes.
    #[error("the transport failed while writing")]
    WriteFailed,
    /// A fragmented message is under way, and another message cannot begin before its end (RFC
    /// 6455 section 5.4).
    #[error("a fragmented message has to be finished first")]
    FragmentsPending,
    /// The pending output of a [`Session`](crate::Session) is over its limit: write some of it out
    /// first.
    #[error("the pending output is over its limit")]
    Full,
    /// The fragment is text and its message binary, or the other way round.
    #[error("a fragment has to be of its message's kind")]
    KindMismatch,
    /// A control frame's payload is longer than 125 bytes (RFC 6455 section 5.5).
    #[error("a control frame has at most 125 bytes of payload, not {len}")]
    ControlTooLong {
        /// The length in bytes.
        len: usize,
    },
    /// The payload's length does not fit into a frame (RFC 6455 section 5.2).
    #[error("a frame has less than 2^63 bytes of payload")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_small() {
        assert_eq!(size_of::<Event<'_>>(), 24);
        assert_eq!(size_of::<Option<Event<'_>>>(), 24);
    }
}
