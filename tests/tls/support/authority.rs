//! Certificates, and who has issued them.

use std::sync::Arc;

use farewell::tls::{Roots, TlsClient, TlsClientBuilder, TlsServer};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// An authority, and what it has issued.
pub(crate) struct Authority {
    pub(super) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// From the one year to the other.
pub(crate) type Years = (i32, i32);

pub(crate) const VALID: Years = (2020, 2120);

/// Of every certificate that is issued here.
const SERIAL: u64 = 6455;

/// An authority, and a chain and a key of its own for `localhost`, as PEM; without a provider.
pub(crate) fn authority_pem() -> (String, String, String) {
    let authority = Authority::make("Authority");
    let (chain, key) = authority.issue(&["localhost"], VALID);
    (authority.certificate.pem(), chain, key)
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        // There may be two, and the tests are about something else.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::make(name)
    }

    fn make(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A chain and a key, as PEM.
    pub(crate) fn issue(&self, names: &[&str], years: Years) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        params.serial_number = Some(SERIAL.into());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(crate) fn server(&self, names: &[&str], years: Years) -> TlsServer {
        let (chain, key) = self.issue(names, years);
        TlsServer::from_pem(chain, key).unwrap()
    }

    pub(crate) fn client(&self) -> TlsClient {
        let builder = TlsClient::builder().roots(Roots::Nobody);
        builder.ca_pem(self.pem()).and_then(TlsClientBuilder::build).unwrap()
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A client with a list on which stands everything that was issued.
    pub(crate) fn client_with_revocations(&self) -> TlsClient {
        let revoked = RevokedCertParams {
            serial_number: SERIAL.into(),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2120, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap().der().clone();
        let verifier = WebPkiServerVerifier::builder_with_provider(self.roots(), provider())
            .with_crls([list])
            .build()
            .unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_webpki_verifier(verifier)
            .with_no_client_auth();
        TlsClient::from_rustls(Arc::new(config))
    }

    /// A client of rustls's own that trusts this authority, and offers these application protocols.
    pub(crate) fn raw_client_config(&self, protocols: &[&str]) -> ClientConfig {
        self.raw_client_of(rustls::ALL_VERSIONS, protocols)
    }

    /// The same, of these versions.
    pub(crate) fn raw_client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// A server of rustls's own for `localhost` that speaks this version, and may want certificates
    /// of this authority's from its clients.
    pub(crate) fn raw_server_config(
        &self,
        version: &'static SupportedProtocolVersion,
        wants_certificates: bool,
    ) -> Arc<ServerConfig> {
        self.raw_server(version, "localhost", VALID, wants_certificates)
    }

    /// The same for another name and other years, without certificates of its clients.
    pub(crate) fn raw_server_of(
        &self,
        version: &'static SupportedProtocolVersion,
        name: &str,
        years: Years,
    ) -> Arc<ServerConfig> {
        self.raw_server(version, name, years, false)
    }

    fn raw_server(
        &self,
        version: &'static SupportedProtocolVersion,
        name: &str,
        years: Years,
        wants_certificates: bool,
    ) -> Arc<ServerConfig> {
        let (chain, key) = self.issue(&[name], years);
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap();
        let builder = if wants_certificates {
            let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

/// An authority, with a client that trusts it and a server for `localhost`.
pub(crate) fn both() -> (TlsClient, TlsServer) {
    let authority = Authority::new("Authority");
    (authority.client(), authority.server(&["localhost", "127.0.0.1"], VALID))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A raw server's config for `localhost`, with a client that trusts it.
pub(crate) fn raw_server_config() -> (TlsClient, Arc<ServerConfig>) {
    let authority = Authority::new("Authority");
    (authority.client(), authority.raw_server_config(&TLS13, false))
}
