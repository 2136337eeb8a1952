//! The door for tokio.

use std::sync::Arc;

use bytes::Bytes;
use farewell::aio::{Acceptor, Incoming, WebSocket, accept as accept_socket, handshake};
use farewell::handshake::{ClientRequest, Negotiated, Origins};
use farewell::{Config, Prepared, Role};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "farewell tokio",
    package: "farewell",
    kind: Kind::Ours,
    hands: Hands::Owned,
    notes: "its defaults, heartbeat, deadlines and report included: large messages leave in \
            fragments of 64 KiB; a broadcast is `Prepared` once",
    read,
    write,
    accept,
    connect,
};

fn socket(stream: Memory, role: Role, config: &Arc<Config>) -> WebSocket<Memory> {
    WebSocket::upgraded(stream, role, Negotiated::default(), config.clone(), &[])
        .expect("the system has random bytes")
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = socket(stream, Role::Server, &Arc::default());
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                let Incoming::Message(message) = socket.next().await else {
                    panic!("it is endless")
                };
                tally.message(message.as_bytes());
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let streams = writing.streams(&sink);
    let payload = writing.payload;
    Some(Ready::on_tokio(sink, || {
        let config = Arc::default();
        let sockets = streams.into_iter().map(|stream| socket(stream, writing.role, &config));
        let mut sockets: Vec<_> = sockets.collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                let prepared = (sockets.len() > 1).then(|| Prepared::new(payload));
                for socket in &mut sockets {
                    if let Some(prepared) = &prepared {
                        socket.send(prepared).await.expect("it is open");
                    } else if writing.per_flush > 1 {
                        for _ in 0..writing.per_flush {
                            socket.feed(payload).await.expect("it is open");
                        }
                        socket.flush().await.expect("it is open");
                    } else if payload.len() < 4096 {
                        socket.send(payload).await.expect("it is open");
                    } else {
                        socket.send(Bytes::from_static(payload)).await.expect("it is open");
                    }
                }
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let acceptor = Acceptor::new(Origins::SameHost);
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let accepted = accept_socket(Opening::asking(&out_sink), &acceptor).await;
                std::hint::black_box(accepted.expect("the request is sound"));
            }
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let config: Arc<Config> = Arc::default();
    let request = ClientRequest::new(URL).expect("the URL is sound");
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let stream = Opening::answering(&out_sink);
                let connected = handshake(stream, &request, config.clone()).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
