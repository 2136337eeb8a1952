//! Endings by a deadline of this endpoint, because the peer or the transport did nothing; and
//! whether it was this process that did nothing.

use alloc::vec;
use alloc::vec::Vec;
use core::iter;
use core::time::Duration;

use super::super::finding::Confidence::{self, Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::likely_if;
use super::measures::Measures;
use crate::report::{Cause, Gap};
use crate::wire::close::CloseFrame;

/// Less than this is no sleep.
const A_SECOND: Duration = Duration::from_secs(1);

/// From this size on, a message may still be on its way when a Ping behind it is given up.
const UPLOAD: u64 = 64 * 1024;

pub(super) fn pong_timeout(measures: &Measures<'_>) -> Vec<Finding> {
    let pings = &measures.evidence.pings;
    let counted = Fact::Pings { sent: pings.sent, unanswered: pings.outstanding };
    let silent = measures.quiet_in();
    let half_open = |confidence| {
        let mut facts = vec![Fact::NothingReceived { span: silent }, counted.clone()];
        facts.extend(measures.rtt().map(|rtt| Fact::RoundTrip { rtt }));
        Finding::new(Verdict::HalfOpen { silent }, confidence, facts)
    };
    // What was on its way when the Ping left says nothing of the peer's state after it.
    let heard = match (pings.last_flushed, measures.evidence.last_received) {
        (Some(ping), Some(byte)) => byte.since(ping) > measures.reaction_time(),
        _ => false,
    };
    let bytes = measures.evidence.pending_output;
    // And the heartbeat sends another Ping only where something came after the one before.
    let mut findings = if heard || pings.outstanding > 1 {
        let facts = vec![counted.clone(), measures.received()];
        vec![Finding::new(Verdict::PeerStalled, Likely, facts), half_open(Possible)]
    } else {
        vec![half_open(likely_if(bytes == 0))]
    };
    let in_front = match bytes {
        0 => upload_before(measures),
        _ => Some(Fact::Pending { bytes }),
    };
    let blocked = Verdict::OutboundBlocked { pending: bytes };
    findings.extend(in_front.map(|fact| Finding::new(blocked, Possible, vec![fact])));
    findings
}

/// A large message that had left only just before the latest Ping: it may still have been on its
/// way, and the Ping behind it.
fn upload_before(measures: &Measures<'_>) -> Option<Fact> {
    let sent = measures.evidence.last_sent.filter(|sent| sent.len >= UPLOAD)?;
    let ping = measures.evidence.pings.last_flushed?;
    let near = ping.since(sent.queued) <= measures.pong_timeout();
    let (len, largest_before) = (sent.len, sent.largest_before);
    near.then_some(Fact::LastMessage { len, largest_before })
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
    facts.push(measures.received());
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

/// The peer says that it waited for us in vain. That it says so is certain; what was late here is
/// told as far as it was seen.
pub(super) fn no_answer_from_us(measures: &Measures<'_>, peer: &CloseFrame) -> Vec<Finding> {
    let code = peer.reported_code();
    let mut facts = vec![Fact::PeerClose { frame: *peer }];
    if let Some((before, after)) = measures.peer_ping() {
        facts.push(Fact::PeerPing { before, after });
        let pending = measures.evidence.pending_output;
        if after.is_none() && pending > 0 {
            facts.push(Fact::Pending { bytes: pending });
        }
    }
    let first = Finding::new(Verdict::NoAnswerFromUs { code }, Certain, facts);
    iter::once(first).chain(late_pong(measures)).collect()
}

/// Our Pong was behind our own output.
fn late_pong(measures: &Measures<'_>) -> Option<Finding> {
    let (before, after) = measures.peer_ping()?;
    if after.unwrap_or(before) <= A_SECOND {
        return None;
    }
    let pending = measures.evidence.pending_output;
    let fact = match pending {
        0 => Fact::PeerPing { before, after },
        _ => Fact::Pending { bytes: pending },
    };
    let blocked = Verdict::OutboundBlocked { pending };
    Some(Finding::new(blocked, likely_if(pending > 0), vec![fact]))
}

/// Whether a reason speaks of our silence: of Pings, Pongs or heartbeats, and that they were missed.
///
/// That something is *not* so says nothing alone: that Pings are not allowed is no silence.
pub(super) fn names_our_silence(reason: &str) -> bool {
    const SIGNS: [&str; 6] = ["keepalive", "keep-alive", "keep alive", "heartbeat", "ping", "pong"];
    const MISSED: [&str; 13] = [
        "timeout",
        "timed out",
        "time out",
        "missed",
        "missing",
        "lost",
        "expired",
        "overdue",
        "unanswered",
        "unresponsive",
        "no answer",
        "no reply",
        "no response",
    ];
    const DENIALS: [&str; 4] = ["not", "never", "didn't", "failed to"];
    const ANSWERS: [&str; 9] = [
        "receive",
        "received",
        "respond",
        "responded",
        "responding",
        "answer",
        "answered",
        "answering",
        "reply",
    ];
    let has_any = |words: &[&str]| words.iter().any(|word| has_word(reason, word));
    let follow = |first: &str, second: &[&str]| {
        behind(reason, first).any(|rest| second.iter().any(|word| begins_with(rest, word)))
    };
    has_any(&SIGNS)
        && (has_any(&MISSED)
            || follow("no", &SIGNS)
            || DENIALS.iter().any(|denial| follow(denial, &ANSWERS))
            || SIGNS.iter().any(|sign| follow(sign, &["failed", "check failed"])))
}

/// Whether a reason names a timeout for idleness, as many servers do.
pub(super) fn names_idleness(reason: &str) -> bool {
    const WORDS: [&[u8]; 3] = [b"idle", b"inactiv", b"no activity"];
    let reason = reason.as_bytes();
    let has = |word: &[u8]| reason.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    WORDS.into_iter().any(has)
}

/// Whether `text` has these words, in letters of any case, and not inside others, but for a plural.
fn has_word(text: &str, words: &str) -> bool {
    behind(text, words).next().is_some()
}

/// What stands behind each place where `text` has these words, without the space between.
fn behind<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let text = text.as_bytes();
    (0..text.len()).filter_map(move |at| {
        let (before, from) = text.split_at_checked(at)?;
        let starts = before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        after_word(from, words).filter(|_| starts)
    })
}

fn begins_with(text: &[u8], words: &str) -> bool {
    after_word(text, words).is_some()
}

/// What follows these words or their plural, if `text` begins with them.
fn after_word<'a>(text: &'a [u8], words: &str) -> Option<&'a [u8]> {
    let (part, after) = text.split_at_checked(words.len())?;
    let plural = after.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b's'));
    let after = after.get(usize::from(plural)..).unwrap_or_default();
    let ends = after.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (ends && part.eq_ignore_ascii_case(words.as_bytes())).then(|| after.trim_ascii_start())
}

/// Adds the suspension of this process where the end came right after it: first, unless somebody
/// said something else.
pub(super) fn add_suspension(measures: &Measures<'_>, findings: &mut Vec<Finding>) {
    let Some((suspension, explains)) = suspension(measures, findings) else { return };
    if !explains {
        return findings.push(suspension);
    }
    findings.iter_mut().for_each(|finding| finding.lower_below_certain(Possible));
    let certain = |finding: &&Finding| finding.confidence() == Certain;
    let place = findings.iter().take_while(certain).count();
    findings.insert(place, suspension);
}

/// The suspension of this process, and whether it explains an end that nobody explained.
fn suspension(measures: &Measures<'_>, findings: &[Finding]) -> Option<(Finding, bool)> {
    let moment = Duration::from_secs(5);
    let told_so = |finding: &Finding| matches!(finding.verdict(), Verdict::NoAnswerFromUs { .. });
    let told_so = findings.iter().any(told_so);
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
        Cause::ClosingHandshake | Cause::Aborted if told_so => (moment, true),
        Cause::HandshakeTimeout if measures.evidence.timer_lateness >= moment => {
            return Some((slept(measures, Likely), false));
        }
        Cause::HandshakeTimeout
        | Cause::HandshakeRejected { .. }
        | Cause::PlainRequest { .. }
        | Cause::HandshakeInvalid(_)
        | Cause::ClosingHandshake
        | Cause::Violation { .. }
        | Cause::TooBig { .. }
        | Cause::Aborted => return None,
    };
    if measures.was_suspended(within) {
        return Some((slept(measures, Likely), explains));
    }
    let gap = measures.last_gap().filter(|_| !measures.is_before_open())?;
    let nap = |confidence| napped(gap, confidence);
    // The peer had asked after us and given up in the same time in which nobody read.
    if measures.evidence.peer_pings.last.is_some_and(|ping| ping >= gap.ended) {
        return Some((nap(Likely), explains));
    }
    if gap.late >= A_SECOND {
        return Some((nap(Possible), explains));
    }
    // What woke this process may have been its own wish to write, and the end had waited.
    let wrote = measures.evidence.last_flushed.is_some_and(|at| at >= gap.ended);
    (wrote && gap.span > A_SECOND.saturating_mul(2)).then(|| (nap(Possible), false))
}

/// It had missed a deadline by more than the heartbeat is patient.
fn slept(measures: &Measures<'_>, confidence: Confidence) -> Finding {
    let late = measures.evidence.timer_lateness;
    Finding::new(Verdict::LocalSuspended { late }, confidence, vec![Fact::Lateness { late }])
}

/// Nobody had called for this time, and what ended the connection was there when somebody did.
fn napped(gap: Gap, confidence: Confidence) -> Finding {
    let Gap { late, span, .. } = gap;
    let late = if late >= A_SECOND { late } else { Duration::ZERO };
    let facts = match late {
        Duration::ZERO => vec![Fact::Gap { span }],
        _ => vec![Fact::Lateness { late }, Fact::Gap { span }],
    };
    Finding::new(Verdict::LocalSuspended { late }, confidence, facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_speaks_of_our_silence_is_told_from_others() {
        for reason in [
            "keepalive ping timeout",
            "Ping timeout",
            "pong timeout",
            "no pong",
            "No PONG received",
            "heartbeat timeout",
            "missed heartbeats",
            "keep-alive expired",
            "client did not respond to ping: timed out",
            "Did not receive pong",
            "pong not received",
            "peer is not responding to pings",
            "didn't answer our ping",
            "no response to ping",
            "failed to respond to heartbeats",
            "heartbeat failed",
            "no heartbeat for 30 s",
        ] {
            assert!(names_our_silence(reason), "{reason}");
        }
        for reason in [
            "",
            "stopping: no more work",
            "shipping failed",
            "idle timeout",
            "unexpected pong",
            "heartbeat interval changed",
            "timeout",
            "no space left",
            "pings are not allowed",
            "ping not supported",
            "too many pings: not allowed",
            "heartbeat not negotiated",
            "unknown op ping: no handler",
            "heartbeat negotiation failed",
            "failed to parse ping",
        ] {
            assert!(!names_our_silence(reason), "{reason}");
        }
    }
}
