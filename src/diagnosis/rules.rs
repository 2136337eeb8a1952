//! From evidence to findings.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::finding::Confidence::{Certain, Likely, Possible};
use super::known::TimeoutKind;
use super::{Diagnoser, Fact, Finding, Verdict};
use crate::event::TransportError;
use crate::termination::{Cause, Initiator, Position, Termination};

/// Every explanation that fits, in the order of their plausibility among equals.
pub(super) fn findings(diagnoser: &Diagnoser<'_>, report: &Termination) -> Vec<Finding> {
    let one = |verdict, confidence| vec![Finding::new(verdict, confidence, vec![])];
    match report.cause {
        Cause::ClosingHandshake => one(closed(report), Certain),
        Cause::Eof { at: Position::OpeningHandshake } => one(Verdict::HandshakeCutShort, Certain),
        Cause::Eof { at: Position::FrameBoundary } => at_boundary(diagnoser, report),
        Cause::Eof { at } => one(died(at), Likely),
        Cause::Transport { kind: TransportError::TimedOut, .. } => {
            one(Verdict::KernelTimeout, Certain)
        }
        Cause::Transport { .. } => one(Verdict::PeerAborted, Possible),
        Cause::PongTimeout { waited } => one(Verdict::HalfOpen { silent: waited }, Likely),
        Cause::IdleTimeout { idle } => one(Verdict::LocalIdleTimeout { idle }, Certain),
        Cause::WriteStalled { pending } => one(Verdict::OutboundBlocked { pending }, Likely),
        Cause::CloseTimeout => one(Verdict::CloseUnanswered, Certain),
        Cause::HandshakeTimeout => one(Verdict::HandshakeTimedOut, Certain),
        Cause::HandshakeRejected { status } => one(Verdict::HandshakeRejected { status }, Certain),
        Cause::HandshakeInvalid(_) => one(Verdict::HandshakeFailure, Certain),
        Cause::Violation { rule, .. } | Cause::TooBig { rule, .. } => {
            one(Verdict::LocalFailure { code: rule.close_code().get() }, Certain)
        }
        Cause::Aborted => one(Verdict::LocalAbort, Certain),
    }
}

fn closed(report: &Termination) -> Verdict {
    let code = report.code;
    match (report.initiator, code) {
        (Initiator::Both, _) => Verdict::ClosedByBoth { code },
        (Initiator::Peer, 1001 | 1012 | 1014) => Verdict::Restart { code },
        (Initiator::Peer, 1013) => Verdict::TryAgainLater,
        (Initiator::Peer, 1002 | 1003 | 1007..=1011) => Verdict::PeerFailure { code },
        (Initiator::Peer, _) => Verdict::ClosedByPeer { code },
        _ => Verdict::ClosedByUs { code },
    }
}

fn died(at: Position) -> Verdict {
    let (received, expected) = match at {
        Position::InsidePayload { received, expected } => (received, Some(expected)),
        Position::InsideHeader { received } | Position::BetweenFragments { received } => {
            (received, None)
        }
        _ => (0, None),
    };
    Verdict::PeerDiedMidMessage { received, expected }
}

fn at_boundary(diagnoser: &Diagnoser<'_>, report: &Termination) -> Vec<Finding> {
    let idle = report.evidence.quiet();
    let near = |span: Duration| !span.is_zero() && span.abs_diff(idle) < Duration::from_millis(500);
    let rows: Vec<_> =
        diagnoser.rows().filter(|row| row.kind == TimeoutKind::Idle && near(row.span)).collect();
    let mut findings = Vec::new();
    if let Some(row) = rows.first() {
        let names = rows.iter().filter(|other| other.span == row.span);
        let known = Fact::KnownTimeout {
            span: row.span,
            kind: TimeoutKind::Idle,
            names: names.map(|row| row.name.clone()).collect(),
        };
        let evidence = vec![Fact::Idle { span: idle }, Fact::NoPing, known];
        let verdict = Verdict::ProxyIdleTimeout { timeout: row.span };
        findings.push(Finding::new(verdict, Likely, evidence));
    }
    findings.push(Finding::new(Verdict::PeerVanished, Possible, vec![Fact::Idle { span: idle }]));
    findings
}
