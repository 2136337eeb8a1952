//! What a peer can do wrong on an established connection, by rule.

use crate::wire::close::CloseCode;

/// A rule that the peer broke, with the section that states it and the code that answers it.
///
/// ```
/// use farewell::{CloseCode, Violation};
///
/// let violation = Violation::InvalidUtf8;
/// assert_eq!(violation.section(), "8.1");
/// assert_eq!(violation.close_code(), CloseCode::INVALID_PAYLOAD);
/// assert_eq!(violation.to_string(), "a text message is not valid UTF-8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Violation {
    /// A reserved bit is set that no extension has given a meaning.
    #[error("a frame has a reserved bit set, and no extension was negotiated that uses it")]
    ReservedBits,
    /// RSV1, which marks a compressed message, is set on another frame than a message's first.
    #[error("a frame that begins no message has the bit set that marks a compressed message")]
    CompressedBit,
    /// The opcode is reserved.
    #[error("a frame has the reserved opcode {0:#x}")]
    ReservedOpcode(
        /// The opcode.
        u8,
    ),
    /// A client's frame is not masked.
    #[error("a client sent a frame without a mask")]
    UnmaskedFrame,
    /// A server's frame is masked.
    #[error("a server sent a masked frame")]
    MaskedFrame,
    /// A length is not in its shortest form.
    #[error("a frame's payload length is not in its shortest form")]
    NonMinimalLength,
    /// A 64-bit length has its highest bit set.
    #[error("a frame's payload length has its highest bit set")]
    LengthOverflow,
    /// A control frame is fragmented.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame's payload is longer than 125 bytes.
    #[error("a control frame has a payload of more than 125 bytes")]
    ControlTooLong,
    /// A continuation frame came although no message was begun.
    #[error("a continuation frame came although no message was begun")]
    UnexpectedContinuation,
    /// A new message was begun before the fragmented one was finished.
    #[error("a new message was begun before the fragmented one was finished")]
    ExpectedContinuation,
    /// Text is not UTF-8.
    #[error("a text message is not valid UTF-8")]
    InvalidUtf8,
    /// A Close frame's body has one byte, which cannot be a code.
    #[error("a Close frame has a body of one byte")]
    CloseBodyTooShort,
    /// A Close frame's code may not be sent.
    #[error("a Close frame has the code {0}, which may not be sent")]
    InvalidCloseCode(
        /// The code.
        u16,
    ),
    /// A Close frame's reason is not UTF-8.
    #[error("a Close frame's reason is not valid UTF-8")]
    InvalidCloseReason,
    /// A message has more fragments than allowed.
    #[error("a message has more than {limit} fragments")]
    TooManyFragments {
        /// The limit in force, [`Limits::fragments`](crate::Limits::fragments).
        limit: u32,
    },
    /// Too many fragments in a row carry nothing.
    #[error("a message has more than {limit} empty fragments in a row")]
    TooManyEmptyFragments {
        /// The limit in force, [`Limits::empty_fragments`](crate::Limits::empty_fragments).
        limit: u32,
    },
    /// A frame is longer than allowed.
    #[error("a frame of {len} bytes is over the limit of {limit}")]
    FrameTooBig {
        /// The payload length that its header declares.
        len: u64,
        /// The limit in force, [`Limits::frame`](crate::Limits::frame).
        limit: u64,
    },
    /// A message is longer than allowed.
    #[error("a message of at least {len} bytes is over the limit of {limit}")]
    MessageTooBig {
        /// The length of all fragments whose headers have arrived.
        len: u64,
        /// The limit in force, [`Limits::message`](crate::Limits::message).
        limit: u64,
    },
    /// A compressed message is no DEFLATE data, or refers to what lies before its window.
    #[error("a compressed message is not valid DEFLATE data")]
    InvalidDeflate,
    /// A compressed message ends in the middle of its DEFLATE data.
    #[error("a compressed message ends in the middle of its DEFLATE data")]
    TruncatedDeflate,
    /// A compressed message has more final DEFLATE blocks than this endpoint puts up with.
    #[error("a compressed message has more than {limit} final DEFLATE blocks")]
    TooManyFinalBlocks {
        /// The limit in force, which is fixed.
        limit: u32,
    },
    /// A compressed message inflates to more than its compressed size warrants.
    #[error("a compressed message inflates to more than {ratio} times its size")]
    InflationRatio {
        /// The limit in force, `Compression::ratio`.
        ratio: u32,
    },
}

impl Violation {
    /// The number of the RFC that states the rule: 6455, or 7692 for compressed messages.
    #[must_use]
    pub const fn rfc(self) -> u16 {
        match self {
            Self::CompressedBit
            | Self::InvalidDeflate
            | Self::TruncatedDeflate
            | Self::TooManyFinalBlocks { .. }
            | Self::InflationRatio { .. } => 7692,
            _ => 6455,
        }
    }

    /// The section of that [RFC](Self::rfc) that states the rule.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::CompressedBit => "6.1",
            Self::TooManyFinalBlocks { .. } => "7.2.1",
            Self::InvalidDeflate | Self::TruncatedDeflate => "7.2.2",
            Self::InflationRatio { .. } => "8",
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::NonMinimalLength
            | Self::LengthOverflow => "5.2",
            Self::UnmaskedFrame | Self::MaskedFrame => "5.1",
            Self::UnexpectedContinuation | Self::ExpectedContinuation => "5.4",
            Self::FragmentedControl | Self::ControlTooLong => "5.5",
            Self::CloseBodyTooShort => "5.5.1",
            Self::InvalidCloseCode(_) => "7.4",
            Self::InvalidUtf8 | Self::InvalidCloseReason => "8.1",
            Self::TooManyFragments { .. }
            | Self::TooManyEmptyFragments { .. }
            | Self::FrameTooBig { .. }
            | Self::MessageTooBig { .. } => "10.4",
        }
    }

    /// The close code that tells the peer of it.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8
            | Self::InvalidCloseReason
            | Self::InvalidDeflate
            | Self::TruncatedDeflate => CloseCode::INVALID_PAYLOAD,
            Self::TooManyFragments { .. }
            | Self::TooManyEmptyFragments { .. }
            | Self::TooManyFinalBlocks { .. } => CloseCode::POLICY_VIOLATION,
            rule if rule.is_too_big() => CloseCode::MESSAGE_TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// Whether it is a limit on size.
    pub(crate) const fn is_too_big(self) -> bool {
        matches!(
            self,
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } | Self::InflationRatio { .. }
        )
    }

    /// What the Close frame that answers it says.
    pub(crate) const fn close_reason(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set",
            Self::CompressedBit => "RSV1 set on a frame that begins no message",
            Self::ReservedOpcode(_) => "reserved opcode",
            Self::UnmaskedFrame => "frame not masked",
            Self::MaskedFrame => "frame masked",
            Self::NonMinimalLength => "length not in its shortest form",
            Self::LengthOverflow => "length over 2^63",
            Self::FragmentedControl => "control frame fragmented",
            Self::ControlTooLong => "control frame too long",
            Self::UnexpectedContinuation => "unexpected continuation frame",
            Self::ExpectedContinuation => "expected a continuation frame",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::CloseBodyTooShort => "Close body of one byte",
            Self::InvalidCloseCode(_) => "close code not allowed",
            Self::InvalidCloseReason => "close reason is not UTF-8",
            Self::TooManyFragments { .. } => "too many fragments",
            Self::TooManyEmptyFragments { .. } => "too many empty fragments",
            Self::FrameTooBig { .. } => "frame too big",
            Self::MessageTooBig { .. } => "message too big",
            Self::InvalidDeflate => "compressed data not valid",
            Self::TruncatedDeflate => "compressed data cut short",
            Self::TooManyFinalBlocks { .. } => "too many final blocks",
            Self::InflationRatio { .. } => "compression ratio too high",
        }
    }
}
