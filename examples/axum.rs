//! An echo under axum, over HTTP/1.1 and HTTP/2, beside a page of plain HTTP.
//!
//! `cargo run --release --all-features --example axum -- [ADDRESS]`, by default 127.0.0.1:9001.
//! `/` is a page that uses it; `/echo` takes WebSockets, which are compressed where the client offers it.

use std::error::Error;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use farewell::Compression;
use farewell::aio::{Incoming, UpgradeRejection, Upgraded, WebSocket, WebSocketUpgrade};
use farewell::handshake::Origins;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    // Else a message may wait for the acknowledgement of the one before it.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    // Over HTTP/2 a WebSocket is asked for with CONNECT, which `get` would not take.
    let router = Router::new()
        .route("/", get(async || Html(include_str!("echo.html"))))
        .route("/echo", any(accept));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn accept(upgrade: Result<WebSocketUpgrade, UpgradeRejection>) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            println!("{rejection}");
            return rejection.into_response();
        }
    };
    // An echo has no secrets: any web page may use it. There is no way around this decision.
    upgrade
        .origins(Origins::Any)
        .compression(Compression::default())
        .on_failed(|error| println!("{error}"))
        .on_upgrade(echo)
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
