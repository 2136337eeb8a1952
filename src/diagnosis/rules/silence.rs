//! Endings by a deadline of this endpoint, because the peer or the transport did nothing; and
//! whether it was this process that did nothing.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::finding::Confidence::{Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::likely_if;
use super::measures::Measures;
use crate::report::Cause;

pub(super) fn pong_timeout(measures: &Measures<'_>, waited: Duration) -> Vec<Finding> {
    let pings = &measures.evidence.pings;
    let counted = Fact::Pings { sent: pings.sent, unanswered: pings.outstanding };
    let quiet = Fact::NothingReceived { span: measures.quiet_in() };
    let half_open = |confidence| {
        let facts = vec![quiet.clone(), counted.clone()];
        Finding::new(Verdict::HalfOpen { silent: waited }, confidence, facts)
    };
    // What was on its way when the Ping left says nothing of the peer's state after it.
    let heard = match (pings.last_flushed, measures.evidence.last_received) {
        (Some(ping), Some(byte)) => byte.since(ping) > measures.reaction_time(),
        _ => false,
    };
    // And the heartbeat sends another Ping only where something came after the one before.
    if !heard && pings.outstanding < 2 {
        let bytes = measures.evidence.pending_output;
        let mut findings = vec![half_open(likely_if(bytes == 0))];
        if bytes > 0 {
            let blocked = Verdict::OutboundBlocked { pending: bytes };
            findings.push(Finding::new(blocked, Possible, vec![Fact::Pending { bytes }]));
        }
        return findings;
    }
    let facts = vec![counted.clone(), Fact::LastReceived { before: measures.quiet_in() }];
    vec![Finding::new(Verdict::PeerStalled, Likely, facts), half_open(Possible)]
}

pub(super) fn write_stalled(measures: &Measures<'_>, pending: u64) -> Vec<Finding> {
    let pings = &measures.evidence.pings;
    let mut facts = vec![Fact::Pending { bytes: pending }];
    if measures.evidence.last_flushed.is_some() {
        facts.push(Fact::LastWrite { before: measures.quiet_out() });
    }
    if pings.last_queued.is_some() && pings.last_flushed.is_none() {
        facts.push(Fact::PingNotWritten);
    }
    facts.push(Fact::LastReceived { before: measures.quiet_in() });
    // A dead path stops both directions; a peer that does not read may still write.
    let stalled_for = measures.quiet_out();
    let heard = measures.evidence.last_received.is_some()
        && measures.quiet_in().saturating_add(measures.reaction_time()) < stalled_for;
    let blocked = Verdict::OutboundBlocked { pending };
    let mut findings = vec![Finding::new(blocked, likely_if(heard), facts)];
    if !heard {
        let silent = measures.quiet_in();
        let facts = vec![Fact::NothingReceived { span: silent }];
        findings.push(Finding::new(Verdict::HalfOpen { silent }, Possible, facts));
    }
    findings
}

/// Puts the suspension of this process first, where the end came right after it.
pub(super) fn add_suspension(measures: &Measures<'_>, findings: &mut Vec<Finding>) {
    let late = measures.evidence.timer_lateness;
    let moment = Duration::from_secs(5);
    // After a late timer there is one more Ping, and one more wait for its Pong.
    let (within, explains) = match measures.report.cause {
        Cause::PongTimeout { .. } | Cause::WriteStalled { .. } => {
            (measures.pong_timeout().saturating_mul(2).saturating_add(moment), true)
        }
        Cause::Eof { .. } | Cause::Transport { .. } => {
            (moment, measures.report.peer_close.is_none())
        }
        Cause::IdleTimeout { .. } | Cause::MessageTimeout { .. } | Cause::CloseTimeout => {
            (moment, false)
        }
        Cause::HandshakeTimeout if late >= moment => {
            findings.push(suspension(late));
            return;
        }
        Cause::HandshakeTimeout
        | Cause::HandshakeRejected { .. }
        | Cause::HandshakeInvalid(_)
        | Cause::ClosingHandshake
        | Cause::Violation { .. }
        | Cause::TooBig { .. }
        | Cause::Aborted => return,
    };
    if !measures.was_suspended(within) {
        return;
    }
    if explains {
        findings.iter_mut().for_each(|finding| finding.lower_below_certain(Possible));
    }
    findings.insert(0, suspension(late));
}

fn suspension(late: Duration) -> Finding {
    Finding::new(Verdict::LocalSuspended { late }, Likely, vec![Fact::Lateness { late }])
}
