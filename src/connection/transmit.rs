//! What leaves: messages and fragments on command, Pongs, Pings and the Close by themselves.
//!
//! Invariant: every frame is written whole into the caller's buffer (or handed out as a head whose
//! payload the caller appends), is counted as pending from then on, and nothing is written after
//! the Close but an answer to a Ping.

use bytes::BytesMut;

use super::closing::CloseState;
use super::{Closing, Connection};
use crate::connection::SendError;
use crate::report::Phase;
use crate::time::Timestamp;
use crate::wire::data::{Data, MessageKind};
use crate::wire::frame::{FrameHeader, MAX_CONTROL, MAX_HEADER, OpCode};
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

impl Connection {
    /// Writes a whole message into `out`, as one frame.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the connection is not open, or a fragmented message is under way;
    /// nothing is written then.
    #[inline]
    pub fn send<'a>(
        &mut self,
        data: impl Into<Data<'a>>,
        out: &mut BytesMut,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let data = data.into();
        //= rfc6455#6.1
        //# an endpoint MUST perform the following steps.
        self.accept_message(data.as_bytes().len() as u64, now)?;
        self.append(data.kind().into(), true, data.as_bytes(), out);
        Ok(())
    }

    /// Writes a fragment of a message into `out`; the first one begins a message, the one with
    /// `fin` ends it (RFC 6455 section 5.4).
    ///
    /// # Errors
    ///
    /// [`SendError`] where the connection is not open, or the fragment is not of its message's
    /// kind; nothing is written then.
    pub fn send_fragment<'a>(
        &mut self,
        data: impl Into<Data<'a>>,
        fin: bool,
        out: &mut BytesMut,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let data = data.into();
        let len = data.as_bytes().len() as u64;
        let opcode = self.next_fragment(data.kind(), len, fin, now)?;
        self.append(opcode, fin, data.as_bytes(), out);
        Ok(())
    }

    /// Begins a frame of `len` bytes whose payload the caller writes itself, as for a vectored
    /// write without a copy.
    ///
    /// The header goes out first, then exactly `len` bytes, masked with [`FrameHead::mask`] on a
    /// client, and nothing in between. All of it counts as pending output at once. `fin` and
    /// sequence are as for [`send_fragment`](Self::send_fragment); of text, the caller promises
    /// that the message is valid UTF-8.
    ///
    /// # Errors
    ///
    /// [`SendError`] as for [`send_fragment`](Self::send_fragment), and where `len` is 2^63 or
    /// more.
    pub fn begin_frame(
        &mut self,
        kind: MessageKind,
        len: u64,
        fin: bool,
        now: Timestamp,
    ) -> Result<FrameHead, SendError> {
        if len >> 63 != 0 {
            return Err(SendError::TooLong);
        }
        let opcode = self.next_fragment(kind, len, fin, now)?;
        Ok(self.backlog_frame(opcode, fin, 0, len))
    }

    /// Writes a Ping of the application's own into `out`.
    ///
    /// The heartbeat pings by itself and measures round trips; this one is neither tracked nor
    /// timed. Its Pong comes as [`Event::Pong`](crate::Event::Pong), with the payload in
    /// [`pong_payload`](Self::pong_payload).
    ///
    /// # Errors
    ///
    /// [`SendError`] where the connection is not open or the payload is longer than 125 bytes;
    /// nothing is written then.
    pub fn ping(
        &mut self,
        payload: &[u8],
        out: &mut BytesMut,
        now: Timestamp,
    ) -> Result<(), SendError> {
        self.advance(now);
        self.check_open()?;
        //= rfc6455#5.5
        //# All control frames MUST have a payload length of 125 bytes or less
        //# and MUST NOT be fragmented.
        if payload.len() > MAX_CONTROL {
            return Err(SendError::ControlTooLong { len: payload.len() });
        }
        self.append(OpCode::Ping, true, payload, out);
        Ok(())
    }

    /// Writes what the connection has to say by itself into `out`: a Pong, a Ping, a Close.
    ///
    /// There is one slot for each. Says whether anything was written.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        if !self.wants_transmit() {
            return false;
        }
        let answered = self.transmit_answers(out);
        self.transmit_close(out) || answered
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has anything to write.
    #[inline]
    pub(crate) fn wants_transmit(&self) -> bool {
        match &self.closing {
            None => self.receiver.pong_due() || self.heartbeat.is_queued(),
            Some(_) => self.wants_transmit_closing(),
        }
    }

    #[inline(never)]
    fn wants_transmit_closing(&self) -> bool {
        let close = self.closing.as_ref().map(|closing| closing.close_state);
        let ping = self.phase == Phase::Open && self.heartbeat.is_queued();
        close == Some(CloseState::Queued) && self.phase != Phase::Ended
            || self.may_write() && (self.receiver.pong_due() || ping)
    }

    /// Writes the Pong and the Ping that wait.
    pub(crate) fn transmit_answers(&mut self, out: &mut BytesMut) -> bool {
        if !self.may_write() {
            return false;
        }
        let mut written = false;
        //= rfc6455#5.5.2
        //# Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
        //# response, unless it already received a Close frame.
        if self.receiver.pong_due() {
            let mut buffer = [0; MAX_CONTROL];
            let mut len = 0;
            if let Some(payload) = self.receiver.take_pong() {
                len = payload.len();
                buffer[..len].copy_from_slice(payload);
            }
            self.append(OpCode::Pong, true, &buffer[..len], out);
            written = true;
        }
        if self.phase == Phase::Open {
            if let Some(payload) = self.heartbeat.to_write() {
                self.append(OpCode::Ping, true, &payload, out);
                self.heartbeat.written(self.bytes_queued);
                written = true;
            }
        }
        written
    }

    /// Writes the Close that waits.
    pub(crate) fn transmit_close(&mut self, out: &mut BytesMut) -> bool {
        let Some(Closing { close_state: CloseState::Queued, local: Some(local), .. }) =
            self.closing.as_deref()
        else {
            return false;
        };
        if self.phase == Phase::Ended {
            return false;
        }
        let mut buffer = [0; MAX_CONTROL];
        let frame = local.frame;
        self.append(OpCode::Close, true, frame.payload(&mut buffer), out);
        if let Some(closing) = &mut self.closing {
            closing.close_state = CloseState::Written { mark: self.bytes_queued };
        }
        true
    }

    /// Whether answers may still be written: after a failure only before the Close that tells of it,
    /// to a Ping that came before.
    fn may_write(&self) -> bool {
        let Some(closing) = &self.closing else { return self.phase == Phase::Open };
        match self.phase {
            Phase::Open | Phase::CloseSent | Phase::CloseReceived => closing.write_failed.is_none(),
            Phase::Lingering => closing.close_state == CloseState::Queued,
            _ => false,
        }
    }

    /// Whether a command that needs an open connection may go on.
    pub(super) fn check_open(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Open if self.closing.is_none() => Ok(()),
            Phase::Open => Err(SendError::WriteFailed),
            Phase::Ended => Err(SendError::Ended),
            _ => Err(SendError::Closing),
        }
    }

    /// Takes a whole message of `len` bytes on, to be framed by [`backlog_frame`](Self::backlog_frame).
    #[inline]
    pub(crate) fn accept_message(&mut self, len: u64, now: Timestamp) -> Result<(), SendError> {
        self.advance(now);
        //= rfc6455#6.1
        //# The endpoint MUST ensure the WebSocket connection is in the OPEN state
        //# (cf. Sections 4.1 and 4.2.2.)  If at any point the state of the
        //# WebSocket connection changes, the endpoint MUST abort the following
        //# steps.
        //= rfc6455#5.5.1
        //# The application MUST NOT send any more data frames after sending a
        //# Close frame.
        self.check_open()?;
        if self.fragmenting.is_some() {
            return Err(SendError::FragmentsPending);
        }
        self.begin_message(len);
        self.count_message();
        Ok(())
    }

    /// Remembers what may turn out to have been the last and the largest message.
    #[inline]
    fn begin_message(&mut self, len: u64) {
        self.largest_before = self.largest_before.max(self.message_len);
        self.message_len = u32::try_from(len).unwrap_or(u32::MAX);
        self.message_queued = self.now;
    }

    fn count_message(&mut self) {
        self.messages_sent += 1;
        self.messages_pending = self.messages_pending.saturating_add(1);
    }

    /// Takes a fragment of `len` bytes on, to be framed likewise; gives the opcode of its first frame.
    pub(crate) fn next_fragment(
        &mut self,
        kind: MessageKind,
        len: u64,
        fin: bool,
        now: Timestamp,
    ) -> Result<OpCode, SendError> {
        self.advance(now);
        self.check_open()?;
        //= rfc6455#6.1
        //# The opcode (frame-opcode) of the first frame containing the data MUST
        //# be set to the appropriate value from Section 5.2 for data that is to
        //# be interpreted by the recipient as text or binary data.
        //= rfc6455#5.4
        //# the type for all fragments in a message MUST be either text, binary,
        //# or one of the reserved opcodes.
        let opcode = match self.fragmenting {
            None => kind.into(),
            Some(begun) if begun == kind => OpCode::Continuation,
            Some(_) => return Err(SendError::KindMismatch),
        };
        //= rfc6455#6.1
        //# The FIN bit (frame-fin) of the last frame containing the data MUST be
        //# set to 1 as defined in Section 5.2.
        match self.fragmenting {
            None => self.begin_message(len),
            Some(_) => {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                self.message_len = self.message_len.saturating_add(len);
                self.message_queued = self.now;
            }
        }
        self.fragmenting = if fin { None } else { Some(kind) };
        if fin {
            self.count_message();
        }
        Ok(opcode)
    }

    /// The head of a frame of a message that was accepted, however far the closing handshake has
    /// come since: what was accepted goes out before the Close.
    pub(crate) fn backlog_frame(
        &mut self,
        opcode: OpCode,
        fin: bool,
        rsv: u8,
        len: u64,
    ) -> FrameHead {
        let mask = self.masking_key();
        let head = FrameHead::new(&FrameHeader { fin, rsv, opcode, mask, len });
        self.count_queued(u64::from(head.len).saturating_add(len));
        head
    }

    #[inline]
    fn append(&mut self, opcode: OpCode, fin: bool, payload: &[u8], out: &mut BytesMut) {
        self.append_frame(opcode, fin, 0, payload, out);
    }

    /// Writes a frame of a message that was accepted, as [`backlog_frame`](Self::backlog_frame)
    /// makes its head.
    #[inline]
    pub(crate) fn append_frame(
        &mut self,
        opcode: OpCode,
        fin: bool,
        rsv: u8,
        payload: &[u8],
        out: &mut BytesMut,
    ) {
        let mask = self.masking_key();
        //= rfc6455#5.2
        //# ; 1 bit in length, MUST be 0 unless
        //# ; negotiated otherwise
        //= rfc6455#6.1
        //# An endpoint MUST encapsulate the /data/ in a WebSocket frame as defined
        //# in Section 5.2.
        let header = FrameHeader { fin, rsv, opcode, mask, len: payload.len() as u64 };
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
            None => out.extend_from_slice(payload),
        }
        self.count_queued((len + payload.len()) as u64);
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
    fn count_queued(&mut self, bytes: u64) {
        if self.bytes_flushed == self.bytes_queued {
            self.stalled_since = self.now;
        }
        self.bytes_queued = self.bytes_queued.saturating_add(bytes);
        self.frames_sent += 1;
    }
}
