//! Spans that somebody's timeout explains: idle times and ages, known, round or repeated.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use super::super::finding::Confidence::{Likely, Possible};
use super::super::history::PastConnection;
use super::super::known_timeouts::TimeoutKind;
use super::super::{Fact, Finding, Verdict};
use super::likely_if;
use super::measures::Measures;
use crate::report::Position;
use crate::wire::close::CloseCode;
use crate::wire::role::Role;

/// An idle time in no table is taken for a setting where it is a multiple of this.
const ROUND: Duration = Duration::from_secs(30);

/// Timers are set to whole seconds, and most to multiples of five of them.
const SECOND: Duration = Duration::from_secs(1);
const FIVE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

/// Shorter ages and idle times repeat for many reasons, such as a peer that crashes on its input.
const TELLING: Duration = Duration::from_secs(10);

/// Nothing shorter is an idle timeout.
const SHORTEST: Duration = Duration::from_secs(2);

/// What ends a connection without a Close, for the time it took.
pub(super) fn explain(measures: &Measures<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if measures.evidence.position == Position::FrameBoundary {
        findings.extend(idle(measures));
        findings.extend(application_idle(measures));
        findings.sort_by_key(|finding| Reverse(finding.confidence()));
    }
    // An age and a silence of the same length cannot be told apart; idle timeouts are more common.
    let either = is_untouched(measures) && lifetime_is_known(measures);
    if either {
        findings.iter_mut().for_each(|finding| finding.lower_to(Possible));
    }
    let idle_fits = !findings.is_empty();
    let idle_is_likely = findings.iter().any(|finding| finding.confidence() == Likely);
    if let Some(mut lifetime) = lifetime(measures) {
        if idle_is_likely {
            lifetime.lower_to(Possible);
        }
        let first = lifetime.confidence() == Likely
            || lifetime_is_known(measures) && !(either && idle_fits);
        findings.insert(if first && !idle_is_likely { 0 } else { findings.len() }, lifetime);
    }
    findings
}

/// What makes a peer close in so many words: idleness or age that is known, that repeats, or that
/// is a whole number of seconds.
pub(super) fn before_close(measures: &Measures<'_>, code: u16) -> Vec<Finding> {
    let client = measures.report.role == Role::Client;
    let gateway = code == CloseCode::GOING_AWAY.get();
    let mut findings = Vec::new();
    match measures.no_message() > measures.quiet().saturating_add(measures.slack()) {
        // Pings went on, and did not count.
        true => findings.extend(application_idle(measures)),
        false => findings.extend(idle_before_close(measures, gateway)),
    }
    findings.extend(lifetime(measures));
    let repeats =
        |fact: &Fact| matches!(fact, Fact::EqualIdleTimes { .. } | Fact::EqualLifetimes { .. });
    // What is not even a multiple of five seconds is no sign where it happened once.
    findings.retain(|finding| {
        let whole = |fact: &Fact| matches!(fact, Fact::WholeSeconds { span } if !is_by_five(*span));
        !finding.evidence().iter().any(whole)
    });
    let is_known = |fact: &Fact| matches!(fact, Fact::KnownTimeout { .. });
    for finding in &mut findings {
        // Gateways say 1001 at their known timeouts; of others, once is no sign.
        let facts = finding.evidence();
        if !(facts.iter().any(repeats) || gateway && facts.iter().any(is_known)) {
            finding.lower_to(Possible);
        }
    }
    // What clients do at random, they sometimes do on the second.
    findings.retain(|finding| client || finding.evidence().iter().any(repeats));
    findings.sort_by_key(|finding| Reverse(finding.confidence()));
    findings
}

fn is_by_five(span: Duration) -> bool {
    span >= TELLING && span.as_secs() % FIVE.as_secs() == 0
}

/// Where among findings of equal confidence an end belongs that nothing explains: before an age
/// that happens to be round, a silence that is a little short of a round one, and a long one of a
/// number of seconds that nobody sets.
pub(super) fn place_of_death(findings: &[Finding]) -> usize {
    let by_chance = |finding: &Finding| {
        let aged = matches!(finding.verdict(), Verdict::ProxyLifetime { .. });
        #[expect(clippy::wildcard_enum_match_arm, reason = "only two are spans of silence")]
        let seen = |fact: &Fact| match fact {
            Fact::Idle { span } | Fact::NoMessage { span } => Some(*span),
            _ => None,
        };
        let seen = finding.evidence().iter().find_map(seen).unwrap_or_default();
        let odd = |span: Duration| {
            aged || Measures::is_early(seen, span) || span > MINUTE && !is_by_five(span)
        };
        let whole = |fact: &Fact| matches!(fact, Fact::WholeSeconds { span } if odd(*span));
        finding.evidence().iter().any(whole)
    };
    findings.iter().position(by_chance).unwrap_or(findings.len())
}

/// Nothing went before the peer's Close. Whether Pings would have counted, nobody knows.
fn idle_before_close(measures: &Measures<'_>, gateway: bool) -> Vec<Finding> {
    let Some(finding) = idle(measures) else { return Vec::new() };
    let Verdict::ProxyIdleTimeout { timeout } = finding.verdict() else { return vec![finding] };
    let by_application = Verdict::PeerApplicationIdle { timeout };
    let mut other = Finding::new(by_application, finding.confidence(), finding.evidence().to_vec());
    let mut first = finding;
    let second = if gateway { &mut other } else { &mut first };
    second.lower_to(Possible);
    if gateway { vec![first, other] } else { vec![other, first] }
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
    known.or_else(|| round(measures, span)).unwrap_or_else(|| rounded(span))
}

/// To the nearest second; a span of less than that to the nearest hundredth, which may be nothing.
fn rounded(span: Duration) -> Duration {
    match span.as_millis() {
        millis @ 0..=999 => Duration::from_millis((millis as u64 + 5) / 10 * 10),
        _ => Duration::from_secs(span.saturating_add(Duration::from_millis(500)).as_secs()),
    }
}

/// How many connections had about this `span`, the present one included; others may lie between.
fn repeated(measures: &Measures<'_>, of: fn(&PastConnection) -> Duration, span: Duration) -> u32 {
    let past = measures.diagnoser.history.iter().flat_map(|history| history.iter());
    let equal = past.filter(|past| past.was_cut() && of(past).abs_diff(span) <= measures.slack());
    1 + equal.count() as u32
}

/// The best explanation for the silence: a timeout that is known, that repeats, or that is a whole
/// number of seconds.
fn idle(measures: &Measures<'_>) -> Option<Finding> {
    let quiet = measures.quiet();
    let sure = |found: &Finding| found.confidence() == Likely;
    let known = idle_known(measures, quiet, Fact::Idle { span: quiet }, Fact::NoPing);
    let whole = idle_whole(measures, quiet);
    let one_way = idle_one_way(measures);
    known
        .clone()
        .filter(sure)
        .or_else(|| idle_repeated(measures, quiet))
        .or_else(|| whole.clone().filter(sure))
        .or_else(|| one_way.clone().filter(sure))
        .or(known)
        .or(one_way)
        .or(whole)
        .or_else(|| idle_round(measures, quiet))
}

/// Some watch both directions together, and some only one of them.
fn idle_one_way(measures: &Measures<'_>) -> Option<Finding> {
    let (quiet_in, quiet_out) = (measures.quiet_in(), measures.quiet_out());
    let alone = |span: Duration| span > measures.quiet().saturating_add(measures.slack());
    let pings = measures.evidence.pings;
    let ping = match pings.last_flushed {
        Some(_) if alone(quiet_in) => {
            Fact::Pings { sent: pings.sent, unanswered: pings.outstanding }
        }
        _ => Fact::NoPing,
    };
    let ways = [
        (quiet_out, Fact::NothingSent { span: quiet_out }),
        (quiet_in, Fact::NothingReceived { span: quiet_in }),
    ];
    let mut ways = ways.into_iter().filter(|(span, _)| alone(*span));
    ways.find_map(|(span, fact)| idle_known(measures, span, fact, ping.clone()))
}

fn idle_known(measures: &Measures<'_>, span: Duration, fact: Fact, ping: Fact) -> Option<Finding> {
    let Known { timeout, names, exact } = known(measures, TimeoutKind::Idle, span)?;
    let outlived = measures.has_outlived(timeout.saturating_add(measures.slack()));
    // A peer that answers no Ping is in trouble of its own.
    let confidence = likely_if(exact && measures.evidence.pings.outstanding == 0 && !outlived);
    let facts = vec![fact, ping, names];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, confidence, facts))
}

fn idle_repeated(measures: &Measures<'_>, quiet: Duration) -> Option<Finding> {
    let count = repeated(measures, |past| past.idle, quiet);
    let whole = whole_second(measures, quiet);
    if count < 2 || (quiet < TELLING && whole.is_none()) {
        return None;
    }
    // Where nothing ever went, the age repeats as well, and says nothing.
    let same_age = !is_untouched(measures)
        && repeated(measures, |past| past.lifetime, measures.age()) >= count;
    let timeout = whole
        .map(|(timeout, _)| timeout)
        .or_else(|| round(measures, quiet))
        .unwrap_or_else(|| rounded(quiet));
    let facts = vec![
        Fact::Idle { span: quiet },
        Fact::NoPing,
        Fact::EqualIdleTimes { count, span: timeout },
    ];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, likely_if(!same_age), facts))
}

/// Silence that ends on a whole second, as hardly any but that of a timer does.
fn idle_whole(measures: &Measures<'_>, quiet: Duration) -> Option<Finding> {
    let (timeout, by_five) = whole_second(measures, quiet)?;
    let facts =
        vec![Fact::Idle { span: quiet }, Fact::NoPing, Fact::WholeSeconds { span: timeout }];
    if measures.has_outlived(quiet) {
        return None;
    }
    let confidence = likely_if(by_five && measures.evidence.pings.outstanding == 0);
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, confidence, facts))
}

fn idle_round(measures: &Measures<'_>, quiet: Duration) -> Option<Finding> {
    let timeout = round(measures, quiet)?;
    let facts = vec![Fact::Idle { span: quiet }, Fact::NoPing, Fact::RoundSpan { span: timeout }];
    Some(Finding::new(Verdict::ProxyIdleTimeout { timeout }, Possible, facts))
}

/// The whole second that a span ended on, and whether it is a multiple of five of ten or more.
fn whole_second(measures: &Measures<'_>, span: Duration) -> Option<(Duration, bool)> {
    let by = |grid, least| measures.whole(span, grid).filter(|timeout| *timeout >= least);
    let sharp = |timeout| measures.is_sharp() && !Measures::is_early(span, timeout);
    let five = by(FIVE, TELLING).map(|timeout| (timeout, sharp(timeout)));
    five.or_else(|| by(SECOND, SHORTEST).map(|timeout| (timeout, false)))
}

/// Messages had stopped while control frames went on: only the application saw silence.
fn application_idle(measures: &Measures<'_>) -> Option<Finding> {
    let evidence = measures.evidence;
    let answered = evidence.pings.sent > evidence.pings.outstanding;
    if !answered && evidence.peer_pings.received == 0 {
        return None;
    }
    // What nobody but the peer's application counts: its own messages, or ours.
    let spans = [(measures.no_message(), true), (measures.no_message_out(), false)];
    spans.into_iter().find_map(|(span, both)| application_silence(measures, span, both))
}

/// The same for one way to count: of the messages of `both`, or of ours alone.
fn application_silence(measures: &Measures<'_>, span: Duration, both: bool) -> Option<Finding> {
    let went_on = |quiet: Duration| quiet.saturating_add(measures.slack()) < span;
    let all = [measures.quiet(), measures.quiet_in(), measures.quiet_out()];
    if !all.into_iter().all(went_on) {
        return None;
    }
    let mut facts = vec![Fact::NoMessage { span }, measures.pings()];
    let found = |timeout, confidence, facts| {
        Some(Finding::new(Verdict::PeerApplicationIdle { timeout }, confidence, facts))
    };
    let known = known(measures, TimeoutKind::Idle, span);
    if let Some(Known { timeout, names, exact: true }) = known {
        facts.push(names);
        return found(timeout, likely_if(both), facts);
    }
    let whole = whole_second(measures, span).filter(|_| both);
    let count = repeated(measures, |past| past.no_message, span);
    if count > 1 && both && (span >= TELLING || whole.is_some()) {
        let timeout = whole.map_or_else(|| rounded(span), |(timeout, _)| timeout);
        facts.push(Fact::EqualIdleTimes { count, span: timeout });
        return found(timeout, Likely, facts);
    }
    if let Some((timeout, by_five)) = whole {
        facts.push(Fact::WholeSeconds { span: timeout });
        // Where no message ever went, it is the age as well.
        let aged = span.saturating_add(measures.slack()) >= measures.age();
        return found(timeout, likely_if(by_five && !aged), facts);
    }
    if let Some(Known { timeout, names, .. }) = known {
        facts.push(names);
        return found(timeout, Possible, facts);
    }
    let timeout = round(measures, span).filter(|_| both)?;
    facts.push(Fact::RoundSpan { span: timeout });
    found(timeout, Possible, facts)
}

/// Whether something went on that an idle timeout would have counted.
fn traffic_flowed(measures: &Measures<'_>) -> bool {
    measures.quiet() < measures.age() / 2
}

/// Whether nothing ever went, so that the age is the silence.
fn is_untouched(measures: &Measures<'_>) -> bool {
    measures.age().saturating_sub(measures.quiet()) <= measures.slack()
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
    let by_five = measures.whole(age, FIVE);
    let whole = by_five.filter(|timeout| *timeout >= TELLING);
    let repeats = count > 1 && age >= TELLING;
    if !repeats && known.is_none() && whole.is_none() {
        return None;
    }
    let known_span = known.as_ref().map(|known| known.timeout);
    let lifetime = known_span.or(whole).unwrap_or_else(|| rounded(age));
    let in_time = |known: &Known| known.exact && !Measures::is_early(age, known.timeout);
    let is_known = known.as_ref().is_some_and(in_time);
    if known.is_none() && !repeats {
        facts.push(Fact::WholeSeconds { span: lifetime });
    }
    facts.extend(known.map(|known| known.names));
    if repeats {
        facts.push(Fact::EqualLifetimes { count, span: lifetime });
    }
    // No limit lets one connection live longer than another.
    let longer = |past: &PastConnection| past.lifetime > age.saturating_add(measures.slack());
    let outlived = measures.diagnoser.history.is_some_and(|history| history.iter().any(longer));
    let sure = traffic_flowed(measures) && !outlived && (is_known || repeats);
    Some(Finding::new(verdict(lifetime), likely_if(sure), facts))
}
