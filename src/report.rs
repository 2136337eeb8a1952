//! The report of how a connection ended: what happened, who began it, and the evidence.
//!
//! Invariant: plain values of a fixed size (but for the response of a server that refused), filled
//! in by other modules; nothing here decides anything. A short name consists of lower-case letters
//! and underscores and never changes: dashboards and alerts are built on it.

#![deny(clippy::wildcard_enum_match_arm)]

mod cause;
mod dial;
mod evidence;
mod first_bytes;
mod opening_failure;
mod phase;
mod position;
mod stats;
mod stream_code;
mod termination;
mod tls;
pub(crate) mod trace;
mod transport;

pub use cause::{Cause, Direction};
pub use dial::{
    AddressAttempt, AttemptError, AttemptErrorKind, AttemptOutcome, DialFailure, DialPhase,
    DialRecord, LookupError, PhaseSpan, ProxyAnswer, ProxyFailure, ProxyKind, ProxyRecord,
    ProxyTlsRecord, SocksReply, TlsRecord,
};
pub use evidence::{CloseReceived, Evidence, Gap, PeerPings, Pings, Rtt, SentMessage, Traffic};
pub use first_bytes::FirstBytes;
pub use opening_failure::OpeningFailure;
pub use phase::Phase;
pub use position::Position;
pub use stats::{HighWater, Stats};
pub(crate) use stream_code::{CodeMeaning, StreamCode};
pub use termination::{Initiator, LocalClose, StreamEnd, Termination, Undelivered};
pub(crate) use tls::WithProxy;
pub use tls::{TlsAlert, TlsCertificate, TlsError, TlsFacts, TlsVersion};
pub(crate) use transport::ReadEnd;
pub use transport::{ErrorMessage, ReadClosed, TransportError, TransportFailure};
