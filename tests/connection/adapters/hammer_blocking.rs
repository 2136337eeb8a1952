//! The halves of a blocking socket under everything at once, over TCP, Unix sockets and a stream of
//! the test's own; and `next_within` and `try_next`.

mod sockets;
mod waits;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use farewell::blocking::{Receiver, Sender, Socket, Transport, WebSocket};
use farewell::handshake::Negotiated;
use farewell::{
    Cause, CloseCode, Config, Heartbeat, Incoming, Initiator, Message, Phase, Role, SendError,
    Termination,
};

use crate::adapters::support::{bounded, millis, quiet};
use crate::driver::rng::{Rng, rounds};
use crate::driver::script::{frames, messages, numbered};
use sockets::Pair;

/// Longer than any wait that is to be cut short by what is waited for.
const LONG: Duration = Duration::from_secs(60);

/// Runs each of the scenarios over each kind of socket.
macro_rules! over_each_socket {
    ($($scenario:ident),+ $(,)?) => {
        mod over_tcp {
            $(#[test] fn $scenario() { super::many(super::$scenario::<std::net::TcpStream>); })+
        }
        #[cfg(unix)]
        mod over_unix {
            $(#[test] fn $scenario() {
                super::many(super::$scenario::<std::os::unix::net::UnixStream>);
            })+
        }
        mod over_memory {
            $(#[test] fn $scenario() { super::many(super::$scenario::<super::sockets::Memory>); })+
        }
    };
}

over_each_socket!(
    many_threads_lose_double_and_reorder_nothing,
    a_close_or_an_abort_ends_the_half_that_waits,
    halves_can_be_dropped_in_each_order,
    a_peer_that_vanishes_ends_both_halves,
    a_deadline_fires_while_the_writer_floods,
    what_is_there_is_given_and_what_is_not_is_not_waited_for,
    a_pong_that_takes_the_room_fails_no_sender,
);

fn many(scenario: fn(u64)) {
    for round in 0..rounds(4) {
        bounded(move || scenario(round));
    }
}

fn open<S: Transport>(stream: S, role: Role, config: &Config) -> WebSocket<S> {
    WebSocket::upgraded(stream, role, Negotiated::default(), config.clone(), b"").unwrap()
}

fn ends<S: Pair>(config: &Config) -> (WebSocket<S>, WebSocket<S>) {
    let (client, server) = S::pair();
    (open(client, Role::Client, config), open(server, Role::Server, config))
}

/// Reads to the end, which has to come next and to stay.
fn the_end<S: Socket>(receiver: &mut Receiver<S>) -> Box<Termination> {
    let report = receiver.next().into_message().expect_err("the end");
    for _ in 0..3 {
        assert_eq!(receiver.next(), Incoming::Ended(report.clone()));
        assert_eq!(receiver.try_next(), Some(Incoming::Ended(report.clone())));
    }
    report
}

/// Queues message `number` in one of all ways there are.
fn send<S: Socket>(sender: &mut Sender<S>, number: usize, len: usize, rng: &mut Rng) {
    let message = Message::from(numbered(number, len));
    match rng.below(5) {
        0 => sender.send(message).unwrap(),
        1 => sender.feed(message).unwrap(),
        2 => loop {
            match sender.try_feed(message.clone()) {
                Ok(()) => break,
                Err(refused) => assert_eq!(refused.reason, SendError::Full),
            }
            sender.flush().unwrap();
        },
        3 => {
            let payload = message.as_bytes();
            let (one, other) = payload.split_at(rng.below(payload.len()));
            sender.send_fragment(one, false).unwrap();
            sender.send_fragment(other, true).unwrap();
        }
        _ => {
            sender.feed(message).unwrap();
            sender.send_ping(b"?").unwrap();
        }
    }
}

/// Receives in one of all ways there are.
fn receive<S: Socket>(receiver: &mut Receiver<S>, rng: &mut Rng) -> Incoming {
    loop {
        let incoming = match rng.below(4) {
            0 => receiver.try_next(),
            1 => receiver.next_within(millis(rng.below(3) as u64)),
            2 => receiver.next_within(LONG),
            _ => Some(receiver.next()),
        };
        if let Some(incoming) = incoming {
            return incoming;
        }
    }
}

type Readers = Vec<thread::JoinHandle<Option<Box<Termination>>>>;

/// Sends and receives `count` messages at the same time, from several threads for each half. Returns
/// once all of them are sent; somebody reads on to the end, for the other end may still have to say
/// something, and would wait for ever until it is read.
fn exchange<S: Pair>(
    socket: WebSocket<S>,
    count: usize,
    most: usize,
    seed: u64,
) -> (Readers, Sender<S>) {
    let (receiver, sender) = socket.split();
    let (receiver, sender) = (Arc::new(Mutex::new((receiver, 0))), Mutex::new((sender, 0)));
    let readers = (0..2).map(|task| {
        let (receiver, mut rng) = (receiver.clone(), Rng::new(seed * 100 + task));
        thread::spawn(move || {
            loop {
                let (receiver, next) = &mut *receiver.lock().unwrap();
                if *next > count {
                    return None;
                }
                if *next == count {
                    *next += 1;
                    return Some(the_end(receiver));
                }
                let message = receive(receiver, &mut rng).into_message().unwrap();
                let bytes = message.as_bytes();
                assert!(bytes == numbered(*next, bytes.len() - 7), "message {next}");
                *next += 1;
            }
        })
    });
    let readers = readers.collect();
    thread::scope(|scope| {
        for task in 0..2 {
            let (sender, mut rng) = (&sender, Rng::new(seed * 100 + 50 + task));
            scope.spawn(move || {
                loop {
                    let (sender, next) = &mut *sender.lock().unwrap();
                    if *next == count {
                        return;
                    }
                    let len = rng.below(most);
                    send(sender, *next, len, &mut rng);
                    *next += 1;
                }
            });
        }
    });
    let mut sender = sender.into_inner().unwrap().0;
    sender.flush().unwrap();
    (readers, sender)
}

/// The report, which one of the readers got.
fn report(readers: Readers) -> Box<Termination> {
    let reports = readers.into_iter().filter_map(|reader| reader.join().unwrap());
    let mut reports: Vec<_> = reports.collect();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn many_threads_lose_double_and_reorder_nothing<S: Pair>(seed: u64) {
    let mut config = quiet();
    config.limits.pending_output = [1 << 20, 0, 2_000][seed as usize % 3];
    config.fragment_size = [Some(65_536), Some(500), None][seed as usize % 3];
    let (client, server) = ends::<S>(&config);
    let most = [1_000, 10_000][seed as usize % 2];
    let server = thread::spawn(move || exchange(server, 150, most, seed + 1));
    let (readers, mut sender) = exchange(client, 150, most, seed);
    let (others, mut other_sender) = server.join().unwrap();
    sender.close(CloseCode::NORMAL).unwrap();
    let ended = report(readers);
    assert!(ended.clean && ended.initiator == Initiator::Local, "{ended}");
    let ended = report(others);
    assert!(ended.clean && ended.initiator == Initiator::Peer, "{ended}");
    assert_eq!(sender.send("too late"), Err(SendError::Ended));
    assert_eq!(other_sender.send("too late"), Err(SendError::Ended));
}

fn a_close_or_an_abort_ends_the_half_that_waits<S: Pair>(seed: u64) {
    let mut rng = Rng::new(seed);
    for _ in 0..10 {
        let (client, server) = ends::<S>(&quiet());
        let (mut receiver, mut sender) = client.split();
        let (mut other, mut other_sender) = server.split();
        let waiting = thread::spawn(move || the_end(&mut receiver));
        let other = thread::spawn(move || the_end(&mut other));
        for _ in 0..rng.below(5) {
            thread::yield_now();
        }
        let cause = match rng.below(3) {
            0 => {
                sender.close(CloseCode::NORMAL).unwrap();
                Cause::ClosingHandshake
            }
            1 => {
                let both = thread::spawn(move || other_sender.close(CloseCode::NORMAL));
                let one = sender.close(CloseCode::NORMAL);
                assert!(one.is_ok() | both.join().unwrap().is_ok());
                Cause::ClosingHandshake
            }
            _ => {
                sender.abort();
                Cause::Aborted
            }
        };
        let report = waiting.join().unwrap();
        assert_eq!(report.cause, cause, "{report}");
        assert_eq!(sender.send("too late"), Err(SendError::Ended));
        let report = other.join().unwrap();
        assert_eq!(report.clean, cause == Cause::ClosingHandshake, "{report}");
    }
}

fn halves_can_be_dropped_in_each_order<S: Pair>(seed: u64) {
    const COUNT: usize = 20;
    for order in 0..3 {
        let (client, mut server) = ends::<S>(&quiet());
        let (mut receiver, mut sender) = client.split();
        let (all, all_came) = mpsc::channel();
        let other = thread::spawn(move || {
            for number in 0..COUNT {
                let message = server.next().into_message().unwrap();
                assert!(message.as_bytes() == numbered(number, 500));
            }
            all.send(()).unwrap();
            server.next().into_message().unwrap_err()
        });
        match order {
            0 => {
                // The reader goes first; the writer works on alone.
                assert_eq!(receiver.try_next(), None);
                drop(receiver);
                for number in 0..COUNT {
                    sender.send(numbered(number, 500)).unwrap();
                }
                all_came.recv().unwrap();
                drop(sender);
            }
            1 => {
                // The writer goes first; what it has fed leaves while the reader waits.
                for number in 0..COUNT {
                    sender.feed(numbered(number, 500)).unwrap();
                }
                drop(sender);
                while all_came.try_recv().is_err() {
                    assert_eq!(receiver.next_within(millis(1)), None);
                }
                drop(receiver);
            }
            _ => {
                // The reader goes while the writer writes.
                let flood = thread::spawn(move || {
                    for number in 0..COUNT {
                        sender.send(numbered(number, 500)).unwrap();
                    }
                    sender
                });
                assert_eq!(receiver.next_within(millis(seed % 3)), None);
                drop(receiver);
                all_came.recv().unwrap();
                drop(flood.join().unwrap());
            }
        }
        let report = other.join().unwrap();
        assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
    }
}

fn a_peer_that_vanishes_ends_both_halves<S: Pair>(seed: u64) {
    for round in 0..5 {
        let (client, server) = ends::<S>(&quiet());
        let (mut receiver, mut sender) = client.split();
        let waiting = thread::spawn(move || the_end(&mut receiver));
        let writer = thread::spawn(move || {
            loop {
                if let Err(error) = sender.send(vec![7; 300]) {
                    return error;
                }
            }
        });
        for _ in 0..(seed + round) % 4 * 10 {
            thread::yield_now();
        }
        drop(server);
        let report = waiting.join().unwrap();
        assert!(!report.clean, "{report}");
        let error = writer.join().unwrap();
        assert!(matches!(error, SendError::Ended | SendError::WriteFailed), "{error}");
    }
}

/// The peer takes everything and says nothing, not even a Pong.
fn a_deadline_fires_while_the_writer_floods<S: Pair>(seed: u64) {
    let mut config = quiet();
    config.timeouts.close = millis(50);
    config.timeouts.linger = millis(20);
    if seed % 2 == 0 {
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (millis(20), millis(60));
        config.heartbeat = Some(heartbeat);
    } else {
        config.timeouts.idle = Some(millis(60));
    }
    let (stream, raw) = S::pair();
    let (mut receiver, mut sender) = open(stream, Role::Client, &config).split();
    let over = Arc::new(AtomicBool::new(false));
    let peer = thread::spawn(move || {
        raw.set_read_timeout_shared(Some(LONG)).unwrap();
        let (mut wire, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = raw.read_shared(&mut piece) {
            wire.extend_from_slice(&piece[..count]);
        }
        wire
    });
    let waiting = thread::spawn({
        let over = over.clone();
        move || {
            let report = the_end(&mut receiver);
            over.store(true, Ordering::Relaxed);
            report
        }
    });
    let mut sent = 0;
    let error = loop {
        match sender.send(numbered(sent, 50)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    let report = waiting.join().unwrap();
    match report.cause {
        Cause::PongTimeout { .. } => assert_eq!(error, SendError::Ended),
        Cause::IdleTimeout { .. } => {
            assert!(matches!(error, SendError::Closing | SendError::Ended), "{error}");
        }
        _ => panic!("{report}"),
    }
    drop(sender);
    let sent_messages = messages(&frames(Role::Client, &peer.join().unwrap()));
    let lost = sent_messages.len().abs_diff(sent);
    assert!(lost <= 1, "{} of {sent} left", sent_messages.len());
    for (number, message) in sent_messages.iter().enumerate() {
        assert!(*message == numbered(number, 50));
    }
}

fn what_is_there_is_given_and_what_is_not_is_not_waited_for<S: Pair>(_: u64) {
    let (mut client, server) = ends::<S>(&quiet());
    let (mut receiver, mut sender) = server.split();
    for round in 0..3 {
        assert_eq!(client.try_next(), None);
        assert_eq!(client.next_within(Duration::ZERO), None);
        assert_eq!(client.next_within(millis(3)), None);
        assert_eq!(receiver.try_next(), None);
        assert_eq!(receiver.next_within(millis(3)), None);
        let message = Message::from(numbered(round, 40));
        sender.send(message.clone()).unwrap();
        assert_eq!(client.next_within(LONG), Some(Incoming::Message(message.clone())));
        // What was fed leaves before it looks for something.
        client.feed(message.clone()).unwrap();
        assert_eq!(client.try_next(), None);
        assert_eq!(receiver.next_within(LONG), Some(Incoming::Message(message.clone())));
        for _ in 0..3 {
            sender.feed(message.clone()).unwrap();
        }
        sender.flush().unwrap();
        for _ in 0..3 {
            let came = loop {
                if let Some(came) = client.try_next() {
                    break came;
                }
            };
            assert_eq!(came, Incoming::Message(message.clone()));
        }
        assert_eq!(client.try_next(), None);
    }
    // The end is something, too.
    let closing = thread::spawn(move || client.close(CloseCode::NORMAL));
    let report = loop {
        match receiver.next_within(millis(1)) {
            Some(incoming) => break incoming.into_message().unwrap_err(),
            None => assert!(receiver.evidence().phase != Phase::Ended),
        }
    };
    assert!(report.clean, "{report}");
    assert_eq!(receiver.try_next(), Some(Incoming::Ended(report)));
    drop((receiver, sender));
    assert!(closing.join().unwrap().clean);
}

/// With so little room, every Pong takes it all: whoever waits for room goes on waiting.
fn a_pong_that_takes_the_room_fails_no_sender<S: Pair>(_: u64) {
    let mut config = quiet();
    config.limits.pending_output = 0;
    let (client, server) = ends::<S>(&config);
    let (mut receiver, mut sender) = client.split();
    let (mut other, mut pinger) = server.split();
    let reader = thread::spawn(move || the_end(&mut receiver));
    let other = thread::spawn(move || {
        let mut received = 0;
        while other.next().into_message().is_ok() {
            received += 1;
        }
        received
    });
    let pinger = thread::spawn(move || {
        for _ in 0..300 {
            pinger.send_ping(b"take the room").unwrap();
        }
    });
    for number in 0..200 {
        sender.feed(numbered(number, 3)).unwrap();
        sender.send_fragment("in pieces", true).unwrap();
        sender.send_ping(b"?").unwrap();
    }
    pinger.join().unwrap();
    sender.close(CloseCode::NORMAL).unwrap();
    assert!(reader.join().unwrap().clean);
    assert_eq!(other.join().unwrap(), 400);
}
