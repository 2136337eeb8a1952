//! A message on its way out, before a session has accepted it: whole or prepared, to be compressed
//! where that was agreed on or not.

use alloc::borrow::Cow;
use core::fmt;

use bytes::Bytes;

use super::output_buffer::OWN_SEGMENT;
use super::prepared::Prepared;
use crate::connection::SendError;
use crate::wire::data::MessageKind;
use crate::wire::message::{Message, Text};

/// What can be sent as one message: text, bytes, a [`Message`] or a [`Prepared`] one.
///
/// Everything that converts into a [`Message`] converts into this, and so do [`Prepared`] and
/// `&Prepared`. What is borrowed is copied once, into the output.
///
/// ```
/// use farewell::{MessageKind, Outgoing, Prepared};
///
/// let secret = Outgoing::from("hunter2").uncompressed();
/// assert_eq!((secret.kind(), secret.len()), (MessageKind::Text, 7));
/// let news = Prepared::new(vec![1, 2, 3]);
/// assert_eq!(Outgoing::from(&news).into_message().as_bytes(), [1, 2, 3]);
/// ```
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    pub(super) content: Content<'a>,
    /// Whether it is compressed where that was agreed on.
    pub(super) compress: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Content<'a> {
    Message(Message<'a>),
    Prepared(Cow<'a, Prepared>),
}

impl<'a> Outgoing<'a> {
    /// The same message, not to be compressed even where that was agreed on.
    ///
    /// For messages with secrets in them: see the warning of `Compression`.
    #[inline]
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { compress: false, ..self }
    }

    /// Whether the message is text or binary.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match &self.content {
            Content::Message(message) => message.kind(),
            Content::Prepared(prepared) => prepared.kind(),
        }
    }

    /// The payload's bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.content {
            Content::Message(message) => message.as_bytes(),
            Content::Prepared(prepared) => prepared.payload(),
        }
    }

    /// The payload's length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The payload, where it is copied into the output as it is: not of a long one that is shared.
    #[inline]
    pub(super) fn to_copy(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Message(message) if message.is_owned() => {
                Some(message.as_bytes()).filter(|bytes| bytes.len() < OWN_SEGMENT)
            }
            Content::Message(message) => Some(message.as_bytes()),
            Content::Prepared(_) => None,
        }
    }

    /// What was prepared, if that is what it is.
    #[inline]
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match &self.content {
            Content::Message(_) => None,
            Content::Prepared(prepared) => Some(prepared),
        }
    }

    /// The message itself; a prepared one shares its payload.
    #[must_use]
    pub fn into_message(self) -> Message<'a> {
        match self.content {
            Content::Message(message) => message,
            Content::Prepared(prepared) => {
                whole(prepared.kind(), prepared.plain().shared_payload())
            }
        }
    }

    /// The same message, copied if it was borrowed.
    #[must_use]
    pub fn into_owned(self) -> Outgoing<'static> {
        let content = match self.content {
            Content::Message(message) => Content::Message(message.into_owned()),
            Content::Prepared(prepared) => Content::Prepared(Cow::Owned(prepared.into_owned())),
        };
        Outgoing { content, compress: self.compress }
    }
}

impl<'a> Message<'a> {
    /// This message, not to be compressed even where that was agreed on.
    ///
    /// For messages with secrets in them: see the warning of `Compression`.
    #[must_use]
    pub fn uncompressed(self) -> Outgoing<'a> {
        Outgoing::from(self).uncompressed()
    }
}

impl Prepared {
    /// This message, not to be compressed even where that was agreed on.
    ///
    /// For messages with secrets in them: see the warning of `Compression`.
    #[must_use]
    pub fn uncompressed(&self) -> Outgoing<'_> {
        Outgoing::from(self).uncompressed()
    }
}

impl<'a, M: Into<Message<'a>>> From<M> for Outgoing<'a> {
    #[inline]
    fn from(message: M) -> Self {
        Self { content: Content::Message(message.into()), compress: true }
    }
}

/// Shares what the message owns, and borrows what it borrows.
impl<'a> From<&Message<'a>> for Outgoing<'a> {
    fn from(message: &Message<'a>) -> Self {
        message.clone().into()
    }
}

impl<'a> From<&'a Prepared> for Outgoing<'a> {
    #[inline]
    fn from(prepared: &'a Prepared) -> Self {
        Self { content: Content::Prepared(Cow::Borrowed(prepared)), compress: true }
    }
}

impl From<Prepared> for Outgoing<'static> {
    fn from(prepared: Prepared) -> Self {
        Self { content: Content::Prepared(Cow::Owned(prepared)), compress: true }
    }
}

/// Equal by kind, content and whether it may be compressed, whoever owns it.
impl PartialEq for Outgoing<'_> {
    fn eq(&self, other: &Self) -> bool {
        let key = |message: &Self| (message.kind(), message.compress);
        key(self) == key(other) && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Outgoing<'_> {}

/// The message of this kind with a payload that was taken out of one.
pub(super) fn whole(kind: MessageKind, payload: Bytes) -> Message<'static> {
    match kind {
        MessageKind::Binary => payload.into(),
        MessageKind::Text => {
            let text = Text::try_from(payload);
            Message::Text(text.expect("a text message was UTF-8 when it was made"))
        }
    }
}

/// A message that was not queued, and why.
///
/// The session is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendRefused<'a> {
    /// Why.
    pub reason: SendError,
    /// The message, back: [`Outgoing::into_message`] takes it out.
    pub message: Outgoing<'a>,
}

impl fmt::Display for SendRefused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl core::error::Error for SendRefused<'_> {}

impl From<SendRefused<'_>> for SendError {
    fn from(refused: SendRefused<'_>) -> Self {
        refused.reason
    }
}
