//! The header of a frame (RFC 6455 section 5.2): decoding and encoding of a single one.
//!
//! Decoding looks at the bytes in their order and refuses at the first one that is wrong, so a
//! header that arrives byte by byte is refused at the same byte as one that arrives whole.

use crate::wire::data::MessageKind;
use crate::wire::mask::MaskingKey;
use crate::wire::role::Role;
use crate::wire::violation::Violation;

/// Bytes of the longest header: two, a 64-bit length, a masking key.
pub(crate) const MAX_HEADER: usize = 14;

/// Bytes of the longest payload of a control frame.
pub(crate) const MAX_CONTROL: usize = 125;

/// The longest payload of which the length stands in the second byte.
pub(crate) const MAX_SHORT: usize = 125;

/// The highest reserved bit, which marks a compressed message (RFC 7692 section 6).
pub(crate) const RSV1: u8 = 0x4;

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;

/// What a frame is (RFC 6455 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A fragment of a message, other than its first.
    Continuation = 0x0,
    /// A text message or its first fragment.
    Text = 0x1,
    /// A binary message or its first fragment.
    Binary = 0x2,
    /// The end of the peer's messages.
    Close = 0x8,
    /// Asks for a Pong.
    Ping = 0x9,
    /// The response to a Ping.
    Pong = 0xA,
}

impl OpCode {
    /// The opcode's four bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is Close, Ping or Pong.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

impl From<MessageKind> for OpCode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// A frame's header.
///
/// ```
/// use farewell::{FrameHeader, OpCode, Role};
///
/// // RFC 6455 section 5.7: a single-frame masked text message, "Hello".
/// let wire = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let (header, length) = FrameHeader::decode(&wire, Role::Client).unwrap().unwrap();
/// assert_eq!((header.opcode, header.fin, header.len, length), (OpCode::Text, true, 5, 6));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 highest.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: OpCode,
    /// The masking key, on frames of a client.
    pub mask: Option<MaskingKey>,
    /// Bytes of payload, less than 2^63.
    pub len: u64,
}

/// A header that cannot be, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule} (RFC {} section {}, byte {at} of the header)", rule.rfc(), rule.section())]
pub struct FrameHeaderError {
    /// The rule that it breaks.
    pub rule: Violation,
    /// The offset of the offending byte in the header.
    pub at: usize,
}

impl FrameHeader {
    /// A header of a final, unmasked frame without reserved bits.
    #[must_use]
    pub const fn new(opcode: OpCode, len: u64) -> Self {
        Self { fin: true, rsv: 0, opcode, mask: None, len }
    }

    /// Reads a header that `sender` sent from the start of `input`.
    ///
    /// Returns the header and its length in bytes, or `None` where more bytes are needed. No more
    /// than 14 bytes are ever looked at.
    ///
    /// # Errors
    ///
    /// [`FrameHeaderError`] as soon as a byte is there that no valid header has; the form of a length
    /// is judged once all of it is there. Sequence and limits are not judged here. Any reserved bit
    /// is an error.
    pub fn decode(input: &[u8], sender: Role) -> Result<Option<(Self, usize)>, FrameHeaderError> {
        Self::decode_with(input, sender, 0)
    }

    /// As [`decode`](Self::decode), with the reserved bits in `allowed` passed through.
    pub(crate) fn decode_with(
        input: &[u8],
        sender: Role,
        allowed: u8,
    ) -> Result<Option<(Self, usize)>, FrameHeaderError> {
        //= rfc6455#6.2
        //# Incoming data MUST be parsed as WebSocket frames as defined in Section
        //# 5.2.
        let Some(&first) = input.first() else { return Ok(None) };
        let (fin, rsv, opcode) = Self::decode_first(first, allowed)?;
        let Some(&second) = input.get(1) else { return Ok(None) };
        let masked = Self::check_second(second, sender, opcode)?;
        let short = second & !MASK;
        let (len, end) = match short {
            126 => {
                let Some(&[_, _, high, low]) = input.first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes([high, low])), 4)
            }
            127 => {
                let high = input.get(2).is_some_and(|byte| byte & 0x80 != 0);
                //= rfc6455#5.2
                //# the most significant bit MUST be 0
                if high {
                    return Err(err(Violation::LengthOverflow, 2));
                }
                let Some(bytes) = input.get(2..10).and_then(<[u8]>::first_chunk) else {
                    return Ok(None);
                };
                (u64::from_be_bytes(*bytes), 10)
            }
            _ => (u64::from(short), 2),
        };
        //= rfc6455#5.2
        //# Note that in all cases, the minimal number of bytes MUST be used to encode
        //# the length
        if (end == 4 && len < 126) || (end == 10 && len < 0x1_0000) {
            return Err(err(Violation::NonMinimalLength, end - 1));
        }
        if !masked {
            return Ok(Some((Self { fin, rsv, opcode, mask: None, len }, end)));
        }
        let Some(key) = input.get(end..end + 4) else { return Ok(None) };
        let mask = key.try_into().ok().map(MaskingKey::new);
        Ok(Some((Self { fin, rsv, opcode, mask, len }, end + 4)))
    }

    fn decode_first(byte: u8, allowed: u8) -> Result<(bool, u8, OpCode), FrameHeaderError> {
        let rsv = byte >> 4 & 0x7;
        //= rfc6455#5.2
        //# MUST be 0 unless an extension is negotiated that defines meanings
        //# for non-zero values.  If a nonzero value is received and none of
        //# the negotiated extensions defines the meaning of such a nonzero
        //# value, the receiving endpoint MUST _Fail the WebSocket
        //# Connection_.
        if rsv & !allowed != 0 {
            return Err(err(Violation::ReservedBits, 0));
        }
        //= rfc6455#5.2
        //# If an unknown
        //# opcode is received, the receiving endpoint MUST _Fail the
        //# WebSocket Connection_.
        let bits = byte & 0xF;
        let Some(opcode) = OpCode::from_bits(bits) else {
            return Err(err(Violation::ReservedOpcode(bits), 0));
        };
        //= rfc6455#5.5
        //# All control frames MUST have a payload length of 125 bytes or less
        //# and MUST NOT be fragmented.
        //= rfc6455#5.4
        //# Control frames themselves MUST NOT be fragmented.
        if opcode.is_control() && byte & FIN == 0 {
            return Err(err(Violation::FragmentedControl, 0));
        }
        //= rfc7692#6.1
        //# An endpoint MUST NOT set the "Per-Message Compressed" bit of control
        //# frames and non-first fragments of a data message.  An endpoint
        //# receiving such a frame MUST _Fail the WebSocket Connection_.
        if rsv & RSV1 != 0 && (opcode.is_control() || opcode == OpCode::Continuation) {
            return Err(err(Violation::CompressedBit, 0));
        }
        Ok((byte & FIN != 0, rsv, opcode))
    }

    fn check_second(byte: u8, sender: Role, opcode: OpCode) -> Result<bool, FrameHeaderError> {
        let masked = byte & MASK != 0;
        match (sender, masked) {
            //= rfc6455#5.1
            //# The server MUST close the connection upon receiving a
            //# frame that is not masked.
            (Role::Client, false) => return Err(err(Violation::UnmaskedFrame, 1)),
            //= rfc6455#5.1
            //# A client MUST close a connection if it detects a masked
            //# frame.
            (Role::Server, true) => return Err(err(Violation::MaskedFrame, 1)),
            (Role::Client, true) | (Role::Server, false) => {}
        }
        if opcode.is_control() && usize::from(byte & !MASK) > MAX_CONTROL {
            return Err(err(Violation::ControlTooLong, 1));
        }
        Ok(masked)
    }

    /// The header of a frame of at most [`MAX_SHORT`] bytes, without its masking key.
    #[inline]
    pub(crate) fn encode_short(&self) -> [u8; 2] {
        debug_assert!(self.len <= MAX_SHORT as u64);
        [self.first_byte(), self.mask_bit() | self.len as u8]
    }

    #[inline]
    fn mask_bit(&self) -> u8 {
        //= rfc6455#5.3
        //# A masked frame MUST have the field frame-masked set to 1
        if self.mask.is_some() { MASK } else { 0 }
    }

    #[inline]
    fn first_byte(&self) -> u8 {
        u8::from(self.fin) << 7 | (self.rsv & 0x7) << 4 | self.opcode.bits()
    }

    /// Writes the header into `out` and returns its length in bytes.
    #[inline]
    pub fn encode(&self, out: &mut [u8; MAX_HEADER]) -> usize {
        out[0] = self.first_byte();
        let mask = self.mask_bit();
        let end = match self.len {
            0..=125 => {
                out[1] = mask | self.len as u8;
                2
            }
            126..=0xFFFF => {
                out[1] = mask | 126;
                out[2..4].copy_from_slice(&(self.len as u16).to_be_bytes());
                4
            }
            _ => {
                out[1] = mask | 127;
                out[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
        };
        match self.mask {
            None => end,
            Some(key) => {
                out[end..end + 4].copy_from_slice(&key.bytes());
                end + 4
            }
        }
    }
}

const fn err(rule: Violation, at: usize) -> FrameHeaderError {
    FrameHeaderError { rule, at }
}
