//! The report of one ending, for a person: the sentence, why it probably happened, the evidence.

use std::fmt::Write as _;
use std::time::Duration;

use farewell::diagnosis::Diagnosis;
use farewell::dial::DialRecord;
use farewell::handshake::Refusal;
use farewell::{Evidence, Initiator, Phase, StreamEnd, Termination, Timestamp, TlsFacts, Traffic};

use crate::stage::{Said, Seen};
use crate::words::{count, span, wrap};

pub(crate) const WIDTH: usize = 98;

const INDENT: &str = "                      ";

/// The whole report, in lines.
pub(crate) fn in_full(seen: &Seen) -> String {
    let mut text = wrap(&seen.sentence(), "", WIDTH);
    text.push('\n');
    text.push('\n');
    if let Some(diagnosis) = seen.diagnosis() {
        text.push_str(&findings(&diagnosis));
        text.push('\n');
    }
    for (name, value) in evidence(seen) {
        let value = wrap(&value, INDENT, WIDTH);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {name:<20}{}", value.trim_start());
    }
    if let Some(answer) = way(seen).and_then(|way| way.proxy.as_ref()?.refusal.as_deref()) {
        text.push_str(&response("The proxy's answer", answer));
    }
    if let Said::Report(ended) = &seen.said {
        if let Some(refusal) = &ended.report.refusal {
            text.push_str(&response("The server's response", refusal));
        }
    }
    text
}

/// How the stream came about, or why it did not.
pub(crate) fn way(seen: &Seen) -> Option<&DialRecord> {
    match &seen.said {
        Said::Report(ended) => ended.report.dial.as_deref(),
        Said::NotConnected(error) => error.dial(),
    }
}

/// Every explanation, the best first, with what it rests on and what to do.
fn findings(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for finding in diagnosis {
        let _ = writeln!(text, "  {:<20}{}", finding.confidence().to_string(), finding.verdict());
        for fact in finding.evidence() {
            let _ = writeln!(text, "{}", wrap(&fact.to_string(), INDENT, WIDTH));
        }
        let _ = writeln!(text, "{}", wrap(&format!("→ {}", finding.remedy()), INDENT, WIDTH));
    }
    text
}

/// The first explanation of an ending, for the table.
pub(crate) fn why(seen: &Seen) -> String {
    let Some(diagnosis) = seen.diagnosis() else { return String::new() };
    let first = diagnosis.first();
    let verdict = format!("{}: {}", first.confidence(), first.verdict());
    let mut text = wrap(&verdict, "      ", WIDTH);
    let facts: Vec<_> = first.evidence().iter().map(ToString::to_string).collect();
    if !facts.is_empty() {
        text.push('\n');
        text.push_str(&wrap(&format!("evidence: {}", facts.join("; ")), "        ", WIDTH));
    }
    // Where all went as agreed and nothing was lost, there is nothing to be done.
    let agreed = first.verdict().is_agreed()
        && diagnosis.findings().len() == 1
        && !loses_something(&seen.said);
    if !agreed {
        text.push('\n');
        text.push_str(&wrap(&format!("→ {}", first.remedy()), "        ", WIDTH));
    }
    text
}

fn loses_something(said: &Said) -> bool {
    let Said::Report(ended) = said else { return false };
    ended.report.truncated_message || ended.report.dropped.messages > 0
}

/// The numbers, each with its name.
pub(crate) fn evidence(seen: &Seen) -> Vec<(&'static str, String)> {
    let way = way(seen);
    let text = way.map(|way| ("the way there", way.to_string()));
    let mut lines: Vec<_> = text.into_iter().filter(|(_, way)| !way.is_empty()).collect();
    let proxys = way.and_then(|way| way.proxy_tls.as_ref());
    let names = ["proxy's TLS", "proxy's certificate"];
    lines.extend(proxys.into_iter().flat_map(|record| tls(&record.facts, names)));
    if let Said::Report(ended) = &seen.said {
        lines.extend(ended.report.tls.iter().flat_map(|facts| tls(facts, ["TLS", "certificate"])));
        lines.extend(numbers(&ended.report));
    }
    lines
}

/// What is known of TLS, with the names for it and for the certificate.
fn tls(facts: &TlsFacts, [name, certificate]: [&'static str; 2]) -> Vec<(&'static str, String)> {
    let version = facts.version.map(|version| version.to_string());
    let agreed =
        [version, facts.cipher_suite.map(Into::into), facts.alpn.as_deref().map(Into::into)];
    let agreed: Vec<_> = agreed.into_iter().flatten().collect();
    let mut lines = Vec::new();
    if !agreed.is_empty() {
        lines.push((name, agreed.join(", ")));
    }
    if facts.unverified {
        lines.push(("NOT VERIFIED", "the certificate may be anybody's: --insecure".into()));
    }
    if let Some(shown) = &facts.certificate {
        let names = shown.names.join(", ");
        let text = format!("{}, for {names}, issued by {}", shown.subject, shown.issuer);
        lines.push((certificate, text));
    }
    lines
}

fn numbers(report: &Termination) -> Vec<(&'static str, String)> {
    let seen = &report.evidence;
    let opened = seen.phase != Phase::Opening;
    let mut lines = vec![("begun by", begun_by(report.initiator).into())];
    lines.push((if opened { "was open for" } else { "took" }, span(seen.ended.since(seen.opened))));
    lines.extend(seen.http_status.map(|status| ("HTTP status", status.to_string())));
    if opened {
        lines.push(("peer's Close", peer_close(report)));
        lines.push(("our Close", our_close(report)));
    }
    if opened || report.stream_end != StreamEnd::NotSeen {
        lines.push(("peer's stream", stream(report)));
    }
    lines.extend(seen.failure.map(|failure| ("the transport said", failure.to_string())));
    lines.extend(seen.unexpected.map(|first| ("the first bytes", first.to_string())));
    if opened {
        lines.push(("received", traffic(seen.received)));
        lines.push(("sent", traffic(seen.sent)));
    }
    if report.dropped.bytes > 0 {
        lines.push(("never written", report.dropped.to_string()));
    }
    if seen.discarded > 0 {
        lines.push(("thrown away", format!("{} after the end began", bytes(seen.discarded))));
    }
    lines.push(("last byte received", before(seen.last_received, seen)));
    lines.push(("last byte sent", before(seen.last_flushed, seen)));
    if opened {
        lines.push(("last message", before(seen.last_data, seen)));
        lines.push(("Pings", pings(seen)));
        lines.extend(peer_pings(seen).map(|pings| ("the peer's Pings", pings)));
        lines.extend(round_trip(seen).map(|trip| ("round trip", trip)));
    }
    if seen.timer_lateness > Duration::from_millis(100) {
        let late = span(seen.timer_lateness);
        lines.push((
            "a timer was late",
            format!("at least {late}: this machine was busy or asleep"),
        ));
    }
    if let Some(gap) = seen.last_gap {
        let ago = span(seen.ended.since(gap.ended));
        lines.push((
            "nothing happened",
            format!("for {}, until {ago} before the end", span(gap.span)),
        ));
    }
    lines
}

fn begun_by(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Local => "this end",
        Initiator::Peer => "the peer",
        Initiator::Both => "both ends",
        _ => "neither end: the connection below ended or failed",
    }
}

fn peer_close(report: &Termination) -> String {
    report.peer_close.map_or("none came".into(), |close| close.to_string())
}

fn our_close(report: &Termination) -> String {
    match report.local_close {
        None => "none was sent".into(),
        Some(local) => {
            let echo = if local.echo { ", as an echo" } else { "" };
            let lost = if local.flushed { "" } else { ", never written" };
            format!("{}{echo}{lost}", local.frame)
        }
    }
}

fn stream(report: &Termination) -> String {
    let at = match report.peer_close {
        Some(_) => "after its Close".into(),
        None => report.evidence.position.to_string(),
    };
    match report.stream_end {
        StreamEnd::Eof => format!("ended in order (TCP's FIN) {at}"),
        StreamEnd::TlsTruncated => format!("was cut off {at} (without TLS's close_notify)"),
        StreamEnd::EndOrReset => format!("ended or was reset {at}"),
        StreamEnd::Failed(kind) => format!("failed {at}: {kind}"),
        _ => "had not ended when this end gave up the connection".into(),
    }
}

fn traffic(traffic: Traffic) -> String {
    let Traffic { bytes: total, frames, messages, .. } = traffic;
    let (messages, frames) = (count(messages, "message"), count(frames, "frame"));
    format!("{messages} in {frames}, Pings and the like included; {}", bytes(total))
}

/// A number of bytes.
pub(crate) fn bytes(number: u64) -> String {
    let unit = |unit: u64| number as f64 / unit as f64;
    match number {
        0..1_000 => format!("{number} B"),
        1_000..1_000_000 => format!("{:.1} kB", unit(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", unit(1_000_000)),
        _ => format!("{:.1} GB", unit(1_000_000_000)),
    }
}

fn before(at: Option<Timestamp>, seen: &Evidence) -> String {
    at.map_or("never".into(), |at| format!("{} before the end", span(seen.ended.since(at))))
}

fn pings(seen: &Evidence) -> String {
    match (seen.pings.sent, seen.pings.outstanding) {
        (0, _) => "none was due".into(),
        (sent, 0) => format!("{sent} sent, all answered"),
        (sent, missing) => format!("{sent} sent, {missing} not answered"),
    }
}

fn peer_pings(seen: &Evidence) -> Option<String> {
    let pings = &seen.peer_pings;
    let last = pings.last?;
    let came = format!("{} came, the last {}", pings.received, before(Some(last), seen));
    Some(match pings.answered {
        Some(at) => format!("{came}, our Pong left {} later", span(at.since(last))),
        None => format!("{came}, our Pong had not left"),
    })
}

fn round_trip(seen: &Evidence) -> Option<String> {
    let rtt = seen.pings.rtt?;
    let [last, min, smoothed] = [rtt.last, rtt.min, rtt.smoothed].map(span);
    Some(format!("last {last}, shortest {min}, smoothed {smoothed}"))
}

/// How the server or the proxy responded instead of opening a connection. Nothing in it gets at the terminal.
fn response(what: &str, refusal: &Refusal) -> String {
    let mut text = format!("\n{what}:\n");
    let status = format!("{} {}", refusal.status(), refusal.reason());
    let _ = writeln!(text, "  {}", status.trim_end());
    for (name, value) in refusal.headers().iter() {
        let _ = writeln!(text, "  {name}: {}", value.escape_ascii());
    }
    for line in String::from_utf8_lossy(refusal.body()).lines().take(20) {
        let _ = writeln!(text, "  | {}", line.replace(char::is_control, "."));
    }
    text
}
