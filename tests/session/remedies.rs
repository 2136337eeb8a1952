//! What a person is told after an opening handshake that came to nothing: it fits the end that asks.

use farewell::diagnosis::Verdict;
use farewell::handshake::Rejection;
use farewell::{Config, ReadClosed, Seed, Session, TransportError};

use crate::support::pair::{START, Side};

fn request(more: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A server that was given these bytes and then the end of the stream.
fn served(bytes: &str, answer: Result<(), u16>) -> Side {
    let mut server = Side::new(Session::server(Config::default(), Seed::new([2; 32]), START));
    if let Err(status) = answer {
        server.behaviour.answer = Some(Err(Rejection::new(status).unwrap()));
    }
    server.incoming.extend_from_slice(bytes.as_bytes());
    while server.read(START) {}
    while !server.write(START).is_empty() {}
    let how =
        if bytes.is_empty() { ReadClosed::Failed(TransportError::Reset) } else { ReadClosed::Eof };
    server.incoming_end = Some(how);
    while server.read(START) {}
    server
}

#[test]
fn a_server_is_given_a_servers_remedy() {
    let version = "Sec-WebSocket-Version: 13\r\n";
    let foreign = format!("{version}Origin: https://elsewhere.example\r\n");
    let refused = |status| Verdict::HandshakeRejected { status };
    let cases = [
        (request(version), Err(401), refused(401), "This server refused"),
        (request(version), Err(503), refused(503), "This server refused"),
        (request(&foreign), Ok(()), refused(403), "This server refused"),
        (request(""), Ok(()), Verdict::HandshakeFailure, "The client's request is faulty"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), Ok(()), Verdict::UpgradeStripped, "health"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n".into(), Ok(()), Verdict::UpgradeStripped, "in front"),
        ("\x16\x03\x01".into(), Ok(()), Verdict::NotWebSocket, "than a WebSocket client"),
        (String::new(), Ok(()), Verdict::HandshakeCutShort, "is up, left before"),
    ];
    for (bytes, answer, verdict, words) in cases {
        let server = served(&bytes, answer);
        let diagnosis = server.report().diagnosis();
        assert_eq!(diagnosis.verdict(), verdict, "{bytes:?}: {}: {diagnosis:#}", server.report());
        let remedy = diagnosis.first().remedy();
        assert!(remedy.contains(words), "{bytes:?}: {diagnosis:#}");
        for others in ["Location", "cookies", "captive", "Retry-After", "other end's"] {
            assert!(!format!("{diagnosis:#}").contains(others), "{bytes:?}: {diagnosis:#}");
        }
    }
}

#[test]
fn a_server_whose_clients_dawdle_is_not_told_to_check_the_server() {
    let mut server = Side::new(Session::server(Config::default(), Seed::new([2; 32]), START));
    let deadline = server.session.poll_timeout().expect("the handshake timeout");
    server.session.handle_timeout(deadline);
    server.poll(&mut [], deadline);
    let diagnosis = server.report().diagnosis();
    assert_eq!(diagnosis.verdict(), Verdict::HandshakeTimedOut, "{diagnosis:#}");
    assert!(diagnosis.first().remedy().starts_with("A client connected"), "{diagnosis:#}");
}
