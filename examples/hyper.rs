//! An echo on a server of hyper's, over HTTP/1.1 and HTTP/2, beside a page of plain HTTP.
//!
//! `cargo run --release --all-features --example hyper -- [ADDRESS]`, by default 127.0.0.1:9001.
//! A GET of `/` is a page that uses it; everything else takes WebSockets, which are compressed where the
//! client offers it.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use farewell::aio::{Incoming, Upgraded, WebSocket, upgrade};
use farewell::handshake::Origins;
use farewell::{Acceptor, Compression, Config};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming as Body};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut config = Config::default();
    config.compression = Some(Compression::default());
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Without a free file, for example, the next attempt would fail at once, too.
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, acceptor.clone()));
            let mut server = auto::Builder::new(TokioExecutor::new());
            // Without it, no client asks for a WebSocket over HTTP/2.
            server.http2().enable_connect_protocol();
            // And without upgrades, there is none over HTTP/1.1.
            let stream = TokioIo::new(stream);
            if let Err(error) = server.serve_connection_with_upgrades(stream, service).await {
                println!("HTTP: {error}");
            }
        });
    }
}

async fn answer(
    mut request: Request<Body>,
    acceptor: Acceptor,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // Over HTTP/2, the status of a page would accept a CONNECT.
    if request.uri().path() == "/" && request.method() == Method::GET {
        let mut page = Response::new(Full::from(include_str!("echo.html")));
        page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        return Ok(page);
    }
    let (response, upgrade) = upgrade(&mut request, &acceptor);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(socket) => echo(socket).await,
            Err(error) => println!("{error}"),
        }
    });
    Ok(response.map(Full::new))
}

async fn echo(mut socket: WebSocket<Upgraded>) {
    let carrier = socket.get_ref().carrier();
    loop {
        match socket.next().await {
            // A failure is in the report, which `next` gives after it.
            Incoming::Message(message) => drop(socket.feed(message).await),
            Incoming::Ended(report) => return println!("{carrier}: {report}"),
        }
    }
}
