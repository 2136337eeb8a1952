//! The halves of a tokio socket under everything at once: many tasks on several threads, futures
//! dropped at every await, narrow pipes, Pings in between, and every order of ending.

mod dropped;
mod endings;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use farewell::aio::{Receiver, Sender, WebSocket};
use farewell::handshake::Negotiated;
use farewell::{CloseCode, Config, Incoming, Initiator, Message, Role, SendError, Termination};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use crate::adapters::support::{bounded, masked, quiet};
use crate::driver::rng::{Rng, rounds};
use crate::driver::script::numbered;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Polls a future once, and again as often as it is woken up to `polls` times; then drops it.
async fn patient<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    let output = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    });
    output.await
}

/// Drops a future again and again, until one of them is done. A macro, for a closure would hide that
/// the future can be sent to another thread.
macro_rules! until_done {
    ($rng:expr, $attempt:expr) => {
        loop {
            if let Some(result) = patient($rng.below(3), $attempt).await {
                break result;
            }
            yield_now().await;
        }
    };
}

/// Runs a test on each of several numbers of threads.
fn on_threads(test: impl AsyncFn(u64) + Clone + Send + 'static, few: u64) {
    for threads in [2, 4, 8] {
        let test = test.clone();
        for round in 0..rounds(few) {
            let test = test.clone();
            bounded(move || {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(threads).enable_all().build().unwrap();
                runtime.block_on(test(round * 10 + threads as u64));
            });
        }
    }
}

fn ends<S: Stream>(streams: (S, S), config: &Config) -> (WebSocket<S>, WebSocket<S>) {
    let open = |stream, role| {
        WebSocket::upgraded(stream, role, Negotiated::default(), config.clone(), b"").unwrap()
    };
    (open(streams.0, Role::Client), open(streams.1, Role::Server))
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (one, other) = (one.unwrap(), other.unwrap().0);
    one.set_nodelay(true).unwrap();
    other.set_nodelay(true).unwrap();
    (one, other)
}

/// Queues message `number` in one of all ways there are.
async fn send<S: Stream>(sender: &mut Sender<S>, number: usize, len: usize, rng: &mut Rng) {
    let message = Message::from(numbered(number, len));
    match rng.below(6) {
        0 => sender.send(message).await.unwrap(),
        1 => sender.feed(message).await.unwrap(),
        2 => {
            until_done!(rng, sender.ready());
            loop {
                // Between the two, the reading half may have taken the room for a Pong.
                match sender.try_feed(message.clone()) {
                    Ok(()) => break,
                    Err(refused) => assert_eq!(refused.reason, SendError::Full),
                }
                sender.ready().await;
            }
            until_done!(rng, sender.flush()).unwrap();
        }
        3 => {
            // Whether a dropped call has taken its message is seen from the count.
            let before = sender.stats().sent.messages;
            while sender.stats().sent.messages == before {
                let _ = patient(rng.below(3), sender.send(message.clone())).await;
                yield_now().await;
            }
            assert_eq!(sender.stats().sent.messages, before + 1, "doubled");
        }
        4 => {
            let payload = message.as_bytes();
            let (one, other) = payload.split_at(rng.below(payload.len()));
            sender.send_fragment(one, false).await.unwrap();
            sender.send_fragment(other, true).await.unwrap();
        }
        _ => {
            sender.feed(message).await.unwrap();
            sender.send_ping(b"?").await.unwrap();
        }
    }
}

/// Sends and receives `count` messages at the same time, from several tasks for each half. Returns
/// once all of them are sent; somebody reads on to the end, for the other end may still have to say
/// something, and would wait for ever until it is read.
async fn exchange<S: Stream>(
    socket: WebSocket<S>,
    count: usize,
    most: usize,
    seed: u64,
) -> (JoinSet<Option<Box<Termination>>>, Sender<S>) {
    let (receiver, sender) = socket.split();
    let sender = Arc::new(Mutex::new((sender, 0)));
    let receiver = Arc::new(Mutex::new((receiver, 0)));
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for task in 0..3 {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        let mut rng = Rng::new(seed * 100 + task);
        let mut reader_rng = rng.clone();
        writers.spawn(async move {
            loop {
                let (sender, next) = &mut *sender.lock().await;
                if *next == count {
                    return;
                }
                let len = rng.below(most);
                send(sender, *next, len, &mut rng).await;
                *next += 1;
            }
        });
        readers.spawn(async move {
            loop {
                let (receiver, next) = &mut *receiver.lock().await;
                if *next > count {
                    return None;
                }
                if *next == count {
                    *next += 1;
                    return Some(the_end(receiver).await);
                }
                let rng = &mut reader_rng;
                let incoming = until_done!(rng, receiver.next());
                let message = incoming.into_message().unwrap_or_else(|report| panic!("{report}"));
                let bytes = message.as_bytes();
                assert!(bytes == numbered(*next, bytes.len() - 7), "message {next}");
                *next += 1;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let (mut sender, sent) = Arc::into_inner(sender).unwrap().into_inner();
    assert_eq!(sent, count);
    sender.flush().await.unwrap();
    (readers, sender)
}

/// The report, which one of the readers got.
async fn report(readers: JoinSet<Option<Box<Termination>>>) -> Box<Termination> {
    let mut reports: Vec<_> = readers.join_all().await.into_iter().flatten().collect();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// Reads to the end, which has to come next and to stay.
async fn the_end<S: Stream>(receiver: &mut Receiver<S>) -> Box<Termination> {
    let report = receiver.next().await.into_message().expect_err("the end");
    for _ in 0..3 {
        assert_eq!(receiver.next().await, Incoming::Ended(report.clone()));
    }
    report
}

async fn flood<S: Stream>(streams: (S, S), config: Config, count: usize, most: usize, seed: u64) {
    let (client, server) = ends(streams, &config);
    let client = tokio::spawn(exchange(client, count, most, seed));
    let server = tokio::spawn(exchange(server, count, most, seed + 1));
    let (readers, mut sender) = client.await.unwrap();
    let (others, mut other_sender) = server.await.unwrap();
    sender.close(CloseCode::NORMAL).await.unwrap();
    let ended = report(readers).await;
    assert!(ended.clean && ended.initiator == Initiator::Local, "{ended}");
    let ended = report(others).await;
    assert!(ended.clean && ended.initiator == Initiator::Peer, "{ended}");
    for sender in [&mut sender, &mut other_sender] {
        assert_eq!(sender.send("too late").await, Err(SendError::Ended));
    }
}

#[test]
fn many_tasks_lose_double_and_reorder_nothing() {
    on_threads(
        async |seed| {
            let mut config = quiet();
            config.limits.pending_output = [0, 1_000, 1 << 20][seed as usize / 10 % 3];
            config.fragment_size = Some(700);
            let room = [1, 64, 1_000, 65_536][seed as usize / 10 % 4];
            flood(duplex(room), config, 60, 2_000, seed).await;
        },
        4,
    );
}

#[test]
fn many_tasks_lose_double_and_reorder_nothing_over_tcp() {
    on_threads(async |seed| flood(tcp().await, quiet(), 150, 50_000, seed).await, 2);
}

/// What is queued at both ends is many times what the pipe takes.
#[test]
fn big_messages_both_ways_over_a_narrow_pipe() {
    on_threads(
        async |seed| {
            let mut config = quiet();
            config.limits.pending_output = 100_000;
            flood(duplex(4_096), config, 24, 1 << 20, seed).await;
        },
        2,
    );
}

/// The heartbeat is 20 s; time stands still until everybody waits.
#[test]
fn a_message_fed_while_the_reader_waits_leaves_at_once() {
    bounded(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(async {
            let (client, server) = ends(duplex(1 << 16), &Config::default());
            let (mut receiver, mut sender) = client.split();
            let mut server = server;
            let reader = tokio::spawn(async move { receiver.next().await });
            let began = Instant::now();
            for number in 0..10 {
                // The reader has begun to wait, and has written what was fed before.
                tokio::time::sleep(Duration::from_millis(1)).await;
                if number % 2 == 0 {
                    sender.feed(numbered(number, 10)).await.unwrap();
                } else {
                    sender.try_feed(numbered(number, 10)).unwrap();
                }
                let message = server.next().await.into_message().unwrap();
                assert_eq!(message.as_bytes(), numbered(number, 10));
            }
            assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
            // So does a Close that is only queued.
            sender.queue_close(CloseCode::NORMAL).unwrap();
            let report = server.next().await.into_message().unwrap_err();
            assert!(report.clean, "{report}");
            assert!(reader.await.unwrap().into_message().unwrap_err().clean);
            assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        });
    });
}

/// As above on several threads, where feeding and beginning to wait race with each other.
#[test]
fn a_message_fed_as_the_reader_begins_to_wait_leaves() {
    on_threads(
        async |_| {
            let mut config = quiet();
            config.heartbeat = None;
            let (client, mut server) = ends(duplex(1 << 16), &config);
            let (mut receiver, mut sender) = client.split();
            let reader = tokio::spawn(async move {
                for number in 0..300 {
                    let message = receiver.next().await.into_message().unwrap();
                    assert_eq!(message.as_bytes(), numbered(number, 3));
                }
                receiver
            });
            let echo = tokio::spawn(async move {
                for _ in 0..300 {
                    let message = server.next().await.into_message().unwrap();
                    server.send(message).await.unwrap();
                }
                server
            });
            for number in 0..300 {
                sender.feed(numbered(number, 3)).await.unwrap();
                if number % 3 == 0 {
                    yield_now().await;
                }
            }
            drop((reader.await.unwrap(), echo.await.unwrap()));
        },
        6,
    );
}

/// With so little room, every Pong takes it all: whoever waits for room goes on waiting.
#[test]
fn a_pong_that_takes_the_room_fails_no_sender() {
    on_threads(
        async |_| {
            let mut config = quiet();
            config.limits.pending_output = 0;
            let (client, server) = ends(duplex(64), &config);
            let (mut receiver, mut sender) = client.split();
            let (mut other, mut pinger) = server.split();
            let reader = tokio::spawn(async move { the_end(&mut receiver).await });
            let other = tokio::spawn(async move {
                let mut received = 0;
                while other.next().await.into_message().is_ok() {
                    received += 1;
                }
                received
            });
            let pinger = tokio::spawn(async move {
                for _ in 0..400 {
                    pinger.send_ping(b"take the room").await.unwrap();
                }
            });
            for number in 0..300 {
                sender.feed(numbered(number, 3)).await.unwrap();
                sender.send_fragment("in pieces", true).await.unwrap();
                sender.send_ping(b"?").await.unwrap();
            }
            pinger.await.unwrap();
            sender.close(CloseCode::NORMAL).await.unwrap();
            assert!(reader.await.unwrap().clean);
            assert_eq!(other.await.unwrap(), 600);
        },
        3,
    );
}

/// Pings in the middle of everything, from a peer that speaks bytes, one at a time.
#[test]
fn pings_between_the_bytes_of_a_flood_are_answered_in_order() {
    on_threads(
        async |seed| {
            let (stream, raw) = duplex(64);
            let open =
                WebSocket::upgraded(stream, Role::Server, Negotiated::default(), quiet(), b"");
            let socket = open.unwrap();
            let (mut raw_reader, mut raw_writer) = tokio::io::split(raw);
            let peer = tokio::spawn(async move {
                let mut rng = Rng::new(seed);
                for number in 0..150 {
                    let mut wire = masked(0x01, &numbered(number, 5)[..4]);
                    wire.extend(masked(0x89, &(number as u32).to_be_bytes()));
                    wire.extend(masked(0x80, &numbered(number, 5)[4..]));
                    let (one, other) = wire.split_at(rng.below(wire.len()));
                    raw_writer.write_all(one).await.unwrap();
                    yield_now().await;
                    raw_writer.write_all(other).await.unwrap();
                }
                raw_writer
            });
            let reader = tokio::spawn(async move {
                let mut wire = Vec::new();
                let mut piece = [0; 50];
                while let Ok(count @ 1..) = raw_reader.read(&mut piece).await {
                    wire.extend_from_slice(&piece[..count]);
                }
                wire
            });
            let (readers, sender) = exchange(socket, 150, 300, seed).await;
            // The Close comes behind everything, and so does its answer.
            let mut raw_writer = peer.await.unwrap();
            raw_writer.write_all(&masked(0x88, &[0x03, 0xe8])).await.unwrap();
            let written = reader.await.unwrap();
            drop((raw_writer, sender));
            assert!(report(readers).await.clean);
            let frames = crate::driver::script::frames(Role::Server, &written);
            let pongs = frames.iter().filter(|(first, _)| *first == 0x8a);
            let pongs: Vec<u32> =
                pongs.map(|(_, pong)| u32::from_be_bytes(pong[..].try_into().unwrap())).collect();
            assert!(pongs.is_sorted() && pongs.last() == Some(&149), "{pongs:?}");
            assert_eq!(crate::driver::script::messages(&frames).len(), 150);
        },
        3,
    );
}
