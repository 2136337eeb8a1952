//! Peers that speak TLS without this crate, and bytes above it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use farewell::Config;
use farewell::handshake::Origins;
use rustls::version::TLS13;
use rustls::{
    ClientConnection, ConnectionCommon, ServerConnection, SideData, StreamOwned,
    SupportedProtocolVersion,
};

use super::{Adapter, Authority, VALID, anyone, listen, reach};

/// A peer that speaks TLS without this crate, and bytes above it.
pub(crate) struct Raw<C>(pub(crate) StreamOwned<C, TcpStream>)
where
    StreamOwned<C, TcpStream>: Read + Write;

pub(crate) type RawClient = Raw<ClientConnection>;
pub(crate) type RawServer = Raw<ServerConnection>;

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
        self.try_head().expect("the stream ended before the head")
    }

    /// The head, or nothing where the stream fails before.
    pub(crate) fn try_head(&mut self) -> Option<String> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        Some(String::from_utf8(head).unwrap())
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
