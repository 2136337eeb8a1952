//! What a finding rests on: numbers taken from the evidence, each with a phrase.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::known_timeouts::{KnownTimeout, TimeoutKind};
use crate::handshake::HandshakeError;
use crate::report::{AddressAttempt, LookupError, ProxyAnswer};
use crate::report::{Direction, LocalClose, Position, TransportError, Undelivered};
use crate::time::display::{Measured, Setting};
use crate::wire::close::CloseFrame;
use crate::wire::violation::Violation;

/// A piece of evidence, in numbers. Its `Display` is a phrase: `idle 60.02 s`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "fact", rename_all = "snake_case"))]
pub enum Fact {
    /// For how long no byte had gone either way.
    Idle {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// For how long nothing had come, although something was sent.
    NothingReceived {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// For how long nothing had been sent, although something came.
    NothingSent {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// For how long no message had gone either way.
    NoMessage {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// How long the connection had been open.
    Age {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// How long the opening handshake had been under way; the connection never opened.
    Opening {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// No Ping left in the idle time.
    NoPing,
    /// Pings of the heartbeat.
    Pings {
        /// How many were queued.
        sent: u32,
        /// How many of these no Pong acknowledged.
        unanswered: u32,
    },
    /// A Ping was queued and did not leave.
    PingNotWritten,
    /// A known timeout of that length.
    KnownTimeout {
        /// The length.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
        /// What starts it.
        kind: TimeoutKind,
        /// Who has it.
        names: Vec<Cow<'static, str>>,
        /// The setting or the document of each that says so.
        sources: Vec<Cow<'static, str>>,
    },
    /// The span is no known timeout, but a round number of half minutes.
    RoundSpan {
        /// The round number.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// Earlier connections that ended at the same age.
    EqualLifetimes {
        /// How many, this one included.
        count: u32,
        /// The age.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// Earlier connections that ended after the same idle time.
    EqualIdleTimes {
        /// How many, this one included.
        count: u32,
        /// The idle time.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// Where the peer's stream ended.
    EndedAt {
        /// The place.
        at: Position,
    },
    /// The transport failed.
    Transport {
        /// The direction that failed first.
        direction: Direction,
        /// What it said.
        kind: TransportError,
    },
    /// The transport had last accepted a byte of ours this long before the end.
    LastWrite {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        before: Duration,
    },
    /// The last byte had come this long before the end.
    LastReceived {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        before: Duration,
    },
    /// Our last message and the largest before it.
    LastMessage {
        /// Bytes of its payload.
        len: u64,
        /// Bytes of the largest message before it.
        largest_before: u64,
    },
    /// The round trip, smoothed.
    RoundTrip {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        rtt: Duration,
    },
    /// Output that was never written.
    Pending {
        /// Bytes.
        bytes: u64,
    },
    /// How late a deadline was handled at the worst.
    Lateness {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        late: Duration,
    },
    /// The peer's Close.
    PeerClose {
        /// The frame.
        frame: CloseFrame,
    },
    /// Our Close.
    LocalClose {
        /// The frame.
        frame: CloseFrame,
        /// Whether it was written.
        flushed: bool,
    },
    /// The peer closed in the middle of a message of its own.
    TruncatedMessage,
    /// Messages that were accepted for sending and did not leave, or not to their last byte.
    Unsent {
        /// What was never written.
        backlog: Undelivered,
    },
    /// The HTTP status of the response.
    Status {
        /// The status.
        status: u16,
    },
    /// A rule of the opening handshake that was broken.
    HandshakeRule {
        /// The rule.
        rule: HandshakeError,
    },
    /// A rule of the protocol that was broken.
    Rule {
        /// The rule.
        rule: Violation,
        /// The offset of the offending byte in the peer's stream.
        offset: u64,
    },
    /// What became of one address.
    Address {
        /// The address, and what came of it.
        attempt: AddressAttempt,
    },
    /// What the resolver said.
    Resolver {
        /// Its words.
        words: LookupError,
    },
    /// What the proxy answered.
    ProxyAnswer {
        /// Its answer.
        answer: ProxyAnswer,
    },
    /// How long the way to a connection had been looked for; there was none.
    Dialling {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// No byte ever came.
    NoByteReceived,
    /// The evidence contradicts itself, so no timing can be relied on.
    Contradiction,
}

impl Fact {
    /// A known timeout, as the rows of it say.
    pub(super) fn known<'a>(
        span: Duration,
        kind: TimeoutKind,
        rows: impl Iterator<Item = &'a KnownTimeout> + Clone,
    ) -> Self {
        let names = rows.clone().map(|row| row.name.clone()).collect();
        let sources = rows.map(|row| row.source.clone()).collect();
        Self::KnownTimeout { span, kind, names, sources }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { span } => write!(f, "idle {}", Measured(*span)),
            Self::NothingReceived { span } => write!(f, "nothing received for {}", Measured(*span)),
            Self::NothingSent { span } => write!(f, "nothing sent for {}", Measured(*span)),
            Self::NoMessage { span } => write!(f, "no message for {}", Measured(*span)),
            Self::Age { span } => write!(f, "open for {}", Measured(*span)),
            Self::Opening { span } => write!(f, "opening for {}", Measured(*span)),
            Self::NoPing => f.write_str("no ping in that time"),
            Self::Pings { sent: 1, unanswered: 0 } => f.write_str("1 ping sent and answered"),
            Self::Pings { sent: 1, unanswered: 1 } => f.write_str("1 ping sent, unanswered"),
            Self::Pings { sent, unanswered } => {
                write!(f, "{sent} pings sent, {unanswered} unanswered")
            }
            Self::PingNotWritten => f.write_str("a ping could not be written"),
            Self::KnownTimeout { span, kind, names, .. } => fmt_known(f, *span, *kind, names),
            Self::RoundSpan { span } => write!(f, "close to {}", Setting(*span)),
            Self::EqualLifetimes { count, span } => {
                write!(f, "{count} connections in a row lived {}", Setting(*span))
            }
            Self::EqualIdleTimes { count, span } => {
                write!(f, "{count} connections in a row ended after {} idle", Setting(*span))
            }
            Self::EndedAt { at } => write!(f, "ended {at}"),
            Self::Transport { direction, kind } => write!(f, "{direction} failed: {kind}"),
            Self::LastWrite { before } => write!(f, "last write {} before", Measured(*before)),
            Self::LastReceived { before } => write!(f, "last byte {} before", Measured(*before)),
            Self::LastMessage { len, largest_before } => {
                write!(f, "our last message had {len} bytes, ")?;
                match largest_before {
                    0 => f.write_str("none before had any"),
                    largest => write!(f, "none before more than {largest}"),
                }
            }
            Self::RoundTrip { rtt } => write!(f, "round trip {}", Measured(*rtt)),
            Self::Pending { bytes: 1 } => f.write_str("1 byte was not written"),
            Self::Pending { bytes } => write!(f, "{bytes} bytes were not written"),
            Self::Lateness { late } => write!(f, "a deadline was handled {} late", Measured(*late)),
            Self::PeerClose { frame } => match frame.code() {
                Some(_) => write!(f, "its Close says {frame}"),
                None => f.write_str("its Close has no code"),
            },
            Self::LocalClose { frame, flushed } => {
                LocalClose { frame: *frame, flushed: *flushed, echo: false }.fmt(f)
            }
            Self::TruncatedMessage => f.write_str("its last message was not finished"),
            Self::Unsent { backlog } => backlog.fmt(f),
            Self::Status { status } => write!(f, "status {status}"),
            Self::HandshakeRule { rule } => {
                write!(f, "{rule} (RFC {} section {})", rule.rfc(), rule.section())
            }
            Self::Rule { rule, offset } => {
                let (rfc, section) = (rule.rfc(), rule.section());
                write!(f, "{rule} (RFC {rfc} section {section}, byte {offset})")
            }
            Self::Address { attempt } => attempt.fmt(f),
            Self::Resolver { words } => write!(f, "the resolver said{words}"),
            Self::ProxyAnswer { answer } => write!(f, "it answered {answer}"),
            Self::Dialling { span } => write!(f, "dialling for {}", Measured(*span)),
            Self::NoByteReceived => f.write_str("no byte was received"),
            Self::Contradiction => f.write_str("the evidence contradicts itself"),
        }
    }
}

fn fmt_known(
    f: &mut fmt::Formatter<'_>,
    span: Duration,
    kind: TimeoutKind,
    names: &[Cow<'static, str>],
) -> fmt::Result {
    for (index, name) in names.iter().enumerate() {
        match index {
            0 => {}
            last if last + 1 == names.len() => f.write_str(" and ")?,
            _ => f.write_str(", ")?,
        }
        f.write_str(name)?;
    }
    let verb = if names.len() == 1 { "defaults" } else { "default" };
    write!(f, " {verb} to ")?;
    match kind {
        TimeoutKind::Idle => write!(f, "{}", Setting(span)),
        TimeoutKind::Lifetime => write!(f, "a lifetime of {}", Setting(span)),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_rule_names_the_rfc_that_it_is_in() {
        let handshake = |rule| Fact::HandshakeRule { rule };
        let frames = |rule| Fact::Rule { rule, offset: 7 };
        let cases = [
            (handshake(HandshakeError::AcceptWrong), "(RFC 6455 section 4.1)"),
            (handshake(HandshakeError::DeflateRepeated), "(RFC 7692 section 5)"),
            (frames(Violation::ReservedBits), "(RFC 6455 section 5.2, byte 7)"),
            (frames(Violation::InvalidDeflate), "(RFC 7692 section 7.2.2, byte 7)"),
        ];
        for (fact, place) in cases {
            assert!(fact.to_string().ends_with(place), "{fact}");
        }
    }
}
