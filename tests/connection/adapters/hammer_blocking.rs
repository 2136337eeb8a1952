//! The halves of a blocking socket under everything at once, over TCP, Unix sockets and a stream of
//! the test's own; and `next_within` and `try_next`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use farewell::blocking::{Receiver, Sender, Socket, Transport, Untimed, WebSocket};
use farewell::handshake::Negotiated;
use farewell::{
    Cause, CloseCode, Config, Heartbeat, Incoming, Initiator, Message, Phase, Role, SendError,
    Termination,
};

use crate::adapters::support::{bounded, masked, millis, quiet};
use crate::driver::rng::{Rng, rounds};
use crate::driver::script::{frames, messages, numbered};

/// Longer than any wait that is to be cut short by what is waited for.
const LONG: Duration = Duration::from_secs(60);

/// Sockets of which a test makes two ends.
trait Pair: Socket + Sized + 'static {
    fn pair() -> (Self, Self);
}

impl Pair for TcpStream {
    fn pair() -> (Self, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = listener.accept().unwrap().0;
        one.set_nodelay(true).unwrap();
        other.set_nodelay(true).unwrap();
        (one, other)
    }
}

#[cfg(unix)]
impl Pair for std::os::unix::net::UnixStream {
    fn pair() -> (Self, Self) {
        Self::pair().unwrap()
    }
}

/// A socket in memory that takes a few bytes at a time.
struct Memory {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    read_timeout: Mutex<Option<Duration>>,
    write_timeout: Mutex<Option<Duration>>,
}

#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Nothing more will be written.
    over: bool,
    /// Nobody will read any more.
    broken: bool,
}

impl Pipe {
    /// As much as it holds.
    const ROOM: usize = 900;

    /// Waits until something can be done, for as long as is allowed.
    fn wait<R>(
        &self,
        limit: Option<Duration>,
        mut done: impl FnMut(&mut State) -> Option<io::Result<R>>,
    ) -> io::Result<R> {
        let began = Instant::now();
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(result) = done(&mut state) {
                self.changed.notify_all();
                return result;
            }
            let left = limit.map_or(LONG, |limit| limit.saturating_sub(began.elapsed()));
            if left.is_zero() {
                return Err(if cfg!(windows) {
                    ErrorKind::TimedOut
                } else {
                    ErrorKind::WouldBlock
                }
                .into());
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn end(&self, end: impl FnOnce(&mut State)) {
        end(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

impl Pair for Memory {
    fn pair() -> (Self, Self) {
        let (one, other) = (Arc::<Pipe>::default(), Arc::<Pipe>::default());
        let end = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>| Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            read_timeout: Mutex::default(),
            write_timeout: Mutex::default(),
        };
        (end(&one, &other), end(&other, &one))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.outgoing.end(|state| state.over = true);
        self.incoming.end(|state| state.broken = true);
    }
}

impl Socket for Memory {
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = *self.read_timeout.lock().unwrap();
        self.incoming.wait(limit, |state| {
            if state.bytes.is_empty() {
                return (state.over || state.broken).then_some(Ok(0));
            }
            let len = state.bytes.len().min(buffer.len());
            for (place, byte) in buffer.iter_mut().zip(state.bytes.drain(..len)) {
                *place = byte;
            }
            Some(Ok(len))
        })
    }

    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        let limit = *self.write_timeout.lock().unwrap();
        self.outgoing.wait(limit, |state| {
            if state.broken || state.over {
                return Some(Err(ErrorKind::BrokenPipe.into()));
            }
            let len = bytes.len().min(Pipe::ROOM - state.bytes.len());
            state.bytes.extend(&bytes[..len]);
            (len > 0).then_some(Ok(len))
        })
    }

    fn set_read_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
        *self.read_timeout.lock().unwrap() = timeout;
        Ok(())
    }

    fn shutdown_shared(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.outgoing.end(|state| state.over = true);
        }
        if how != Shutdown::Write {
            self.incoming.end(|state| state.broken = true);
        }
        Ok(())
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_shared(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_shared(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Memory {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout_shared(timeout)
    }
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        *self.write_timeout.lock().unwrap() = timeout;
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown_shared(Shutdown::Write)
    }
}

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
            $(#[test] fn $scenario() { super::many(super::$scenario::<super::Memory>); })+
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
            sender.ping(b"?").unwrap();
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
            pinger.ping(b"take the room").unwrap();
        }
    });
    for number in 0..200 {
        sender.feed(numbered(number, 3)).unwrap();
        sender.send_fragment("in pieces", true).unwrap();
        sender.ping(b"?").unwrap();
    }
    pinger.join().unwrap();
    sender.close(CloseCode::NORMAL).unwrap();
    assert!(reader.join().unwrap().clean);
    assert_eq!(other.join().unwrap(), 400);
}

/// A stream that always has another piece, and takes what is written.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer[..self.0.len()].copy_from_slice(self.0);
        Ok(self.0.len())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Endless {
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
fn a_peer_that_never_stops_pinging_does_not_keep_us_beyond_the_time_given() {
    bounded(|| {
        // A masked Ping with an empty payload.
        let mut socket = open(Endless(&[0x89, 0x80, 0, 0, 0, 0]), Role::Server, &quiet());
        assert_eq!(socket.try_next(), None);
        assert_eq!(socket.next_within(millis(5)), None);
        assert!(socket.stats().received.frames >= 2);
    });
}

/// A stream whose reads cannot be bounded, with one message ready from the beginning on.
struct Ready(Option<Vec<u8>>);

impl Read for Ready {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.take().expect("a read that would last for ever");
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Ready {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `try_next` reads nothing from such a stream, so it cannot say that nothing has come.
#[test]
fn a_deadline_does_not_take_effect_for_want_of_a_read_that_was_not_tried() {
    bounded(|| {
        let mut config = quiet();
        config.timeouts.idle = Some(millis(5));
        let stream = Untimed(Ready(Some(masked(0x81, b"long there"))));
        let mut socket = open(stream, Role::Server, &config);
        let began = Instant::now();
        while began.elapsed() < millis(10) {
            assert_eq!(socket.try_next(), None);
        }
        assert_eq!(socket.try_next(), None);
        assert_eq!(socket.session().phase(), Phase::Open, "closed without a look");
        assert_eq!(socket.next(), Incoming::Message("long there".into()));
    });
}

/// A socket whose first read is held until it is let go, and then finds nothing; the one behind it
/// finds the Pong.
struct Held {
    let_go: Mutex<mpsc::Receiver<()>>,
    ping: Mutex<Option<Vec<u8>>>,
    written: mpsc::Sender<()>,
    held: Mutex<bool>,
}

impl Socket for Held {
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ping.lock().unwrap().is_none() {
            thread::sleep(millis(1));
            return Err(ErrorKind::WouldBlock.into());
        }
        if !std::mem::replace(&mut *self.held.lock().unwrap(), true) {
            let _ = self.let_go.lock().unwrap().recv();
            return Err(ErrorKind::WouldBlock.into());
        }
        match self.ping.lock().unwrap().take() {
            Some(ping) => {
                let pong = masked(0x8a, &ping);
                buffer[..pong.len()].copy_from_slice(&pong);
                Ok(pong.len())
            }
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        let frames = frames(Role::Server, bytes);
        if let Some((_, ping)) = frames.into_iter().find(|(first, _)| *first == 0x89) {
            *self.ping.lock().unwrap() = Some(ping);
            let _ = self.written.send(());
        }
        Ok(bytes.len())
    }
    fn set_read_timeout_shared(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_shared(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_shared(buffer)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_shared(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Held {
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

/// The writing half tells the time while the reading half reads. That read began before the
/// deadline, so that it finds nothing says nothing.
#[test]
fn a_deadline_that_the_writer_sees_pass_waits_for_another_read() {
    bounded(|| {
        let mut config = quiet();
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (millis(5), millis(300));
        config.heartbeat = Some(heartbeat);
        let (go, let_go) = mpsc::channel();
        let (written, ping_left) = mpsc::channel();
        let held = Held {
            let_go: Mutex::new(let_go),
            ping: Mutex::default(),
            written,
            held: Mutex::default(),
        };
        let (mut receiver, mut sender) = open(held, Role::Server, &config).split();
        sender.send_fragment("begun", false).unwrap();
        let reader = thread::spawn(move || receiver.next_within(millis(900)));
        ping_left.recv().unwrap();
        // The deadline passes while the read is held.
        thread::sleep(millis(310));
        // Refused, so that nothing has to be written, which takes time.
        let refused = sender.try_feed("it is late").unwrap_err();
        assert_eq!(refused.reason, SendError::FragmentsPending);
        go.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), None);
    });
}
