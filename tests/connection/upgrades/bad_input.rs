//! What goes wrong between a request and its socket: typed, said once, and nothing of it stays.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};

use bytes::Bytes;
use farewell::aio::{self, UpgradeError, connect_with};
use farewell::handshake::{ClientRequest, HandshakeError};
use farewell::{AcceptError, Cause, ConnectError, TransportError};
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;

use super::support::{Server, run, serve, soon};
use crate::adapters::files::open_files;
use crate::adapters::support::{anyone, quiet};

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// What a server answers to bytes, up to the end of the head.
fn head(stream: &mut StdStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

async fn answer(address: SocketAddr, request: String) -> (String, StdStream) {
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = StdStream::connect(address).unwrap();
        (head(&mut stream, &request), stream)
    });
    soon(answered).await.unwrap()
}

#[test]
fn a_body_that_is_announced_is_refused() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        for field in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            let request = REQUEST.replace("Host:", &format!("{field}\r\nHost:"));
            let (head, stream) = answer(server.address, request).await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
            drop(stream);
            let Err(AcceptError::Ended(report)) = server.told().await else { panic!("{field}") };
            assert_eq!(report.cause, Cause::HandshakeInvalid(HandshakeError::Body), "{report}");
        }
    });
}

#[test]
fn plain_http_is_told_what_to_do() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        let plain = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned();
        let (head, _stream) = answer(server.address, plain).await;
        assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
        for field in ["upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13"] {
            assert!(head.to_lowercase().contains(&field.to_lowercase()), "{field}: {head}");
        }
        let rule = HandshakeError::UpgradeNotRequested;
        assert_eq!(server.report().await.cause, Cause::HandshakeInvalid(rule));
    });
}

#[test]
fn a_request_without_an_upgrade_in_it_is_a_fault_of_the_server() {
    run(async || {
        let build = || {
            http::Request::get("/chat")
                .header("Host", "example.com")
                .header("Upgrade", "websocket")
                .header("Connection", "Upgrade")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("Sec-WebSocket-Version", "13")
        };
        let mut request = build().body(()).unwrap();
        let (response, upgrade) = aio::upgrade(&mut request, &anyone(quiet()));
        assert_eq!(response.status(), 500);
        let error = soon(upgrade).await.unwrap_err();
        assert!(matches!(error, AcceptError::Upgrade(UpgradeError::Missing)), "{error}");
        // What the request itself does wrong is told first.
        let mut request = build().header("Content-Length", "1").body(()).unwrap();
        let (response, upgrade) = aio::upgrade(&mut request, &anyone(quiet()));
        assert_eq!(response.status(), 400);
        assert!(matches!(soon(upgrade).await, Err(AcceptError::Ended(_))));
    });
}

/// A server of HTTP/1.1 that may do without upgrades, and does `act` with what would be the socket.
async fn odd_server(
    with_upgrades: bool,
    act: impl Fn(aio::Upgrade) -> Option<aio::Upgrade> + Clone + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tell, act) = (tell.clone(), act.clone());
            let service = service_fn(move |mut request: http::Request<Body>| {
                let (response, upgrade) = aio::upgrade(&mut request, &anyone(quiet()));
                if let Some(upgrade) = act(upgrade) {
                    let tell = tell.clone();
                    tokio::spawn(async move {
                        let told = match upgrade.await {
                            Ok(socket) => Ok(super::support::echo(socket).await),
                            Err(error) => Err(error),
                        };
                        let _ = tell.send(told);
                    });
                }
                async move { Ok::<_, std::convert::Infallible>(response.map(Full::<Bytes>::new)) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            let connection = server.serve_connection(TokioIo::new(stream), service);
            match with_upgrades {
                true => drop(tokio::spawn(connection.with_upgrades())),
                false => drop(tokio::spawn(connection)),
            }
        }
    });
    Server::new(address, told)
}

#[test]
fn a_server_without_upgrades_says_so() {
    run(async || {
        let mut server = odd_server(false, Some).await;
        let (head, mut stream) = answer(server.address, REQUEST.to_owned()).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let error = server.told().await.unwrap_err();
        assert!(matches!(error, AcceptError::Upgrade(UpgradeError::NotEnabled)), "{error}");
        let rest = tokio::task::spawn_blocking(move || stream.read(&mut [0; 9]));
        assert!(matches!(soon(rest).await.unwrap(), Ok(0) | Err(_)));
    });
}

/// The deadline is one for the whole opening handshake, whenever the future is polled first.
#[test]
fn the_deadline_begins_with_the_request() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (give, mut given) = unbounded_channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |mut request: http::Request<Body>| {
                let (_, upgrade) = aio::upgrade(&mut request, &anyone(quiet()));
                let _ = give.send(upgrade);
                // The response never leaves.
                std::future::pending::<Result<http::Response<Full<Bytes>>, std::io::Error>>()
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, REQUEST.as_bytes()).await.unwrap();
        let upgrade = soon(given.recv()).await.unwrap();
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        tokio::time::sleep(quiet().timeouts.handshake / 2).await;
        let Err(AcceptError::Ended(report)) = upgrade.await else { panic!("it opened") };
        assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
        // It is the test's own clock, but for the moments before it was stopped.
        assert!(began.elapsed() < quiet().timeouts.handshake * 5 / 4, "{:?}", began.elapsed());
    });
}

#[test]
fn a_handler_that_never_takes_the_socket_gives_it_up() {
    run(async || {
        let server = odd_server(true, |_| None).await;
        let (head, mut stream) = answer(server.address, REQUEST.to_owned()).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let rest = tokio::task::spawn_blocking(move || stream.read(&mut [0; 9]));
        assert!(matches!(soon(rest).await.unwrap(), Ok(0) | Err(_)));
        assert_nothing_stays(server.address).await;
    });
}

#[test]
fn a_client_that_leaves_after_the_response_is_reported() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        for reset in [true, false] {
            let (head, stream) = answer(server.address, REQUEST.to_owned()).await;
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            if reset {
                socket2::SockRef::from(&stream).set_linger(Some(Default::default())).unwrap();
            }
            drop(stream);
            let report = server.report().await;
            match (reset, report.cause) {
                (true, Cause::Transport { kind: TransportError::Reset, .. })
                | (false, Cause::Eof { .. }) => {}
                _ => panic!("{report}"),
            }
        }
        assert_nothing_stays(server.address).await;
    });
}

#[test]
fn what_fails_and_what_works_leaves_no_file_open() {
    run(async || {
        let mut server = serve(anyone(quiet())).await;
        for round in 0..20 {
            let request = server.request("/");
            match round % 4 {
                0 => {
                    let mut socket = soon(connect_with(&request, quiet())).await.unwrap();
                    soon(socket.close(farewell::CloseCode::NORMAL)).await;
                }
                1 => drop(soon(connect_with(&request, quiet())).await.unwrap()),
                2 => drop(answer(server.address, REQUEST.replace("13", "8")).await),
                _ => drop(answer(server.address, REQUEST.to_owned()).await),
            }
            let _ = server.told().await;
        }
        assert_nothing_stays(server.address).await;
    });
}

/// Waits until this process has no connection to or from the server any more.
async fn assert_nothing_stays(address: SocketAddr) {
    soon(async {
        while open_files(address.port()) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What came of each request is one event, whether there is a report or not.
#[cfg(feature = "tracing")]
#[test]
fn every_failure_is_told_once() {
    use crate::support::collector::Collector;

    let causes = |act: &dyn Fn()| {
        let collector = Collector::default();
        collector.collect(act);
        let log = collector.log();
        assert!(log.strays.is_empty(), "{log:?}");
        let events = log.spans.iter().flat_map(|span| &span.events);
        events.map(|(_, event)| event["cause"].clone()).collect::<Vec<_>>()
    };
    let build = |version: &str| {
        http::Request::get("/chat")
            .header("Host", "example.com")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version", version)
            .body(())
            .unwrap()
    };
    let missing = || drop(aio::upgrade(&mut build("13"), &anyone(quiet())));
    assert_eq!(causes(&missing), ["aborted"]);
    let wrong = || drop(aio::upgrade(&mut build("8"), &anyone(quiet())));
    assert_eq!(causes(&wrong), ["handshake_invalid"]);
    let never_taken = || {
        crate::adapters::support::runtime().block_on(async {
            let server = odd_server(true, |_| None).await;
            let request = ClientRequest::new(&format!("ws://{}/", server.address)).unwrap();
            match soon(connect_with(&request, quiet())).await {
                Ok(mut socket) => drop(soon(socket.next()).await),
                Err(ConnectError::Ended(_)) => {}
                Err(error) => panic!("{error}"),
            }
        });
    };
    let mut told = causes(&never_taken);
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "aborted", "{told:?}");
}
