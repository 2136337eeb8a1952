//! Endings in which the transport ended or failed, and no Close frame explains it.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{self, Certain, Likely, Possible};
use super::super::known_timeouts::TimeoutKind;
use super::super::{Fact, Finding, Verdict};
use super::measures::{LONG_TRIP, Measures};
use super::{likely_if, stream, timing, tls};
use crate::report::{Direction, Position, TransportError};

/// The smallest limits that are common: from this size on, a message may well be over one.
const LARGE: u64 = 16 * 1024;

/// Below this size nobody limits messages.
const SMALL: u64 = 4 * 1024;

pub(super) fn failed(
    measures: &Measures<'_>,
    direction: Direction,
    kind: TransportError,
) -> Vec<Finding> {
    let mut facts = measures.failure(direction, kind);
    let one = |verdict, confidence, facts| vec![Finding::new(verdict, confidence, facts)];
    match (direction, kind) {
        (_, TransportError::TlsTruncated | TransportError::UnexpectedEof) => {
            said_to_end(measures, facts)
        }
        // Where the connection below has ended, those who speak HTTP/2 call the pipe broken.
        (Direction::Read, TransportError::BrokenPipe) if measures.evidence.carrier.is_stream() => {
            said_to_end(measures, facts)
        }
        (_, TransportError::StreamReset { code }) => stream::reset(measures, code, facts),
        (_, TransportError::GoAway { code }) => stream::gone_away(code, facts),
        (_, TransportError::EndOrReset) => {
            let mut findings = said_to_end(measures, facts.clone());
            findings.push(Finding::new(Verdict::StreamCancelled { code: None }, Possible, facts));
            findings
        }
        (_, TransportError::TimedOut) => {
            facts.push(Fact::NothingReceived { span: measures.quiet_in() });
            one(Verdict::KernelTimeout, Certain, facts)
        }
        (_, TransportError::Unreachable) => one(Verdict::Unreachable, Certain, facts),
        (_, TransportError::Refused) => one(Verdict::Refused, Certain, facts),
        (_, TransportError::Aborted) => one(Verdict::SystemAborted, Likely, facts),
        (Direction::Read, TransportError::Reset) => reset(measures, facts),
        (_, TransportError::Tls(error)) => tls::failed(measures, error),
        (_, TransportError::ProxyTls(error)) => tls::failed_below(measures, error),
        (Direction::Write, TransportError::Reset | TransportError::BrokenPipe) => {
            under_us(measures, Likely, facts)
        }
        (Direction::Read, TransportError::BrokenPipe)
        | (_, TransportError::NonBlocking | TransportError::Other) => {
            one(Verdict::TransportFailure, Likely, facts)
        }
    }
}

/// The peer's stream ended, as an error says.
fn said_to_end(measures: &Measures<'_>, facts: Vec<Fact>) -> Vec<Finding> {
    let mut findings = ended(measures, measures.evidence.position);
    if let Some(first) = findings.first_mut() {
        facts.into_iter().for_each(|fact| first.add(fact));
    }
    findings
}

/// The peer's stream ended.
pub(super) fn ended(measures: &Measures<'_>, at: Position) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(suspected_limit(measures));
    findings.extend(timing::explain(measures));
    let facts = vec![Fact::EndedAt { at }, Fact::Idle { span: measures.quiet() }];
    let Some(verdict) = mid_message(at) else {
        // Nothing else fits, and the connection was in use.
        let confidence = likely_if(findings.is_empty() && measures.is_busy());
        let place = timing::place_of_death(&findings);
        findings.insert(place, Finding::new(Verdict::PeerVanished, confidence, facts));
        return findings;
    };
    let confidence = likely_if(!any_likely(&findings) && measures.is_busy());
    let place = if any_likely(&findings) { findings.len() } else { 0 };
    findings.insert(place, Finding::new(verdict, confidence, facts));
    findings
}

/// The verdict for an end in the middle of a frame or of a message.
fn mid_message(at: Position) -> Option<Verdict> {
    let (received, expected) = match at {
        Position::InsidePayload { received, expected }
        | Position::InsideControlFrame { received, expected } => (received, Some(expected)),
        Position::InsideHeader { received } | Position::BetweenFragments { received } => {
            (received, None)
        }
        Position::TlsHandshake | Position::OpeningHandshake | Position::FrameBoundary => {
            return None;
        }
    };
    Some(Verdict::PeerDiedMidMessage { received, expected })
}

/// The same for a reset: whoever was sending died, or lost what it had not read.
pub(super) fn reset_mid_message(measures: &Measures<'_>) -> Option<Finding> {
    let at = measures.evidence.position;
    Some(Finding::new(mid_message(at)?, Possible, vec![Fact::EndedAt { at }]))
}

pub(super) fn any_likely(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.confidence() >= Likely)
}

/// The end came within a round trip of a message that was larger than those before it.
pub(super) fn suspected_limit(measures: &Measures<'_>) -> Option<Finding> {
    let sent = measures.evidence.last_sent?;
    let pings = &measures.evidence.pings;
    let only_message = pings.last_queued.is_none_or(|ping| ping < sent.queued);
    // Where a Ping followed, nobody knows when the last byte of the message left.
    let left = match measures.evidence.last_flushed {
        Some(flushed) if only_message => flushed.max(sent.queued),
        _ => sent.queued,
    };
    let before = measures.ago(Some(left));
    let window = if measures.rtt().is_some() { measures.reaction_time() } else { LONG_TRIP };
    if before > window || sent.len <= sent.largest_before || sent.len < SMALL {
        return None;
    }
    let stands_out = sent.len >= LARGE && sent.len / 2 >= sent.largest_before;
    let confidence = likely_if(stands_out && before <= measures.reaction_time());
    let facts = vec![
        Fact::LastMessage { len: sent.len, largest_before: sent.largest_before },
        Fact::LastWrite { before },
    ];
    Some(Finding::new(Verdict::PeerSuspectedLimit { len: sent.len }, confidence, facts))
}

fn reset(measures: &Measures<'_>, mut facts: Vec<Fact>) -> Vec<Finding> {
    let wrote = measures.evidence.last_flushed.is_some();
    let since = measures.quiet_out();
    if wrote && since <= measures.reaction_time() {
        let mut findings = under_us(measures, Likely, facts);
        findings.extend(reset_mid_message(measures));
        return findings;
    }
    if wrote && measures.rtt().is_none() && since <= LONG_TRIP {
        let mut findings = under_us(measures, Possible, facts.clone());
        findings.push(Finding::new(Verdict::PeerAborted, Possible, facts));
        findings.extend(reset_mid_message(measures));
        return findings;
    }
    let mut findings = timing::explain(measures);
    if wrote {
        facts.push(Fact::LastWrite { before: since });
    }
    facts.push(Fact::EndedAt { at: measures.evidence.position });
    let confidence = likely_if(findings.is_empty());
    let place = timing::place_of_death(&findings);
    findings.insert(place, Finding::new(Verdict::PeerAborted, confidence, facts));
    findings.extend(reset_mid_message(measures));
    findings
}

/// The peer, or something in its place, no longer knew the connection when we wrote.
fn under_us(measures: &Measures<'_>, confidence: Confidence, mut facts: Vec<Fact>) -> Vec<Finding> {
    let mut findings: Vec<_> = suspected_limit(measures).into_iter().collect();
    facts.push(Fact::LastWrite { before: measures.quiet_out() });
    let confidence = if any_likely(&findings) { Possible } else { confidence };
    findings.push(Finding::new(Verdict::PeerClosedUnderUs, confidence, facts));
    findings.extend(silent_drop(measures));
    // Whatever it had closed for, it may have been its time.
    let timed = timing::explain(measures).into_iter();
    findings.extend(timed.map(|mut finding| {
        finding.lower_to(Possible);
        finding
    }));
    findings
}

/// A hop that dropped the connection in silence may have done so at its idle timeout.
fn silent_drop(measures: &Measures<'_>) -> Option<Finding> {
    let span = measures.quiet_in();
    let rows = measures.diagnoser.rows().filter(|row| row.kind == TimeoutKind::Idle);
    let passed = rows.clone().map(|row| row.span);
    let timeout = passed.filter(|timeout| !timeout.is_zero() && *timeout <= span).max()?;
    let known = Fact::known(timeout, TimeoutKind::Idle, rows.filter(|row| row.span == timeout));
    let facts = vec![Fact::NothingReceived { span }, known];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, Possible, facts))
}
