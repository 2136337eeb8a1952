//! Pings that are waited for: the round trip, and whether the peer is there at all.

use std::time::Duration;

use farewell::{CloseCode, Config, Incoming, IncomingEvent, PingError, SendError, aio, blocking};
use tokio::net::TcpStream;

use crate::adapters::support::{
    Adapter, Blocking, Raw, Tokio, bounded, for_both_adapters, masked, millis, quiet, runtime,
    with_raw_client,
};

for_both_adapters!(
    a_ping_brings_its_round_trip_and_messages_wait,
    a_pong_for_another_ping_does_not_count,
    a_silent_peer_is_told_and_kept,
    an_end_comes_before_the_pong,
    a_pong_behind_too_many_messages_is_not_read,
    after_a_close_no_ping_is_sent,
    control_frames_are_told_to_who_asks,
    control_events_that_nobody_takes_are_bounded,
    a_pong_has_its_round_trip,
);

/// What these tests ask of an adapter.
pub(crate) trait Pings: Adapter {
    fn ping(&mut self) -> Result<Duration, PingError>;
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError>;
    fn next_event(&mut self) -> IncomingEvent;
    fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError>;
}

impl Pings for Blocking {
    fn ping(&mut self) -> Result<Duration, PingError> {
        self.0.ping()
    }
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
        self.0.ping_within(limit)
    }
    fn next_event(&mut self) -> IncomingEvent {
        self.0.next_event()
    }
    fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.0.send_ping(payload)
    }
}

impl Pings for Tokio {
    fn ping(&mut self) -> Result<Duration, PingError> {
        self.wait(aio::WebSocket::ping)
    }
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
        self.wait(async |socket: &mut aio::WebSocket<TcpStream>| socket.ping_within(limit).await)
    }
    fn next_event(&mut self) -> IncomingEvent {
        self.wait(aio::WebSocket::next_event)
    }
    fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.wait(async |socket: &mut aio::WebSocket<TcpStream>| socket.send_ping(payload).await)
    }
}

/// Reads a Ping and returns its Pong.
fn pong(raw: &mut Raw) -> Vec<u8> {
    let (first, payload) = raw.frame();
    assert_eq!((first, payload.len()), (0x89, 8));
    masked(0x8a, &payload)
}

/// Answers a Ping behind a message.
fn says_x_and_answers(mut raw: Raw) {
    let pong = pong(&mut raw);
    raw.write(&[masked(0x81, b"x"), pong].concat());
}

/// A peer on a thread of its own, which does this behind the opening handshake.
fn with_peer<A: Adapter>(
    config: Config,
    peer: impl FnOnce(Raw) + Send + 'static,
    test: impl FnOnce(A),
) {
    let (socket, raw) = with_raw_client::<A>(config);
    let peer = std::thread::spawn(move || peer(raw));
    test(socket);
    peer.join().unwrap();
}

fn a_ping_brings_its_round_trip_and_messages_wait<A: Pings>() {
    let peer = |mut raw: Raw| {
        for _ in 0..3 {
            let pong = pong(&mut raw);
            raw.write(&[masked(0x81, b"one"), pong, masked(0x81, b"two")].concat());
        }
    };
    with_peer(quiet(), peer, |mut socket: A| {
        for _ in 0..3 {
            assert!(socket.ping().unwrap() > Duration::ZERO);
        }
        for text in ["one", "two"].repeat(3) {
            assert_eq!(socket.message(), text.into());
        }
    });
}

fn a_pong_for_another_ping_does_not_count<A: Pings>() {
    let peer = |mut raw: Raw| {
        let first = pong(&mut raw);
        let second = pong(&mut raw);
        raw.write(&[masked(0x8a, b"unasked for"), first].concat());
        assert_eq!(raw.frame(), (0x81, b"go on".to_vec()));
        let third = pong(&mut raw);
        raw.write(&[second, third].concat());
    };
    with_peer(quiet(), peer, |mut socket: A| {
        let brief = millis(30);
        assert!(matches!(socket.ping_within(brief), Err(PingError::Silent { .. })));
        assert!(matches!(socket.ping_within(brief), Err(PingError::Silent { .. })));
        socket.send("go on").unwrap();
        assert!(socket.ping().is_ok());
    });
}

fn a_silent_peer_is_told_and_kept<A: Pings>() {
    let peer = |mut raw: Raw| {
        pong(&mut raw);
        assert_eq!(raw.frame(), (0x81, b"there?".to_vec()));
        raw.write(&masked(0x81, b"here"));
    };
    with_peer(quiet(), peer, |mut socket: A| {
        let Err(error @ PingError::Silent { waited }) = socket.ping_within(millis(50)) else {
            panic!("nobody answers")
        };
        assert!(waited >= millis(50));
        assert!(error.to_string().starts_with("no Pong came for "), "{error}");
        socket.send("there?").unwrap();
        assert_eq!(socket.message(), "here".into());
    });
}

fn an_end_comes_before_the_pong<A: Pings>() {
    let peer = |mut raw: Raw| {
        pong(&mut raw);
        raw.write(&masked(0x81, b"bye"));
    };
    with_peer(quiet(), peer, |mut socket: A| {
        assert_eq!(socket.ping(), Err(PingError::Ended));
        assert_eq!(socket.message(), "bye".into());
        assert_eq!(socket.ended().code, 1006);
        assert_eq!(socket.ping(), Err(PingError::Refused(SendError::Ended)));
    });
}

fn a_pong_behind_too_many_messages_is_not_read<A: Pings>() {
    let mut config = quiet();
    config.limits.pending_output = 1000;
    let peer = |mut raw: Raw| {
        raw.write(&masked(0x82, &[7; 2000]));
        for _ in 0..2 {
            let pong = pong(&mut raw);
            raw.write(&pong);
        }
    };
    with_peer(config, peer, |mut socket: A| {
        assert_eq!(socket.ping(), Err(PingError::Unread));
        assert_eq!(socket.message().len(), 2000);
        assert!(socket.ping().is_ok());
    });
}

fn after_a_close_no_ping_is_sent<A: Pings>() {
    let (mut socket, _raw) = with_raw_client::<A>(quiet());
    socket.queue_close(CloseCode::NORMAL).unwrap();
    assert_eq!(socket.ping(), Err(PingError::Refused(SendError::Closing)));
}

/// Several in one read, so that each has to keep what it says.
fn control_frames_are_told_to_who_asks<A: Pings>() {
    let peer = |mut raw: Raw| {
        raw.write(&[masked(0x89, b"before"), masked(0x81, b"hello")].concat());
        assert_eq!(raw.frame(), (0x8a, b"before".to_vec()));
        assert_eq!(raw.frame(), (0x89, b"there?".to_vec()));
        let long = [7; 125];
        raw.write(&[masked(0x89, b"one"), masked(0x8a, b"there?"), masked(0x89, &long)].concat());
        raw.write(&[masked(0x81, b"x"), masked(0x89, b""), masked(0x81, b"y")].concat());
        raw.write(&masked(0x8a, b"passed over"));
        raw.write(&[masked(0x81, b"z"), masked(0x88, &[3, 0xe8])].concat());
        for payload in [&b"one"[..], &long, b""] {
            assert_eq!(raw.frame(), (0x8a, payload.to_vec()));
        }
    };
    with_peer(quiet(), peer, |mut socket: A| {
        assert_eq!(socket.message(), "hello".into(), "nobody had asked for the Ping before it");
        socket.send_ping(b"there?").unwrap();
        let ping = |payload: &'static [u8]| IncomingEvent::Ping { payload: payload.into() };
        assert_eq!(socket.next_event(), ping(b"one"));
        let pong = IncomingEvent::Pong { payload: "there?".into(), round_trip: None };
        assert_eq!(socket.next_event(), pong);
        assert_eq!(socket.next_event(), ping(&[7; 125]));
        assert_eq!(socket.next_event(), IncomingEvent::Message("x".into()));
        assert_eq!(socket.next_event(), ping(b""));
        assert_eq!(socket.message(), "y".into());
        assert_eq!(socket.message(), "z".into());
        assert_eq!(socket.next_event(), IncomingEvent::CloseReceived);
        let IncomingEvent::Ended(report) = socket.next_event() else { panic!("it has closed") };
        assert!(report.clean, "{report}");
        assert_eq!(socket.next_event(), IncomingEvent::Ended(report));
    });
}

/// While something is sent, Pings are read as messages are, up to the same limit.
fn control_events_that_nobody_takes_are_bounded<A: Pings>() {
    const PINGS: usize = 2000;
    let mut config = quiet();
    config.limits.pending_output = 10_000;
    let peer = |mut raw: Raw| {
        assert_eq!(raw.frame().0, 0x89);
        raw.write(&masked(0x89, &[7; 125]).repeat(PINGS));
        let (mut pongs, mut last) = (0, 0);
        while last != 0x81 {
            last = raw.frame().0;
            pongs += usize::from(last == 0x8a);
        }
        raw.write(&masked(0x81, &pongs.to_be_bytes()));
    };
    with_peer(config, peer, |mut socket: A| {
        // From now on they are asked for.
        let sent = socket.send_ping(b"go");
        assert_eq!(sent, Ok(()));
        let IncomingEvent::Ping { payload } = socket.next_event() else {
            panic!("Pings alone come")
        };
        assert_eq!(payload.len(), 125);
        assert_eq!(socket.ping_within(millis(100)), Err(PingError::Unread));
        let mut pings = 1;
        while pings < PINGS {
            assert_eq!(socket.next_event(), IncomingEvent::Ping { payload: payload.clone() });
            pings += 1;
        }
        socket.send("how many?").unwrap();
        let message = socket.message();
        let pongs = usize::from_be_bytes(message.as_bytes().try_into().unwrap());
        assert!((1..=PINGS).contains(&pongs), "{pongs}");
    });
}

fn a_pong_has_its_round_trip<A: Pings>() {
    let peer = |mut raw: Raw| {
        raw.write(&masked(0x89, b"first"));
        assert_eq!(raw.frame().0, 0x8a);
        let pong = pong(&mut raw);
        raw.write(&pong);
    };
    with_peer(quiet(), peer, |mut socket: A| {
        assert!(matches!(socket.next_event(), IncomingEvent::Ping { .. }));
        let measured = socket.ping().unwrap();
        let IncomingEvent::Pong { round_trip, .. } = socket.next_event() else {
            panic!("its Pong comes")
        };
        assert_eq!(round_trip, Some(measured));
    });
}

#[test]
fn a_blocking_half_pings_while_the_other_reads() {
    bounded(|| {
        with_peer(quiet(), says_x_and_answers, |socket: Blocking| {
            let (mut receiver, mut sender) = socket.0.split();
            let reader = std::thread::spawn(move || receiver.next());
            assert!(sender.ping().is_ok());
            assert_eq!(reader.join().unwrap(), Incoming::Message("x".into()));
        });
    });
}

#[test]
fn a_tokio_half_pings_whether_the_other_reads_or_not() {
    for reads in [true, false] {
        bounded(move || {
            with_peer(quiet(), says_x_and_answers, |socket: Tokio| {
                let (runtime, socket) = socket.into_parts();
                runtime.block_on(async {
                    let (mut receiver, mut sender) = socket.split();
                    if reads {
                        let (ping, incoming) = tokio::join!(sender.ping(), receiver.next());
                        assert!(ping.is_ok());
                        assert_eq!(incoming, Incoming::Message("x".into()));
                    } else {
                        assert!(sender.ping().await.is_ok());
                        assert_eq!(receiver.next().await, Incoming::Message("x".into()));
                    }
                });
            });
        });
    }
}

#[test]
fn without_a_connection_no_ping_is_sent() {
    let mut client = blocking::Reconnecting::to("ws://127.0.0.1:1/").unwrap();
    assert_eq!(client.ping(), Err(PingError::Refused(SendError::NotConnected)));
    runtime().block_on(async {
        let mut client = aio::Reconnecting::to("ws://127.0.0.1:1/").unwrap();
        let within = client.ping_within(millis(10)).await;
        assert_eq!(within, Err(PingError::Refused(SendError::NotConnected)));
    });
}
