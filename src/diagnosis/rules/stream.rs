//! Endings of a stream of HTTP/2 or HTTP/3, by the error code that came with them.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::{Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::measures::Measures;
use super::{likely_if, timing, transport};
use crate::handshake::Carrier;
use crate::report::{CodeMeaning, StreamCode};
use crate::wire::role::Role;

/// The stream was reset while the WebSocket was open.
pub(super) fn reset(measures: &Measures<'_>, code: u64, facts: Vec<Fact>) -> Vec<Finding> {
    let failed =
        |confidence, facts| vec![Finding::new(Verdict::StreamFailed { code }, confidence, facts)];
    match meaning(measures, code) {
        CodeMeaning::Cancelled => cancelled(measures, code, facts),
        // That nothing of it was looked at cannot be, once it was open.
        CodeMeaning::Refused | CodeMeaning::Unknown => failed(Likely, facts),
        CodeMeaning::Http11
        | CodeMeaning::Protocol
        | CodeMeaning::TooMuch
        | CodeMeaning::Failed => failed(Certain, facts),
    }
}

/// What the code means over what carries the stream.
fn meaning(measures: &Measures<'_>, code: u64) -> CodeMeaning {
    let meaning = StreamCode(code).meaning();
    let http3 = measures.evidence.carrier == Carrier::Http3;
    if http3 && meaning == CodeMeaning::Unknown { CodeMeaning::Cancelled } else { meaning }
}

/// Nothing is wrong with the stream, says the code: so it may have been its time.
fn cancelled(measures: &Measures<'_>, code: u64, mut facts: Vec<Fact>) -> Vec<Finding> {
    let mut findings: Vec<_> = transport::suspected_limit(measures).into_iter().collect();
    findings.extend(timing::explain(measures));
    facts.push(Fact::EndedAt { at: measures.evidence.position });
    facts.push(Fact::Idle { span: measures.quiet() });
    let confidence = likely_if(!transport::any_likely(&findings));
    let place = timing::place_of_death(&findings);
    let verdict = Verdict::StreamCancelled { code: Some(code) };
    findings.insert(place, Finding::new(verdict, confidence, facts));
    findings.extend(transport::reset_mid_message(measures));
    findings
}

/// The stream was reset before there was a response to the extended CONNECT.
pub(super) fn reset_before_open(
    measures: &Measures<'_>,
    code: u64,
    facts: Vec<Fact>,
) -> Vec<Finding> {
    let finding = |verdict, confidence| Finding::new(verdict, confidence, facts.clone());
    let failed = Verdict::StreamFailed { code };
    let not_offered = Verdict::ExtendedConnectNotOffered;
    match meaning(measures, code) {
        CodeMeaning::Cancelled => {
            let verdict = Verdict::StreamCancelled { code: Some(code) };
            vec![finding(verdict, Likely), finding(Verdict::HandshakeCutShort, Possible)]
        }
        // What a server means by these, no client does.
        CodeMeaning::Refused | CodeMeaning::Http11 if measures.report.role == Role::Server => {
            vec![finding(failed, Likely)]
        }
        CodeMeaning::Protocol if measures.report.role == Role::Server => {
            vec![finding(failed, Certain)]
        }
        CodeMeaning::Refused => vec![finding(Verdict::StreamRefused, Certain)],
        CodeMeaning::Http11 => vec![finding(not_offered, Certain)],
        //= rfc8441#3
        //# If a client
        //# were to use the provisions of the extended CONNECT method defined in
        //# this document without first receiving a
        //# SETTINGS_ENABLE_CONNECT_PROTOCOL parameter, a non-supporting peer
        //# would detect a malformed request and generate a stream error
        CodeMeaning::Protocol => vec![finding(not_offered, Likely), finding(failed, Possible)],
        CodeMeaning::TooMuch | CodeMeaning::Failed => vec![finding(failed, Certain)],
        CodeMeaning::Unknown => vec![finding(failed, Likely)],
    }
}

/// The connection below is shut down, as the peer or a proxy in front of it says.
pub(super) fn gone_away(code: u64, facts: Vec<Fact>) -> Vec<Finding> {
    vec![Finding::new(Verdict::ConnectionGoingAway { code }, Certain, facts)]
}
