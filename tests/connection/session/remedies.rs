//! What a person is told after an opening handshake that came to nothing: it fits the end that asks.

use farewell::diagnosis::Verdict;
use farewell::handshake::{ClientRequest, Rejection};
use farewell::{Config, ReadClosed, Role, Seed, Session, TransportError};

use crate::support::pair::{Endpoint, START};

fn side(role: Role) -> Endpoint {
    let (config, seed) = (Config::default(), Seed::new([2; 32]));
    let request = ClientRequest::new("ws://example.com/").unwrap();
    Endpoint::new(match role {
        Role::Client => Session::client(&request, config, seed, START),
        Role::Server => Session::server(config, seed, START),
    })
}

fn request(more: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A server that was given these bytes and then the end of the stream.
fn served(bytes: &str, answer: Result<(), u16>) -> Endpoint {
    let mut server = side(Role::Server);
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
        ("\x16\x03\x01".into(), Ok(()), Verdict::TlsPort, "A client with wss://"),
        ("\0\0\0".into(), Ok(()), Verdict::NotWebSocket, "scanners of ports"),
        (String::new(), Ok(()), Verdict::HandshakeCutShort, "is up, left before"),
    ];
    for (bytes, answer, verdict, words) in cases {
        let server = served(&bytes, answer);
        let diagnosis = server.report().diagnosis();
        assert_eq!(diagnosis.verdict(), verdict, "{bytes:?}: {}: {diagnosis:#}", server.report());
        // Behind TLS there may well be a WebSocket client: only what came is known.
        assert!(!format!("{diagnosis:#}").contains("is not a WebSocket"), "{diagnosis:#}");
        let remedy = diagnosis.first().remedy();
        assert!(remedy.contains(words), "{bytes:?}: {diagnosis:#}");
        for others in ["Location", "cookies", "captive", "Retry-After", "other end's"] {
            assert!(!format!("{diagnosis:#}").contains(others), "{bytes:?}: {diagnosis:#}");
        }
    }
}

#[test]
fn a_server_whose_clients_dawdle_is_not_told_to_check_the_server() {
    let mut server = side(Role::Server);
    let deadline = server.session.poll_timeout().expect("the handshake timeout");
    server.session.handle_timeout(deadline);
    server.poll(&mut [], deadline);
    let diagnosis = server.report().diagnosis();
    assert_eq!(diagnosis.verdict(), Verdict::HandshakeTimedOut, "{diagnosis:#}");
    assert!(diagnosis.first().remedy().starts_with("A client connected"), "{diagnosis:#}");
}

#[test]
fn what_never_opened_is_not_told_to_ping_or_to_close() {
    for role in [Role::Client, Role::Server] {
        let ended = |end: fn(&mut Endpoint)| {
            let mut side = side(role);
            end(&mut side);
            side.poll(&mut [], START);
            format!("{:#}", side.report().diagnosis())
        };
        let text = ended(|side| {
            let how = ReadClosed::Failed(TransportError::TimedOut);
            side.session.handle_read_closed(how, START);
        });
        assert!(text.contains("the operating system gave up on the peer (certain)"), "{text}");
        assert!(text.contains("handshake timeout") && !text.contains("heartbeat"), "{text}");
        let text = ended(|side| side.session.abort(START));
        assert!(text.contains("before the connection was open"), "{text}");
        assert!(!text.contains("close the connection"), "{text}");
    }
    let mut client = side(Role::Client);
    let deadline = client.session.poll_timeout().expect("the handshake timeout");
    client.session.handle_timeout(deadline);
    client.poll(&mut [], deadline);
    let text = client.report().diagnosis().to_string();
    assert!(text.contains("(opening for 10.00 s; no byte was received)"), "{text}");
}
