//! TLS that failed: what happened is certain, and what it means is in the certificate.

use alloc::vec;
use alloc::vec::Vec;

use super::super::finding::Confidence::Certain;
use super::super::{Fact, Finding, Verdict};
use super::measures::Measures;
use crate::report::{TlsCertificate, TlsError, TlsFacts};

pub(super) fn failed(measures: &Measures<'_>, error: TlsError) -> Vec<Finding> {
    let tls = measures.report.tls.as_deref();
    let facts = tls.map(|tls| facts(error, tls)).unwrap_or_default();
    vec![Finding::new(Verdict::Tls { error }, Certain, facts)]
}

/// The same of TLS with a proxy, on a connection that was dialled through it.
pub(super) fn failed_below(measures: &Measures<'_>, error: TlsError) -> Vec<Finding> {
    let tls = measures.report.dial.as_ref().and_then(|dial| dial.proxy_tls.as_ref());
    let facts = tls.map(|tls| facts(error, &tls.facts)).unwrap_or_default();
    vec![Finding::new(Verdict::ProxyTls { error }, Certain, facts)]
}

pub(super) fn facts(error: TlsError, tls: &TlsFacts) -> Vec<Fact> {
    let certificate = tls.certificate.as_deref();
    let issuer = certificate.map(|one| one.issuer.clone()).filter(|name| !name.is_empty());
    let name = tls.server_name.clone();
    let mut facts = Vec::new();
    facts.extend(name.map(|name| Fact::ServerName { name }));
    match error {
        TlsError::Expired => facts.extend(until(certificate)),
        TlsError::NotYetValid => facts.extend(from(certificate)),
        TlsError::WrongName => {
            let names = certificate.map(|one| one.names.clone()).unwrap_or_default();
            facts.push(Fact::CertificateNames { names });
        }
        TlsError::NotTls => facts.extend(tls.not_tls.map(|bytes| Fact::FirstBytes { bytes })),
        TlsError::UnknownIssuer
        | TlsError::Revoked
        | TlsError::BadCertificate
        | TlsError::NoCertificate
        | TlsError::Alert(_)
        | TlsError::Incompatible
        | TlsError::NoApplicationProtocol
        | TlsError::Undecryptable
        | TlsError::Broken
        | TlsError::Local => {
            let words = tls.failure.clone();
            facts.extend(words.map(|words| Fact::TlsSaid { words }));
        }
    }
    facts.extend(issuer.map(|name| Fact::Issuer { name }));
    facts
}

fn until(certificate: Option<&TlsCertificate>) -> Option<Fact> {
    Some(Fact::ValidUntil { seconds: certificate?.not_after? })
}

fn from(certificate: Option<&TlsCertificate>) -> Option<Fact> {
    Some(Fact::ValidFrom { seconds: certificate?.not_before? })
}
