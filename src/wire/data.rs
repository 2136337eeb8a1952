//! Text and bytes: what is sent, and the pieces that come in.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::wire::debug::{ShortBytes, ShortText};

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
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl<'a> From<&'a String> for Data<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Data<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Bytes> for Data<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Binary(bytes)
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

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&ShortText(text)).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(&ShortBytes(bytes)).finish(),
        }
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
    kind: MessageKind,
    first: bool,
    last: bool,
    compressed: bool,
}

impl<'b> Chunk<'b> {
    #[inline]
    pub(crate) const fn new(payload: &'b [u8], kind: MessageKind, first: bool, last: bool) -> Self {
        Self { payload, kind, first, last, compressed: false }
    }

    /// The same piece, of a message that was compressed.
    pub(crate) const fn compressed(self) -> Self {
        Self { compressed: true, ..self }
    }

    /// Whether it is a whole message as it was sent by the application.
    #[inline]
    pub(crate) const fn is_whole(&self) -> bool {
        self.first && self.last && !self.compressed
    }

    /// Whether its message was compressed: then the payload is what the compressor made of it.
    #[inline]
    pub(crate) const fn is_compressed(&self) -> bool {
        self.compressed
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
        self.kind
    }

    /// Whether this piece begins a message.
    #[inline]
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Whether this piece ends its message.
    #[inline]
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("payload", &ShortBytes(self.payload))
            .field("kind", &self.kind())
            .field("first", &self.is_first())
            .field("last", &self.is_last())
            .finish()
    }
}
