//! Endings before the connection was open.

use alloc::vec;
use alloc::vec::Vec;
use core::iter;

use super::super::finding::Confidence::{Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::measures::Measures;
use super::{contradiction, stream, tls};
use crate::handshake::{HandshakeError, Refusal, Suspect};
use crate::report::{Cause, Direction, Position, TransportError};
use crate::wire::role::Role;

pub(super) fn explain(measures: &Measures<'_>) -> Vec<Finding> {
    match measures.report.cause {
        Cause::HandshakeRejected { status } => rejected(measures, status),
        Cause::PlainRequest { status } => {
            vec![Finding::new(Verdict::NotWebSocket, Certain, vec![Fact::Status { status }])]
        }
        Cause::HandshakeInvalid(rule) => invalid(measures, rule),
        Cause::HandshakeTimeout => {
            let opening = Fact::Opening { span: measures.age() };
            let facts = iter::once(opening).chain(received(measures)).collect();
            if measures.evidence.position == Position::TlsHandshake {
                return vec![Finding::new(Verdict::TlsTimedOut, Certain, facts)];
            }
            let mut findings = vec![Finding::new(Verdict::HandshakeTimedOut, Certain, facts)];
            findings.extend(others_port(measures));
            findings
        }
        Cause::Eof { at } => cut_short(measures, vec![Fact::EndedAt { at }]),
        Cause::Transport { direction, kind } => failed(measures, direction, kind),
        Cause::Aborted => {
            let facts = vec![Fact::Opening { span: measures.age() }];
            vec![Finding::new(Verdict::LocalAbort, Certain, facts)]
        }
        Cause::ClosingHandshake
        | Cause::PongTimeout { .. }
        | Cause::IdleTimeout { .. }
        | Cause::MessageTimeout { .. }
        | Cause::WriteStalled { .. }
        | Cause::CloseTimeout
        | Cause::Violation { .. }
        | Cause::TooBig { .. } => contradiction(),
    }
}

fn failed(measures: &Measures<'_>, direction: Direction, kind: TransportError) -> Vec<Finding> {
    let mut facts = measures.failure(direction, kind);
    let one = |verdict, confidence, facts| vec![Finding::new(verdict, confidence, facts)];
    match kind {
        TransportError::TimedOut => {
            facts.push(Fact::Opening { span: measures.age() });
            one(Verdict::KernelTimeout, Certain, facts)
        }
        TransportError::Tls(error) => tls::failed(measures, error),
        TransportError::ProxyTls(error) => tls::failed_below(measures, error),
        TransportError::Unreachable => one(Verdict::Unreachable, Certain, facts),
        TransportError::Refused => one(Verdict::Refused, Certain, facts),
        TransportError::Aborted => one(Verdict::SystemAborted, Likely, facts),
        TransportError::StreamReset { code } => stream::reset_before_open(measures, code, facts),
        TransportError::GoAway { code } => stream::gone_away(code, facts),
        // Our response did not get out, and nobody says who is to blame.
        TransportError::Other
            if direction == Direction::Write && measures.report.role == Role::Server =>
        {
            let abort = Finding::new(Verdict::LocalAbort, Possible, facts.clone());
            vec![Finding::new(Verdict::HandshakeCutShort, Possible, facts), abort]
        }
        TransportError::Reset
        | TransportError::BrokenPipe
        | TransportError::EndOrReset
        | TransportError::TlsTruncated
        | TransportError::UnexpectedEof
        | TransportError::NonBlocking
        | TransportError::Other => cut_short(measures, facts),
    }
}

/// When the last byte had come, or that none had. Of a stream's connection, other bytes than those of a
/// response are not known.
fn received(measures: &Measures<'_>) -> Option<Fact> {
    match measures.evidence.last_received {
        Some(_) => Some(Fact::LastReceived { before: measures.quiet_in() }),
        None if measures.evidence.carrier.is_stream() => None,
        None => Some(Fact::NoByteReceived),
    }
}

fn cut_short(measures: &Measures<'_>, mut facts: Vec<Fact>) -> Vec<Finding> {
    facts.extend(received(measures));
    if measures.evidence.position == Position::TlsHandshake {
        return vec![Finding::new(Verdict::TlsCutShort, Certain, facts)];
    }
    let others = others_port(measures);
    let confidence = if others.is_empty() { Certain } else { Likely };
    let mut findings = vec![Finding::new(Verdict::HandshakeCutShort, confidence, facts)];
    findings.extend(others);
    findings
}

/// A server that speaks another protocol waits in silence, or hangs up.
fn others_port(measures: &Measures<'_>) -> Vec<Finding> {
    let report = measures.report;
    // Who has spoken TLS, or was to, is no such server, or not because of the scheme.
    let tls = report.tls.is_some();
    // Nor is who speaks HTTP/2 or HTTP/3.
    let http = measures.evidence.carrier.is_stream();
    if report.role == Role::Server || tls || http || measures.evidence.last_received.is_some() {
        return Vec::new();
    }
    let silent = |verdict| Finding::new(verdict, Possible, vec![Fact::NoByteReceived]);
    vec![silent(Verdict::NotWebSocket), silent(Verdict::TlsPort)]
}

/// Some statuses say that the server saw no request for an upgrade, or that it is none.
fn rejected(measures: &Measures<'_>, status: u16) -> Vec<Finding> {
    let facts = || vec![Fact::Status { status }];
    let told = |verdict, confidence| Finding::new(verdict, confidence, facts());
    let rejection = |confidence| told(Verdict::HandshakeRejected { status }, confidence);
    let stripped = |confidence| told(Verdict::UpgradeStripped, confidence);
    let other = |confidence| told(Verdict::NotWebSocket, confidence);
    if measures.report.role == Role::Server {
        return vec![rejection(Certain)];
    }
    let refusal = measures.report.refusal.as_deref();
    let is = |holds: fn(&Refusal) -> bool| refusal.is_some_and(holds);
    match status {
        200 if is(asks_to_log_in) => vec![other(Possible), stripped(Possible)],
        200 => vec![stripped(Possible), other(Possible)],
        302 | 303 | 307 => vec![rejection(Likely), other(Possible)],
        511 => vec![rejection(Certain), other(Likely)],
        426 if is(wants_another_version) => vec![rejection(Certain)],
        // The latter is what a server may say to a proxy that speaks HTTP/1.0 to it.
        426 | 505 => vec![stripped(Likely), rejection(Possible)],
        400 | 497 if is(wants_tls) => vec![told(Verdict::TlsPort, Likely), rejection(Possible)],
        // Who names its version has nothing against ours, and something else was missing.
        400 if is(misses_the_upgrade) || is(names_our_version) => {
            vec![stripped(Likely), rejection(Possible)]
        }
        400 => vec![rejection(Likely), stripped(Possible)],
        // Of a path that only takes an upgrade, frameworks know nothing without one.
        404 if is(by_a_framework) => vec![stripped(Likely), rejection(Possible)],
        404 => vec![rejection(Likely), stripped(Possible)],
        _ => vec![rejection(Certain)],
    }
}

fn wants_another_version(refusal: &Refusal) -> bool {
    let versions = refusal.headers().get("Sec-WebSocket-Version");
    versions.is_some_and(|list| list.split(',').all(|version| version.trim() != "13"))
}

fn names_our_version(refusal: &Refusal) -> bool {
    let versions = refusal.headers().get("Sec-WebSocket-Version");
    versions.is_some_and(|list| list.split(',').any(|version| version.trim() == "13"))
}

/// Whether the response complains of the header fields that a proxy drops.
fn misses_the_upgrade(refusal: &Refusal) -> bool {
    has(refusal.body(), "upgrade") || has(refusal.reason().as_bytes(), "upgrade")
}

/// Whether the response says that plain HTTP came to a port for TLS.
fn wants_tls(refusal: &Refusal) -> bool {
    let says = |text: &str| has(refusal.body(), text) || has(refusal.reason().as_bytes(), text);
    (says("plain HTTP") || says("HTTP request")) && (says("https") || says("ssl") || says("tls"))
}

/// Whether the page is that of a network which wants to know who one is.
fn asks_to_log_in(refusal: &Refusal) -> bool {
    const WORDS: [&str; 7] = ["captive", "portal", "wi-fi", "wifi", "hotspot", "log in", "login"];
    WORDS.iter().any(|word| has(refusal.body(), word))
}

/// Whether the response comes from a server of those whose frameworks route a request without an
/// upgrade to nowhere.
fn by_a_framework(refusal: &Refusal) -> bool {
    let server = refusal.headers().get("Server").unwrap_or_default();
    ["uvicorn", "daphne", "hypercorn"].iter().any(|name| has(server.as_bytes(), name))
}

/// Whether `text` has this `word` anywhere, in letters of any case.
fn has(text: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

fn invalid(measures: &Measures<'_>, rule: HandshakeError) -> Vec<Finding> {
    let first = measures.evidence.unexpected;
    let facts = || {
        let bytes = first.map(|bytes| Fact::FirstBytes { bytes });
        iter::once(Fact::HandshakeRule { rule }).chain(bytes).collect()
    };
    // A TLS record begins with its type, an alert or a handshake, and a version 3.x.
    if first.is_some_and(|first| matches!(first.as_bytes(), [0x15 | 0x16, 0x03, ..])) {
        return vec![Finding::new(Verdict::TlsPort, Certain, facts())];
    }
    let failure = |confidence| Finding::new(Verdict::HandshakeFailure, confidence, facts());
    let (verdict, confidence) = match rule.suspect() {
        Suspect::Peer => return vec![failure(Certain)],
        Suspect::Nothing => (Verdict::HandshakeRejected { status: rule.status() }, Certain),
        Suspect::OtherProtocol => (Verdict::NotWebSocket, Certain),
        Suspect::OtherService => (Verdict::NotWebSocket, Likely),
        // Its settings may only be late.
        Suspect::NoExtendedConnect => {
            return vec![Finding::new(Verdict::ExtendedConnectNotOffered, Likely, facts())];
        }
        Suspect::Proxy => (Verdict::UpgradeStripped, Likely),
        Suspect::ProxyOrPlainHttp => (Verdict::UpgradeStripped, Possible),
    };
    let mut findings = vec![Finding::new(verdict, confidence, facts())];
    match confidence {
        Possible => findings.push(Finding::new(Verdict::NotWebSocket, Possible, facts())),
        Likely => findings.push(failure(Possible)),
        Certain => {}
    }
    findings
}
