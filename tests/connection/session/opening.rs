//! The opening handshake: what it agrees on, what is left over from it, and refusals.

mod failures;

use std::collections::HashSet;

use farewell::handshake::{
    Accept, ClientRequest, HandshakeError, Origins, Rejection, ServerHandshake,
};
use farewell::{
    Cause, CloseCode, Config, Limits, Message, Phase, Position, ReadClosed, RespondError, Role,
    Seed, SendError, Session, SessionEvent, StreamEnd, Timer, TransportError,
};

use crate::support::pair::{Endpoint, Pair, START};
use crate::support::split::Split;

pub(super) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// RFC 6455 section 5.7: "Hello", masked.
const HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

fn pair() -> Pair {
    Pair::new(Config::default(), Config::default())
}

fn server() -> Endpoint {
    Endpoint::new(Session::server(Config::default(), Seed::new([2; 32]), START))
}

fn client() -> Endpoint {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    Endpoint::new(Session::client(&request, Config::default(), Seed::new([1; 32]), START))
}

fn side(role: Role) -> Endpoint {
    match role {
        Role::Client => client(),
        Role::Server => server(),
    }
}

/// Gives bytes to a side, in pieces as it likes them.
pub(super) fn give(side: &mut Endpoint, bytes: impl AsRef<[u8]>) {
    side.incoming.extend_from_slice(bytes.as_ref());
    while side.read(START) {}
}

pub(super) fn write_all(side: &mut Endpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = side.write(START);
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}

#[test]
fn both_ends_open_and_close() {
    for reads in [Split::Whole, Split::Every(1), Split::Random(7)] {
        let mut pair = pair();
        pair.server.behaviour.echo = true;
        (pair.client.reads, pair.server.reads) = (reads, reads);
        assert_eq!(pair.client.session.phase(), Phase::Opening);
        assert_eq!(
            pair.client.session.send("early", START).unwrap_err().reason,
            SendError::Opening
        );
        assert_eq!(pair.client.session.close(CloseCode::NORMAL, START), Err(SendError::Opening));
        pair.run();
        let Some(SessionEvent::Open(opened)) = pair.client.events.first() else { panic!() };
        assert_eq!(opened.response().map(|response| response.status()), Some(101));
        assert!(matches!(
            &pair.server.events[..],
            [SessionEvent::Request(_), SessionEvent::Open(opened)] if opened.response().is_none()
        ));
        pair.client.session.send("grüße", pair.now).unwrap();
        pair.run();
        assert_eq!(pair.client.messages(), [&Message::from("grüße")]);
        pair.client.session.close(CloseCode::NORMAL, pair.now).unwrap();
        pair.run_to_the_end();
        for role in [Role::Client, Role::Server] {
            let report = pair.side(role).report();
            assert!(report.clean && report.code == 1000, "{role:?}: {report}");
        }
    }
}

//= rfc6455#4.1
//= type=test
//# the client MUST send an opening handshake to the server.
//= rfc6455#4.1
//= type=test
//# Once the client's opening handshake has been sent, the client MUST
//# wait for a response from the server before sending any further data.
#[test]
fn a_client_sends_its_request_and_waits() {
    let mut client = client();
    let request = String::from_utf8(write_all(&mut client)).unwrap();
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.find("\r\n\r\n"), Some(request.len() - 4), "{request}");
    for response in ["", "HTTP/1.1 101 Switching ", "Protocols\r\nUpgrade: websocket\r\n"] {
        give(&mut client, response);
        let refused = [
            client.session.send("x", START).map_err(SendError::from),
            client.session.send_fragment("x", false, START),
            client.session.ping(b"", START),
            client.session.close(CloseCode::NORMAL, START),
        ];
        assert_eq!(refused, [Err(SendError::Opening); 4]);
        assert_eq!(write_all(&mut client), b"", "after {response:?}");
    }
}

//= rfc6455#4.1
//= type=test
//# The nonce
//# MUST be selected randomly for each connection.
#[test]
fn every_connection_has_a_nonce_of_its_own() {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let seeds = (0..100).map(|byte| Seed::new([byte; 32]));
    let seeds = seeds.chain((0..100).map(|_| Seed::from_os().unwrap()));
    let mut keys = HashSet::new();
    for seed in seeds {
        let mut client = Endpoint::new(Session::client(&request, Config::default(), seed, START));
        // Reading the request includes the test that the key stands for 16 bytes.
        let mut server = ServerHandshake::new(&Limits::default());
        let (_, request) = server.receive(&write_all(&mut client)).unwrap();
        let request = request.expect("the request is complete");
        let key = request.header("Sec-WebSocket-Key").expect("a key").to_owned();
        assert!(keys.insert(key.clone()), "{key} came twice");
    }
}

#[test]
fn subprotocols_are_negotiated() {
    let request = ClientRequest::new("ws://example.com/").unwrap().subprotocol("b").unwrap();
    let request = request.subprotocol("a").unwrap();
    let mut pair = pair();
    pair.client =
        Endpoint::new(Session::client(&request, Config::default(), Seed::new([3; 32]), START));
    let accept = Accept::new(Origins::SameHost).subprotocols(&["x", "a"]).unwrap();
    pair.server.behaviour.answer = Some(Ok(accept));
    pair.run();
    for role in [Role::Client, Role::Server] {
        assert_eq!(pair.side(role).session.negotiated().subprotocol(), Some("a"), "{role:?}");
    }
}

#[test]
fn what_follows_the_request_waits_for_its_answer() {
    for reads in [Split::Whole, Split::Every(1), Split::Random(3)] {
        for late in [false, true] {
            let mut server = server();
            server.reads = reads;
            if late {
                server.behaviour.answer = None;
            }
            give(&mut server, [REQUEST.as_bytes(), &HELLO, &HELLO[..7]].concat());
            if late {
                assert!(matches!(server.events[..], [SessionEvent::Request(_)]));
                server.session.accept(Accept::new(Origins::SameHost), START).unwrap();
                server.session.handle_read_closed(ReadClosed::Eof, START);
                server.poll(&mut [], START);
            } else {
                server.incoming_end = Some(ReadClosed::Eof);
                give(&mut server, b"");
            }
            // The response leaves although nothing more comes.
            assert!(write_all(&mut server).starts_with(b"HTTP/1.1 101 "), "late: {late}");
            server.poll(&mut [], START);
            assert_eq!(server.messages(), [&Message::from("Hello")], "late: {late}");
            let at = Position::InsidePayload { received: 1, expected: 5 };
            assert_eq!(server.report().cause, Cause::Eof { at }, "late: {late}");
        }
    }
}

#[test]
fn what_follows_the_response_is_the_connections() {
    for reads in [Split::Whole, Split::Every(1), Split::Random(5)] {
        let mut pair = pair();
        pair.client.reads = reads;
        pair.server.blocked = true;
        pair.run();
        pair.server.session.send("first", START).unwrap();
        pair.server.session.send("second", START).unwrap();
        pair.server.blocked = false;
        pair.run();
        assert_eq!(pair.client.messages(), [&Message::from("first"), &Message::from("second")]);
    }
}

#[test]
fn early_bytes_are_bounded() {
    for reads in [Split::Whole, Split::Every(1000)] {
        let limit = Config::default().limits.head;
        for (count, refused) in [(limit, false), (limit + 1, true)] {
            let mut server = server();
            server.behaviour.answer = None;
            server.reads = reads;
            give(&mut server, REQUEST);
            give(&mut server, vec![0; count]);
            let phase = if refused { Phase::Lingering } else { Phase::Opening };
            assert_eq!(server.session.phase(), phase);
            if refused {
                assert!(write_all(&mut server).starts_with(b"HTTP/1.1 400 "));
                server.session.handle_read_closed(ReadClosed::Eof, START);
                server.poll(&mut [], START);
                let error = HandshakeError::EarlyData { limit };
                assert_eq!(server.report().cause, Cause::HandshakeInvalid(error));
            }
        }
    }
}

//= rfc6455#4.2.1
//= type=test
//# the server MUST stop
//# processing the client's handshake and return an HTTP response with an
//# appropriate error code (such as 400 Bad Request).
#[test]
fn a_bad_request_is_answered_and_reported_once() {
    let cases = [
        ("\x16\x03\x01".into(), 400, HandshakeError::NotHttp),
        (REQUEST.replace(" 13", " 12"), 426, HandshakeError::Version),
        (REQUEST.replace("GET", "PUT"), 405, HandshakeError::Method),
        (REQUEST.replace("Sec-WebSocket-Key", "X"), 400, HandshakeError::KeyMissing),
        (REQUEST.replace("Host: ", "Content-Length: 3\r\nHost: "), 400, HandshakeError::Body),
    ];
    for (request, status, error) in cases {
        for reads in [Split::Whole, Split::Every(1)] {
            let mut server = server();
            server.reads = reads;
            give(&mut server, format!("{request}and more"));
            assert!(server.events.is_empty(), "{request}: {:?}", server.events);
            assert_eq!(server.session.send("x", START).unwrap_err().reason, SendError::Ended);
            //= rfc6455#7.2.2
            //= type=test
            //# To do so, the server MUST simply _Close the WebSocket Connection_
            //# (Section 7.1.1).
            assert!(server.session.wants_shutdown());
            let answer = String::from_utf8(write_all(&mut server)).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            give(&mut server, vec![b'x'; 100_000]);
            server.incoming_end = Some(ReadClosed::Eof);
            give(&mut server, b"");
            let report = server.report();
            assert_eq!(report.cause, Cause::HandshakeInvalid(error), "{request}");
            assert_eq!(report.evidence.http_status, Some(status));
            assert_eq!(report.stream_end, StreamEnd::Eof);
            assert!(!server.session.has_output());
        }
    }
}

#[test]
fn a_refusal_lingers_no_longer_than_it_may() {
    let timeouts = Config::default().timeouts;
    // Without reading or writing anything more.
    let mut server = server();
    give(&mut server, "nonsense\r\n\r\n");
    let at = START + timeouts.linger;
    assert_eq!(server.session.next_timer(), Some((at, Timer::Linger)));
    server.session.handle_timeout(at);
    server.poll(&mut [], at);
    assert_eq!(server.report().stream_end, StreamEnd::NotSeen);
    // The end of the stream comes before the answer is written.
    let mut server = crate::session::opening::server();
    server.incoming_end = Some(ReadClosed::Eof);
    give(&mut server, "nonsense\r\n\r\n");
    assert!(!server.has_ended());
    assert!(write_all(&mut server).starts_with(b"HTTP/1.1 400 "));
    assert!(server.has_ended());
    // The peer sends without end.
    let mut server = crate::session::opening::server();
    give(&mut server, "nonsense\r\n\r\n");
    let limit = Config::default().limits.linger as usize;
    give(&mut server, vec![0; limit - 100]);
    assert!(!server.has_ended());
    give(&mut server, vec![0; 101]);
    assert!(server.has_ended());
    // Nothing can be written.
    let mut server = crate::session::opening::server();
    give(&mut server, "nonsense\r\n\r\n");
    server.session.handle_write_failed(TransportError::BrokenPipe, START);
    assert!(!server.session.wants_shutdown() && !server.session.has_output());
    server.session.handle_read_closed(ReadClosed::Eof, START);
    server.poll(&mut [], START);
    assert_eq!(server.report().cause, Cause::HandshakeInvalid(HandshakeError::NotHttp));
}

#[test]
fn a_rejection_reaches_the_client() {
    for reads in [Split::Whole, Split::Every(1)] {
        let mut pair = pair();
        let rejection = Rejection::new(401).unwrap().header("WWW-Authenticate", "Bearer").unwrap();
        pair.server.behaviour.answer = Some(Err(rejection.body("who are you?")));
        pair.client.reads = reads;
        pair.run_to_the_end();
        let report = pair.client.report();
        assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 });
        let refusal = report.refusal.as_ref().unwrap();
        assert_eq!((refusal.status(), &refusal.body()[..]), (401, &b"who are you?"[..]));
        assert_eq!(refusal.headers().get("WWW-Authenticate"), Some("Bearer"));
        let report = pair.server.report();
        assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 });
        assert_eq!(report.evidence.http_status, Some(401));
        assert_eq!(pair.server.session.accept(Accept::new(Origins::SameHost), START), NOT_NOW);
    }
}

const NOT_NOW: Result<(), RespondError> = Err(RespondError::NoRequest);

#[test]
fn a_refused_origin_is_answered_by_the_session() {
    let mut server = server();
    server.behaviour.answer = None;
    give(&mut server, REQUEST.replace("Host", "Origin: https://evil.example\r\nHost"));
    let answer = server.session.accept(Accept::new(Origins::SameHost), START);
    assert!(matches!(answer, Err(RespondError::Response(_))), "{answer:?}");
    assert!(write_all(&mut server).starts_with(b"HTTP/1.1 403 "));
    server.session.abort(START);
    server.poll(&mut [], START);
    let cause = Cause::HandshakeInvalid(HandshakeError::OriginRefused);
    assert_eq!(server.report().cause, cause);
    assert_eq!(
        server.report().to_string(),
        "unclean (1006): the opening handshake failed: the request's Origin is not accepted here \
         (RFC 6455 section 10.2); the response had status 403; last byte 0 µs ago"
    );
}

#[test]
fn an_answer_that_does_not_fit_can_be_given_again() {
    let mut server = server();
    server.behaviour.answer = None;
    give(&mut server, REQUEST);
    let accept = Accept::new(Origins::SameHost);
    let chat = accept.clone().subprotocol("chat").unwrap();
    assert!(server.session.accept(chat, START).is_err());
    assert_eq!(server.session.pending_output(), 0);
    assert_eq!(server.session.accept(accept, START), Ok(()));
    assert_eq!(server.session.accept(Accept::new(Origins::SameHost), START), NOT_NOW);
    assert_eq!(server.session.reject(Rejection::new(404).unwrap(), START), NOT_NOW);
}

#[test]
fn the_body_of_a_refusal_is_bounded() {
    let head = "HTTP/1.1 503 Service Unavailable\r\n";
    let body = "x".repeat(10_000);
    // By the stream's end, by 4 KiB, by the deadline.
    let mut ended = client();
    ended.incoming_end = Some(ReadClosed::Eof);
    give(&mut ended, format!("{head}\r\nshort"));
    let mut long = client();
    give(&mut long, format!("{head}Content-Length: 10000\r\n\r\n{body}"));
    let mut slow = client();
    give(&mut slow, format!("{head}Content-Length: 10000\r\n\r\nslow"));
    assert!(!slow.has_ended());
    let at = START + Config::default().timeouts.handshake;
    assert_eq!(slow.session.next_timer(), Some((at, Timer::Handshake)));
    slow.session.handle_timeout(at);
    slow.poll(&mut [], at);
    for (side, len) in [(ended, 5), (long, 4096), (slow, 4)] {
        let report = side.report();
        assert_eq!(report.cause, Cause::HandshakeRejected { status: 503 });
        assert_eq!(report.refusal.as_ref().unwrap().body().len(), len);
    }
}

#[test]
fn a_session_that_has_yet_to_write_its_request_shows_no_credentials() {
    use farewell::handshake::ClientRequest;
    use farewell::{Config, Seed, Session, Timestamp};

    let request = ClientRequest::new("ws://h.example/").unwrap();
    let request = request.header("Authorization", "Bearer sesame").unwrap();
    let mut session =
        Session::client(&request, Config::default(), Seed::new([1; 32]), Timestamp::ZERO);
    assert!(session.has_output());
    let shown = format!("{session:?}");
    assert!(!shown.contains("sesame"), "{shown}");
}
