//! What the diagnosis says of TLS that failed: every verdict of its table, with real certificates, over
//! both adapters, from both ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use farewell::diagnosis::Diagnosis;
use farewell::tls::{TlsClient, TlsServer};
use farewell::{AcceptError, Config, ConnectError, Termination};

use rustls::version::{TLS12, TLS13};

use crate::support::{
    Adapter, Authority, VALID, Years, anyone, for_both_adapters, listen, quiet, reach,
};

for_both_adapters!(
    certificates_that_are_refused,
    certificates_that_clients_lack,
    ends_that_agree_on_nothing,
    plain_text_at_either_end,
    ends_in_the_tls_handshake,
    deadlines_in_the_tls_handshake,
);

/// Where the table of these verdicts begins.
const HEADING: &str = "//! # Where TLS failed\n";

/// Names, and what has to be among the facts and the remedy.
type Expected = (&'static str, &'static [&'static str]);

fn check(report: &Termination, (name, parts): Expected) {
    let diagnosis: Diagnosis = report.diagnosis();
    let first = diagnosis.first();
    assert_eq!(first.verdict().name(), name, "{report}\n{diagnosis:#}");
    let told = format!("{diagnosis:#}");
    for part in parts {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let (_, table) = include_str!("../../src/diagnosis.rs").split_once(HEADING).unwrap();
    let row = format!("`{name}`");
    let mut rows = table.lines().take_while(|line| !line.starts_with("//! # "));
    let named = rows.any(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&row)));
    assert!(named, "the table lacks {name}");
}

fn client_ended<A: Adapter>(result: Result<A, ConnectError>) -> Option<Box<Termination>> {
    match result {
        Err(ConnectError::Ended(report)) => Some(report),
        Err(error) => panic!("{error}"),
        Ok(mut socket) => Some(socket.ended()),
    }
}

fn server_ended<A: Adapter>(result: Result<A, AcceptError>) -> Option<Box<Termination>> {
    match result {
        Err(AcceptError::Ended(report)) => Some(report),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

/// What both ends say of TLS between these two.
fn check_both<A: Adapter>(
    client: &TlsClient,
    server: TlsServer,
    at_client: Expected,
    at_server: Expected,
) {
    let (listener, request) = listen();
    let stream = reach(&listener);
    let accepting = thread::spawn(move || {
        server_ended(A::accept(listener.accept().unwrap().0, &anyone(quiet()), &server))
    });
    let report = client_ended(A::handshake(stream, &request, quiet(), client)).unwrap();
    check(&report, at_client);
    check(&accepting.join().unwrap().expect("it is open"), at_server);
}

fn certificates_that_are_refused<A: Adapter>() {
    let (authority, stranger) = (Authority::new("Authority"), Authority::new("Stranger"));
    let cases: [(&Authority, &str, Years, Expected, &str); 4] = [
        (
            &authority,
            "localhost",
            (2020, 2021),
            ("certificate_expired", &["valid until 2021-01-01", "this machine's clock is wrong"]),
            "certificate_expired (45)",
        ),
        (
            &authority,
            "localhost",
            (2100, 2120),
            ("certificate_not_yet_valid", &["valid from 2100-01-01", "clock is wrong"]),
            "certificate_expired (45)",
        ),
        (
            &stranger,
            "localhost",
            VALID,
            ("certificate_issuer_unknown", &["issued by CN=Stranger", "`ca_pem`"]),
            "unknown_ca (48)",
        ),
        (
            &authority,
            "elsewhere.example",
            VALID,
            (
                "certificate_wrong_name",
                &["asked for localhost", "the certificate is for elsewhere.example"],
            ),
            "bad_certificate (42)",
        ),
    ];
    for (issuer, name, years, expected, alert) in cases {
        let server = issuer.server(&[name], years);
        let alert: &[&str] = &[alert, "The client does not accept this server's certificate"];
        let alert: &'static [&'static str] = alert.to_vec().leak();
        check_both::<A>(&authority.client(), server, expected, ("tls_alert", alert));
    }
    let revoked = authority.client_with_revocations();
    let server = authority.server(&["localhost"], VALID);
    let (at_client, at_server): (Expected, Expected) = (
        ("certificate_revoked", &["asked for localhost", "taken the certificate back"]),
        ("tls_alert", &["certificate_revoked (44)"]),
    );
    check_both::<A>(&revoked, server, at_client, at_server);
}

/// A server that wants a certificate of its clients.
fn certificates_that_clients_lack<A: Adapter>() {
    let authority = Authority::new("Authority");
    let server = TlsServer::from_rustls(authority.raw_server_config(&TLS13, true));
    check_both::<A>(
        &authority.client(),
        server,
        ("tls_alert", &["certificate_required (116)", "`identity_pem`"]),
        ("certificate_missing", &["has to show a certificate"]),
    );
}

fn ends_that_agree_on_nothing<A: Adapter>() {
    let authority = Authority::new("Authority");
    let client = TlsClient::from_rustls(authority.raw_client_config(&["h2"]).into());
    check_both::<A>(
        &client,
        authority.server(&["localhost"], VALID),
        ("tls_alert", &["no_application_protocol (120)", "speaks no http/1.1 here (ALPN)"]),
        ("alpn_refused", &["offers no http/1.1"]),
    );
    let client = TlsClient::from_rustls(authority.raw_client_of(&[&TLS12], &[]).into());
    check_both::<A>(
        &client,
        TlsServer::from_rustls(authority.raw_server_config(&TLS13, false)),
        ("tls_alert", &["protocol_version (70)"]),
        ("tls_incompatible", &["TLS 1.2 or 1.3"]),
    );
}

/// What a client says of this server.
fn at_client<A: Adapter>(
    config: Config,
    server: impl FnOnce(&mut TcpStream) + Send + 'static,
    expected: Expected,
) {
    let (listener, request) = listen();
    let (client, stream) = (Authority::new("Authority").client(), reach(&listener));
    let peer = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        server(&mut stream);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    check(&client_ended(A::handshake(stream, &request, config, &client)).unwrap(), expected);
    peer.join().unwrap();
}

/// What a server says of this client.
fn at_server<A: Adapter>(
    config: Config,
    client: impl FnOnce(&mut TcpStream) + Send + 'static,
    expected: Expected,
) {
    let (listener, _) = listen();
    let server = Authority::new("Authority").server(&["localhost"], VALID);
    let mut stream = reach(&listener);
    let peer = thread::spawn(move || {
        client(&mut stream);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let accepted = A::accept(listener.accept().unwrap().0, &anyone(config), &server);
    check(&server_ended(accepted).expect("it is open"), expected);
    peer.join().unwrap();
}

fn plain_text_at_either_end<A: Adapter>() {
    at_client::<A>(
        quiet(),
        |stream| {
            stream.read_exact(&mut [0; 16]).unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        },
        ("not_tls", &["begins with \"HTTP/1.1 400 Bad\"", "use ws:// instead of wss://"]),
    );
    at_server::<A>(
        quiet(),
        |stream| stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap(),
        ("not_tls", &["begins with \"GET / HTTP/1.1", "let it use wss://"]),
    );
}

fn hang_up(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}

fn ends_in_the_tls_handshake<A: Adapter>() {
    at_client::<A>(
        quiet(),
        hang_up,
        ("tls_cut_short", &["in the TLS handshake", "does not know the name"]),
    );
    at_server::<A>(
        quiet(),
        |stream| {
            stream.write_all(&[0x16, 3, 1]).unwrap();
            hang_up(stream);
        },
        ("tls_cut_short", &["harmless if rare"]),
    );
}

/// Bytes do not put the deadline off.
fn deadlines_in_the_tls_handshake<A: Adapter>() {
    let mut config = quiet();
    config.timeouts.handshake = Duration::from_millis(50);
    let drip = |stream: &mut TcpStream| {
        // The head of a record that would hold more, and then a byte of it at a time.
        let record = [&[0x16, 3, 1, 0x40, 0][..], &[1, 0, 0x3f, 0xfc], &[3; 4096]].concat();
        for byte in record {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::yield_now();
        }
    };
    at_client::<A>(
        config.clone(),
        |_| {},
        ("tls_timed_out", &["no byte was received", "speaks something else on this port"]),
    );
    at_server::<A>(config.clone(), |_| {}, ("tls_timed_out", &["no byte was received"]));
    at_server::<A>(config, drip, ("tls_timed_out", &["last byte"]));
}
