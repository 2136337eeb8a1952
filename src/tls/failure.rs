//! What an error of the TLS library means, and what it tells besides.

use alloc::boxed::Box;
use alloc::string::ToString;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

use super::verifier;
use crate::report::{TlsAlert, TlsCertificate, TlsError, TlsFacts};

/// What it means.
pub(super) fn meaning(error: &Error) -> TlsError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds variants")]
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::InvalidCertRevocationList(_) | Error::UnsupportedNameType => {
            TlsError::BadCertificate
        }
        Error::NoCertificatesPresented => TlsError::NoCertificate,
        Error::AlertReceived(alert) => TlsError::Alert(TlsAlert(u8::from(*alert))),
        Error::NoApplicationProtocol => TlsError::NoApplicationProtocol,
        Error::PeerIncompatible(_) => TlsError::Incompatible,
        Error::DecryptError => TlsError::Undecryptable,
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::InvalidEncryptedClientHello(_)
        | Error::InvalidMessage(_)
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord => TlsError::Broken,
        _ => TlsError::Local,
    }
}

fn of_certificate(error: &CertificateError) -> TlsError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds variants")]
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYetValid
        }
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::WrongName
        }
        CertificateError::Revoked => TlsError::Revoked,
        _ => TlsError::BadCertificate,
    }
}

/// Adds what is known of a failure.
pub(super) fn describe(error: &Error, facts: &mut TlsFacts) {
    facts.failure = Some(error.to_string().into());
    let refused = verifier::take_refused();
    if let Error::InvalidCertificate(error) = error {
        facts.certificate = refused.or_else(|| told(error).map(Box::new));
    }
}

/// What the library's error says of the certificate, where nobody has looked at it.
fn told(error: &CertificateError) -> Option<TlsCertificate> {
    let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).ok();
    let mut certificate = TlsCertificate::default();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds variants")]
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            certificate.not_after = seconds(not_after);
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            certificate.not_before = seconds(not_before);
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            certificate.names = presented.iter().map(|name| name.as_str().into()).collect();
        }
        _ => return None,
    }
    Some(certificate)
}
