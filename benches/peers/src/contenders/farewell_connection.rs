//! The door for those who own their buffers.

use std::io::{IoSlice, Read, Write};
use std::sync::Arc;

use bytes::BytesMut;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, Origins, Outcome, ServerHandshake,
};
use farewell::{Config, Connection, Event, Limits, MessageKind, Role, Seed, Timestamp};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "farewell Connection",
    package: "farewell",
    kind: Kind::Ours,
    hands: Hands::Lent,
    notes: "one read buffer of 64 KiB; hands out the pieces of messages where they were read and \
            joins none; large payloads of a server's leave by `begin_frame`, not copied",
    read,
    write,
    accept,
    connect,
};

const NOW: Timestamp = Timestamp::ZERO;
/// From here on, a payload is written from where it lies.
const LARGE: usize = 4096;

fn connection(role: Role, config: &Arc<Config>) -> Connection {
    Connection::new(role, config.clone(), Seed::new([1; 32]), NOW)
}

fn read(reading: &Reading) -> Option<Ready> {
    let mut stream = Memory::reading(reading);
    let mut connection = connection(Role::Server, &Arc::default());
    let mut buffer = vec![0; 64 * 1024];
    // What was read and not looked at, when there were enough messages.
    let (mut start, mut end) = (0, 0);
    Some(Ready::reading(move |count, tally: &mut Tally| {
        let mut left = count;
        loop {
            let mut input = &mut buffer[start..end];
            while left > 0 {
                let Some(event) = connection.poll_event(&mut input, NOW) else { break };
                let Event::Data(chunk) = event else { panic!("{event:?}") };
                tally.piece(chunk.payload(), chunk.is_first(), chunk.is_last());
                left -= u64::from(chunk.is_last());
            }
            start = end - input.len();
            if left == 0 {
                return;
            }
            start = 0;
            end = stream.read(&mut buffer).expect("it is endless");
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let config = Arc::default();
    let sockets = writing.streams(&sink).into_iter();
    let mut sockets: Vec<_> =
        sockets.map(|stream| (stream, connection(writing.role, &config))).collect();
    let mut out = BytesMut::with_capacity(64 * 1024);
    let payload = writing.payload;
    let aside = payload.len() >= LARGE && !writing.client() && writing.per_flush == 1;
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
            for (stream, connection) in &mut sockets {
                let written = if aside {
                    let len = payload.len() as u64;
                    let head = connection.begin_frame(MessageKind::Binary, len, true, NOW);
                    let head = head.expect("it is open");
                    stream.write_vectored(&[IoSlice::new(head.bytes()), IoSlice::new(payload)])
                } else {
                    out.clear();
                    for _ in 0..writing.per_flush {
                        connection.send(payload, &mut out, NOW).expect("it is open");
                    }
                    stream.write(&out)
                };
                connection.handle_flushed(written.expect("all is taken"), NOW);
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let limits = Limits::default();
    let accept = Accept::new(Origins::SameHost);
    let config = Arc::default();
    let mut buffer = vec![0; 4096];
    let mut out = BytesMut::with_capacity(4096);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::asking(&out_sink);
            let len = stream.read(&mut buffer).expect("the request is there");
            let mut handshake = ServerHandshake::new(&limits);
            let received = handshake.receive(&buffer[..len]);
            let Ok((_, Some(request))) = received else { panic!("{received:?}") };
            out.clear();
            accept.write_response(&request, &mut out).expect("the request is sound");
            stream.write_all(&out).expect("all is taken");
            std::hint::black_box(connection(Role::Server, &config));
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let limits = Limits::default();
    let request = ClientRequest::new(URL).expect("the URL is sound");
    let config = Arc::default();
    let mut buffer = vec![0; 4096];
    let mut out = BytesMut::with_capacity(4096);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::answering(&out_sink);
            out.clear();
            let mut handshake = ClientHandshake::start(&request, [7; 16], &limits, &mut out);
            stream.write_all(&out).expect("all is taken");
            let len = stream.read(&mut buffer).expect("the response is there");
            let received = handshake.receive(&buffer[..len]);
            let Ok((_, Some(Outcome::Established(response)))) = received else {
                panic!("{received:?}")
            };
            std::hint::black_box((response, connection(Role::Client, &config)));
        }
    }))
}
