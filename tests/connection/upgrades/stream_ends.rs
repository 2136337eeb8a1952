//! How a stream of HTTP/2 can end, spoken by hand with the h2 crate, and what is said of it.

use bytes::Bytes;
use farewell::diagnosis::{Confidence, Verdict};
use farewell::handshake::{Carrier, Origins};
use farewell::{Acceptor, Cause, Direction, Position, StreamEnd, Termination, TransportError};
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::streams::{connect, server};
use super::support::{Server, Told, echo, run, serve, serve_with, soon};
use crate::adapters::support::{anyone, masked, quiet};

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
            (Reason::REFUSED_STREAM, "stream_failed"),
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
            let unseen = diagnosis.iter().any(|it| it.verdict() == Verdict::StreamRefused);
            assert!(!unseen, "it has echoed a message: {diagnosis:#}");
        }
    });
}

/// hyper passes it off as an end. Its writing task knows, and has always had its turn by now, but for a
/// very late one.
#[test]
fn a_stream_that_is_cancelled_is_told_from_one_that_ends() {
    run(async || {
        let mut said = Vec::new();
        for _ in 0..20 {
            let (mut server, client) = server().await;
            let (mut send, _receive) = open(&server, client).await;
            send.send_reset(Reason::CANCEL);
            let Cause::Transport { kind, .. } = server.report().await.cause else { continue };
            if kind == (TransportError::StreamReset { code: 8 }) {
                return;
            }
            said.push(kind);
        }
        panic!("{said:?}");
    });
}

/// Whoever writes learns the code alone; that it is the peer's, the reading side knows.
#[test]
fn a_reset_that_a_write_meets_is_the_peers_word() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = unbounded_channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
                let (response, upgrade) = farewell::aio::upgrade(&mut request, &anyone(quiet()));
                tokio::spawn(speak(upgrade, tell.clone()));
                async move { Ok::<_, std::convert::Infallible>(response.map(Full::new)) }
            });
            let mut server = http2::Builder::new(TokioExecutor::new());
            server.enable_connect_protocol();
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
        let mut server = Server::new(address, told);
        let (client, _connection) = handshake(&server).await;
        let mut client = soon(client.ready()).await.unwrap();
        let (response, mut send) = client.send_request(connect(&server), false).unwrap();
        let mut receive = soon(response).await.unwrap().into_body();
        soon(receive.data()).await.unwrap().unwrap();
        send.send_reset(Reason::INTERNAL_ERROR);
        let report = server.report().await;
        let kind = TransportError::StreamReset { code: 2 };
        let Cause::Transport { kind: said, .. } = report.cause else { panic!("{report}") };
        assert_eq!(said, kind, "{report}");
    });
}

/// Speaks and does not listen, until that fails.
async fn speak(upgrade: farewell::aio::Upgrade, tell: UnboundedSender<Told>) {
    let mut socket = upgrade.await.unwrap();
    while socket.send("x".repeat(1000)).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let _ = tell.send(Ok(echo(socket).await));
}

/// The task of a connection.
struct Driven(JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A client whose connection is not driven any more once that is dropped.
async fn handshake(server: &Server) -> (SendRequest<Bytes>, Driven) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, mut connection) = soon(h2::client::handshake(stream)).await.unwrap();
    // The settings come before the answer.
    let mut pings = connection.ping_pong().unwrap();
    let task = tokio::spawn(async move { _ = connection.await });
    soon(pings.ping(h2::Ping::opaque())).await.unwrap();
    (client, Driven(task))
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
        let (client, connection) = handshake(&server).await;
        let _streams = [open(&server, client.clone()).await, open(&server, client.clone()).await];
        drop(connection);
        for _ in 0..2 {
            assert_ended_below(server.report().await);
        }
    });
}

/// hyper's server does not tell a client's GOAWAY.
#[test]
fn a_connection_that_says_go_away_and_ends_is_one_that_ends() {
    run(async || {
        for code in [0, 11] {
            let mut server = serve(Acceptor::new(Origins::SameHost).config(quiet())).await;
            let stream = TcpStream::connect(server.address).await.unwrap().into_std().unwrap();
            let mut raw = TcpStream::from_std(stream.try_clone().unwrap()).unwrap();
            let (client, mut connection) =
                soon(h2::client::handshake(TcpStream::from_std(stream).unwrap())).await.unwrap();
            let opened = tokio::select! {
                opened = open(&server, client) => opened,
                _ = &mut connection => panic!("it ended"),
            };
            let frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code];
            soon(raw.write_all(&frame)).await.unwrap();
            soon(raw.shutdown()).await.unwrap();
            assert_ended_below(server.report().await);
            drop((opened, connection));
        }
    });
}

fn assert_ended_below(report: Box<Termination>) {
    assert!(!report.clean, "{report}");
    assert_eq!(report.evidence.carrier, Carrier::Http2);
    let kind = TransportError::UnexpectedEof;
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind }, "{report}");
    assert!(report.to_string().contains("the HTTP/2 connection below has ended"), "{report}");
    let diagnosis = report.diagnosis();
    assert_eq!(diagnosis.verdict(), Verdict::PeerVanished, "{diagnosis:#}");
}

/// hyper's own keep-alive shuts the connection down with NO_ERROR, which nobody else has said.
#[test]
fn a_connection_that_this_server_gives_up_is_no_word_of_the_peers() {
    run(async || {
        let (address, told) = serve_with(anyone(quiet()), |server| {
            let span = std::time::Duration::from_millis(100);
            server.http2().timer(TokioTimer::new()).enable_connect_protocol();
            server.http2().keep_alive_interval(span).keep_alive_timeout(span);
        })
        .await;
        let mut server = Server::new(address, told);
        let stream = TcpStream::connect(address).await.unwrap();
        let (client, mut connection) = soon(h2::client::handshake(stream)).await.unwrap();
        let _opened = tokio::select! {
            opened = open(&server, client) => opened,
            _ = &mut connection => panic!("it ended"),
        };
        // From here on, the client is frozen.
        let report = server.report().await;
        let Cause::Transport { kind, .. } = report.cause else { panic!("{report}") };
        assert_eq!(kind, TransportError::EndOrReset, "{report}");
        let diagnosis = report.diagnosis();
        let cancelled = Verdict::StreamCancelled { code: None };
        for finding in diagnosis.iter() {
            let blames = finding.verdict().name().starts_with("stream_");
            assert!(!blames || finding.verdict() == cancelled, "{diagnosis:#}");
            assert!(!blames || finding.confidence() == Confidence::Possible, "{diagnosis:#}");
        }
    });
}
