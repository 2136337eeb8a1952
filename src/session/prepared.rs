//! A message that is framed once and sent on many sessions.

use bytes::{Bytes, BytesMut};

use crate::event::MessageKind;
use crate::frame::{FrameHeader, MAX_HEADER};
use crate::message::Message;

/// A message framed once, to be queued on any number of server sessions.
///
/// Clones share its bytes, and so does the output of the sessions. Send it with
/// [`Session::send_prepared`](crate::Session::send_prepared). A client has to mask every frame with
/// a key of its own (RFC 6455 section 5.3), so there it is framed and masked as any other message.
///
/// ```
/// use farewell::Prepared;
///
/// let news = Prepared::new("the same for everyone");
/// assert_eq!(news.payload(), b"the same for everyone");
/// ```
#[derive(Debug, Clone)]
pub struct Prepared {
    /// An unmasked frame.
    frame: Bytes,
    /// Bytes of its header.
    head: u8,
    kind: MessageKind,
}

impl Prepared {
    /// Frames a message. Its payload is copied this once.
    #[must_use]
    pub fn new<'a>(message: impl Into<Message<'a>>) -> Self {
        let message = message.into();
        let (kind, payload) = (message.kind(), message.as_bytes());
        let mut head = [0; MAX_HEADER];
        let len = FrameHeader::new(kind.into(), payload.len() as u64).encode(&mut head);
        let mut frame = BytesMut::with_capacity(len + payload.len());
        frame.extend_from_slice(&head[..len]);
        frame.extend_from_slice(payload);
        Self { frame: frame.freeze(), head: len as u8, kind }
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message's payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.frame.get(usize::from(self.head)..).unwrap_or_default()
    }

    /// The payload, sharing its memory.
    pub(super) fn shared_payload(&self) -> Bytes {
        self.frame.slice(usize::from(self.head)..)
    }

    /// The whole frame, unmasked.
    pub(super) fn frame(&self) -> &Bytes {
        &self.frame
    }
}
