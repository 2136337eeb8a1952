//! soketto.

use futures_util::io::{BufReader, BufWriter};
use soketto::Mode;
use soketto::connection::Builder;
use soketto::handshake::server::Response;
use soketto::handshake::{Client, Server, ServerResponse};
use tokio_util::compat::TokioAsyncReadCompatExt;

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{HOST, Opening, RESOURCE};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "soketto",
    package: "soketto",
    kind: Kind::Peer,
    hands: Hands::Lent,
    notes: "as its examples: futures' BufReader and BufWriter over tokio-util's adapter; the \
            message is read into its user's memory; it leaves UTF-8 to its user, so that is done \
            here, with simdutf8",
    read,
    write,
    accept,
    connect,
};

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let text = reading.is_text();
    Some(Ready::on_tokio(Sink::new(), || {
        let stream = BufReader::new(BufWriter::new(stream.compat()));
        let (_, mut receiver) = Builder::new(stream, Mode::Server).finish();
        let mut message = Vec::new();
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                message.clear();
                let data = receiver.receive_data(&mut message).await.expect("it is endless");
                assert!(data.is_text() == text);
                assert!(!text || simdutf8::basic::from_utf8(&message).is_ok());
                tally.message(&message);
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let mode = if writing.client() { Mode::Client } else { Mode::Server };
    let streams = writing.streams(&sink);
    Some(Ready::on_tokio(sink, || {
        let sockets = streams.into_iter().map(|stream| {
            let stream = BufReader::new(BufWriter::new(stream.compat()));
            Builder::new(stream, mode).finish()
        });
        let mut sockets: Vec<_> = sockets.collect();
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
                for (sender, _) in &mut sockets {
                    for _ in 0..writing.per_flush {
                        sender.send_binary(writing.payload).await.expect("it is open");
                    }
                    sender.flush().await.expect("it is open");
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
                let stream = Opening::asking(&out_sink).compat();
                let mut server = Server::new(BufReader::new(BufWriter::new(stream)));
                let request = server.receive_request().await.expect("the request is sound");
                let key = request.key();
                let response = Response::Accept { key, protocol: None };
                server.send_response(&response).await.expect("all is taken");
                std::hint::black_box(server.into_builder().finish());
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
                let stream = Opening::answering(&out_sink).compat();
                let stream = BufReader::new(BufWriter::new(stream));
                let mut client = Client::new(stream, HOST, RESOURCE);
                let response = client.handshake().await.expect("the response is sound");
                assert!(matches!(response, ServerResponse::Accepted { .. }));
                std::hint::black_box(client.into_builder().finish());
            }
        }
    }))
}
