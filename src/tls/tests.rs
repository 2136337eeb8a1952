//! Two layers, and the bytes between them.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Buf;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};

use super::*;
use crate::report::{TlsAlert, TlsError, TlsFacts, TlsVersion};
use crate::session::{Output, OutputBuffer};

/// An authority, and what it has issued.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        // There may be two, and the tests are about something else.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A server with a certificate for these names, valid in these years.
    fn server(&self, names: &[&str], years: (i32, i32)) -> TlsServer {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        TlsServer::from_pem(certificate.pem(), key.serialize_pem()).expect("a server")
    }

    fn client(&self) -> TlsClient {
        let builder = TlsClient::builder().roots(Roots::Nobody);
        builder.ca_pem(self.certificate.pem()).and_then(TlsClientBuilder::build).expect("a client")
    }

    fn client_of(&self, version: &'static rustls::SupportedProtocolVersion) -> TlsClient {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version");
        TlsClient::from_rustls(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// A layer, the plaintext that waits to be encrypted, and what came.
struct End {
    layer: TlsLayer,
    waiting: OutputBuffer,
    sent: usize,
    received: Vec<u8>,
}

impl End {
    fn new(layer: TlsLayer) -> Self {
        Self { layer, waiting: OutputBuffer::new(), sent: 0, received: Vec::new() }
    }

    fn say(&mut self, plaintext: &[u8]) {
        self.waiting.write_handshake(|out| out.extend_from_slice(plaintext));
    }

    /// Moves at most `step` bytes to the other end. Returns how many.
    fn carry(&mut self, other: &mut Self, step: usize) -> usize {
        self.layer.encrypt(Output::new(&self.waiting));
        let output = self.layer.output();
        let len = output.chunk().len().min(step);
        let bytes = output.chunk()[..len].to_vec();
        let left = self.layer.consume(len);
        self.waiting.consume(left);
        self.sent += left;
        other.receive(&bytes);
        len
    }

    fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.layer.take(bytes);
            bytes = &bytes[taken.ciphertext..];
            let mut memory = vec![0; taken.plaintext];
            loop {
                let len = self.layer.read(&mut memory);
                self.received.extend_from_slice(&memory[..len]);
                if len == 0 {
                    break;
                }
            }
        }
    }
}

/// Carries until nothing moves any more.
fn exchange(client: &mut End, server: &mut End, step: usize) {
    while client.carry(server, step) + server.carry(client, step) > 0 {}
}

fn pair(client: &TlsClient, server: &TlsServer) -> (End, End) {
    let client = client.layer("a.example").expect("a client's layer");
    (End::new(client), End::new(server.layer().expect("a server's layer")))
}

const YEARS: (i32, i32) = (2020, 2120);

#[test]
fn every_way_to_cut_the_bytes_gives_the_same() {
    let authority = Authority::new("A");
    let server = authority.server(&["a.example", "b.example"], YEARS);
    let text: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = authority.client_of(version);
        for step in [1, 2, 5, 100, 4_096, 1_000_000] {
            let (mut client, mut server) = pair(&client, &server);
            client.say(&text);
            server.say(b"hello");
            exchange(&mut client, &mut server, step);
            assert!(server.received == text, "{step}");
            assert_eq!(
                (client.received.as_slice(), client.sent, server.sent),
                (&b"hello"[..], 100_000, 5)
            );
            let (client, server) = (client.layer.facts().clone(), server.layer.facts().clone());
            let expected = match version.version {
                rustls::ProtocolVersion::TLSv1_2 => TlsVersion::V1_2,
                _ => TlsVersion::V1_3,
            };
            assert_eq!((client.version, server.version), (Some(expected), Some(expected)));
            assert_eq!(server.server_name.as_deref(), Some("a.example"));
            let certificate = client.certificate.expect("it was shown");
            assert_eq!(certificate.names, ["a.example".into(), "b.example".into()]);
            assert_eq!(&*certificate.issuer, "CN=A");
            assert_eq!(
                (certificate.not_before, certificate.not_after),
                (Some(1_577_836_800), Some(4_733_510_400))
            );
        }
    }
}

#[test]
fn plaintext_has_left_once_its_whole_record_has() {
    let authority = Authority::new("A");
    let (mut client, mut server) =
        pair(&authority.client(), &authority.server(&["a.example"], YEARS));
    exchange(&mut client, &mut server, 1_000_000);
    assert_eq!(client.layer.facts().alpn.as_deref(), Some("http/1.1"));
    client.say(&[7; 20_000]);
    client.layer.encrypt(Output::new(&client.waiting));
    let all = client.layer.output().remaining();
    assert_eq!(client.layer.consume(16_384), 0);
    assert_eq!(client.layer.consume(5 + 1 + 16), 16_384);
    assert_eq!(client.layer.consume(all - 16_384 - 22 - 1), 0);
    assert_eq!(client.layer.consume(1), 20_000 - 16_384);
    assert!(!client.layer.has_output());
}

#[test]
fn no_more_is_encrypted_than_one_write_takes() {
    let authority = Authority::new("A");
    let (mut client, mut server) =
        pair(&authority.client(), &authority.server(&["a.example"], YEARS));
    exchange(&mut client, &mut server, 1_000_000);
    client.say(&[7; 1_000_000]);
    for _ in 0..3 {
        client.layer.encrypt(Output::new(&client.waiting));
        assert!((64 * 1024..82 * 1024).contains(&client.layer.output().remaining()));
    }
}

#[test]
fn an_end_that_was_said_is_known() {
    let authority = Authority::new("A");
    let (mut client, mut server) =
        pair(&authority.client(), &authority.server(&["a.example"], YEARS));
    exchange(&mut client, &mut server, 1_000_000);
    client.say(b"bye");
    client.carry(&mut server, 1_000_000);
    assert!(client.layer.close());
    assert!(!client.layer.close());
    exchange(&mut client, &mut server, 3);
    assert_eq!(server.received, b"bye");
    assert!(server.layer.is_peer_closed());
    assert!(!client.layer.is_peer_closed());
    // The other direction is still open.
    server.say(b"and you");
    exchange(&mut client, &mut server, 3);
    assert_eq!(client.received, b"and you");
}

/// What the client and the server say of a handshake that fails.
fn failures(client: &TlsClient, server: &TlsServer) -> (TlsError, TlsError, TlsFacts) {
    let mut both = None;
    for step in [1, 1_000_000] {
        let (mut client, mut server) = pair(client, server);
        exchange(&mut client, &mut server, step);
        let failed = |end: &End| end.layer.failure().expect("it has failed");
        let mut facts = client.layer.facts().clone();
        // The time may be in them.
        let words = facts.failure.take();
        let seen = (failed(&client), failed(&server), facts);
        assert_eq!(*both.get_or_insert_with(|| seen.clone()), seen);
        assert!(words.is_some_and(|words| !words.is_empty()));
    }
    both.expect("it was tried")
}

#[test]
fn both_ends_of_a_failure_know_why() {
    let authority = Authority::new("A");
    let stranger = Authority::new("Another");
    let cases = [
        (stranger.server(&["a.example"], YEARS), TlsError::UnknownIssuer, 48),
        (authority.server(&["a.example"], (2020, 2021)), TlsError::Expired, 45),
        (authority.server(&["a.example"], (2100, 2120)), TlsError::NotYetValid, 45),
        (authority.server(&["b.example"], YEARS), TlsError::WrongName, 42),
    ];
    for (server, error, alert) in cases {
        let (client, other, facts) = failures(&authority.client(), &server);
        assert_eq!((client, other), (error, TlsError::Alert(TlsAlert(alert))));
        let certificate = facts.certificate.expect("it was shown");
        let issuer = if error == TlsError::UnknownIssuer { "CN=Another" } else { "CN=A" };
        assert_eq!(&*certificate.issuer, issuer);
        assert_eq!(certificate.names.len(), 1);
    }
}

#[test]
fn what_rustls_alone_knows_of_a_refused_certificate_is_kept() {
    let authority = Authority::new("A");
    let client = authority.client_of(&rustls::version::TLS13);
    let (error, _, facts) = failures(&client, &authority.server(&["b.example"], YEARS));
    assert_eq!(error, TlsError::WrongName);
    assert_eq!(facts.certificate.expect("its names").names.len(), 1);
}

#[test]
fn another_host_sees_no_identity_and_is_asked_for_its_own_name() {
    let authority = Authority::new("A");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["me".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
    let client = TlsClient::builder()
        .roots(Roots::Nobody)
        .ca_pem(authority.certificate.pem())
        .and_then(|builder| builder.identity_pem(certificate.pem(), key.serialize_pem()))
        .and_then(|builder| builder.server_name("a.example").build())
        .expect("a client");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).expect("a root");
    let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .expect("a verifier");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["a.example".to_owned(), "b.example".to_owned()]);
    let certificate = params.expect("names").signed_by(&key, &authority.issuer).expect("one");
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a config");
    let server = TlsServer::from_rustls(Arc::new(config));
    let cases =
        [(client.clone(), true, "a.example"), (client.for_another_host(), false, "b.example")];
    for (client, shown, name) in cases {
        let mut client = End::new(client.layer("b.example").expect("a layer"));
        let mut server = End::new(server.layer().expect("a layer"));
        exchange(&mut client, &mut server, 1_000_000);
        assert!(client.layer.is_established() && server.layer.is_established());
        let facts = server.layer.facts();
        assert_eq!(facts.certificate.is_some(), shown);
        assert_eq!(facts.server_name.as_deref(), Some(name));
    }
}

/// Each call has its own text, and counts the blocks of that.
#[test]
fn an_authority_that_is_none_is_found_where_it_was_given() {
    let pem = Authority::new("A").certificate.pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let twice = TlsClient::builder().ca_pem(&pem).expect("one").ca_pem([broken, &pem].concat());
    let error = PemError::Certificate;
    assert!(
        matches!(twice, Err(TlsConfigError::Certificates { error: e, block: 1 }) if e == error)
    );
}

#[test]
fn who_verifies_nothing_takes_everything_and_says_so() {
    let authority = Authority::new("A");
    let client = TlsClient::builder().dangerous_without_verification().build().expect("a client");
    let server = authority.server(&["b.example"], (2020, 2021));
    let (mut client, mut server) = pair(&client, &server);
    exchange(&mut client, &mut server, 100);
    assert!(client.layer.is_established() && server.layer.is_established());
    let facts = client.layer.facts().clone();
    assert!(facts.unverified && facts.certificate.is_some());
}

#[test]
fn no_common_application_protocol_is_named_on_both_ends() {
    let authority = Authority::new("A");
    let TlsClient { config, .. } = authority.client();
    let mut config = (*config).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let server = authority.server(&["a.example"], YEARS);
    let (client, server, _) = failures(&TlsClient::from_rustls(Arc::new(config)), &server);
    assert_eq!(client, TlsError::Alert(TlsAlert(120)));
    assert_eq!(server, TlsError::NoApplicationProtocol);
}

#[test]
fn plain_text_on_a_tls_port_is_seen_from_both_ends() {
    let authority = Authority::new("A");
    let (client, server) = (authority.client(), authority.server(&["a.example"], YEARS));
    for text in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        for step in [1, 100] {
            let (client, server) = pair(&client, &server);
            for mut end in [client, server] {
                text.chunks(step).for_each(|part| end.receive(part));
                assert_eq!(end.layer.failure(), Some(TlsError::NotTls));
                let facts = end.layer.facts().clone();
                assert!(text.starts_with(facts.not_tls.expect("it is kept").as_bytes()));
            }
        }
    }
}

#[test]
fn what_was_changed_on_the_way_fails_behind_what_was_not() {
    let authority = Authority::new("A");
    let (mut client, mut server) =
        pair(&authority.client(), &authority.server(&["a.example"], YEARS));
    exchange(&mut client, &mut server, 1_000_000);
    let mut wire = Vec::new();
    for text in [&b"first"[..], b"second", b"third"] {
        client.waiting.clear();
        client.say(text);
        client.layer.encrypt(Output::new(&client.waiting));
        wire.extend_from_slice(client.layer.output().chunk());
        client.layer.consume(usize::MAX);
    }
    wire[35] ^= 1;
    server.receive(&wire);
    assert_eq!(server.received, b"first");
    assert_eq!(server.layer.failure(), Some(TlsError::Undecryptable));
    server.carry(&mut client, 1_000_000);
    assert_eq!(client.layer.failure(), Some(TlsError::Alert(TlsAlert(20))));
}

#[test]
fn what_is_broken_behind_our_close_is_no_panic() {
    let authority = Authority::new("A");
    let (mut client, mut server) =
        pair(&authority.client(), &authority.server(&["a.example"], YEARS));
    exchange(&mut client, &mut server, 1_000_000);
    assert!(server.layer.close());
    server.receive(&[0x17, 3, 3, 0, 20].repeat(5));
    assert_eq!(server.layer.failure(), Some(TlsError::Undecryptable));
    server.receive(&[0x17, 3, 3, 0, 20].repeat(5));
}

#[test]
fn what_cannot_be_is_an_error_that_says_where() {
    let authority = Authority::new("A");
    let client = authority.client();
    for host in ["", "a b", "-", "a..b", "b\u{fc}cher.example", "[::1]"] {
        assert!(matches!(client.layer(host), Err(TlsConfigError::ServerName)), "{host}");
    }
    for host in ["a.example", "::1", "127.0.0.1"] {
        assert!(client.layer(host).is_ok(), "{host}");
    }
    let nobody = TlsClient::builder().roots(Roots::Nobody).build();
    assert!(matches!(nobody, Err(TlsConfigError::NoRoots)));
    let (one, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let certificate = CertificateParams::new([]).expect("no names").self_signed(&one);
    let chain = certificate.expect("a certificate").pem();
    let server = TlsServer::from_pem(&chain, other.serialize_pem());
    assert!(matches!(server, Err(TlsConfigError::KeyMismatch)), "{server:?}");
    let server = TlsServer::from_pem(&chain, &chain);
    let error = PemError::Missing;
    assert!(matches!(server, Err(TlsConfigError::Key { error: e, block: 0 }) if e == error));
}
