//! What can be wrong with the settings of TLS: the caller's fault.

use core::fmt;

use rustls::{Error, InconsistentKeys};

/// Why there can be no TLS with these settings.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No crypto provider is compiled in, and the process has no default.
    #[error(
        "there is no crypto provider: enable feature `rustls-ring` or `rustls-aws-lc-rs`, or \
         install a default for the process"
    )]
    NoProvider,
    /// Two crypto providers are compiled in, and nobody has chosen.
    #[error(
        "there are two crypto providers: choose one with `provider`, or install a default for the \
         process"
    )]
    TwoProviders,
    /// Nobody is trusted.
    #[error(
        "there are no roots to trust: enable feature `rustls-platform-verifier` or \
         `rustls-webpki-roots`, or add an authority with `ca_pem`"
    )]
    NoRoots,
    /// The certificates are not what they should be.
    #[error("{error}, in block {block} of the certificates")]
    Certificates {
        /// What is wrong.
        error: PemError,
        /// The block of the PEM text, counted from 1; zero where it has none that fits.
        block: usize,
    },
    /// The private key is not what it should be.
    #[error("{error}, in block {block} of the private key")]
    Key {
        /// What is wrong.
        error: PemError,
        /// The block of the PEM text, counted from 1; zero where it has none that fits.
        block: usize,
    },
    /// The private key belongs to another certificate than the first of the chain.
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// The crypto provider knows nothing of this kind of key.
    #[error("the crypto provider does not support this private key: {0}")]
    KeyUnsupported(#[source] TlsLibraryError),
    /// The host is neither a DNS name nor an address, so that no certificate can be for it.
    #[error("the host is neither a DNS name nor an address, so no certificate can be for it")]
    ServerName,
    /// The TLS library refused, in its own words.
    #[error(transparent)]
    Library(#[from] TlsLibraryError),
}

/// What is wrong with a block of PEM text (RFC 7468).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is no block of the kind that is needed.
    #[error("there is no block of the kind that is needed")]
    Missing,
    /// The first line is not closed by five hyphens.
    #[error("the BEGIN line is malformed")]
    Begin,
    /// The last line is missing.
    #[error("the END line is missing")]
    End,
    /// What is between the lines is no base64.
    #[error("the base64 is malformed")]
    Base64,
    /// What is in the base64 is no certificate.
    #[error("it holds no certificate")]
    Certificate,
    /// The private key is encrypted: decrypt it first.
    #[error("the private key is encrypted")]
    Encrypted,
}

/// What the TLS library says.
#[derive(Clone, PartialEq)]
pub struct TlsLibraryError(Error);

impl fmt::Debug for TlsLibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TlsLibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for TlsLibraryError {}

impl From<Error> for TlsConfigError {
    fn from(error: Error) -> Self {
        Self::Library(TlsLibraryError(error))
    }
}

impl TlsConfigError {
    /// The error where a chain and its key were to be taken.
    pub(super) fn of_key(error: Error) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds variants")]
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::KeyMismatch,
            Error::General(_) => Self::KeyUnsupported(TlsLibraryError(error)),
            other => other.into(),
        }
    }
}
