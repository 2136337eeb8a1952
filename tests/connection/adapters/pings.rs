//! Pings that are waited for: the round trip, and whether the peer is there at all.

use std::time::Duration;

use farewell::{CloseCode, Config, Incoming, PingError, SendError, aio, blocking};
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
);

/// What these tests ask of an adapter.
pub(crate) trait Pings: Adapter {
    fn ping(&mut self) -> Result<Duration, PingError>;
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError>;
}

impl Pings for Blocking {
    fn ping(&mut self) -> Result<Duration, PingError> {
        self.0.ping()
    }
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
        self.0.ping_within(limit)
    }
}

impl Pings for Tokio {
    fn ping(&mut self) -> Result<Duration, PingError> {
        self.wait(aio::WebSocket::ping)
    }
    fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
        self.wait(async |socket: &mut aio::WebSocket<TcpStream>| socket.ping_within(limit).await)
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
    assert_eq!(client.ping(), Err(PingError::Refused(SendError::Opening)));
    runtime().block_on(async {
        let mut client = aio::Reconnecting::to("ws://127.0.0.1:1/").unwrap();
        let within = client.ping_within(millis(10)).await;
        assert_eq!(within, Err(PingError::Refused(SendError::Opening)));
    });
}
