//! Why there is no connection: what connecting and accepting can fail with.

use alloc::boxed::Box;
use std::io;

use crate::handshake::{RequestError, ResponseError};
use crate::reconnect::{ConnectFailure, Outcome};
use crate::report::Termination;
use crate::wire::keystream::SeedError;

/// Why connecting failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The request cannot be made: the URL is malformed, for example.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The URL is a `wss://` one, which needs TLS: open the TLS stream yourself and pass it to
    /// `handshake`.
    #[error("a wss:// URL needs a TLS stream: open one and give it to `handshake`")]
    TlsNeeded,
    /// No transport connection came about: the name did not resolve, the connection was refused,
    /// or the time for the opening handshake passed.
    #[error("no connection to the server: {0}")]
    Io(#[from] io::Error),
    /// The operating system has no random bytes to give.
    #[error(transparent)]
    Entropy(#[from] SeedError),
    /// The opening handshake did not succeed. The report says why, and holds the response of a
    /// server that refused.
    #[error("{0}")]
    Ended(Box<Termination>),
}

impl ConnectError {
    /// What [`Reconnect`](crate::reconnect::Reconnect) needs to know of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'_> {
        let failure = match self {
            Self::Ended(report) => return Outcome::Ended(report),
            Self::Request(error) => ConnectFailure::Request(*error),
            Self::TlsNeeded => ConnectFailure::TlsNeeded,
            Self::Io(error) if is_unresolved(error) => ConnectFailure::Unresolved,
            Self::Io(error) => error.into(),
            Self::Entropy(_) => ConnectFailure::Other,
        };
        Outcome::Failed(failure)
    }
}

/// The resolver's error, which its kind does not tell from others.
#[derive(Debug, thiserror::Error)]
#[error("the host's name did not resolve: {0}")]
struct Unresolved(#[source] io::Error);

/// Marks an error as the resolver's.
pub(super) fn unresolved(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Unresolved(error))
}

fn is_unresolved(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Unresolved>())
}

/// Why accepting failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The stream could not be prepared.
    #[error("the stream could not be prepared: {0}")]
    Io(#[from] io::Error),
    /// The operating system has no random bytes to give.
    #[error(transparent)]
    Entropy(#[from] SeedError),
    /// The response that the application decided on does not fit the request, whose client got
    /// status 500.
    #[error("the response does not fit the request: {0}")]
    Response(#[source] ResponseError),
    /// The opening handshake did not succeed. The report says why: a request that broke a rule, a
    /// rejection by this endpoint, or a client that left.
    #[error("{0}")]
    Ended(Box<Termination>),
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

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
            (ConnectError::Io(unresolved(lookup())), ConnectFailure::Unresolved),
            (ConnectError::Io(lookup()), ConnectFailure::Other),
            (ConnectError::Io(io::ErrorKind::ConnectionRefused.into()), ConnectFailure::Refused),
            (ConnectError::Io(io::Error::other(ConnectFailure::Tls)), ConnectFailure::Tls),
        ];
        for (error, failure) in cases {
            assert_eq!(error.outcome(), Outcome::Failed(failure), "{error}");
        }
        let says = ConnectError::Io(unresolved(lookup())).to_string();
        let expected = "no connection to the server: the host's name did not resolve: \
                        Name or service not known";
        assert_eq!(says, expected);
    }
}
