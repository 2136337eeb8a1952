//! Endings in which a Close frame was received or sent.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{self, Certain, Likely, Possible};
use super::super::{Diagnoser, Fact, Finding, Verdict};
use super::measures::Measures;
use super::timing;
use crate::report::TransportError;
use crate::report::{Cause, Initiator, LocalClose, Termination};
use crate::wire::close::CloseFrame;
use crate::wire::role::Role;

/// What the Close frames say; `None` where they do not explain the end.
pub(super) fn explain(diagnoser: &Diagnoser<'_>, measures: &Measures<'_>) -> Option<Vec<Finding>> {
    let report = measures.report;
    match (&report.peer_close, &report.local_close) {
        (Some(peer), local) => {
            let mut findings = match (report.initiator, local) {
                (Initiator::Local, Some(local)) if !local.answer => vec![by_us(local)],
                _ => by_peer(diagnoser, measures, peer),
            };
            if let Some(first) = findings.first_mut() {
                lost(report).for_each(|fact| first.add(fact));
            }
            if report.cause == Cause::Aborted {
                findings.push(Finding::new(Verdict::LocalAbort, Certain, vec![]));
            }
            Some(findings)
        }
        (None, Some(local)) => unanswered(measures, local),
        (None, None) => None,
    }
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

fn by_peer(diagnoser: &Diagnoser<'_>, measures: &Measures<'_>, peer: &CloseFrame) -> Vec<Finding> {
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
        let timeout = timing::setting(diagnoser, measures, span);
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
    if code == 1001 && measures.report.role == Role::Client {
        let timed = timing::of_a_gateway(diagnoser, measures);
        if !timed.is_empty() {
            restart = Possible;
        }
        findings.extend(timed);
    }
    let (verdict, confidence): (_, Confidence) = match (measures.report.initiator, code) {
        (Initiator::Both, _) => (Verdict::ClosedByBoth { code }, Certain),
        // A browser that leaves the page says the same, and restarts nothing.
        (_, 1001) if measures.report.role == Role::Client => (Verdict::Restart { code }, restart),
        (_, 1012) => (Verdict::Restart { code }, Certain),
        (_, 1014) => (Verdict::Restart { code }, Likely),
        (_, 1013) => (Verdict::TryAgainLater, Certain),
        (_, 1002 | 1003 | 1007 | 1009..=1011) => (Verdict::PeerFailure { code }, Certain),
        (_, 1008) if !idleness => (Verdict::PeerFailure { code }, Certain),
        _ if idleness => (Verdict::ClosedByPeer { code }, Possible),
        _ => (Verdict::ClosedByPeer { code }, Certain),
    };
    findings.push(said(verdict, confidence));
    findings
}

/// Whether the reason names a timeout for silence, as many servers do.
fn tells_of_idleness(peer: &CloseFrame) -> bool {
    const WORDS: [&[u8]; 3] = [b"idle", b"inactiv", b"no activity"];
    let reason = peer.reason().as_bytes();
    let has = |word: &[u8]| reason.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    WORDS.into_iter().any(has)
}

/// Whether a transport fails in this way because of what the peer did.
fn is_peers(kind: TransportError) -> bool {
    matches!(
        kind,
        TransportError::Reset | TransportError::BrokenPipe | TransportError::TlsTruncated
    )
}

/// We closed, and the peer said nothing.
fn unanswered(measures: &Measures<'_>, local: &LocalClose) -> Option<Vec<Finding>> {
    let mut facts = vec![local_fact(local)];
    let received = Fact::LastReceived { before: measures.quiet_in() };
    let one = |verdict, confidence, facts| Some(vec![Finding::new(verdict, confidence, facts)]);
    match measures.report.cause {
        Cause::CloseTimeout if local.flushed => {
            facts.push(received);
            one(Verdict::CloseUnanswered, Certain, facts)
        }
        Cause::CloseTimeout => {
            let bytes = measures.evidence.pending_output;
            facts.push(Fact::Pending { bytes });
            one(Verdict::OutboundBlocked { pending: bytes }, Likely, facts)
        }
        Cause::Eof { at } if local.flushed => {
            facts.push(Fact::EndedAt { at });
            one(Verdict::CloseSkipped, Likely, facts)
        }
        // Other failures are this machine's, and say nothing of what the peer did.
        Cause::Transport { side, kind } if local.flushed && is_peers(kind) => {
            facts.push(Fact::Transport { side, kind });
            one(Verdict::CloseSkipped, Likely, facts)
        }
        _ => None,
    }
}
