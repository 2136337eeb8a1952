//! The commands of a connection, and the writing of its output.
//!
//! Invariants: a command that is refused changes nothing. Every frame is written whole into the
//! caller's buffer, or returned as a head to which the caller appends the payload. Nothing but a
//! Pong is written after the Close.

use bytes::BytesMut;

use super::receive::Fault;
use super::state::Trigger;
use super::{Connection, FrameHead, SendError};
use crate::report::{Cause, Phase};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};
use crate::wire::frame::{MAX_CONTROL, OpCode};
use crate::wire::violation::Violation;

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
        if !self.takes_message() {
            return self.accept_message(data.as_bytes().len() as u64, now);
        }
        self.append_message(data.kind(), data.as_bytes(), out, now);
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
        self.sender.append(opcode, fin, data.as_bytes(), out, self.times.now());
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
        Ok(self.frame_head(opcode, fin, 0, len))
    }

    /// A number that nobody can predict.
    pub(crate) fn nonce(&mut self) -> u64 {
        self.sender.keystream().next_u64()
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
        let now = self.enter(now);
        self.check_open()?;
        //= rfc6455#5.5
        //# All control frames MUST have a payload length of 125 bytes or less
        //# and MUST NOT be fragmented.
        if payload.len() > MAX_CONTROL {
            return Err(SendError::ControlTooLong { len: payload.len() });
        }
        self.sender.append(OpCode::Ping, true, payload, out, now);
        Ok(())
    }

    /// Starts the closing handshake (RFC 6455 section 7.1.2).
    ///
    /// Everything that was accepted before goes out first. Messages keep coming in until the
    /// peer's Close does. The end comes within the close timeout and the linger timeout.
    ///
    /// # Errors
    ///
    /// [`SendError`] where a Close was already queued or received, the transport takes no more
    /// writes, or the connection has ended.
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Timestamp) -> Result<(), SendError> {
        let now = self.enter(now);
        self.check_open()?;
        self.begin_close(frame.into(), None, now);
        Ok(())
    }

    /// Ends the connection at once, without a closing handshake.
    ///
    /// The transport is to be dropped. Where the closing handshake had been completed already, the
    /// report still says so.
    pub fn abort(&mut self, now: Timestamp) {
        let now = self.enter(now);
        self.give_up(Cause::Aborted, Trigger::Abort, now);
    }

    /// Writes what the connection has to say by itself into `out`: a Pong, a Ping, a Close.
    ///
    /// There is one slot for each. Returns whether anything was written.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        if !self.wants_transmit() {
            return false;
        }
        let written = self.transmit_ping_pong(out);
        self.transmit_close(out) || written
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has anything to write.
    #[inline]
    pub(crate) fn wants_transmit(&self) -> bool {
        self.wants_ping_pong() || self.wants_close()
    }

    /// Whether nothing is said, and the connection is open and writable: then
    /// [`poll_transmit`](Self::poll_transmit) has nothing to write.
    #[inline]
    pub(crate) fn has_nothing_to_say(&self) -> bool {
        self.closing.is_none() && !self.receiver.pong_due() && !self.heartbeat.is_queued()
    }

    /// Writes the Pong and the Ping that wait.
    pub(crate) fn transmit_ping_pong(&mut self, out: &mut BytesMut) -> bool {
        if !self.wants_ping_pong() {
            return false;
        }
        let now = self.times.now();
        let alone = self.sender.pending() == 0;
        //= rfc6455#5.5.2
        //# Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
        //# response, unless it already received a Close frame.
        if let Some(payload) = self.receiver.take_pong() {
            self.sender.append(OpCode::Pong, true, payload, out, now);
            self.peer_pings.answered(self.sender.queued_to());
        }
        if self.phase() == Phase::Open {
            if let Some(payload) = self.heartbeat.to_write() {
                self.sender.append(OpCode::Ping, true, &payload, out, now);
                self.heartbeat.written(self.sender.queued_to(), alone.then_some(now));
            }
        }
        true
    }

    /// Writes the Close that waits.
    pub(crate) fn transmit_close(&mut self, out: &mut BytesMut) -> bool {
        let Some(closing) = self.closing.as_mut().filter(|closing| closing.wants_close()) else {
            return false;
        };
        let Some(close) = closing.ours.as_ref() else { return false };
        let mut buffer = [0; MAX_CONTROL];
        let payload = close.frame.payload(&mut buffer);
        self.sender.append(OpCode::Close, true, payload, out, self.times.now());
        closing.close_written(self.sender.queued_to());
        true
    }

    #[inline]
    fn wants_close(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.wants_close())
    }

    /// Whether a Pong or a Ping waits that may still be written.
    #[inline]
    fn wants_ping_pong(&self) -> bool {
        if !self.receiver.pong_due() && !self.heartbeat.is_queued() {
            return false;
        }
        let Some(closing) = &self.closing else { return true };
        match closing.phase() {
            Phase::Open => closing.can_write(),
            Phase::CloseSent | Phase::CloseReceived => {
                closing.can_write() && self.receiver.pong_due()
            }
            // Only before the Close that tells of a failure, to a Ping that came before.
            Phase::Lingering => closing.ours.is_queued() && self.receiver.pong_due(),
            Phase::Opening | Phase::Ended => false,
        }
    }

    /// Accepts a whole message of `len` bytes, which is then framed with
    /// [`frame_head`](Self::frame_head).
    #[inline]
    pub(crate) fn accept_message(&mut self, len: u64, now: Timestamp) -> Result<(), SendError> {
        let now = self.enter(now);
        //= rfc6455#6.1
        //# The endpoint MUST ensure the WebSocket connection is in the OPEN state
        //# (cf. Sections 4.1 and 4.2.2.)  If at any point the state of the
        //# WebSocket connection changes, the endpoint MUST abort the following
        //# steps.
        //= rfc6455#5.5.1
        //# The application MUST NOT send any more data frames after sending a
        //# Close frame.
        self.check_open()?;
        self.sender.begin_whole(len, now)
    }

    /// Whether a whole message would be accepted.
    #[inline]
    pub(crate) fn takes_message(&self) -> bool {
        self.closing.is_none() && !self.sender.is_fragmenting()
    }

    /// Accepts a whole message, where it [takes](Self::takes_message) one, and writes its frame into
    /// `out`.
    #[inline]
    pub(crate) fn append_message(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut BytesMut,
        now: Timestamp,
    ) {
        let now = self.enter(now);
        self.sender.begin_message(payload.len() as u64, now);
        self.sender.append(kind.into(), true, payload, out, now);
    }

    /// Accepts a whole message of which the frame was made before, where it
    /// [takes](Self::takes_message) one.
    #[inline]
    pub(crate) fn frame_accepted(&mut self, payload: usize, frame: usize, now: Timestamp) {
        let now = self.enter(now);
        self.sender.begin_message(payload as u64, now);
        self.sender.count_frame(frame as u64, now);
    }

    /// Accepts a fragment of `len` bytes, which is then framed likewise. Returns the opcode of its
    /// first frame.
    pub(crate) fn next_fragment(
        &mut self,
        kind: MessageKind,
        len: u64,
        fin: bool,
        now: Timestamp,
    ) -> Result<OpCode, SendError> {
        let now = self.enter(now);
        self.check_open()?;
        self.sender.begin_fragment(kind, len, fin, now)
    }

    /// The head of a frame of a message that was accepted, however far the closing handshake has
    /// come since: what was accepted goes out before the Close.
    #[inline]
    pub(crate) fn frame_head(&mut self, opcode: OpCode, fin: bool, rsv: u8, len: u64) -> FrameHead {
        self.sender.frame_head(opcode, fin, rsv, len, self.times.now())
    }

    /// A frame is queued that was made before, of so many bytes.
    #[inline]
    pub(crate) fn frame_queued(&mut self, bytes: usize) {
        self.sender.count_frame(bytes as u64, self.times.now());
    }

    /// Writes such a frame into `out`, without reserved bits.
    #[inline]
    pub(crate) fn append_frame(
        &mut self,
        opcode: OpCode,
        fin: bool,
        payload: &[u8],
        out: &mut BytesMut,
    ) {
        self.sender.append(opcode, fin, payload, out, self.times.now());
    }

    /// Bytes of the opening handshake wait in front of all frames: where the transport takes none of
    /// them, that stalls as frames do.
    pub(crate) fn handshake_queued(&mut self) {
        self.sender.handshake_queued();
    }

    /// The transport has accepted bytes of the opening handshake; `all` of them, if it says so.
    pub(crate) fn handshake_flushed(&mut self, all: bool, now: Timestamp) {
        let now = self.enter(now);
        self.sender.handshake_flushed(all, now);
        self.drain(now);
    }

    /// Lets the peer compress messages: an extension was negotiated that says how.
    pub(crate) fn allow_compressed(&mut self) {
        self.receiver.allow_compressed();
    }

    /// Fails the connection for a message that turned out to be wrong right after a piece of it.
    ///
    /// How much of a compressed message had been read when that was seen depends on how the input
    /// was split, so the whole payload of its frame counts as thrown away.
    pub(crate) fn fail_message(&mut self, rule: Violation, now: Timestamp) {
        let now = self.enter(now);
        let thrown_away = self.receiver.give_back_payload();
        let offset = self.receiver.traffic().bytes;
        self.fail(Fault { rule, offset }, now);
        self.throw_away(thrown_away, now);
    }

    /// Refuses a command unless the connection is open and can be written to.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        let Some(closing) = &self.closing else { return Ok(()) };
        Err(match closing.phase() {
            Phase::Opening | Phase::Open if !closing.can_write() => SendError::WriteFailed,
            Phase::Opening | Phase::Open => SendError::Closing,
            Phase::CloseSent | Phase::CloseReceived | Phase::Lingering => SendError::Closing,
            Phase::Ended => SendError::Ended,
        })
    }
}
