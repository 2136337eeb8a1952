//! Whole messages: text that is known to be UTF-8, or any bytes; borrowed or owned.
//!
//! Invariant: a [`Text`] holds valid UTF-8 only. Its constructors see to that, so that its `&str`
//! can be handed out.

mod conversions;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use bytes::Bytes;

use crate::wire::copy;
use crate::wire::data::{Data, MessageKind};
use crate::wire::debug::{ShortBytes, ShortText};

/// A whole message (RFC 6455 section 5.6), received or to be sent.
///
/// A received message is borrowed where it arrived whole in one input, and owned where it had to be
/// assembled; [`into_owned`](Self::into_owned) makes it outlive the input. For sending, anything
/// converts into one: what is borrowed is copied into the output, and what is owned is queued
/// without copying where it is large.
///
/// ```
/// use farewell::{Message, MessageKind};
///
/// let message = Message::from("hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// let message = Message::from(vec![1, 2, 3]);
/// assert_eq!((message.kind(), message.as_bytes()), (MessageKind::Binary, &[1, 2, 3][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(Text<'a>),
    /// Any bytes.
    Binary(Payload<'a>),
}

impl<'a> Message<'a> {
    /// A text message.
    ///
    /// ```
    /// use farewell::Message;
    ///
    /// let name = String::from("Ada");
    /// assert_eq!(Message::text(&name), Message::text(format!("A{}", "da")));
    /// ```
    #[must_use]
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message; of a text or a message, its bytes.
    ///
    /// ```
    /// use farewell::Message;
    ///
    /// assert_eq!(Message::binary(vec![1, 2]), Message::binary(&[1, 2]));
    /// ```
    #[must_use]
    pub fn binary(payload: impl Into<Payload<'a>>) -> Self {
        Self::Binary(payload.into())
    }

    /// Whether it is text or binary.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload's bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// Whether the payload is owned, and so may be shared.
    #[inline]
    pub(crate) const fn is_owned(&self) -> bool {
        matches!(self, Self::Text(Text(Repr::Owned(_))) | Self::Binary(Payload::Owned(_)))
    }

    /// The text, or `None` of a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The text: that of a text message, or the bytes of a binary one if they are UTF-8. Nothing is
    /// copied.
    ///
    /// ```
    /// use farewell::Message;
    ///
    /// let text: String = Message::from("hello").into_text()?.into();
    /// assert_eq!(text, "hello");
    /// # Ok::<(), farewell::NotUtf8>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The message is binary, and not UTF-8. [`as_text`](Self::as_text) borrows, so that the message
    /// is still there then.
    pub fn into_text(self) -> Result<Text<'a>, NotUtf8> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(Payload::Borrowed(bytes)) => Text::borrowed(bytes),
            Self::Binary(Payload::Owned(bytes)) => Text::try_from(bytes),
        }
    }

    /// The payload's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The same message, copied if it was borrowed.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(text.into_owned()),
            Self::Binary(payload) => Message::Binary(payload.into_owned()),
        }
    }

    /// The payload's bytes as owned ones, copied if they were borrowed.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        self.into_payload().into_bytes()
    }

    pub(crate) fn into_payload(self) -> Payload<'a> {
        match self {
            Self::Text(text) => text.into_payload(),
            Self::Binary(payload) => payload,
        }
    }
}

impl<'a> From<Data<'a>> for Message<'a> {
    fn from(data: Data<'a>) -> Self {
        match data {
            Data::Text(text) => text.into(),
            Data::Binary(bytes) => bytes.into(),
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message<'static> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<Text<'a>> for Message<'a> {
    fn from(text: Text<'a>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(Payload::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(Payload::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Message<'static> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(Payload::Owned(bytes.into()))
    }
}

impl From<Bytes> for Message<'static> {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(Payload::Owned(bytes))
    }
}

/// Bytes of a message, borrowed or owned. It dereferences to them.
#[derive(Clone)]
pub enum Payload<'a> {
    /// They belong to somebody else: the caller's read buffer, or whoever sends them.
    Borrowed(&'a [u8]),
    /// They belong to this value, and are shared by its clones.
    Owned(Bytes),
}

impl Payload<'_> {
    fn as_bytes(&self) -> &[u8] {
        self
    }

    /// The same bytes, copied if they were borrowed.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Payload<'static> {
        Payload::Owned(self.into_bytes())
    }

    /// The bytes as owned ones, copied if they were borrowed.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        match self {
            // A boxed slice knows that there is no room left, which a vector has to be asked.
            Self::Borrowed(bytes) if bytes.len() <= copy::PIECE => {
                Bytes::from(Box::<[u8]>::from(bytes))
            }
            Self::Borrowed(bytes) => copied(bytes),
            Self::Owned(bytes) => bytes,
        }
    }
}

/// More than a little, copied.
#[inline(never)]
fn copied(bytes: &[u8]) -> Bytes {
    let mut memory = Vec::with_capacity(bytes.len());
    copy::append(&mut memory, bytes);
    Bytes::from(memory)
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Equal by content, whoever owns it.
impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}

impl Hash for Payload<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// The first bytes and how many more there are.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ShortBytes(self).fmt(f)
    }
}

/// Text of a message, borrowed or owned. It dereferences to its `&str`.
///
/// Owned text is held as [`Bytes`], so that clones share it and sending it copies nothing. Its
/// `&str` is validated once more, with SIMD, wherever it is taken out: keep the `&str` rather than
/// taking it for every character.
///
/// ```
/// use farewell::Text;
///
/// let text = Text::try_from(bytes::Bytes::from_static(b"hello"))?;
/// assert_eq!(&*text, "hello");
/// # Ok::<(), farewell::NotUtf8>(())
/// ```
#[derive(Clone)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    Borrowed(&'a str),
    /// Valid UTF-8.
    Owned(Bytes),
}

impl<'a> Text<'a> {
    /// Borrowed text of these bytes, if they are UTF-8.
    #[inline]
    pub(crate) fn borrowed(bytes: &'a [u8]) -> Result<Self, NotUtf8> {
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Ok(Self(Repr::Borrowed(text))),
            Err(_) => Err(NotUtf8),
        }
    }

    /// Text of bytes that were checked piece by piece, the last one to the end of a character.
    #[inline]
    pub(crate) fn checked(bytes: Bytes) -> Text<'static> {
        debug_assert!(simdutf8::basic::from_utf8(&bytes).is_ok(), "it was checked");
        Text(Repr::Owned(bytes))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Borrowed(text) => text,
            Repr::Owned(bytes) => {
                // Whatever makes it of bytes has them checked.
                simdutf8::basic::from_utf8(bytes).expect("text is UTF-8 from its construction on")
            }
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(text) => text.as_bytes(),
            Repr::Owned(bytes) => bytes,
        }
    }

    /// The same text, copied if it was borrowed.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Text<'static> {
        Text(Repr::Owned(self.into_bytes()))
    }

    /// The text's bytes as owned ones, copied if they were borrowed.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        self.into_payload().into_bytes()
    }

    #[inline]
    fn into_payload(self) -> Payload<'a> {
        match self.0 {
            Repr::Borrowed(text) => Payload::Borrowed(text.as_bytes()),
            Repr::Owned(bytes) => Payload::Owned(bytes),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// Equal by content, whoever owns it.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Repr::Borrowed(text))
    }
}

impl From<String> for Text<'static> {
    fn from(text: String) -> Self {
        Self(Repr::Owned(text.into_bytes().into()))
    }
}

impl TryFrom<Bytes> for Text<'static> {
    type Error = NotUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, NotUtf8> {
        match simdutf8::basic::from_utf8(&bytes) {
            Ok(_) => Ok(Self(Repr::Owned(bytes))),
            Err(_) => Err(NotUtf8),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

/// The beginning and how much more there is.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ShortText(self).fmt(f)
    }
}

/// The bytes are not UTF-8, so they are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not valid UTF-8")]
pub struct NotUtf8;

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn borrowed_and_owned_are_one_message() {
        let borrowed = Message::from("grüße");
        let owned = borrowed.clone().into_owned();
        assert_eq!(borrowed, owned);
        assert_eq!(owned, Message::from("grüße".to_string()));
        assert_ne!(owned, Message::from("grüße".as_bytes()), "binary is not text");
        assert_eq!(format!("{owned:?}"), r#"Text("grüße")"#);
        assert_eq!(format!("{:?}", Message::from(&[1u8, 2])), "Binary([1, 2])");
    }

    #[test]
    fn owned_bytes_are_not_copied() {
        let bytes = Bytes::from(alloc::vec![7; 100]);
        let at = bytes.as_ptr();
        assert_eq!(Message::from(bytes.clone()).into_bytes().as_ptr(), at);
        let text = Text::try_from(Bytes::from(alloc::vec![b'x'; 100])).unwrap();
        let at = text.as_ptr();
        assert_eq!(Message::from(text).into_owned().into_bytes().as_ptr(), at);
    }

    #[test]
    fn text_is_utf8() {
        for bytes in [&b"\xff"[..], b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82"] {
            assert_eq!(Text::try_from(Bytes::from_static(bytes)), Err(NotUtf8), "{bytes:x?}");
        }
        assert_eq!(Text::try_from(Bytes::new()).unwrap().as_str(), "");
    }
}
