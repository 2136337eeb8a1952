//! Certificates, one face for both adapters, peers that speak TLS, and a bound on every test.

pub(crate) mod wire;

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::dial::DialRecord;
use farewell::handshake::{ClientRequest, Origins};
use farewell::tls::{Roots, TlsClient, TlsClientBuilder, TlsServer};
use farewell::{
    AcceptError, Acceptor, CloseFrame, Config, ConnectError, ConnectOptions, Evidence, Incoming,
    Message, ReconnectEvent, SendError, Termination, TlsFacts,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData, StreamOwned, SupportedProtocolVersion,
};

/// Longer than anything here takes, on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on a thread of its own, and fails it where it does not end.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(LIMIT) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
    }
}

/// Runs each of the scenarios for both adapters.
macro_rules! for_both_adapters {
    ($($scenario:ident),+ $(,)?) => {
        mod blocking_adapter {
            $(#[test] fn $scenario() {
                crate::support::bounded(super::$scenario::<crate::support::Blocking>);
            })+
        }
        mod tokio_adapter {
            $(#[test] fn $scenario() {
                crate::support::bounded(super::$scenario::<crate::support::Tokio>);
            })+
        }
    };
}
pub(crate) use for_both_adapters;

/// An authority, and what it has issued.
pub(crate) struct Authority {
    certificate: Certificate,
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
        builder.ca_pem(self.certificate.pem()).and_then(TlsClientBuilder::build).unwrap()
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
        let (chain, key) = self.issue(&["localhost"], VALID);
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

/// An adapter's socket over TLS, as the scenarios see it.
pub(crate) trait Adapter: Sized + Send + 'static {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError>;
    /// What becomes of a first attempt to connect that is to be followed by others.
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent;
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError>;
    fn accept(stream: TcpStream, acceptor: &Acceptor, tls: &TlsServer)
    -> Result<Self, AcceptError>;
    fn next(&mut self) -> Incoming;
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn evidence(&self) -> Evidence;
    fn tls(&self) -> Option<&TlsFacts>;
    fn dial(&self) -> Option<&DialRecord>;
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination>;
    fn abort(&mut self);

    fn message(&mut self) -> Message<'static> {
        self.next().into_message().unwrap_or_else(|report| panic!("{report}"))
    }

    fn ended(&mut self) -> Box<Termination> {
        match self.next() {
            Incoming::Ended(report) => report,
            other => panic!("not the end: {other:?}"),
        }
    }
}

pub(crate) struct Blocking(pub(crate) farewell::blocking::WebSocket<TcpStream>);

impl Adapter for Blocking {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError> {
        farewell::blocking::connect_with(request, options).map(Self)
    }
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent {
        let mut socket = farewell::blocking::Reconnecting::new(request, options).unwrap();
        assert!(matches!(socket.next(), ReconnectEvent::Attempt(_)));
        socket.next()
    }
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError> {
        farewell::blocking::handshake_tls(stream, request, config, tls).map(Self)
    }
    fn accept(
        stream: TcpStream,
        acceptor: &Acceptor,
        tls: &TlsServer,
    ) -> Result<Self, AcceptError> {
        farewell::blocking::accept_tls(stream, acceptor, tls).map(Self)
    }
    fn next(&mut self) -> Incoming {
        self.0.next()
    }
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.0.send(message)
    }
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        Ok(self.0.feed(message)?)
    }
    fn evidence(&self) -> Evidence {
        self.0.evidence()
    }
    fn tls(&self) -> Option<&TlsFacts> {
        self.0.tls()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.0.dial()
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.0.close(frame)
    }
    fn abort(&mut self) {
        self.0.abort();
    }
}

/// A tokio socket in a runtime of its own.
pub(crate) struct Tokio {
    runtime: tokio::runtime::Runtime,
    socket: farewell::aio::WebSocket<tokio::net::TcpStream>,
}

impl Tokio {
    fn open<E>(
        open: impl Future<Output = Result<farewell::aio::WebSocket<tokio::net::TcpStream>, E>>,
    ) -> Result<Self, E> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(open)?;
        Ok(Self { runtime, socket })
    }
}

pub(crate) fn for_tokio(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

impl Adapter for Tokio {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError> {
        Self::open(farewell::aio::connect_with(request, options))
    }
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut socket = farewell::aio::Reconnecting::new(request, options).unwrap();
            assert!(matches!(socket.next().await, ReconnectEvent::Attempt(_)));
            socket.next().await
        })
    }
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError> {
        Self::open(async {
            farewell::aio::handshake_tls(for_tokio(stream), request, config, tls).await
        })
    }
    fn accept(
        stream: TcpStream,
        acceptor: &Acceptor,
        tls: &TlsServer,
    ) -> Result<Self, AcceptError> {
        Self::open(async { farewell::aio::accept_tls(for_tokio(stream), acceptor, tls).await })
    }
    fn next(&mut self) -> Incoming {
        self.runtime.block_on(self.socket.next())
    }
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.runtime.block_on(self.socket.send(message))
    }
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.runtime.block_on(async { Ok(self.socket.feed(message).await?) })
    }
    fn evidence(&self) -> Evidence {
        self.socket.evidence()
    }
    fn tls(&self) -> Option<&TlsFacts> {
        self.socket.tls()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.socket.dial()
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.runtime.block_on(self.socket.close(frame))
    }
    fn abort(&mut self) {
        self.socket.abort();
    }
}

pub(crate) fn listen() -> (TcpListener, ClientRequest) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, ClientRequest::new(&url).unwrap())
}

pub(crate) fn reach(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

pub(crate) fn anyone(config: Config) -> Acceptor {
    Acceptor::new(Origins::Any).config(config)
}

/// A client and a server of this adapter; the server runs `serve`.
pub(crate) fn pair<A: Adapter, R: Send + 'static>(
    config: Config,
    serve: impl FnOnce(A) -> R + Send + 'static,
) -> (A, JoinHandle<R>) {
    let ((listener, request), (client, server)) = (listen(), both());
    let stream = reach(&listener);
    let acceptor = anyone(config.clone());
    let server = thread::spawn(move || {
        serve(A::accept(listener.accept().unwrap().0, &acceptor, &server).unwrap())
    });
    (A::handshake(stream, &request, config, &client).unwrap(), server)
}

/// A peer that speaks TLS without this crate, and bytes above it.
pub(crate) struct Raw<C>(pub(crate) StreamOwned<C, TcpStream>)
where
    StreamOwned<C, TcpStream>: Read + Write;

pub(crate) type RawClient = Raw<ClientConnection>;
pub(crate) type RawServer = Raw<ServerConnection>;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A raw server's config for `localhost`, with a client that trusts it.
pub(crate) fn raw_server_config() -> (TlsClient, Arc<ServerConfig>) {
    let authority = Authority::new("Authority");
    (authority.client(), authority.raw_server_config(&TLS13, false))
}

/// A raw client of a server with a certificate of this authority.
pub(crate) fn raw_client(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    stream: TcpStream,
) -> RawClient {
    let name = "localhost".try_into().unwrap();
    let config = Arc::new(authority.raw_client_of(&[version], &[]));
    Raw(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
}

/// A client of this adapter, and a server that speaks bytes, after the opening handshake.
pub(crate) fn with_raw_server<A: Adapter>(config: Config) -> (A, RawServer) {
    with_raw_server_of(&TLS13, config)
}

/// The same with this version of TLS.
pub(crate) fn with_raw_server_of<A: Adapter>(
    version: &'static SupportedProtocolVersion,
    config: Config,
) -> (A, RawServer) {
    let ((listener, request), authority) = (listen(), Authority::new("Authority"));
    let (client, server) = (authority.client(), authority.raw_server_config(version, false));
    let stream = reach(&listener);
    let client = thread::spawn(move || A::handshake(stream, &request, config, &client).unwrap());
    let connection = ServerConnection::new(server).unwrap();
    let mut raw = Raw(StreamOwned::new(connection, listener.accept().unwrap().0));
    let head = raw.head();
    raw.write(accept_head(&head).as_bytes());
    (client.join().unwrap(), raw)
}

/// A server of this adapter, and a client that speaks bytes, after the opening handshake.
pub(crate) fn with_raw_client<A: Adapter>(config: Config) -> (A, RawClient) {
    with_raw_client_of(&TLS13, config)
}

/// The same with this version of TLS.
pub(crate) fn with_raw_client_of<A: Adapter>(
    version: &'static SupportedProtocolVersion,
    config: Config,
) -> (A, RawClient) {
    let (listener, _) = listen();
    let authority = Authority::new("Authority");
    let server = authority.server(&["localhost"], VALID);
    let mut raw = raw_client(&authority, version, reach(&listener));
    let acceptor = anyone(config);
    let server =
        thread::spawn(move || A::accept(listener.accept().unwrap().0, &acceptor, &server).unwrap());
    raw.write(REQUEST);
    assert!(raw.head().starts_with("HTTP/1.1 101"));
    (server.join().unwrap(), raw)
}

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn accept_head(request: &str) -> String {
    use bytes::BytesMut;
    use farewell::Limits;
    use farewell::handshake::{Accept, ServerHandshake};

    let (_, request) =
        ServerHandshake::new(&Limits::default()).receive(request.as_bytes()).unwrap();
    let mut out = BytesMut::new();
    Accept::new(Origins::Any).write_response(&request.unwrap(), &mut out).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

impl<C, S> Raw<C>
where
    C: std::ops::DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.bytes(1)[0]);
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next short frame: its first byte and its payload, unmasked.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.bytes(2);
        let mask = if head[1] & 0x80 == 0 { vec![0; 4] } else { self.bytes(4) };
        let mut payload = self.bytes(usize::from(head[1] & 0x7f));
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        (head[0], payload)
    }

    /// Reads to the end of the stream: how much, and whether TLS has said it.
    pub(crate) fn rest(&mut self) -> (usize, bool) {
        let (mut count, mut memory) = (0, vec![0; 64 * 1024]);
        loop {
            match self.0.read(&mut memory) {
                Ok(0) => return (count, true),
                Ok(len) => count += len,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return (count, false),
                Err(error) => panic!("{error} after {count} bytes"),
            }
        }
    }

    /// Says the end in TLS, and then closes.
    pub(crate) fn close(mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().unwrap();
    }
}

/// A frame as a client sends it, with a masking key of zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// A frame as a server sends it.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

/// Settings under which nothing happens by itself, and what waits for a deadline hangs.
pub(crate) fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config.timeouts.handshake = 2 * LIMIT;
    config.timeouts.close = 2 * LIMIT;
    config.timeouts.linger = 2 * LIMIT;
    config.timeouts.write_stall = Some(2 * LIMIT);
    config
}

/// Echoes until the end.
pub(crate) fn echo<A: Adapter>(mut socket: A) -> Box<Termination> {
    loop {
        match socket.next().into_message() {
            Ok(message) => socket.feed(message).unwrap(),
            Err(report) => return report,
        }
    }
}
