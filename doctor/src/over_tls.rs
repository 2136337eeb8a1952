//! Endings over TLS, and TLS handshakes that come to nothing: to a browser, 1006 again.

use std::net::TcpStream;
use std::thread;

use farewell::handshake::{ClientRequest, Origins};
use farewell::tls::{Provider, Roots, TlsClient, TlsServer};
use farewell::{Acceptor, CloseCode, Config, Termination};

use crate::handshakes::refused;
use crate::raw::{Raw, listen};
use crate::stage::{Result, Seen, Socket, accept, connect, live, millis, quiet, until_end};

const AUTHORITY: &str = include_str!("certificates/authority.pem");
const HERE: &str = include_str!("certificates/here.pem");
const EXPIRED: &str = include_str!("certificates/expired.pem");
const ELSEWHERE: &str = include_str!("certificates/elsewhere.pem");
const KEY: &str = include_str!("certificates/key.pem");

/// A client that trusts this authority and nobody else.
fn client(authority: &str) -> Result<TlsClient> {
    let builder = TlsClient::builder().provider(Provider::Ring).roots(Roots::Nobody);
    Ok(builder.ca_pem(authority)?.build()?)
}

fn server(certificate: &str) -> Result<TlsServer> {
    Ok(TlsServer::from_pem_with(Provider::Ring, certificate, KEY)?)
}

fn request_to(address: std::net::SocketAddr) -> Result<ClientRequest> {
    Ok(ClientRequest::new(&format!("wss://{address}/"))?)
}

/// Both ends are ours, and come together.
fn meet(
    client_life: impl FnOnce(Socket) -> Result<Box<Termination>>,
    server_life: impl FnOnce(Socket) -> Result<Box<Termination>> + Send,
) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let (client, server) = (client(AUTHORITY)?, server(HERE)?);
    let acceptor = Acceptor::new(Origins::Any).config(quiet());
    thread::scope(|scope| {
        let accepted =
            scope.spawn(move || live(accept(&listener, &acceptor, Some(&server))?, server_life));
        let seen = live(connect(&request_to(address)?, quiet(), Some(&client))?, client_life);
        Ok(vec![seen?, accepted.join().map_err(|_| "the server panicked")??])
    })
}

pub(crate) fn server_closes() -> Result<Vec<Seen>> {
    meet(|mut socket| Ok(until_end(&mut socket)), |mut socket| Ok(socket.close(CloseCode::NORMAL)))
}

/// The server drops its socket: neither a Close nor TLS's own goodbye.
pub(crate) fn server_hangs_up() -> Result<Vec<Seen>> {
    let drops = |mut socket: Socket| {
        socket.abort();
        Ok(until_end(&mut socket))
    };
    meet(|mut socket| Ok(until_end(&mut socket)), drops)
}

/// Both ends are ours, and the client does not like the certificate.
fn distrusts(authority: &str, certificate: &str) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let (client, server) = (client(authority)?, server(certificate)?);
    let acceptor = Acceptor::new(Origins::Any).config(quiet());
    thread::scope(|scope| {
        let accepted = scope.spawn(move || refused(accept(&listener, &acceptor, Some(&server))));
        let seen = refused(connect(&request_to(address)?, quiet(), Some(&client)));
        Ok(vec![seen?, accepted.join().map_err(|_| "the server panicked")??])
    })
}

pub(crate) fn expired() -> Result<Vec<Seen>> {
    distrusts(AUTHORITY, EXPIRED)
}

pub(crate) fn wrong_name() -> Result<Vec<Seen>> {
    distrusts(AUTHORITY, ELSEWHERE)
}

pub(crate) fn unknown_issuer() -> Result<Vec<Seen>> {
    distrusts(ELSEWHERE, HERE)
}

/// Our client speaks TLS to something that speaks none.
fn client_asks(config: Config, peer: impl FnOnce(Raw) -> Result<()>) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let (request, client) = (request_to(address)?, client(AUTHORITY)?);
    thread::scope(|scope| {
        let asked = scope.spawn(move || refused(connect(&request, config, Some(&client))));
        peer(Raw::new(listener.accept()?.0)?)?;
        Ok(vec![asked.join().map_err(|_| "the client panicked")??])
    })
}

pub(crate) fn plain_port() -> Result<Vec<Seen>> {
    client_asks(quiet(), |mut raw| {
        raw.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn hangs_up_in_the_handshake() -> Result<Vec<Seen>> {
    client_asks(quiet(), |raw| Ok(raw.hang_up()?))
}

pub(crate) fn says_nothing() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.timeouts.handshake = millis(500);
    client_asks(config, |raw| Ok(raw.read_to_end()?))
}

/// A client of ws:// comes to a port with TLS.
pub(crate) fn plain_client() -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let server = server(HERE)?;
    let acceptor = Acceptor::new(Origins::Any).config(quiet());
    thread::scope(|scope| {
        let accepted = scope.spawn(move || refused(accept(&listener, &acceptor, Some(&server))));
        let mut raw = Raw::new(TcpStream::connect(address)?)?;
        raw.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n")?;
        raw.read_to_end()?;
        Ok(vec![accepted.join().map_err(|_| "the server panicked")??])
    })
}
