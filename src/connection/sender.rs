//! The frames that leave: their heads and masks, and the account of what was queued and flushed.
//!
//! Invariant: a frame counts as queued, all of it, from the moment at which its head is made. Its
//! payload is written right behind that, here or by the caller.

use bytes::BytesMut;

use crate::connection::SendError;
use crate::report::{SentMessage, Traffic};
use crate::time::Timestamp;
use crate::wire::copy;
use crate::wire::data::MessageKind;
use crate::wire::frame::{FrameHeader, MAX_HEADER, OpCode};
use crate::wire::keystream::Keystream;
use crate::wire::mask::{self, MaskingKey};
use crate::wire::role::Role;

/// The header of a frame whose payload the caller writes, from
/// [`Connection::begin_frame`](crate::Connection::begin_frame).
#[derive(Debug, Clone, Copy)]
pub struct FrameHead {
    bytes: [u8; MAX_HEADER],
    len: u8,
    mask: Option<MaskingKey>,
}

impl FrameHead {
    fn new(header: &FrameHeader) -> Self {
        let mut bytes = [0; MAX_HEADER];
        let len = header.encode(&mut bytes) as u8;
        Self { bytes, len, mask: header.mask }
    }

    /// The bytes of the header, at most 14.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The key with which the payload has to be masked, on a client.
    #[must_use]
    pub fn mask(&self) -> Option<MaskingKey> {
        self.mask
    }
}

#[derive(Debug)]
pub(super) struct Sender {
    role: Role,
    keystream: Keystream,
    /// The message that leaves in fragments and has not been finished.
    fragmenting: Option<MessageKind>,
    /// What was queued.
    pub(super) traffic: Traffic,
    bytes_flushed: u64,
    /// Messages queued since the output was last all flushed.
    messages_pending: u32,
    /// Whether bytes of the opening handshake have not left. They lie before all frames.
    handshake_pending: bool,
    last_flushed: Timestamp,
    /// Since when output has been pending without progress.
    stalled_since: Timestamp,
    /// The end of what was queued at `marked_at`, an offset in the output: all before it is to leave.
    mark: u64,
    marked_at: Timestamp,
    /// When the last message was queued, or a fragment of it.
    message_queued: Timestamp,
    /// Payload bytes of that message so far, and of the largest before it.
    message_len: u32,
    largest_before: u32,
}

impl Sender {
    pub(super) fn new(role: Role, keystream: Keystream, now: Timestamp) -> Self {
        Self {
            role,
            keystream,
            fragmenting: None,
            traffic: Traffic::default(),
            bytes_flushed: 0,
            messages_pending: 0,
            handshake_pending: false,
            last_flushed: now,
            stalled_since: now,
            mark: 0,
            marked_at: now,
            message_queued: now,
            message_len: 0,
            largest_before: 0,
        }
    }

    #[inline]
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Whether a message that leaves in fragments has not been finished.
    pub(super) fn is_fragmenting(&self) -> bool {
        self.fragmenting.is_some()
    }

    pub(super) fn keystream(&mut self) -> &mut Keystream {
        &mut self.keystream
    }

    /// Begins a message of `len` bytes that leaves whole.
    #[inline]
    pub(super) fn begin_whole(&mut self, len: u64, now: Timestamp) -> Result<(), SendError> {
        if self.fragmenting.is_some() {
            return Err(SendError::FragmentsPending);
        }
        self.begin_message(len, now);
        self.count_message();
        Ok(())
    }

    /// Begins a fragment of `len` bytes. Returns the opcode of its first frame.
    pub(super) fn begin_fragment(
        &mut self,
        kind: MessageKind,
        len: u64,
        fin: bool,
        now: Timestamp,
    ) -> Result<OpCode, SendError> {
        //= rfc6455#6.1
        //# The opcode (frame-opcode) of the first frame containing the data MUST
        //# be set to the appropriate value from Section 5.2 for data that is to
        //# be interpreted by the recipient as text or binary data.
        //= rfc6455#5.4
        //# the type for all fragments in a message MUST be either text, binary,
        //# or one of the reserved opcodes.
        let opcode = match self.fragmenting {
            None => {
                self.begin_message(len, now);
                kind.into()
            }
            Some(begun) if begun == kind => {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                self.message_len = self.message_len.saturating_add(len);
                self.message_queued = now;
                OpCode::Continuation
            }
            Some(_) => return Err(SendError::KindMismatch),
        };
        //= rfc6455#6.1
        //# The FIN bit (frame-fin) of the last frame containing the data MUST be
        //# set to 1 as defined in Section 5.2.
        if fin {
            self.fragmenting = None;
            self.count_message();
        } else {
            self.fragmenting = Some(kind);
        }
        Ok(opcode)
    }

    /// Remembers what may turn out to have been the last and the largest message.
    #[inline]
    fn begin_message(&mut self, len: u64, now: Timestamp) {
        self.largest_before = self.largest_before.max(self.message_len);
        self.message_len = u32::try_from(len).unwrap_or(u32::MAX);
        self.message_queued = now;
    }

    #[inline]
    fn count_message(&mut self) {
        self.traffic.messages += 1;
        self.messages_pending = self.messages_pending.saturating_add(1);
    }

    /// The head of a frame whose payload the caller writes.
    #[inline]
    pub(super) fn frame_head(
        &mut self,
        opcode: OpCode,
        fin: bool,
        rsv: u8,
        len: u64,
        now: Timestamp,
    ) -> FrameHead {
        let mask = self.masking_key();
        let head = FrameHead::new(&FrameHeader { fin, rsv, opcode, mask, len });
        self.count_frame(u64::from(head.len).saturating_add(len), now);
        head
    }

    /// Appends a frame to `out`.
    #[inline]
    pub(super) fn append(
        &mut self,
        opcode: OpCode,
        fin: bool,
        payload: &[u8],
        out: &mut BytesMut,
        now: Timestamp,
    ) {
        let mask = self.masking_key();
        //= rfc6455#5.2
        //# ; 1 bit in length, MUST be 0 unless
        //# ; negotiated otherwise
        //= rfc6455#6.1
        //# An endpoint MUST encapsulate the /data/ in a WebSocket frame as defined
        //# in Section 5.2.
        let header = FrameHeader { fin, rsv: 0, opcode, mask, len: payload.len() as u64 };
        let mut bytes = [0; MAX_HEADER];
        let len = header.encode(&mut bytes);
        out.reserve(len + payload.len());
        // A copy of a known length is a store or two; most headers are one of these two.
        match len {
            2 => out.extend_from_slice(&bytes[..2]),
            6 => out.extend_from_slice(&bytes[..6]),
            _ => out.extend_from_slice(&bytes[..len]),
        }
        match mask {
            Some(key) => mask::append_masked(out, payload, key),
            None => copy::append(out, payload),
        }
        self.count_frame((len + payload.len()) as u64, now);
    }

    //= rfc6455#5.1
    //# a client MUST mask all frames that it sends to the server
    //= rfc6455#5.1
    //# A server MUST NOT mask any frames that it sends to the client.
    //= rfc6455#5.3
    //# When preparing a masked frame, the client MUST pick a fresh masking
    //# key from the set of allowed 32-bit values.
    //= rfc6455#6.1
    //# If the data is being sent by the client, the frame(s) MUST be masked as
    //# defined in Section 5.3.
    //= rfc6455#10.3
    //# Clients MUST choose a new masking key for each frame, using an
    //# algorithm that cannot be predicted by end applications that provide
    //# data.
    //= rfc6455#5.3
    //# The masking key needs to be
    //# unpredictable; thus, the masking key MUST be derived from a strong
    //# source of entropy
    #[inline]
    fn masking_key(&mut self) -> Option<MaskingKey> {
        (self.role == Role::Client).then(|| self.keystream.masking_key())
    }

    #[inline]
    pub(super) fn count_frame(&mut self, bytes: u64, now: Timestamp) {
        let was_empty = self.bytes_flushed == self.traffic.bytes;
        self.traffic.bytes = self.traffic.bytes.saturating_add(bytes);
        if was_empty {
            self.stalled_since = now;
            self.marked_at = now;
            self.mark = self.traffic.bytes;
        }
        self.traffic.frames += 1;
    }

    /// The transport has accepted `bytes` more bytes of frames, or all of them if that is more.
    #[inline]
    pub(super) fn flushed(&mut self, bytes: usize, now: Timestamp) {
        self.bytes_flushed =
            self.bytes_flushed.saturating_add(bytes as u64).min(self.traffic.bytes);
        self.last_flushed = now;
        self.stalled_since = now;
        if self.bytes_flushed >= self.mark {
            self.mark = self.traffic.bytes;
            self.marked_at = now;
        }
        if self.bytes_flushed == self.traffic.bytes {
            self.messages_pending = 0;
        }
    }

    /// The transport takes something, though no byte of the output has left by it.
    #[cfg(feature = "rustls")]
    pub(super) fn flushing(&mut self, now: Timestamp) {
        self.stalled_since = now;
    }

    /// Whether all that was queued has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.pending() == 0 && !self.handshake_pending
    }

    /// Bytes of the opening handshake wait before all frames.
    pub(super) fn handshake_queued(&mut self) {
        self.handshake_pending = true;
    }

    /// The transport has accepted bytes of the opening handshake; whether all of them.
    pub(super) fn handshake_flushed(&mut self, all: bool, now: Timestamp) {
        self.handshake_pending = !all;
        self.stalled_since = now;
    }

    /// The end of what was queued, as an offset in the output.
    pub(super) fn queued_to(&self) -> u64 {
        self.traffic.bytes
    }

    /// The end of what was flushed, as an offset in the output.
    #[inline]
    pub(super) fn flushed_to(&self) -> u64 {
        self.bytes_flushed
    }

    /// Bytes of frames that the transport has not accepted.
    #[inline]
    pub(super) fn pending(&self) -> u64 {
        self.traffic.bytes - self.bytes_flushed
    }

    /// Messages queued since the output was last all flushed.
    pub(super) fn messages_pending(&self) -> u64 {
        self.messages_pending.into()
    }

    /// When anything was last flushed; at first, when the connection was opened.
    #[inline]
    pub(super) fn last_flushed(&self) -> Timestamp {
        self.last_flushed
    }

    /// Since when output has been pending without progress, if any is.
    pub(super) fn stalled_since(&self) -> Option<Timestamp> {
        (!self.is_flushed()).then_some(self.stalled_since)
    }

    /// Since when bytes have been pending that were ready by then, if any are.
    pub(super) fn drips_since(&self) -> Option<Timestamp> {
        (self.pending() > 0).then_some(self.marked_at)
    }

    /// The last message that was begun, and the largest before it.
    pub(super) fn last_message(&self) -> Option<SentMessage> {
        let any = self.traffic.messages > 0 || self.fragmenting.is_some();
        any.then(|| SentMessage {
            queued: self.message_queued,
            len: self.message_len.into(),
            largest_before: self.largest_before.into(),
        })
    }
}
