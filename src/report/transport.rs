//! What a transport says of its end and of its failures.
//!
//! Invariant: nothing here is guessed. A kind is what the operating system or the stream said, and
//! only who speaks TLS says that TLS was cut short.

use core::fmt::{self, Write as _};

use super::StreamCode;
use super::tls::WithProxy;

/// How the reading direction of the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadClosed {
    /// An orderly end of stream: TCP's FIN, TLS's `close_notify`, or HTTP/2's END_STREAM.
    Eof,
    /// TCP's FIN without TLS's `close_notify`: someone may have cut the stream short.
    TlsTruncated,
    /// An end of stream, or a reset that says no more than that: who carries it does not tell the two
    /// apart. As after an orderly end, what is still to leave gets its chance.
    EndOrReset,
    /// Reading failed.
    Failed(TransportError),
}

impl From<TransportError> for ReadClosed {
    fn from(kind: TransportError) -> Self {
        match kind {
            TransportError::TlsTruncated => Self::TlsTruncated,
            TransportError::EndOrReset => Self::EndOrReset,
            TransportError::Reset
            | TransportError::Aborted
            | TransportError::BrokenPipe
            | TransportError::TimedOut
            | TransportError::Refused
            | TransportError::Unreachable
            | TransportError::Tls(_)
            | TransportError::ProxyTls(_)
            | TransportError::UnexpectedEof
            | TransportError::StreamReset { .. }
            | TransportError::GoAway { .. }
            | TransportError::NonBlocking
            | TransportError::Other => Self::Failed(kind),
        }
    }
}

/// How the reading side ended, with what was said where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadEnd {
    pub(crate) how: ReadClosed,
    pub(crate) failure: Option<TransportFailure>,
}

impl From<ReadClosed> for ReadEnd {
    fn from(how: ReadClosed) -> Self {
        Self { how, failure: None }
    }
}

impl From<TransportFailure> for ReadEnd {
    fn from(failure: TransportFailure) -> Self {
        Self { how: failure.kind.into(), failure: Some(failure) }
    }
}

/// What a transport says when it fails.
///
/// A stream that knows more than the kind of an [`io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html)
/// tells, as one that speaks TLS does, puts one of these into the error: the adapters then take it
/// for what happened.
///
/// ```
/// # #[cfg(feature = "std")] {
/// use std::io::{Error, ErrorKind};
///
/// use farewell::TransportError;
///
/// // What a TLS library says of a missing close_notify, and what it is.
/// let said = Error::from(ErrorKind::UnexpectedEof);
/// assert_eq!(TransportError::from(&said), TransportError::UnexpectedEof);
/// let meant = Error::new(said.kind(), TransportError::TlsTruncated);
/// assert_eq!(TransportError::from(&meant), TransportError::TlsTruncated);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum TransportError {
    /// The peer, or something on the path, reset the connection.
    #[error("connection reset")]
    Reset,
    /// The connection was aborted on this machine.
    #[error("connection aborted")]
    Aborted,
    /// The connection was closed for writing.
    #[error("broken pipe")]
    BrokenPipe,
    /// The operating system gave up on the peer.
    #[error("connection timed out")]
    TimedOut,
    /// The peer's host, or a firewall in its name, says that nobody is there any more.
    #[error("connection refused")]
    Refused,
    /// There is no way to the peer's host or to its network any more.
    #[error("host or network unreachable")]
    Unreachable,
    /// TLS's stream ended without `close_notify`: someone may have cut it short. Said only by a
    /// stream that speaks TLS.
    #[error("the TLS stream was cut short")]
    TlsTruncated,
    /// TLS failed.
    #[error(transparent)]
    Tls(super::TlsError),
    /// TLS with an `https://` proxy failed, below everything that is spoken with the peer.
    #[error("{}", WithProxy(*.0))]
    ProxyTls(super::TlsError),
    /// The stream says that it ended before its end, and not what that means.
    #[error("unexpected end of the stream")]
    UnexpectedEof,
    /// The peer, or a proxy in front of it, reset this stream of an HTTP/2 or HTTP/3 connection. Said
    /// only by who speaks that.
    #[error("the stream was reset with {}", StreamCode(*code))]
    StreamReset {
        /// The error code: of HTTP/2 (RFC 9113 section 7), or of HTTP/3 (RFC 9114 section 8.1).
        code: u64,
    },
    /// The HTTP/2 or HTTP/3 connection below was shut down (GOAWAY), and this stream with it. Said
    /// only by who speaks that.
    #[error("the connection below was shut down with {}", StreamCode(*code))]
    GoAway {
        /// The error code, as above.
        code: u64,
    },
    /// The stream ended or was reset; who carries it does not tell the two apart.
    #[error("the stream ended or was reset, which of the two is not known")]
    EndOrReset,
    /// The stream is in non-blocking mode, and whoever waits with it needs one that blocks.
    #[error("the stream is in non-blocking mode")]
    NonBlocking,
    /// Anything else.
    #[error("transport error")]
    Other,
}

/// A failure of the transport: its kind, and what the operating system or the stream said of it.
///
/// Of a fixed size, without an allocation. Where there is only a kind, `kind.into()` makes one.
///
/// ```
/// use farewell::{TransportError, TransportFailure};
///
/// let failure = TransportFailure::new(TransportError::Unreachable)
///     .os_error(113)
///     .message(&"No route to host (os error 113)");
/// assert_eq!(failure.to_string(), "host or network unreachable (os error 113)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TransportFailure {
    /// What kind it is of.
    pub kind: TransportError,
    /// The number of the operating system's error, where it was one.
    pub os_error: Option<i32>,
    /// The beginning of the error's own words; empty where there are none.
    pub message: ErrorMessage,
}

impl TransportFailure {
    /// A failure of which nothing but the kind is known.
    #[must_use]
    pub const fn new(kind: TransportError) -> Self {
        Self { kind, os_error: None, message: ErrorMessage::EMPTY }
    }

    /// With the number of the operating system's error.
    #[must_use]
    pub const fn os_error(self, number: i32) -> Self {
        Self { os_error: Some(number), ..self }
    }

    /// With the error's own words: the first 96 bytes of them.
    #[must_use]
    pub fn message(self, words: &dyn fmt::Display) -> Self {
        Self { message: ErrorMessage::new(words), ..self }
    }
}

impl From<TransportError> for TransportFailure {
    fn from(kind: TransportError) -> Self {
        Self::new(kind)
    }
}

/// The kind with the number; of a kind that says nothing, the error's own words.
impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        let untold = matches!(self.kind, TransportError::Other | TransportError::UnexpectedEof);
        match self.os_error {
            _ if untold && !self.message.is_empty() => write!(f, ": {}", self.message),
            Some(number) => write!(f, " (os error {number})"),
            None => Ok(()),
        }
    }
}

/// The beginning of what an error says of itself, in a fixed size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ErrorMessage {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl ErrorMessage {
    /// The most that is kept, in bytes.
    const MAX: usize = 96;

    const EMPTY: Self = Self { len: 0, bytes: [0; Self::MAX] };

    fn new(words: &dyn fmt::Display) -> Self {
        let mut message = Self::EMPTY;
        // It fails where there is no room left, and what there was room for is kept.
        let _ = write!(message, "{words}");
        message
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words, at most 96 bytes of them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Write for ErrorMessage {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let start = usize::from(self.len);
            let end = start + character.len_utf8();
            let Some(room) = self.bytes.get_mut(start..end) else { return Err(fmt::Error) };
            character.encode_utf8(room);
            self.len = end as u8;
        }
        Ok(())
    }
}

/// Without its control characters, so that it cannot forge a line of a log.
impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |character: char| if character.is_control() { ' ' } else { character };
        self.as_str().chars().map(plain).try_for_each(|character| f.write_char(character))
    }
}

impl fmt::Debug for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ErrorMessage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for TransportError {
    /// By what is in the error, if that is a failure of this type, and by its kind.
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        if let Some(kind) = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            return *kind;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds")]
        match error.kind() {
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::ConnectionAborted | ErrorKind::NotConnected => Self::Aborted,
            ErrorKind::BrokenPipe | ErrorKind::WriteZero => Self::BrokenPipe,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            ErrorKind::UnexpectedEof => Self::UnexpectedEof,
            _ => Self::Other,
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for TransportFailure {
    /// With the error's number and its words.
    fn from(error: &std::io::Error) -> Self {
        let failure = Self::new(error.into());
        // A kind alone says the same again, and so does a failure of our own in the error.
        let words = error.get_ref().is_some_and(|inner| !inner.is::<TransportError>());
        let told = error.raw_os_error().is_some() || words;
        let failure = if told { failure.message(error) } else { failure };
        Self { os_error: error.raw_os_error(), ..failure }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for ReadClosed {
    /// The error of a read.
    fn from(error: &std::io::Error) -> Self {
        TransportError::from(error).into()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_error_keeps_its_number_and_its_words() {
        let said = TransportFailure::from(&Error::other("the modem hung up"));
        assert_eq!(said.message.as_str(), "the modem hung up");
        assert_eq!(said.to_string(), "transport error: the modem hung up");
        let kind_alone = TransportFailure::from(&Error::from(ErrorKind::ConnectionReset));
        assert_eq!(kind_alone, TransportError::Reset.into());
        assert_eq!(kind_alone.to_string(), "connection reset");
        #[cfg(target_os = "linux")]
        for (number, kind) in [
            (101, TransportError::Unreachable),
            (103, TransportError::Aborted),
            (104, TransportError::Reset),
            (110, TransportError::TimedOut),
            (111, TransportError::Refused),
            (113, TransportError::Unreachable),
            (105, TransportError::Other),
        ] {
            let failure = TransportFailure::from(&Error::from_raw_os_error(number));
            assert_eq!((failure.kind, failure.os_error), (kind, Some(number)));
            assert!(failure.to_string().contains("os error"), "{failure}");
            assert!(!failure.message.as_str().is_empty());
        }
    }

    #[test]
    fn only_who_speaks_tls_says_that_it_was_cut_short() {
        let plain = Error::new(ErrorKind::UnexpectedEof, "failed to fill whole buffer");
        assert_eq!(ReadClosed::from(&plain), ReadClosed::Failed(TransportError::UnexpectedEof));
        let words = TransportFailure::from(&plain).to_string();
        assert_eq!(words, "unexpected end of the stream: failed to fill whole buffer");
        let tls = Error::new(ErrorKind::UnexpectedEof, TransportError::TlsTruncated);
        assert_eq!(ReadClosed::from(&tls), ReadClosed::TlsTruncated);
        // Its words are those of the kind.
        assert_eq!(TransportFailure::from(&tls), TransportError::TlsTruncated.into());
        let other = TransportFailure::from(&Error::other(TransportError::Other));
        assert_eq!((other.message.as_str(), &*other.to_string()), ("", "transport error"));
    }

    #[test]
    fn a_message_is_cut_at_a_character_and_forges_no_line() {
        let long = "é".repeat(60);
        let cut = ErrorMessage::new(&long);
        assert_eq!(cut.as_str(), "é".repeat(48));
        let odd = ErrorMessage::new(&"a".repeat(95)).as_str().len();
        assert_eq!(odd, 95);
        let between = ErrorMessage::new(&std::format!("{}é", "a".repeat(95)));
        assert_eq!(between.as_str(), "a".repeat(95));
        assert_eq!(ErrorMessage::new(&"a\r\nb\u{1b}").to_string(), "a  b ");
    }
}
