//! How a connection ended: the one report that every connection leaves.
//!
//! Invariant: a report has one author, the connection or the opening handshake that ended, and
//! nobody changes it afterwards.

use alloc::boxed::Box;
use core::fmt;

use super::cause::{Cause, Direction};
use super::dial::DialRecord;
use super::evidence::Evidence;
use super::position::{Bytes, Position};
use super::tls::TlsFacts;
use super::transport::{ReadClosed, TransportError};
#[cfg(feature = "tracing")]
use crate::handshake::Suspect;
use crate::handshake::{HandshakeError, Refusal};
use crate::time::display::Span;
use crate::wire::close::{ABNORMAL_CLOSURE, CloseFrame};
use crate::wire::role::Role;

/// The report of an ending.
///
/// Its `Display` is one line that a person can act on:
///
/// ```text
/// unclean (1006): the peer's stream ended inside a frame, 812 of 4096 bytes received;
/// no Close frame was received or sent; last byte 3.2 s ago
/// ```
///
/// `{:?}` shows that sentence as well, since it is what an error in `main` or in `unwrap` prints;
/// `{:#?}` shows every field.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Termination {
    /// The role of the endpoint that reports.
    pub role: Role,
    /// The close code as RFC 6455 section 7.1.5 defines it: the peer's, 1005 where its Close had
    /// none, 1006 where no Close came.
    pub code: u16,
    /// Whether the transport closed after both Close frames had passed (RFC 6455 section 7.1.4).
    pub clean: bool,
    /// Who began the ending.
    pub initiator: Initiator,
    /// What happened.
    pub cause: Cause,
    /// Our Close, where one was queued.
    pub local_close: Option<LocalClose>,
    /// The peer's Close, where one came. Never invented.
    pub peer_close: Option<CloseFrame>,
    /// How the peer's stream ended.
    pub stream_end: StreamEnd,
    /// The peer closed in the middle of a fragmented message.
    pub truncated_message: bool,
    /// What was accepted for sending and never written. After a clean end, a Pong that had not left
    /// is none of it.
    pub dropped: Undelivered,
    /// The server's response that refused the opening handshake; on a client only.
    pub refusal: Option<Box<Refusal>>,
    /// How the stream below came about; on a client only, where the connection was dialled.
    pub dial: Option<Box<DialRecord>>,
    /// What is known of the TLS below, where this crate has spoken it.
    pub tls: Option<Box<TlsFacts>>,
    /// What was seen on the way.
    pub evidence: Evidence,
}

impl fmt::Debug for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "Termination({self})");
        }
        let Self { role, code, clean, initiator, cause, local_close, peer_close, .. } = self;
        let Self { stream_end, truncated_message, dropped, refusal, dial, tls, evidence, .. } =
            self;
        f.debug_struct("Termination")
            .field("role", role)
            .field("code", code)
            .field("clean", clean)
            .field("initiator", initiator)
            .field("cause", cause)
            .field("local_close", local_close)
            .field("peer_close", peer_close)
            .field("stream_end", stream_end)
            .field("truncated_message", truncated_message)
            .field("dropped", dropped)
            .field("refusal", refusal)
            .field("dial", dial)
            .field("tls", tls)
            .field("evidence", evidence)
            .finish()
    }
}

impl Termination {
    /// The report of an opening handshake that came to nothing.
    pub(crate) fn before_open(
        role: Role,
        cause: Cause,
        stream_end: StreamEnd,
        refusal: Option<Box<Refusal>>,
        evidence: Evidence,
    ) -> Self {
        Self {
            role,
            //= rfc6455#7.1.5
            //# If _The WebSocket
            //# Connection is Closed_ and no Close control frame was received by the
            //# endpoint (such as could occur if the underlying transport connection
            //# is lost), _The WebSocket Connection Close Code_ is considered to be
            //# 1006.
            code: ABNORMAL_CLOSURE,
            clean: false,
            initiator: match cause {
                Cause::Eof { .. } | Cause::Transport { .. } => Initiator::Transport,
                Cause::HandshakeRejected { .. } if role == Role::Client => Initiator::Peer,
                Cause::HandshakeRejected { .. }
                | Cause::PlainRequest { .. }
                | Cause::HandshakeInvalid(_)
                | Cause::HandshakeTimeout
                | Cause::ClosingHandshake
                | Cause::PongTimeout { .. }
                | Cause::IdleTimeout { .. }
                | Cause::MessageTimeout { .. }
                | Cause::WriteStalled { .. }
                | Cause::CloseTimeout
                | Cause::Violation { .. }
                | Cause::TooBig { .. }
                | Cause::Aborted => Initiator::Local,
            },
            cause,
            local_close: None,
            peer_close: None,
            stream_end,
            truncated_message: false,
            dropped: Undelivered::default(),
            refusal,
            dial: None,
            tls: None,
            evidence,
        }
    }

    /// The reason in the peer's Close, or nothing.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.peer_close.as_ref().map_or("", CloseFrame::reason)
    }

    /// Whether this server has turned a client away, as it was meant to: health checks, a foreign Origin,
    /// what the application has rejected.
    #[cfg(feature = "tracing")]
    pub(super) fn is_turned_away(&self) -> bool {
        let meant = matches!(
            self.cause,
            Cause::PlainRequest { .. } | Cause::HandshakeRejected { .. }
        ) || matches!(self.cause, Cause::HandshakeInvalid(error) if error.suspect() == Suspect::Nothing);
        meant && self.role == Role::Server
    }

    fn is_before_open(&self) -> bool {
        self.evidence.position.is_before_open()
    }

    fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::ClosingHandshake => match self.initiator {
                Initiator::Peer => f.write_str("the peer closed"),
                Initiator::Both => f.write_str("both ends closed at once"),
                Initiator::Local | Initiator::Transport => f.write_str("we closed"),
            },
            Cause::Eof { .. } if self.peer_close.is_some() => {
                f.write_str("the peer's stream ended before our Close was written")
            }
            Cause::Eof { at } => write!(f, "the peer's stream ended {at}"),
            Cause::Transport { direction, kind } => self.fmt_failure(f, direction, kind),
            Cause::PongTimeout { waited } => {
                write!(f, "nothing came for {} after a Ping was sent", Span(waited))
            }
            Cause::IdleTimeout { idle } => write!(f, "nothing came for {}", Span(idle)),
            Cause::MessageTimeout { elapsed } => {
                write!(f, "a message was not complete after {}", Span(elapsed))
            }
            Cause::WriteStalled { pending } => {
                write!(f, "the transport stopped taking output, {} pending", Bytes(pending))
            }
            Cause::CloseTimeout => match self.local_close {
                Some(local) if local.flushed => f.write_str("our Close was not answered in time"),
                _ => f.write_str("our Close could not be written in time"),
            },
            Cause::HandshakeTimeout => {
                let took = self.evidence.ended.since(self.evidence.opened);
                let in_tls = self.evidence.position == Position::TlsHandshake;
                let what = if in_tls { "TLS handshake" } else { "opening handshake" };
                write!(f, "the {what} was not over after {}", Span(took))
            }
            Cause::HandshakeRejected { status } => match self.role {
                Role::Client => write!(f, "the server refused the handshake with status {status}"),
                Role::Server => write!(f, "we refused the handshake with status {status}"),
            },
            Cause::PlainRequest { status } => {
                write!(f, "a plain request was answered with status {status}")
            }
            Cause::HandshakeInvalid(error) => self.fmt_invalid(f, error),
            Cause::Violation { rule, offset } | Cause::TooBig { rule, offset } => {
                let (rfc, section) = (rule.rfc(), rule.section());
                write!(f, "{rule} (RFC {rfc} section {section}, byte {offset})")?;
                self.fmt_unexpected(f, "; what came there")
            }
            Cause::Aborted => f.write_str("the connection was dropped on this side"),
        }
    }

    fn fmt_failure(
        &self,
        f: &mut fmt::Formatter<'_>,
        direction: Direction,
        kind: TransportError,
    ) -> fmt::Result {
        match self.evidence.position {
            at if at.is_before_open() => write!(f, "{direction} failed {at}: ")?,
            _ => write!(f, "{direction} failed: ")?,
        }
        match &self.evidence.failure {
            Some(failure) if failure.kind == kind => write!(f, "{failure}"),
            _ => write!(f, "{kind}"),
        }
    }

    fn fmt_invalid(&self, f: &mut fmt::Formatter<'_>, error: HandshakeError) -> fmt::Result {
        let (rfc, section) = (error.rfc(), error.section());
        write!(f, "the opening handshake failed: {error} (RFC {rfc} section {section})")?;
        self.fmt_unexpected(f, "; what came")?;
        match self.evidence.http_status {
            Some(status) => write!(f, "; the response had status {status}"),
            None => Ok(()),
        }
    }

    fn fmt_unexpected(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        match self.evidence.unexpected {
            Some(first) => write!(f, "{what} begins with {first}"),
            None => Ok(()),
        }
    }

    fn fmt_closes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.peer_close, &self.local_close) {
            (None, None) => f.write_str("no Close frame was received or sent"),
            (Some(peer), None) => write!(f, "Close {peer} was received, none was sent"),
            (None, Some(local)) => write!(f, "{local}, none was received"),
            (Some(peer), Some(local)) => write!(f, "Close {peer} was received, {local}"),
        }
    }
}

/// So that `?` works on [`Incoming::into_message`](crate::Incoming::into_message), and a report goes
/// wherever an error does. Not each of them tells of a failure: see [`clean`](Self::clean).
impl core::error::Error for Termination {}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.cause, Cause::PlainRequest { .. }) {
            // There was never to be a connection that could end cleanly.
            f.write_str("no WebSocket: ")?;
        } else {
            write!(f, "{} ({}): ", if self.clean { "clean" } else { "unclean" }, self.code)?;
        }
        self.fmt_cause(f)?;
        if !self.is_before_open() {
            f.write_str("; ")?;
            self.fmt_closes(f)?;
        }
        if self.truncated_message {
            f.write_str("; its last message was not finished")?;
        }
        if self.dropped != Undelivered::default() {
            write!(f, "; {}", self.dropped)?;
        }
        match self.evidence.last_received {
            Some(at) => write!(f, "; last byte {} ago", Span(self.evidence.ended.since(at))),
            // Other bytes than those of the response may have come there.
            None if self.is_before_open() && self.evidence.carrier.is_stream() => {
                f.write_str("; no response was received")
            }
            None if self.is_before_open() => f.write_str("; no byte was received"),
            None => f.write_str("; nothing came after the opening handshake"),
        }
    }
}

/// Who began the ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Initiator {
    /// This end: it closed, failed the connection, or gave up.
    Local,
    /// The peer's Close came first.
    Peer,
    /// The peer's Close came after ours was queued and before it was written.
    Both,
    /// Neither end said anything: the transport ended or failed.
    Transport,
}

impl Initiator {
    /// A short name, for labels and logs: `local`, `peer`, `both` or `transport`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Both => "both",
            Self::Transport => "transport",
        }
    }
}

/// Our Close frame, and whether it got out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LocalClose {
    /// The frame.
    pub frame: CloseFrame,
    /// Whether the transport accepted its last byte.
    pub flushed: bool,
    /// Whether it echoes the peer's: it was queued after that had come.
    pub echo: bool,
}

impl fmt::Display for LocalClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.flushed { "was sent" } else { "was never written" };
        write!(f, "our Close {} {verb}", self.frame)
    }
}

/// How the peer's stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum StreamEnd {
    /// It had not ended when this end gave up the transport.
    NotSeen,
    /// An orderly end.
    Eof,
    /// An end that TLS did not announce.
    TlsTruncated,
    /// An end, or a reset: who carries the stream does not tell the two apart.
    EndOrReset,
    /// Reading failed.
    Failed(TransportError),
}

impl From<Option<ReadClosed>> for StreamEnd {
    fn from(how: Option<ReadClosed>) -> Self {
        match how {
            None => Self::NotSeen,
            Some(ReadClosed::Eof) => Self::Eof,
            Some(ReadClosed::TlsTruncated) => Self::TlsTruncated,
            Some(ReadClosed::EndOrReset) => Self::EndOrReset,
            Some(ReadClosed::Failed(kind)) => Self::Failed(kind),
        }
    }
}

/// Output that was accepted and never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Undelivered {
    /// Bytes, frame headers included.
    pub bytes: u64,
    /// Messages of which at least the last byte was not written. From a
    /// [`Session`](crate::Session) this is exact; a [`Connection`](crate::Connection), which does
    /// not own its output, counts them since its output was last all written.
    pub messages: u64,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.messages {
            0 => write!(f, "{}", Bytes(self.bytes))?,
            1 => write!(f, "{} of 1 message", Bytes(self.bytes))?,
            several => write!(f, "{} of {several} messages", Bytes(self.bytes))?,
        }
        f.write_str(if self.bytes == 1 { " was never written" } else { " were never written" })
    }
}
