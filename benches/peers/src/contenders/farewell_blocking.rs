//! The door for threads.

use std::sync::Arc;

use bytes::Bytes;
use farewell::blocking::{Incoming, WebSocket, accept as accept_socket, handshake};
use farewell::handshake::{ClientRequest, Negotiated, Origins};
use farewell::{Acceptor, Config, Prepared, Role};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "farewell blocking",
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
    let mut socket = socket(Memory::reading(reading), Role::Server, &Arc::default());
    Some(Ready::reading(move |count, tally: &mut Tally| {
        for _ in 0..count {
            let Incoming::Message(message) = socket.next() else { panic!("it is endless") };
            tally.message(message.as_bytes());
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let config = Arc::default();
    let streams = writing.streams(&sink).into_iter();
    let mut sockets: Vec<_> = streams.map(|stream| socket(stream, writing.role, &config)).collect();
    let payload = writing.payload;
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
            let prepared = (sockets.len() > 1).then(|| Prepared::new(payload));
            for socket in &mut sockets {
                if let Some(prepared) = &prepared {
                    socket.send(prepared).expect("it is open");
                } else if writing.per_flush > 1 {
                    for _ in 0..writing.per_flush {
                        socket.feed(payload).expect("it is open");
                    }
                    socket.flush().expect("it is open");
                } else if payload.len() < 4096 {
                    socket.send(payload).expect("it is open");
                } else {
                    socket.send(Bytes::from_static(payload)).expect("it is open");
                }
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let acceptor = Acceptor::new(Origins::SameHost);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let accepted = accept_socket(Opening::asking(&out_sink), &acceptor);
            std::hint::black_box(accepted.expect("the request is sound"));
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let config: Arc<Config> = Arc::default();
    let request = ClientRequest::new(URL).expect("the URL is sound");
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let connected = handshake(Opening::answering(&out_sink), &request, config.clone());
            std::hint::black_box(connected.expect("the response is sound"));
        }
    }))
}
