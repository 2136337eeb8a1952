//! Certificates and keys as text, RFC 7468.

use alloc::vec::Vec;

use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate;
use super::error::{PemError, TlsConfigError};

const BEGIN: &[u8] = b"-----BEGIN ";

/// All certificates of the text, in their order. What else is in there is left out.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let fault = |error, block| TlsConfigError::Certificates { error, block };
    let mut found = Vec::new();
    for (index, block) in blocks(pem).enumerate() {
        match decode(block) {
            Ok(Some((SectionKind::Certificate, der))) => {
                if certificate::facts(&der).is_none() {
                    return Err(fault(PemError::Certificate, index + 1));
                }
                found.push(CertificateDer::from(der));
            }
            Ok(_) => {}
            Err(error) => return Err(fault(error, index + 1)),
        }
    }
    if found.is_empty() { Err(fault(PemError::Missing, 0)) } else { Ok(found) }
}

/// The first private key of the text.
pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let fault = |error, block| TlsConfigError::Key { error, block };
    for (index, block) in blocks(pem).enumerate() {
        if block.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(fault(PemError::Encrypted, index + 1));
        }
        match decode(block) {
            Ok(Some((kind, der))) => {
                if let Some(key) = PrivateKeyDer::from_pem(kind, der) {
                    return Ok(key);
                }
            }
            Ok(None) => {}
            Err(error) => return Err(fault(error, index + 1)),
        }
    }
    Err(fault(PemError::Missing, 0))
}

/// From each line that begins a block to the next one.
fn blocks(pem: &[u8]) -> impl Iterator<Item = &[u8]> {
    let at = |from: usize| {
        let rest = pem.get(from..)?;
        rest.windows(BEGIN.len()).position(|part| part == BEGIN).map(|start| from + start)
    };
    let mut start = at(0);
    core::iter::from_fn(move || {
        let begin = start?;
        start = at(begin + BEGIN.len());
        pem.get(begin..start.unwrap_or(pem.len()))
    })
}

/// What is in a block, where its kind is known.
fn decode(block: &[u8]) -> Result<Option<(SectionKind, Vec<u8>)>, PemError> {
    match <(SectionKind, Vec<u8>)>::from_pem_slice(block) {
        Ok(item) => Ok(Some(item)),
        Err(Error::NoItemsFound) => Ok(None),
        Err(Error::MissingSectionEnd { .. }) => Err(PemError::End),
        Err(Error::IllegalSectionStart { .. }) => Err(PemError::Begin),
        Err(_) => Err(PemError::Base64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";

    fn certificates_of(text: &str) -> TlsConfigError {
        certificates(text.as_bytes()).expect_err("they are wrong")
    }

    fn key_of(text: &str) -> TlsConfigError {
        key(text.as_bytes()).expect_err("it is wrong")
    }

    #[test]
    fn what_is_wrong_is_named_with_its_block() {
        let cases = [
            ("", PemError::Missing, 0),
            ("no PEM at all", PemError::Missing, 0),
            (OTHER, PemError::Missing, 0),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", PemError::End, 1),
            ("-----BEGIN CERTIFICATE---\nAAAA\n-----END CERTIFICATE-----\n", PemError::Begin, 1),
            ("-----BEGIN CERTIFICATE-----\nA?AA\n-----END CERTIFICATE-----\n", PemError::Base64, 1),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                PemError::Certificate,
                1,
            ),
        ];
        for (text, error, block) in cases {
            assert_eq!(
                certificates_of(text),
                TlsConfigError::Certificates { error, block },
                "{text}"
            );
            if block > 0 {
                let behind = alloc::format!("{OTHER}{text}");
                let expected = TlsConfigError::Certificates { error, block: block + 1 };
                assert_eq!(certificates_of(&behind), expected, "{behind}");
            }
        }
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE \
                         KEY-----\n";
        let cases = [
            (OTHER, PemError::Missing, 0),
            (encrypted, PemError::Encrypted, 1),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n", PemError::End, 1),
        ];
        for (text, error, block) in cases {
            assert_eq!(key_of(text), TlsConfigError::Key { error, block }, "{text}");
        }
    }

    #[test]
    fn an_error_reads_like_a_sentence() {
        let error = certificates_of("-----BEGIN CERTIFICATE-----\nAAAA\n");
        let expected = "the END line is missing, in block 1 of the certificates";
        assert_eq!(alloc::format!("{error}"), expected);
    }
}
