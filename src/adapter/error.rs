//! Why there is no connection: what connecting and accepting can fail with.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use std::io;

use crate::diagnosis::Diagnosis;
use crate::dial::DialError;
use crate::handshake::{RedirectError, RequestError, ResponseError, Suspect, Why};
use crate::reconnect::{ConnectFailure, Outcome};
use crate::report::{Cause, DialRecord, Termination};
#[cfg(feature = "rustls")]
use crate::tls::TlsConfigError;
use crate::wire::keystream::SeedError;

/// Why connecting failed.
///
/// ```
/// use farewell::{ConnectError, blocking};
///
/// match blocking::connect("wss:/example.com") {
///     Err(ConnectError::Request(error)) => println!("the URL: {error}"),
///     // How far the way was: addresses, each with its own error; the proxy's answer.
///     Err(ConnectError::Dial(error)) => println!("{error}: {:?}", error.record),
///     // The server refused, or broke a rule: status, response and rule are in the report.
///     Err(ConnectError::Ended(report)) => println!("{report}"),
///     Err(error) => println!("{error}"),
///     Ok(socket) => println!("{socket:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The request cannot be made: the URL is malformed, for example.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The URL is a `wss://` one, and there is no TLS without feature `wss`: enable it, or open the
    /// TLS stream yourself and pass it to `handshake`.
    #[error(
        "a wss:// URL needs TLS: enable feature `wss`, or open a TLS stream and give it to \
         `handshake`"
    )]
    TlsNeeded,
    /// There can be no TLS with these settings, or to this host.
    #[cfg(feature = "rustls")]
    #[error("no TLS: {0}")]
    Tls(#[from] TlsConfigError),
    /// No way to the server was found: its record says which phase failed, with every address and
    /// the proxy's answer.
    #[error("no connection to the server: {0}")]
    Dial(#[from] DialError),
    /// A connector of the caller's own failed, or the stream could not be prepared.
    #[error("no connection to the server: {0}")]
    Io(#[from] io::Error),
    /// The operating system has no random bytes to give.
    #[error(transparent)]
    Entropy(#[from] SeedError),
    /// The opening handshake did not succeed. The report says why, and holds the response of a
    /// server that refused.
    #[error("{0}")]
    Ended(Box<Termination>),
    /// The server redirects, and that is not followed.
    #[error("the server redirects, and that is not followed: {error}")]
    Redirect {
        /// Why not.
        error: RedirectError,
        /// The report, with the response.
        report: Box<Termination>,
    },
    /// The server redirects, and there can be no TLS to where it leads.
    #[cfg(feature = "rustls")]
    #[error("the server redirects, and there can be no TLS to where it leads: {error}")]
    RedirectTls {
        /// Why not.
        error: TlsConfigError,
        /// The report of the redirection, with the response.
        report: Box<Termination>,
    },
}

impl ConnectError {
    /// The report, where there was an opening handshake to report of: the failed one, or that of a
    /// redirection which is not followed.
    #[must_use]
    pub fn report(&self) -> Option<&Termination> {
        match self {
            Self::Ended(report) | Self::Redirect { report, .. } => Some(report),
            #[cfg(feature = "rustls")]
            Self::RedirectTls { report, .. } => Some(report),
            #[cfg(feature = "rustls")]
            Self::Tls(_) => None,
            Self::Request(_) | Self::TlsNeeded | Self::Dial(_) | Self::Io(_) | Self::Entropy(_) => {
                None
            }
        }
    }

    /// How far the way to the connection was, where it was dialled: each phase with its times,
    /// every address with its own error, the proxy's answer.
    #[must_use]
    pub fn dial(&self) -> Option<&DialRecord> {
        match self {
            Self::Dial(error) => Some(&error.record),
            other => other.report()?.dial.as_deref(),
        }
    }

    /// Why there is no connection: probably so after an opening handshake, and certainly where the
    /// resolver, the system or the proxy has said it. Nothing where the caller's own request or
    /// connector is at fault.
    #[must_use]
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        match self {
            Self::Dial(error) => Some(error.record.diagnosis()),
            other => other.report().map(Termination::diagnosis),
        }
    }

    /// What [`Reconnect`](crate::reconnect::Reconnect) needs to know of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'_> {
        let failure = match self {
            Self::Ended(report) | Self::Redirect { report, .. } => return Outcome::Ended(report),
            #[cfg(feature = "rustls")]
            Self::RedirectTls { report, .. } => return Outcome::Ended(report),
            Self::Dial(error) => return Outcome::Undialled(&error.record),
            Self::Request(error) => ConnectFailure::Request(*error),
            Self::TlsNeeded => ConnectFailure::TlsNeeded,
            #[cfg(feature = "rustls")]
            Self::Tls(_) => ConnectFailure::Tls,
            Self::Io(error) => error.into(),
            Self::Entropy(_) => ConnectFailure::Other,
        };
        Outcome::Failed(failure)
    }
}

/// Why accepting failed.
///
/// ```no_run
/// # fn run(stream: std::net::TcpStream, acceptor: &farewell::Acceptor) {
/// use farewell::{AcceptError, blocking};
///
/// match blocking::accept(stream, acceptor) {
///     Ok(socket) => println!("{socket:?}"),
///     // Nothing went wrong: a health check, and a request that was turned away.
///     Err(AcceptError::Plain { .. }) => {}
///     Err(AcceptError::Rejected { status, .. }) => println!("turned away with {status}"),
///     Err(error) => eprintln!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The stream could not be prepared.
    #[error("the stream could not be prepared: {0}")]
    Io(#[from] io::Error),
    /// The operating system has no random bytes to give.
    #[error(transparent)]
    Entropy(#[from] SeedError),
    /// There can be no TLS with these settings.
    #[cfg(feature = "rustls")]
    #[error("no TLS: {0}")]
    Tls(#[from] TlsConfigError),
    /// The response that the application decided on does not fit the request, whose client got
    /// status 500.
    #[error("the response does not fit the request: {0}")]
    Response(#[source] ResponseError),
    /// This server rejected the request: the application has decided so, or the Origin is not among
    /// those that it accepts. Nothing went wrong.
    #[error("rejected with status {status}{}", because(reason.as_deref()))]
    Rejected {
        /// The HTTP status of the response.
        status: u16,
        /// Why, where it is known: the error that became a [`Rejection`](crate::handshake::Rejection)
        /// by `?`, or what [`because`](crate::handshake::Rejection::because) was given.
        reason: Option<Box<dyn Error + Send + Sync>>,
        /// The report, with what was seen of the client.
        report: Box<Termination>,
    },
    /// A [plain request](crate::handshake::Request::is_plain) came, a health check for example, and the
    /// application has answered it. Nothing went wrong.
    #[error("a plain request was answered with status {status}{}", because(reason.as_deref()))]
    Plain {
        /// The HTTP status of the response.
        status: u16,
        /// Why, where the response was made of an error.
        reason: Option<Box<dyn Error + Send + Sync>>,
        /// The report, with what was seen of the client.
        report: Box<Termination>,
    },
    /// The HTTP server does not give up the stream of a sound request.
    #[cfg(feature = "hyper")]
    #[error("the HTTP server does not give up the stream: {0}")]
    Upgrade(#[from] UpgradeError),
    /// The opening handshake did not succeed. The report says why: a request that broke a rule, a
    /// client that left, or no decision in time.
    #[error("{0}")]
    Ended(Box<Termination>),
}

impl AcceptError {
    /// What became of the opening handshake that has ended so, and why the application wanted that.
    pub(super) fn ended(report: Box<Termination>, why: Option<Why>) -> Self {
        let reason = why.map(|why| Box::new(why) as Box<dyn Error + Send + Sync>);
        match report.cause {
            Cause::HandshakeRejected { status } => Self::Rejected { status, reason, report },
            Cause::PlainRequest { status } => Self::Plain { status, reason, report },
            Cause::HandshakeInvalid(error) if error.suspect() == Suspect::Nothing => {
                Self::Rejected { status: error.status(), reason: Some(error.into()), report }
            }
            _ => Self::Ended(report),
        }
    }

    /// The report, where there was an opening handshake to report of.
    #[must_use]
    pub fn report(&self) -> Option<&Termination> {
        match self {
            Self::Rejected { report, .. } | Self::Plain { report, .. } | Self::Ended(report) => {
                Some(report)
            }
            #[cfg(feature = "rustls")]
            Self::Tls(_) => None,
            #[cfg(feature = "hyper")]
            Self::Upgrade(_) => None,
            Self::Io(_) | Self::Entropy(_) | Self::Response(_) => None,
        }
    }

    /// The same, to keep.
    ///
    /// # Errors
    ///
    /// The error itself, where there is no report.
    pub fn into_report(self) -> Result<Box<Termination>, Self> {
        match self {
            Self::Rejected { report, .. } | Self::Plain { report, .. } | Self::Ended(report) => {
                Ok(report)
            }
            other => Err(other),
        }
    }
}

/// A reason as the end of a sentence.
fn because(reason: Option<&(dyn Error + Send + Sync)>) -> impl fmt::Display {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// Why an HTTP server does not give up the stream of a request: a fault of this server's.
#[cfg(feature = "hyper")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request has no upgrade in its extensions: it was taken out before, or the request does
    /// not come from hyper. Its client got status 500.
    #[error("the request has no upgrade in its extensions")]
    Missing,
    /// The connection is served without upgrades: see hyper's `with_upgrades`.
    #[error("its connections are served without upgrades")]
    NotEnabled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_an_outcome() {
        let lookup = || io::Error::other("Name or service not known");
        let cases = [
            (
                ConnectError::Request(RequestError::Port),
                ConnectFailure::Request(RequestError::Port),
            ),
            (ConnectError::TlsNeeded, ConnectFailure::TlsNeeded),
            (ConnectError::Io(lookup()), ConnectFailure::Other),
            (ConnectError::Io(io::ErrorKind::ConnectionRefused.into()), ConnectFailure::Refused),
            (ConnectError::Io(io::Error::other(ConnectFailure::Tls)), ConnectFailure::Tls),
        ];
        for (error, failure) in cases {
            assert_eq!(error.outcome(), Outcome::Failed(failure), "{error}");
        }
        let record = Box::new(DialRecord::new(crate::Timestamp::ZERO));
        let error = ConnectError::Dial(DialError { record: record.clone() });
        assert_eq!(error.outcome(), Outcome::Undialled(&record));
    }
}
