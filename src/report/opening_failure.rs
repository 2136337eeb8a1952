//! How an opening handshake came to nothing whose HTTP somebody else has spoken.
//!
//! One that a [`Session`](crate::Session) speaks makes its report itself.

use alloc::boxed::Box;

use super::{
    Cause, Direction, Evidence, Position, ReadClosed, StreamEnd, Termination, TransportFailure,
};
use crate::handshake::{Carrier, HandshakeError, Refusal};
use crate::time::Timestamp;
use crate::wire::role::Role;

/// Why there is no connection, after an opening handshake whose HTTP somebody else has spoken: an
/// HTTP server, or a client over HTTP/2.
///
/// [`report`](Self::report) makes the report of it that every ending has.
///
/// ```
/// use farewell::handshake::{Carrier, HandshakeError};
/// use farewell::{OpeningFailure, Role, Timestamp, TransportError};
///
/// // The peer's HTTP/2 does not take WebSockets:
/// let failure = OpeningFailure::Invalid(HandshakeError::ExtendedConnectNotOffered);
/// let now = Timestamp::ZERO;
/// let report = failure.report(Role::Client, Carrier::Http2, now, now);
/// assert_eq!(report.diagnosis().verdict().name(), "extended_connect_not_offered");
///
/// // The stream was reset before there was a response:
/// let failure = OpeningFailure::from(TransportError::StreamReset { code: 7 });
/// let report = failure.report(Role::Client, Carrier::Http2, now, now);
/// assert_eq!(report.diagnosis().verdict().name(), "stream_refused");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OpeningFailure {
    /// The server refused, on a client.
    Refused(Box<Refusal>),
    /// This server refused the request with this status, for reasons of the application.
    Rejected {
        /// The status of the response.
        status: u16,
    },
    /// The peer broke a rule.
    Invalid(HandshakeError),
    /// The transport, or the stream, failed in this direction.
    Failed {
        /// The direction.
        direction: Direction,
        /// What it said.
        failure: TransportFailure,
    },
    /// The stream ended before the opening handshake was over.
    Ended,
    /// It was not over in time.
    TimedOut,
    /// This endpoint gave up.
    Aborted,
}

/// A failure in reading, where a response is waited for.
impl<T: Into<TransportFailure>> From<T> for OpeningFailure {
    fn from(failure: T) -> Self {
        Self::Failed { direction: Direction::Read, failure: failure.into() }
    }
}

impl OpeningFailure {
    /// The report: of which endpoint, over what, and from when to when.
    #[must_use]
    pub fn report(
        self,
        role: Role,
        carrier: Carrier,
        began: Timestamp,
        ended: Timestamp,
    ) -> Box<Termination> {
        let mut evidence = Evidence::before_open(began);
        evidence.ended = ended.max(began);
        evidence.carrier = carrier;
        // Whoever speaks a server's HTTP has read the request before there is anything to fail.
        evidence.last_received = (role == Role::Server).then_some(began);
        let mut stream_end = StreamEnd::NotSeen;
        let mut refused = None;
        let cause = match self {
            Self::Refused(refusal) => {
                let status = refusal.status();
                evidence.last_received = Some(evidence.ended);
                evidence.http_status = Some(status);
                refused = Some(refusal);
                Cause::HandshakeRejected { status }
            }
            Self::Rejected { status } => {
                let status = carrier.status(status);
                evidence.http_status = Some(status);
                Cause::HandshakeRejected { status }
            }
            Self::Invalid(error) => {
                if role == Role::Server {
                    evidence.http_status = Some(carrier.status(error.status()));
                }
                Cause::HandshakeInvalid(error)
            }
            Self::Failed { direction, failure } => {
                evidence.failure = Some(failure);
                let closed = ReadClosed::from(failure.kind);
                if direction == Direction::Read {
                    stream_end = Some(closed).into();
                }
                Cause::Transport { direction, kind: failure.kind }
            }
            Self::Ended => {
                stream_end = StreamEnd::Eof;
                Cause::Eof { at: Position::OpeningHandshake }
            }
            Self::TimedOut => Cause::HandshakeTimeout,
            Self::Aborted => Cause::Aborted,
        };
        Box::new(Termination::before_open(role, cause, stream_end, refused, evidence))
    }
}
