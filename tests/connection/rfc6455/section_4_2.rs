//! Section 4.2: what a server accepts, what it answers, and what it refuses with which status.

#[cfg(feature = "http")]
mod typed;

use bytes::BytesMut;
use farewell::Limits;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, HeaderError, Negotiated, Origins,
    Outcome, Rejection, Request, ResponseError, ServerHandshake,
};

use super::pieces::{drive, in_every_split};

const GOOD: &str = "GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.head, limits.headers, limits.header_line) = (1000, 12, 400);
    limits
}

fn read(pieces: &[&[u8]]) -> Result<(Option<Request>, usize), HandshakeError> {
    let mut server = ServerHandshake::new(&limits());
    drive(pieces, |input| server.receive(input))
}

fn request(wire: &str) -> Request {
    let (request, taken) = read(&[wire.as_bytes()]).unwrap_or_else(|e| panic!("{e}: {wire}"));
    assert_eq!(taken, wire.len());
    request.expect(wire)
}

fn answer(accept: &Accept, wire: &str) -> Result<(Negotiated, String), ResponseError> {
    let mut out = BytesMut::new();
    let result = accept.write_response(&request(wire), &mut out);
    let text = String::from_utf8(out.to_vec()).expect("a response is text");
    assert!(result.is_ok() || text.is_empty(), "an error wrote {text}");
    #[cfg(feature = "http")]
    typed::assert_answer(accept, wire, result.as_ref(), &text);
    Ok((result?, text))
}

/// `GOOD` with one part replaced.
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} is not in the request exactly once");
    GOOD.replacen(from, to, 1)
}

//= rfc6455#4.2.1
//= type=test
//# If
//# the server, while reading the handshake, finds that the client did
//# not send a handshake that matches the description below (note that as
//# per [RFC2616], the order of the header fields is not important),
//# including but not limited to any violations of the ABNF grammar
//# specified for the components of the handshake, the server MUST stop
//# processing the client's handshake and return an HTTP response with an
//# appropriate error code (such as 400 Bad Request).
#[test]
fn broken_requests_are_refused_with_the_fitting_status() {
    use HandshakeError as E;
    const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const PROTOCOL: &str = "Sec-WebSocket-Protocol: chat, superchat\r\n";
    const END: &str = "13\r\n\r\n";
    let path = format!("/{}", "x".repeat(400));
    let value = format!("13\r\nX: {path}\r\n\r\n");
    let many = format!("13\r\n{}\r\n", "X: y\r\n".repeat(6));
    let large = format!("13\r\n{}\r\n", format!("X: {}\r\n", "y".repeat(300)).repeat(3));
    let cases: &[(&str, &str, u16, HandshakeError)] = &[
        // What is not HTTP/1.1.
        ("GET /chat", "\x16\x03\x01\x02", 400, E::NotHttp),
        ("GET /chat", "\nGET /chat", 400, E::NotHttp),
        ("GET /chat", "\r\n\r\n\r\n\r\n\r\nGET /chat", 400, E::NotHttp),
        ("GET /chat?room=1 HTTP/1.1", "GET", 400, E::NotHttp),
        ("GET /chat?room=1 HTTP/1.1", "GET /chat", 400, E::StartLine),
        ("GET /chat", "GET  /chat", 400, E::StartLine),
        ("HTTP/1.1", "HTTP/1.1 ", 400, E::StartLine),
        ("HTTP/1.1", "HTTP/one", 400, E::StartLine),
        ("HTTP/1.1", "http/1.1", 400, E::StartLine),
        ("HTTP/1.1", "HTTP/1.0", 426, E::Http10),
        ("HTTP/1.1", "HTTP/0.9", 505, E::HttpVersion),
        ("HTTP/1.1", "HTTP/2.0", 505, E::HttpVersion),
        // Line endings, folding, and white space where none belongs.
        ("HTTP/1.1\r\n", "HTTP/1.1\n", 400, E::LineEnding),
        (": 13\r\n\r\n", ": 13\n\n", 400, E::LineEnding),
        ("Host: s", "Host: \rs", 400, E::LineEnding),
        ("Upgrade: websocket", "Upgrade:\r\n websocket", 400, E::HeaderField),
        ("HTTP/1.1\r\n", "HTTP/1.1\r\n\tX: y\r\n", 400, E::HeaderField),
        ("Host:", "Host :", 400, E::HeaderField),
        ("Host: ", ": ", 400, E::HeaderField),
        ("Host: ", "Host ", 400, E::HeaderField),
        ("Host: s", "Host: \0s", 400, E::HeaderField),
        ("Host: s", "Host: \x7fs", 400, E::HeaderField),
        ("Host: ", "H\u{f6}st: ", 400, E::HeaderField),
        // Limits.
        ("/chat", &path, 414, E::RequestLineTooLong { limit: 400 }),
        (END, &value, 431, E::LineTooLong { limit: 400 }),
        (END, &many, 431, E::TooManyHeaders { limit: 12 }),
        (END, &large, 431, E::HeadTooLarge { limit: 1000 }),
        // The request itself.
        ("GET /chat", "POST /chat", 405, E::Method),
        ("GET /chat", "get /chat", 405, E::Method),
        ("/chat", "*", 400, E::Target),
        ("/chat", "chat", 400, E::Target),
        ("/chat", "ftp://server.example.com/chat", 400, E::Target),
        ("/chat", "ws:///chat", 400, E::Target),
        ("/chat", "http:///chat", 400, E::Target),
        ("/chat", "http://me@server.example.com/chat", 400, E::Target),
        ("/chat", "/chat#top", 400, E::TargetCharacter),
        ("/chat", "/ch\u{e4}t", 400, E::TargetCharacter),
        ("Host: server.example.com\r\n", "", 400, E::HostMissing),
        ("Host: ", "Host: a\r\nHost: ", 400, E::HostRepeated),
        ("Host: server.example.com", "Host:", 400, E::HostInvalid),
        ("Host: ", "Host: a b", 400, E::HostInvalid),
        ("Host: ", "Host: a/b", 400, E::HostInvalid),
        ("Host: ", "Host: me@", 400, E::HostInvalid),
        ("Host: ", "Host: \u{e4}", 400, E::HostInvalid),
        ("Host: server.example.com", "Host: a:b", 400, E::HostInvalid),
        (END, "13\r\nContent-Length: 0, 1\r\n\r\n", 400, E::Body),
        (END, "13\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", 400, E::Body),
        (END, "13\r\nContent-Length: -0\r\n\r\n", 400, E::Body),
        (END, "13\r\nContent-Length:\r\n\r\n", 400, E::Body),
        (END, "13\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, E::Body),
        (END, "13\r\ncontent-length: 5\r\n\r\n", 400, E::Body),
        (END, "13\r\nTransfer-Encoding: chunked\r\n\r\n", 400, E::Body),
        // The upgrade.
        ("Upgrade: websocket\r\n", "", 426, E::UpgradeNotRequested),
        ("Upgrade: websocket", "Upgrade: h2c", 426, E::UpgradeNotRequested),
        ("Upgrade: websocket", "Upgrade: websockets", 426, E::UpgradeNotRequested),
        ("Connection: Upgrade\r\n", "", 400, E::ConnectionNotUpgrade),
        ("Connection: Upgrade", "Connection: keep-alive", 400, E::ConnectionNotUpgrade),
        ("Connection: Upgrade", "Connection: Upgrades", 400, E::ConnectionNotUpgrade),
        //= rfc6455#4.2.2
        //= type=test
        //# If this version does not match a version understood by the server, the
        //# server MUST abort the WebSocket handshake described in this section and
        //# instead send an appropriate HTTP error code (such as 426 Upgrade
        //# Required) and a |Sec-WebSocket-Version| header field indicating the
        //# version(s) the server is capable of understanding.
        (VERSION, "", 426, E::Version),
        (VERSION, "Sec-WebSocket-Version: 8\r\n", 426, E::Version),
        (VERSION, "Sec-WebSocket-Version: 013\r\n", 426, E::Version),
        (VERSION, "Sec-WebSocket-Version: 13, 8\r\n", 426, E::Version),
        (VERSION, "Sec-WebSocket-Version:\r\n", 426, E::Version),
        //= rfc6455#11.3.5
        //= type=test
        //# However, the |Sec-WebSocket-Version| header field MUST NOT appear
        //# more than once in an HTTP request.
        (END, "13\r\nSec-WebSocket-Version: 13\r\n\r\n", 400, E::VersionRepeated),
        (END, "13\r\nSec-WebSocket-Version: 8\r\n\r\n", 400, E::VersionRepeated),
        (KEY, "", 400, E::KeyMissing),
        (KEY, "Sec-WebSocket-Key:\r\n", 400, E::KeyInvalid),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400, E::KeyInvalid),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSE=", 400, E::KeyInvalid),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400, E::KeyInvalid),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j_Q==", 400, E::KeyInvalid),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j ZQ==", 400, E::KeyInvalid),
        //= rfc6455#11.3.1
        //= type=test
        //# The |Sec-WebSocket-Key| header field MUST NOT appear more than once
        //# in an HTTP request.
        ("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: ", 400, E::KeyRepeated),
        // Lists.
        ("chat, superchat", "chat, super chat", 400, E::SubprotocolsInvalid),
        ("chat, superchat", "chat; superchat", 400, E::SubprotocolsInvalid),
        ("chat, superchat", "chat, superchat, chat", 400, E::SubprotocolsInvalid),
        (PROTOCOL, "Sec-WebSocket-Extensions: a;\r\n", 400, E::ExtensionsInvalid),
        ("Origin: ", "Origin: null\r\nOrigin: ", 400, E::OriginInvalid),
        ("Origin: http://example.com", "Origin:", 400, E::OriginInvalid),
        ("Origin: ", "Origin: \u{e4}", 400, E::OriginInvalid),
        ("Origin: ", "Origin: null ", 400, E::OriginInvalid),
    ];
    for (from, to, status, error) in cases {
        let wire = with(from, to);
        let found = in_every_split(wire.as_bytes(), |pieces| {
            read(pieces).map(|(request, taken)| (request.is_some(), taken))
        });
        assert_eq!(found, Err(*error), "{wire}");
        #[cfg(feature = "http")]
        typed::assert_refused(&wire, *error);
        assert_eq!(error.status(), *status, "{wire}");
        assert_is_told(*error, *status);
    }
}

/// The response to a broken rule is one that a client understands.
fn assert_is_told(error: HandshakeError, status: u16) {
    let mut out = BytesMut::new();
    error.write_response(&mut out);
    let text = String::from_utf8(out.to_vec()).expect("a response is text");
    #[cfg(feature = "http")]
    typed::assert_told(error, &text);
    let (refusal, taken) = refusal(&text);
    assert_eq!((refusal.status(), taken), (status, text.len()), "{text}");
    let body = format!("{error} (RFC 6455 section {})\n", error.section());
    assert_eq!(refusal.body(), body.as_bytes(), "{text}");
    assert!(!refusal.reason().is_empty(), "{text}");
    let headers = refusal.headers();
    let allow = (status == 405).then_some("GET");
    assert_eq!(headers.get("Allow"), allow, "{text}");
    //= rfc6455#4.4
    //= type=test
    //# If the server doesn't
    //# support the requested version, it MUST respond with a
    //# |Sec-WebSocket-Version| header field (or multiple
    //# |Sec-WebSocket-Version| header fields) containing all versions it is
    //# willing to use.
    let version = (status == 426).then_some("13");
    assert_eq!(headers.get("Sec-WebSocket-Version"), version, "{text}");
    assert_eq!(headers.get("Upgrade"), version.map(|_| "websocket"), "{text}");
    assert!(headers.get("Connection").is_some_and(|value| value.ends_with("close")), "{text}");
}

fn refusal(text: &str) -> (farewell::handshake::Refusal, usize) {
    let url = ClientRequest::new("ws://h").expect("a URI");
    let mut client =
        ClientHandshake::start(&url, [7; 16], &Limits::default(), &mut BytesMut::new());
    match client.receive(text.as_bytes()) {
        Ok((taken, Some(Outcome::Refused(refusal)))) => (refusal, taken),
        other => panic!("{other:?}: {text}"),
    }
}

//= rfc6455#4.2.1
//= type=test
//# An |Upgrade| header field containing the value "websocket",
//# treated as an ASCII case-insensitive value.
#[test]
fn sound_requests_are_taken_and_nothing_behind_them() {
    let cases = [
        ("/chat", "/chat"),
        ("Host: server.example.com", "hOST:\t server.example.com:8080 \t"),
        ("Upgrade: websocket", "upgrade: WebSocket"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket"),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: ,UPGRADE"),
        ("chat, superchat", "chat\r\nSec-WebSocket-Protocol:,superchat,"),
        // The example of section 4.1, which sets bits beyond its last byte.
        ("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ("Origin: http://example.com\r\n", ""),
        ("Origin: http://example.com", "Cookie: \u{fc}=1"),
        ("/chat?room=1", "http://server.example.com/chat?room=1"),
        ("/chat?room=1", "HTTPS://server.example.com"),
        ("/chat?room=1", "ws://server.example.com/chat"),
        ("/chat?room=1", "WSS://server.example.com"),
        // That there is no body may be said.
        ("13\r\n\r\n", "13\r\nContent-Length: 0\r\n\r\n"),
        ("13\r\n\r\n", "13\r\nContent-Length: 0\r\nContent-Length: 00\r\n\r\n"),
        // A list may be empty.
        ("chat, superchat", ""),
        ("chat, superchat", ", ,"),
        ("13\r\n\r\n", "13\r\nSec-WebSocket-Extensions:\r\n\r\n"),
        ("13\r\n\r\n", "13\r\nSec-WebSocket-Extensions: ,\r\n\r\n"),
        //= rfc9112#2.2
        //= type=test
        //# In the interest of robustness, a server that is expecting to receive
        //# and parse a request-line SHOULD ignore at least one empty line (CRLF)
        //# received prior to the request-line.
        ("GET /chat", "\r\nGET /chat"),
        ("GET /chat", "\r\n\r\n\r\n\r\nGET /chat"),
    ];
    for (from, to) in cases {
        for behind in ["", "\x01\u{85}", "GET / HTTP/1.1\r\n\r\n"] {
            let head = with(from, to);
            let wire = format!("{head}{behind}");
            let found = in_every_split(wire.as_bytes(), |pieces| {
                read(pieces).map(|(request, taken)| (request.is_some(), taken))
            });
            assert_eq!(found, Ok((true, head.len())), "{wire}");
        }
        #[cfg(feature = "http")]
        typed::assert_taken(&with(from, to));
    }
    let incomplete = &GOOD.as_bytes()[..GOOD.len() - 1];
    let found = in_every_split(incomplete, |pieces| {
        read(pieces).map(|(request, taken)| (request.is_some(), taken))
    });
    assert_eq!(found, Ok((false, incomplete.len())));
}

#[test]
fn a_request_tells_what_it_asks_for() {
    let plain = request(GOOD);
    assert_eq!((plain.target(), plain.path()), ("/chat?room=1", "/chat"));
    assert_eq!((plain.query(), plain.host()), (Some("room=1"), "server.example.com"));
    assert_eq!(plain.origin(), Some("http://example.com"));
    assert_eq!(plain.header("UPGRADE"), Some("websocket"));
    assert_eq!(plain.headers().len(), 7);
    assert!(plain.subprotocols().eq(["chat", "superchat"]));
    assert_eq!(plain.extensions().count(), 0);

    let split = request(&with("chat, superchat", "a,\tb\r\nsec-websocket-protocol: c"));
    assert!(split.subprotocols().eq(["a", "b", "c"]));

    let none = request(&with("chat, superchat", ""));
    assert_eq!((none.subprotocols().count(), none.extensions().count()), (0, 0));
    let (negotiated, text) =
        answer(&Accept::new(Origins::Any), &with("chat, superchat", "")).unwrap();
    assert_eq!(negotiated, Negotiated::default());
    assert!(!text.contains("Sec-WebSocket-Protocol"), "{text}");

    //= rfc9112#3.2.2
    //= type=test
    //# When an origin server receives a request with an absolute-form of
    //# request-target, the origin server MUST ignore the received Host
    //# header field (if any) and instead use the host information of the
    //# request-target.
    let absolute = request(&with("/chat?room=1", "ws://other.example"));
    assert_eq!((absolute.path(), absolute.host()), ("/", "other.example"));
    let absolute = request(&with("/chat?room=1", "http://other.example:81?room=2"));
    assert_eq!((absolute.path(), absolute.query()), ("/", Some("room=2")));
    assert_eq!(absolute.host(), "other.example:81");
}

//= rfc6455#4.2.2
//= type=test
//# If the server chooses to accept the incoming connection, it MUST
//# reply with a valid HTTP response indicating the following.
//= rfc6455#4.2.2
//= type=test
//# the server MUST complete the following steps to accept the connection
//# and send the server's opening handshake.
#[test]
fn acceptance_is_what_the_rfc_shows() {
    let accept = Accept::new(Origins::Any).subprotocol("chat").unwrap();
    let (negotiated, text) = answer(&accept, GOOD).unwrap();
    assert_eq!(
        text,
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: chat\r\n\r\n"
    );
    assert_eq!(negotiated, Negotiated::default().with_subprotocol("chat"));
}

//= rfc6455#4.2.2
//= type=test
//# The value chosen MUST be derived
//# from the client's handshake, specifically by selecting one of
//# the values from the |Sec-WebSocket-Protocol| field that the
//# server is willing to use for this connection (if any).
#[test]
fn the_subprotocol_is_one_of_those_asked_for() {
    let any = || Accept::new(Origins::Any);
    let none = with("Sec-WebSocket-Protocol: chat, superchat\r\n", "");
    let cases = [
        (any(), GOOD, Ok(None)),
        (any().subprotocol("superchat").unwrap(), GOOD, Ok(Some("superchat"))),
        (any().subprotocol("x").unwrap(), GOOD, Err(ResponseError::SubprotocolNotRequested)),
        (any().subprotocol("Chat").unwrap(), GOOD, Err(ResponseError::SubprotocolNotRequested)),
        (any().subprotocol("chat").unwrap(), &none, Err(ResponseError::SubprotocolNotRequested)),
        (any().subprotocols(&["x", "superchat", "chat"]).unwrap(), GOOD, Ok(Some("superchat"))),
        (any().subprotocols(&["x"]).unwrap(), GOOD, Ok(None)),
        (any().subprotocols(&["chat"]).unwrap(), &none, Ok(None)),
    ];
    for (accept, wire, expected) in cases {
        let result = answer(&accept, wire);
        let found = result.as_ref().map(|(negotiated, _)| negotiated.subprotocol());
        assert_eq!(found, expected.as_ref().copied(), "{accept:?} {wire}");
        if let Ok((_, text)) = &result {
            //= rfc6455#4.2.2
            //= type=test
            //# if the server does not wish to agree to one of the suggested
            //# subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol| header
            //# field in its response
            assert_eq!(text.contains("Sec-WebSocket-Protocol"), expected != Ok(None), "{text}");
        }
    }
    for name in ["", "a b", "a,b", "a\r\nb"] {
        assert_eq!(any().subprotocol(name).err(), Some(ResponseError::Subprotocol), "{name:?}");
        let names = any().subprotocols(&["chat", name]);
        assert_eq!(names.err(), Some(ResponseError::Subprotocol), "{name:?}");
    }
}

//= rfc6455#4.2.2
//= type=test
//# Extensions not listed by the client MUST NOT be listed.
//= rfc6455#5.8
//= type=test
//# The endpoints of a connection MUST negotiate the use of any extensions
//# during the opening handshake.
#[test]
fn no_extension_is_in_use_that_was_not_agreed_on() {
    let offering = with("Origin: ", "Sec-WebSocket-Extensions: x, permessage-deflate\r\nOrigin: ");
    for wire in [GOOD, &offering] {
        let (negotiated, text) = answer(&Accept::new(Origins::Any), wire).unwrap();
        assert_eq!(negotiated, Negotiated::default(), "{wire}");
        assert!(!text.contains("Sec-WebSocket-Extensions"), "{text}");
    }
    for name in ["Sec-WebSocket-Extensions", "sec-websocket-extensions"] {
        let forced = Accept::new(Origins::Any).header(name, "x");
        assert_eq!(forced.err(), Some(ResponseError::Header(HeaderError::Reserved)), "{name}");
    }
}

//= rfc6455#4.2.2
//= type=test
//# If the server does not wish to accept this
//# connection, it MUST return an appropriate HTTP error code
//# (e.g., 403 Forbidden) and abort the WebSocket handshake
//# described in this section.
#[test]
fn a_foreign_origin_gets_no_101() {
    let refused = ResponseError::Refused(HandshakeError::OriginRefused);
    assert_eq!(answer(&Accept::new(Origins::SameHost), GOOD).err(), Some(refused));
    let missing = ResponseError::Refused(HandshakeError::OriginMissing);
    let strict = Accept::new(Origins::SameHost).require_origin();
    let wire = with("Origin: http://example.com\r\n", "");
    assert_eq!(answer(&strict, &wire).err(), Some(missing));
    assert!(answer(&Accept::new(Origins::SameHost), &wire).is_ok());
    assert_is_told(HandshakeError::OriginRefused, 403);
    assert_is_told(HandshakeError::OriginMissing, 403);
}

//= rfc6455#4.2.2
//= type=test
//# If the requested service is not available, the server MUST send an
//# appropriate HTTP error code (such as 404 Not Found) and abort the
//# WebSocket handshake.
#[test]
fn rejections_carry_status_headers_and_body() {
    let rejection = Rejection::new(503)
        .and_then(|rejection| rejection.header("Retry-After", "7"))
        .unwrap()
        .body(&b"later"[..]);
    let mut out = BytesMut::new();
    rejection.write_response(&mut out);
    assert_eq!(
        out,
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 7\r\n\
         Content-Length: 5\r\n\r\nlater"
    );
    for status in [0, 100, 101, 199, 200, 204, 299, 304, 600, 999] {
        assert_eq!(Rejection::new(status).err(), Some(ResponseError::Status), "{status}");
    }
    for status in [300, 302, 308, 400, 404, 426, 499, 599] {
        let mut out = BytesMut::new();
        Rejection::new(status).unwrap().write_response(&mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let (refusal, taken) = refusal(&text);
        assert_eq!((refusal.status(), taken), (status, text.len()), "{text}");
    }
}

#[test]
fn responses_cannot_be_split_by_a_header() {
    let cases = [
        ("X\r\nY", "z", HeaderError::Name),
        ("X", "y\r\nSet-Cookie: evil", HeaderError::Value),
        ("X", "y\n", HeaderError::Value),
        ("Sec-WebSocket-Accept", "y", HeaderError::Reserved),
        ("Content-Length", "5", HeaderError::Reserved),
        ("Connection", "keep-alive", HeaderError::Reserved),
    ];
    for (name, value, error) in cases {
        let expected = Some(ResponseError::Header(error));
        let accept = Accept::new(Origins::Any).header(name, value);
        assert_eq!(accept.err(), expected, "{name:?}: {value:?}");
        let rejection = Rejection::new(400).unwrap().header(name, value);
        assert_eq!(rejection.err(), expected, "{name:?}: {value:?}");
    }
}

/// Whatever one byte of the request becomes, the split does not matter and nothing panics.
#[test]
fn a_byte_gone_wrong_is_the_same_in_every_split() {
    for at in 0..GOOD.len() {
        for byte in *b"\0\t\r\n \",;:/a\x7f\x80\xff" {
            let mut wire = GOOD.as_bytes().to_vec();
            wire[at] = byte;
            let result = |pieces: &[&[u8]]| {
                read(pieces).map(|(request, taken)| (request.map(|r| format!("{r:?}")), taken))
            };
            let bytes: Vec<&[u8]> = wire.chunks(1).collect();
            assert_eq!(result(&[&wire]), result(&bytes), "{}", wire.escape_ascii());
        }
    }
}
