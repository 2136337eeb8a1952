//! From evidence to findings.
//!
//! Invariant: every report gets a finding. What the wire, the operating system or this endpoint
//! said is certain; what follows from timing is likely at most; and where the evidence contradicts
//! itself, everything is only possible.

mod closing;
pub(super) mod dial;
mod measures;
mod opening;
mod silence;
mod stream;
mod timing;
mod tls;
mod transport;

use alloc::vec;
use alloc::vec::Vec;
use core::str;

use super::finding::Confidence::{self, Certain, Likely, Possible};
use super::{Diagnoser, Fact, Finding, Verdict};
use crate::report::{Cause, FirstBytes, Termination};

use measures::Measures;

/// Every explanation that fits, in the order of their plausibility among equals.
pub(super) fn findings(diagnoser: &Diagnoser<'_>, report: &Termination) -> Vec<Finding> {
    let measures = Measures::new(diagnoser, report);
    let mut findings = explain(&measures);
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

fn explain(measures: &Measures<'_>) -> Vec<Finding> {
    if measures.is_before_open() {
        return opening::explain(measures);
    }
    let by_closes = || closing::explain(measures);
    let one = |verdict, facts| vec![Finding::new(verdict, Certain, facts)];
    match measures.report.cause {
        Cause::Violation { rule, offset } | Cause::TooBig { rule, offset } => {
            if let Some(bytes) = measures.evidence.unexpected {
                let verdict = Verdict::HttpInStream { status: status_in(&bytes) };
                return one(verdict, vec![Fact::FirstBytes { bytes }, Fact::Rule { rule, offset }]);
            }
            let verdict = Verdict::LocalFailure { code: rule.close_code().get() };
            one(verdict, vec![Fact::Rule { rule, offset }])
        }
        Cause::IdleTimeout { idle } => {
            one(Verdict::LocalIdleTimeout { idle }, vec![Fact::NothingReceived { span: idle }])
        }
        Cause::MessageTimeout { elapsed } => {
            let at = measures.evidence.position;
            one(Verdict::LocalMessageTimeout { elapsed }, vec![Fact::EndedAt { at }])
        }
        Cause::Eof { at } => by_closes()
            .or_else(|| closing::skipped(measures, Fact::EndedAt { at }))
            .unwrap_or_else(|| transport::ended(measures, at)),
        Cause::Transport { direction, kind } => by_closes()
            .or_else(|| closing::skipped_by(measures, direction, kind))
            .unwrap_or_else(|| transport::failed(measures, direction, kind)),
        Cause::PongTimeout { .. } => by_closes().unwrap_or_else(|| silence::pong_timeout(measures)),
        Cause::WriteStalled { pending } => {
            by_closes().unwrap_or_else(|| silence::write_stalled(measures, pending))
        }
        Cause::Aborted => by_closes().unwrap_or_else(|| one(Verdict::LocalAbort, vec![])),
        Cause::CloseTimeout => {
            by_closes().or_else(|| closing::timed_out(measures)).unwrap_or_else(contradiction)
        }
        // Without Close frames these contradict themselves.
        Cause::ClosingHandshake
        | Cause::HandshakeTimeout
        | Cause::HandshakeRejected { .. }
        | Cause::PlainRequest { .. }
        | Cause::HandshakeInvalid(_) => by_closes().unwrap_or_else(contradiction),
    }
}

/// The status in the beginning of an HTTP response.
fn status_in(first: &FirstBytes) -> Option<u16> {
    let status = first.as_bytes().split(|byte| *byte == b' ').nth(1)?;
    str::from_utf8(status).ok()?.parse().ok().filter(|status| (100..=999).contains(status))
}

fn contradiction() -> Vec<Finding> {
    vec![Finding::new(Verdict::Unexplained, Possible, vec![Fact::Contradiction])]
}

/// Likely where `condition` holds, and only possible where it does not.
fn likely_if(condition: bool) -> Confidence {
    if condition { Likely } else { Possible }
}
