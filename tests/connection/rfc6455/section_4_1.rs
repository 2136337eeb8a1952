//! Section 4.1: what a client sends, which responses it takes, and which rule the others break.

#[cfg(feature = "http")]
mod typed;

use bytes::BytesMut;
use farewell::Limits;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, HeaderError, Origins, Outcome,
    RequestError, ServerHandshake,
};

use super::pieces::{drive, in_every_split};

const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

const NONCE: [u8; 16] = *b"the sample nonce";

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.head, limits.headers, limits.header_line) = (1000, 12, 400);
    limits
}

fn uri(text: &str) -> ClientRequest {
    ClientRequest::new(text).expect(text)
}

fn asking() -> ClientRequest {
    uri("ws://h").subprotocol("superchat").and_then(|it| it.subprotocol("chat")).expect("tokens")
}

fn written(request: &ClientRequest) -> String {
    let mut out = BytesMut::new();
    let _ = ClientHandshake::start(request, NONCE, &limits(), &mut out);
    let text = String::from_utf8(out.to_vec()).expect("a request is text");
    #[cfg(feature = "http")]
    typed::assert_written(request, &text);
    text
}

/// How the handshake ended, in words, and how many bytes it took.
fn read(
    request: &ClientRequest,
    pieces: &[&[u8]],
) -> Result<(Option<String>, usize), HandshakeError> {
    let mut client = ClientHandshake::start(request, NONCE, &limits(), &mut BytesMut::new());
    let (outcome, taken) = drive(pieces, |input| client.receive(input))?;
    let open = |outcome| match outcome {
        Outcome::Established(response) => {
            format!("{} {:?}", response.status(), response.negotiated().subprotocol())
        }
        Outcome::Refused(refusal) => {
            let body = refusal.body().escape_ascii();
            format!("{} {} {body}", refusal.status(), refusal.reason())
        }
    };
    Ok((outcome.map(open), taken))
}

/// `GOOD` with one part replaced.
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} is not in the response exactly once");
    GOOD.replacen(from, to, 1)
}

//= rfc6455#4.1
//= type=test
//# The method of the request MUST be GET, and the HTTP version MUST
//# be at least 1.1.
//= rfc6455#4.1
//= type=test
//# The handshake MUST be a valid HTTP request as specified by [RFC2616].
//= rfc6455#4.1
//= type=test
//# The request MUST contain an |Upgrade| header field whose value MUST
//# include the "websocket" keyword.
//= rfc6455#4.1
//= type=test
//# The request MUST contain a |Connection| header field whose value MUST
//# include the "Upgrade" token.
//= rfc6455#4.1
//= type=test
//# The request MUST include a header field with the name
//# |Sec-WebSocket-Key|. The value of this header field MUST be a nonce
//# consisting of a randomly selected 16-byte value that has been
//# base64-encoded (see Section 4 of [RFC4648]).
//= rfc6455#4.1
//= type=test
//# The request MUST include a header field with the name
//# |Sec-WebSocket-Version|. The value of this header field MUST be 13.
#[test]
fn the_request_is_what_the_rfc_shows() {
    let request = uri("ws://server.example.com/chat")
        .origin("http://example.com")
        .and_then(|request| request.subprotocol("chat"))
        .and_then(|request| request.subprotocol("superchat"))
        .and_then(|request| request.header("Cookie", "a=b"))
        .unwrap();
    assert_eq!(
        written(&request),
        "GET /chat HTTP/1.1\r\n\
         Host: server.example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Origin: http://example.com\r\n\
         Cookie: a=b\r\n\r\n"
    );
}

//= rfc6455#4.1
//= type=test
//# The request MUST contain a |Host| header field whose value
//# contains /host/ plus optionally ":" followed by /port/ (when not
//# using the default port).
#[test]
fn host_has_the_port_unless_it_is_the_default() {
    let cases = [
        ("ws://a.example:80/", "a.example"),
        ("ws://a.example:8080/", "a.example:8080"),
        ("wss://a.example:443/", "a.example"),
        ("wss://a.example:80/", "a.example:80"),
        ("ws://[::1]:9001", "[::1]:9001"),
    ];
    for (text, host) in cases {
        let wire = written(&uri(text));
        assert!(wire.contains(&format!("\r\nHost: {host}\r\n")), "{wire}");
    }
    let wire = written(&uri("ws://127.0.0.1:9001").header("host", "a.example").unwrap());
    assert!(wire.contains("\r\nHost: a.example\r\n") && !wire.contains("127"), "{wire}");
}

//= rfc6455#4.1
//= type=test
//# The "Request-URI" part of the request MUST match the /resource name/
//# defined in Section 3 (a relative URI)
#[test]
fn the_target_is_the_resource_name() {
    let cases = [
        ("ws://h", "/"),
        ("ws://h:81/", "/"),
        ("wss://h/chat", "/chat"),
        ("ws://h/chat/", "/chat/"),
        ("ws://h/a%20b;c@d:e?f=/?", "/a%20b;c@d:e?f=/?"),
        ("ws://h?q=1", "/?q=1"),
        ("ws://[::1]/?", "/"),
    ];
    for (text, target) in cases {
        let wire = written(&uri(text));
        assert!(wire.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{wire}");
    }
}

#[test]
fn there_is_one_origin_however_it_is_given() {
    let request = uri("ws://h").origin("null").unwrap();
    assert!(!written(&uri("ws://h")).contains("Origin"));
    for name in ["Origin", "oRIGIN"] {
        let wire = written(&request.clone().header(name, "https://a.example").unwrap());
        assert_eq!(wire.matches("rigin").count() + wire.matches("RIGIN").count(), 1, "{wire}");
        assert!(wire.contains("\r\nOrigin: https://a.example\r\n"), "{wire}");
    }
}

//= rfc6455#4.1
//= type=test
//# The elements that comprise this value
//# MUST be non-empty strings with characters in the range U+0021 to
//# U+007E not including separator characters as defined in
//# [RFC2616] and MUST all be unique strings.
#[test]
fn subprotocols_are_distinct_tokens() {
    for name in ["", "a b", "a,b", "a/b", "ä", "a\r\nb"] {
        assert_eq!(uri("ws://h").subprotocol(name).err(), Some(RequestError::Subprotocol));
    }
    assert_eq!(asking().subprotocol("chat").err(), Some(RequestError::SubprotocolRepeated));
    assert!(asking().subprotocol("Chat").is_ok());
}

#[test]
fn requests_cannot_be_split_by_a_header() {
    let reserved = RequestError::Header(HeaderError::Reserved);
    let value = RequestError::Header(HeaderError::Value);
    let name = RequestError::Header(HeaderError::Name);
    let cases = [
        ("X", "y\r\nZ: 1", value),
        ("X", "y\r\n\r\nGET /admin HTTP/1.1", value),
        ("X", "y\0", value),
        ("Origin", "null\r\nX: y", value),
        ("Host", "a\r\nX: y", RequestError::Host),
        ("Host", "a/b", RequestError::Host),
        ("X: y\r\nZ", "1", name),
        ("", "1", name),
        ("upgrade", "h2c", reserved),
        ("Connection", "close", reserved),
        ("Sec-WebSocket-Key", "x", reserved),
        ("Sec-WebSocket-Version", "8", reserved),
        ("SEC-WEBSOCKET-EXTENSIONS", "x", reserved),
        ("Sec-WebSocket-Protocol", "x", reserved),
        ("Content-Length", "5", reserved),
        ("Transfer-Encoding", "chunked", reserved),
    ];
    for (header, text, error) in cases {
        assert_eq!(uri("ws://h").header(header, text).err(), Some(error), "{header:?}: {text:?}");
    }
}

//= rfc6455#4.1
//= type=test
//# If the server's response does not conform to the requirements for the
//# server's handshake as defined in this section and in Section 4.2.2,
//# the client MUST _Fail the WebSocket Connection_.
//= rfc6455#4.1
//= type=test
//# The client MUST validate the server's response as follows:
#[test]
fn broken_responses_are_refused_with_the_rule() {
    use HandshakeError as E;
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    const PROTOCOL: &str = "Sec-WebSocket-Protocol: chat\r\n";
    const FIRST: &str = "HTTP/1.1 101 Switching Protocols\r\n";
    let long = format!("{FIRST}X: {}\r\n", "y".repeat(400));
    let many = format!("{FIRST}{}", "X: y\r\n".repeat(9));
    let large = format!("{FIRST}{}", format!("X: {}\r\n", "y".repeat(300)).repeat(3));
    let slow = format!("{}{FIRST}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(32));
    let cases: &[(&str, &str, HandshakeError)] = &[
        // What is not HTTP/1.1.
        ("HTTP/1.1", "SSH-2.0", E::NotHttp),
        ("HTTP/1.1", "http/1.1", E::NotHttp),
        ("HTTP/1.1", "\r\nHTTP/1.1", E::StartLine),
        ("HTTP/1.1", "HTTP/2", E::HttpVersion),
        ("HTTP/1.1", "HTTP/1.0", E::HttpVersion),
        ("HTTP/1.1", "HTTP/1.2", E::HttpVersion),
        ("HTTP/1.1", "HTTP/1.x", E::StartLine),
        ("101", "1O1", E::StartLine),
        ("101", "1010", E::StartLine),
        ("101", "099", E::StartLine),
        (FIRST, "HTTP/1.1\r\n", E::StartLine),
        // Line endings and header fields.
        (FIRST, "HTTP/1.1 101 Switching Protocols\n", E::LineEnding),
        ("Upgrade: w", "Upgrade: \rw", E::LineEnding),
        (FIRST, &format!("{FIRST} X: y\r\n"), E::HeaderField),
        ("Upgrade: websocket", "Upgrade : websocket", E::HeaderField),
        ("Upgrade: websocket", "Upgrade", E::HeaderField),
        ("Upgrade: websocket", "Upgrade: web\0socket", E::HeaderField),
        // Limits.
        (FIRST, &long, E::LineTooLong { limit: 400 }),
        (FIRST, &many, E::TooManyHeaders { limit: 12 }),
        (FIRST, &large, E::HeadTooLarge { limit: 1000 }),
        (FIRST, &slow, E::HeadTooLarge { limit: 1000 }),
        // The upgrade.
        //= rfc6455#4.1
        //= type=test
        //# If the response lacks an |Upgrade| header field or the |Upgrade| header
        //# field contains a value that is not an ASCII case- insensitive match for
        //# the value "websocket", the client MUST _Fail the WebSocket Connection_.
        ("Upgrade: websocket\r\n", "", E::UpgradeNotConfirmed),
        ("Upgrade: websocket", "Upgrade: h2c", E::UpgradeNotConfirmed),
        ("Upgrade: websocket", "Upgrade: websocket, h2c", E::UpgradeNotConfirmed),
        ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c", E::UpgradeNotConfirmed),
        ("Connection: Upgrade\r\n", "", E::ConnectionNotConfirmed),
        ("Connection: Upgrade", "Connection: close", E::ConnectionNotConfirmed),
        ("Connection: Upgrade", "Connection: Upgraded", E::ConnectionNotConfirmed),
        // The proof that the server read this request.
        //= rfc6455#4.1
        //= type=test
        //# If the response lacks a |Sec-WebSocket-Accept| header field or the
        //# |Sec-WebSocket-Accept| contains a value other than the base64-encoded
        //# SHA-1 of the concatenation of the |Sec-WebSocket- Key| (as a string, not
        //# base64-decoded) with the string "258EAFA5- E914-47DA-95CA-C5AB0DC85B11"
        //# but ignoring any leading and trailing whitespace, the client MUST _Fail
        //# the WebSocket Connection_.
        (ACCEPT, "", E::AcceptMissing),
        (ACCEPT, "Sec-WebSocket-Accept:\r\n", E::AcceptWrong),
        (ACCEPT, "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n", E::AcceptWrong),
        ("s3pPLMB", "S3pPLMB", E::AcceptWrong),
        ("xOo=", "xOo=, xOo=", E::AcceptWrong),
        ("xOo=", "xOo", E::AcceptWrong),
        //= rfc6455#11.3.3
        //= type=test
        //# The |Sec-WebSocket-Accept| header MUST NOT appear more than once in
        //# an HTTP response.
        (ACCEPT, &ACCEPT.repeat(2), E::AcceptRepeated),
        // What was not asked for.
        //= rfc6455#4.1
        //= type=test
        //# If the response includes a |Sec-WebSocket-Protocol| header field and
        //# this header field indicates the use of a subprotocol that was not
        //# present in the client's handshake (the server has indicated a
        //# subprotocol not requested by the client), the client MUST _Fail the
        //# WebSocket Connection_.
        (PROTOCOL, "Sec-WebSocket-Protocol: other\r\n", E::SubprotocolNotRequested),
        (PROTOCOL, "Sec-WebSocket-Protocol: Chat\r\n", E::SubprotocolNotRequested),
        (PROTOCOL, "Sec-WebSocket-Protocol: chat, superchat\r\n", E::SubprotocolNotRequested),
        (PROTOCOL, "Sec-WebSocket-Protocol:\r\n", E::SubprotocolNotRequested),
        //= rfc6455#11.3.4
        //= type=test
        //# However, the |Sec-WebSocket-Protocol| header field MUST NOT appear
        //# more than once in an HTTP response.
        (PROTOCOL, &PROTOCOL.repeat(2), E::SubprotocolRepeated),
        //= rfc6455#4.1
        //= type=test
        //# If the response includes a |Sec-WebSocket-Extensions| header field and
        //# this header field indicates the use of an extension that was not present
        //# in the client's handshake (the server has indicated an extension not
        //# requested by the client), the client MUST _Fail the WebSocket
        //# Connection_.
        (PROTOCOL, "Sec-WebSocket-Extensions: permessage-deflate\r\n", E::ExtensionNotOffered),
        (PROTOCOL, "Sec-WebSocket-Extensions: a;;\r\n", E::ExtensionsInvalid),
        (PROTOCOL, "Sec-WebSocket-Extensions:\r\n", E::ExtensionsInvalid),
    ];
    for (from, to, error) in cases {
        let wire = with(from, to);
        let found = in_every_split(wire.as_bytes(), |pieces| read(&asking(), pieces));
        assert_eq!(found, Err(*error), "{wire}");
        #[cfg(feature = "http")]
        typed::assert_refused(&wire, *error);
        assert!(!error.section().is_empty());
    }
}

#[test]
fn a_subprotocol_nobody_asked_for_is_refused() {
    let found = read(&uri("ws://h"), &[GOOD.as_bytes()]);
    assert_eq!(found, Err(HandshakeError::SubprotocolNotRequested));
    let empty = with("Protocol: chat", "Protocol:");
    let found = read(&uri("ws://h"), &[empty.as_bytes()]);
    assert_eq!(found, Err(HandshakeError::SubprotocolNotRequested));
}

//= rfc6455#4.1
//= type=test
//# If the response lacks a |Connection| header field or the
//# |Connection| header field doesn't contain a token that is an
//# ASCII case-insensitive match for the value "Upgrade", the client
//# MUST _Fail the WebSocket Connection_.
#[test]
fn sound_responses_are_taken_and_nothing_behind_them() {
    const FIRST: &str = "HTTP/1.1 101 Switching Protocols\r\n";
    let hints = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{FIRST}"
    );
    let cases = [
        ("Upgrade: websocket", "UPGRADE:WebSocket\t", Some("chat")),
        ("Connection: Upgrade", "connection: keep-alive, upgrade", Some("chat")),
        ("Connection: Upgrade", "Connection: x\r\nConnection: upgrade", Some("chat")),
        ("Accept: ", "Accept: \t ", Some("chat")),
        //= rfc9112#5.2
        //= type=test
        //# A user agent that receives an obs-fold in a response message that is
        //# not within a "message/http" container MUST replace each received
        //# obs-fold with one or more SP octets prior to interpreting the field
        //# value.
        ("Upgrade: websocket", "Upgrade:\r\n \r\n\twebsocket\r\n ", Some("chat")),
        ("Accept: ", "Accept:\r\n   ", Some("chat")),
        ("Protocol: chat", "Protocol: superchat", Some("superchat")),
        ("Sec-WebSocket-Protocol: chat\r\n", "", None),
        ("Sec-WebSocket-Protocol: chat", "Server: \u{fc}", None),
        (FIRST, "HTTP/1.1 101\r\n", Some("chat")),
        (FIRST, "HTTP/1.1 101 \u{fc}\r\n", Some("chat")),
        (FIRST, &hints, Some("chat")),
    ];
    for (from, to, subprotocol) in cases {
        for behind in ["", "\u{81}\x02hi", "HTTP/1.1 200 OK\r\n\r\n"] {
            let head = with(from, to);
            let wire = format!("{head}{behind}");
            let found = in_every_split(wire.as_bytes(), |pieces| read(&asking(), pieces));
            let expected = Some(format!("101 {subprotocol:?}"));
            assert_eq!(found, Ok((expected, head.len())), "{wire}");
        }
        // Where a field is folded, an HTTP client has unfolded it, or has refused it.
        #[cfg(feature = "http")]
        if let Some(found) = typed::judged(&asking(), &with(from, to)) {
            assert_eq!(found, Ok(format!("101 {subprotocol:?}")), "{to}");
        }
    }
}

//= rfc6455#4.1
//= type=test
//# If the status code received from the server is not 101, the
//# client handles the response per HTTP [RFC2616] procedures.
#[test]
fn refusals_are_handed_over_with_their_body() {
    let cases = [
        ("HTTP/1.1 401 Who\r\nContent-Length: 5\r\n\r\nhello", "rest", "401 Who hello"),
        ("HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n", "rest", "404  "),
        ("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "", "302 Found "),
        (
            "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n3\r\npe!\r\n0\r\n",
            "\r\n",
            "500 No nope!",
        ),
        ("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 426 Up\r\nContent-Length: 1\r\n\r\nx", "", "426 Up x"),
    ];
    for (response, behind, expected) in cases {
        let wire = format!("{response}{behind}");
        let found = in_every_split(wire.as_bytes(), |pieces| read(&asking(), pieces));
        assert_eq!(found, Ok((Some(expected.into()), response.len())), "{wire}");
        #[cfg(feature = "http")]
        assert_eq!(typed::judged(&asking(), &wire), Some(Ok(expected[..3].into())), "{wire}");
    }
}

#[test]
fn a_refusal_cut_short_is_handed_over_on_demand() {
    let start = || ClientHandshake::start(&asking(), NONCE, &limits(), &mut BytesMut::new());
    let cases: [(&str, Option<(u16, &str)>); 8] = [
        ("", None),
        ("HTTP/1.1 403", None),
        ("HTTP/1.1 103 Early\r\n", None),
        ("HTTP/1.1 101 Switching Protocols\r\n", None),
        ("HTTP/1.1 403 ", Some((403, ""))),
        ("HTTP/1.1 403 Forbidden\r\n", Some((403, ""))),
        ("HTTP/1.1 403 Forbidden\r\n\r\n<html>", Some((403, "<html>"))),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n<ht", Some((403, "<ht"))),
    ];
    for (wire, expected) in cases {
        let mut client = start();
        assert!(matches!(client.receive(wire.as_bytes()), Ok((_, None))), "{wire}");
        let refusal = client.finish();
        let found = refusal.as_ref().map(|r| (r.status(), r.body().as_ref()));
        assert_eq!(found, expected.map(|(status, body)| (status, body.as_bytes())), "{wire}");
        assert!(client.finish().is_none(), "{wire}");
        assert!(matches!(client.receive(GOOD.as_bytes()), Ok((0, None))), "{wire}");
    }
    let redirect = "HTTP/1.1 307 Moved\r\nLocation: ws://b.example/\r\nContent-Length: 0\r\n\r\n";
    match start().receive(redirect.as_bytes()) {
        Ok((_, Some(Outcome::Refused(refusal)))) => {
            assert_eq!(refusal.headers().get("location"), Some("ws://b.example/"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_taken_after_an_error() {
    let mut client = ClientHandshake::start(&asking(), NONCE, &limits(), &mut BytesMut::new());
    assert_eq!(client.receive(b"SSH").err(), Some(HandshakeError::NotHttp));
    assert!(matches!(client.receive(GOOD.as_bytes()), Ok((0, None))));
    assert!(client.finish().is_none());
}

/// Whatever one byte of the response becomes, the split does not matter and nothing panics.
#[test]
fn a_byte_gone_wrong_is_the_same_in_every_split() {
    for at in 0..GOOD.len() {
        for byte in *b"\0\t\r\n \",;:/a\x7f\x80\xff" {
            let mut wire = GOOD.as_bytes().to_vec();
            wire[at] = byte;
            let bytes: Vec<&[u8]> = wire.chunks(1).collect();
            let whole = read(&asking(), &[&wire]);
            assert_eq!(whole, read(&asking(), &bytes), "{}", wire.escape_ascii());
        }
    }
}

/// Both sides of this crate agree with each other.
#[test]
fn client_and_server_understand_each_other() {
    let requests = [
        uri("ws://a.example"),
        uri("ws://[::1]:9001/a?b=c"),
        asking(),
        asking().origin("https://a.example").unwrap().header("X", "\u{fc}").unwrap(),
    ];
    let accept = Accept::new(Origins::Any).subprotocols(&["chat"]).unwrap();
    let accept = accept.header("Set-Cookie", "a=b").unwrap();
    for request in &requests {
        let mut sent = BytesMut::new();
        let mut client = ClientHandshake::start(request, NONCE, &limits(), &mut sent);
        let (taken, asked) = ServerHandshake::new(&limits()).receive(&sent).unwrap();
        let asked = asked.expect("the request is complete");
        assert_eq!((taken, asked.target()), (sent.len(), request.target()));
        assert_eq!(asked.host(), request.authority());
        let mut answer = BytesMut::new();
        let negotiated = accept.write_response(&asked, &mut answer).unwrap();
        match client.receive(&answer) {
            Ok((taken, Some(Outcome::Established(response)))) => {
                assert_eq!(taken, answer.len());
                assert_eq!(response.negotiated(), &negotiated);
                assert_eq!(response.headers().get("set-cookie"), Some("a=b"));
            }
            other => panic!("{other:?}"),
        }
    }
}
