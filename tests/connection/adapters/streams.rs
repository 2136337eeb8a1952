//! Long messages piece by piece, and streams of bytes over messages, through both adapters.

mod edges;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use allocation_counter::measure;
use farewell::{
    Cause, CloseCode, Incoming, IncomingChunk, MessageKind, SendError, Termination, aio, blocking,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::adapters::support::{
    Adapter, Blocking, Tokio, anyone, for_both_adapters, listen, masked, pair, quiet,
    with_raw_client,
};

for_both_adapters!(
    a_message_is_received_in_chunks_and_pings_in_between_are_answered,
    next_passes_over_what_is_left_of_a_message,
    what_was_read_ahead_comes_whole_where_it_is_asked_for_whole,
    an_end_inside_a_message_is_its_report,
    a_message_is_written_piece_by_piece,
    a_text_is_written_wherever_it_is_cut,
    a_message_that_is_not_finished_stays_open,
    bytes_go_there_and_back,
    a_cut_stream_of_bytes_is_an_error_with_the_report,
    a_close_that_does_not_say_that_this_was_all_is_an_error,
    text_is_no_stream_of_bytes,
    long_messages_take_no_memory,
    a_slow_reader_holds_the_writer_up,
);

/// What these tests ask of an adapter.
pub(crate) trait Streams: Adapter {
    fn next_chunk(&mut self) -> IncomingChunk;
    /// Writes a message in these pieces, with a flush behind each, and finishes it.
    fn write_message(&mut self, kind: MessageKind, pieces: &[&[u8]]) -> io::Result<()>;
    /// Writes into a message, and leaves it as it is.
    fn leave_message(&mut self, kind: MessageKind, bytes: &[u8]) -> io::Result<()>;
    /// Writes into a message, with a flush behind it, and leaves it.
    fn begin_message(&mut self, kind: MessageKind, piece: &[u8]) -> io::Result<()>;
    /// Writes as much as `copy` does of so many bytes, and finishes.
    fn write_long(&mut self, len: u64) -> io::Result<()>;
    fn send_fragment(&mut self, part: &'static [u8], fin: bool) -> Result<(), SendError>;
    fn into_bytes(self) -> Box<dyn ByteEnds>;
}

/// A stream of bytes.
pub(crate) trait ByteEnds: Send {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn shutdown(&mut self) -> io::Result<()>;
    /// Copies what it reads into itself, with two tasks or threads, and closes at the end.
    fn echo(self: Box<Self>) -> io::Result<u64>;
    fn pending(&self) -> u64;
}

impl Streams for Blocking {
    fn next_chunk(&mut self) -> IncomingChunk {
        self.0.next_chunk()
    }
    fn write_message(&mut self, kind: MessageKind, pieces: &[&[u8]]) -> io::Result<()> {
        let mut message = self.0.message_writer(kind);
        for piece in pieces {
            message.write_all(piece)?;
            message.flush()?;
        }
        message.finish()
    }
    fn leave_message(&mut self, kind: MessageKind, bytes: &[u8]) -> io::Result<()> {
        self.0.message_writer(kind).write_all(bytes)
    }
    fn begin_message(&mut self, kind: MessageKind, piece: &[u8]) -> io::Result<()> {
        let mut message = self.0.message_writer(kind);
        message.write_all(piece)?;
        message.flush()
    }
    fn write_long(&mut self, len: u64) -> io::Result<()> {
        let mut message = self.0.message_writer(MessageKind::Binary);
        let piece = [7; 50_000];
        let mut left = len;
        while left > 0 {
            let part = piece.len().min(usize::try_from(left).unwrap());
            message.write_all(&piece[..part])?;
            left -= part as u64;
        }
        message.finish()
    }
    fn send_fragment(&mut self, part: &'static [u8], fin: bool) -> Result<(), SendError> {
        self.0.send_fragment(part, fin)
    }
    fn into_bytes(self) -> Box<dyn ByteEnds> {
        Box::new(blocking::ByteStream::new(self.0))
    }
}

impl ByteEnds for blocking::ByteStream<TcpStream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)?;
        self.flush()
    }
    fn shutdown(&mut self) -> io::Result<()> {
        self.shutdown()
    }
    fn echo(self: Box<Self>) -> io::Result<u64> {
        let (mut reader, mut writer) = self.split();
        let copied = io::copy(&mut reader, &mut writer)?;
        writer.shutdown()?;
        Ok(copied)
    }
    fn pending(&self) -> u64 {
        self.stats().pending_output
    }
}

impl Streams for Tokio {
    fn next_chunk(&mut self) -> IncomingChunk {
        self.wait(aio::WebSocket::next_chunk)
    }
    fn write_message(&mut self, kind: MessageKind, pieces: &[&[u8]]) -> io::Result<()> {
        self.wait(async |socket: &mut aio::WebSocket<tokio::net::TcpStream>| {
            let mut message = socket.message_writer(kind);
            for piece in pieces {
                message.write_all(piece).await?;
                message.flush().await?;
            }
            message.finish().await
        })
    }
    fn leave_message(&mut self, kind: MessageKind, bytes: &[u8]) -> io::Result<()> {
        self.wait(async |socket: &mut aio::WebSocket<tokio::net::TcpStream>| {
            socket.message_writer(kind).write_all(bytes).await
        })
    }
    fn begin_message(&mut self, kind: MessageKind, piece: &[u8]) -> io::Result<()> {
        self.wait(async |socket: &mut aio::WebSocket<tokio::net::TcpStream>| {
            let mut message = socket.message_writer(kind);
            message.write_all(piece).await?;
            message.flush().await
        })
    }
    fn write_long(&mut self, len: u64) -> io::Result<()> {
        self.wait(async |socket: &mut aio::WebSocket<tokio::net::TcpStream>| {
            let mut message = socket.message_writer(MessageKind::Binary);
            tokio::io::copy(&mut tokio::io::repeat(7).take(len), &mut message).await?;
            message.shutdown().await
        })
    }
    fn send_fragment(&mut self, part: &'static [u8], fin: bool) -> Result<(), SendError> {
        self.wait(async |socket: &mut aio::WebSocket<tokio::net::TcpStream>| {
            socket.send_fragment(part, fin).await
        })
    }
    fn into_bytes(self) -> Box<dyn ByteEnds> {
        let (runtime, socket) = self.into_parts();
        Box::new(TokioBytes { runtime, stream: aio::ByteStream::new(socket) })
    }
}

struct TokioBytes {
    runtime: tokio::runtime::Runtime,
    stream: aio::ByteStream<tokio::net::TcpStream>,
}

impl ByteEnds for TokioBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.stream.read(buffer))
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.runtime.block_on(async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
    }
    fn shutdown(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.stream.shutdown())
    }
    fn echo(self: Box<Self>) -> io::Result<u64> {
        let Self { runtime, stream } = *self;
        runtime.block_on(async {
            // Two tasks, by tokio's own means.
            let (mut reader, mut writer) = tokio::io::split(stream);
            let (pass, mut passed) = tokio::io::duplex(10_000);
            let (mut out, mut back) = (pass, Vec::new());
            let task = tokio::spawn(async move {
                let copied = tokio::io::copy(&mut reader, &mut out).await?;
                out.shutdown().await?;
                Ok::<_, io::Error>(copied)
            });
            loop {
                back.resize(5_000, 0);
                let len = passed.read(&mut back).await?;
                if len == 0 {
                    break;
                }
                writer.write_all(&back[..len]).await?;
                writer.flush().await?;
            }
            writer.shutdown().await?;
            task.await.unwrap()
        })
    }
    fn pending(&self) -> u64 {
        self.stream.stats().pending_output
    }
}

/// The rest of the message under way, and how many chunks that were.
fn joined<A: Streams>(socket: &mut A) -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    loop {
        let chunk = socket.next_chunk().into_chunk().unwrap();
        bytes.extend_from_slice(chunk.payload());
        count += 1;
        if chunk.is_last() {
            return (bytes, count);
        }
    }
}

fn a_message_is_received_in_chunks_and_pings_in_between_are_answered<A: Streams>() {
    let (mut server, mut raw) = with_raw_client::<A>(quiet());
    let client = thread::spawn(move || {
        raw.write(&masked(0x01, b"one "));
        raw.write(&masked(0x89, b"?"));
        assert_eq!(raw.frame(), (0x8a, b"?".to_vec()));
        raw.write(&masked(0x00, b"two "));
        raw.write(&masked(0x80, b"three"));
        raw.write(&masked(0x82, b"four"));
        raw
    });
    let first = server.next_chunk().into_chunk().unwrap();
    assert_eq!((&first.payload()[..], first.kind()), (&b"one "[..], MessageKind::Text));
    assert!(first.is_first() && !first.is_last());
    assert_eq!(joined(&mut server).0, b"two three");
    let whole = server.next_chunk().into_chunk().unwrap();
    assert_eq!((&whole.payload()[..], whole.kind()), (&b"four"[..], MessageKind::Binary));
    assert!(whole.is_first() && whole.is_last());
    drop(client.join().unwrap());
    assert!(matches!(server.next_chunk(), IncomingChunk::Ended(_)));
    assert!(matches!(server.next_chunk(), IncomingChunk::Ended(_)), "again and again");
}

fn next_passes_over_what_is_left_of_a_message<A: Streams>() {
    let (mut server, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x02, b"begun"));
    assert_eq!(&server.next_chunk().into_chunk().unwrap().payload()[..], b"begun");
    raw.write(&masked(0x00, b", gone on with"));
    raw.write(&masked(0x80, b", and over"));
    raw.write(&masked(0x01, b"an"));
    raw.write(&masked(0x80, b"other"));
    assert_eq!(server.message().as_text(), Some("another"));
    raw.write(&masked(0x81, b"a third"));
    assert_eq!(joined(&mut server), (b"a third".to_vec(), 1));
}

/// While something else waits, chunks are read that are then asked for as messages.
fn what_was_read_ahead_comes_whole_where_it_is_asked_for_whole<A: Streams>() {
    let (mut server, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x82, b"x"));
    assert_eq!(joined(&mut server).0, b"x");
    let all = [masked(0x01, b"wh"), masked(0x80, b"ole"), masked(0x82, b"y"), masked(0x02, b"z")];
    raw.write(&all.concat());
    raw.write(&masked(0x80, b"zz"));
    assert_eq!(&server.next_chunk().into_chunk().unwrap().payload()[..], b"wh");
    // All of it is read by now, as chunks.
    assert_eq!(server.message().as_bytes(), b"y");
    assert_eq!(server.message().as_bytes(), b"zzz");
}

fn an_end_inside_a_message_is_its_report<A: Streams>() {
    let (mut server, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x02, b"begun"));
    drop(raw);
    assert!(matches!(server.next_chunk(), IncomingChunk::Chunk(_)));
    let IncomingChunk::Ended(report) = server.next_chunk() else { panic!("it goes on") };
    assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
    assert!(matches!(server.next(), Incoming::Ended(_)));
}

fn a_message_is_written_piece_by_piece<A: Streams>() {
    let (mut client, server) = pair::<A, _>(quiet(), |mut server: A| {
        let (bytes, chunks) = joined(&mut server);
        (bytes.len(), chunks, server.message(), server.next())
    });
    let long = vec![1; 100_000];
    client.write_message(MessageKind::Binary, &[b"one", &long, b""]).unwrap();
    client.write_message(MessageKind::Text, &[]).unwrap();
    assert!(client.close(CloseCode::NORMAL).clean);
    let (len, chunks, message, end) = server.join().unwrap();
    assert_eq!((len, message.as_text()), (100_003, Some("")));
    assert!(chunks > 1, "{chunks}");
    assert!(matches!(end, Incoming::Ended(report) if report.clean));
}

fn a_text_is_written_wherever_it_is_cut<A: Streams>() {
    let text = "ä€😀 and plain".repeat(2_000);
    let expected = text.clone();
    let (mut client, server) = pair::<A, _>(quiet(), move |mut server: A| {
        assert_eq!(server.message().as_text(), Some(&*expected));
        server.next()
    });
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
    client.write_message(MessageKind::Text, &pieces).unwrap();
    for bad in [&b"good, then \xff"[..], b"cut off \xe2\x82"] {
        let error = client.write_message(MessageKind::Text, &[bad]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
    drop(client);
    drop(server.join().unwrap());
}

fn a_message_that_is_not_finished_stays_open<A: Streams>() {
    let (mut client, server) = pair::<A, _>(quiet(), |mut server: A| server.message());
    client.begin_message(MessageKind::Binary, b"one ").unwrap();
    assert_eq!(client.send("other"), Err(SendError::FragmentsPending));
    let error = client.begin_message(MessageKind::Text, b"other").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    client.send_fragment(b"two ", false).unwrap();
    client.write_message(MessageKind::Binary, &[b"three"]).unwrap();
    assert_eq!(server.join().unwrap().as_bytes(), b"one two three");
    drop(client.ended());
    let error = client.write_message(MessageKind::Binary, &[b"late"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(report_of(&error).is_some(), "{error}");
}

fn report_of(error: &io::Error) -> Option<&Termination> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn bytes_go_there_and_back<A: Streams>() {
    let (client, server) = pair::<A, _>(quiet(), |server: A| server.into_bytes().echo());
    let mut stream = client.into_bytes();
    let sent: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    let (mut got, mut buffer) = (Vec::new(), vec![0; 777]);
    for piece in sent.chunks(70_000) {
        stream.write_all(piece).unwrap();
        while got.len() + 10_000 < piece.len() {
            let len = stream.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..len]);
        }
    }
    while got.len() < sent.len() {
        let len = stream.read(&mut buffer).unwrap();
        assert!(len > 0, "it ends after {}", got.len());
        got.extend_from_slice(&buffer[..len]);
    }
    assert!(got == sent);
    assert_eq!(stream.read(&mut []).unwrap(), 0, "no room is no end");
    stream.shutdown().unwrap();
    stream.shutdown().unwrap();
    for _ in 0..2 {
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    }
    stream.write_all(b"").expect("there is nothing to flush");
    assert_eq!(stream.write_all(b"late").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(server.join().unwrap().unwrap(), 300_000);
}

fn a_cut_stream_of_bytes_is_an_error_with_the_report<A: Streams>() {
    for resets in [false, true] {
        let (server, mut raw) = with_raw_client::<A>(quiet());
        let mut stream = server.into_bytes();
        raw.write(&masked(0x82, b"half"));
        let mut buffer = [0; 100];
        assert_eq!(stream.read(&mut buffer).unwrap(), 4);
        if resets {
            raw.reset();
        } else {
            drop(raw);
        }
        let expected = if resets { ErrorKind::ConnectionReset } else { ErrorKind::UnexpectedEof };
        for _ in 0..2 {
            let error = stream.read(&mut buffer).unwrap_err();
            assert_eq!(error.kind(), expected, "{error}");
            assert_eq!(report_of(&error).unwrap().code, 1006);
        }
    }
}

fn a_close_that_does_not_say_that_this_was_all_is_an_error<A: Streams>() {
    for (fin, code) in [(0x80, 1001), (0x80, 1011), (0x00, 1000)] {
        let (server, mut raw) = with_raw_client::<A>(quiet());
        let mut stream = server.into_bytes();
        raw.write(&masked(0x02 | fin, b"half"));
        raw.write(&masked(0x88, &u16::to_be_bytes(code)));
        let mut buffer = [0; 100];
        assert_eq!(stream.read(&mut buffer).unwrap(), 4);
        // It hangs up once it has the answer.
        let reads = thread::spawn(move || drop(raw.frame()));
        let error = stream.read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        let report = report_of(&error).unwrap();
        assert!(report.clean && report.code == code, "{report}");
        reads.join().unwrap();
    }
}

/// The Close leaves although nobody reads on, and what is read later is no end.
fn text_is_no_stream_of_bytes<A: Streams>() {
    let (server, mut raw) = with_raw_client::<A>(quiet());
    let mut stream = server.into_bytes();
    raw.write(&masked(0x81, b"text"));
    let error = stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    let frame = raw.frame();
    assert_eq!(frame, (0x88, 1003_u16.to_be_bytes().to_vec()));
    raw.write(&masked(0x88, &frame.1));
    drop(raw);
    let error = stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(report_of(&error).unwrap().code, 1003, "{error}");
}

/// The length of a long message, of which a debug build unmasks some 10 MB in a second.
const LONG: u64 = if cfg!(debug_assertions) { 50_000_000 } else { 200_000_000 };

fn long_messages_take_no_memory<A: Streams>() {
    let mut config = quiet();
    config.limits.message = u64::MAX;
    let (listener, request) = listen();
    let acceptor = anyone(config.clone());
    let server = thread::spawn(move || {
        let mut got = 0;
        let info = measure(|| {
            let mut server = A::accept(listener.accept().unwrap().0, &acceptor).unwrap();
            loop {
                match server.next_chunk() {
                    IncomingChunk::Chunk(chunk) => got += chunk.payload().len() as u64,
                    IncomingChunk::Ended(report) => break assert!(report.clean, "{report}"),
                }
            }
        });
        (got, info.bytes_max)
    });
    let info = measure(|| {
        let mut client = A::connect(&request, config).unwrap();
        client.write_long(LONG).unwrap();
        assert!(client.close(CloseCode::NORMAL).clean);
    });
    let (got, server) = server.join().unwrap();
    println!("{} bytes at most where it is sent, {server} where it is received", info.bytes_max);
    assert_eq!(got, LONG);
    assert!(info.bytes_max < 1_000_000 && server < 1_000_000);
}

fn a_slow_reader_holds_the_writer_up<A: Streams>() {
    let mut config = quiet();
    config.limits.pending_output = 100_000;
    let (client, server) = pair::<A, _>(config, |server: A| {
        let mut stream = server.into_bytes();
        // It reads only once the other end can write no more.
        let mut word = [0; 5];
        let mut got = 0;
        while got < 5 {
            got += stream.read(&mut word[got..]).unwrap();
        }
        stream.write_all(b"ready").unwrap();
        let (mut len, mut buffer) = (0, vec![0; 100_000]);
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break len,
                some => len += some,
            }
        }
    });
    let mut stream = client.into_bytes();
    stream.write_all(b"start").unwrap();
    let mut word = [0; 5];
    let mut got = 0;
    while got < 5 {
        got += stream.read(&mut word[got..]).unwrap();
    }
    let piece = vec![3; 1 << 20];
    for _ in 0..20 {
        stream.write_all(&piece).unwrap();
        assert!(stream.pending() <= 100_000, "{}", stream.pending());
    }
    stream.shutdown().unwrap();
    assert_eq!(stream.read(&mut word).unwrap(), 0);
    assert_eq!(server.join().unwrap(), 20 << 20);
}
