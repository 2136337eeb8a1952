//! Why there is no connection: the failures of a dial.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::super::tls::{TlsError, WithProxy};
use super::DialPhase;
use crate::handshake::HandshakeError;

/// Why a dial came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum DialFailure {
    /// The server's name, or the proxy's, did not resolve.
    #[error("the {} did not resolve{words}", if *.proxy { "proxy's name" } else { "host's name" })]
    Unresolved {
        /// Whether it was the proxy's.
        proxy: bool,
        /// What the resolver said.
        words: LookupError,
    },
    /// There is no address to connect to: the resolver found none, or none was given.
    #[error("there is no address to connect to")]
    NoAddress,
    /// More addresses were given or found than are tried.
    #[error("{given} addresses are more than the {limit} that are tried")]
    TooManyAddresses {
        /// How many there are.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// Every address failed; the record has each with its own error.
    #[error("no address could be connected to")]
    Unconnected,
    /// The time for it passed in this phase.
    #[error("the time had passed in {phase}")]
    TimedOut {
        /// The phase.
        phase: DialPhase,
    },
    /// The proxy let nothing through.
    #[error("the proxy let nothing through: {0}")]
    Proxy(#[from] ProxyFailure),
}

/// What a resolver said: the beginning of its own words.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct LookupError(Box<str>);

impl LookupError {
    /// The most that is kept, in characters.
    const MAX: usize = 128;

    /// The first 128 characters, with blanks in place of control characters.
    #[must_use]
    pub fn new(words: &str) -> Self {
        let plain = |character: char| if character.is_control() { ' ' } else { character };
        let words: String = words.chars().take(Self::MAX).map(plain).collect();
        Self(words.into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The words behind a colon, or nothing.
impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl fmt::Debug for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for LookupError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Why a proxy let nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ProxyFailure {
    /// It wants credentials, and was given none: status 407 or 401, or SOCKS5's lack of a method.
    #[error("it wants credentials")]
    CredentialsNeeded,
    /// It refused the credentials that it was given.
    #[error("it refused the credentials")]
    CredentialsRefused,
    /// It accepts no way to authenticate that is spoken here.
    #[error("it accepts no way to authenticate that is spoken here")]
    NoMethod,
    /// It refused with this HTTP status.
    #[error("it refused with status {status}")]
    Refused {
        /// The status.
        status: u16,
    },
    /// It refused with this reply of SOCKS5.
    #[error("{0}")]
    Socks(SocksReply),
    /// Its answer is no HTTP.
    #[error("its answer is no HTTP: {0}")]
    Malformed(HandshakeError),
    /// Its answer is no SOCKS5.
    #[error("its answer is no SOCKS5")]
    NotSocks,
    /// It is an `https://` one, and nobody has said how to speak TLS with it: feature `wss` does, or
    /// `Proxy::tls`.
    #[error(
        "it is an https:// proxy, and there are no settings of TLS for it: feature `wss` brings them, or \
             `Proxy::tls`"
    )]
    NoTls,
    /// It is an `https://` one whose host is neither a DNS name nor an address, so that no certificate
    /// can be for it.
    #[error("its host is neither a DNS name nor an address, so no certificate can be for it")]
    NoTlsName,
    /// TLS with it failed: the record has what was known.
    #[error("{}", WithProxy(*.0))]
    Tls(TlsError),
    /// The server's name is longer than SOCKS5 can say.
    #[error("the host's name is longer than the 255 bytes of SOCKS5")]
    NameTooLong,
    /// The connection to it ended or failed before it had answered, or before it was asked to the end.
    #[error("it ended the connection before it had answered what it was asked")]
    CutShort,
}

/// The reply of a SOCKS5 proxy (RFC 1928 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum SocksReply {
    /// 0: the connection is through.
    #[error("succeeded")]
    Succeeded,
    /// 1.
    #[error("general SOCKS server failure")]
    GeneralFailure,
    /// 2: the proxy's rules forbid it.
    #[error("connection not allowed by ruleset")]
    NotAllowed,
    /// 3.
    #[error("network unreachable")]
    NetworkUnreachable,
    /// 4: as a rule, also what a name gets that the proxy cannot resolve.
    #[error("host unreachable")]
    HostUnreachable,
    /// 5.
    #[error("connection refused")]
    Refused,
    /// 6.
    #[error("TTL expired")]
    TtlExpired,
    /// 7.
    #[error("command not supported")]
    CommandNotSupported,
    /// 8: the proxy takes no names, or no addresses of this family.
    #[error("address type not supported")]
    AddressTypeNotSupported,
    /// Any other number.
    #[error("reply {0}, which has no name")]
    Unassigned(u8),
}

impl SocksReply {
    /// The reply of this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Succeeded,
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::Refused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            other => Self::Unassigned(other),
        }
    }
}
