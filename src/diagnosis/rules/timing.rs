//! Spans that somebody's timeout explains: idle times and ages, known, round or repeated.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::finding::Confidence::{Likely, Possible};
use super::super::history::PastConnection;
use super::super::known_timeouts::TimeoutKind;
use super::super::{Fact, Finding, Verdict};
use super::likely_if;
use super::measures::Measures;
use crate::report::Position;

/// An idle time in no table is taken for a setting where it is a multiple of this.
const ROUND: Duration = Duration::from_secs(30);

/// Shorter ages and idle times repeat for many reasons, such as a peer that crashes on its input.
const TELLING: Duration = Duration::from_secs(10);

/// What ends a connection without a Close, for the time it took.
pub(super) fn explain(measures: &Measures<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if measures.evidence.position == Position::FrameBoundary {
        findings.extend(idle(measures));
        findings.extend(application_idle(measures));
    }
    let idle_is_likely = findings.iter().any(|finding| finding.confidence() == Likely);
    if let Some(mut lifetime) = lifetime(measures) {
        if idle_is_likely {
            lifetime.lower_to(Possible);
        }
        let first = lifetime.confidence() == Likely || lifetime_is_known(measures);
        findings.insert(if first && !idle_is_likely { 0 } else { findings.len() }, lifetime);
    }
    findings
}

/// What makes a gateway close with 1001: idleness or age that is known, or age that repeats.
pub(super) fn of_a_gateway(measures: &Measures<'_>) -> Vec<Finding> {
    // The Close itself is the last byte, so that messages have to show the silence.
    let silent = match measures.evidence.pings.sent {
        0 => idle_before_close(measures),
        _ => application_idle(measures).filter(|finding| finding.confidence() == Likely),
    };
    let aged = || lifetime(measures).filter(|finding| finding.confidence() == Likely);
    silent.or_else(aged).into_iter().collect()
}

fn idle_before_close(measures: &Measures<'_>) -> Option<Finding> {
    let span = measures.no_message();
    let known = known(measures, TimeoutKind::Idle, span)?;
    let facts = vec![Fact::NoMessage { span }, Fact::NoPing, known.names];
    let verdict = Verdict::ProxyIdleTimeout { timeout: known.timeout };
    Some(Finding::new(verdict, likely_if(known.exact), facts))
}

/// A known timeout that explains a span.
struct Known {
    timeout: Duration,
    /// Who has it.
    names: Fact,
    /// Whether the span fits it without allowing for a long round trip.
    exact: bool,
}

/// The known timeout that `span` was caused by.
fn known(measures: &Measures<'_>, kind: TimeoutKind, span: Duration) -> Option<Known> {
    let fitting = measures
        .diagnoser
        .rows()
        .filter(move |row| row.kind == kind && measures.may_be(span, row.span));
    let best = fitting.clone().min_by_key(|row| measures.distance(span, row.span))?.span;
    let names = Fact::known(best, kind, fitting.filter(|row| row.span == best));
    Some(Known { timeout: best, names, exact: measures.is_about(span, best) })
}

/// The multiple of half a minute that `span` was caused by.
fn round(measures: &Measures<'_>, span: Duration) -> Option<Duration> {
    let multiple = (span.as_millis() + ROUND.as_millis() / 2) / ROUND.as_millis();
    let multiple = u32::try_from(multiple).ok()?;
    let timeout = ROUND.checked_mul(multiple)?;
    measures.is_about(span, timeout).then_some(timeout)
}

/// `span` as somebody would have set it.
pub(super) fn setting(measures: &Measures<'_>, span: Duration) -> Duration {
    let known = known(measures, TimeoutKind::Idle, span).map(|known| known.timeout);
    known.or_else(|| round(measures, span)).unwrap_or_else(|| whole(span))
}

/// To the nearest second; a span of less than that to the nearest hundredth, which may be nothing.
fn whole(span: Duration) -> Duration {
    match span.as_millis() {
        millis @ 0..=999 => Duration::from_millis((millis as u64 + 5) / 10 * 10),
        _ => Duration::from_secs(span.saturating_add(Duration::from_millis(500)).as_secs()),
    }
}

/// How many connections in a row had about this `span`, the present one included.
fn repeated(measures: &Measures<'_>, of: fn(&PastConnection) -> Duration, span: Duration) -> u32 {
    let past = measures.diagnoser.history.iter().flat_map(|history| history.iter());
    let equal = past.filter(|past| past.was_cut() && of(past).abs_diff(span) <= measures.slack());
    1 + equal.count() as u32
}

fn idle(measures: &Measures<'_>) -> Option<Finding> {
    let quiet = measures.quiet();
    idle_known(measures)
        .or_else(|| idle_repeated(measures, quiet))
        .or_else(|| idle_round(measures, quiet))
}

fn idle_known(measures: &Measures<'_>) -> Option<Finding> {
    let quiet = measures.quiet();
    let (quiet_in, quiet_out) = (measures.quiet_in(), measures.quiet_out());
    // Some watch both directions together, and some only one of them.
    let alone = |span: Duration| span > quiet.saturating_add(measures.slack());
    let pings = &measures.evidence.pings;
    let ping = match pings.last_flushed {
        Some(_) if alone(quiet_in) => {
            Fact::Pings { sent: pings.sent, unanswered: pings.outstanding }
        }
        _ => Fact::NoPing,
    };
    let ways = [
        (quiet, true, Fact::Idle { span: quiet }),
        (quiet_out, alone(quiet_out), Fact::NothingSent { span: quiet_out }),
        (quiet_in, alone(quiet_in), Fact::NothingReceived { span: quiet_in }),
    ];
    let found = ways.into_iter().filter(|(_, applies, _)| *applies).find_map(|(span, _, fact)| {
        let known = known(measures, TimeoutKind::Idle, span)?;
        Some((known.timeout, known.exact, vec![fact, ping.clone(), known.names]))
    });
    let (timeout, exact, facts) = found?;
    // A peer that answers no Ping is in trouble of its own.
    let confidence = likely_if(exact && pings.outstanding == 0);
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, confidence, facts))
}

fn idle_repeated(measures: &Measures<'_>, quiet: Duration) -> Option<Finding> {
    let count = repeated(measures, |past| past.idle, quiet);
    if count < 2 || quiet < TELLING {
        return None;
    }
    let same_age = repeated(measures, |past| past.lifetime, measures.age()) >= count;
    let timeout = round(measures, quiet).unwrap_or_else(|| whole(quiet));
    let facts = vec![
        Fact::Idle { span: quiet },
        Fact::NoPing,
        Fact::EqualIdleTimes { count, span: timeout },
    ];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, likely_if(!same_age), facts))
}

fn idle_round(measures: &Measures<'_>, quiet: Duration) -> Option<Finding> {
    let timeout = round(measures, quiet)?;
    let facts = vec![Fact::Idle { span: quiet }, Fact::NoPing, Fact::RoundSpan { span: timeout }];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, Possible, facts))
}

/// Messages had stopped while control frames went on: only the application saw silence.
fn application_idle(measures: &Measures<'_>) -> Option<Finding> {
    let pings = &measures.evidence.pings;
    let answered = pings.sent > pings.outstanding;
    // What nobody but the peer's application counts: its own messages, or ours.
    let spans = [(measures.no_message(), true), (measures.no_message_out(), false)];
    spans.into_iter().find_map(|(span, both)| {
        let went_on = |quiet: Duration| quiet.saturating_add(measures.slack()) < span;
        if !answered || !went_on(measures.quiet_in()) || !went_on(measures.quiet_out()) {
            return None;
        }
        let counted = Fact::Pings { sent: pings.sent, unanswered: pings.outstanding };
        let mut facts = vec![Fact::NoMessage { span }, counted];
        let verdict = |timeout| Verdict::PeerApplicationIdle { timeout };
        if let Some(known) = known(measures, TimeoutKind::Idle, span) {
            facts.push(known.names);
            let confidence = likely_if(both && known.exact);
            return Some(Finding::new(verdict(known.timeout), confidence, facts));
        }
        let timeout = round(measures, span).filter(|_| both)?;
        facts.push(Fact::RoundSpan { span: timeout });
        Some(Finding::new(verdict(timeout), Possible, facts))
    })
}

/// Whether something went on that an idle timeout would have counted.
fn traffic_flowed(measures: &Measures<'_>) -> bool {
    measures.quiet() < measures.age() / 2
}

fn lifetime_is_known(measures: &Measures<'_>) -> bool {
    let known = known(measures, TimeoutKind::Lifetime, measures.age());
    known.is_some_and(|known| known.exact)
}

fn lifetime(measures: &Measures<'_>) -> Option<Finding> {
    let age = measures.age();
    let mut facts = vec![Fact::Age { span: age }, Fact::Idle { span: measures.quiet() }];
    let verdict = |lifetime| Verdict::ProxyLifetime { lifetime };
    let count = repeated(measures, |past| past.lifetime, age);
    let known = known(measures, TimeoutKind::Lifetime, age);
    if (count < 2 || age < TELLING) && known.is_none() {
        return None;
    }
    let lifetime = known.as_ref().map_or_else(|| whole(age), |known| known.timeout);
    let is_known = known.as_ref().is_some_and(|known| known.exact);
    facts.extend(known.map(|known| known.names));
    if count > 1 {
        facts.push(Fact::EqualLifetimes { count, span: lifetime });
    }
    // No limit lets one connection live longer than another.
    let longer = |past: &PastConnection| past.lifetime > age.saturating_add(measures.slack());
    let outlived = measures.diagnoser.history.is_some_and(|history| history.iter().any(longer));
    let sure = traffic_flowed(measures) && !outlived && (is_known || count > 1);
    Some(Finding::new(verdict(lifetime), likely_if(sure), facts))
}
