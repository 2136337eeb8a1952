//! Redirections with TLS before or behind them: what is followed, and what is carried along.

use std::io::Write;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use farewell::handshake::{ClientRequest, RedirectError};
use farewell::reconnect::Outcome;
use farewell::tls::{Roots, TlsClient, TlsConfigError};
use farewell::{
    Cause, CloseCode, ConnectError, ConnectOptions, TlsAlert, TlsError, TransportError,
};
use rustls::version::TLS13;
use rustls::{ServerConnection, StreamOwned};

use crate::dialling::{head, listen, options, request, server};
use crate::support::{Adapter, Authority, Raw, VALID, for_both_adapters, quiet, raw_server_config};

for_both_adapters!(
    a_redirection_to_tls_is_followed,
    a_redirection_out_of_tls_is_not,
    a_redirection_to_where_there_can_be_no_tls_leaves_its_report,
    a_certificate_of_the_clients_goes_to_no_other_host,
);

/// A server without TLS that redirects one connection.
fn redirects(location: String) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen();
    let thread = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        head(&mut stream);
        stream.write_all(redirection(&location).as_bytes()).unwrap();
    });
    (address, thread)
}

/// The response of a server that redirects.
fn redirection(location: &str) -> String {
    format!("HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn a_redirection_to_tls_is_followed<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (address, server) = server::<A>(&authority, "127.0.0.1", VALID);
    let (open, first) = redirects(format!("https://{address}/"));
    let request = ClientRequest::new(&format!("ws://{open}/")).unwrap();
    let options = ConnectOptions::from(quiet()).tls(authority.client()).redirects(1);
    let mut socket = A::connect(&request, options).unwrap();
    let record = socket.dial().unwrap();
    assert_eq!((record.redirects, record.tls.is_some()), (1, true));
    assert!(socket.close(CloseCode::NORMAL).clean);
    first.join().unwrap();
    server.join().unwrap();
}

fn a_redirection_out_of_tls_is_not<A: Adapter>() {
    let ((listener, address), (client, server)) = (listen(), raw_server_config());
    let server = thread::spawn(move || {
        let connection = ServerConnection::new(server).unwrap();
        let mut raw = Raw(StreamOwned::new(connection, listener.accept().unwrap().0));
        raw.head();
        raw.write(redirection("ws://localhost/").as_bytes());
        raw.close();
    });
    let options = options(client, address).redirects(1);
    let error = A::connect(&request(address), options).err().unwrap();
    let ConnectError::Redirect { error: RedirectError::Downgrade, report } = error else {
        panic!("{error}")
    };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 307 });
    assert!(report.tls.is_some(), "{report:?}");
    server.join().unwrap();
}

/// What was read of the server that redirects is not lost with the host that it names.
fn a_redirection_to_where_there_can_be_no_tls_leaves_its_report<A: Adapter>() {
    let authority = Authority::new("Authority");
    // Longer than a label of a DNS name can be.
    let (address, first) = redirects(format!("https://{}.example/", "a".repeat(64)));
    let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
    let options = ConnectOptions::from(quiet()).tls(authority.client()).redirects(1);
    let error = A::connect(&request, options).err().unwrap();
    let ConnectError::RedirectTls { error: TlsConfigError::ServerName, report } = &error else {
        panic!("{error}")
    };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 307 });
    assert_eq!(error.dial().unwrap().http_status, Some(307));
    assert_eq!(error.outcome(), Outcome::Ended(report));
    assert!(error.diagnosis().is_some());
    first.join().unwrap();
}

/// A server that wants certificates of its clients, and sends this many of them on.
fn wants_certificates(
    authority: &Authority,
    locations: Vec<String>,
) -> (SocketAddr, JoinHandle<()>) {
    let ((listener, address), config) = (listen(), authority.raw_server_config(&TLS13, true));
    let thread = thread::spawn(move || {
        for location in locations {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut raw = Raw(StreamOwned::new(connection, listener.accept().unwrap().0));
            // Nobody comes so far without a certificate.
            let Some(head) = raw.try_head() else { continue };
            assert!(head.starts_with("GET /"), "{head}");
            assert!(raw.0.conn.peer_certificates().is_some());
            raw.write(
                redirection(&location.replace("SELF", &address.port().to_string())).as_bytes(),
            );
            raw.close();
        }
    });
    (address, thread)
}

fn a_certificate_of_the_clients_goes_to_no_other_host<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (chain, key) = authority.issue(&["client"], VALID);
    let tls = TlsClient::builder()
        .roots(Roots::Nobody)
        .ca_pem(authority.pem())
        .and_then(|builder| builder.identity_pem(chain, key))
        .and_then(|builder| builder.build())
        .unwrap();
    let resolve = |_: &str, port| Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]);
    let options = ConnectOptions::from(quiet()).tls(tls).resolver(resolve).redirects(2);

    // It is shown where the request leads, each time, and not at another port.
    let (other, second) = wants_certificates(&authority, vec!["/".into(), "/".into()]);
    let there = format!("https://localhost:{}/", other.port());
    let (address, first) =
        wants_certificates(&authority, vec!["https://localhost:SELF/again".into(), there]);
    let error = A::connect(&request(address), options.clone()).err().unwrap();
    let ConnectError::Ended(report) = &error else { panic!("{error}") };
    let kind = TransportError::Tls(TlsError::Alert(TlsAlert(116)));
    assert!(matches!(report.cause, Cause::Transport { kind: why, .. } if why == kind), "{report}");
    assert_eq!(report.dial.as_ref().unwrap().redirects, 2);
    first.join().unwrap();

    // The other one takes it from who was asked to come there.
    let error = A::connect(&request(other), options.redirects(0)).err().unwrap();
    let ConnectError::Ended(report) = &error else { panic!("{error}") };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 307 });
    second.join().unwrap();
}
