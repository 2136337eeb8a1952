//! TLS handshakes that come to nothing.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::ClientRequest;
use farewell::{
    AcceptError, Cause, ConnectError, ConnectOptions, Direction, Position, ReconnectEvent, Seed,
    Session, SessionEvent, Termination, Timestamp, TlsAlert, TlsError, TransportError,
};

use crate::support::{
    Adapter, Authority, VALID, Years, anyone, both, for_both_adapters, listen, quiet, reach,
};

for_both_adapters!(
    a_certificate_that_is_refused_is_named_on_both_ends,
    the_default_roots_do_not_trust_an_authority_of_our_own,
    an_untrusted_certificate_stops_reconnecting,
    a_server_that_says_nothing_has_its_part_of_the_deadline,
    a_server_that_is_dialled_and_says_nothing_has_sent_nothing,
    a_client_that_says_nothing_has_its_part_of_the_deadline,
    a_client_cut_off_in_the_tls_handshake,
    plain_text_on_a_tls_port,
    tls_on_a_plain_port,
    a_host_that_no_certificate_can_be_for,
);

fn read_failed(error: TlsError) -> Cause {
    Cause::Transport { direction: Direction::Read, kind: TransportError::Tls(error) }
}

fn refused<A: Adapter>(result: Result<A, ConnectError>) -> Box<Termination> {
    match result {
        Err(ConnectError::Ended(report)) => report,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("connected"),
    }
}

fn not_accepted<A: Adapter>(result: Result<A, AcceptError>) -> Box<Termination> {
    match result {
        Err(AcceptError::Ended(report)) => report,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("accepted"),
    }
}

//= rfc6455#4.1
//= type=test
//# If this fails (e.g., the server's certificate could not be verified),
//# then the client MUST _Fail the WebSocket Connection_ and abort the
//# connection.
fn a_certificate_that_is_refused_is_named_on_both_ends<A: Adapter>() {
    let (authority, stranger) = (Authority::new("Authority"), Authority::new("Stranger"));
    let cases: [(&Authority, &str, Years, TlsError, u8); 4] = [
        (&authority, "localhost", (2020, 2021), TlsError::Expired, 45),
        (&authority, "localhost", (2100, 2120), TlsError::NotYetValid, 45),
        (&authority, "elsewhere.example", VALID, TlsError::WrongName, 42),
        (&stranger, "localhost", VALID, TlsError::UnknownIssuer, 48),
    ];
    for (issuer, name, years, error, alert) in cases {
        let (listener, request) = listen();
        let (stream, server) = (reach(&listener), issuer.server(&[name], years));
        let server = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            not_accepted(A::accept(stream, &anyone(quiet()), &server))
        });
        let report = refused(A::handshake(stream, &request, quiet(), &authority.client()));
        assert_eq!(report.cause, read_failed(error), "{report}");
        assert_eq!(report.evidence.position, Position::TlsHandshake);
        let facts = report.tls.expect("TLS was spoken");
        assert_eq!(facts.certificate.expect("it was shown").names, [name.into()]);
        let report = server.join().unwrap();
        assert_eq!(report.cause, read_failed(TlsError::Alert(TlsAlert(alert))), "{report}");
    }
}

//= rfc6455#4.1
//= type=test
//# If /secure/ is true, the client MUST perform a TLS handshake over the
//# connection after opening the connection and before sending the
//# handshake data [RFC2818].
fn the_default_roots_do_not_trust_an_authority_of_our_own<A: Adapter>() {
    let ((listener, request), (_, server)) = (listen(), both());
    let server = thread::spawn(move || {
        // Of `localhost`, the address that nobody listens at may be tried first.
        not_accepted(A::accept(listener.accept().unwrap().0, &anyone(quiet()), &server))
    });
    let report = match A::connect(&request, quiet().into()) {
        Err(ConnectError::Ended(report)) => report,
        // A machine without any roots.
        Err(ConnectError::Tls(_)) => return,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("connected"),
    };
    assert_eq!(report.cause, read_failed(TlsError::UnknownIssuer), "{report}");
    server.join().unwrap();
}

fn an_untrusted_certificate_stops_reconnecting<A: Adapter>() {
    let ((listener, request), (_, server)) = (listen(), both());
    let server = thread::spawn(move || {
        not_accepted(A::accept(listener.accept().unwrap().0, &anyone(quiet()), &server))
    });
    let ReconnectEvent::Failed { error, decision } = A::reconnect(request, quiet().into()) else {
        panic!("it is trusted");
    };
    assert!(decision.is_stop(), "{decision}");
    // Unless the machine has no roots at all.
    if let ConnectError::Ended(report) = error {
        assert_eq!(report.cause, read_failed(TlsError::UnknownIssuer), "{report}");
        let diagnosis = report.diagnosis();
        assert_eq!(diagnosis.first().verdict().name(), "certificate_issuer_unknown");
        assert!(diagnosis.to_string().contains("CN=Authority"), "{diagnosis}");
        server.join().unwrap();
    }
}

fn a_server_that_says_nothing_has_its_part_of_the_deadline<A: Adapter>() {
    let ((listener, request), (client, _)) = (listen(), both());
    let mut config = quiet();
    config.timeouts.handshake = Duration::from_millis(50);
    let report = refused(A::handshake(reach(&listener), &request, config, &client));
    assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
    assert_eq!(report.evidence.position, Position::TlsHandshake);
    assert_eq!(report.evidence.last_received, None);
}

fn a_server_that_is_dialled_and_says_nothing_has_sent_nothing<A: Adapter>() {
    let ((listener, request), (client, _)) = (listen(), both());
    let mut config = quiet();
    config.timeouts.handshake = Duration::from_millis(100);
    let options = ConnectOptions::from(config).tls(client);
    let options = options.addresses([listener.local_addr().unwrap()]);
    let report = refused(A::connect(&request, options));
    assert_eq!(report.evidence.last_received, None, "{report}");
}

fn a_client_that_says_nothing_has_its_part_of_the_deadline<A: Adapter>() {
    let ((listener, _), (_, server)) = (listen(), both());
    let mut config = quiet();
    config.timeouts.handshake = Duration::from_millis(50);
    let _client = reach(&listener);
    let stream = listener.accept().unwrap().0;
    let report = not_accepted(A::accept(stream, &anyone(config), &server));
    assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
    assert_eq!(report.evidence.position, Position::TlsHandshake);
}

fn a_client_cut_off_in_the_tls_handshake<A: Adapter>() {
    let ((listener, request), (client, _)) = (listen(), both());
    let stream = reach(&listener);
    let peer = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.read_exact(&mut [0; 16]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let report = refused(A::handshake(stream, &request, quiet(), &client));
    assert_eq!(report.cause, Cause::Eof { at: Position::TlsHandshake }, "{report}");
    peer.join().unwrap();
}

/// A client that speaks `ws://` to a server that speaks `wss://`. It is told so in TLS.
fn plain_text_on_a_tls_port<A: Adapter>() {
    let ((listener, _), (_, server)) = (listen(), both());
    let mut client = reach(&listener);
    let peer = thread::spawn(move || {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        rest
    });
    let stream = listener.accept().unwrap().0;
    let report = not_accepted(A::accept(stream, &anyone(quiet()), &server));
    assert_eq!(report.cause, read_failed(TlsError::NotTls), "{report}");
    assert_eq!(report.tls.unwrap().not_tls.unwrap().as_bytes(), b"GET / HTTP/1.1\r\n");
    let alert = peer.join().unwrap();
    assert!(alert.starts_with(&[0x15, 3, 3, 0, 2, 2]), "{alert:?}");
}

/// A client that speaks `wss://` to a server that speaks `ws://`.
fn tls_on_a_plain_port<A: Adapter>() {
    let ((listener, request), (client, _)) = (listen(), both());
    let stream = reach(&listener);
    let peer = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.read_exact(&mut [0; 16]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let report = refused(A::handshake(stream, &request, quiet(), &client));
    assert_eq!(report.cause, read_failed(TlsError::NotTls), "{report}");
    assert_eq!(report.tls.unwrap().not_tls.unwrap().as_bytes(), b"HTTP/1.1 400 Bad");
    peer.join().unwrap();
}

/// A plain server responds and throws the connection away: our alert cannot leave, and says nothing
/// that is not known.
#[test]
fn an_alert_that_cannot_leave_is_not_the_cause() {
    let (now, (client, _)) = (Timestamp::ZERO, both());
    let request = ClientRequest::new("wss://localhost/").unwrap();
    let session = Session::client(&request, quiet(), Seed::new([1; 32]), now);
    let mut driver = Driver::new(session, now).with_tls(client.layer("localhost").unwrap());
    let mut responded = false;
    loop {
        match driver.next(Want::Event) {
            Step::Write if responded => driver.handle_write_failed(TransportError::Reset, now),
            Step::Write => {
                let len = driver.output().remaining();
                driver.handle_written(len, now);
            }
            Step::Flush => driver.handle_flushed(),
            Step::Read if responded => {
                driver.handle_read_failed(TransportError::Reset, now);
            }
            Step::Read => {
                driver.handle_read(&mut b"HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), now);
                responded = true;
            }
            Step::Event(SessionEvent::Ended(report)) => {
                assert_eq!(report.cause, read_failed(TlsError::NotTls), "{report}");
                break;
            }
            Step::ShutDown(_) | Step::Event(_) => {}
            step => panic!("{step:?}"),
        }
    }
}

fn a_host_that_no_certificate_can_be_for<A: Adapter>() {
    let ((listener, _), (client, _)) = (listen(), both());
    let request = farewell::handshake::ClientRequest::new("wss://a..b/").unwrap();
    let result = A::handshake(reach(&listener), &request, quiet(), &client);
    assert!(matches!(result, Err(ConnectError::Tls(farewell::tls::TlsConfigError::ServerName))));
}
