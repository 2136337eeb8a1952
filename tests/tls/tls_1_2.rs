//! What is different in TLS 1.2: the server's word is the last of the handshake, and keys are used up.

use std::thread;

use farewell::tls::TlsServer;
use farewell::{CloseCode, Config};
use rustls::version::TLS12;

use crate::support::wire::{Client, Server, exchange, ring, server_of};
use crate::support::{Adapter, anyone, echo, for_both_adapters, listen, quiet, reach};

for_both_adapters!(what_is_said_first_comes_at_once);

/// The handshake's deadline is beyond that of the test.
fn what_is_said_first_comes_at_once<A: Adapter>() {
    let ((listener, request), (client, server)) = (listen(), server_of(ring(), &TLS12));
    let mut config = quiet();
    config.timeouts.handshake = config.timeouts.close;
    let (stream, acceptor) = (reach(&listener), anyone(config.clone()));
    let server = TlsServer::from_rustls(server);
    let server = thread::spawn(move || {
        echo(A::accept(listener.accept().unwrap().0, &acceptor, &server).unwrap())
    });
    let mut client = A::handshake(stream, &request, config, &client).unwrap();
    let version = client.tls().and_then(|facts| facts.version);
    assert_eq!(version, Some(farewell::TlsVersion::V1_2));
    client.send("hello").unwrap();
    assert_eq!(client.message().as_text(), Some("hello"));
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

/// Found by a review: the read behind the server's last word waited for the handshake's deadline,
/// the request behind it.
#[test]
fn the_request_leaves_behind_the_servers_last_word() {
    for version in [&TLS12, &rustls::version::TLS13] {
        let (tls, server) = server_of(ring(), version);
        let (mut client, mut server) = (Client::new(&tls, Config::default()), Server::new(server));
        exchange(&mut client, &mut server);
        assert!(server.received.starts_with(b"GET / HTTP/1.1\r\n"), "{version:?}");
    }
}
