//! What a finding rests on: numbers taken from the evidence, each with a phrase.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::known_timeouts::{KnownTimeout, TimeoutKind};
use crate::handshake::HandshakeError;
use crate::report::{
    AddressAttempt, Direction, FirstBytes, LocalClose, LookupError, Position, ProxyAnswer,
    TransportError, TransportFailure, Undelivered,
};
use crate::time::display::{Date, Measured, Setting};
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
    /// Pings of the peer's, where the heartbeat sent none.
    PeerPings {
        /// How many came.
        received: u32,
    },
    /// The peer's last Ping, and when our Pong for it left.
    PeerPing {
        /// How long before the end it was read.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        before: Duration,
        /// How long after that the transport had accepted the Pong; `None` where it never did.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        after: Option<Duration>,
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
    /// The span is no known timeout, but a whole number of seconds, as timers are set to.
    WholeSeconds {
        /// The whole number.
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
    /// What the operating system or the stream said of that.
    Said {
        /// Its number and its words.
        failure: TransportFailure,
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
    /// For how long nobody had called the connection; the end was there when somebody did.
    Gap {
        /// The span.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        span: Duration,
    },
    /// How late a deadline was handled: the process slept or starved for at least so long.
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
    /// The first bytes of what was not expected.
    FirstBytes {
        /// The bytes.
        bytes: FirstBytes,
    },
    /// Until when the peer's certificate was valid.
    ValidUntil {
        /// In seconds since 1970.
        seconds: i64,
    },
    /// From when on the peer's certificate is valid.
    ValidFrom {
        /// In seconds since 1970.
        seconds: i64,
    },
    /// Who has issued the peer's certificate.
    Issuer {
        /// In the certificate's words.
        name: Box<str>,
    },
    /// The name that was asked for in TLS.
    ServerName {
        /// The name.
        name: Box<str>,
    },
    /// The names that the peer's certificate is for.
    CertificateNames {
        /// The names.
        names: Vec<Box<str>>,
    },
    /// What the TLS library said.
    TlsSaid {
        /// In its words.
        words: Box<str>,
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

/// A table: what takes more words has a function of its own below.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut span = |words, span: &Duration| write!(f, "{words} {}", Measured(*span));
        match self {
            Self::Idle { span: time } => span("idle", time),
            Self::NothingReceived { span: time } => span("nothing received for", time),
            Self::NothingSent { span: time } => span("nothing sent for", time),
            Self::NoMessage { span: time } => span("no message for", time),
            Self::Age { span: time } => span("open for", time),
            Self::Opening { span: time } => span("opening for", time),
            Self::RoundTrip { rtt } => span("round trip", rtt),
            Self::Gap { span: time } => span("until then nobody had called for", time),
            Self::Lateness { late } => span("a deadline was handled late, by at least", late),
            Self::NoPing => f.write_str("no ping in that time"),
            Self::Pings { sent, unanswered } => fmt_pings(f, *sent, *unanswered),
            Self::PeerPings { received } => write!(f, "{received} pings came"),
            Self::PeerPing { before, after } => fmt_peer_ping(f, *before, *after),
            Self::PingNotWritten => f.write_str("a ping could not be written"),
            Self::KnownTimeout { span, kind, names, .. } => fmt_known(f, *span, *kind, names),
            Self::RoundSpan { span } => write!(f, "close to {}", Setting(*span)),
            Self::WholeSeconds { span } => write!(f, "just on {}", Setting(*span)),
            Self::EqualLifetimes { count, span } => fmt_equal(f, *count, "lived", *span, ""),
            Self::EqualIdleTimes { count, span } => {
                fmt_equal(f, *count, "ended after", *span, " idle")
            }
            Self::EndedAt { at } => write!(f, "ended {at}"),
            Self::Transport { direction, kind } => write!(f, "{direction} failed: {kind}"),
            Self::Said { failure } => fmt_failure(f, failure),
            Self::LastWrite { before } => write!(f, "last write {} before", Measured(*before)),
            Self::LastReceived { before } => write!(f, "last byte {} before", Measured(*before)),
            Self::LastMessage { len, largest_before } => fmt_message(f, *len, *largest_before),
            Self::Pending { bytes } => fmt_pending(f, *bytes),
            Self::PeerClose { frame } => fmt_peer_close(f, frame),
            Self::LocalClose { frame, flushed } => fmt_local_close(f, *frame, *flushed),
            Self::TruncatedMessage => f.write_str("its last message was not finished"),
            Self::Unsent { backlog } => backlog.fmt(f),
            Self::Status { status } => write!(f, "status {status}"),
            Self::HandshakeRule { rule } => fmt_handshake_rule(f, *rule),
            Self::Rule { rule, offset } => fmt_rule(f, *rule, *offset),
            Self::FirstBytes { bytes } => write!(f, "it begins with {bytes}"),
            Self::Address { attempt } => attempt.fmt(f),
            Self::Resolver { words } => write!(f, "the resolver said{words}"),
            Self::ProxyAnswer { answer } => write!(f, "it answered {answer}"),
            Self::Dialling { span } => write!(f, "dialling for {}", Measured(*span)),
            Self::ValidUntil { seconds } => write!(f, "valid until {}", Date(*seconds)),
            Self::ValidFrom { seconds } => write!(f, "valid from {}", Date(*seconds)),
            Self::Issuer { name } => write!(f, "issued by {name}"),
            Self::ServerName { name } => write!(f, "asked for {name}"),
            Self::CertificateNames { names } => fmt_names(f, names),
            Self::TlsSaid { words } => write!(f, "TLS says: {words}"),
            Self::NoByteReceived => f.write_str("no byte was received"),
            Self::Contradiction => f.write_str("the evidence contradicts itself"),
        }
    }
}

fn fmt_names(f: &mut fmt::Formatter<'_>, names: &[Box<str>]) -> fmt::Result {
    f.write_str("the certificate is for ")?;
    match names {
        [] => f.write_str("no name"),
        [only] => f.write_str(only),
        [first, .., last] if names.len() <= 8 => {
            f.write_str(first)?;
            for name in names.get(1..names.len() - 1).unwrap_or_default() {
                write!(f, ", {name}")?;
            }
            write!(f, " and {last}")
        }
        [first, ..] => write!(f, "{first} and {} other names", names.len() - 1),
    }
}

fn fmt_equal(
    f: &mut fmt::Formatter<'_>,
    count: u32,
    verb: &str,
    span: Duration,
    behind: &str,
) -> fmt::Result {
    write!(f, "{count} connections {verb} {}{behind}", Setting(span))
}

fn fmt_pending(f: &mut fmt::Formatter<'_>, bytes: u64) -> fmt::Result {
    match bytes {
        1 => f.write_str("1 byte was not written"),
        _ => write!(f, "{bytes} bytes were not written"),
    }
}

fn fmt_peer_close(f: &mut fmt::Formatter<'_>, frame: &CloseFrame) -> fmt::Result {
    match frame.code() {
        Some(_) => write!(f, "its Close says {frame}"),
        None => f.write_str("its Close has no code"),
    }
}

fn fmt_local_close(f: &mut fmt::Formatter<'_>, frame: CloseFrame, flushed: bool) -> fmt::Result {
    write!(f, "{}", LocalClose { frame, flushed, echo: false })
}

fn fmt_handshake_rule(f: &mut fmt::Formatter<'_>, rule: HandshakeError) -> fmt::Result {
    write!(f, "{rule} (RFC {} section {})", rule.rfc(), rule.section())
}

fn fmt_rule(f: &mut fmt::Formatter<'_>, rule: Violation, offset: u64) -> fmt::Result {
    write!(f, "{rule} (RFC {} section {}, byte {offset})", rule.rfc(), rule.section())
}

fn fmt_pings(f: &mut fmt::Formatter<'_>, sent: u32, unanswered: u32) -> fmt::Result {
    match (sent, unanswered) {
        (1, 0) => f.write_str("1 ping sent and answered"),
        (1, 1) => f.write_str("1 ping sent, unanswered"),
        _ => write!(f, "{sent} pings sent, {unanswered} unanswered"),
    }
}

fn fmt_peer_ping(
    f: &mut fmt::Formatter<'_>,
    before: Duration,
    after: Option<Duration>,
) -> fmt::Result {
    write!(f, "its last ping was read {} before, ", Measured(before))?;
    match after {
        Some(after) => write!(f, "our pong left {} later", Measured(after)),
        None => f.write_str("our pong had not left"),
    }
}

fn fmt_message(f: &mut fmt::Formatter<'_>, len: u64, largest_before: u64) -> fmt::Result {
    write!(f, "our last message had {len} bytes, ")?;
    match largest_before {
        0 => f.write_str("none before had any"),
        largest => write!(f, "none before more than {largest}"),
    }
}

fn fmt_failure(f: &mut fmt::Formatter<'_>, failure: &TransportFailure) -> fmt::Result {
    match failure.os_error {
        _ if !failure.message.is_empty() => write!(f, "{}", failure.message),
        Some(number) => write!(f, "os error {number}"),
        None => write!(f, "{}", failure.kind),
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
