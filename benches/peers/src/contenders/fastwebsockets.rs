//! fastwebsockets.

use bytes::Bytes;
use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Payload, Role, WebSocket, handshake, upgrade,
};
use http::Request;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http_body_util::Empty;

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{self, Opening};
use crate::over_hyper::serve;
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "fastwebsockets",
    package: "fastwebsockets",
    kind: Kind::Peer,
    hands: Hands::Owned,
    notes: "with its FragmentCollector, which hands out whole messages; writes each frame at once; \
            its handshake is hyper's, and the client leaves Sec-WebSocket-Accept to its user",
    read,
    write,
    accept,
    connect,
};

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let socket = WebSocket::after_handshake(stream, Role::Server);
        let mut socket = FragmentCollector::new(socket);
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                let frame = socket.read_frame().await.expect("it is endless");
                assert!((frame.opcode == OpCode::Text) == text);
                tally.message(&frame.payload);
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let streams = writing.streams(&sink);
    Some(Ready::on_tokio(sink, || {
        let sockets = streams.into_iter().map(|stream| {
            let role = if writing.client() { Role::Client } else { Role::Server };
            FragmentCollector::new(WebSocket::after_handshake(stream, role))
        });
        let mut sockets: Vec<_> = sockets.collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 0..writing.per_flush {
                        let frame = Frame::binary(Payload::Borrowed(writing.payload));
                        socket.write_frame(frame).await.expect("it is open");
                    }
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
                let accepted =
                    serve(stream, |request| upgrade::upgrade(request).expect("it is sound")).await;
                let socket = FragmentCollector::new(accepted.expect("the request is sound"));
                std::hint::black_box(socket);
            }
        }
    }))
}

/// Ties hyper to tokio's runtime.
struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let request = Request::get(opening::RESOURCE)
                    .header(HOST, opening::HOST)
                    .header(UPGRADE, "websocket")
                    .header(CONNECTION, "upgrade")
                    .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
                    .header(SEC_WEBSOCKET_VERSION, "13")
                    .body(Empty::<Bytes>::new())
                    .expect("the request is sound");
                let stream = Opening::answering(&out_sink);
                let connected = handshake::client(&Spawn, request, stream).await;
                let (socket, response) = connected.expect("the response is sound");
                std::hint::black_box((FragmentCollector::new(socket), response));
            }
        }
    }))
}
