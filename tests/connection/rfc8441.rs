//! WebSockets on streams of HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220): what is asked, what is judged
//! and what is answered, without anybody who speaks either.

use farewell::diagnosis::Confidence::{self, Certain, Likely, Possible};
use farewell::handshake::{
    Accept, Carrier, ClientRequest, HandshakeError, HeaderError, HttpHandshake, Origins, Outcome,
    Rejection, Request, RequestError,
};
use farewell::{
    Config, OpeningFailure, ReadClosed, Role, Seed, Session, SessionEvent, Termination, Timestamp,
    TransportError,
};
use http::{HeaderMap, Method, Version, request, response};

const VERSIONS: [(Version, Carrier); 2] =
    [(Version::HTTP_2, Carrier::Http2), (Version::HTTP_3, Carrier::Http3)];

/// The request of section 5.1.
fn asked(version: Version) -> request::Parts {
    let (parts, ()) = http::Request::connect("https://server.example.com/chat")
        .version(version)
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-extensions", "permessage-deflate")
        .header("sec-websocket-version", "13")
        .header("origin", "https://server.example.com")
        .body(())
        .unwrap()
        .into_parts();
    parts
}

fn response(status: u16, fields: &[(&str, &str)]) -> response::Parts {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status.try_into().unwrap();
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        parts.headers.append(name, value.parse().unwrap());
    }
    parts
}

fn names(fields: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = fields.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

//= rfc8441#5
//= type=test
//# The :protocol pseudo-header field MUST be included in the CONNECT
//# request, and it MUST have a value of "websocket" to initiate a
//# WebSocket connection on an HTTP/2 stream.
//= rfc9220#3
//= type=test
//# If a server advertises support for Extended CONNECT but receives an
//# Extended CONNECT request with a ":protocol" value that is unknown or
//# is not supported, the server SHOULD respond to the request with a 501
//# (Not Implemented) status code
//= rfc8441#5
//= type=test
//# [RFC6455] requires the use of Connection and Upgrade header fields
//# that are not part of HTTP/2. They MUST NOT be included in the
//# CONNECT request defined here.
#[test]
fn broken_requests_are_refused_with_the_fitting_status() {
    use HandshakeError as E;
    const WEBSOCKET: Option<&str> = Some("websocket");
    fn set(parts: &mut request::Parts, name: &'static str, value: &'static str) {
        parts.headers.insert(name, value.parse().unwrap());
    }
    fn target(parts: &mut request::Parts, uri: &str) {
        parts.uri = uri.parse().unwrap();
    }
    /// The protocol that is asked for, what else is wrong, and what comes of it.
    type Case = (Option<&'static str>, fn(&mut request::Parts), u16, HandshakeError);
    let cases: &[Case] = &[
        (Some("webtransport"), |_| {}, 501, E::ProtocolUnknown),
        (Some(""), |_| {}, 501, E::ProtocolUnknown),
        (None, |_| {}, 400, E::ProtocolMissing),
        (None, |it| it.method = Method::GET, 405, E::MethodNotConnect),
        (WEBSOCKET, |it| it.method = Method::POST, 405, E::MethodNotConnect),
        (WEBSOCKET, |it| target(it, "/chat"), 400, E::HostMissing),
        (WEBSOCKET, |it| target(it, "server.example.com:443"), 400, E::Target),
        (WEBSOCKET, |it| target(it, "*"), 400, E::Target),
        (WEBSOCKET, |it| target(it, "wss://server.example.com/chat"), 400, E::Target),
        (WEBSOCKET, |it| target(it, "https://me@server.example.com/chat"), 400, E::HostInvalid),
        (WEBSOCKET, |it| set(it, "host", "evil.example"), 400, E::HostDiffers),
        (WEBSOCKET, |it| set(it, "host", "server.example.com:80"), 400, E::HostDiffers),
        (WEBSOCKET, |it| set(it, "host", "b ad"), 400, E::HostInvalid),
        (
            WEBSOCKET,
            |it| {
                set(it, "host", "server.example.com");
                it.headers.append("host", "server.example.com".parse().unwrap());
            },
            400,
            E::HostRepeated,
        ),
        (WEBSOCKET, |it| set(it, "connection", "upgrade"), 400, E::ConnectionField),
        (WEBSOCKET, |it| set(it, "upgrade", "websocket"), 400, E::ConnectionField),
        (WEBSOCKET, |it| set(it, "content-length", "5"), 400, E::Body),
        (WEBSOCKET, |it| set(it, "transfer-encoding", "chunked"), 400, E::Body),
        (WEBSOCKET, |it| _ = it.headers.remove("sec-websocket-version"), 400, E::Version),
        (WEBSOCKET, |it| set(it, "sec-websocket-version", "8"), 400, E::Version),
        (
            WEBSOCKET,
            |it| _ = it.headers.append("sec-websocket-version", "13".parse().unwrap()),
            400,
            E::VersionRepeated,
        ),
        (WEBSOCKET, |it| set(it, "sec-websocket-protocol", "a b"), 400, E::SubprotocolsInvalid),
        (WEBSOCKET, |it| set(it, "sec-websocket-extensions", "a;;"), 400, E::ExtensionsInvalid),
        (WEBSOCKET, |it| set(it, "origin", "nu ll"), 400, E::OriginInvalid),
    ];
    for (version, carrier) in VERSIONS {
        for (protocol, change, status, error) in cases {
            let mut parts = asked(version);
            change(&mut parts);
            let found = Request::from_http_with(&parts, *protocol, &Config::default().limits);
            assert_eq!(found.err(), Some(*error), "{parts:?}");
            let response = error.to_http(version);
            assert_eq!((response.status().as_u16(), response.version()), (*status, version));
            let of_version = response.headers().get("sec-websocket-version");
            assert_eq!(of_version.is_some(), *error == E::Version, "{error}");
            let allow = response.headers().get("allow").map(|it| it.to_str().unwrap());
            assert_eq!(allow, (*status == 405).then_some("CONNECT"), "{error}");
            for name in ["connection", "upgrade"] {
                assert!(!response.headers().contains_key(name), "{error}: {name}");
            }
            let report = OpeningFailure::Invalid(*error).report(
                Role::Server,
                carrier,
                Timestamp::ZERO,
                Timestamp::ZERO,
            );
            assert_eq!(report.evidence.http_status, Some(*status), "{report}");
            assert_eq!(report.evidence.carrier, carrier);
        }
    }
    let rejection = Rejection::new(426).unwrap();
    assert_eq!(rejection.to_http(Version::HTTP_2).status(), 400);
    assert_eq!(rejection.to_http(Version::HTTP_11).status(), 426);
}

//= rfc8441#5
//= type=test
//# Implementations using this extended CONNECT to bootstrap WebSockets
//# do not do the processing of the Sec-WebSocket-Key and Sec-WebSocket-
//# Accept header fields of [RFC6455] as that functionality has been
//# superseded by the :protocol pseudo-header field.
#[test]
fn the_exchange_of_the_rfc_is_taken_and_answered() {
    for (version, carrier) in VERSIONS {
        let mut parts = asked(version);
        parts.headers.insert("sec-websocket-key", "no key".parse().unwrap());
        let request = Request::from_http_with(&parts, Some("WebSocket"), &Config::default().limits);
        let request = request.unwrap();
        assert_eq!((request.host(), request.path()), ("server.example.com", "/chat"));
        assert_eq!((request.carrier(), request.query()), (carrier, None));
        assert!(request.subprotocols().eq(["chat", "superchat"]));
        let accept = Accept::new(Origins::SameHost).subprotocol("chat").unwrap();
        let accept = accept.header("x-own", "1").unwrap();
        let (response, negotiated) = accept.to_http(&request, &Config::default()).unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        assert_eq!(names(response.headers()), ["sec-websocket-protocol", "x-own"]);
        assert_eq!((negotiated.carrier(), negotiated.subprotocol()), (carrier, Some("chat")));
        // A status that only HTTP/1.1 has.
        assert!(Request::from_extended_connect(&parts, "websocket").is_ok());
    }
    // Not an extended CONNECT: HTTP/1.1 has none.
    let parts = asked(Version::HTTP_11);
    let found = Request::from_extended_connect(&parts, "websocket");
    assert_eq!(found.err(), Some(HandshakeError::Method));
}

//= rfc8441#5
//= type=test
//# The scheme of the target URI (Section 5.1 of [RFC7230]) MUST be
//# "https" for "wss"-schemed WebSockets and "http" for "ws"-schemed
//# WebSockets.
//= rfc8441#5
//= type=test
//# The Host information is conveyed as part of the
//# :authority pseudo-header field, which is required on every HTTP/2
//# transaction.
//= rfc8441#5
//= type=test
//# The Origin [RFC6454], Sec-WebSocket-Version, Sec-WebSocket-Protocol,
//# and Sec-WebSocket-Extensions header fields are used in the CONNECT
//# request and response-header fields as defined in [RFC6455].
#[test]
fn a_client_asks_with_an_extended_connect() {
    let cases = [
        ("ws://h", "http://h/"),
        ("ws://h:81/a?b", "http://h:81/a?b"),
        ("wss://h:443/", "https://h/"),
        ("wss://[::1]:9/a%20b", "https://[::1]:9/a%20b"),
    ];
    for (version, carrier) in VERSIONS {
        for (url, uri) in cases {
            let asked = ClientRequest::new(url).unwrap();
            let asked = asked.subprotocol("a").unwrap().origin("https://h").unwrap();
            let config = Config::default();
            let (message, handshake) =
                HttpHandshake::extended_connect(&asked, version, &config).unwrap();
            assert_eq!((message.method(), message.version()), (&Method::CONNECT, version));
            assert_eq!(message.uri().to_string(), uri);
            let fields = ["origin", "sec-websocket-protocol", "sec-websocket-version"];
            assert_eq!(names(message.headers()), fields);
            // What a client asks, a server takes; and the other way round.
            let (parts, ()) = message.into_parts();
            let request = Request::from_extended_connect(&parts, HttpHandshake::PROTOCOL).unwrap();
            assert_eq!(request.host(), asked.authority());
            let accept = Accept::new(Origins::Any).subprotocol("a").unwrap();
            let (answer, agreed) = accept.to_http(&request, &config).unwrap();
            match handshake.judge(&answer.into_parts().0) {
                Ok(Outcome::Established(response)) => {
                    assert_eq!(response.negotiated(), &agreed);
                    assert_eq!((response.status(), agreed.carrier()), (200, carrier));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let own = ClientRequest::new("ws://h").unwrap().header("Host", "other.example").unwrap();
    let (message, _) =
        HttpHandshake::extended_connect(&own, Version::HTTP_2, &Config::default()).unwrap();
    assert_eq!(message.uri(), "http://other.example/");
}

#[test]
fn a_client_judges_the_response_to_it() {
    use HandshakeError as E;
    const PROTOCOL: &str = "sec-websocket-protocol";
    let asked = ClientRequest::new("wss://h/").unwrap().subprotocol("a").unwrap();
    let judge = |parts: &response::Parts| {
        let (_, handshake) =
            HttpHandshake::extended_connect(&asked, Version::HTTP_2, &Config::default()).unwrap();
        handshake.judge(parts).map(|outcome| match outcome {
            Outcome::Established(response) => (response.status(), true),
            Outcome::Refused(refusal) => (refusal.status(), false),
        })
    };
    let many: Vec<_> = (0..65).map(|_| ("x", "y")).collect();
    /// A status, its header fields, and how it is judged.
    type Case<'a> = (u16, &'a [(&'static str, &'static str)], Result<(u16, bool), E>);
    let cases: &[Case<'_>] = &[
        (200, &[], Ok((200, true))),
        (204, &[(PROTOCOL, "a")], Ok((204, true))),
        // What HTTP/1.1 would need is not looked at.
        (200, &[("sec-websocket-accept", "x")], Ok((200, true))),
        (101, &[], Err(E::SwitchingProtocols)),
        (200, &[(PROTOCOL, "b")], Err(E::SubprotocolNotRequested)),
        (200, &[(PROTOCOL, "a"), (PROTOCOL, "a")], Err(E::SubprotocolRepeated)),
        (200, &[("sec-websocket-extensions", "x")], Err(E::ExtensionNotOffered)),
        (200, &many, Err(E::TooManyHeaders { limit: 64 })),
        (404, &many, Ok((404, false))),
        (302, &[("location", "/")], Ok((302, false))),
        (501, &[], Ok((501, false))),
    ];
    for (status, fields, expected) in cases {
        assert_eq!(judge(&response(*status, fields)), *expected, "{status} {fields:?}");
    }
    let (_, handshake) =
        HttpHandshake::extended_connect(&asked, Version::HTTP_2, &Config::default()).unwrap();
    let Ok(Outcome::Refused(refusal)) = handshake.judge(&response(403, &[("x", "y")])) else {
        panic!("it is refused");
    };
    let refusal = refusal.with_body("z".repeat(10_000));
    assert_eq!((refusal.body().len(), refusal.headers().get("x")), (4096, Some("y")));
}

/// Theirs hold less than ours: that is an error, and nothing is left out in silence.
#[test]
fn what_does_not_fit_the_types_is_refused() {
    let config = Config::default();
    let long = ClientRequest::new(&format!("ws://h/{}", "x".repeat(70_000))).unwrap();
    let found = HttpHandshake::upgrade(&long, [0; 16], &config).err();
    assert_eq!(found, Some(RequestError::ResourceTooLong));
    let found = HttpHandshake::extended_connect(&long, Version::HTTP_2, &config).err();
    assert_eq!(found, Some(RequestError::ResourceTooLong));
    let odd = ClientRequest::new("ws://a%20b/").unwrap();
    let found = HttpHandshake::extended_connect(&odd, Version::HTTP_2, &config).err();
    assert_eq!(found, Some(RequestError::Host));

    let name = "n".repeat(70_000);
    let named = ClientRequest::new("ws://h").unwrap().header(&name, "v").unwrap();
    let found = HttpHandshake::upgrade(&named, [0; 16], &config).err();
    assert_eq!(found, Some(RequestError::Header(HeaderError::TooLarge)));
    let accept = Accept::new(Origins::Any).header(&name, "v").unwrap();
    let request = Request::from_extended_connect(&asked(Version::HTTP_2), "websocket").unwrap();
    assert!(accept.to_http(&request, &config).is_err());
    // A rejection goes out without it.
    let rejection = Rejection::new(404).unwrap().header(&name, "v").unwrap();
    let rejection = rejection.header("x", "y").unwrap().to_http(Version::HTTP_11);
    assert_eq!(names(rejection.headers()), ["x"]);
}

/// RFC 9113 section 8.3.1: the same, once both are normalised.
/// Found by a review: HTTP/2 lets a name have a character that no token has, and a field of it was
/// neither shown nor counted.
#[test]
fn a_name_that_is_no_token_is_no_field() {
    let odd = http::HeaderName::from_lowercase(b"a\"b").unwrap();
    for (version, _) in VERSIONS {
        let mut parts = asked(version);
        parts.headers.append(odd.clone(), "x".parse().unwrap());
        let found = Request::from_extended_connect(&parts, "websocket");
        assert_eq!(found.err(), Some(HandshakeError::HeaderField));
    }
}

#[test]
fn a_host_beside_the_authority_may_say_the_same() {
    for host in ["server.example.com", "Server.Example.com", "server.example.com:443"] {
        let mut parts = asked(Version::HTTP_2);
        parts.headers.insert("host", host.parse().unwrap());
        let request = Request::from_extended_connect(&parts, "websocket").unwrap();
        assert_eq!(request.host(), "server.example.com");
    }
}

/// The first verdict and its confidence, and the names of all.
fn verdicts(report: &Termination) -> (&'static str, Confidence, Vec<&'static str>) {
    let diagnosis = report.diagnosis();
    let names = diagnosis.iter().map(|finding| finding.verdict().name()).collect();
    (diagnosis.verdict().name(), diagnosis.first().confidence(), names)
}

#[test]
fn what_a_reset_of_an_open_stream_means_is_said_by_code_and_carrier() {
    const RESERVED: u64 = 0x1f * 5 + 0x21;
    let reset = |code| TransportError::StreamReset { code };
    let cases = [
        (Version::HTTP_2, reset(0x8), "stream_cancelled", Likely),
        (Version::HTTP_2, reset(0x2), "stream_failed", Certain),
        // It was open: so it was not unseen.
        (Version::HTTP_2, reset(0x7), "stream_failed", Likely),
        (Version::HTTP_3, reset(0x10b), "stream_failed", Likely),
        (Version::HTTP_2, reset(0x7777), "stream_failed", Likely),
        // In HTTP/3, a code that nobody knows says that nothing was wrong.
        (Version::HTTP_3, reset(0x7777), "stream_cancelled", Likely),
        (Version::HTTP_3, reset(RESERVED), "stream_cancelled", Likely),
        (Version::HTTP_2, TransportError::BrokenPipe, "peer_vanished", Likely),
        (Version::HTTP_2, TransportError::UnexpectedEof, "peer_vanished", Likely),
    ];
    for (version, kind, verdict, confidence) in cases {
        let request = Request::from_extended_connect(&asked(version), "websocket").unwrap();
        let accept = Accept::new(Origins::SameHost);
        let (_, negotiated) = accept.to_http(&request, &Config::default()).unwrap();
        let (seed, now) = (Seed::new([1; 32]), Timestamp::ZERO);
        let mut session = Session::upgraded(Role::Server, negotiated, Config::default(), seed, now);
        session.handle_read_closed(ReadClosed::Failed(kind), now);
        let report = loop {
            match session.poll_event(&mut &mut [][..], now) {
                Some(SessionEvent::Ended(report)) => break report,
                Some(_) => {}
                None => panic!("{kind}"),
            }
        };
        let (first, sure, names) = verdicts(&report);
        assert_eq!((first, sure), (verdict, confidence), "{version:?} {kind}: {names:?}");
        assert!(!names.contains(&"stream_refused") && !names.contains(&"transport_failure"));
    }
}

/// What a server means by a code, a client that resets its own request does not.
#[test]
fn what_a_reset_before_the_response_means_is_said_by_role() {
    let cases = [
        (Role::Client, 0x1, "extended_connect_not_offered", Likely),
        (Role::Client, 0xd, "extended_connect_not_offered", Certain),
        (Role::Client, 0x7, "stream_refused", Certain),
        (Role::Client, 0x7777, "stream_failed", Likely),
        (Role::Server, 0x1, "stream_failed", Certain),
        (Role::Server, 0xd, "stream_failed", Likely),
        (Role::Server, 0x7, "stream_failed", Likely),
        (Role::Server, 0x8, "stream_cancelled", Likely),
    ];
    for (role, code, verdict, confidence) in cases {
        let failure = OpeningFailure::from(TransportError::StreamReset { code });
        let report = failure.report(role, Carrier::Http2, Timestamp::ZERO, Timestamp::ZERO);
        let (first, sure, names) = verdicts(&report);
        assert_eq!((first, sure), (verdict, confidence), "{role:?} {code:#x}: {names:?}");
        let servers = ["stream_refused", "extended_connect_not_offered"];
        let said = names.iter().any(|name| servers.contains(name));
        assert!(!said || role == Role::Client, "{code:#x}: {names:?}");
    }
    // Settings that have not come yet look the same.
    let failure = OpeningFailure::Invalid(HandshakeError::ExtendedConnectNotOffered);
    let report = failure.report(Role::Client, Carrier::Http2, Timestamp::ZERO, Timestamp::ZERO);
    let expected = ("extended_connect_not_offered", Likely, vec!["extended_connect_not_offered"]);
    assert_eq!(verdicts(&report), expected);
    assert!(format!("{:#}", report.diagnosis()).contains("Wait for the server's SETTINGS"));
}

/// A server has read the request before anything can fail; on a client's stream, more than the response
/// may have come.
#[test]
fn what_was_received_before_a_failure_is_not_denied() {
    let at = |seconds| Timestamp::ZERO + std::time::Duration::from_secs(seconds);
    let failures = [
        OpeningFailure::TimedOut,
        OpeningFailure::Ended,
        OpeningFailure::Aborted,
        TransportError::Reset.into(),
        TransportError::EndOrReset.into(),
        OpeningFailure::Rejected { status: 401 },
        OpeningFailure::Invalid(HandshakeError::Version),
    ];
    for failure in failures {
        for carrier in [Carrier::Http1, Carrier::Http2] {
            let report = failure.clone().report(Role::Server, carrier, at(1), at(11));
            assert_eq!(report.evidence.last_received, Some(at(1)), "{report}");
            let told = format!("{report}\n{:#}", report.diagnosis());
            assert!(!told.contains("no byte") && !told.contains("no response"), "{told}");
        }
        let report = failure.report(Role::Client, Carrier::Http2, at(1), at(11));
        let told = format!("{report}\n{:#}", report.diagnosis());
        assert!(!told.contains("no byte"), "{told}");
        let names = verdicts(&report).2;
        let other = names.contains(&"tls_port") || names.contains(&"not_web_socket");
        assert!(!other, "who speaks HTTP/2 is neither: {told}");
        assert_ne!(verdicts(&report).1, Possible, "{told}");
    }
}
