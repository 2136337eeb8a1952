//! Close codes and the body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).
//!
//! Invariant: a [`CloseCode`] only ever holds a code that may stand on the wire; 1005, 1006 and 1015
//! are reported and never sent. Everything said of a code is one row, that of [`CodeFacts::of`].

#![deny(clippy::wildcard_enum_match_arm)]

use core::fmt;

/// 1005, in reports only: the peer's Close had no code.
pub(crate) const NO_STATUS: u16 = 1005;

/// 1006, in reports only: no Close came.
pub(crate) const ABNORMAL_CLOSURE: u16 = 1006;

/// 1015, in reports only: the TLS handshake failed.
const TLS_HANDSHAKE: u16 = 1015;

/// A status code that may appear in a Close frame: 1000-1003, 1007-1014 or 3000-4999.
///
/// ```
/// use farewell::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Ok(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4001).unwrap().get(), 4001);
/// assert!(CloseCode::new(1006).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away, as a server that shuts down or a page that is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the endpoint cannot accept this type of data.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the payload does not fit its type, as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violates the endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the endpoint met a condition that it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded, try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from its upstream (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code with this number.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`] for a code that may not be sent (RFC 6455 section 7.4).
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match CodeFacts::of(code).sender {
            Sender::Either | Sender::Client => Ok(Self(code)),
            Sender::Nobody => Err(InvalidCloseCode(code)),
        }
    }

    /// The code as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// A number that may not be sent as a close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a close code that may be sent; use 1000-1003, 1007-1014 or 3000-4999")]
pub struct InvalidCloseCode(
    /// The number.
    pub u16,
);

/// What a close code is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeName {
    Normal,
    GoingAway,
    ProtocolError,
    UnsupportedData,
    NoStatus,
    AbnormalClosure,
    InvalidPayload,
    PolicyViolation,
    MessageTooBig,
    MandatoryExtension,
    InternalError,
    ServiceRestart,
    TryAgainLater,
    BadGateway,
    TlsHandshake,
    /// One of the codes that frameworks register and applications agree on.
    Application,
    /// A number without a meaning.
    Undefined,
}

/// Who may send a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Either,
    /// A server would have refused the opening handshake instead.
    Client,
    Nobody,
}

/// What a code means for the next attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeRetry {
    /// None: the end was meant.
    Meant,
    /// None: it would end in the same way until a bug is fixed.
    Repeats,
    /// None, unless the application knows the code.
    Unclassified,
    /// With backoff.
    Backoff,
    /// Once the server has had time to restart.
    AfterRestart,
    /// After a long delay.
    AfterOverload,
}

/// What is known of a close code: its row in the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeFacts {
    pub(crate) name: CodeName,
    pub(crate) sender: Sender,
    pub(crate) retry: CodeRetry,
    /// What a peer says with it; of one that repeats, the name of the bug.
    pub(crate) meaning: &'static str,
}

impl CodeFacts {
    /// What is known of any number, whether a frame may carry it or not.
    pub(crate) const fn of(code: u16) -> Self {
        use CloseCode as Code;
        use CodeName::*;
        use CodeRetry::*;
        use Sender::*;
        // Only compared: a number that may not be sent does not leave this function as a code.
        let (name, sender, retry, meaning) = match CloseCode(code) {
            Code::NORMAL => (Normal, Either, Meant, "the peer closed normally"),
            Code::GOING_AWAY => (GoingAway, Either, Backoff, "the peer goes away"),
            Code::PROTOCOL_ERROR => (ProtocolError, Either, Repeats, "protocol error"),
            Code::UNSUPPORTED_DATA => (UnsupportedData, Either, Repeats, "unsupported data"),
            //= rfc6455#7.4.1
            //# 1005 is a reserved value and MUST NOT be set as a status code in a
            //# Close control frame by an endpoint.
            Code(NO_STATUS) => (NoStatus, Nobody, Backoff, "the peer closed without a code"),
            //= rfc6455#7.4.1
            //# 1006 is a reserved value and MUST NOT be set as a status code in a
            //# Close control frame by an endpoint.
            Code(ABNORMAL_CLOSURE) => (AbnormalClosure, Nobody, Backoff, "no Close came"),
            Code::INVALID_PAYLOAD => (InvalidPayload, Either, Repeats, "invalid payload"),
            Code::POLICY_VIOLATION => (PolicyViolation, Either, Unclassified, "refused by policy"),
            Code::MESSAGE_TOO_BIG => (MessageTooBig, Either, Repeats, "message too big"),
            Code::MANDATORY_EXTENSION => (MandatoryExtension, Client, Repeats, "extension missing"),
            Code::INTERNAL_ERROR => {
                (InternalError, Either, Backoff, "the peer met a condition that it did not expect")
            }
            Code::SERVICE_RESTART => (ServiceRestart, Either, AfterRestart, "the server restarts"),
            Code::TRY_AGAIN_LATER => {
                (TryAgainLater, Either, AfterOverload, "the server is overloaded")
            }
            Code::BAD_GATEWAY => {
                (BadGateway, Either, Backoff, "a gateway got an invalid response from its upstream")
            }
            //= rfc6455#7.4.1
            //# 1015 is a reserved value and MUST NOT be set as a status code in a
            //# Close control frame by an endpoint.
            Code(TLS_HANDSHAKE) => (TlsHandshake, Nobody, Repeats, "TLS handshake failed"),
            Code(3000..=4999) => (Application, Either, Unclassified, "said by the application"),
            Code(_) => (Undefined, Nobody, Unclassified, "undefined"),
        };
        Self { name, sender, retry, meaning }
    }
}

/// Bytes that a close reason may have: a control frame's 125, less the code's two.
pub(crate) const MAX_REASON: usize = 123;

/// The body of a Close frame: nothing, or a code and a reason of at most 123 bytes.
///
/// The reason lies in the value itself; a close frame never allocates.
///
/// ```
/// use farewell::{CloseCode, CloseFrame};
///
/// let bye = CloseFrame::new(CloseCode::NORMAL, "see you")?;
/// assert_eq!(bye.code(), Some(CloseCode::NORMAL));
/// assert_eq!(bye.reason(), "see you");
/// assert_eq!(bye.to_string(), r#"1000 "see you""#);
/// assert_eq!(CloseFrame::EMPTY.code(), None);
/// # Ok::<(), farewell::CloseFrameError>(())
/// ```
#[derive(Clone, Copy)]
pub struct CloseFrame {
    code: Option<CloseCode>,
    len: u8,
    reason: [u8; MAX_REASON],
}

impl CloseFrame {
    /// A Close frame without a body, which the receiver reports as 1005.
    pub const EMPTY: Self = Self { code: None, len: 0, reason: [0; MAX_REASON] };

    /// A Close frame with a code and a reason; the reason may be empty.
    ///
    /// # Errors
    ///
    /// [`CloseFrameError`] where the reason is longer than 123 bytes or holds a control character.
    pub const fn new(code: CloseCode, reason: &str) -> Result<Self, CloseFrameError> {
        let bytes = reason.as_bytes();
        if bytes.len() > MAX_REASON {
            return Err(CloseFrameError::ReasonTooLong { len: bytes.len() });
        }
        let mut frame = Self { code: Some(code), len: bytes.len() as u8, reason: [0; MAX_REASON] };
        let mut i = 0;
        while i < bytes.len() {
            if bytes[i] < 0x20 || bytes[i] == 0x7f {
                return Err(CloseFrameError::ControlCharacter { at: i });
            }
            frame.reason[i] = bytes[i];
            i += 1;
        }
        Ok(frame)
    }

    /// A Close frame with a code and no reason.
    #[must_use]
    pub const fn from_code(code: CloseCode) -> Self {
        Self { code: Some(code), len: 0, reason: [0; MAX_REASON] }
    }

    /// The frame for a body that came from a peer, whose reason may hold any text of 123 bytes.
    pub(crate) fn from_peer(code: CloseCode, reason: &str) -> Self {
        let mut frame = Self::from_code(code);
        let bytes = reason.as_bytes();
        let len = bytes.len().min(MAX_REASON);
        frame.reason[..len].copy_from_slice(&bytes[..len]);
        frame.len = len as u8;
        frame
    }

    /// The code, or `None` for a Close frame without a body.
    #[must_use]
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The code as it is reported (RFC 6455 section 7.1.5): 1005 for a frame without a body.
    #[must_use]
    pub const fn reported_code(&self) -> u16 {
        //= rfc6455#7.1.5
        //# If this Close control frame contains no status code, _The WebSocket
        //# Connection Close Code_ is considered to be 1005.
        match self.code {
            Some(code) => code.0,
            None => NO_STATUS,
        }
    }

    /// The reason; empty where there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        core::str::from_utf8(&self.reason[..usize::from(self.len)]).unwrap_or("")
    }

    /// The frame in response to this one: its code and, as the peer knows it, its reason.
    pub(crate) fn echo(&self) -> Self {
        //= rfc6455#5.5.1
        //# When
        //# sending a Close frame in response, the endpoint typically echos the
        //# status code it received.
        *self
    }

    /// The payload of the frame: the code in network byte order, then the reason.
    pub(crate) fn payload<'a>(&self, buffer: &'a mut [u8; 125]) -> &'a [u8] {
        let Some(code) = self.code else { return &[] };
        let end = 2 + usize::from(self.len);
        buffer[..2].copy_from_slice(&code.0.to_be_bytes());
        buffer[2..end].copy_from_slice(&self.reason[..usize::from(self.len)]);
        &buffer[..end]
    }
}

/// The code as it is on the wire.
impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self::from_code(code)
    }
}

impl PartialEq for CloseFrame {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.reason() == other.reason()
    }
}

impl Eq for CloseFrame {}

/// `code` (null for a Close without a body) and `reason`.
#[cfg(feature = "serde")]
impl serde::Serialize for CloseFrame {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut fields = serializer.serialize_struct("CloseFrame", 2)?;
        fields.serialize_field("code", &self.code.map(CloseCode::get))?;
        fields.serialize_field("reason", self.reason())?;
        fields.end()
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => f.write_str("without a code"),
            Some(code) if self.len == 0 => code.fmt(f),
            Some(code) => write!(f, "{code} {:?}", self.reason()),
        }
    }
}

impl fmt::Debug for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFrame")
            .field("code", &self.code)
            .field("reason", &self.reason())
            .finish()
    }
}

/// Why a Close frame could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseFrameError {
    /// The reason does not fit into a control frame (RFC 6455 section 5.5).
    #[error("the close reason has {len} bytes, and a Close frame holds at most 123")]
    ReasonTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The reason holds a control character, which logs and headers would stumble over.
    #[error("the close reason holds a control character at byte {at}")]
    ControlCharacter {
        /// Its position in bytes.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_codes() {
        for code in 0..=u16::MAX {
            let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            assert_eq!(CloseCode::new(code).is_ok(), legal, "{code}");
        }
    }

    #[test]
    fn a_reason_is_refused_never_cut() {
        let longest = "x".repeat(123);
        let frame = CloseFrame::new(CloseCode::NORMAL, &longest).unwrap();
        assert_eq!(frame.reason(), longest);
        let mut buffer = [0; 125];
        assert_eq!(frame.payload(&mut buffer).len(), 125);
        assert_eq!(
            CloseFrame::new(CloseCode::NORMAL, &"x".repeat(124)),
            Err(CloseFrameError::ReasonTooLong { len: 124 })
        );
        assert_eq!(
            CloseFrame::new(CloseCode::NORMAL, "a\r\nb"),
            Err(CloseFrameError::ControlCharacter { at: 1 })
        );
    }

    #[test]
    fn payloads_are_code_then_reason() {
        let mut buffer = [0; 125];
        assert_eq!(CloseFrame::EMPTY.payload(&mut buffer), b"");
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "bye").unwrap();
        assert_eq!(frame.payload(&mut buffer), b"\x03\xe9bye");
    }
}
