//! What a stream of HTTP/2 can be asked, spoken by hand with the h2 crate.

use bytes::Bytes;
use farewell::handshake::{Carrier, HandshakeError, Origins};
use farewell::{AcceptError, Acceptor, Cause};
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Method, Request, Version};
use tokio::net::TcpStream;

use super::support::{Server, run, serve, soon};
use crate::adapters::support::quiet;

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

pub(super) fn connect(server: &Server) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("http://{}/chat", server.address).parse().unwrap();
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

pub(super) async fn server() -> (Server, SendRequest<Bytes>) {
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
            let Err(told) = server.told().await else { panic!("{error}") };
            // An Origin that is not accepted is a decision; the others have broken a rule.
            assert_eq!(matches!(told, AcceptError::Rejected { .. }), error == E::OriginRefused);
            let report = told.into_report().unwrap_or_else(|told| panic!("{told}"));
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
