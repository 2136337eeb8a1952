//! Why a dial came to nothing: what the resolver, the system and the proxy said of it.
//!
//! Almost all of it was said by somebody, so it is certain. Where the addresses of a name failed in
//! different ways, the one that says most comes first, and is likely.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::finding::Confidence::{Certain, Likely, Possible};
use super::super::{Fact, Finding, Verdict};
use super::tls;
use crate::report::{
    AttemptErrorKind, AttemptOutcome, DialFailure, DialPhase, DialRecord, ProxyAnswer, ProxyFailure,
};

/// How many addresses a finding names.
const NAMED: usize = 4;

pub(in crate::diagnosis) fn explain(record: &DialRecord) -> Vec<Finding> {
    let certain = |verdict, facts| vec![Finding::new(verdict, Certain, facts)];
    let Some(failure) = &record.failure else { return Vec::new() };
    match failure {
        DialFailure::Unresolved { proxy, words } => {
            let facts = vec![Fact::Resolver { words: words.clone() }];
            certain(Verdict::NameNotFound { proxy: *proxy }, facts)
        }
        DialFailure::NoAddress => {
            certain(Verdict::NameNotFound { proxy: record.through.is_some() }, vec![])
        }
        DialFailure::TooManyAddresses { given, limit } => {
            let verdict = Verdict::TooManyAddresses { given: *given as u64, limit: *limit as u64 };
            certain(verdict, vec![])
        }
        DialFailure::Unconnected => by_address(record),
        DialFailure::TimedOut { phase: DialPhase::Connect } if !record.attempts.is_empty() => {
            by_address(record)
        }
        DialFailure::TimedOut { phase } => {
            let facts = vec![Fact::Dialling { span: record.took() }];
            certain(Verdict::DialTimedOut { phase: *phase }, facts)
        }
        DialFailure::Proxy(ProxyFailure::Tls(error)) => {
            let tls = record.proxy_tls.as_ref();
            let facts = tls.map(|tls| tls::facts(*error, &tls.facts)).unwrap_or_default();
            certain(Verdict::ProxyTls { error: *error }, facts)
        }
        DialFailure::Proxy(failure) => {
            let answer = record.proxy.as_ref().and_then(|proxy| proxy.answer);
            certain(by_proxy(*failure), answer.into_iter().map(proxy_said).collect())
        }
    }
}

fn proxy_said(answer: ProxyAnswer) -> Fact {
    Fact::ProxyAnswer { answer }
}

fn by_proxy(failure: ProxyFailure) -> Verdict {
    match failure {
        ProxyFailure::CredentialsNeeded => Verdict::ProxyNeedsCredentials,
        ProxyFailure::CredentialsRefused => Verdict::ProxyRefusedCredentials,
        ProxyFailure::NoMethod => Verdict::ProxyNeedsCredentials,
        ProxyFailure::Refused { status } => Verdict::ProxyRefused { status: Some(status) },
        ProxyFailure::Socks(_) => Verdict::ProxyRefused { status: None },
        ProxyFailure::Malformed(_) | ProxyFailure::NotSocks => Verdict::NotAProxy,
        ProxyFailure::CutShort => Verdict::ProxyCutShort,
        ProxyFailure::NoTls | ProxyFailure::NoTlsName | ProxyFailure::NameTooLong => {
            Verdict::ProxyUnfit
        }
        ProxyFailure::Tls(error) => Verdict::ProxyTls { error },
    }
}

/// An address that was waited for less long than this may only be slow, or a packet was lost: what
/// asks for a connection is sent again after a second.
const ENOUGH: Duration = Duration::from_secs(1);
const TOO_EARLY: Verdict = Verdict::DialTimedOut { phase: DialPhase::Connect };

/// What it means that an address failed so, the server's or the proxy's.
fn of_address(kind: AttemptErrorKind, too_early: bool, proxy: bool) -> Verdict {
    match kind {
        AttemptErrorKind::Refused => Verdict::AddressesRefused { proxy },
        AttemptErrorKind::TimedOut if too_early => TOO_EARLY,
        AttemptErrorKind::TimedOut => Verdict::AddressesSilent { proxy },
        AttemptErrorKind::Unreachable => Verdict::AddressesUnreachable { proxy },
        AttemptErrorKind::NotPermitted | AttemptErrorKind::NoLocalAddress => {
            Verdict::LocalNetwork { proxy }
        }
        AttemptErrorKind::Reset | AttemptErrorKind::Other => Verdict::TransportFailure,
    }
}

/// One finding for each way in which addresses failed, the one that says most first.
fn by_address(record: &DialRecord) -> Vec<Finding> {
    let proxy = record.through.is_some();
    let failed = record.attempts.iter().filter_map(|attempt| {
        let kind = attempt.outcome.failure()?;
        let silent = attempt.outcome == AttemptOutcome::Silent;
        let too_early = silent && attempt.span.took().is_some_and(|took| took < ENOUGH);
        Some(((kind.weight(), too_early), of_address(kind, too_early, proxy), attempt))
    });
    let mut failed: Vec<_> = failed.collect();
    failed.sort_by_key(|(weight, ..)| *weight);
    let mut findings: Vec<Finding> = Vec::new();
    for alike in failed.chunk_by(|(_, one, _), (_, other, _)| one == other) {
        let Some((_, verdict, _)) = alike.first() else { continue };
        // That the time had passed is so, whatever was not tried.
        let too_early = *verdict == TOO_EARLY;
        let all = alike.len() == record.attempts.len() && (record.untried == 0 || too_early);
        let confidence = match findings.is_empty() {
            true if all => Certain,
            true => Likely,
            false => Possible,
        };
        let dialling = too_early.then_some(Fact::Dialling { span: record.took() });
        let named = alike.iter().take(NAMED);
        let named = named.map(|(.., attempt)| Fact::Address { attempt: **attempt });
        let facts = dialling.into_iter().chain(named).collect();
        findings.push(Finding::new(*verdict, confidence, facts));
    }
    findings
}
