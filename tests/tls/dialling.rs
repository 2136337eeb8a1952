//! The way to a connection with TLS on it: its record, proxies, and what is tried again.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use farewell::dial::{DialPhase, Proxy};
use farewell::handshake::ClientRequest;
use farewell::reconnect::Decision;
use farewell::tls::TlsClient;
use farewell::{CloseCode, ConnectOptions, Message, ReconnectEvent, TlsVersion};

use crate::support::{
    Adapter, Authority, VALID, Years, anyone, both, echo, for_both_adapters, quiet,
};

for_both_adapters!(
    the_record_has_the_tls_handshake,
    a_tls_handshake_that_failed_is_the_last_phase,
    tls_goes_through_a_proxy,
    what_failed_in_tls_is_tried_again_where_it_may_pass,
);

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn request(address: SocketAddr) -> ClientRequest {
    ClientRequest::new(&format!("wss://localhost:{}/", address.port())).unwrap()
}

/// Trusts this authority, and looks no name up.
pub(crate) fn options(tls: TlsClient, address: SocketAddr) -> ConnectOptions {
    ConnectOptions::from(quiet()).tls(tls).addresses([address])
}

/// A server for one connection, with a certificate of this authority.
pub(crate) fn server<A: Adapter>(
    authority: &Authority,
    name: &str,
    years: Years,
) -> (SocketAddr, JoinHandle<()>) {
    let ((listener, address), tls) = (listen(), authority.server(&[name], years));
    let thread = thread::spawn(move || {
        if let Ok(socket) = A::accept(listener.accept().unwrap().0, &anyone(quiet()), &tls) {
            echo(socket);
        }
    });
    (address, thread)
}

fn the_record_has_the_tls_handshake<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (address, server) = server::<A>(&authority, "localhost", VALID);
    let options = options(authority.client(), address);
    let mut socket = A::connect(&request(address), options).unwrap();
    let record = socket.dial().unwrap();
    let tls = record.tls.as_ref().unwrap();
    assert_eq!((tls.version, tls.alpn.as_deref()), (Some(TlsVersion::V1_3), Some("http/1.1")));
    let [connect, tls, upgrade] = [DialPhase::Connect, DialPhase::Tls, DialPhase::Upgrade]
        .map(|phase| record.phase(phase).unwrap());
    assert_eq!((connect.ended, tls.ended), (Some(tls.began), Some(upgrade.began)));
    assert_eq!((upgrade.ended, record.http_status), (Some(record.ended), Some(101)));
    assert!(record.to_string().contains("; TLS 1.3 in "), "{record}");
    let report = socket.close(CloseCode::NORMAL);
    assert_eq!(report.dial.unwrap().tls.unwrap().version, report.tls.unwrap().version);
    server.join().unwrap();
}

fn a_tls_handshake_that_failed_is_the_last_phase<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (address, server) = server::<A>(&authority, "elsewhere.example", VALID);
    let error = A::connect(&request(address), options(authority.client(), address)).err().unwrap();
    let record = error.dial().unwrap();
    let tls = record.tls.as_ref().unwrap();
    assert_eq!((tls.span.ended, tls.version), (Some(record.ended), None));
    assert_eq!((record.upgrade, record.http_status), (None, None));
    assert!(record.to_string().contains("; no TLS after "), "{record}");
    server.join().unwrap();
}

/// Reads a head from a stream, and no more.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A proxy for one connection to this server.
fn proxy(server: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen();
    let thread = thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        assert!(head(&mut client).starts_with("CONNECT localhost:443 HTTP/1.1\r\n"));
        client.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").unwrap();
        relay(client, server);
    });
    (address, thread)
}

/// Carries bytes both ways until both ends have ended.
pub(crate) fn relay(mut client: TcpStream, server: SocketAddr) {
    let mut server = TcpStream::connect(server).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let there = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Write);
    there.join().unwrap();
}

fn tls_goes_through_a_proxy<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (address, server) = server::<A>(&authority, "localhost", VALID);
    let (at, proxy) = proxy(address);
    let options = ConnectOptions::from(quiet())
        .tls(authority.client())
        .proxy(Proxy::new(&format!("http://{at}")).unwrap());
    let request = ClientRequest::new("wss://localhost/").unwrap();
    let mut socket = A::connect(&request, options).unwrap();
    socket.send("hello").unwrap();
    assert_eq!(socket.message(), Message::from("hello"));
    let record = socket.dial().unwrap();
    let [proxied, tls] =
        [DialPhase::Proxy, DialPhase::Tls].map(|phase| record.phase(phase).unwrap());
    assert_eq!((proxied.ended, record.address()), (Some(tls.began), Some(at)));
    assert!(socket.close(CloseCode::NORMAL).clean);
    server.join().unwrap();
    proxy.join().unwrap();
}

fn what_failed_in_tls_is_tried_again_where_it_may_pass<A: Adapter>() {
    let (authority, stranger) = (Authority::new("Authority"), Authority::new("Stranger"));
    let cases = [
        (&authority, "localhost", (2020, 2021), true),
        (&authority, "localhost", (2100, 2120), false),
        (&authority, "elsewhere.example", VALID, true),
        (&stranger, "localhost", VALID, true),
    ];
    for (issuer, name, years, stops) in cases {
        let (address, server) = server::<A>(issuer, name, years);
        assert_eq!(decision::<A>(authority.client(), address).is_stop(), stops, "{name} {years:?}");
        server.join().unwrap();
    }
    // A server that hangs up in the TLS handshake may only be restarting.
    let ((listener, address), (client, _)) = (listen(), both());
    let server = thread::spawn(move || drop(listener.accept().unwrap()));
    assert!(!decision::<A>(client, address).is_stop());
    server.join().unwrap();
}

fn decision<A: Adapter>(client: TlsClient, address: SocketAddr) -> Decision {
    match A::reconnect(request(address), options(client, address)) {
        ReconnectEvent::Failed { decision, .. } => decision,
        _ => panic!("it is open"),
    }
}
