//! The extractor for axum, under routers as people write them.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use farewell::aio::{UpgradeRejection, WebSocketUpgrade, connect_with};
use farewell::handshake::{Accept, Carrier, HandshakeError, Origins, Outcome, Rejection};
use farewell::{
    AcceptError, Acceptor, Cause, CloseCode, Compression, ConnectError, Incoming, Limits,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::support::{Server, Told, connect_http2, echo, run, soon};
use crate::adapters::support::quiet;

#[derive(Clone)]
struct State {
    tell: UnboundedSender<Told>,
    acceptor: Acceptor,
}

type Shared = axum::extract::State<State>;

async fn chat(shared: Shared, upgrade: WebSocketUpgrade) -> Response {
    let (tell, failed) = (shared.tell.clone(), shared.tell.clone());
    upgrade
        .origins(Origins::SameHost)
        .subprotocols(&["b", "a"])
        .header("X-From", "axum")
        .config(quiet())
        .compression(Compression::default())
        .on_failed(move |error| drop(failed.send(Err(error))))
        .on_upgrade(async move |socket| drop(tell.send(Ok(echo(socket).await))))
}

async fn by_acceptor(shared: Shared, upgrade: WebSocketUpgrade) -> Response {
    let (tell, failed) = (shared.tell.clone(), shared.tell.clone());
    let decision = upgrade.acceptor(&shared.acceptor);
    decision
        .on_failed(move |error| drop(failed.send(Err(error))))
        .on_upgrade(async move |socket| drop(tell.send(Ok(echo(socket).await))))
}

async fn page_or_chat(upgrade: Option<WebSocketUpgrade>) -> Response {
    match upgrade {
        Some(upgrade) => upgrade.reject(Rejection::new(410).unwrap().body("closed")),
        None => "a page".into_response(),
    }
}

/// A limit that hyper does not have, and a subprotocol that nobody can ask for.
async fn strict(shared: Shared, upgrade: WebSocketUpgrade) -> Response {
    let failed = shared.tell.clone();
    let faulty = upgrade.request().path().ends_with("faulty");
    let mut limits = Limits::default();
    limits.headers = if faulty { 64 } else { 3 };
    let decision = upgrade.accept(Accept::new(Origins::Any)).limits(limits);
    let decision = if faulty { decision.subprotocols(&["no token"]) } else { decision };
    decision.on_failed(move |error| drop(failed.send(Err(error)))).on_upgrade(async |_| {})
}

async fn by_result(upgrade: Result<WebSocketUpgrade, UpgradeRejection>) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.reject(Rejection::new(404).unwrap()),
        Err(rejection) => {
            let text = format!("{:?} {}", rejection.rule(), rejection.status());
            (axum::http::StatusCode::IM_A_TEAPOT, text).into_response()
        }
    }
}

async fn serve(acceptor: Acceptor) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = unbounded_channel();
    let nested = Router::new().route("/chat", any(chat));
    let router = Router::new()
        .route("/chat", any(chat))
        .route("/get", get(chat))
        .route("/state", any(by_acceptor))
        .route("/page", any(page_or_chat))
        .route("/strict", any(strict))
        .route("/strict/faulty", any(strict))
        .route("/result", any(by_result))
        .nest("/nested", nested)
        .with_state(State { tell, acceptor });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server::new(address, told)
}

fn acceptor() -> Acceptor {
    Acceptor::from_fn(|request| match request.query() {
        None => Ok(Accept::new(Origins::Any)),
        Some(_) => Err(Rejection::new(401).unwrap()),
    })
    .config(quiet())
}

/// The status, and the body.
async fn http(server: &Server, target: &str, fields: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    soon(stream.read_to_string(&mut text)).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn a_handler_gets_a_socket_on_either_carrier() {
    run(async || {
        let mut server = serve(acceptor()).await;
        let mut config = quiet();
        config.compression = Some(Compression::default());
        for target in ["/chat", "/get", "/state", "/nested/chat"] {
            let request = server.request(target).subprotocol("a").unwrap();
            let mut socket = soon(connect_with(&request, config.clone())).await.unwrap();
            let chats = target != "/state";
            assert_eq!(socket.subprotocol(), chats.then_some("a"), "{target}");
            let compresses = socket.session().negotiated().extensions().deflate().is_some();
            assert_eq!(compresses, chats, "{target}");
            soon(socket.send("hello")).await.unwrap();
            let Incoming::Message(echo) = soon(socket.next()).await else { panic!("{target}") };
            assert_eq!(echo.as_text(), Some("hello"));
            assert!(soon(socket.close(CloseCode::NORMAL)).await.clean);
            let report = server.report().await;
            assert_eq!((report.clean, report.evidence.carrier), (true, Carrier::Http1));
            if target == "/get" {
                continue;
            }
            let mut socket =
                connect_http2(server.address, &request, config.clone()).await.expect(target);
            soon(socket.send("hello")).await.unwrap();
            let Incoming::Message(echo) = soon(socket.next()).await else { panic!("{target}") };
            assert_eq!(echo.as_text(), Some("hello"));
            assert!(soon(socket.close(CloseCode::NORMAL)).await.clean);
            let report = server.report().await;
            assert_eq!((report.clean, report.evidence.carrier), (true, Carrier::Http2));
        }
        // Only `any` takes the CONNECT of HTTP/2.
        let refused = connect_http2(server.address, &server.request("/get"), quiet()).await;
        assert!(matches!(refused, Err(Outcome::Refused(refusal)) if refusal.status() == 405));
    });
}

#[test]
fn what_is_refused_is_a_response_of_axum_and_is_told() {
    run(async || {
        let mut server = serve(acceptor()).await;
        let foreign = server.request("/chat").origin("https://other.example").unwrap();
        let rejected = Cause::HandshakeRejected { status: 401 };
        let invalid = Cause::HandshakeInvalid;
        let cases = [
            (foreign, 403, Some(invalid(HandshakeError::OriginRefused))),
            (server.request("/state?x"), 401, Some(rejected)),
            (server.request("/page"), 410, None),
            (
                server.request("/strict"),
                431,
                Some(invalid(HandshakeError::TooManyHeaders { limit: 3 })),
            ),
            (server.request("/strict/faulty"), 500, None),
            (server.request("/nowhere"), 404, None),
        ];
        for (request, status, cause) in cases {
            let result = soon(connect_with(&request, quiet())).await;
            let Err(ConnectError::Ended(report)) = result else { panic!("it connected") };
            assert_eq!(report.cause, Cause::HandshakeRejected { status }, "{report}");
            if let Some(cause) = cause {
                assert_eq!(server.report().await.cause, cause);
            } else if status == 500 {
                let error = server.told().await.unwrap_err();
                assert!(matches!(error, AcceptError::Response(_)), "{error}");
            }
        }
        assert!(server.told_already().is_none());
    });
}

#[test]
fn plain_http_gets_a_page_or_is_told_what_to_do() {
    run(async || {
        let server = serve(acceptor()).await;
        assert_eq!(http(&server, "/page", "").await, (200, "a page".to_owned()));
        let (status, body) = http(&server, "/chat", "").await;
        assert_eq!(status, 426, "{body}");
        let old = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n";
        assert_eq!(http(&server, "/page", old).await.0, 426);
        let (status, body) = http(&server, "/result", old).await;
        assert_eq!((status, body.as_str()), (418, "Some(Version) 426"));
    });
}
