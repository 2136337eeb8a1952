//! From evidence to findings.
//!
//! Invariant: every report gets a finding. What the wire, the operating system or this end said is
//! certain; what follows from timing is likely at most; and where the evidence contradicts itself,
//! everything is only possible.

mod closing;
mod measures;
mod opening;
mod silence;
mod timing;
mod transport;

use alloc::vec;
use alloc::vec::Vec;

use super::finding::Confidence::{self, Certain, Likely, Possible};
use super::{Diagnoser, Fact, Finding, Verdict};
use crate::report::{Cause, Termination};

use measures::Measures;

/// Every explanation that fits, in the order of their plausibility among equals.
pub(super) fn findings(diagnoser: &Diagnoser<'_>, report: &Termination) -> Vec<Finding> {
    let measures = Measures::new(report);
    let mut findings = explain(diagnoser, &measures);
    silence::add_suspension(&measures, &mut findings);
    findings.iter_mut().for_each(|finding| finding.seen_by(report.role));
    if !measures.is_sound() {
        for finding in &mut findings {
            finding.lower_to(Possible);
            finding.add(Fact::Contradiction);
        }
    }
    findings
}

fn explain(diagnoser: &Diagnoser<'_>, measures: &Measures<'_>) -> Vec<Finding> {
    if measures.is_before_open() {
        return opening::explain(measures);
    }
    match measures.report.cause {
        Cause::Violation { rule, offset } | Cause::TooBig { rule, offset } => {
            let verdict = Verdict::LocalFailure { code: rule.close_code().get() };
            return vec![Finding::new(verdict, Certain, vec![Fact::Rule { rule, offset }])];
        }
        Cause::IdleTimeout { idle } => {
            let facts = vec![Fact::NothingReceived { span: idle }];
            return vec![Finding::new(Verdict::LocalIdleTimeout { idle }, Certain, facts)];
        }
        _ => {}
    }
    if let Some(findings) = closing::explain(diagnoser, measures) {
        return findings;
    }
    match measures.report.cause {
        Cause::Eof { .. } | Cause::Transport { .. } => transport::explain(diagnoser, measures),
        Cause::PongTimeout { waited } => silence::pong_timeout(measures, waited),
        Cause::WriteStalled { pending } => silence::write_stalled(measures, pending),
        Cause::Aborted => vec![Finding::new(Verdict::LocalAbort, Certain, vec![])],
        // What belongs to the opening handshake, or needs Close frames that are not there.
        _ => vec![Finding::new(Verdict::Unexplained, Possible, vec![Fact::Contradiction])],
    }
}

/// Likely where `condition` holds, and only possible where it does not.
fn likely_if(condition: bool) -> Confidence {
    if condition { Likely } else { Possible }
}
