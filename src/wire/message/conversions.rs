//! What becomes a message, its text or its payload, and what they are compared with.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Message, NotUtf8, Payload, Text};

/// Each of these types becomes text, and so a text message.
macro_rules! text_from {
    ($($(#[$doc:meta])* $lifetime:lifetime $type:ty: |$value:ident| $text:expr;)*) => {$(
        $(#[$doc])*
        impl<$lifetime> From<$type> for Text<$lifetime> {
            fn from($value: $type) -> Self {
                $text
            }
        }

        $(#[$doc])*
        impl<$lifetime> From<$type> for Message<$lifetime> {
            fn from($value: $type) -> Self {
                Self::Text(Text::from($value))
            }
        }
    )*};
}

text_from! {
    /// Borrowed.
    'a &'a String: |text| text.as_str().into();
    /// Borrowed or owned, as the text is.
    'a Cow<'a, str>: |text| match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    };
    /// Owned, without a copy.
    'a Box<str>: |text| String::from(text).into();
}

/// Each of these types becomes a payload, and so a binary message.
macro_rules! payload_from {
    ($($(#[$doc:meta])* $lifetime:lifetime $type:ty: |$value:ident| $payload:expr;)*) => {$(
        $(#[$doc])*
        impl<$lifetime> From<$type> for Payload<$lifetime> {
            fn from($value: $type) -> Self {
                $payload
            }
        }
    )*};
}

payload_from! {
    /// Borrowed.
    'a &'a [u8]: |bytes| Self::Borrowed(bytes);
    /// Borrowed.
    'a &'a Vec<u8>: |bytes| Self::Borrowed(bytes);
    /// Borrowed or owned, as the bytes are.
    'a Cow<'a, [u8]>: |bytes| match bytes {
        Cow::Borrowed(bytes) => bytes.into(),
        Cow::Owned(bytes) => bytes.into(),
    };
    /// Owned, without a copy.
    'a Vec<u8>: |bytes| Self::Owned(bytes.into());
    /// Owned, without a copy.
    'a Box<[u8]>: |bytes| Self::Owned(bytes.into());
    /// Owned, and shared.
    'a Bytes: |bytes| Self::Owned(bytes);
    /// The text's bytes.
    'a Text<'a>: |text| text.into_payload();
    /// The message's bytes, whatever its kind.
    'a Message<'a>: |message| message.into_payload();
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl<'a> From<Cow<'a, [u8]>> for Message<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Box<[u8]>> for Message<'static> {
    fn from(bytes: Box<[u8]>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// Shares what is owned, and copies what is borrowed.
impl From<Payload<'_>> for Bytes {
    fn from(payload: Payload<'_>) -> Self {
        payload.into_bytes()
    }
}

/// Binary.
impl<'a> From<Payload<'a>> for Message<'a> {
    fn from(payload: Payload<'a>) -> Self {
        Self::Binary(payload)
    }
}

/// Copied only where it is borrowed, or shared with others.
impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        match text.into_payload() {
            Payload::Borrowed(bytes) => Self::from_utf8(bytes.to_vec()),
            Payload::Owned(bytes) => Self::from_utf8(bytes.into()),
        }
        .expect("text is UTF-8 from its construction on")
    }
}

/// Checked once, and not copied.
impl TryFrom<Vec<u8>> for Text<'static> {
    type Error = NotUtf8;

    fn try_from(bytes: Vec<u8>) -> Result<Self, NotUtf8> {
        Bytes::from(bytes).try_into()
    }
}

/// Checked once, and not copied.
impl<'a> TryFrom<&'a [u8]> for Text<'a> {
    type Error = NotUtf8;

    fn try_from(bytes: &'a [u8]) -> Result<Self, NotUtf8> {
        Self::borrowed(bytes)
    }
}

/// Equality with what an application compares, both ways round.
macro_rules! equal_by_bytes {
    ($($type:ident: $($other:ty)*;)*) => {$($(
        impl PartialEq<$other> for $type<'_> {
            fn eq(&self, other: &$other) -> bool {
                let other: &[u8] = other.as_ref();
                self.as_bytes() == other
            }
        }

        impl PartialEq<$type<'_>> for $other {
            fn eq(&self, other: &$type<'_>) -> bool {
                other == self
            }
        }
    )*)*};
}

equal_by_bytes! {
    Text: str &str String;
    Payload: [u8] &[u8] Vec<u8> Bytes;
}

impl<const N: usize> PartialEq<[u8; N]> for Payload<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Payload<'_> {
    fn eq(&self, other: &&[u8; N]) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_an_application_has_becomes_a_message() {
        let (text, bytes) = ("grüße".to_string(), alloc::vec![1, 2, 3]);
        for message in [
            Message::from(&text),
            Message::from(Cow::Borrowed(&*text)),
            Message::from(Cow::<str>::Owned(text.clone())),
            Message::from(text.clone().into_boxed_str()),
            Message::text(&text),
            Message::text(text.clone()),
            Message::text("grüße"),
        ] {
            assert_eq!(message, Message::from("grüße"));
        }
        for message in [
            Message::from(&bytes),
            Message::from(Cow::Borrowed(&*bytes)),
            Message::from(Cow::<[u8]>::Owned(bytes.clone())),
            Message::from(bytes.clone().into_boxed_slice()),
            Message::from(Payload::from(&bytes)),
            Message::binary(&bytes),
            Message::binary(bytes.clone()),
            Message::binary(&[1, 2, 3]),
            Message::binary(Bytes::from(bytes.clone())),
        ] {
            assert_eq!(message, Message::from(&[1, 2, 3]));
        }
        assert_eq!(Message::binary(Message::from("x")), Message::from(b"x"));
    }

    #[test]
    fn text_comes_out_of_a_message_of_either_kind() {
        assert_eq!(Message::from("x").into_text().unwrap(), "x");
        assert_eq!(Message::from(b"x").into_text().unwrap(), "x");
        assert_eq!(Message::from(b"\xff").into_text(), Err(NotUtf8));
        let owned = Message::from(alloc::vec![b'x'; 100]);
        let at = owned.as_bytes().as_ptr();
        let text = String::from(owned.into_text().unwrap());
        assert_eq!((text.as_ptr(), text.len()), (at, 100), "nothing is copied");
    }

    #[test]
    fn text_and_payload_compare_with_what_is_at_hand() {
        let (text, owned) = (Text::from("x"), String::from("x"));
        assert_eq!(text, *"x");
        assert_eq!(text, "x");
        assert_eq!(text, owned);
        assert_eq!("x", text);
        assert_ne!(Text::from(Cow::Borrowed("x")), "y");
        let payload = Payload::from(b"x");
        assert_eq!(payload, *b"x");
        assert_eq!(payload, b"x");
        assert_eq!(payload, b"x"[..]);
        assert_eq!(payload, b"x".to_vec());
        assert_eq!(Bytes::from_static(b"x"), payload);
        assert_eq!(Text::try_from(b"x".to_vec()).unwrap(), Text::try_from(&b"x"[..]).unwrap());
    }
}
