//! The same chat as a part of a server with axum.

use std::future::IntoFuture;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use farewell::CloseCode;
use farewell::aio::{Drain, Upgraded, WebSocketUpgrade};
use farewell::handshake::Origins;
use tokio::net::TcpListener;

use crate::door::{admit, config};
use crate::{END, Failed, SUBPROTOCOL, say, signal};

#[derive(Default)]
struct House {
    room: crate::room::Room<Upgraded>,
    drain: Drain,
}

pub(crate) async fn serve(address: &str) -> Result<(), Failed> {
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    // Else a message may wait for the acknowledgement of the one before it.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let house = Arc::<House>::default();
    // Over HTTP/2 a WebSocket is asked for with CONNECT, which `get` would not take.
    let router = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/health", get(async |State(house): State<Arc<House>>| house.room.census()))
        .route("/chat", any(chat))
        .with_state(house.clone());
    let drain = house.drain.clone();
    // axum lets nobody else in then, and lets plain requests end; the sockets are the drain's.
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(async move { drain.begun().await });
    let closing = async {
        signal().await?;
        Ok(house.drain.close_all(CloseCode::GOING_AWAY, END).await)
    };
    let ((), drained) = tokio::try_join!(serving.into_future(), closing)?;
    say(drained);
    Ok(())
}

async fn chat(State(house): State<Arc<House>>, upgrade: WebSocketUpgrade) -> Response {
    let (others, ticket) = (house.drain.sockets(), house.drain.ticket());
    let name = match admit(upgrade.request(), others).await {
        Ok(name) => name,
        Err(rejection) => {
            say(format_args!("rejected with status {}", rejection.status()));
            return upgrade.reject(rejection);
        }
    };
    upgrade
        .origins(Origins::SameHost)
        .subprotocols(&[SUBPROTOCOL])
        .config(config())
        .on_failed(say)
        .on_upgrade(async move |mut socket| {
            socket.join(ticket);
            house.room.have(socket, &name).await;
        })
}
