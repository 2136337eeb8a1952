//! What is said of TLS that failed: a row for each error, the remedy for the end that asks.

use alloc::format;

#[cfg(test)]
use super::Verdict;
use super::row::{Row, row};
use crate::report::{TlsAlert, TlsError};
use crate::wire::role::Role;

/// One of each, for the tests of all verdicts.
#[cfg(test)]
pub(super) const ALL: [Verdict; 14] = [
    Verdict::Tls { error: TlsError::Expired },
    Verdict::Tls { error: TlsError::NotYetValid },
    Verdict::Tls { error: TlsError::UnknownIssuer },
    Verdict::Tls { error: TlsError::WrongName },
    Verdict::Tls { error: TlsError::Revoked },
    Verdict::Tls { error: TlsError::BadCertificate },
    Verdict::Tls { error: TlsError::NoCertificate },
    Verdict::Tls { error: TlsError::Alert(TlsAlert(48)) },
    Verdict::Tls { error: TlsError::NotTls },
    Verdict::Tls { error: TlsError::Incompatible },
    Verdict::Tls { error: TlsError::NoApplicationProtocol },
    Verdict::Tls { error: TlsError::Undecryptable },
    Verdict::Tls { error: TlsError::Broken },
    Verdict::Tls { error: TlsError::Local },
];

/// The row of an error.
pub(super) fn by_error(error: TlsError, role: Role) -> Row {
    match error {
        TlsError::Expired => certificate(
            "certificate_expired",
            error,
            "Renew the certificate of the server, and see that it loads the new one; or this \
             machine's clock is wrong.",
        ),
        TlsError::NotYetValid => certificate(
            "certificate_not_yet_valid",
            error,
            "This machine's clock is wrong, as a rule: set it. Otherwise the certificate was \
             issued for later.",
        ),
        TlsError::UnknownIssuer => certificate(
            "certificate_issuer_unknown",
            error,
            "If the issuer is your own authority, add it with `ca_pem`; if the server sends no \
             intermediate certificates, let it send them; if nobody knows the issuer, something \
             on the way opens TLS.",
        ),
        TlsError::WrongName => certificate(
            "certificate_wrong_name",
            error,
            "Connect to a name that the certificate is for, or have one issued for this name: \
             those that it is for are among the facts.",
        ),
        TlsError::Revoked => certificate(
            "certificate_revoked",
            error,
            "The authority has taken the certificate back: do not connect before the server has \
             another one.",
        ),
        TlsError::BadCertificate => certificate(
            "certificate_unfit",
            error,
            "What TLS says of the certificate is among the facts: have another one issued.",
        ),
        TlsError::NoCertificate => certificate(
            "certificate_missing",
            error,
            "The other end has to show a certificate: configure one there.",
        ),
        TlsError::Alert(alert) => by_alert(alert, role),
        TlsError::NotTls => row(
            "not_tls",
            "the other end speaks plain text where TLS was expected",
            match role {
                Role::Client => {
                    "This port is one without TLS: use ws:// instead of wss://, or the port that \
                     has TLS."
                }
                Role::Server => {
                    "A client of ws:// or http:// came to a port with TLS: let it use wss://. \
                     Scanners of ports are harmless."
                }
            },
        ),
        TlsError::Incompatible => row(
            "tls_incompatible",
            "there is no TLS version or cipher suite that both ends support",
            "One end is too old or too strict: enable TLS 1.2 or 1.3 on it, and cipher suites that \
             both have.",
        ),
        TlsError::NoApplicationProtocol => row(
            "alpn_refused",
            "there is no application protocol that both ends speak",
            "A client came that offers no http/1.1 (ALPN): WebSocket's opening handshake needs it.",
        ),
        TlsError::Undecryptable => row(
            "tls_undecryptable",
            "a TLS record could not be decrypted",
            "Something on the way has changed bytes, or the other end has a fault: reconnect, and \
             look for proxies and hardware that touch the stream if it happens again.",
        ),
        TlsError::Broken => row(
            "tls_broken",
            "the other end broke a rule of TLS",
            "What TLS says of it is among the facts: update the other end, or what stands in front \
             of it.",
        ),
        TlsError::Local => row(
            "tls_local",
            "TLS could not go on at this end",
            "What TLS says of it is among the facts: look at this machine's clock and its source \
             of random numbers.",
        ),
    }
}

/// The row of TLS where none is spoken at this end.
pub(super) fn port(role: Role) -> Row {
    let remedy = match role {
        Role::Client => "Use wss:// instead of ws://: this port is one for TLS.",
        Role::Server => {
            "A client with wss:// came to a port without TLS: let it use ws://, or put TLS in front of \
             this server; scanners of ports are harmless."
        }
    };
    row("tls_port", "the other end speaks TLS", remedy)
}

/// The row of a stream that ended in the TLS handshake.
pub(super) fn cut_short(role: Role) -> Row {
    let remedy = match role {
        Role::Client => {
            "What stands in front of the server hung up: it does not know the name, has nobody behind \
             it, or speaks no TLS on this port."
        }
        Role::Server => {
            "A client hung up in the TLS handshake: harmless if rare; otherwise look at who connects, \
             a health check for example."
        }
    };
    row("tls_cut_short", "the connection ended in the TLS handshake", remedy)
}

/// What is wrong with a certificate says so itself.
fn certificate(name: &'static str, error: TlsError, remedy: &'static str) -> Row {
    row(name, format!("{error}"), remedy)
}

/// What the peer says in an alert.
fn by_alert(alert: TlsAlert, role: Role) -> Row {
    let remedy = match (role, alert.0) {
        (Role::Server, 42..=46 | 48) => {
            "The client does not accept this server's certificate: see that it is for the name \
             that clients use, has not expired, and is sent with its intermediate certificates."
        }
        (_, 40 | 70 | 71) => {
            "The two ends have no version or cipher suite in common, or the other end has no \
             certificate for this name: see what it is configured for."
        }
        (Role::Client, 112) => "The server knows nothing of this name: check the host of the URL.",
        (Role::Client, 42..=46 | 48 | 116) => {
            "The server wants a certificate of the client, or another one: set it with \
             `identity_pem`."
        }
        (_, 120) => {
            "The other end speaks no http/1.1 here (ALPN), which WebSocket's opening handshake is: \
             check the port, and what stands in front of the server."
        }
        _ => "The other end has ended TLS, and its log says why.",
    };
    row("tls_alert", format!("the other end ended TLS with the alert {alert}"), remedy)
}
