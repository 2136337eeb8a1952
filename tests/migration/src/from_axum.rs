//! From axum's own `ws`.

pub mod theirs {
    use crate::Failed;

    use axum::extract::ws::{WebSocket, WebSocketUpgrade};
    use axum::response::Response;

    async fn chat(upgrade: WebSocketUpgrade) -> Response {
        upgrade.protocols(["v1.chat.example"]).max_message_size(1 << 20).on_upgrade(echo)
    }

    async fn echo(mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    }

    pub fn routes() -> axum::Router {
        use axum::Router;
        use axum::routing::any;
        let router: Router = Router::new().route("/chat", any(chat));
        router
    }

    pub fn told(message: axum::extract::ws::Message) {
        use axum::extract::ws::{CloseFrame, Message};

        match message {
            Message::Text(text) => println!("{text}"),
            Message::Binary(bytes) => println!("{} bytes", bytes.len()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(Some(CloseFrame { code, reason })) => println!("{code}: {reason}"),
            Message::Close(None) => println!("closed"),
        }
    }

    pub async fn two_tasks(socket: WebSocket) -> Result<(), Failed> {
        use futures_util::{SinkExt, StreamExt};

        let (mut sender, mut receiver) = socket.split();
        tokio::spawn(async move { while let Some(Ok(_)) = receiver.next().await {} });
        sender.send("hello".into()).await?;
        Ok(())
    }
}

pub mod ours {
    use crate::Failed;

    use axum::response::Response;
    use farewell::aio::{Upgraded, WebSocket, WebSocketUpgrade};
    use farewell::handshake::Origins;
    use farewell::{Config, Limits};

    async fn chat(upgrade: WebSocketUpgrade) -> Response {
        upgrade
            .origins(Origins::SameHost) // whose pages may connect: there is no default
            .subprotocols(&["v1.chat.example"])
            .config(Config::default().limits(Limits::default().message(1 << 20)))
            .on_upgrade(echo)
    }

    async fn echo(mut socket: WebSocket<Upgraded>) {
        let report = loop {
            match socket.next().await.into_message() {
                Ok(message) => drop(socket.feed(message).await), // `next` tells why it failed
                Err(report) => break report,
            }
        };
        println!("{report}");
    }

    pub fn routes() -> axum::Router {
        use axum::Router;
        use axum::routing::any;
        let router: Router = Router::new().route("/chat", any(chat));
        router
    }

    pub fn told(incoming: farewell::Incoming) {
        use farewell::{Incoming, Message};

        match incoming {
            Incoming::Message(Message::Text(text)) => println!("{text}"),
            Incoming::Message(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
            // Pings are answered. A Close is part of the report.
            Incoming::Ended(report) => println!("{report}"),
        }
    }

    pub async fn two_tasks(socket: WebSocket<Upgraded>) -> Result<(), Failed> {
        let (mut receiver, mut sender) = socket.split();
        tokio::spawn(async move { while receiver.next().await.into_message().is_ok() {} });
        sender.send("hello").await?;
        Ok(())
    }
}
