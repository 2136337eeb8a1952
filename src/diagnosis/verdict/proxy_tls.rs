//! What is said of TLS with a proxy that failed: a row for each error. Only clients have proxies.

use alloc::format;
use alloc::string::String;

#[cfg(test)]
use super::Verdict;
use super::row::{Row, row};
use crate::report::{TlsAlert, TlsError, WithProxy};

/// One of each, for the tests of all verdicts.
#[cfg(test)]
pub(super) const ALL: [Verdict; 14] = [
    Verdict::ProxyTls { error: TlsError::Expired },
    Verdict::ProxyTls { error: TlsError::NotYetValid },
    Verdict::ProxyTls { error: TlsError::UnknownIssuer },
    Verdict::ProxyTls { error: TlsError::WrongName },
    Verdict::ProxyTls { error: TlsError::Revoked },
    Verdict::ProxyTls { error: TlsError::BadCertificate },
    Verdict::ProxyTls { error: TlsError::NoCertificate },
    Verdict::ProxyTls { error: TlsError::Alert(TlsAlert(48)) },
    Verdict::ProxyTls { error: TlsError::NotTls },
    Verdict::ProxyTls { error: TlsError::Incompatible },
    Verdict::ProxyTls { error: TlsError::NoApplicationProtocol },
    Verdict::ProxyTls { error: TlsError::Undecryptable },
    Verdict::ProxyTls { error: TlsError::Broken },
    Verdict::ProxyTls { error: TlsError::Local },
];

/// The row of an error.
pub(super) fn by_error(error: TlsError) -> Row {
    let (name, remedy) = match error {
        TlsError::Expired => (
            "proxy_certificate_expired",
            "Whoever runs the proxy has to renew its certificate and to see that it loads the new one; \
             or this machine's clock is wrong.",
        ),
        TlsError::NotYetValid => (
            "proxy_certificate_not_yet_valid",
            "This machine's clock is wrong, as a rule: set it. Otherwise the proxy's certificate was \
             issued for later.",
        ),
        TlsError::UnknownIssuer => (
            "proxy_certificate_issuer_unknown",
            "If the issuer is your company's authority, add it with `ca_pem`, for the proxy alone with \
             `Proxy::tls`; if the proxy sends no intermediate certificates, let it send them; if nobody \
             knows the issuer, somebody else answers in the proxy's place.",
        ),
        TlsError::WrongName => (
            "proxy_certificate_wrong_name",
            "Call the proxy by a name that its certificate is for: those are among the facts.",
        ),
        TlsError::Revoked => (
            "proxy_certificate_revoked",
            "The authority has taken the proxy's certificate back: do not go through this proxy before \
             it has another one.",
        ),
        TlsError::BadCertificate => (
            "proxy_certificate_unfit",
            "What TLS says of the proxy's certificate is among the facts: whoever runs the proxy has to \
             have another one issued.",
        ),
        TlsError::NoCertificate => (
            "proxy_certificate_missing",
            "The proxy has to show a certificate: whoever runs it has to configure one.",
        ),
        TlsError::Alert(alert) => ("proxy_tls_alert", by_alert(alert)),
        TlsError::NotTls => (
            "proxy_not_tls",
            "This port of the proxy's is one without TLS: use http:// in its URL instead of https://, \
             or the port that has TLS.",
        ),
        TlsError::Incompatible => (
            "proxy_tls_incompatible",
            "The proxy is too old or too strict, or this end is: enable TLS 1.2 or 1.3 on it, and \
             cipher suites that both have.",
        ),
        TlsError::NoApplicationProtocol => (
            "proxy_alpn_refused",
            "The proxy speaks no http/1.1 (ALPN), which CONNECT is asked for in: check its port.",
        ),
        TlsError::Undecryptable => (
            "proxy_tls_undecryptable",
            "Something on the way to the proxy has changed bytes, or the proxy has a fault: reconnect, \
             and look at what touches the stream if it happens again.",
        ),
        TlsError::Broken => (
            "proxy_tls_broken",
            "What TLS says of it is among the facts: update the proxy, or use it with http://.",
        ),
        TlsError::Local => (
            "proxy_tls_local",
            "What TLS says of it is among the facts: look at this machine's clock, its source of \
             random numbers, and the settings of TLS for the proxy.",
        ),
    };
    row(name, sentence(error), remedy)
}

fn sentence(error: TlsError) -> String {
    format!("{}", WithProxy(error))
}

fn by_alert(alert: TlsAlert) -> &'static str {
    match alert.0 {
        40 | 70 | 71 => {
            "The proxy has no version or cipher suite in common with this end, or no certificate for \
             this name: see what it is configured for."
        }
        112 => "The proxy knows nothing of this name: check the host of its URL.",
        42..=46 | 48 | 116 => {
            "The proxy wants a certificate of this client, or another one: set it with `identity_pem` in \
             the settings that `Proxy::tls` takes."
        }
        120 => "The proxy speaks no http/1.1 here (ALPN): check its port.",
        _ => "The proxy has ended TLS, and its log says why.",
    }
}
