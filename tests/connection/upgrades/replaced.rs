//! A server that sends something else than the response that it got for the request.

use std::convert::Infallible;

use bytes::Bytes;
use farewell::aio;
use farewell::diagnosis::Confidence;
use farewell::handshake::{HandshakeError, Outcome};
use farewell::{Acceptor, Cause};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;

use super::support::{Server, connect_http2, echo, run, soon};
use crate::adapters::support::{anyone, masked, quiet};

/// A layer outside of the handler has something against every request.
async fn serve(acceptor: Acceptor) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tell, acceptor) = (tell.clone(), acceptor.clone());
            let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
                let (_, upgrade) = aio::upgrade(&mut request, &acceptor);
                let tell = tell.clone();
                tokio::spawn(async move {
                    let told = match upgrade.await {
                        Ok(socket) => Ok(echo(socket).await),
                        Err(error) => Err(error),
                    };
                    let _ = tell.send(told);
                });
                let mut response = http::Response::new(Full::new(Bytes::from("no")));
                *response.status_mut() = http::StatusCode::FORBIDDEN;
                async move { Ok::<_, Infallible>(response) }
            });
            let mut server = auto::Builder::new(TokioExecutor::new());
            server.http2().enable_connect_protocol();
            tokio::spawn(async move {
                let stream = TokioIo::new(stream);
                let _ = server.serve_connection_with_upgrades(stream, service).await;
            });
        }
    });
    Server::new(address, told)
}

/// hyper gives the connection up for a WebSocket after any response, once it is to be closed: a client
/// must not be able to ask for that.
#[test]
fn a_client_that_has_the_connection_closed_gets_no_socket() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        for fields in ["Connection: Upgrade, close", "Connection: Close\r\nConnection: upgrade"] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let request = format!(
                "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n{fields}\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.write_all(&masked(0x81, b"hi")).await.unwrap();
            let mut answer = Vec::new();
            let _ = soon(stream.read_to_end(&mut answer)).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.ends_with("no"), "a frame came behind it: {answer}");
            let report = server.report().await;
            let rule = HandshakeError::ConnectionClose;
            assert_eq!(report.cause, Cause::HandshakeInvalid(rule), "{report}");
        }
    });
}

/// hyper lets go of the stream, which can have several reasons, and does not say which.
#[test]
fn a_response_that_was_not_sent_is_not_blamed_on_the_client() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        let request = server.request("/chat");
        let refused = connect_http2(server.address, &request, quiet()).await;
        assert!(matches!(refused, Err(Outcome::Refused(refusal)) if refusal.status() == 403));
        let report = server.report().await;
        let text = report.to_string();
        assert!(text.contains("our response was not sent: another one was"), "{text}");
        assert!(!text.contains("no byte") && !text.contains("no response"), "{text}");
        let diagnosis = report.diagnosis();
        for finding in diagnosis.iter() {
            assert_eq!(finding.confidence(), Confidence::Possible, "{diagnosis:#}");
        }
        assert_eq!(diagnosis.verdict().name(), "handshake_cut_short", "{diagnosis:#}");
        assert!(diagnosis.iter().any(|it| it.verdict().name() == "local_abort"), "{diagnosis:#}");
    });
}
