//! Endings before the connection was open.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::contradiction;
use super::measures::Measures;
use crate::handshake::{HandshakeError, Refusal, Suspect};
use crate::report::{Cause, Direction, TransportError};
use crate::wire::role::Role;

pub(super) fn explain(measures: &Measures<'_>) -> Vec<Finding> {
    match measures.report.cause {
        Cause::HandshakeRejected { status } => rejected(measures, status),
        Cause::HandshakeInvalid(rule) => invalid(rule),
        Cause::HandshakeTimeout => {
            let facts = vec![Fact::Opening { span: measures.age() }, received(measures)];
            let mut findings = vec![Finding::new(Verdict::HandshakeTimedOut, Certain, facts)];
            findings.extend(not_web_socket(measures));
            findings
        }
        Cause::Eof { at } => cut_short(measures, Fact::EndedAt { at }),
        Cause::Transport { direction, kind } => failed(measures, direction, kind),
        Cause::Aborted => {
            let facts = vec![Fact::Opening { span: measures.age() }];
            vec![Finding::new(Verdict::LocalAbort, Certain, facts)]
        }
        Cause::ClosingHandshake
        | Cause::PongTimeout { .. }
        | Cause::IdleTimeout { .. }
        | Cause::WriteStalled { .. }
        | Cause::CloseTimeout
        | Cause::Violation { .. }
        | Cause::TooBig { .. } => contradiction(),
    }
}

fn failed(measures: &Measures<'_>, direction: Direction, kind: TransportError) -> Vec<Finding> {
    let failure = Fact::Transport { direction, kind };
    match kind {
        TransportError::TimedOut => {
            let facts = vec![failure, Fact::Opening { span: measures.age() }];
            vec![Finding::new(Verdict::KernelTimeout, Certain, facts)]
        }
        TransportError::Reset
        | TransportError::Aborted
        | TransportError::BrokenPipe
        | TransportError::TlsTruncated
        | TransportError::NonBlocking
        | TransportError::Other => cut_short(measures, failure),
    }
}

fn received(measures: &Measures<'_>) -> Fact {
    match measures.evidence.last_received {
        Some(_) => Fact::LastReceived { before: measures.quiet_in() },
        None => Fact::NoByteReceived,
    }
}

fn cut_short(measures: &Measures<'_>, what: Fact) -> Vec<Finding> {
    let facts = vec![what, received(measures)];
    let mut findings = vec![Finding::new(Verdict::HandshakeCutShort, Certain, facts)];
    findings.extend(not_web_socket(measures));
    findings
}

/// A server that speaks another protocol waits in silence, or hangs up.
fn not_web_socket(measures: &Measures<'_>) -> Option<Finding> {
    let silent = measures.report.role == Role::Client && measures.evidence.last_received.is_none();
    silent.then(|| Finding::new(Verdict::NotWebSocket, Possible, vec![Fact::NoByteReceived]))
}

/// Some statuses say that the server saw no request for an upgrade.
fn rejected(measures: &Measures<'_>, status: u16) -> Vec<Finding> {
    let facts = || vec![Fact::Status { status }];
    let rejection =
        |confidence| Finding::new(Verdict::HandshakeRejected { status }, confidence, facts());
    let stripped = |confidence| Finding::new(Verdict::UpgradeStripped, confidence, facts());
    if measures.report.role == Role::Server {
        return vec![rejection(Certain)];
    }
    let refusal = measures.report.refusal.as_deref();
    match status {
        200 => {
            let other = Finding::new(Verdict::NotWebSocket, Possible, facts());
            vec![stripped(Possible), other]
        }
        426 if refusal.is_some_and(wants_another_version) => vec![rejection(Certain)],
        // The latter is what a server may say to a proxy that speaks HTTP/1.0 to it.
        426 | 505 => vec![stripped(Likely), rejection(Possible)],
        400 if refusal.is_some_and(misses_the_upgrade) => {
            vec![stripped(Likely), rejection(Possible)]
        }
        400 => vec![rejection(Likely), stripped(Possible)],
        _ => vec![rejection(Certain)],
    }
}

fn wants_another_version(refusal: &Refusal) -> bool {
    let versions = refusal.headers().get("Sec-WebSocket-Version");
    versions.is_some_and(|list| list.split(',').all(|version| version.trim() != "13"))
}

/// Whether the response complains of the header fields that a proxy drops.
fn misses_the_upgrade(refusal: &Refusal) -> bool {
    const WORD: &[u8] = b"upgrade";
    let has = |text: &[u8]| text.windows(WORD.len()).any(|part| part.eq_ignore_ascii_case(WORD));
    has(refusal.body()) || has(refusal.reason().as_bytes())
}

fn invalid(rule: HandshakeError) -> Vec<Finding> {
    let facts = || vec![Fact::HandshakeRule { rule }];
    let failure = |confidence| Finding::new(Verdict::HandshakeFailure, confidence, facts());
    let (verdict, confidence) = match rule.suspect() {
        Suspect::Peer => return vec![failure(Certain)],
        Suspect::Nothing => (Verdict::HandshakeRejected { status: rule.status() }, Certain),
        Suspect::OtherProtocol => (Verdict::NotWebSocket, Certain),
        Suspect::OtherService => (Verdict::NotWebSocket, Likely),
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
