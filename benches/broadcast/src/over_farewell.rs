//! A `Prepared`, fed to the writing half of every socket.

use std::sync::Mutex;

use farewell::aio::{self, Sender};
use farewell::handshake::Origins;
use farewell::{Acceptor, Prepared};
use tokio::net::TcpStream;

use crate::{Broadcast, PAYLOAD, Result};

#[derive(Default)]
pub(crate) struct Room(Mutex<Vec<Sender<TcpStream>>>);

impl Broadcast for Room {
    async fn enter(&self, stream: TcpStream) -> Result<()> {
        let socket = aio::accept(stream, &Acceptor::new(Origins::Any)).await?;
        let (mut receiver, sender) = socket.split();
        self.0.lock().expect("no panic").push(sender);
        tokio::spawn(async move { while receiver.next().await.into_message().is_ok() {} });
        Ok(())
    }

    fn tell_all(&self) {
        let message = Prepared::new(PAYLOAD);
        for sender in self.0.lock().expect("no panic").iter_mut() {
            sender.try_feed(&message).expect("there is room");
        }
    }
}
