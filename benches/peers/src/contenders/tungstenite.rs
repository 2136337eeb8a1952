//! tungstenite, over a blocking stream.

use bytes::Bytes;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket, accept as accept_socket, client};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "tungstenite",
    package: "tungstenite",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "its defaults: a read and a write buffer of 128 KiB for each connection",
    read,
    write,
    accept,
    connect,
};

fn read(reading: &Reading) -> Option<Ready> {
    let mut socket = WebSocket::from_raw_socket(Memory::reading(reading), Role::Server, None);
    Some(Ready::reading(move |count, tally: &mut Tally| {
        for _ in 0..count {
            match socket.read().expect("it is endless") {
                Message::Binary(bytes) => tally.message(&bytes),
                Message::Text(text) => tally.message(text.as_str().as_bytes()),
                other => panic!("{other:?}"),
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let role = if writing.client() { Role::Client } else { Role::Server };
    let streams = writing.streams(&sink).into_iter();
    let mut sockets: Vec<_> =
        streams.map(|stream| WebSocket::from_raw_socket(stream, role, None)).collect();
    let payload = Bytes::from_static(writing.payload);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
            for socket in &mut sockets {
                for _ in 0..writing.per_flush {
                    socket.write(Message::Binary(payload.clone())).expect("it is open");
                }
                socket.flush().expect("it is open");
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let accepted = accept_socket(Opening::asking(&out_sink));
            std::hint::black_box(accepted.expect("the request is sound"));
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let connected = client(URL, Opening::answering(&out_sink));
            std::hint::black_box(connected.expect("the response is sound"));
        }
    }))
}
