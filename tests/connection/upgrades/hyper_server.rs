//! What hyper serves, over HTTP/1.1 and HTTP/2.

use farewell::aio::{Incoming, WebSocket, connect_with};
use farewell::handshake::{Accept, Carrier, HandshakeError, Origins, Outcome, Rejection};
use farewell::{
    AcceptError, Acceptor, Cause, CloseCode, Compression, Config, ConnectError, Termination,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::support::{connect_http2, run, serve, soon};
use crate::adapters::support::quiet;

/// Messages of several sizes go there and back; then the end, as the client sees it.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocket<S>) -> Box<Termination> {
    for size in [0, 1, 125, 126, 5_000, 300_000] {
        let message = "x".repeat(size);
        soon(socket.send(message.as_str())).await.unwrap();
        match soon(socket.next()).await {
            Incoming::Message(echo) => assert_eq!(echo.as_text(), Some(&*message)),
            Incoming::Ended(report) => panic!("{report}"),
        }
    }
    soon(socket.close(CloseCode::NORMAL)).await
}

fn compressed() -> Config {
    let mut config = quiet();
    config.compression = Some(Compression::default());
    config
}

#[test]
fn a_socket_comes_of_a_request_over_http_1_1() {
    run(async || {
        for config in [quiet(), compressed()] {
            let accept = Accept::new(Origins::SameHost).subprotocols(&["b", "a"]).unwrap();
            let accept = accept.header("X-From", "hyper").unwrap();
            let mut server = serve(Acceptor::with_accept(accept).config(config.clone())).await;
            let request = server.request("/chat?q=1").subprotocol("a").unwrap();
            let socket = soon(connect_with(&request, config.clone())).await.unwrap();
            assert_eq!(socket.subprotocol(), Some("a"));
            let compresses = socket.session().negotiated().extensions().deflate().is_some();
            assert_eq!(compresses, config.compression.is_some());
            assert_eq!(socket.response().unwrap().headers().get("x-from"), Some("hyper"));
            for report in [talk(socket).await, server.report().await] {
                assert_eq!((report.clean, report.code), (true, 1000), "{report}");
                assert_eq!(report.evidence.carrier, Carrier::Http1);
            }
        }
    });
}

#[test]
fn a_socket_comes_of_a_stream_of_http_2() {
    run(async || {
        for config in [quiet(), compressed()] {
            let accept = Accept::new(Origins::SameHost).subprotocols(&["b", "a"]).unwrap();
            let mut server = serve(Acceptor::with_accept(accept).config(config.clone())).await;
            let request = server.request("/chat?q=1").subprotocol("a").unwrap();
            let socket = connect_http2(server.address, &request, config.clone()).await.unwrap();
            assert_eq!(socket.subprotocol(), Some("a"));
            let compresses = socket.session().negotiated().extensions().deflate().is_some();
            assert_eq!(compresses, config.compression.is_some());
            for report in [talk(socket).await, server.report().await] {
                assert_eq!((report.clean, report.code), (true, 1000), "{report}");
                assert_eq!(report.evidence.carrier, Carrier::Http2);
            }
        }
    });
}

#[test]
fn a_rejection_is_the_response_and_the_report() {
    run(async || {
        let gone = || Rejection::new(410).unwrap().body("moved on");
        let acceptor = Acceptor::from_fn(move |request| match request.path() {
            "/gone" => Err(gone()),
            _ => Ok(Accept::new(Origins::Absent)),
        });
        let mut server = serve(acceptor).await;
        let foreign = server.request("/").origin("https://example.com").unwrap();
        for (request, status, cause) in [
            (server.request("/gone"), 410, Cause::HandshakeRejected { status: 410 }),
            (foreign, 403, Cause::HandshakeInvalid(HandshakeError::OriginRefused)),
        ] {
            let Err(ConnectError::Ended(report)) = soon(connect_with(&request, quiet())).await
            else {
                panic!("it connected");
            };
            assert_eq!(report.cause, Cause::HandshakeRejected { status }, "{report}");
            let Err(Outcome::Refused(refusal)) =
                connect_http2(server.address, &request, quiet()).await
            else {
                panic!("it connected");
            };
            assert_eq!(refusal.status(), status);
            for _ in 0..2 {
                let Err(AcceptError::Rejected { status: told, report, .. }) = server.told().await
                else {
                    panic!("it was accepted");
                };
                assert_eq!(told, status);
                assert_eq!(report.cause, cause, "{report}");
                assert_eq!(report.evidence.http_status, Some(status), "{report}");
            }
        }
    });
}
