//! Endings in which a Close frame was received or sent.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{self, Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::measures::Measures;
use super::timing;
use crate::report::{Cause, Direction, Initiator, LocalClose, Termination, TransportError};
use crate::wire::close::{CloseCode, CloseFrame, CodeFacts, CodeName};
use crate::wire::role::Role;

/// What the peer's Close says; `None` where none came.
pub(super) fn explain(measures: &Measures<'_>) -> Option<Vec<Finding>> {
    let report = measures.report;
    let peer = report.peer_close.as_ref()?;
    let came_first = |ours: &&LocalClose| report.initiator == Initiator::Local && !ours.echo;
    let mut findings = match report.local_close.as_ref().filter(came_first) {
        Some(local) => vec![by_us(local)],
        None => by_peer(measures, peer),
    };
    if let Some(first) = findings.first_mut() {
        lost(report).for_each(|fact| first.add(fact));
    }
    if report.cause == Cause::Aborted {
        findings.push(Finding::new(Verdict::LocalAbort, Certain, vec![]));
    }
    Some(findings)
}

/// What did not arrive, although there were Closes.
fn lost(report: &Termination) -> impl Iterator<Item = Fact> {
    let cut = report.truncated_message.then_some(Fact::TruncatedMessage);
    let unsent = report.dropped.messages > 0;
    cut.into_iter().chain(unsent.then_some(Fact::Unsent { backlog: report.dropped }))
}

fn by_us(local: &LocalClose) -> Finding {
    let verdict = Verdict::ClosedByUs { code: local.frame.reported_code() };
    Finding::new(verdict, Certain, vec![local_fact(local)])
}

fn local_fact(local: &LocalClose) -> Fact {
    Fact::LocalClose { frame: local.frame, flushed: local.flushed }
}

fn by_peer(measures: &Measures<'_>, peer: &CloseFrame) -> Vec<Finding> {
    let code = peer.reported_code();
    let unwritten = measures.report.local_close.as_ref().filter(|local| !local.flushed);
    let said = |verdict, confidence| {
        let mut facts = vec![Fact::PeerClose { frame: *peer }];
        facts.extend(unwritten.map(local_fact));
        Finding::new(verdict, confidence, facts)
    };
    let mut findings = Vec::new();
    // What is said in so many words outranks what a code says in general.
    let idleness = tells_of_idleness(peer);
    let mut restart = Likely;
    if idleness {
        let span = measures.no_message();
        let timeout = timing::setting(measures, span);
        let mut facts = vec![Fact::PeerClose { frame: *peer }, Fact::NoMessage { span }];
        let pings = &measures.evidence.pings;
        facts.push(match pings.sent {
            0 => Fact::NoPing,
            sent => Fact::Pings { sent, unanswered: pings.outstanding },
        });
        findings.push(Finding::new(Verdict::PeerApplicationIdle { timeout }, Likely, facts));
        restart = Possible;
    }
    // A gateway that ends connections at an age or for idleness calls that going away as well.
    if code == CloseCode::GOING_AWAY.get() && measures.report.role == Role::Client {
        let timed = timing::of_a_gateway(measures);
        if !timed.is_empty() {
            restart = Possible;
        }
        findings.extend(timed);
    }
    let (verdict, confidence) = match measures.report.initiator {
        Initiator::Both => (Verdict::ClosedByBoth { code }, Certain),
        Initiator::Local | Initiator::Peer | Initiator::Transport => {
            by_code(code, measures.report.role, idleness, restart)
        }
    };
    findings.push(said(verdict, confidence));
    findings
}

/// The verdict for a code: `idleness` is whether the peer's reason names it, and `restart` how
/// surely 1001 is a sign of a restart.
fn by_code(code: u16, role: Role, idleness: bool, restart: Confidence) -> (Verdict, Confidence) {
    let agreed = (Verdict::ClosedByPeer { code }, if idleness { Possible } else { Certain });
    match CodeFacts::of(code).name {
        // A browser that leaves the page says the same, and restarts nothing.
        CodeName::GoingAway if role == Role::Client => (Verdict::Restart { code }, restart),
        CodeName::ServiceRestart => (Verdict::Restart { code }, Certain),
        CodeName::BadGateway => (Verdict::Restart { code }, Likely),
        CodeName::TryAgainLater => (Verdict::TryAgainLater, Certain),
        CodeName::PolicyViolation if idleness => agreed,
        CodeName::ProtocolError
        | CodeName::UnsupportedData
        | CodeName::InvalidPayload
        | CodeName::PolicyViolation
        | CodeName::MessageTooBig
        | CodeName::MandatoryExtension
        | CodeName::InternalError => (Verdict::PeerFailure { code }, Certain),
        CodeName::Normal
        | CodeName::GoingAway
        | CodeName::NoStatus
        | CodeName::AbnormalClosure
        | CodeName::TlsHandshake
        | CodeName::Application
        | CodeName::Undefined => agreed,
    }
}

/// Whether the reason names a timeout for silence, as many servers do.
fn tells_of_idleness(peer: &CloseFrame) -> bool {
    const WORDS: [&[u8]; 3] = [b"idle", b"inactiv", b"no activity"];
    let reason = peer.reason().as_bytes();
    let has = |word: &[u8]| reason.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    WORDS.into_iter().any(has)
}

/// We closed, and the time for the peer's Close passed.
pub(super) fn timed_out(measures: &Measures<'_>) -> Option<Vec<Finding>> {
    let local = measures.report.local_close.as_ref()?;
    let bytes = measures.evidence.pending_output;
    let (verdict, confidence, fact) = if local.flushed {
        let received = Fact::LastReceived { before: measures.quiet_in() };
        (Verdict::CloseUnanswered, Certain, received)
    } else {
        (Verdict::OutboundBlocked { pending: bytes }, Likely, Fact::Pending { bytes })
    };
    Some(vec![Finding::new(verdict, confidence, vec![local_fact(local), fact])])
}

/// We closed, and the peer's stream ended.
pub(super) fn skipped(measures: &Measures<'_>, fact: Fact) -> Option<Vec<Finding>> {
    let local = measures.report.local_close.as_ref().filter(|local| local.flushed)?;
    Some(vec![Finding::new(Verdict::CloseSkipped, Likely, vec![local_fact(local), fact])])
}

/// We closed, and the transport failed.
pub(super) fn skipped_by(
    measures: &Measures<'_>,
    direction: Direction,
    kind: TransportError,
) -> Option<Vec<Finding>> {
    match kind {
        TransportError::Reset | TransportError::BrokenPipe | TransportError::TlsTruncated => {
            skipped(measures, Fact::Transport { direction, kind })
        }
        // These are this machine's, and say nothing of what the peer did.
        TransportError::Aborted
        | TransportError::TimedOut
        | TransportError::NonBlocking
        | TransportError::Other => None,
    }
}
