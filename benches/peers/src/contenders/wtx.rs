//! wtx.

use wtx::collection::Vector;
use wtx::misc::UriRef;
use wtx::rng::{Xorshift64, simple_seed};
use wtx::web_socket::{
    Frame, OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer, WebSocketConnector,
    WebSocketPayloadOrigin,
};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "wtx",
    package: "wtx",
    kind: Kind::Peer,
    hands: Hands::Lent,
    notes: "with `optimization` and `crypto-ring`; lends from its buffer; a client masks in its \
            user's memory, which gets the payload anew for each message here; keys come from its \
            default, Xorshift64; writes each frame at once",
    read,
    write,
    accept,
    connect,
};

fn socket<const CLIENT: bool>(
    stream: Memory,
) -> WebSocket<(), Xorshift64, Memory, WebSocketBuffer, CLIENT> {
    WebSocket::new((), false, Xorshift64::from(simple_seed()), stream, WebSocketBuffer::new())
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let mut socket = socket::<false>(stream);
        let mut buffer = Vector::new();
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                buffer.clear();
                let origin = WebSocketPayloadOrigin::Adaptive;
                let frame = socket.read_frame(&mut buffer, origin).await.expect("it is endless");
                assert!((frame.op_code() == OpCode::Text) == text);
                tally.message(frame.payload());
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    if writing.client() { write_as::<true>(writing) } else { write_as::<false>(writing) }
}

fn write_as<const CLIENT: bool>(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let streams = writing.streams(&sink);
    Some(Ready::on_tokio(sink, || {
        let mut sockets: Vec<_> = streams.into_iter().map(socket::<CLIENT>).collect();
        let mut payload = writing.payload.to_vec();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for socket in &mut sockets {
                    for _ in 0..writing.per_flush {
                        if CLIENT {
                            payload.copy_from_slice(writing.payload);
                        }
                        let mut frame = Frame::new_fin(OpCode::Binary, &mut payload[..]);
                        socket.write_frame(&mut frame).await.expect("it is open");
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
                let acceptor = WebSocketAcceptor::default().no_masking(false);
                let accepted = acceptor.accept(Opening::asking(&out_sink)).await;
                std::hint::black_box(accepted.expect("the request is sound"));
            }
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    Some(Ready::on_tokio(sink, || {
        let uri = UriRef::new(URL);
        async move |count, _: &mut Tally| {
            for _ in 0..count {
                let connector = WebSocketConnector::default().no_masking(false);
                let connected = connector.connect(Opening::answering(&out_sink), &uri).await;
                std::hint::black_box(connected.expect("the response is sound"));
            }
        }
    }))
}
