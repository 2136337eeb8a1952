//! A message that is framed once and sent on many sessions.

#[cfg(feature = "deflate")]
use alloc::sync::Arc;
use core::fmt;
#[cfg(feature = "deflate")]
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};

use super::outgoing::whole;
use crate::deflate::Deflate;
use crate::wire::data::MessageKind;
#[cfg(feature = "deflate")]
use crate::wire::frame::RSV1;
use crate::wire::frame::{FrameHeader, MAX_HEADER};
use crate::wire::message::Message;

/// A message framed once, to be queued on any number of server sessions.
///
/// Clones share its bytes, and so does the output of the sessions. Send it with
/// [`Session::send`](crate::Session::send). A client has to mask every frame with
/// a key of its own (RFC 6455 section 5.3), so there it is framed and masked as any other message.
///
/// Where sessions agreed on compression, it is compressed once for each size of window among them.
///
/// ```
/// use farewell::Prepared;
///
/// let news = Prepared::new("the same for everyone");
/// assert_eq!(news.payload(), b"the same for everyone");
/// ```
#[derive(Clone)]
pub struct Prepared {
    plain: Frame,
    kind: MessageKind,
    /// By size of window, from 9 bits on; nothing where the message does not get smaller.
    #[cfg(feature = "deflate")]
    compressed: Arc<[OnceLock<Option<Frame>>; 7]>,
}

impl Prepared {
    /// Frames a message. Its payload is copied this once.
    #[must_use]
    pub fn new<'a>(message: impl Into<Message<'a>>) -> Self {
        let message = message.into();
        let kind = message.kind();
        Self {
            plain: Frame::new(kind, 0, message.as_bytes()),
            kind,
            #[cfg(feature = "deflate")]
            compressed: Arc::default(),
        }
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message's payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.plain.payload()
    }

    pub(super) fn plain(&self) -> &Frame {
        &self.plain
    }

    /// The frame for a session that compresses, if that is worth it.
    #[cfg(feature = "deflate")]
    pub(super) fn compressed(&self, deflate: &Deflate) -> Option<&Frame> {
        let window = deflate.shared_window(self.payload().len())?;
        let slot = self.compressed.get(usize::from(window.checked_sub(9)?))?;
        let compress = || {
            let payload = deflate.compress_for_all(self.payload())?;
            Some(Frame::new(self.kind, RSV1, &payload))
        };
        slot.get_or_init(compress).as_ref()
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) fn compressed(&self, deflate: &Deflate) -> Option<&Frame> {
        match *deflate {}
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = whole(self.kind, self.plain.shared_payload());
        f.debug_tuple("Prepared").field(&message).finish()
    }
}

/// A whole frame, unmasked.
#[derive(Clone)]
pub(super) struct Frame {
    bytes: Bytes,
    /// Bytes of its header.
    head: u8,
}

impl Frame {
    fn new(kind: MessageKind, rsv: u8, payload: &[u8]) -> Self {
        let mut head = [0; MAX_HEADER];
        let mut header = FrameHeader::new(kind.into(), payload.len() as u64);
        header.rsv = rsv;
        let len = header.encode(&mut head);
        let mut frame = BytesMut::with_capacity(len + payload.len());
        frame.extend_from_slice(&head[..len]);
        frame.extend_from_slice(payload);
        Self { bytes: frame.freeze(), head: len as u8 }
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.bytes.get(usize::from(self.head)..).unwrap_or_default()
    }

    /// The payload, sharing its memory.
    pub(super) fn shared_payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.head)..)
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}
