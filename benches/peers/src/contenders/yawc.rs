//! yawc.

use bytes::Bytes;
use futures_util::SinkExt;
use yawc::frame::{Frame, OpCode};
use yawc::{Options, Role, WebSocket};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::over_hyper::serve;
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "yawc",
    package: "yawc",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "with `simd`, `with_utf8` and room for messages of 16 MiB; its default buffers, which its \
            own benchmarks enlarge; a server's handshake is hyper's",
    read,
    write,
    accept,
    connect,
};

fn options() -> Options {
    Options::default().with_utf8().with_limits(16 << 20, 16 << 20)
}

fn socket(stream: Memory, role: Role) -> WebSocket<Memory> {
    WebSocket::from_stream(stream, role, options()).expect("nothing was negotiated")
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = socket(stream, Role::Server);
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                let frame = socket.next_frame().await.expect("it is endless");
                assert!((frame.opcode() == OpCode::Text) == text);
                tally.message(frame.payload());
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
        let role = || if writing.client() { Role::Client } else { Role::Server };
        let mut sockets: Vec<_> =
            streams.into_iter().map(|stream| socket(stream, role())).collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 1..writing.per_flush {
                        let frame = Frame::binary(payload.clone());
                        socket.feed(frame).await.expect("it is open");
                    }
                    socket.send(Frame::binary(payload.clone())).await.expect("it is open");
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
                let stream = Opening::asking(&out_sink);
                let accepted = serve(stream, |request| {
                    WebSocket::upgrade_with_options(request, options()).expect("it is sound")
                });
                std::hint::black_box(accepted.await.expect("the request is sound"));
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
                let stream = Opening::answering(&out_sink);
                let url = URL.parse().expect("the URL is sound");
                let connected = WebSocket::handshake(url, stream, options()).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
