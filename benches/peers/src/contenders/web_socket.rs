//! web-socket.

use tokio::io::BufReader;
use web_socket::{DataType, Event, Stream, WebSocket};

use crate::contender::{Contender, Hands, Kind};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "web-socket",
    package: "web-socket",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "reads through tokio's BufReader; hands out fragments and leaves UTF-8 to its user, so \
            both are done here, with simdutf8; writes each frame at once, and knows no handshake",
    read,
    write,
    accept: || None,
    connect: || None,
};

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = WebSocket::server(BufReader::new(stream));
        let mut assembled = Vec::new();
        async move |count, tally: &mut Tally| {
            let mut left = count;
            while left > 0 {
                let event = socket.recv().await.expect("it is endless");
                let Event::Data { ty, data } = event else { panic!("{event:?}") };
                let whole = match ty {
                    DataType::Complete(_) => data,
                    DataType::Stream(Stream::End(_)) => {
                        assembled.extend_from_slice(&data);
                        std::mem::take(&mut assembled).into()
                    }
                    DataType::Stream(_) => {
                        assembled.extend_from_slice(&data);
                        continue;
                    }
                };
                assert!(!text || simdutf8::basic::from_utf8(&whole).is_ok());
                tally.message(&whole);
                left -= 1;
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let streams = writing.streams(&sink);
    Some(Ready::on_tokio(sink, || {
        let sockets = streams.into_iter().map(|stream| match writing.client() {
            true => WebSocket::client(stream),
            false => WebSocket::server(stream),
        });
        let mut sockets: Vec<_> = sockets.collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 0..writing.per_flush {
                        socket.send(writing.payload).await.expect("it is open");
                    }
                    socket.flash().await.expect("it is open");
                }
            }
        }
    }))
}
