//! tokio-tungstenite.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "tokio-tungstenite",
    package: "tokio-tungstenite",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "its defaults: a read and a write buffer of 128 KiB for each connection",
    read,
    write,
    accept,
    connect,
};

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let mut stream = Some(stream);
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = None;
        async move |count, tally: &mut Tally| {
            if let Some(stream) = stream.take() {
                socket = Some(WebSocketStream::from_raw_socket(stream, Role::Server, None).await);
            }
            let socket = socket.as_mut().expect("it was made");
            for _ in 0..count {
                match socket.next().await.expect("it is endless").expect("it is sound") {
                    Message::Binary(bytes) => tally.message(&bytes),
                    Message::Text(text) => tally.message(text.as_str().as_bytes()),
                    other => panic!("{other:?}"),
                }
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let role = if writing.client() { Role::Client } else { Role::Server };
    let mut streams = writing.streams(&sink);
    let payload = Bytes::from_static(writing.payload);
    Some(Ready::on_tokio(sink, || {
        let mut sockets = Vec::new();
        async move |count, _: &mut Tally| {
            for stream in streams.drain(..) {
                sockets.push(WebSocketStream::from_raw_socket(stream, role, None).await);
            }
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 1..writing.per_flush {
                        let message = Message::Binary(payload.clone());
                        socket.feed(message).await.expect("it is open");
                    }
                    socket.send(Message::Binary(payload.clone())).await.expect("it is open");
                }
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let accepted = accept_async(Opening::asking(&out_sink)).await;
                std::hint::black_box(accepted.expect("the request is sound"));
            }
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let connected = client_async(URL, Opening::answering(&out_sink)).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
