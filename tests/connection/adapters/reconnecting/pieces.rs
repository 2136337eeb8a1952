//! Messages piece by piece over connections that end: received in chunks, and written in parts, of which
//! nobody keeps any.

use std::io::{self, Write};

use allocation_counter::measure;
use farewell::handshake::ClientRequest;
use farewell::reconnect::OutboxLimit;
use farewell::{CloseCode, Config, MessageChunk, MessageKind, ReconnectEvent, SendError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Client, InRuntime, fast, script, settings};
use super::{close, ended};
use crate::adapters::support::{Raw, millis, plain, runtime};

super::for_both_kinds!(
    chunks_come_through_connections,
    a_message_in_parts_that_is_cut_is_counted_and_kept_by_nobody,
    what_is_in_the_outbox_waits_for_the_end_of_a_message_in_parts,
    without_a_connection_no_message_is_begun,
    closing_in_the_middle_of_a_message_takes_no_memory,
);

trait Pieces: Client {
    fn next_chunk(&mut self) -> ReconnectEvent;
    /// Writes this and flushes it, and finishes the message if that is wanted.
    fn write(&mut self, bytes: &[u8], fin: bool) -> io::Result<()>;
    fn send_fragment(&mut self, part: &'static str, fin: bool) -> Result<(), SendError>;
    /// Why no message can be written.
    fn refusal(&mut self) -> Option<SendError>;
}

trait PiecesKind {
    fn pieces(request: ClientRequest, config: Config, outbox: bool) -> impl Pieces;
}

impl PiecesKind for super::support::Blocking {
    fn pieces(request: ClientRequest, config: Config, outbox: bool) -> impl Pieces {
        let socket = farewell::blocking::Reconnecting::new(request, config).unwrap().policy(fast());
        if outbox { socket.outbox(OutboxLimit::default()) } else { socket }
    }
}

impl PiecesKind for super::support::Tokio {
    fn pieces(request: ClientRequest, config: Config, outbox: bool) -> impl Pieces {
        let socket = farewell::aio::Reconnecting::new(request, config).unwrap().policy(fast());
        let socket = if outbox { socket.outbox(OutboxLimit::default()) } else { socket };
        InRuntime { runtime: runtime(), socket }
    }
}

impl Pieces for farewell::blocking::Reconnecting {
    fn next_chunk(&mut self) -> ReconnectEvent {
        self.next_chunk()
    }
    fn write(&mut self, bytes: &[u8], fin: bool) -> io::Result<()> {
        let mut message = self.message_writer(MessageKind::Binary).map_err(io::Error::other)?;
        message.write_all(bytes)?;
        if fin { message.finish() } else { message.flush() }
    }
    fn send_fragment(&mut self, part: &'static str, fin: bool) -> Result<(), SendError> {
        self.send_fragment(part, fin)
    }
    fn refusal(&mut self) -> Option<SendError> {
        self.message_writer(MessageKind::Text).err()
    }
}

impl Pieces for InRuntime<TcpStream> {
    fn next_chunk(&mut self) -> ReconnectEvent {
        self.runtime.block_on(self.socket.next_chunk())
    }
    fn write(&mut self, bytes: &[u8], fin: bool) -> io::Result<()> {
        let message = self.socket.message_writer(MessageKind::Binary);
        let mut message = message.map_err(io::Error::other)?;
        self.runtime.block_on(async {
            message.write_all(bytes).await?;
            if fin { message.finish().await } else { message.flush().await }
        })
    }
    fn send_fragment(&mut self, part: &'static str, fin: bool) -> Result<(), SendError> {
        self.runtime.block_on(self.socket.send_fragment(part, fin))
    }
    fn refusal(&mut self) -> Option<SendError> {
        self.socket.message_writer(MessageKind::Text).err()
    }
}

fn until_open(client: &mut impl Pieces) {
    while !matches!(client.next(), ReconnectEvent::Opened) {}
}

/// The next chunk, over whatever else is told.
fn chunk(client: &mut impl Pieces) -> MessageChunk {
    loop {
        match client.next_chunk() {
            ReconnectEvent::Chunk(chunk) => return chunk,
            ReconnectEvent::GaveUp(reason) => panic!("{reason}"),
            _ => {}
        }
    }
}

fn chunks_come_through_connections<K: PiecesKind>() {
    let (request, server) = script(vec![
        Box::new(|mut raw: Raw| raw.write(&plain(0x01, b"cut off"))),
        Box::new(|mut raw: Raw| {
            raw.write(&[plain(0x02, b"one, "), plain(0x80, b"two")].concat());
            raw.write(&[plain(0x81, b"whole"), close(1000)].concat());
            drop(raw.rest());
        }),
    ]);
    let mut client = K::pieces(request, settings(), false);
    let cut = chunk(&mut client);
    assert!(cut.is_first() && !cut.is_last());
    assert_eq!(&cut.payload()[..], b"cut off");
    let ending = loop {
        if let ReconnectEvent::Ended(ending) = client.next_chunk() {
            break ending;
        }
    };
    assert_eq!(ending.unsent_in_parts, 0, "that was another's");
    let mut got = Vec::new();
    loop {
        let chunk = chunk(&mut client);
        assert_eq!(chunk.is_first(), got.is_empty());
        got.extend_from_slice(chunk.payload());
        if chunk.is_last() {
            break;
        }
    }
    assert_eq!(got, b"one, two");
    let ReconnectEvent::Message(message) = client.next() else { panic!("it came whole") };
    assert_eq!(message.as_text(), Some("whole"));
    while !matches!(client.next_chunk(), ReconnectEvent::GaveUp(_)) {}
    server.join().unwrap();
}

fn a_message_in_parts_that_is_cut_is_counted_and_kept_by_nobody<K: PiecesKind>() {
    for outbox in [false, true] {
        let (request, server) = script(vec![
            Box::new(|mut raw: Raw| {
                assert_eq!(raw.frame(), (0x02, b"begun".to_vec()));
                raw.reset();
            }),
            Box::new(|mut raw: Raw| {
                assert_eq!(raw.frame(), (0x02, b"anew".to_vec()));
                assert_eq!(raw.frame(), (0x80, Vec::new()));
                raw.write(&close(1000));
                drop(raw.rest());
            }),
        ]);
        let mut client = K::pieces(request, settings(), outbox);
        until_open(&mut client);
        client.write(b"begun", false).unwrap();
        let ending = ended(&mut client);
        assert_eq!((ending.unsent_in_parts, &ending.unsent[..]), (1, &[][..]));
        assert!(ending.to_string().ends_with("; a message in parts did not leave whole"));
        until_open(&mut client);
        // It begins anew, as on any other connection.
        client.write(b"anew", false).unwrap();
        client.write(b"", true).unwrap();
        let ending = ended(&mut client);
        assert_eq!((ending.unsent_in_parts, &ending.unsent[..]), (0, &[][..]));
        server.join().unwrap();
    }
}

fn what_is_in_the_outbox_waits_for_the_end_of_a_message_in_parts<K: PiecesKind>() {
    let (request, server) = script(vec![
        Box::new(|mut raw: Raw| {
            for frame in [(0x01, "one "), (0x80, "two"), (0x81, "kept"), (0x01, "begun")] {
                assert_eq!(raw.frame(), (frame.0, frame.1.into()));
            }
            raw.reset();
        }),
        Box::new(|mut raw: Raw| {
            assert_eq!(raw.frame(), (0x81, b"kept, too".to_vec()));
            raw.write(&close(1000));
            drop(raw.rest());
        }),
    ]);
    let mut client = K::pieces(request, settings(), true);
    until_open(&mut client);
    client.send_fragment("one ", false).unwrap();
    client.feed("kept".into()).unwrap();
    assert_eq!(client.flush(), Err(SendError::FragmentsPending));
    client.send_fragment("two", true).unwrap();
    assert_eq!(client.flush(), Ok(()));
    client.send_fragment("begun", false).unwrap();
    client.feed("kept, too".into()).unwrap();
    let ending = ended(&mut client);
    assert_eq!((ending.unsent_in_parts, ending.unsent.len()), (1, 0));
    while !matches!(client.next(), ReconnectEvent::GaveUp(_)) {}
    server.join().unwrap();
}

fn without_a_connection_no_message_is_begun<K: PiecesKind>() {
    let (request, server) = script(vec![Box::new(|mut raw: Raw| {
        raw.write(&close(1000));
        drop(raw.rest());
    })]);
    let mut client = K::pieces(request, settings(), true);
    assert_eq!(client.refusal(), Some(SendError::NotConnected));
    while !matches!(client.next(), ReconnectEvent::GaveUp(_)) {}
    assert_eq!(client.refusal(), Some(SendError::Ended));
    server.join().unwrap();
}

fn closing_in_the_middle_of_a_message_takes_no_memory<K: PiecesKind>() {
    let (request, server) = script(vec![Box::new(|mut raw: Raw| {
        raw.write(&plain(0x02, b"begun"));
        let (first, body) = raw.frame();
        // What is left of it is passed over in any case. Another one would be put together.
        raw.write(&[plain(0x80, b"end"), plain(0x02, b"another")].concat());
        let part = plain(0x00, &[7; 100_000]);
        for _ in 0..60 {
            raw.write(&part);
        }
        raw.write(&[plain(0x80, b"end"), plain(first, &body)].concat());
    })]);
    let mut config = settings();
    (config.timeouts.close, config.timeouts.linger) = (millis(60_000), millis(60_000));
    let mut client = K::pieces(request, config, false);
    assert_eq!(&chunk(&mut client).payload()[..], b"begun");
    let mut ending = None;
    let info = measure(|| ending = client.close(CloseCode::NORMAL));
    assert!(ending.unwrap().report.clean);
    assert!(info.bytes_max < 1_000_000, "{} bytes", info.bytes_max);
    server.join().unwrap();
}
