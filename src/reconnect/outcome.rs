//! What became of an attempt or of a connection, and what that means for the next attempt.
//!
//! Invariant: pure functions of the outcome; nothing here depends on time.

use core::time::Duration;

use thiserror::Error;

use crate::handshake::RequestError;
#[cfg(feature = "std")]
use crate::report::AttemptError;
use crate::report::{
    AddressAttempt, AttemptErrorKind, DialFailure, DialRecord, ProxyFailure, SocksReply,
    Termination, TlsAlert, TlsError,
};
use crate::wire::close::{CodeFacts, CodeRetry};

/// What became of an attempt to connect, or of the connection that it led to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// There was a transport connection, and this is how it ended: in the opening handshake or
    /// later.
    Ended(&'a Termination),
    /// There was none, and this is how it was dialled.
    Undialled(&'a DialRecord),
    /// There was none, for this reason.
    Failed(ConnectFailure),
}

impl<'a> From<&'a Termination> for Outcome<'a> {
    fn from(report: &'a Termination) -> Self {
        Self::Ended(report)
    }
}

impl<'a> From<&'a DialRecord> for Outcome<'a> {
    fn from(record: &'a DialRecord) -> Self {
        Self::Undialled(record)
    }
}

impl From<ConnectFailure> for Outcome<'_> {
    fn from(failure: ConnectFailure) -> Self {
        Self::Failed(failure)
    }
}

impl Outcome<'_> {
    /// Why no transport connection came about, where that is how it ended.
    #[must_use]
    pub fn failure(&self) -> Option<ConnectFailure> {
        match self {
            Self::Ended(_) => None,
            Self::Undialled(record) => Some((*record).into()),
            Self::Failed(failure) => Some(*failure),
        }
    }

    /// How long the server asked to wait, or the proxy that let nothing through.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Ended(report) => report.refusal.as_ref()?.retry_after(),
            Self::Undialled(record) => record.proxy.as_ref()?.refusal.as_ref()?.retry_after(),
            Self::Failed(_) => None,
        }
    }
}

/// What an outcome means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Try again, with backoff.
    Retry,
    /// Try again once the server has had time to restart.
    RetryAfterRestart,
    /// Try again after a long delay: the server has too much to do.
    RetryAfterOverload,
    /// Try again after a long delay: somebody else answers in the server's place for a while, a
    /// captive portal or a server that is being deployed, for example.
    RetryLater,
    /// Do not try again: it would end in the same way, or the connection is not wanted any more.
    Stop,
}

impl Advice {
    /// What the peer's close code means, as RFC 6455 section 7.1.5 defines it: 1005 where its Close
    /// had none, 1006 where no Close came.
    ///
    /// A code that is nobody's here is the application's to classify: it stops.
    #[must_use]
    pub const fn for_code(code: u16) -> Self {
        match CodeFacts::of(code).retry {
            CodeRetry::Meant | CodeRetry::Repeats | CodeRetry::Unclassified => Self::Stop,
            CodeRetry::Backoff => Self::Retry,
            CodeRetry::AfterRestart => Self::RetryAfterRestart,
            CodeRetry::AfterOverload => Self::RetryAfterOverload,
        }
    }

    /// What the status of a refused opening handshake means, by itself.
    ///
    /// [`Reconnect`](super::Reconnect) knows more than the status: a redirection to another host
    /// and a 404 after a connection that was open are tried again later.
    #[must_use]
    pub const fn for_status(status: u16) -> Self {
        match status {
            408 | 425 | 429 => Self::Retry,
            // What a captive portal says, the first with its page.
            200 | 511 => Self::RetryLater,
            // Not implemented, and an HTTP version that is not supported.
            501 | 505 => Self::Stop,
            // RFC 9110 section 15: one that is not known counts as 500.
            500..=599 => Self::Retry,
            _ => Self::Stop,
        }
    }

    /// What a TLS handshake that failed means.
    ///
    /// What the two ends are configured for stays so until somebody changes it. A clock that is
    /// wrong may be set soon, as on a machine that has just started.
    #[must_use]
    pub const fn for_tls(error: TlsError) -> Self {
        match error {
            TlsError::NotYetValid => Self::RetryAfterOverload,
            // Internal errors, of a server that starts or is overloaded for example.
            TlsError::Alert(TlsAlert(80 | 90)) => Self::Retry,
            TlsError::Undecryptable | TlsError::Broken | TlsError::Local => Self::Retry,
            TlsError::Expired
            | TlsError::UnknownIssuer
            | TlsError::WrongName
            | TlsError::Revoked
            | TlsError::BadCertificate
            | TlsError::NoCertificate
            | TlsError::Alert(_)
            | TlsError::NotTls
            | TlsError::Incompatible
            | TlsError::NoApplicationProtocol => Self::Stop,
        }
    }
}

/// Why no transport connection came about.
///
/// A connector of your own can put it into an
/// [`io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html), with `io::Error::other`, to
/// say more than the error's kind does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The host's name did not resolve. Tried again: the resolver may only be out of reach.
    #[error("the host's name did not resolve")]
    Unresolved,
    /// Nobody listens there. Tried again.
    #[error("the connection was refused")]
    Refused,
    /// There is no way to the host. Tried again.
    #[error("the host cannot be reached")]
    Unreachable,
    /// The time for it passed. Tried again.
    #[error("no connection came about in time")]
    TimedOut,
    /// Something else failed. Tried again.
    #[error("no connection came about")]
    Other,
    /// There are more addresses than are tried. Not tried again.
    #[error("there are more addresses than are tried")]
    Addresses,
    /// The proxy let nothing through. Tried again where that may pass; not where it wants
    /// credentials or forbids the server.
    #[error("the proxy let nothing through: {0}")]
    Proxy(ProxyFailure),
    /// TLS found no agreement, or the certificate is not trusted. Not tried again.
    #[error("the TLS handshake failed, and will until one of its ends is changed")]
    Tls,
    /// The URL is a `wss://` one, and there is nobody to speak TLS. Not tried again.
    #[error("a wss:// URL needs a connector that speaks TLS")]
    TlsNeeded,
    /// The request cannot be made: the URL is malformed, for example. Not tried again.
    #[error("the request cannot be made: {0}")]
    Request(RequestError),
}

impl ConnectFailure {
    /// What it means for the next attempt.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::Unresolved | Self::Refused | Self::Unreachable | Self::TimedOut | Self::Other => {
                Advice::Retry
            }
            Self::Proxy(failure) => for_proxy(failure),
            Self::Tls | Self::TlsNeeded | Self::Request(_) | Self::Addresses => Advice::Stop,
        }
    }
}

/// What a proxy's refusal means for the next attempt.
const fn for_proxy(failure: ProxyFailure) -> Advice {
    match failure {
        ProxyFailure::CutShort => Advice::Retry,
        ProxyFailure::Tls(error) => Advice::for_tls(error),
        ProxyFailure::Refused { status } => Advice::for_status(status),
        ProxyFailure::Socks(reply) => match reply {
            SocksReply::GeneralFailure
            | SocksReply::NetworkUnreachable
            | SocksReply::HostUnreachable
            | SocksReply::Refused
            | SocksReply::TtlExpired => Advice::Retry,
            SocksReply::Succeeded
            | SocksReply::NotAllowed
            | SocksReply::CommandNotSupported
            | SocksReply::AddressTypeNotSupported
            | SocksReply::Unassigned(_) => Advice::Stop,
        },
        ProxyFailure::CredentialsNeeded
        | ProxyFailure::CredentialsRefused
        | ProxyFailure::NoMethod
        | ProxyFailure::Malformed(_)
        | ProxyFailure::NotSocks
        | ProxyFailure::NoTls
        | ProxyFailure::NoTlsName
        | ProxyFailure::NameTooLong => Advice::Stop,
    }
}

impl From<&DialRecord> for ConnectFailure {
    /// Why this dial came to nothing.
    fn from(record: &DialRecord) -> Self {
        match &record.failure {
            Some(DialFailure::Unresolved { .. } | DialFailure::NoAddress) => Self::Unresolved,
            Some(DialFailure::TooManyAddresses { .. }) => Self::Addresses,
            Some(DialFailure::Unconnected) => unconnected(&record.attempts),
            Some(DialFailure::TimedOut { .. }) => Self::TimedOut,
            Some(DialFailure::Proxy(failure)) => Self::Proxy(*failure),
            None => Self::Other,
        }
    }
}

/// What the errors of all addresses come to: the one that says most.
fn unconnected(attempts: &[AddressAttempt]) -> ConnectFailure {
    let failures = attempts.iter().filter_map(|attempt| attempt.outcome.failure());
    failures.min_by_key(|kind| kind.weight()).map_or(ConnectFailure::Other, Into::into)
}

impl From<AttemptErrorKind> for ConnectFailure {
    fn from(kind: AttemptErrorKind) -> Self {
        match kind {
            AttemptErrorKind::Refused => Self::Refused,
            AttemptErrorKind::TimedOut => Self::TimedOut,
            AttemptErrorKind::Unreachable | AttemptErrorKind::NoLocalAddress => Self::Unreachable,
            AttemptErrorKind::NotPermitted | AttemptErrorKind::Reset | AttemptErrorKind::Other => {
                Self::Other
            }
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for ConnectFailure {
    /// By what is in the error, if that is a failure of this type, and by its kind.
    fn from(error: &std::io::Error) -> Self {
        let told = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        told.copied().unwrap_or_else(|| AttemptError::from(error).kind.into())
    }
}
