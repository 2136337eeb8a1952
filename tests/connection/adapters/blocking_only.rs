//! What only the blocking adapter has: two threads on one socket, other streams, few writes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use farewell::blocking::{Receiver, Sender, Transport, Untimed, WebSocket};
use farewell::handshake::{ClientRequest, Negotiated};
use farewell::{Cause, CloseCode, Config, Incoming, Initiator, Message, Position, Role, SendError};

use crate::adapters::support::{
    Adapter, Blocking, Raw, anyone, bounded, echo, masked, millis, pair, quiet, with_raw_client,
};

type Halves = (Receiver<TcpStream>, Sender<TcpStream>);

fn split_with_raw_client(config: Config) -> (Halves, Raw) {
    let (socket, raw) = with_raw_client::<Blocking>(config);
    (socket.0.split(), raw)
}

/// The reading half on a thread that has begun to wait.
fn waiting(mut receiver: Receiver<TcpStream>) -> thread::JoinHandle<(Incoming, Instant)> {
    let (sender, started) = mpsc::channel();
    let thread = thread::spawn(move || {
        sender.send(()).unwrap();
        (receiver.next(), Instant::now())
    });
    started.recv().unwrap();
    thread::sleep(millis(20));
    thread
}

#[test]
fn the_writer_sends_while_the_reader_waits() {
    bounded(|| {
        let ((receiver, mut sender), mut raw) = split_with_raw_client(Config::default());
        let reader = waiting(receiver);
        for index in 0..100_u8 {
            sender.send([index; 100].as_slice()).unwrap();
            assert_eq!(raw.frame(), (0x82, vec![index; 100]));
        }
        raw.write(&masked(0x81, b"enough"));
        assert_eq!(reader.join().unwrap().0, Incoming::Message("enough".into()));
    });
}

#[test]
fn the_reader_answers_pings_while_the_writer_sends() {
    bounded(|| {
        let ((receiver, mut sender), mut raw) = split_with_raw_client(quiet());
        let reader = waiting(receiver);
        let mut other = Raw(raw.0.try_clone().unwrap());
        let pings = thread::spawn(move || {
            for _ in 0..50 {
                other.write(&masked(0x89, b"?"));
                thread::sleep(millis(1));
            }
        });
        for index in 0..200_u8 {
            sender.send(vec![index; 5000]).unwrap();
            loop {
                match raw.frame() {
                    (0x8a, payload) => assert_eq!(payload, b"?"),
                    frame => break assert_eq!(frame, (0x82, vec![index; 5000])),
                }
            }
        }
        pings.join().unwrap();
        sender.close(CloseCode::NORMAL).unwrap();
        while raw.frame().0 != 0x88 {}
        raw.write(&masked(0x88, &[0x03, 0xe8]));
        drop(raw.rest());
        drop(raw);
        let Incoming::Ended(report) = reader.join().unwrap().0 else { panic!("a message") };
        assert!(report.clean, "{report}");
    });
}

#[test]
fn the_reader_notices_deadlines_that_the_writer_sets() {
    bounded(|| {
        // Without the Close the reader would wait for ever.
        let mut config = quiet();
        (config.timeouts.close, config.timeouts.linger) = (millis(200), millis(100));
        let ((receiver, mut sender), raw) = split_with_raw_client(config);
        let reader = waiting(receiver);
        let began = Instant::now();
        sender.close(CloseCode::NORMAL).unwrap();
        let (incoming, ended) = reader.join().unwrap();
        let Incoming::Ended(report) = incoming else { panic!("{incoming:?}") };
        assert_eq!(report.cause, Cause::CloseTimeout, "{report}");
        assert!(ended - began >= millis(200), "{:?}", ended - began);
        drop(raw);
    });
}

#[test]
fn an_abort_wakes_the_reader() {
    bounded(|| {
        let ((receiver, mut sender), raw) = split_with_raw_client(Config::default());
        let reader = waiting(receiver);
        sender.abort();
        let (incoming, _) = reader.join().unwrap();
        let Incoming::Ended(report) = incoming else { panic!("{incoming:?}") };
        assert_eq!(report.cause, Cause::Aborted, "{report}");
        assert_eq!(sender.send("too late"), Err(SendError::Ended));
        drop(raw);
    });
}

#[test]
fn a_writer_without_a_reader_is_not_blocked_for_ever() {
    bounded(|| {
        let mut config = quiet();
        config.timeouts.write_stall = Some(millis(200));
        let ((mut receiver, mut sender), raw) = split_with_raw_client(config);
        let error = loop {
            if let Err(error) = sender.send(vec![7; 1 << 20]) {
                break error;
            }
        };
        assert_eq!(error, SendError::Ended);
        let Incoming::Ended(report) = receiver.next() else { panic!("a message") };
        assert!(matches!(report.cause, Cause::WriteStalled { .. }), "{report}");
        drop(raw);
    });
}

#[test]
fn an_answered_close_of_the_writer_is_not_taken_for_the_peers() {
    bounded(|| {
        for _ in 0..300 {
            let (socket, server) = pair(quiet(), echo::<Blocking>);
            let (mut receiver, mut sender) = socket.0.split();
            let reader = thread::spawn(move || receiver.next());
            sender.close(CloseCode::NORMAL).unwrap();
            let Incoming::Ended(report) = reader.join().unwrap() else { panic!("no end") };
            assert!(report.clean && report.initiator == Initiator::Local, "{report}");
            server.join().unwrap();
        }
    });
}

#[test]
fn split_floods_do_not_block_each_other() {
    bounded(|| {
        const COUNT: usize = 300;
        let flood = |socket: Blocking| {
            let (mut receiver, mut sender) = socket.0.split();
            let writer = thread::spawn(move || {
                for index in 0..COUNT {
                    sender.send(vec![index as u8; 64 * 1024]).unwrap();
                }
                sender
            });
            for index in 0..COUNT {
                let message = receiver.next().into_message().unwrap();
                assert!(message.as_bytes() == vec![index as u8; 64 * 1024]);
            }
            (receiver, writer.join().unwrap())
        };
        let (client, server) = pair(quiet(), flood);
        let (mut receiver, mut sender) = flood(client);
        let (mut other, other_sender) = server.join().unwrap();
        let other = thread::spawn(move || other.next());
        sender.close(CloseCode::NORMAL).unwrap();
        let Incoming::Ended(report) = receiver.next() else { panic!("a message") };
        assert!(report.clean, "{report}");
        assert!(matches!(other.join().unwrap(), Incoming::Ended(report) if report.clean));
        drop(other_sender);
    });
}

#[test]
fn a_dropped_half_leaves_the_other_at_work() {
    bounded(|| {
        let ((mut receiver, sender), mut raw) = split_with_raw_client(quiet());
        drop(sender);
        raw.write(&masked(0x81, b"still there"));
        assert_eq!(receiver.next(), Incoming::Message("still there".into()));
        drop(receiver);
        assert_eq!(raw.rest().unwrap(), b"");
    });
}

#[cfg(unix)]
#[test]
fn unix_sockets_and_streams_of_any_kind_work() {
    use std::os::unix::net::UnixStream;
    bounded(|| {
        let (one, other) = UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            let mut socket = farewell::blocking::accept(one, &anyone(Config::default())).unwrap();
            let message = socket.next().into_message().unwrap();
            socket.send(message).unwrap();
            socket.next().into_message().unwrap_err()
        });
        let request = ClientRequest::new("ws://localhost/").unwrap();
        let client = farewell::blocking::handshake(Untimed(other), &request, Config::default());
        let mut client = client.unwrap();
        client.send("hello").unwrap();
        assert_eq!(client.next(), Incoming::Message("hello".into()));
        // The answer might never come, and nothing would bound the wait for it.
        let report = client.close(CloseCode::NORMAL);
        assert!(!report.clean && report.local_close.unwrap().flushed, "{report}");
        // `Untimed` cannot end its side; the server lingers until it is dropped.
        drop(client);
        assert_eq!(server.join().unwrap().code, 1000);
    });
}

/// A stream that gives what it is told and keeps what is written.
#[derive(Default)]
struct Script {
    reads: VecDeque<io::Result<Vec<u8>>>,
    writes: Vec<Vec<u8>>,
    /// What flushing gives, and then success.
    flushes: VecDeque<io::Result<()>>,
    shut_down: usize,
    timeouts: Vec<Option<Duration>>,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(bytes) = self.reads.pop_front().transpose()? else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.push(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.flushes.pop_front().unwrap_or(Ok(()))
    }
}

impl Transport for Script {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.push(timeout);
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shut_down += 1;
        Ok(())
    }
}

fn scripted(reads: Vec<io::Result<Vec<u8>>>) -> WebSocket<Script> {
    let script = Script { reads: reads.into(), ..Script::default() };
    let config = Config::default();
    WebSocket::upgraded(script, Role::Server, Negotiated::default(), config, b"").unwrap()
}

#[test]
fn a_pipelined_batch_is_answered_with_one_write() {
    let batch = masked(0x81, b"message").repeat(16);
    let mut socket = scripted(vec![Ok(batch.clone()), Ok(batch)]);
    let mut count = 0;
    let report = loop {
        match socket.next().into_message() {
            Ok(message) => socket.feed(message).unwrap(),
            Err(report) => break report,
        }
        count += 1;
    };
    assert_eq!(count, 32);
    assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    let writes = &socket.get_ref().writes;
    assert_eq!(writes.len(), 2, "{writes:x?}");
    assert_eq!(writes[0], b"\x81\x07message".repeat(16));
}

#[test]
fn interruptions_and_expired_waits_are_no_failures() {
    let (one, other) = (masked(0x81, b"one"), masked(0x81, b"other"));
    let mut socket = scripted(vec![
        Err(io::ErrorKind::Interrupted.into()),
        Ok(one),
        Err(io::ErrorKind::WouldBlock.into()),
        Ok(other),
        Err(io::ErrorKind::TimedOut.into()),
    ]);
    assert_eq!(socket.next(), Incoming::Message("one".into()));
    assert_eq!(socket.next(), Incoming::Message("other".into()));
    if cfg!(unix) {
        let Incoming::Ended(report) = socket.next() else { panic!("a message") };
        let kind = farewell::TransportError::TimedOut;
        let cause = Cause::Transport { direction: farewell::Direction::Read, kind };
        assert_eq!(report.cause, cause, "the system gave up on the peer: {report}");
    }
    // One timeout fits them all.
    assert_eq!(socket.get_ref().timeouts.len(), 1, "{:?}", socket.get_ref().timeouts);
}

#[test]
fn what_a_stream_holds_back_is_flushed_until_it_has_left() {
    let wait = || Err(io::ErrorKind::WouldBlock.into());
    let script = |flushes: Vec<io::Result<()>>| {
        let reads =
            [wait(), wait(), wait(), wait()].map(|read: io::Result<()>| read.map(|()| vec![]));
        let script = Script { reads: reads.into(), flushes: flushes.into(), ..Script::default() };
        let negotiated = Negotiated::default();
        WebSocket::upgraded(script, Role::Server, negotiated, quiet(), b"").unwrap()
    };
    let mut socket = script(vec![wait(), Err(io::ErrorKind::Interrupted.into()), wait()]);
    socket.send("hello").unwrap();
    assert!(socket.get_ref().flushes.is_empty());

    let mut socket = script(vec![wait(), Err(io::ErrorKind::BrokenPipe.into())]);
    assert_eq!(socket.send("hello"), Err(SendError::WriteFailed));
    let Incoming::Ended(report) = socket.next() else { panic!("a message") };
    let kind = farewell::TransportError::BrokenPipe;
    assert_eq!(
        report.cause,
        Cause::Transport { direction: farewell::Direction::Write, kind },
        "{report}"
    );
}

/// A stream that always has another Ping, and takes nothing at the first attempt to write.
struct Flood {
    refused: bool,
}

impl Read for Flood {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ping = masked(0x89, b"?");
        buffer[..ping.len()].copy_from_slice(&ping);
        Ok(ping.len())
    }
}

impl Write for Flood {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::mem::replace(&mut self.refused, true) {
            true => Ok(bytes.len()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Flood {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_peer_that_always_has_more_to_read_does_not_keep_us_from_writing() {
    bounded(|| {
        let (flood, negotiated) = (Flood { refused: false }, Negotiated::default());
        let mut socket =
            WebSocket::upgraded(flood, Role::Server, negotiated, quiet(), b"").unwrap();
        socket.send("hello").unwrap();
    });
}

#[test]
fn a_stream_cut_short_below_tls_says_so() {
    use farewell::{StreamEnd, TransportError};
    let said = io::ErrorKind::UnexpectedEof;
    let cases = [
        (io::Error::new(said, TransportError::TlsTruncated), StreamEnd::TlsTruncated, ""),
        // Streams without TLS say so as well: a decompressor, a socket of somebody's own.
        (
            io::Error::new(said, "half a block"),
            StreamEnd::Failed(TransportError::UnexpectedEof),
            "half a block",
        ),
    ];
    for (error, end, words) in cases {
        let mut socket = scripted(vec![Err(error)]);
        let Incoming::Ended(report) = socket.next() else { panic!("a message") };
        assert_eq!(report.stream_end, end, "{report}");
        let failure = report.evidence.failure.expect("the stream failed");
        assert_eq!(failure.message.as_str(), words);
    }
}

#[test]
fn our_side_is_shut_down_once() {
    let close = masked(0x88, &[0x03, 0xe8]);
    let mut socket = scripted(vec![Ok(close)]);
    let Incoming::Ended(report) = socket.next() else { panic!("a message") };
    assert!(report.clean, "{report}");
    assert_eq!(socket.get_ref().shut_down, 1);
    assert_eq!(socket.get_ref().writes, [b"\x88\x02\x03\xe8"]);
}

#[test]
fn bytes_read_by_somebody_else_come_first() {
    bounded(|| {
        let script = Script::default();
        let (config, read) = (Config::default(), masked(0x81, b"first"));
        let negotiated = Negotiated::default().with_subprotocol("chat");
        let mut socket =
            WebSocket::upgraded(script, Role::Server, negotiated, config, &read).unwrap();
        assert_eq!(socket.subprotocol(), Some("chat"));
        assert_eq!(socket.next(), Incoming::Message(Message::from("first")));
        // An echo server of the other adapter's kind is not needed to see the end.
        assert!(socket.next().into_message().is_err());
    });
}

#[test]
fn a_thread_for_each_of_many_connections() {
    bounded(|| {
        let pairs: Vec<_> = (0..20).map(|_| pair(Config::default(), echo::<Blocking>)).collect();
        for (mut client, server) in pairs {
            client.send("hello").unwrap();
            assert_eq!(client.message(), Message::from("hello"));
            assert!(client.close(CloseCode::NORMAL).clean);
            assert!(server.join().unwrap().clean);
        }
    });
}
