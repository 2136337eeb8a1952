//! Streams whose waits cannot be bounded: once the end has begun, nothing is read that a silent peer
//! would never send.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use farewell::blocking::{Untimed, WebSocket, accept, handshake};
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins, Rejection};
use farewell::{
    Acceptor, Cause, CloseCode, Config, ConnectError, Incoming, Role, Termination, TransportError,
};

use super::support::{REQUEST, accept_head, anyone, bounded, masked, millis, plain, quiet};

/// Gives what it is told, and then nothing for ever: a read fails the test that waits for it.
#[derive(Default)]
struct Silent {
    reads: VecDeque<io::Result<Vec<u8>>>,
    written: Vec<u8>,
    /// The response to the request that was written comes before what `reads` has.
    responds: bool,
    /// Writing fails.
    broken: bool,
}

impl Read for Silent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = if std::mem::take(&mut self.responds) {
            accept_head(std::str::from_utf8(&self.written).unwrap()).into_bytes()
        } else {
            self.reads.pop_front().expect("this read would wait for ever")?
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Silent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Socket = WebSocket<Untimed<Silent>>;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// A frame of the peer's.
fn from_peer(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    match role {
        Role::Client => plain(first, payload),
        Role::Server => masked(first, payload),
    }
}

/// An open connection whose peer sends these reads and is silent from then on.
fn socket(role: Role, reads: impl IntoIterator<Item = Vec<u8>>) -> Socket {
    let silent = Silent { reads: reads.into_iter().map(Ok).collect(), ..Silent::default() };
    let mut config = quiet();
    config.limits.message = 100;
    upgraded(role, silent, config)
}

fn upgraded(role: Role, silent: Silent, config: Config) -> Socket {
    WebSocket::upgraded(Untimed(silent), role, Negotiated::default(), config, b"").unwrap()
}

fn next_to_the_end(mut socket: Socket) -> Box<Termination> {
    loop {
        if let Err(report) = socket.next().into_message() {
            return report;
        }
    }
}

const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// A way to an end, as a client or as a server: its cause, its code, and whether it is clean.
type Way = (&'static str, fn(Role) -> Box<Termination>, fn(&Cause) -> bool, u16, bool);

const WAYS: [Way; 14] = [
    (
        "the peer's Close",
        |role| next_to_the_end(socket(role, [from_peer(role, 0x88, &NORMAL)])),
        |cause| *cause == Cause::ClosingHandshake,
        1000,
        true,
    ),
    (
        "the peer's Close, found by a close of ours",
        |role| {
            let message = from_peer(role, 0x81, b"hello");
            let both = [message, from_peer(role, 0x88, &NORMAL)].concat();
            let mut socket = socket(role, [both]);
            socket.next().into_message().unwrap();
            socket.close(CloseCode::GOING_AWAY)
        },
        |cause| *cause == Cause::ClosingHandshake,
        1000,
        true,
    ),
    (
        "our close",
        |role| socket(role, []).close(CloseCode::NORMAL),
        |cause| *cause == Cause::Aborted,
        1006,
        false,
    ),
    (
        "our close behind a long message",
        |role| {
            let mut socket = socket(role, []);
            socket.feed(vec![7; 1 << 20]).unwrap();
            socket.close(CloseCode::NORMAL)
        },
        |cause| *cause == Cause::Aborted,
        1006,
        false,
    ),
    (
        "our Close, and then `next`",
        |role| {
            let mut socket = socket(role, []);
            socket.queue_close(CloseCode::NORMAL).unwrap();
            next_to_the_end(socket)
        },
        |cause| *cause == Cause::Aborted,
        1006,
        false,
    ),
    (
        "our Close, and then `next_within`",
        |role| {
            let mut socket = socket(role, []);
            socket.queue_close(CloseCode::NORMAL).unwrap();
            let incoming = socket.next_within(millis(0)).expect("the end is there");
            incoming.into_message().unwrap_err()
        },
        |cause| *cause == Cause::Aborted,
        1006,
        false,
    ),
    (
        "an abort",
        |role| {
            let mut socket = socket(role, []);
            socket.abort();
            next_to_the_end(socket)
        },
        |cause| *cause == Cause::Aborted,
        1006,
        false,
    ),
    (
        "a violation",
        |role| next_to_the_end(socket(role, [from_peer(role, 0x83, b"")])),
        |cause| matches!(cause, Cause::Violation { .. }),
        1006,
        false,
    ),
    (
        "a message that is too big",
        |role| next_to_the_end(socket(role, [from_peer(role, 0x82, &[7; 101])])),
        |cause| matches!(cause, Cause::TooBig { .. }),
        1006,
        false,
    ),
    (
        "an idle timeout that reads have outlasted",
        |role| {
            let reads = [0, 0].map(|_| Err(io::ErrorKind::WouldBlock.into())).into();
            let mut config = quiet();
            config.timeouts.idle = Some(millis(1));
            let socket = upgraded(role, Silent { reads, ..Silent::default() }, config);
            std::thread::sleep(millis(5));
            next_to_the_end(socket)
        },
        |cause| matches!(cause, Cause::IdleTimeout { .. }),
        1006,
        false,
    ),
    (
        "a failed write of our Close",
        |role| {
            let silent = Silent { broken: true, ..Silent::default() };
            upgraded(role, silent, quiet()).close(CloseCode::NORMAL)
        },
        |cause| matches!(cause, Cause::Transport { kind: TransportError::BrokenPipe, .. }),
        1006,
        false,
    ),
    (
        "a failed write of a message, and then `next`",
        |role| {
            let silent = Silent { broken: true, ..Silent::default() };
            let mut socket = upgraded(role, silent, quiet());
            socket.feed("hello").unwrap();
            next_to_the_end(socket)
        },
        |cause| matches!(cause, Cause::Transport { kind: TransportError::BrokenPipe, .. }),
        1006,
        false,
    ),
    (
        "a failed write of a message, and then `close`",
        |role| {
            let silent = Silent { broken: true, ..Silent::default() };
            let mut socket = upgraded(role, silent, quiet());
            assert!(socket.send("hello").is_err());
            socket.close(CloseCode::NORMAL)
        },
        |cause| matches!(cause, Cause::Transport { kind: TransportError::BrokenPipe, .. }),
        1006,
        false,
    ),
    (
        "the end of the peer's stream",
        |role| next_to_the_end(socket(role, [vec![]])),
        |cause| matches!(cause, Cause::Eof { .. }),
        1006,
        false,
    ),
];

/// `close` did not return, and a server's thread stayed for good.
#[test]
fn once_the_end_has_begun_an_untimed_stream_waits_for_nobody() {
    bounded(|| {
        for (name, end, is_cause, code, clean) in WAYS {
            for role in ROLES {
                let report = end(role);
                assert!(is_cause(&report.cause), "{name}, {role:?}: {report}");
                assert_eq!(
                    (report.code, report.clean),
                    (code, clean),
                    "{name}, {role:?}: {report}"
                );
            }
        }
    });
}

/// A server's end of an opening handshake whose client sends this and is silent from then on.
fn refused(request: &[u8], acceptor: &Acceptor) -> Box<Termination> {
    let silent = Silent { reads: [Ok(request.to_vec())].into(), ..Silent::default() };
    match accept(Untimed(silent), acceptor) {
        Err(error) => error.into_report().unwrap_or_else(|other| panic!("{other}")),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_refusal_over_an_untimed_stream_waits_for_nobody() {
    bounded(|| {
        let nobody = Acceptor::from_fn(|_| Err(Rejection::new(403).unwrap()));
        let report = refused(REQUEST, &nobody);
        assert_eq!(report.cause, Cause::HandshakeRejected { status: 403 }, "{report}");
        let report = refused(b"POST / HTTP/1.1\r\n\r\n", &anyone(quiet()));
        assert!(matches!(report.cause, Cause::HandshakeInvalid(_)), "{report}");
        let elsewhere = String::from_utf8(REQUEST.to_vec()).unwrap();
        let elsewhere = elsewhere.replace("Upgrade: ", "Origin: http://elsewhere\r\nUpgrade: ");
        let same_host = Acceptor::with_accept(Accept::new(Origins::SameHost));
        let report = refused(elsewhere.as_bytes(), &same_host);
        assert_eq!(report.evidence.http_status, Some(403), "{report}");

        // Of a refusal's body, what came with its head.
        let refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\ntry again".to_vec();
        let silent = Silent { reads: [Ok(refusal)].into(), ..Silent::default() };
        let request = ClientRequest::new("ws://localhost/").unwrap();
        let report = match handshake(Untimed(silent), &request, quiet()) {
            Err(ConnectError::Ended(report)) => report,
            other => panic!("{other:?}"),
        };
        assert_eq!(report.cause, Cause::HandshakeRejected { status: 503 }, "{report}");
        assert_eq!(report.refusal.unwrap().body(), "try again");

        // Of what is no response at all, what came at first.
        let silent =
            Silent { reads: [Ok(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())].into(), ..Silent::default() };
        let report = match handshake(Untimed(silent), &request, quiet()) {
            Err(ConnectError::Ended(report)) => report,
            other => panic!("{other:?}"),
        };
        assert!(matches!(report.cause, Cause::HandshakeInvalid(_)), "{report}");
    });
}

#[test]
fn an_untimed_client_opens_and_closes() {
    bounded(|| {
        let silent = Silent { responds: true, ..Silent::default() };
        let request = ClientRequest::new("ws://localhost/").unwrap();
        let mut client = handshake(Untimed(silent), &request, quiet()).unwrap();
        let report = client.close(CloseCode::NORMAL);
        assert!(report.local_close.is_some_and(|close| close.flushed), "{report}");
    });
}

/// A stream whose reads would wait for ever once its only bytes are taken, and whose writes take
/// longer than a socket's would.
struct Slow {
    read: Option<Vec<u8>>,
    written: usize,
    /// How much had been written when a read would have waited.
    waits: Vec<usize>,
}

impl Slow {
    fn socket(read: Vec<u8>, config: Config) -> WebSocket<Untimed<Self>> {
        let slow = Self { read: Some(read), written: 0, waits: Vec::new() };
        let negotiated = Negotiated::default();
        WebSocket::upgraded(Untimed(slow), Role::Server, negotiated, config, b"").unwrap()
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(bytes) = self.read.take() else {
            self.waits.push(self.written);
            return Ok(0);
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(millis(15));
        let len = bytes.len().min(30_000);
        self.written += len;
        Ok(len)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_long_write_to_an_untimed_stream_does_not_wait_for_the_peer_to_speak() {
    bounded(|| {
        let mut socket = Slow::socket(masked(0x81, b"first"), quiet());
        assert_eq!(socket.next(), Incoming::Message("first".into()));
        socket.send(vec![7; 100_000]).unwrap();
        assert_eq!(socket.get_ref().0.waits, []);
        socket.feed(vec![7; 100_000]).unwrap();
        assert!(socket.next().into_message().is_err());
        let Slow { waits, written, .. } = &socket.get_ref().0;
        assert!(*written > 200_000 && waits.iter().all(|at| at == written), "{waits:?}");
    });
}

#[test]
fn what_an_untimed_stream_has_brought_does_not_wait_for_a_read_at_a_deadline() {
    bounded(|| {
        let mut heartbeat = farewell::Heartbeat::default();
        heartbeat.interval = millis(20);
        let mut config = quiet();
        config.heartbeat = Some(heartbeat);
        let two = [masked(0x81, b"one"), masked(0x81, b"other")].concat();
        let mut socket = Slow::socket(two, config);
        assert_eq!(socket.next(), Incoming::Message("one".into()));
        std::thread::sleep(millis(50)); // The application takes so long that a Ping is due.
        assert_eq!(socket.next(), Incoming::Message("other".into()));
        assert_eq!(socket.get_ref().0.waits, []);
        assert!(socket.next().into_message().is_err());
        assert_eq!(socket.get_ref().0.waits.len(), 1);
    });
}
