//! What a stream of HTTP/2 can be asked, and how it can end, spoken by hand with the h2 crate.

use bytes::Bytes;
use farewell::handshake::{Carrier, HandshakeError, Origins};
use farewell::{AcceptError, Acceptor, Cause, Direction, Position, StreamEnd, TransportError};
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Version};
use tokio::net::TcpStream;

use super::support::{Server, run, serve, soon};
use crate::adapters::support::{masked, quiet};

async fn http2(server: &Server) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = soon(h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut client = soon(client.ready()).await.unwrap();
    // Its settings come with its first bytes, and those with an answer.
    while !client.is_extended_connect_protocol_enabled() {
        let request = Request::get(format!("http://{}/", server.address)).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        assert_eq!(soon(response).await.unwrap().status(), 405);
        client = soon(client.ready()).await.unwrap();
    }
    client
}

fn connect(server: &Server) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("http://{}/chat", server.address).parse().unwrap();
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

async fn server() -> (Server, SendRequest<Bytes>) {
    let mut server = serve(Acceptor::new(Origins::SameHost).config(quiet())).await;
    let client = http2(&server).await;
    while let Some(told) = server.told_already() {
        let Err(AcceptError::Ended(report)) = told else { panic!("{told:?}") };
        assert_eq!(report.cause, Cause::HandshakeInvalid(HandshakeError::MethodNotConnect));
        assert_eq!(report.evidence.carrier, Carrier::Http2);
    }
    (server, client)
}

#[test]
fn what_is_no_extended_connect_for_a_websocket_is_refused() {
    use HandshakeError as E;
    run(async || {
        let (mut server, mut client) = server().await;
        type Case = (fn(&mut Request<()>), u16, E);
        let cases: [Case; 8] = [
            (
                |it| _ = it.extensions_mut().insert(Protocol::from_static("x")),
                501,
                E::ProtocolUnknown,
            ),
            (
                |it| {
                    it.extensions_mut().remove::<Protocol>();
                    *it.uri_mut() = "example.com:80".parse().unwrap();
                },
                400,
                E::ProtocolMissing,
            ),
            (|it| *it.method_mut() = Method::POST, 405, E::MethodNotConnect),
            (|it| _ = it.headers_mut().remove("sec-websocket-version"), 400, E::Version),
            (
                |it| _ = it.headers_mut().insert("sec-websocket-version", "8".parse().unwrap()),
                400,
                E::Version,
            ),
            (
                |it| _ = it.headers_mut().insert("origin", "http://other.example".parse().unwrap()),
                403,
                E::OriginRefused,
            ),
            (
                |it| _ = it.headers_mut().insert("sec-websocket-protocol", "a b".parse().unwrap()),
                400,
                E::SubprotocolsInvalid,
            ),
            (
                |it| {
                    _ = it.headers_mut().insert("sec-websocket-extensions", "a;;".parse().unwrap())
                },
                400,
                E::ExtensionsInvalid,
            ),
        ];
        for (change, status, error) in cases {
            let mut request = connect(&server);
            change(&mut request);
            if *request.method() != Method::CONNECT {
                request.extensions_mut().remove::<Protocol>();
            }
            let (response, _stream) = client.send_request(request, false).unwrap();
            let response = soon(response).await.unwrap_or_else(|e| panic!("{error}: {e}"));
            assert_eq!(response.status(), status, "{error}");
            let version = response.headers().get("sec-websocket-version");
            assert_eq!(version.is_some(), error == E::Version, "{error}");
            let allow = response.headers().get("allow").map(|it| it.to_str().unwrap());
            assert_eq!(allow, (status == 405).then_some("CONNECT"), "{error}");
            let report = server.report().await;
            assert_eq!(report.cause, Cause::HandshakeInvalid(error));
            assert_eq!(report.evidence.http_status, Some(status));
            client = soon(client.ready()).await.unwrap();
        }
        //= rfc8441#5
        //= type=test
        //# Implementations using this extended CONNECT to bootstrap WebSockets
        //# do not do the processing of the Sec-WebSocket-Key and Sec-WebSocket-
        //# Accept header fields of [RFC6455] as that functionality has been
        //# superseded by the :protocol pseudo-header field.
        let mut request = connect(&server);
        request.headers_mut().insert("sec-websocket-key", "no key at all".parse().unwrap());
        let (response, _stream) = client.send_request(request, false).unwrap();
        let response = soon(response).await.unwrap();
        assert_eq!(response.status(), 200);
        for name in ["sec-websocket-accept", "upgrade", "connection"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
    });
}

/// A stream that is open, and has echoed a message.
async fn open(server: &Server, client: SendRequest<Bytes>) -> (SendStream<Bytes>, RecvStream) {
    let mut client = soon(client.ready()).await.unwrap();
    let (response, mut send) = client.send_request(connect(server), false).unwrap();
    let response = soon(response).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut receive = response.into_body();
    send.send_data(masked(0x81, b"hi").into(), false).unwrap();
    let mut echo = Vec::new();
    while echo.len() < 4 {
        echo.extend_from_slice(&soon(receive.data()).await.unwrap().unwrap());
    }
    assert_eq!(echo, b"\x81\x02hi");
    (send, receive)
}

#[test]
fn a_stream_that_is_reset_says_with_which_code() {
    run(async || {
        for (reason, verdict) in [
            (Reason::CANCEL, "stream_cancelled"),
            (Reason::NO_ERROR, "stream_cancelled"),
            (Reason::REFUSED_STREAM, "stream_refused"),
            (Reason::INTERNAL_ERROR, "stream_failed"),
            (Reason::ENHANCE_YOUR_CALM, "stream_failed"),
        ] {
            let (mut server, client) = server().await;
            let (mut send, _receive) = open(&server, client.clone()).await;
            send.send_reset(reason);
            let report = server.report().await;
            let code = u64::from(u32::from(reason));
            assert!(!report.clean, "{report}");
            assert_eq!(report.evidence.carrier, Carrier::Http2);
            let Cause::Transport { kind, .. } = report.cause else { panic!("{report}") };
            // Of these two, hyper says by another way what they were, or not at all.
            let untold = matches!(reason, Reason::CANCEL | Reason::NO_ERROR);
            match kind {
                TransportError::StreamReset { code: said } => assert_eq!(said, code, "{report}"),
                TransportError::EndOrReset if untold => {}
                _ => panic!("{report}"),
            }
            let diagnosis = report.diagnosis();
            let mut named = diagnosis.iter().map(|finding| finding.verdict().name());
            assert!(named.any(|name| name == verdict), "{diagnosis:#}");
        }
    });
}

#[test]
fn a_stream_that_ends_is_not_said_to_be_reset() {
    run(async || {
        let (mut server, client) = server().await;
        let (mut send, _receive) = open(&server, client.clone()).await;
        send.send_data(Bytes::new(), true).unwrap();
        let report = server.report().await;
        let kind = TransportError::EndOrReset;
        assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind }, "{report}");
        assert_eq!(report.stream_end, StreamEnd::EndOrReset);
        assert_eq!(report.evidence.position, Position::FrameBoundary);
    });
}

/// As after TCP's FIN, our Close still leaves, and the end is clean.
#[test]
fn a_close_that_comes_with_the_end_of_the_stream_is_answered() {
    run(async || {
        let (mut server, client) = server().await;
        let (mut send, mut receive) = open(&server, client.clone()).await;
        send.send_data(masked(0x88, b"\x03\xe8").into(), true).unwrap();
        assert_eq!(&soon(receive.data()).await.unwrap().unwrap()[..], b"\x88\x02\x03\xe8");
        while let Some(more) = soon(receive.data()).await {
            assert!(more.unwrap().is_empty());
        }
        let report = server.report().await;
        assert_eq!((report.clean, report.code), (true, 1000), "{report}");
    });
}

#[test]
fn a_connection_that_breaks_takes_its_streams_along() {
    run(async || {
        let mut server = serve(Acceptor::new(Origins::SameHost).config(quiet())).await;
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = soon(h2::client::handshake(stream)).await.unwrap();
        let task = tokio::spawn(connection);
        let streams = [open(&server, client.clone()).await, open(&server, client.clone()).await];
        task.abort();
        drop(streams);
        for _ in 0..2 {
            let report = server.report().await;
            assert!(!report.clean, "{report}");
            assert_eq!(report.evidence.carrier, Carrier::Http2);
        }
    });
}
