//! sockudo-ws.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::client::WebSocketClient;
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{Config, Http1, Message, Role, WebSocketStream};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{HOST, Opening, RESOURCE};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "sockudo-ws",
    package: "sockudo-ws",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "its defaults, heartbeat and idle timeout included; its feature `fastrand` makes the \
            masking keys (it has `getrandom`, too)",
    read,
    write,
    accept,
    connect,
};

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = WebSocketStream::server(stream, Config::default());
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                match socket.next().await.expect("it is endless").expect("it is sound") {
                    Message::Binary(bytes) | Message::Text(bytes) => tally.message(&bytes),
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
    let streams = writing.streams(&sink);
    let payload = Bytes::from_static(writing.payload);
    Some(Ready::on_tokio(sink, || {
        let socket = |stream| WebSocketStream::from_raw(stream, role, Config::default());
        let mut sockets: Vec<_> = streams.into_iter().map(socket).collect();
        async move |count, _: &mut Tally| {
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
        let server = WebSocketServer::<Http1>::new(Config::default());
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let accepted = server.accept_raw(Opening::asking(&out_sink)).await;
                std::hint::black_box(accepted.expect("the request is sound"));
            }
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::on_tokio(sink, || {
        let client = WebSocketClient::<Http1>::new(Config::default());
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let stream = Opening::answering(&out_sink);
                let connected = client.connect_raw(stream, HOST, RESOURCE, None).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
