//! The rules that a peer can break on an established connection.
//!
//! Invariant: everything said of a rule but its sentence, which stands at the variant, is one row.

#![deny(clippy::wildcard_enum_match_arm)]

use crate::wire::close::CloseCode;

/// A rule that the peer broke, with the section that states it and the close code for it.
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
    /// Compressed messages refer back over final DEFLATE blocks more often than their size
    /// warrants: each time, the window has to be filled in again.
    #[error(
        "compressed messages refer back over more final DEFLATE blocks than their size warrants"
    )]
    TooManyFinalBlocks,
    /// A compressed message inflates to more than its compressed size warrants.
    #[error("a compressed message inflates to more than {ratio} times its size")]
    InflationRatio {
        /// The limit in force, `Compression::ratio`.
        ratio: u32,
    },
}

/// What is said of a rule, in its row of [`Violation::facts`].
struct Facts {
    rfc: u16,
    section: &'static str,
    code: CloseCode,
    reason: &'static str,
}

const fn rfc6455(section: &'static str, code: CloseCode, reason: &'static str) -> Facts {
    Facts { rfc: 6455, section, code, reason }
}

const fn rfc7692(section: &'static str, code: CloseCode, reason: &'static str) -> Facts {
    Facts { rfc: 7692, section, code, reason }
}

impl Violation {
    const fn facts(self) -> Facts {
        const PROTOCOL: CloseCode = CloseCode::PROTOCOL_ERROR;
        const PAYLOAD: CloseCode = CloseCode::INVALID_PAYLOAD;
        const POLICY: CloseCode = CloseCode::POLICY_VIOLATION;
        const TOO_BIG: CloseCode = CloseCode::MESSAGE_TOO_BIG;
        match self {
            Self::ReservedBits => rfc6455("5.2", PROTOCOL, "reserved bit set"),
            Self::CompressedBit => {
                rfc7692("6.1", PROTOCOL, "RSV1 set on a frame that begins no message")
            }
            Self::ReservedOpcode(_) => rfc6455("5.2", PROTOCOL, "reserved opcode"),
            Self::UnmaskedFrame => rfc6455("5.1", PROTOCOL, "frame not masked"),
            Self::MaskedFrame => rfc6455("5.1", PROTOCOL, "frame masked"),
            Self::NonMinimalLength => rfc6455("5.2", PROTOCOL, "length not in its shortest form"),
            Self::LengthOverflow => rfc6455("5.2", PROTOCOL, "length over 2^63"),
            Self::FragmentedControl => rfc6455("5.5", PROTOCOL, "control frame fragmented"),
            Self::ControlTooLong => rfc6455("5.5", PROTOCOL, "control frame too long"),
            Self::UnexpectedContinuation => {
                rfc6455("5.4", PROTOCOL, "unexpected continuation frame")
            }
            Self::ExpectedContinuation => rfc6455("5.4", PROTOCOL, "expected a continuation frame"),
            Self::InvalidUtf8 => rfc6455("8.1", PAYLOAD, "text is not UTF-8"),
            Self::CloseBodyTooShort => rfc6455("5.5.1", PROTOCOL, "Close body of one byte"),
            Self::InvalidCloseCode(_) => rfc6455("7.4", PROTOCOL, "close code not allowed"),
            Self::InvalidCloseReason => rfc6455("8.1", PAYLOAD, "close reason is not UTF-8"),
            Self::TooManyFragments { .. } => rfc6455("10.4", POLICY, "too many fragments"),
            Self::TooManyEmptyFragments { .. } => {
                rfc6455("10.4", POLICY, "too many empty fragments")
            }
            Self::FrameTooBig { .. } => rfc6455("10.4", TOO_BIG, "frame too big"),
            Self::MessageTooBig { .. } => rfc6455("10.4", TOO_BIG, "message too big"),
            Self::InvalidDeflate => rfc7692("7.2.2", PAYLOAD, "compressed data not valid"),
            Self::TruncatedDeflate => rfc7692("7.2.2", PAYLOAD, "compressed data cut short"),
            Self::TooManyFinalBlocks => rfc7692("7.2.1", POLICY, "too many final blocks"),
            Self::InflationRatio { .. } => rfc7692("8", TOO_BIG, "compression ratio too high"),
        }
    }

    /// The number of the RFC that states the rule: 6455, or 7692 for compressed messages.
    #[must_use]
    pub const fn rfc(self) -> u16 {
        self.facts().rfc
    }

    /// The section of that [RFC](Self::rfc) that states the rule.
    #[must_use]
    pub const fn section(self) -> &'static str {
        self.facts().section
    }

    /// The close code that tells the peer of it.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        self.facts().code
    }

    /// Whether it is a limit on size.
    pub(crate) const fn is_too_big(self) -> bool {
        self.close_code().get() == CloseCode::MESSAGE_TOO_BIG.get()
    }

    /// Whether it is no rule of the protocol, but a limit of this endpoint.
    pub(crate) const fn is_limit(self) -> bool {
        self.is_too_big() || self.close_code().get() == CloseCode::POLICY_VIOLATION.get()
    }

    /// The reason in the Close frame that tells the peer of it.
    pub(crate) const fn close_reason(self) -> &'static str {
        self.facts().reason
    }
}
