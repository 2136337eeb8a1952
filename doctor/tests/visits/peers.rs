//! Servers and proxies, each on a port of its own and a thread that ends with the test.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::tls::{Provider, TlsServer};
use farewell::{Acceptor, Config, Incoming, blocking};

pub(crate) type Socket = blocking::WebSocket<TcpStream>;

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address at which nobody listens.
pub(crate) fn free_port() -> SocketAddr {
    listen().1
}

/// Serves so many TCP connections, or fewer, all at the same time.
fn serve(most: usize, life: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || {
        for stream in listener.incoming().take(most) {
            let (stream, life) = (stream.unwrap(), life.clone());
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || life(stream));
        }
    });
    address
}

/// A server of one connection that is no WebSocket yet.
pub(crate) fn raw_server(life: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    serve(10, life)
}

/// A server whose connections live so.
pub(crate) fn server(life: impl Fn(Socket) + Clone + Send + 'static) -> SocketAddr {
    served(10, life)
}

pub(crate) fn served(most: usize, life: impl Fn(Socket) + Clone + Send + 'static) -> SocketAddr {
    serve(most, move |stream| life(accept(stream)))
}

fn accept(stream: TcpStream) -> Socket {
    blocking::accept(stream, &acceptor()).unwrap()
}

fn acceptor() -> Acceptor {
    let mut config = Config::default();
    config.heartbeat = None;
    Acceptor::new(Origins::Any).config(config)
}

/// The same over TLS, with the certificate of the self-test. Connections that do not open are of no
/// interest.
pub(crate) fn tls_server(life: impl Fn(Socket) + Clone + Send + 'static) -> SocketAddr {
    let certificate = include_str!("../../src/certificates/here.pem");
    let key = include_str!("../../src/certificates/key.pem");
    let tls = TlsServer::from_pem_with(Provider::Ring, certificate, key).unwrap();
    serve(10, move |stream| {
        if let Ok(socket) = blocking::accept_tls(stream, &acceptor(), &tls) {
            life(socket);
        }
    })
}

/// A connection on which anything can be sent.
pub(crate) struct Open(TcpStream);

pub(crate) fn open(stream: TcpStream) -> Open {
    Open(accept(stream.try_clone().unwrap()).get_ref().try_clone().unwrap())
}

impl Open {
    /// Sends these bytes, and waits for the end.
    pub(crate) fn send_raw(mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        let _ = io::copy(&mut self.0, &mut io::sink());
    }
}

pub(crate) fn echo(mut socket: Socket) {
    while let Incoming::Message(message) = socket.next() {
        let _ = socket.send(message);
    }
}

/// Hangs up after so much silence.
pub(crate) fn hang_up(socket: Socket, silence: Duration) {
    thread::sleep(silence);
    drop(socket);
}

/// Reads up to the end of an HTTP head.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[derive(Clone, Copy)]
pub(crate) enum Proxying {
    Http,
    Socks5,
}

/// A proxy that wants the user "user" and the password "pass word".
pub(crate) fn proxy(proxying: Proxying, most: usize) -> SocketAddr {
    serve(most, move |mut stream| {
        let target = match proxying {
            Proxying::Http => http(&mut stream),
            Proxying::Socks5 => socks5(&mut stream),
        };
        if let Some(target) = target {
            relay(stream, TcpStream::connect(target).unwrap());
        }
    })
}

fn http(stream: &mut TcpStream) -> Option<String> {
    let head = read_head(stream);
    if !head.contains("Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n") {
        stream.write_all(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n").unwrap();
        return None;
    }
    stream.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").unwrap();
    head.split(' ').nth(1).map(str::to_owned)
}

fn socks5(stream: &mut TcpStream) -> Option<String> {
    fn bytes<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
        let mut bytes = [0; N];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }
    fn counted(stream: &mut TcpStream) -> Vec<u8> {
        let [len] = bytes(stream);
        let mut text = vec![0; len.into()];
        stream.read_exact(&mut text).unwrap();
        text
    }
    let [5] = bytes(stream) else { panic!("no SOCKS5") };
    if !counted(stream).contains(&2) {
        stream.write_all(&[5, 0xff]).unwrap();
        return None;
    }
    stream.write_all(&[5, 2]).unwrap();
    let [1] = bytes(stream) else { panic!("no credentials") };
    let good = (counted(stream), counted(stream)) == (b"user".to_vec(), b"pass word".to_vec());
    stream.write_all(&[1, u8::from(!good)]).unwrap();
    let [5, 1, 0, 1] = bytes(stream) else { panic!("no CONNECT to an IPv4 address") };
    let [a, b, c, d] = bytes::<4>(stream);
    let port = u16::from_be_bytes(bytes(stream));
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).unwrap();
    good.then(|| format!("{a}.{b}.{c}.{d}:{port}"))
}

fn relay(one: TcpStream, other: TcpStream) {
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let back = (other.try_clone().unwrap(), one.try_clone().unwrap());
    let back = thread::spawn(move || carry(back.0, back.1));
    carry(one, other);
    back.join().unwrap();
}
