//! Who does the cryptography.

use alloc::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::TlsConfigError;

/// A crypto provider that is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provider {
    /// Of the crate `ring`.
    #[cfg(feature = "rustls-ring")]
    Ring,
    /// Of the crate `aws-lc-rs`.
    #[cfg(feature = "rustls-aws-lc-rs")]
    AwsLc,
}

/// The providers that are compiled in.
const COMPILED_IN: &[Provider] = &[
    #[cfg(feature = "rustls-ring")]
    Provider::Ring,
    #[cfg(feature = "rustls-aws-lc-rs")]
    Provider::AwsLc,
];

/// The one that was asked for, else the process's default, else the one that there is.
pub(super) fn choose(wanted: Option<Provider>) -> Result<Arc<CryptoProvider>, TlsConfigError> {
    if let (None, Some(default)) = (wanted, CryptoProvider::get_default()) {
        return Ok(default.clone());
    }
    Ok(Arc::new(load(pick(wanted, COMPILED_IN)?)))
}

fn pick(wanted: Option<Provider>, there: &[Provider]) -> Result<Provider, TlsConfigError> {
    match (wanted, there) {
        (Some(wanted), _) => Ok(wanted),
        (None, []) => Err(TlsConfigError::NoProvider),
        (None, [only]) => Ok(*only),
        (None, _) => Err(TlsConfigError::TwoProviders),
    }
}

fn load(provider: Provider) -> CryptoProvider {
    match provider {
        #[cfg(feature = "rustls-ring")]
        Provider::Ring => rustls::crypto::ring::default_provider(),
        #[cfg(feature = "rustls-aws-lc-rs")]
        Provider::AwsLc => rustls::crypto::aws_lc_rs::default_provider(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_there_is_taken_and_two_are_a_choice() {
        assert!(matches!(pick(None, &[]), Err(TlsConfigError::NoProvider)));
        for provider in COMPILED_IN {
            assert_eq!(pick(None, &[*provider]).ok(), Some(*provider));
            assert_eq!(pick(Some(*provider), COMPILED_IN).ok(), Some(*provider));
            let two = [*provider, *provider];
            assert!(matches!(pick(None, &two), Err(TlsConfigError::TwoProviders)));
        }
    }
}
