//! Text and bytes: what is sent, and the pieces that come in.

use core::fmt;

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

/// A piece of a message, borrowed from the caller's buffer.
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
