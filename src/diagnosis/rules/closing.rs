//! Endings in which a Close frame was received or sent.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{self, Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::measures::Measures;
use super::{silence, timing};
use crate::report::{Cause, Direction, Initiator, LocalClose, Termination, TransportError};
use crate::wire::close::{CloseFrame, CodeFacts, CodeName};
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
    if silence::names_our_silence(peer.reason()) {
        return silence::no_answer_from_us(measures, peer);
    }
    let mut findings = Vec::new();
    // What is said in so many words outranks what a code says in general.
    if silence::names_idleness(peer.reason()) {
        findings.push(idle_by_its_word(measures, peer));
    }
    // Who ends connections at an age or for idleness says no more than that it goes, or nothing.
    if findings.is_empty() && says_little(code) {
        findings.extend(timing::before_close(measures, code));
    }
    let (verdict, confidence) = match measures.report.initiator {
        Initiator::Both => (Verdict::ClosedByBoth { code }, Certain),
        Initiator::Local | Initiator::Peer | Initiator::Transport => {
            by_code(code, measures.report.role, !findings.is_empty())
        }
    };
    let unwritten = measures.report.local_close.as_ref().filter(|local| !local.flushed);
    let mut facts = vec![Fact::PeerClose { frame: *peer }];
    facts.extend(unwritten.map(local_fact));
    let place = timing::place_of_death(&findings);
    findings.insert(place, Finding::new(verdict, confidence, facts));
    findings
}

/// The reason in the peer's Close names idleness.
fn idle_by_its_word(measures: &Measures<'_>, peer: &CloseFrame) -> Finding {
    let span = measures.no_message();
    let timeout = timing::setting(measures, span);
    let said = Fact::PeerClose { frame: *peer };
    let facts = vec![said, Fact::NoMessage { span }, measures.pings()];
    Finding::new(Verdict::PeerApplicationIdle { timeout }, Likely, facts)
}

/// Whether the code says that the peer goes, and not why.
fn says_little(code: u16) -> bool {
    match CodeFacts::of(code).name {
        CodeName::Normal | CodeName::GoingAway | CodeName::NoStatus => true,
        CodeName::ProtocolError
        | CodeName::UnsupportedData
        | CodeName::AbnormalClosure
        | CodeName::InvalidPayload
        | CodeName::PolicyViolation
        | CodeName::MessageTooBig
        | CodeName::MandatoryExtension
        | CodeName::InternalError
        | CodeName::ServiceRestart
        | CodeName::TryAgainLater
        | CodeName::BadGateway
        | CodeName::TlsHandshake
        | CodeName::Application
        | CodeName::Undefined => false,
    }
}

/// The verdict for a code, and how sure it is where something else explains the Close as well.
fn by_code(code: u16, role: Role, explained: bool) -> (Verdict, Confidence) {
    let unless_explained = |sure: Confidence| if explained { Possible } else { sure };
    let agreed = (Verdict::ClosedByPeer { code }, unless_explained(Certain));
    match CodeFacts::of(code).name {
        // A browser that leaves the page says the same, and restarts nothing.
        CodeName::GoingAway if role == Role::Client => {
            (Verdict::Restart { code }, unless_explained(Likely))
        }
        CodeName::ServiceRestart => (Verdict::Restart { code }, Certain),
        CodeName::BadGateway => (Verdict::Restart { code }, Likely),
        CodeName::TryAgainLater => (Verdict::TryAgainLater, Certain),
        CodeName::PolicyViolation if explained => agreed,
        CodeName::ProtocolError
        | CodeName::UnsupportedData
        | CodeName::InvalidPayload
        | CodeName::PolicyViolation
        | CodeName::MessageTooBig
        | CodeName::MandatoryExtension
        | CodeName::InternalError => (Verdict::PeerFailure { code }, Certain),
        CodeName::Application => (Verdict::ClosedByApplication { code }, unless_explained(Certain)),
        CodeName::Normal
        | CodeName::GoingAway
        | CodeName::NoStatus
        | CodeName::AbnormalClosure
        | CodeName::TlsHandshake
        | CodeName::Undefined => agreed,
    }
}

/// We closed, and the time for the peer's Close passed.
pub(super) fn timed_out(measures: &Measures<'_>) -> Option<Vec<Finding>> {
    let local = measures.report.local_close.as_ref()?;
    let bytes = measures.evidence.pending_output;
    let (verdict, confidence, fact) = if local.flushed {
        (Verdict::CloseUnanswered, Certain, measures.received())
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
        TransportError::Reset
        | TransportError::BrokenPipe
        | TransportError::TlsTruncated
        | TransportError::UnexpectedEof
        | TransportError::StreamReset { .. }
        | TransportError::GoAway { .. }
        | TransportError::EndOrReset => skipped(measures, Fact::Transport { direction, kind }),
        // These are this machine's or the network's, and say nothing of what the peer did.
        TransportError::Aborted
        | TransportError::TimedOut
        | TransportError::Refused
        | TransportError::Unreachable
        | TransportError::Tls(_)
        | TransportError::ProxyTls(_)
        | TransportError::NonBlocking
        | TransportError::Other => None,
    }
}
