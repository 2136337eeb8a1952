//! One face for both adapters, a peer that speaks bytes, and a bound on every test.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::dial::DialRecord;
use farewell::handshake::{Accept, ClientRequest, Origins, Rejection, Request};
use farewell::{
    AcceptError, Acceptor, CloseFrame, Config, ConnectError, ConnectOptions, Evidence, Incoming,
    Message, Prepared, SendError, Termination, Ticket,
};

/// Longer than anything here takes, on a slow machine.
const LIMIT: Duration = Duration::from_secs(120);

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
            $(
                #[test]
                fn $scenario() {
                    crate::adapters::support::bounded(super::$scenario::<crate::adapters::support::Blocking>);
                }
            )+
        }
        mod tokio_adapter {
            $(
                #[test]
                fn $scenario() {
                    crate::adapters::support::bounded(super::$scenario::<crate::adapters::support::Tokio>);
                }
            )+
        }
    };
}
pub(crate) use for_both_adapters;

/// An adapter's socket, as the scenarios see it.
pub(crate) trait Adapter: Sized + Send + 'static {
    fn connect(
        request: &ClientRequest,
        options: impl Into<ConnectOptions>,
    ) -> Result<Self, ConnectError>;
    fn accept(stream: TcpStream, acceptor: &Acceptor) -> Result<Self, AcceptError>;
    fn accept_with(
        stream: TcpStream,
        config: Config,
        decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
    ) -> Result<Self, AcceptError>;
    fn next(&mut self) -> Incoming;
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn try_feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)>;
    fn feed_uncompressed(&mut self, message: Message<'static>) -> Result<(), SendError>;
    fn feed_prepared(&mut self, message: &Prepared) -> Result<(), SendError>;
    fn ready(&mut self);
    fn flush(&mut self) -> Result<(), SendError>;
    fn evidence(&self) -> Evidence;
    fn dial(&self) -> Option<&DialRecord>;
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination>;
    fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError>;
    fn abort(&mut self);
    fn join(&mut self, ticket: Ticket);
    fn forget_handshake(&mut self);
    fn subprotocol(&self) -> Option<&str>;
    /// A header field of the request on a server, of the response on a client.
    fn peer_header(&self, name: &str) -> Option<&str>;

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
    fn connect(
        request: &ClientRequest,
        options: impl Into<ConnectOptions>,
    ) -> Result<Self, ConnectError> {
        farewell::blocking::connect_with(request, options).map(Self)
    }
    fn accept(stream: TcpStream, acceptor: &Acceptor) -> Result<Self, AcceptError> {
        farewell::blocking::accept(stream, acceptor).map(Self)
    }
    fn accept_with(
        stream: TcpStream,
        config: Config,
        decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
    ) -> Result<Self, AcceptError> {
        farewell::blocking::accept_with(stream, config, decide).map(Self)
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
    fn try_feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)> {
        self.0.try_feed(message).map_err(|refused| (refused.reason, refused.message.into_message()))
    }
    fn feed_uncompressed(&mut self, message: Message<'static>) -> Result<(), SendError> {
        Ok(self.0.feed(message.uncompressed())?)
    }
    fn feed_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        Ok(self.0.feed(message)?)
    }
    fn ready(&mut self) {
        self.0.ready();
    }
    fn flush(&mut self) -> Result<(), SendError> {
        self.0.flush()
    }
    fn evidence(&self) -> Evidence {
        self.0.evidence()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.0.dial()
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.0.close(frame)
    }
    fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.0.queue_close(frame)
    }
    fn abort(&mut self) {
        self.0.abort();
    }
    fn join(&mut self, ticket: Ticket) {
        self.0.join(ticket);
    }
    fn forget_handshake(&mut self) {
        self.0.forget_handshake();
    }
    fn subprotocol(&self) -> Option<&str> {
        self.0.subprotocol()
    }
    fn peer_header(&self, name: &str) -> Option<&str> {
        let request = self.0.request().and_then(|request| request.header(name));
        request.or_else(|| self.0.response().and_then(|response| response.headers().get(name)))
    }
}

/// A tokio socket in a runtime of its own.
pub(crate) struct Tokio {
    runtime: tokio::runtime::Runtime,
    socket: farewell::aio::WebSocket<tokio::net::TcpStream>,
}

impl Tokio {
    pub(crate) fn into_parts(
        self,
    ) -> (tokio::runtime::Runtime, farewell::aio::WebSocket<tokio::net::TcpStream>) {
        (self.runtime, self.socket)
    }

    pub(crate) fn wait<'a, T>(
        &'a mut self,
        call: impl AsyncFnOnce(&'a mut farewell::aio::WebSocket<tokio::net::TcpStream>) -> T,
    ) -> T {
        self.runtime.block_on(call(&mut self.socket))
    }

    fn open<E>(
        open: impl Future<Output = Result<farewell::aio::WebSocket<tokio::net::TcpStream>, E>>,
    ) -> Result<Self, E> {
        let runtime = runtime();
        let socket = runtime.block_on(open)?;
        Ok(Self { runtime, socket })
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl Adapter for Tokio {
    fn connect(
        request: &ClientRequest,
        options: impl Into<ConnectOptions>,
    ) -> Result<Self, ConnectError> {
        Self::open(farewell::aio::connect_with(request, options))
    }
    fn accept(stream: TcpStream, acceptor: &Acceptor) -> Result<Self, AcceptError> {
        Self::open(async {
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            farewell::aio::accept(stream, acceptor).await
        })
    }
    fn accept_with(
        stream: TcpStream,
        config: Config,
        decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
    ) -> Result<Self, AcceptError> {
        Self::open(async {
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let decide = async |request: &Request| decide(request);
            farewell::aio::accept_with(stream, config, decide).await
        })
    }
    fn next(&mut self) -> Incoming {
        self.wait(async |socket| socket.next().await)
    }
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.wait(async |socket| socket.send(message).await)
    }
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.wait(async |socket| Ok(socket.feed(message).await?))
    }
    fn try_feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)> {
        self.socket
            .try_feed(message)
            .map_err(|refused| (refused.reason, refused.message.into_message()))
    }
    fn feed_uncompressed(&mut self, message: Message<'static>) -> Result<(), SendError> {
        self.wait(async |socket| Ok(socket.feed(message.uncompressed()).await?))
    }
    fn feed_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.wait(async |socket| Ok(socket.feed(message).await?))
    }
    fn evidence(&self) -> Evidence {
        self.socket.evidence()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.socket.dial()
    }
    fn ready(&mut self) {
        self.wait(async |socket| socket.ready().await);
    }
    fn flush(&mut self) -> Result<(), SendError> {
        self.wait(async |socket| socket.flush().await)
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.wait(async |socket| socket.close(frame).await)
    }
    fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.socket.queue_close(frame)
    }
    fn abort(&mut self) {
        self.socket.abort();
    }
    fn join(&mut self, ticket: Ticket) {
        self.socket.join(ticket);
    }
    fn forget_handshake(&mut self) {
        self.socket.forget_handshake();
    }
    fn subprotocol(&self) -> Option<&str> {
        self.socket.subprotocol()
    }
    fn peer_header(&self, name: &str) -> Option<&str> {
        let request = self.socket.request().and_then(|request| request.header(name));
        request.or_else(|| self.socket.response().and_then(|response| response.headers().get(name)))
    }
}

pub(crate) fn listen() -> (TcpListener, ClientRequest) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, ClientRequest::new(&url).unwrap())
}

pub(crate) fn anyone(config: Config) -> Acceptor {
    Acceptor::new(Origins::Any).config(config)
}

/// A client and a server of this adapter; the server runs `serve`.
pub(crate) fn pair<A: Adapter, R: Send + 'static>(
    config: Config,
    serve: impl FnOnce(A) -> R + Send + 'static,
) -> (A, JoinHandle<R>) {
    let (listener, request) = listen();
    let acceptor = anyone(config.clone());
    let server = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        serve(A::accept(stream, &acceptor).unwrap())
    });
    (A::connect(&request, config).unwrap(), server)
}

/// A server of this adapter, and a client that speaks bytes, after the opening handshake.
pub(crate) fn with_raw_client<A: Adapter>(config: Config) -> (A, Raw) {
    let (listener, request) = listen();
    let acceptor = anyone(config);
    let server = thread::spawn(move || A::accept(listener.accept().unwrap().0, &acceptor).unwrap());
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(REQUEST);
    assert!(raw.head().starts_with("HTTP/1.1 101"));
    (server.join().unwrap(), raw)
}

/// A client of this adapter, and a server that speaks bytes, after the opening handshake.
pub(crate) fn with_raw_server<A: Adapter>(config: Config) -> (A, Raw) {
    let (listener, request) = listen();
    let client = thread::spawn(move || A::connect(&request, config).unwrap());
    let mut raw = Raw(listener.accept().unwrap().0);
    let head = raw.head();
    raw.write(accept_head(&head).as_bytes());
    (client.join().unwrap(), raw)
}

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The response that accepts a request.
pub(crate) fn accept_head(request: &str) -> String {
    use bytes::BytesMut;
    use farewell::Limits;
    use farewell::handshake::{Accept, ServerHandshake};
    let (_, request) =
        ServerHandshake::new(&Limits::default()).receive(request.as_bytes()).unwrap();
    let mut out = BytesMut::new();
    Accept::new(Origins::Any).write_response(&request.unwrap(), &mut out).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

/// A peer that speaks bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
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

    /// The next frame: its first byte and its payload, unmasked.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.bytes(2);
        let len = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.bytes(2).try_into().unwrap())),
            127 => u64::from_be_bytes(self.bytes(8).try_into().unwrap()),
            short => u64::from(short),
        };
        let mask = if head[1] & 0x80 == 0 { vec![0; 4] } else { self.bytes(4) };
        let mut payload = self.bytes(len as usize);
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        (head[0], payload)
    }

    /// Reads to the end of the stream.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }

    /// Makes closing a reset.
    pub(crate) fn reset(self) {
        let socket = socket2::Socket::from(self.0);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A frame as a client sends it, with a masking key of zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0x80, payload, &[0; 4])
}

/// A frame as a server sends it.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0, payload, &[])
}

fn frame(first: u8, mask_bit: u8, payload: &[u8], key: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(key);
    frame.extend_from_slice(payload);
    frame
}

/// Settings under which nothing happens by itself, and what waits for a deadline hangs.
pub(crate) fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config.timeouts.close = 2 * LIMIT;
    config.timeouts.linger = 2 * LIMIT;
    config.timeouts.write_stall = Some(2 * LIMIT);
    config
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
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
