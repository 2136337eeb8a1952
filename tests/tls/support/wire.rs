//! A client's driver over TLS without a socket, and a server of rustls's own at the other end of a
//! wire that the test carries by hand. Time is told, and nothing waits.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::ClientRequest;
use farewell::tls::TlsClient;
use farewell::{
    Config, ReadClosed, Seed, Session, SessionEvent, Termination, Timestamp, TransportError,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use super::raw::accept_head;
use super::{Authority, VALID};

/// What the client did, in its order.
#[derive(Debug)]
pub(crate) enum Did {
    Event(Box<SessionEvent<'static>>),
    Write(Vec<u8>),
    Flush,
    ShutDown,
}

/// A client whose executor waits in its reads, as a thread with a blocking socket does.
pub(crate) struct Client {
    pub(crate) driver: Driver,
    pub(crate) now: Timestamp,
    pub(crate) did: Vec<Did>,
    /// It waits in a read.
    reading: bool,
    /// The stream takes so many bytes and no more.
    pub(crate) room: usize,
}

impl Client {
    pub(crate) fn new(tls: &TlsClient, config: Config) -> Self {
        let now = Timestamp::ZERO;
        let request = ClientRequest::new("wss://localhost/").unwrap();
        let session = Session::client(&request, config, Seed::new([7; 32]), now);
        let driver = Driver::new(session, now).with_tls(tls.layer("localhost").unwrap());
        Self { driver, now, did: Vec::new(), reading: false, room: usize::MAX }
    }

    /// The same through an `https://` proxy, whose TLS has not begun.
    pub(crate) fn behind_proxy(mut self, tls: &TlsClient) -> Self {
        self.driver = self.driver.with_tunnel(tls.layer("localhost").unwrap());
        self
    }

    /// Does what there is to do, until it waits: in a read, or for the time or the stream.
    pub(crate) fn run(&mut self) {
        if self.reading {
            return;
        }
        self.driver.handle_ready();
        self.go_on();
    }

    fn go_on(&mut self) {
        for _ in 0..10_000 {
            match self.driver.next(Want::Event) {
                Step::Event(event) => {
                    let ended = matches!(event, SessionEvent::Ended(_));
                    self.did.push(Did::Event(Box::new(event)));
                    if ended {
                        return;
                    }
                }
                Step::Write => self.write(),
                Step::Flush => {
                    self.did.push(Did::Flush);
                    self.driver.handle_flushed();
                }
                Step::Read => return self.reading = true,
                Step::ShutDown(_) => self.did.push(Did::ShutDown),
                Step::Wait(wait) if wait.is_over(self.now) => self.driver.handle_timeout(self.now),
                Step::Wait(_) | Step::Done => return,
            }
        }
        panic!("it spins");
    }

    fn write(&mut self) {
        let output = self.driver.output();
        let len = output.chunk().len().min(self.room);
        let bytes = output.chunk()[..len].to_vec();
        if len == 0 && output.has_remaining() {
            return self.driver.handle_write_blocked();
        }
        self.room -= len;
        self.did.push(Did::Write(bytes));
        self.driver.handle_written(len, self.now);
    }

    /// The read is over by these bytes, or by an end of the stream where there are none.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.run();
        assert!(std::mem::take(&mut self.reading), "it reads: {:?}", self.did);
        match bytes {
            [] => self.driver.handle_read_closed(ReadClosed::Eof, self.now),
            bytes => self.driver.handle_read(&mut bytes.to_vec(), self.now),
        }
        self.run();
    }

    /// The read has failed.
    pub(crate) fn fail(&mut self, error: TransportError) {
        self.run();
        assert!(std::mem::take(&mut self.reading), "it reads: {:?}", self.did);
        self.driver.handle_read_failed(error, self.now);
        self.run();
    }

    /// The read is over without anything: the time has come.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        self.now = now;
        let waited = std::mem::take(&mut self.reading);
        self.driver.handle_timeout(now);
        self.driver.handle_ready();
        self.go_on();
        if waited && std::mem::take(&mut self.reading) {
            self.driver.handle_read_blocked();
            self.go_on();
        }
    }

    /// What was written since this was asked last.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        self.did.retain(|did| match did {
            Did::Write(bytes) => {
                written.extend_from_slice(bytes);
                false
            }
            _ => true,
        });
        written
    }

    pub(crate) fn ended(&self) -> Option<&Termination> {
        self.did.iter().find_map(|did| match did {
            Did::Event(event) => match &**event {
                SessionEvent::Ended(report) => Some(&**report),
                _ => None,
            },
            _ => None,
        })
    }

    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let message = |did: &Did| match did {
            Did::Event(event) => match &**event {
                SessionEvent::Message(message) => Some(message.as_bytes().to_vec()),
                _ => None,
            },
            _ => None,
        };
        self.did.iter().filter_map(message).collect()
    }
}

/// rustls's own server, and the plaintext that came.
pub(crate) struct Server {
    pub(crate) connection: ServerConnection,
    pub(crate) received: Vec<u8>,
}

impl Server {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        let mut connection = ServerConnection::new(config).unwrap();
        connection.set_buffer_limit(None);
        Self { connection, received: Vec::new() }
    }

    /// Takes in ciphertext. Panics where TLS fails.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).unwrap();
            let state = self.connection.process_new_packets().unwrap();
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            self.connection.reader().read_exact(&mut plaintext).unwrap();
            self.received.extend(plaintext);
        }
    }

    /// Takes in ciphertext with which TLS may fail. Returns what there is to say of it.
    pub(crate) fn last_words(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).unwrap();
            let _ = self.connection.process_new_packets();
        }
        self.write(&[])
    }

    /// Encrypts plaintext. Returns the ciphertext, with what else there is.
    pub(crate) fn write(&mut self, plaintext: &[u8]) -> Vec<u8> {
        if !plaintext.is_empty() {
            self.connection.writer().write_all(plaintext).unwrap();
        }
        let mut ciphertext = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut ciphertext).unwrap();
        }
        ciphertext
    }
}

/// Carries to and fro until nothing moves. The client is in a read afterwards, or at its end.
pub(crate) fn exchange(client: &mut Client, server: &mut Server) {
    loop {
        client.run();
        let there = client.written();
        server.read(&there);
        let back = server.write(&[]);
        if !back.is_empty() {
            client.read(&back);
        } else if there.is_empty() {
            return;
        }
    }
}

/// Both, after the opening handshake.
pub(crate) fn open(tls: &TlsClient, server: Arc<ServerConfig>, config: Config) -> (Client, Server) {
    let (mut client, mut server) = (Client::new(tls, config), Server::new(server));
    exchange(&mut client, &mut server);
    let request = String::from_utf8(std::mem::take(&mut server.received)).unwrap();
    assert!(request.ends_with("\r\n\r\n"), "it has asked: {request:?}");
    client.read(&server.write(accept_head(&request).as_bytes()));
    assert!(
        matches!(&client.did[..], [.., Did::Event(event)] if matches!(**event, SessionEvent::Open(_)))
    );
    client.did.clear();
    (client, server)
}

/// A server for `localhost` of this provider and this version, with a client that trusts it.
pub(crate) fn server_of(
    provider: CryptoProvider,
    version: &'static SupportedProtocolVersion,
) -> (TlsClient, Arc<ServerConfig>) {
    both_of(ring(), provider, version)
}

/// The same, with this provider for the client.
pub(crate) fn both_of(
    client: CryptoProvider,
    server: CryptoProvider,
    version: &'static SupportedProtocolVersion,
) -> (TlsClient, Arc<ServerConfig>) {
    make(client, server, version, false, &["localhost"])
}

/// The same, with a server that wants a certificate of its clients.
pub(crate) fn with_client_certificates(
    version: &'static SupportedProtocolVersion,
) -> (TlsClient, Arc<ServerConfig>) {
    make(ring(), ring(), version, true, &["localhost"])
}

/// A server for these names, with a client that trusts it.
pub(crate) fn server_for(names: &[&str]) -> (TlsClient, Arc<ServerConfig>) {
    make(ring(), ring(), &rustls::version::TLS13, false, names)
}

fn make(
    client: CryptoProvider,
    server: CryptoProvider,
    version: &'static SupportedProtocolVersion,
    wants_certificates: bool,
    names: &[&str],
) -> (TlsClient, Arc<ServerConfig>) {
    let authority = Authority::new("Authority");
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let (chain, key) = authority.issue(names, VALID);
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let server = Arc::new(server);
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), server.clone());
    let verifier = match wants_certificates {
        true => verifier.build().unwrap(),
        false => WebPkiClientVerifier::no_client_auth(),
    };
    let config = ServerConfig::builder_with_provider(server)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(client))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsClient::from_rustls(Arc::new(client)), Arc::new(config))
}

pub(crate) fn ring() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A frame of a server, of any length below 64 KiB.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    let head = match len {
        0..126 => vec![first, len as u8],
        _ => [&[first, 126], &len.to_be_bytes()[..]].concat(),
    };
    [head, payload.to_vec()].concat()
}
