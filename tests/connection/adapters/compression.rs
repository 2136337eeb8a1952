//! Compression through both adapters: nothing but a setting, and messages that are left out of it or
//! shared.
#![cfg(feature = "deflate")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{
    CloseCode, Compression, Config, Evidence, Incoming, Message, Prepared, Role, blocking,
};

use crate::adapters::support::{Adapter, bounded, echo, for_both_adapters, pair, quiet};

for_both_adapters!(
    messages_are_compressed_where_both_ends_ask_for_it,
    nothing_is_compressed_where_one_end_does_not,
);

fn compressing() -> Config {
    let mut config = quiet();
    config.compression = Some(Compression::default());
    config
}

fn message() -> Message<'static> {
    Message::from("the same again and again, ".repeat(400))
}

/// Bytes that `act` sends.
fn sent<A: Adapter>(socket: &mut A, act: impl FnOnce(&mut A)) -> u64 {
    let before = socket.evidence().sent.bytes;
    act(socket);
    socket.evidence().sent.bytes - before
}

fn messages_are_compressed_where_both_ends_ask_for_it<A: Adapter>() {
    let (mut client, server) = pair(compressing(), echo::<A>);
    let whole = message().as_bytes().len() as u64;
    let prepared = Prepared::new(message());
    for _ in 0..3 {
        let bytes = sent(&mut client, |client| client.send(message()).unwrap());
        assert!(bytes < whole / 10, "{bytes}");
        assert_eq!(client.message(), message());
        let bytes = sent(&mut client, |client| client.feed_uncompressed(message()).unwrap());
        assert!(bytes > whole, "{bytes}");
        assert_eq!(client.message(), message());
        let bytes = sent(&mut client, |client| client.feed_prepared(&prepared).unwrap());
        assert!(bytes < whole / 10, "{bytes}");
        assert_eq!(client.message(), message());
    }
    assert!(client.close(CloseCode::NORMAL).clean);
    let report = server.join().unwrap();
    assert!(report.clean && report.evidence.received.messages == 9, "{report}");
}

fn nothing_is_compressed_where_one_end_does_not<A: Adapter>() {
    let (listener, request) = crate::adapters::support::listen();
    let server = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        echo(A::accept(stream, &crate::adapters::support::anyone(quiet())).unwrap())
    });
    let mut client = A::connect(&request, compressing()).unwrap();
    let bytes = sent(&mut client, |client| client.send(message()).unwrap());
    assert!(bytes > message().as_bytes().len() as u64, "{bytes}");
    assert_eq!(client.message(), message());
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

fn agreed() -> Negotiated {
    Negotiated::default().with_deflate(DeflateParams::default())
}

/// What the two ways of feeding sent, of a message as long as this.
fn check_halves(before: &Evidence, between: &Evidence, after: &Evidence) {
    let whole = message().as_bytes().len() as u64;
    let plain = between.sent.bytes - before.sent.bytes;
    let prepared = after.sent.bytes - between.sent.bytes;
    assert!(plain > whole && prepared < whole / 10, "{plain}, {prepared}");
}

#[test]
fn a_blocking_half_leaves_out_and_shares() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let theirs = listener.accept().unwrap().0;
        let open = |stream, role| {
            blocking::WebSocket::upgraded(stream, role, agreed(), compressing(), b"").unwrap()
        };
        let (_receiver, mut sender) = open(ours, Role::Server).split();
        let mut client = open(theirs, Role::Client);
        let before = sender.evidence();
        sender.feed(message().uncompressed()).unwrap();
        let between = sender.evidence();
        sender.feed(Prepared::new(message())).unwrap();
        check_halves(&before, &between, &sender.evidence());
        sender.flush().unwrap();
        for _ in 0..2 {
            assert_eq!(client.next(), Incoming::Message(message()));
        }
    });
}

#[test]
fn a_tokio_half_leaves_out_and_shares() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    bounded(move || {
        runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let open = |stream, role| {
                let socket = farewell::aio::WebSocket::upgraded;
                socket(stream, role, agreed(), compressing(), b"").unwrap()
            };
            let (_receiver, mut sender) = open(ours, Role::Server).split();
            let mut client = open(theirs, Role::Client);
            let before = sender.evidence();
            sender.feed(message().uncompressed()).await.unwrap();
            let between = sender.evidence();
            sender.feed(Prepared::new(message())).await.unwrap();
            check_halves(&before, &between, &sender.evidence());
            sender.flush().await.unwrap();
            for _ in 0..2 {
                assert_eq!(client.next().await, Incoming::Message(message()));
            }
        });
    });
}
