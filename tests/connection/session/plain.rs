//! Requests that ask for no WebSocket: which are handed out, what their responses look like, and a
//! decision that does not come.

use std::time::Duration;

use farewell::handshake::{
    Accept, HandshakeError, Origins, PlainResponse, Rejection, ResponseError,
};
use farewell::{
    Cause, Config, Phase, ReadClosed, RespondError, Seed, Session, SessionEvent, Timer,
};

use super::opening::{REQUEST, give, write_all};
use crate::support::pair::{Endpoint, START};
use crate::support::split::Split;

fn server(reads: Split) -> Endpoint {
    let session = Session::server(Config::default(), Seed::new([2; 32]), START);
    let mut server = Endpoint::new(session.with_plain_requests());
    (server.behaviour.answer, server.reads) = (None, reads);
    server
}

fn text(server: &mut Endpoint) -> String {
    String::from_utf8(write_all(server)).unwrap()
}

/// Ends the client's stream, and gives what happened.
fn cause(server: &mut Endpoint) -> Cause {
    server.session.handle_read_closed(ReadClosed::Eof, START);
    server.poll(&mut [], START);
    server.report().cause
}

const GET: &str = "GET /health?deep HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn what_asks_for_no_websocket_is_handed_out() {
    const HOST: &str = "Host: a.example\r\n\r\n";
    let plain = [
        GET.to_owned(),
        format!("HEAD / HTTP/1.1\r\n{HOST}"),
        format!("OPTIONS /a HTTP/1.1\r\n{HOST}"),
        format!("POST / HTTP/1.1\r\nContent-Length: 0\r\n{HOST}"),
        format!("GET / HTTP/1.1\r\nConnection: keep-alive\r\n{HOST}"),
        // What curl asks for with --http2, and a version without an upgrade.
        format!("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n{HOST}"),
        format!("GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n{HOST}"),
        // What load balancers send.
        "OPTIONS / HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.0\r\n{HOST}"),
    ];
    for wire in &plain {
        for reads in [Split::Whole, Split::Every(1)] {
            let mut server = server(reads);
            give(&mut server, wire);
            let [SessionEvent::Request(request)] = &server.events[..] else { panic!("{wire}") };
            assert!(request.is_plain(), "{wire}");
            assert!(wire.starts_with(request.method()), "{wire}");
            server.session.reject(PlainResponse::new(200).unwrap(), START).unwrap();
            assert!(text(&mut server).starts_with("HTTP/1.1 200 OK\r\n"), "{wire}");
            assert_eq!(cause(&mut server), Cause::PlainRequest { status: 200 }, "{wire}");
            let report = server.report().to_string();
            assert!(
                report.starts_with("no WebSocket: a plain request was answered with status 200;"),
                "{report}"
            );
        }
    }
}

/// What is refused without the setting is refused with it, in the same way, unless it is handed out.
#[test]
fn what_asks_for_a_websocket_or_is_broken_is_judged_as_ever() {
    use HandshakeError as E;
    let with = |line: &str| format!("GET / HTTP/1.1\r\n{line}Host: a.example\r\n\r\n");
    let refused = [
        (with("Upgrade: websocket\r\n"), E::ConnectionNotUpgrade),
        (with("Upgrade: WebSocket\r\nConnection: upgrade\r\n"), E::Version),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), E::Http10),
        (REQUEST.replace("GET", "POST"), E::Method),
        (REQUEST.replace("13", "8"), E::Version),
        (with("Content-Length: 1\r\n"), E::Body),
        (with("Transfer-Encoding: chunked\r\n"), E::Body),
        (with("Host: b.example\r\n"), E::HostRepeated),
        ("GET / HTTP/1.1\r\n\r\n".into(), E::HostMissing),
        ("GET / HTTP/1.0\r\nHost: @\r\n\r\n".into(), E::Http10),
        ("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n".into(), E::Method),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".into(), E::Method),
        ("\x16\x03\x01".into(), E::NotHttp),
    ];
    for (wire, error) in refused {
        let mut server = server(Split::Whole);
        give(&mut server, &wire);
        assert!(server.events.is_empty(), "{wire}");
        assert!(text(&mut server).starts_with(&format!("HTTP/1.1 {} ", error.status())), "{wire}");
        assert_eq!(cause(&mut server), Cause::HandshakeInvalid(error), "{wire}");
    }
    let mut server = server(Split::Whole);
    give(&mut server, REQUEST);
    let [SessionEvent::Request(request)] = &server.events[..] else { panic!() };
    assert!(!request.is_plain());
}

#[test]
fn a_plain_request_that_is_accepted_is_refused_as_without_the_setting() {
    for (wire, error) in [
        (GET, HandshakeError::UpgradeNotRequested),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", HandshakeError::Method),
        ("GET / HTTP/1.0\r\n\r\n", HandshakeError::Http10),
    ] {
        let mut server = server(Split::Whole);
        give(&mut server, wire);
        let result = server.session.accept(Accept::new(Origins::Any), START);
        assert_eq!(result, Err(RespondError::Response(ResponseError::Refused(error))));
        assert!(text(&mut server).starts_with(&format!("HTTP/1.1 {} ", error.status())));
        assert_eq!(cause(&mut server), Cause::HandshakeInvalid(error));
    }
}

//= rfc9110#9.3.2
//= type=test
//# The HEAD method is identical to GET except that the server MUST NOT
//# send content in the response.
#[test]
fn a_response_has_a_body_where_it_may_have_one() {
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let cases = [
        (GET, 200, "Content-Length: 2\r\n\r\nok"),
        (head, 200, "Content-Length: 2\r\n\r\n"),
        (GET, 404, "Content-Length: 2\r\n\r\nok"),
        (head, 404, "Content-Length: 2\r\n\r\n"),
        (GET, 204, "Connection: close\r\n\r\n"),
        (GET, 304, "Connection: close\r\n\r\n"),
    ];
    for (wire, status, end) in cases {
        let mut server = server(Split::Whole);
        give(&mut server, wire);
        let response = PlainResponse::new(status).unwrap().body("ok");
        server.session.reject(response, START).unwrap();
        let text = text(&mut server);
        assert!(text.ends_with(end), "{text}");
    }
    for status in [100, 101, 199, 600] {
        assert_eq!(PlainResponse::new(status).err(), Some(ResponseError::Status));
    }
}

#[test]
fn a_websocket_is_not_answered_with_a_page() {
    let mut server = server(Split::Whole);
    give(&mut server, REQUEST);
    for status in [200, 204, 304] {
        let page = PlainResponse::new(status).unwrap();
        let refused = Err(RespondError::Response(ResponseError::Status));
        assert_eq!(server.session.reject(page, START), refused);
    }
    assert!(!server.session.has_output(), "the request still waits");
    let rejection = Rejection::new(404).unwrap();
    server.session.reject(&rejection, START).unwrap();
    assert_eq!(server.session.reject(rejection, START), Err(RespondError::NoRequest));
    assert!(text(&mut server).starts_with("HTTP/1.1 404 "));
    assert_eq!(cause(&mut server), Cause::HandshakeRejected { status: 404 });
}

#[test]
fn a_client_whose_request_nobody_decided_about_is_told() {
    for wire in [GET, REQUEST] {
        let mut server = server(Split::Whole);
        give(&mut server, wire);
        let (deadline, timer) = server.session.next_timer().unwrap();
        assert_eq!((deadline, timer), (START + Duration::from_secs(10), Timer::Handshake));
        server.session.handle_timeout(deadline);
        assert_eq!(server.session.phase(), Phase::Lingering);
        let late = server.session.accept(Accept::new(Origins::Any), deadline);
        assert_eq!(late, Err(RespondError::NoRequest));
        let text = text(&mut server);
        assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
        assert_eq!(cause(&mut server), Cause::HandshakeTimeout);
        assert_eq!(server.report().evidence.http_status, Some(503));
    }
}
