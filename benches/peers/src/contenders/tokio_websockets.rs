//! tokio-websockets.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Config, Limits, Message, ServerBuilder, WebSocketStream};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "tokio-websockets",
    package: "tokio-websockets",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "as its echo server: no splitting into frames, no limits; `sha1_smol`, which it advises \
            without TLS; its feature `fastrand` makes the masking keys (it has `getrandom`, too)",
    read,
    write,
    accept,
    connect,
};

fn server(stream: Memory) -> WebSocketStream<Memory> {
    let config = Config::default().frame_size(usize::MAX);
    ServerBuilder::new().config(config).limits(Limits::unlimited()).serve(stream)
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = server(stream);
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                let message = socket.next().await.expect("it is endless").expect("it is sound");
                assert!(message.is_text() == text);
                tally.message(message.as_payload());
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let streams = writing.streams(&sink);
    let payload = Bytes::from_static(writing.payload);
    Some(Ready::on_tokio(sink, || {
        let config = Config::default().frame_size(usize::MAX);
        let sockets = streams.into_iter().map(|stream| match writing.client() {
            true => ClientBuilder::new().config(config).take_over(stream),
            false => server(stream),
        });
        let mut sockets: Vec<_> = sockets.collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 1..writing.per_flush {
                        let message = Message::binary(payload.clone());
                        socket.feed(message).await.expect("it is open");
                    }
                    socket.send(Message::binary(payload.clone())).await.expect("it is open");
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
                let accepted = ServerBuilder::new().accept(Opening::asking(&out_sink)).await;
                std::hint::black_box(accepted.expect("the request is sound"));
            }
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let uri: http::Uri = URL.parse().expect("the URL is sound");
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let builder = ClientBuilder::from_uri(uri.clone());
                let connected = builder.connect_on(Opening::answering(&out_sink)).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
