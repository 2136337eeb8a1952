//! What the writing half of a split socket sends, in both adapters: each call is seen on the wire.

use std::time::Duration;

use farewell::{Config, Incoming, SendError};

use super::support::{Blocking, Raw, bounded, masked, quiet, runtime, with_raw_client};

/// Little room, so that two messages are too much.
fn narrow() -> Config {
    let mut config = quiet();
    config.limits.pending_output = 10;
    config
}

const PING: (u8, &[u8]) = (0x89, b"are you there?");

fn frame(raw: &mut Raw, (first, payload): (u8, &[u8])) {
    assert_eq!(raw.frame(), (first, payload.to_vec()));
}

#[test]
fn a_blocking_half_pings() {
    bounded(|| {
        let (socket, mut raw) = with_raw_client::<Blocking>(quiet());
        let (mut receiver, mut sender) = socket.0.split();
        sender.send_ping(PING.1).unwrap();
        frame(&mut raw, PING);
        let long = sender.send_ping(&[0; 126]);
        assert_eq!(long, Err(SendError::ControlTooLong { len: 126 }));
        raw.write(&[masked(0x8a, PING.1), masked(0x81, b"yes")].concat());
        assert_eq!(receiver.next(), Incoming::Message("yes".into()));
    });
}

#[test]
fn a_blocking_half_feeds_without_waiting_and_gives_back_what_is_too_much() {
    bounded(|| {
        let (socket, mut raw) = with_raw_client::<Blocking>(narrow());
        let (receiver, mut sender) = socket.0.split();
        sender.try_feed("first").unwrap();
        // With nothing flushed, the peer has nothing.
        raw.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert!(std::io::Read::read(&mut raw.0, &mut [0]).is_err());
        raw.0.set_read_timeout(None).unwrap();
        sender.try_feed("second").unwrap();
        let refused = sender.try_feed("third").unwrap_err();
        assert_eq!(refused.reason, SendError::Full);
        assert_eq!(refused.message.into_message(), "third".into());
        sender.flush().unwrap();
        for text in ["first", "second"] {
            frame(&mut raw, (0x81, text.as_bytes()));
        }
        drop(receiver);
    });
}

#[test]
fn a_tokio_half_pings_and_feeds_without_waiting() {
    bounded(|| {
        runtime().block_on(async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut raw, stream) = tokio::io::duplex(1000);
            let socket = farewell::aio::WebSocket::upgraded(
                stream,
                farewell::Role::Server,
                farewell::handshake::Negotiated::default(),
                narrow(),
                b"",
            );
            let (mut receiver, mut sender) = socket.unwrap().split();
            sender.send_ping(PING.1).await.unwrap();
            let mut frame = vec![0; 2 + PING.1.len()];
            raw.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame, [&[PING.0, PING.1.len() as u8], PING.1].concat());

            sender.try_feed("first").unwrap();
            sender.try_feed("second").unwrap();
            let refused = sender.try_feed("third").unwrap_err();
            assert_eq!(refused.reason, SendError::Full);
            assert_eq!(refused.message.into_message(), "third".into());
            sender.flush().await.unwrap();
            let mut frames = vec![0; 15];
            raw.read_exact(&mut frames).await.unwrap();
            assert_eq!(frames, b"\x81\x05first\x81\x06second");
            raw.write_all(&masked(0x81, b"done")).await.unwrap();
            assert_eq!(receiver.next().await, Incoming::Message("done".into()));
        });
    });
}
