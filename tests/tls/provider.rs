//! Who does the cryptography, where nobody, one or two could: in a process of its own, as the default
//! that may be installed is one for the whole process.

use std::process::Command;

use farewell::handshake::ClientRequest;
use farewell::reconnect::{ConnectFailure, Outcome};
use farewell::tls::{Provider, Roots, TlsClient, TlsClientBuilder, TlsConfigError, TlsServer};
use farewell::{Config, ConnectError};

use crate::support::{Adapter, Blocking, Tokio, authority_pem};

const ALONE: &str = "FAREWELL_TLS_PROVIDER_ALONE";

#[test]
fn with_two_providers_somebody_has_to_choose() {
    if std::env::var_os(ALONE).is_none() {
        let test = "provider::with_two_providers_somebody_has_to_choose";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let two = cfg!(feature = "rustls-aws-lc-rs");
    let (authority, chain, key) = authority_pem();
    let client = || {
        let builder = TlsClient::builder().roots(Roots::Nobody);
        builder.ca_pem(&authority).and_then(TlsClientBuilder::build)
    };
    let is_undecided = |error: Option<TlsConfigError>| match error {
        Some(TlsConfigError::TwoProviders) => true,
        Some(error) => panic!("{error}"),
        None => false,
    };
    assert_eq!(is_undecided(client().err()), two);
    assert_eq!(is_undecided(TlsServer::from_pem(&chain, &key).err()), two);
    if two {
        is_told_before_anything_is_dialled::<Blocking>();
        is_told_before_anything_is_dialled::<Tokio>();
    }
    // Who chooses needs no default.
    let builder = TlsClient::builder().roots(Roots::Nobody).provider(Provider::Ring);
    assert!(builder.ca_pem(&authority).and_then(TlsClientBuilder::build).is_ok());
    assert!(TlsServer::from_pem_with(Provider::Ring, &chain, &key).is_ok());

    let install = || rustls::crypto::ring::default_provider().install_default();
    assert!(install().is_ok());
    assert!(!is_undecided(client().err()));
    // The second one is refused by the library, and the first stays.
    assert!(install().is_err());
    assert!(!is_undecided(TlsServer::from_pem(&chain, &key).err()));
}

fn is_told_before_anything_is_dialled<A: Adapter>() {
    let request = ClientRequest::new("wss://nobody.invalid/").unwrap();
    let error = A::connect(&request, Config::default().into()).err().unwrap();
    assert!(matches!(error, ConnectError::Tls(TlsConfigError::TwoProviders)), "{error}");
    assert_eq!(error.outcome(), Outcome::Failed(ConnectFailure::Tls));
    assert!(error.dial().is_none() && error.diagnosis().is_none());
}
