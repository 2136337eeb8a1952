//! A channel for each connection, whose messages are forwarded to its sink: as in the chat server among
//! the examples of tokio-tungstenite.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

use crate::{Broadcast, PAYLOAD, Result};

#[derive(Default)]
pub(crate) struct Room(Vec<UnboundedSender<Message>>);

impl Broadcast for Room {
    async fn enter(&mut self, stream: TcpStream) -> Result<()> {
        let socket = tokio_tungstenite::accept_async(stream).await?;
        let (sender, mut receiver) = unbounded_channel();
        self.0.push(sender);
        tokio::spawn(async move {
            let (mut outgoing, mut incoming) = socket.split();
            let forward = async {
                while let Some(message) = receiver.recv().await {
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
        });
        Ok(())
    }

    fn tell_all(&mut self) {
        let message = Message::text(PAYLOAD);
        for sender in &self.0 {
            sender.send(message.clone()).expect("somebody listens");
        }
    }
}
