//! The parser of the peer's frames: headers, sequence, limits, unmasking, UTF-8.
//!
//! Invariant: however the stream is split into inputs, the same bytes yield the same payload, the
//! same control frames, and the same fault at the same offset. What outlives an input is bounded: 13
//! bytes of a header, the latest Ping, and the payload of one other control frame.

mod control_frames;
mod fast_path;
mod getters;

use core::mem;

use super::control::SmallPayload;
use crate::config::Limits;
use crate::report::Position;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Chunk, MessageKind};
use crate::wire::frame::{FrameHeader, FrameHeaderError, MAX_HEADER, OpCode, RSV1};
use crate::wire::mask::{self, MaskingKey};
use crate::wire::role::Role;
use crate::wire::utf8::Utf8Validator;
use crate::wire::violation::Violation;

/// A frame that does not lie whole in the input is handed out in pieces of so many bytes at most: each
/// is unmasked, checked and copied while it is in the L1 cache.
const PIECE: usize = 16 * 1024;

/// What came in.
#[derive(Debug)]
pub(super) enum Received<'b> {
    Chunk(Chunk<'b>),
    Ping,
    Pong,
    Close(CloseFrame),
}

/// A rule that the peer broke, and the offset of the byte that broke it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: Violation,
    pub(super) offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a frame, with no message under way.
    Boundary,
    /// At the start of a frame, between two fragments.
    Between,
    /// Inside a header; what has come of it is in `header`.
    Header,
    /// Inside the payload of a data frame.
    Data,
    /// Inside the payload of a control frame.
    Control,
    /// After a text whose last character is incomplete.
    TextCutShort,
    /// Nothing more is taken in.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Receiver {
    /// Bytes of the stream that were consumed.
    offset: u64,
    /// Frames that did not take the fast path.
    other_frames: u64,
    /// Frames that did, each a whole message.
    whole_frames: u64,
    /// Messages that did not take the fast path.
    other_messages: u64,
    /// Bytes still to come of the current payload.
    remaining: u64,
    /// Bytes of the current payload in all.
    frame_len: u64,
    /// Bytes of the current message whose headers have come.
    message_len: u64,
    fragments: u32,
    empty_run: u32,
    /// The masking key, as it applies to the next byte of the payload.
    key: MaskingKey,
    utf8: Utf8Validator,
    sender: Role,
    state: State,
    opcode: OpCode,
    fin: bool,
    /// The reserved bits that an extension gave a meaning.
    allowed: u8,
    /// The message under way.
    message: Option<MessageKind>,
    /// Whether the message under way, or else the latest, is compressed.
    compressed: bool,
    /// Whether a piece of it was delivered.
    begun: bool,
    /// Whether a Ping has come whole whose Pong was not written.
    pong_due: bool,
    /// Whether the payload of the control frame under way goes into `other`: that of a Ping does only
    /// while the Pong for an earlier one is due.
    aside: bool,
    /// The longest payload that the fast path may take, with a length of one byte and of three.
    fast_limit: u8,
    longer_limit: u16,
    header_len: u8,
    header: [u8; MAX_HEADER - 1],
    ping: SmallPayload<30>,
    /// A Pong or a Close, or a Ping of which a part has come.
    other: SmallPayload<14>,
}

impl Receiver {
    pub(super) fn new(sender: Role, limits: &Limits) -> Self {
        let limit = limits.frame.min(limits.message);
        Self {
            offset: 0,
            other_frames: 0,
            whole_frames: 0,
            other_messages: 0,
            remaining: 0,
            frame_len: 0,
            message_len: 0,
            fragments: 0,
            empty_run: 0,
            key: MaskingKey::new([0; 4]),
            utf8: Utf8Validator::default(),
            sender,
            state: State::Boundary,
            opcode: OpCode::Continuation,
            fin: true,
            allowed: 0,
            message: None,
            compressed: false,
            begun: false,
            pong_due: false,
            aside: false,
            fast_limit: limit.min(125) as u8,
            longer_limit: limit.min(u16::MAX.into()) as u16,
            header_len: 0,
            header: [0; MAX_HEADER - 1],
            ping: SmallPayload::default(),
            other: SmallPayload::default(),
        }
    }

    /// The next thing in the input, or `None` once all of it is consumed.
    #[inline]
    pub(super) fn poll<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        limits: &Limits,
    ) -> Result<Option<Received<'b>>, Fault> {
        loop {
            //= rfc6455#10.7
            //# Incoming data MUST always be validated by both clients and servers.
            match self.state {
                State::Boundary | State::Between | State::Header => {
                    if !self.take_header(input, limits)? {
                        return Ok(None);
                    }
                }
                State::Data => {
                    if input.is_empty() && self.remaining > 0 {
                        return Ok(None);
                    }
                    if let Some(chunk) = self.take_payload(input)? {
                        return Ok(Some(Received::Chunk(chunk)));
                    }
                }
                State::Control => {
                    if !self.take_control(input) {
                        return Ok(None);
                    }
                    return self.finish_control().map(Some);
                }
                State::TextCutShort => return Err(self.fault(Violation::InvalidUtf8)),
                State::Stopped => return Ok(None),
            }
        }
    }

    /// Consumes a header, or as much of it as is there. Returns whether it is complete.
    #[inline]
    fn take_header(&mut self, input: &mut &mut [u8], limits: &Limits) -> Result<bool, Fault> {
        let kept = usize::from(self.header_len);
        let start = self.offset - kept as u64;
        let decoded = if kept == 0 {
            FrameHeader::decode_with(input, self.sender, self.allowed)
        } else {
            let mut bytes = [0; MAX_HEADER];
            bytes[..kept].copy_from_slice(&self.header[..kept]);
            let more = input.len().min(MAX_HEADER - kept);
            bytes[kept..kept + more].copy_from_slice(&input[..more]);
            FrameHeader::decode_with(&bytes[..kept + more], self.sender, self.allowed)
        };
        let decoded = decoded.map_err(|error| self.refuse_header(input, start, error))?;
        let Some((header, len)) = decoded else {
            // A header that is not complete has at most 13 bytes.
            let rest = take(input, input.len());
            self.header[kept..kept + rest.len()].copy_from_slice(rest);
            self.header_len += rest.len() as u8;
            self.offset += rest.len() as u64;
            if self.header_len > 0 {
                self.state = State::Header;
            }
            return Ok(false);
        };
        take(input, len - kept);
        self.offset += (len - kept) as u64;
        self.header_len = 0;
        self.other_frames += 1;
        self.begin_payload(&header, start, limits)?;
        Ok(true)
    }

    /// Consumes an invalid header up to the byte that is wrong, so that what is consumed does not
    /// depend on how much of the header came at once.
    fn refuse_header(
        &mut self,
        input: &mut &mut [u8],
        start: u64,
        error: FrameHeaderError,
    ) -> Fault {
        let FrameHeaderError { rule, at } = error;
        let received = at + 1;
        let kept = usize::from(self.header_len);
        let rest = received.saturating_sub(kept).min(input.len());
        let piece = take(input, rest);
        for (to, from) in self.header.iter_mut().skip(kept).zip(&*piece) {
            *to = *from;
        }
        self.offset += rest as u64;
        self.header_len = received as u8;
        self.state = State::Header;
        Fault { rule, offset: start + at as u64 }
    }

    #[inline]
    fn begin_payload(
        &mut self,
        header: &FrameHeader,
        start: u64,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.remaining = header.len;
        self.frame_len = header.len;
        self.key = header.mask.unwrap_or(MaskingKey::new([0; 4]));
        self.opcode = header.opcode;
        self.fin = header.fin;
        //= rfc6455#5.4
        //# An endpoint MUST be capable of handling control frames in the middle
        //# of a fragmented message.
        if header.opcode.is_control() {
            self.state = State::Control;
            self.aside = header.opcode != OpCode::Ping || self.pong_due;
            match self.aside {
                true => self.other.clear(),
                false => self.ping.clear(),
            }
            return Ok(());
        }
        self.state = State::Data;
        self.sequence(header).map_err(|rule| Fault { rule, offset: start })?;
        self.limit(header, limits).map_err(|rule| Fault { rule, offset: start + 1 })
    }

    #[inline]
    fn sequence(&mut self, header: &FrameHeader) -> Result<(), Violation> {
        //= rfc6455#6.2
        //# Upon receiving a data frame (Section 5.6), the endpoint MUST note the
        //# /type/ of the data as defined by the opcode
        let kind = match header.opcode {
            OpCode::Text => MessageKind::Text,
            OpCode::Binary => MessageKind::Binary,
            //= rfc6455#5.4
            //# MUST support receiving both fragmented and unfragmented messages.
            _ if self.message.is_none() => return Err(Violation::UnexpectedContinuation),
            _ => return Ok(()),
        };
        //= rfc6455#5.4
        //# The fragments of one message MUST NOT be interleaved between the
        //# fragments of another message unless an extension has been
        //# negotiated that can interpret the interleaving.
        if self.message.is_some() {
            return Err(Violation::ExpectedContinuation);
        }
        //= rfc6455#6.2
        //# Subsequent data frames MUST be interpreted as belonging to a new
        //# WebSocket message.
        self.message = Some(kind);
        //= rfc7692#6
        //# A message with the "Per-Message Compressed" bit set on the first
        //# fragment of the message is called a "compressed message".
        self.compressed = header.rsv & RSV1 != 0;
        self.begun = false;
        self.utf8 = Utf8Validator::default();
        self.message_len = 0;
        self.fragments = 0;
        self.empty_run = 0;
        Ok(())
    }

    #[inline]
    fn limit(&mut self, header: &FrameHeader, limits: &Limits) -> Result<(), Violation> {
        //= rfc6455#10.4
        //# Implementations that have implementation- and/or platform-specific
        //# limitations regarding the frame size or total message size after
        //# reassembly from multiple frames MUST protect themselves against
        //# exceeding those limits.
        if header.len > limits.frame {
            return Err(Violation::FrameTooBig { len: header.len, limit: limits.frame });
        }
        self.message_len = self.message_len.saturating_add(header.len);
        // What a compressed message inflates to counts, and that is seen elsewhere.
        if self.message_len > limits.message && !self.compressed {
            return Err(Violation::MessageTooBig { len: self.message_len, limit: limits.message });
        }
        self.fragments = self.fragments.saturating_add(1);
        if self.fragments > limits.fragments.max(1) {
            return Err(Violation::TooManyFragments { limit: limits.fragments });
        }
        let empty = header.len == 0 && !header.fin;
        self.empty_run = if empty { self.empty_run.saturating_add(1) } else { 0 };
        if self.empty_run > limits.empty_fragments {
            return Err(Violation::TooManyEmptyFragments { limit: limits.empty_fragments });
        }
        Ok(())
    }

    /// The next piece of the payload; `None` where an empty fragment has none.
    #[inline]
    fn take_payload<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Chunk<'b>>, Fault> {
        let Some(kind) = self.message else {
            return Err(self.fault(Violation::UnexpectedContinuation));
        };
        let mut len = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len());
        if len > PIECE && (len as u64) < self.frame_len {
            len = PIECE;
        }
        //= rfc6455#6.2
        //# A server MUST remove masking for data frames received from a client as
        //# described in Section 5.3.
        let masked = self.sender == Role::Client;
        let piece = &mut input[..len];
        match kind {
            //= rfc7692#6.1
            //# The payload data portion in frames generated by a PMCE is not subject
            //# to the constraints for the original data type.
            MessageKind::Text if !self.compressed => {
                // ASCII is told in the same pass, and needs no other.
                let ascii = masked && mask::apply_checking_ascii(piece, self.key);
                if !ascii || !self.utf8.is_between_characters() {
                    len = self.valid_text(piece, masked)?;
                }
            }
            _ if masked => mask::apply(piece, self.key),
            _ => {}
        }
        self.key = self.key.rotated(len);
        self.remaining -= len as u64;
        self.offset += len as u64;
        let last = self.remaining == 0 && self.end_frame(kind);
        if len == 0 && !last {
            return Ok(None);
        }
        self.other_messages += u64::from(last);
        //= rfc6455#5.4
        //# MUST be delivered to the recipient in the order sent by the sender.
        let first = !mem::replace(&mut self.begun, true);
        let chunk = Chunk::new(take(input, len), kind, first, last);
        Ok(Some(if self.compressed { chunk.compressed() } else { chunk }))
    }

    /// The payload of a data frame is complete. Returns whether the message is.
    #[inline]
    fn end_frame(&mut self, kind: MessageKind) -> bool {
        if !self.fin {
            self.state = State::Between;
            return false;
        }
        //= rfc6455#5.6
        //# the whole message MUST contain valid UTF-8.
        //= rfc6455#8.1
        //# When an endpoint is to interpret a byte stream as UTF-8 but finds
        //# that the byte stream is not, in fact, a valid UTF-8 stream, that
        //# endpoint MUST _Fail the WebSocket Connection_.
        if kind == MessageKind::Text && self.utf8.finish().is_err() {
            self.state = State::TextCutShort;
            return false;
        }
        self.message = None;
        self.state = State::Boundary;
        true
    }

    /// How much of an unmasked piece is valid text.
    ///
    /// The rest is masked again and left for the next call, which then fails at its first byte: so
    /// the valid part is delivered however the input is split.
    fn valid_text(&mut self, piece: &mut [u8], masked: bool) -> Result<usize, Fault> {
        let before = self.utf8;
        let Err(error) = self.utf8.validate(piece) else { return Ok(piece.len()) };
        if error.offset == 0 {
            return Err(self.fault(Violation::InvalidUtf8));
        }
        let (valid, rest) = piece.split_at_mut(error.offset);
        self.utf8 = before;
        if self.utf8.validate(valid).is_err() {
            return Err(self.fault(Violation::InvalidUtf8));
        }
        if masked {
            mask::apply(rest, self.key.rotated(valid.len()));
        }
        Ok(valid.len())
    }

    /// Makes all further input be thrown away. Returns the position in the stream, the first time.
    pub(super) fn stop(&mut self) -> Option<Position> {
        let position = (self.state != State::Stopped).then(|| self.position());
        self.state = State::Stopped;
        position
    }

    /// Counts bytes that are thrown away.
    pub(super) fn skip(&mut self, len: u64) {
        self.offset += len;
    }

    /// From now on messages may be compressed.
    pub(super) fn allow_compressed(&mut self) {
        self.allowed |= RSV1;
    }

    /// Undoes what was received of the payload of the data frame that the latest piece came from, if
    /// it is compressed. Returns how much that was.
    pub(super) fn give_back_payload(&mut self) -> u64 {
        if !self.compressed {
            return 0;
        }
        let received = self.frame_len - self.remaining;
        if self.state == State::Boundary {
            self.other_messages -= 1;
        }
        self.state = State::Data;
        self.remaining = self.frame_len;
        self.offset -= received;
        received
    }

    fn fault(&self, rule: Violation) -> Fault {
        Fault { rule, offset: self.offset }
    }
}

#[inline]
fn take<'b>(input: &mut &'b mut [u8], len: usize) -> &'b mut [u8] {
    let (taken, rest) = mem::take(input).split_at_mut(len);
    *input = rest;
    taken
}
