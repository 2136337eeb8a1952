//! Connections that count bytes, so that little is measured beside the server.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use crate::{FRAME, Result};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Says over `control` when all of them have got a whole message.
pub(crate) async fn receive(address: &str, control: &str, count: usize) -> Result<()> {
    let mut control = TcpStream::connect(control).await?;
    control.set_nodelay(true)?;
    let (heard, all) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
    LocalSet::new()
        .run_until(async {
            for _ in 0..count {
                let stream = open(address).await?;
                spawn_local(count_bytes(stream, heard.clone(), all.clone(), count));
            }
            loop {
                all.notified().await;
                control.write_u8(1).await?;
            }
        })
        .await
}

async fn open(address: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut end = [0; 4];
    while end != *b"\r\n\r\n" {
        end.rotate_left(1);
        end[3] = stream.read_u8().await?;
    }
    Ok(stream)
}

async fn count_bytes(mut stream: TcpStream, heard: Rc<Cell<usize>>, all: Rc<Notify>, count: usize) {
    let mut memory = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut memory).await {
        heard.set(heard.get() + len);
        if heard.get() == count * FRAME {
            heard.set(0);
            all.notify_one();
        }
    }
}
