//! What only the tokio adapter has: futures that are dropped, halves for two tasks, streams and
//! sinks, a clock that tests can stop.

use std::future::ready;
use std::time::Duration;

use farewell::aio::{ByteStream, WebSocket, accept, handshake};
use farewell::handshake::{ClientRequest, Negotiated};
use farewell::{Cause, CloseCode, Config, Incoming, Message, Role, SendError, Termination};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::adapters::support::{anyone, bounded, masked, millis, quiet, runtime};

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (one, other) = (one.unwrap(), other.unwrap().0);
    one.set_nodelay(true).unwrap();
    (one, other)
}

fn upgraded<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    stream: S,
    config: Config,
) -> WebSocket<S> {
    WebSocket::upgraded(stream, Role::Server, Negotiated::default(), config, b"").unwrap()
}

/// A server socket and the bytes of its client.
async fn with_raw_client(config: Config) -> (WebSocket<TcpStream>, TcpStream) {
    let (raw, stream) = tcp().await;
    (upgraded(stream, config), raw)
}

async fn pair<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    streams: (S, S),
    config: Config,
) -> (WebSocket<S>, WebSocket<S>) {
    let request = ClientRequest::new("ws://localhost/").unwrap();
    let acceptor = anyone(config.clone());
    let (client, server) =
        tokio::join!(handshake(streams.0, &request, config), accept(streams.1, &acceptor));
    (client.unwrap(), server.unwrap())
}

fn run(test: impl AsyncFnOnce() + Send + 'static) {
    bounded(|| runtime().block_on(test()));
}

/// With time that stands still until everybody waits.
fn run_paused(test: impl AsyncFnOnce() + Send + 'static) {
    bounded(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(test());
    });
}

fn report(incoming: Incoming) -> Box<Termination> {
    incoming.into_message().expect_err("the end")
}

#[test]
fn a_dropped_next_loses_nothing() {
    run(async || {
        let (mut socket, mut raw) = with_raw_client(quiet()).await;
        let writer = tokio::spawn(async move {
            for index in 0..15 {
                let text = format!("message {index}");
                let (one, other) = text.split_at(4);
                let mut wire = masked(0x01, one.as_bytes());
                wire.extend(masked(0x89, b"ping"));
                wire.extend(masked(0x80, other.as_bytes()));
                for byte in wire {
                    raw.write_all(&[byte]).await.unwrap();
                    sleep(millis(3)).await;
                }
            }
            raw
        });
        let (mut received, mut dropped) = (0, 0);
        while received < 15 {
            tokio::select! {
                incoming = socket.next() => {
                    let message = incoming.into_message().unwrap();
                    assert_eq!(message.as_text(), Some(&*format!("message {received}")));
                    received += 1;
                }
                () = sleep(millis(1)) => dropped += 1,
            }
        }
        assert!(dropped > 100, "{dropped}");
        let mut raw = writer.await.unwrap();
        drop(socket);
        let mut pongs = Vec::new();
        raw.read_to_end(&mut pongs).await.unwrap();
        assert_eq!(pongs, b"\x8a\x04ping".repeat(15));
    });
}

#[test]
fn a_dropped_send_sends_once() {
    run(async || {
        let mut config = quiet();
        config.limits.pending_output = usize::MAX;
        config.fragment_size = None;
        let (mut socket, mut raw) = with_raw_client(config).await;
        let mut dropped = 0;
        for index in 0..100_u8 {
            // Dropped after the first poll, whatever came of it.
            let sent = socket.send(vec![index; 100_000]).now_or_never();
            dropped += usize::from(sent.is_none());
        }
        assert!(dropped > 0, "the socket took it all");
        let reader = tokio::spawn(async move {
            for index in 0..100_u8 {
                let mut head = [0; 10];
                raw.read_exact(&mut head).await.unwrap();
                assert_eq!(head, *b"\x82\x7f\0\0\0\0\0\x01\x86\xa0", "{index}");
                let mut payload = vec![0; 100_000];
                raw.read_exact(&mut payload).await.unwrap();
                assert!(payload == vec![index; 100_000], "{index}");
            }
        });
        socket.flush().await.unwrap();
        reader.await.unwrap();
    });
}

#[test]
fn a_dropped_close_goes_on() {
    run(async || {
        let (mut socket, mut raw) = with_raw_client(quiet()).await;
        for _ in 0..5 {
            assert!(timeout(millis(2), socket.close(CloseCode::NORMAL)).await.is_err());
        }
        let mut close = [0; 4];
        raw.read_exact(&mut close).await.unwrap();
        assert_eq!(close, *b"\x88\x02\x03\xe8");
        raw.write_all(&masked(0x88, &[0x03, 0xe8])).await.unwrap();
        drop(raw);
        let report = socket.close(CloseCode::GOING_AWAY).await;
        assert!(report.clean && report.code == 1000, "{report}");
    });
}

#[test]
fn deadlines_follow_the_clock_of_tokio() {
    run_paused(async || {
        let (stream, other) = duplex(1 << 16);
        let mut socket = upgraded(stream, Config::default());
        let began = Instant::now();
        let report = report(socket.next().await);
        assert!(matches!(report.cause, Cause::PongTimeout { .. }), "{report}");
        // 20 s, give or take a tenth, then 20 s.
        assert!((38..=42).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        drop(other);
    });
}

#[test]
fn an_end_between_two_deadlines_wakes_the_reader_of_a_split_socket() {
    run_paused(async || {
        let (stream, other) = duplex(1 << 16);
        let (mut receiver, mut sender) = upgraded(stream, Config::default()).split();
        let reader = tokio::spawn(async move { receiver.next().await });
        sleep(millis(1)).await;
        let began = Instant::now();
        // The reader's timer is at 20 s; the close timeout is 5 s and the linger timeout 2 s.
        sender.close(CloseCode::NORMAL).await.unwrap();
        let report = report(reader.await.unwrap());
        assert_eq!(report.cause, Cause::CloseTimeout, "{report}");
        assert!((5..=8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(sender.send("too late").await, Err(SendError::Ended));
        drop(other);
    });
}

#[test]
fn an_abort_wakes_the_reader_of_a_split_socket() {
    run(async || {
        let (socket, raw) = with_raw_client(Config::default()).await;
        let (mut receiver, mut sender) = socket.split();
        let reader = tokio::spawn(async move { receiver.next().await });
        sleep(millis(5)).await;
        sender.abort();
        let report = report(reader.await.unwrap());
        assert_eq!(report.cause, Cause::Aborted, "{report}");
        drop(raw);
    });
}

/// Two floods, each half in its own task, on several threads, through a narrow pipe.
#[test]
fn split_floods_do_not_block_each_other() {
    const COUNT: usize = 300;
    async fn flood(socket: WebSocket<DuplexStream>) {
        let (mut receiver, mut sender) = socket.split();
        let writer = tokio::spawn(async move {
            for index in 0..COUNT {
                sender.send(vec![index as u8; 32 * 1024]).await.unwrap();
            }
            sender
        });
        for index in 0..COUNT {
            let message = receiver.next().await.into_message().unwrap();
            assert!(message.as_bytes() == vec![index as u8; 32 * 1024]);
        }
        let mut sender = writer.await.unwrap();
        // Whoever is first closes.
        let _ = sender.close(CloseCode::NORMAL).await;
        let report = report(receiver.next().await);
        assert!(report.clean, "{report}");
    }
    bounded(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(3).enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, server) = pair(duplex(4096), Config::default()).await;
            let client = tokio::spawn(flood(client));
            tokio::spawn(flood(server)).await.unwrap();
            client.await.unwrap();
        });
    });
}

#[test]
fn streams_and_sinks_fit_together() {
    run(async || {
        let (mut client, server) = pair(tcp().await, Config::default()).await;
        // An echo server from parts that know nothing of WebSockets.
        let echo = async move {
            let (receiver, sender) = server.split();
            let messages = receiver.filter_map(|incoming| ready(incoming.into_message().ok()));
            messages.map(Ok).forward(sender).await.unwrap();
        };
        let client = async move {
            for index in 0..10 {
                SinkExt::send(&mut client, Message::from(format!("{index}"))).await.unwrap();
            }
            for index in 0..10 {
                let incoming = StreamExt::next(&mut client).await;
                assert_eq!(incoming, Some(Incoming::Message(format!("{index}").into())));
            }
            SinkExt::close(&mut client).await.unwrap();
            let Some(Incoming::Ended(report)) = StreamExt::next(&mut client).await else {
                panic!("not the end")
            };
            assert!(report.clean, "{report}");
            assert_eq!(StreamExt::next(&mut client).await, None);
            assert_eq!(client.next().await, Incoming::Ended(report));
        };
        tokio::join!(echo, client);
    });
}

#[test]
fn a_socket_may_outlive_its_runtime() {
    bounded(|| {
        let runtime = runtime();
        let (socket, halves) = runtime.block_on(async {
            let (mut one, other) = pair(tcp().await, Config::default()).await;
            assert!(timeout(millis(5), one.next()).await.is_err());
            (one, other.split())
        });
        drop(runtime);
        drop(socket);
        drop(halves);
    });
}

#[test]
fn a_pipelined_batch_is_answered_with_one_write() {
    run(async || {
        let batch = masked(0x81, b"message").repeat(16);
        let answer = b"\x81\x07message".repeat(16);
        let stream = tokio_script(&[&batch, &batch], &[&answer, &answer]);
        let mut socket = upgraded(stream, quiet());
        let mut count = 0;
        while let Ok(message) = socket.next().await.into_message() {
            socket.feed(message).await.unwrap();
            count += 1;
        }
        assert_eq!(count, 32);
    });
}

/// A stream that reads and expects to be written just that, piece by piece.
fn tokio_script(reads: &[&[u8]], writes: &[&[u8]]) -> Script {
    Script {
        reads: reads.iter().map(|bytes| bytes.to_vec()).collect(),
        writes: writes.iter().map(|bytes| bytes.to_vec()).collect(),
    }
}

struct Script {
    reads: std::collections::VecDeque<Vec<u8>>,
    writes: std::collections::VecDeque<Vec<u8>>,
}

impl tokio::io::AsyncRead for Script {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if let Some(bytes) = self.reads.pop_front() {
            buffer.put_slice(&bytes);
        }
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Script {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let expected = self.writes.pop_front();
        assert_eq!(expected.as_deref(), Some(bytes), "{bytes:x?}");
        std::task::Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

/// The reading half writes the rest of the Close, and reads the answer, before the writing half looks.
#[test]
fn a_close_that_the_other_half_saw_off_did_not_fail() {
    run(async || {
        let (stream, mut raw) = duplex(1);
        let (mut receiver, mut sender) = upgraded(stream, quiet()).split();
        let mut close = Box::pin(sender.close(CloseCode::NORMAL));
        assert_eq!(close.as_mut().now_or_never(), None, "the pipe has room for one byte");
        let peer = async {
            let mut frame = [0; 4];
            raw.read_exact(&mut frame).await.unwrap();
            raw.write_all(&masked(0x88, &[0x03, 0xe8])).await.unwrap();
            drop(raw);
        };
        let (incoming, ()) = tokio::join!(receiver.next(), peer);
        assert!(report(incoming).clean);
        assert_eq!(close.await, Ok(()));
        assert_eq!(SinkExt::close(&mut sender).await, Ok(()));
    });
}

/// The first message comes after one read, although a Ping is due from the beginning on.
#[test]
fn a_peer_that_always_has_more_to_read_does_not_put_deadlines_off() {
    run(async || {
        let mut config = quiet();
        let mut heartbeat = farewell::Heartbeat::default();
        heartbeat.interval = Duration::ZERO;
        config.heartbeat = Some(heartbeat);
        let message = masked(0x81, b"one of many");
        let mut socket = upgraded(tokio_script(&[&message[..]; 1000], &[]), config);
        assert_eq!(socket.next().await, Incoming::Message("one of many".into()));
        assert_eq!(socket.get_ref().reads.len(), 999, "messages that nobody has asked for");
        assert_eq!(socket.evidence().pings.sent, 1);
    });
}

#[test]
fn waiting_for_room_can_be_dropped() {
    run(async || {
        let mut config = quiet();
        config.limits.pending_output = 1000;
        let (stream, mut raw) = duplex(100);
        let mut socket = upgraded(stream, config);
        socket.try_feed([1; 2000].as_slice()).unwrap();
        let refused = socket.try_feed([2; 50].as_slice()).unwrap_err();
        assert_eq!(refused.reason, SendError::Full);
        assert!(timeout(millis(5), socket.ready()).await.is_err());
        let (mut head, mut payload) = ([0; 4], [0; 2000]);
        let read = async {
            raw.read_exact(&mut head).await.unwrap();
            raw.read_exact(&mut payload).await.unwrap();
        };
        let write = async {
            socket.ready().await;
            socket.try_feed(refused.message).unwrap();
            socket.flush().await.unwrap();
        };
        tokio::join!(read, write);
        assert_eq!((head, payload), (*b"\x82\x7e\x07\xd0", [1; 2000]));
        let mut frame = [0; 52];
        timeout(Duration::from_secs(5), raw.read_exact(&mut frame)).await.unwrap().unwrap();
        assert_eq!(frame[..2], *b"\x82\x32");
    });
}

/// Both halves of a stream are used at once, and both ends write more than fits in between.
#[test]
fn two_tasks_use_a_stream_of_bytes() {
    bounded(|| runtime().block_on(both_ends_write_and_read()));
}

async fn both_ends_write_and_read() {
    let (one, other) = tcp().await;
    let (role, negotiated) = (Role::Client, Negotiated::default());
    let client = WebSocket::upgraded(other, role, negotiated, Config::default(), b"").unwrap();
    let ends = [client, upgraded(one, Config::default())].map(ByteStream::new);
    let tasks = ends.map(|stream| {
        let (mut reader, mut writer) = stream.into_split();
        let reads = tokio::spawn(async move {
            let (mut len, mut buffer) = (0, vec![0; 10_000]);
            while len < 5_000_000 {
                len += reader.read(&mut buffer).await.unwrap();
            }
            (len, reader)
        });
        let writes = tokio::spawn(async move {
            let piece = vec![1; 100_000];
            for _ in 0..50 {
                writer.write_all(&piece).await.unwrap();
            }
            writer.flush().await.unwrap();
            writer
        });
        (reads, writes)
    });
    for (reads, writes) in tasks {
        assert_eq!(reads.await.unwrap().0, 5_000_000);
        drop(writes.await.unwrap());
    }
}

/// A writer waits for a stream that takes nothing, and a reader for one that brings nothing: were they to
/// wake each other, the clock would stand still.
#[test]
fn halves_leave_each_other_alone_while_the_stream_is_blocked() {
    run_paused(async || {
        let (stream, _raw) = duplex(64);
        let (mut receiver, mut sender) = upgraded(stream, quiet()).split();
        let receives = tokio::spawn(async move { receiver.next().await });
        assert!(sender.send(vec![0; 4096]).await.is_err());
        let Incoming::Ended(report) = receives.await.unwrap() else { panic!("nothing was sent") };
        assert!(matches!(report.cause, Cause::WriteStalled { .. }), "{report}");
    });
}

/// A task's future holds a socket once for each function that the socket goes through.
#[test]
fn a_socket_is_small_enough_to_be_handed_around() {
    assert!(size_of::<WebSocket<TcpStream>>() <= 40);
}
