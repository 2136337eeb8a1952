//! A channel that all connections listen to, each of which forwards to its sink: as in the chat server
//! among axum's examples.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc};

use crate::{Broadcast, PAYLOAD, Result};

pub(crate) struct Room {
    router: Router,
    messages: broadcast::Sender<Message>,
    entered: mpsc::UnboundedReceiver<()>,
}

#[derive(Clone)]
struct House {
    messages: broadcast::Sender<Message>,
    entered: mpsc::UnboundedSender<()>,
}

impl Default for Room {
    fn default() -> Self {
        let (messages, _) = broadcast::channel(100);
        let (enter, entered) = mpsc::unbounded_channel();
        let house = House { messages: messages.clone(), entered: enter };
        let router = Router::new().route("/", any(upgrade)).with_state(house);
        Self { router, messages, entered }
    }
}

impl Broadcast for Room {
    async fn enter(&mut self, stream: TcpStream) -> Result<()> {
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
        self.entered.recv().await.ok_or("nobody entered")?;
        Ok(())
    }

    fn tell_all(&mut self) {
        self.messages.send(Message::text(PAYLOAD)).expect("somebody listens");
    }
}

async fn upgrade(State(house): State<House>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| serve(socket, house).await)
}

async fn serve(socket: WebSocket, house: House) {
    let (mut outgoing, mut incoming) = socket.split();
    let mut messages = house.messages.subscribe();
    let _ = house.entered.send(());
    let forward = async {
        while let Ok(message) = messages.recv().await {
            if outgoing.send(message).await.is_err() {
                break;
            }
        }
    };
    let read = async { while let Some(Ok(_)) = incoming.next().await {} };
    tokio::select! {
        () = forward => {}
        () = read => {}
    }
}
