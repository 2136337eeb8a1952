//! How blocking sockets wait: what counts as a wait, and how often they look around while nothing
//! moves. The streams are the tests' own.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use farewell::blocking::{Socket, Transport, WebSocket, accept};
use farewell::handshake::Negotiated;
use farewell::{AcceptError, Cause, Config, Direction, Incoming, Role, SendError, TransportError};

use super::support::{anyone, bounded, listen, masked, millis, quiet};

/// What a call does: fails with this at once, or after its timeout; or gives these bytes.
#[derive(Clone)]
enum Does {
    Fail(ErrorKind),
    Wait(ErrorKind),
    Give(Vec<u8>),
}

/// A socket whose waits fail with [`ErrorKind::TimedOut`], as on Windows.
#[derive(Clone)]
struct Scripted(Arc<Inner>);

struct Inner {
    reads: Mutex<VecDeque<Does>>,
    /// All writes do this.
    writes: Does,
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    calls: AtomicU32,
}

impl Scripted {
    fn new(reads: impl IntoIterator<Item = Does>, writes: Does) -> Self {
        let reads = Mutex::new(reads.into_iter().collect());
        let (read_timeout, write_timeout) = (AtomicU64::new(0), AtomicU64::new(0));
        let calls = AtomicU32::new(0);
        Self(Arc::new(Inner { reads, writes, read_timeout, write_timeout, calls }))
    }

    fn socket(&self, config: Config) -> WebSocket<Self> {
        let negotiated = Negotiated::default();
        WebSocket::upgraded(self.clone(), Role::Server, negotiated, config, b"").unwrap()
    }

    fn act(&self, does: Does, timeout: &AtomicU64) -> io::Result<Vec<u8>> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        match does {
            Does::Fail(kind) => Err(kind.into()),
            Does::Give(bytes) => Ok(bytes),
            Does::Wait(kind) => {
                let nanos = timeout.load(Ordering::Relaxed);
                assert!(nanos > 0, "a wait without an end");
                thread::sleep(Duration::from_nanos(nanos));
                Err(kind.into())
            }
        }
    }
}

fn set(timeout: &AtomicU64, span: Option<Duration>) {
    let nanos = span.map_or(0, |span| span.as_nanos() as u64);
    timeout.store(nanos, Ordering::Relaxed);
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_shared(buffer)
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_shared(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Scripted {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout_shared(timeout)
    }
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout_shared(timeout)
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn waits_time_out(&self) -> bool {
        true
    }
}

impl Socket for Scripted {
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reads = self.0.reads.lock().unwrap();
        // The last one is for ever.
        let next = if reads.len() > 1 { reads.pop_front() } else { reads.front().cloned() };
        drop(reads);
        let bytes = self.act(next.unwrap(), &self.0.read_timeout)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        self.act(self.0.writes.clone(), &self.0.write_timeout).map(|_| bytes.len())
    }
    fn set_read_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
        set(&self.0.read_timeout, timeout);
        Ok(())
    }
    fn set_write_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
        set(&self.0.write_timeout, timeout);
        Ok(())
    }
    fn shutdown_shared(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

fn cause(incoming: Incoming) -> Cause {
    incoming.into_message().expect_err("the end").cause
}

fn failed(direction: Direction, kind: TransportError) -> Cause {
    Cause::Transport { direction, kind }
}

const TAKES: Does = Does::Give(Vec::new());

/// Where both are `TimedOut`, a dead connection was taken for a wait that is over, and read again
/// and again.
#[test]
fn a_timeout_that_came_at_once_is_a_dead_connection() {
    bounded(|| {
        let waits = || Does::Wait(ErrorKind::TimedOut);
        let dead = Does::Fail(ErrorKind::TimedOut);
        let mut config = Config::default();
        let heartbeat = config.heartbeat.as_mut().unwrap();
        (heartbeat.interval, heartbeat.timeout) = (millis(20), millis(200));
        let message = Does::Give(masked(0x81, b"hello"));
        let reads = || [waits(), waits(), message.clone(), waits(), dead.clone()];
        let timed_out = failed(Direction::Read, TransportError::TimedOut);

        let mut socket = Scripted::new(reads(), TAKES).socket(config.clone());
        assert_eq!(socket.next(), Incoming::Message("hello".into()));
        assert_eq!(cause(socket.next()), timed_out);

        let (mut receiver, _sender) = Scripted::new(reads(), TAKES).socket(config).split();
        assert_eq!(receiver.next(), Incoming::Message("hello".into()));
        assert_eq!(cause(receiver.next()), timed_out);

        // The write waits for 10 ms at first, and the reads not at all.
        let mut socket = Scripted::new([waits()], dead).socket(quiet());
        assert_eq!(socket.send("hello"), Err(SendError::WriteFailed));
    });
}

/// It asked 90 times a second whether something can be written: 200 such peers took a tenth of a
/// processor.
#[test]
fn a_peer_that_takes_nothing_is_not_polled() {
    bounded(|| {
        for kind in [ErrorKind::TimedOut, ErrorKind::WouldBlock] {
            let waits = || Does::Wait(kind);
            let mut config = quiet();
            config.timeouts.write_stall = Some(millis(1300));
            let stalled = |report: &Cause| matches!(report, Cause::WriteStalled { .. });

            let stream = Scripted::new([waits()], waits());
            let mut socket = stream.socket(config.clone());
            assert_eq!(socket.send("hello"), Err(SendError::Ended));
            assert!(stalled(&cause(socket.next())));
            let calls = stream.0.calls.load(Ordering::Relaxed);
            assert!(calls <= 24, "{calls} calls");

            // With a reading half, which looks up every 200 ms.
            let stream = Scripted::new([waits()], waits());
            let (mut receiver, mut sender) = stream.socket(config).split();
            let reader = thread::spawn(move || cause(receiver.next()));
            let _ = sender.send("hello");
            assert!(stalled(&reader.join().unwrap()));
            let calls = stream.0.calls.load(Ordering::Relaxed);
            assert!(calls <= 48, "{calls} calls");
        }
    });
}

/// It would spin for ever, or until a deadline.
#[test]
fn a_stream_in_non_blocking_mode_is_an_error() {
    bounded(|| {
        let wrong = failed(Direction::Read, TransportError::NonBlocking);
        let (listener, request) = listen();
        let connect = || TcpStream::connect((request.host(), request.port())).unwrap();
        let accepted = || {
            let client = connect();
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            (stream, client)
        };
        let (stream, _client) = accepted();
        match accept(stream, &anyone(quiet())) {
            Err(AcceptError::Ended(report)) => assert_eq!(report.cause, wrong, "{report}"),
            other => panic!("{other:?}"),
        }
        let upgraded = |stream| {
            WebSocket::upgraded(stream, Role::Server, Negotiated::default(), quiet(), b"").unwrap()
        };
        let (stream, _client) = accepted();
        assert_eq!(cause(upgraded(stream).next()), wrong);
        let (stream, _client) = accepted();
        let (mut receiver, _sender) = upgraded(stream).split();
        assert_eq!(cause(receiver.next()), wrong);
    });
}
