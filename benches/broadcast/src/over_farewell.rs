//! A `Prepared`, fed to the writing half of every socket.

use farewell::aio::{self, Sender};
use farewell::handshake::Origins;
use farewell::{Acceptor, Config, Prepared};
use tokio::net::TcpStream;

use crate::{Broadcast, PAYLOAD, Result};

#[derive(Default)]
pub(crate) struct Room(Vec<Sender<TcpStream>>);

impl Broadcast for Room {
    async fn enter(&mut self, stream: TcpStream) -> Result<()> {
        // The others have none, and these receivers would not answer.
        let mut config = Config::default();
        config.heartbeat = None;
        let socket = aio::accept(stream, &Acceptor::new(Origins::Any).config(config)).await?;
        let (mut receiver, sender) = socket.split();
        self.0.push(sender);
        tokio::spawn(async move { while receiver.next().await.into_message().is_ok() {} });
        Ok(())
    }

    fn tell_all(&mut self) {
        let message = Prepared::new(PAYLOAD);
        for sender in &mut self.0 {
            sender.try_feed(&message).expect("there is room");
        }
    }
}
