//! Opening handshakes that come to nothing: each looks like 1006 to a browser.

use std::net::TcpStream;
use std::thread;

use farewell::handshake::{Accept, ClientRequest, Origins, Rejection};
use farewell::{Acceptor, Config};

use crate::raw::{Raw, listen, take_port};
use crate::stage::{Failure, Result, Seen, Socket, accept, connect, millis, quiet, request_to};

pub(crate) fn refused(result: Result<std::result::Result<Socket, Seen>>) -> Result<Seen> {
    match result? {
        Ok(_) => Err("the handshake succeeded".into()),
        Err(seen) => Ok(seen),
    }
}

/// Both ends are ours and do not come together.
fn both(
    acceptor: &Acceptor,
    ask: impl FnOnce(ClientRequest) -> std::result::Result<ClientRequest, Failure>,
) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let request = ask(request_to(address)?)?;
    thread::scope(|scope| {
        let server = scope.spawn(move || refused(accept(&listener, acceptor, None)));
        let client = refused(connect(&request, quiet(), None));
        let server = server.join().map_err(|_| "the server panicked")?;
        Ok(vec![client?, server?])
    })
}

/// Our client asks something that is no server of ours.
fn client_asks(config: Config, server: impl FnOnce(Raw) -> Result<()>) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let request = request_to(address)?;
    thread::scope(|scope| {
        let client = scope.spawn(move || refused(connect(&request, config, None)));
        server(Raw::new(listener.accept()?.0)?)?;
        Ok(vec![client.join().map_err(|_| "the client panicked")??])
    })
}

/// Our server is asked by something that is no client of ours, and that leaves at the end.
fn server_is_asked(question: &[u8]) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let acceptor = Acceptor::new(Origins::Any).config(quiet());
    thread::scope(|scope| {
        let server = scope.spawn(move || refused(accept(&listener, &acceptor, None)));
        let mut raw = Raw::new(TcpStream::connect(address)?)?;
        raw.write(question)?;
        raw.hang_up()?;
        Ok(vec![server.join().map_err(|_| "the server panicked")??])
    })
}

pub(crate) fn nobody_listens() -> Result<Vec<Seen>> {
    // Taken, so that nobody else can listen there meanwhile.
    let (_taken, address) = take_port()?;
    Ok(vec![refused(connect(&request_to(address)?, quiet(), None))?])
}

pub(crate) fn origin_refused() -> Result<Vec<Seen>> {
    let acceptor = Acceptor::new(Origins::SameHost).config(quiet());
    both(&acceptor, |request| Ok(request.origin("https://elsewhere.example")?))
}

pub(crate) fn unauthorized() -> Result<Vec<Seen>> {
    let who = Rejection::new(401)?.header("WWW-Authenticate", "Bearer")?.body("who are you?\n");
    let acceptor = Acceptor::from_fn(move |request| match request.header("Authorization") {
        Some("Bearer secret") => Ok(Accept::new(Origins::Any)),
        _ => Err(who.clone()),
    });
    both(&acceptor.config(quiet()), Ok)
}

pub(crate) fn web_server() -> Result<Vec<Seen>> {
    client_asks(quiet(), |mut raw| {
        raw.response()?;
        raw.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n\
              <h1>Hello</h1>",
        )?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn upgrade_stripped() -> Result<Vec<Seen>> {
    client_asks(quiet(), |mut raw| {
        let response = String::from_utf8(raw.response()?.to_vec())?;
        raw.write(response.replace("Upgrade: websocket\r\n", "").as_bytes())?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn accept_wrong() -> Result<Vec<Seen>> {
    client_asks(quiet(), |mut raw| {
        raw.response()?;
        raw.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn not_http() -> Result<Vec<Seen>> {
    client_asks(quiet(), |mut raw| {
        raw.write(b"SSH-2.0-OpenSSH_9.9\r\n")?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn handshake_timeout() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.timeouts.handshake = millis(500);
    client_asks(config, |raw| Ok(raw.read_to_end()?))
}

pub(crate) fn plain_get() -> Result<Vec<Seen>> {
    server_is_asked(b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser\r\n\r\n")
}

pub(crate) fn tls_to_plain_port() -> Result<Vec<Seen>> {
    server_is_asked(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
}

pub(crate) fn port_scan() -> Result<Vec<Seen>> {
    server_is_asked(b"")
}
