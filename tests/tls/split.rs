//! The halves of a blocking socket over TLS, each on a thread of its own.

use std::thread;

use farewell::{CloseCode, Message, StreamEnd, blocking};

use crate::support::{Blocking, bounded, pair, quiet};

const MESSAGES: usize = 150;

fn numbered(number: usize) -> Message<'static> {
    let len = [0, 1, 100, 5_000, 40_000, 200_000][number % 6];
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(8 + len, number as u8);
    Message::from(bytes)
}

/// Sends all messages, receives all of the other end's at the same time, and closes or reads to the
/// end.
fn exchange(Blocking(socket): Blocking, closes: bool) {
    let (mut receiver, mut sender) = socket.split();
    let writer = thread::spawn(move || {
        for number in 0..MESSAGES {
            match number % 3 {
                0 => sender.send(numbered(number)).unwrap(),
                1 => sender.feed(numbered(number)).unwrap(),
                _ => {
                    sender.send_ping(b"?").unwrap();
                    sender.feed(numbered(number)).unwrap();
                }
            }
        }
        sender.flush().unwrap();
        sender
    });
    for number in 0..MESSAGES {
        let message = receiver.next().into_message().unwrap_or_else(|report| panic!("{report}"));
        assert!(message == numbered(number), "{number}");
    }
    // Somebody reads on while the rest is written.
    let closer = thread::spawn(move || {
        let mut sender: blocking::Sender<_> = writer.join().unwrap();
        if closes {
            sender.close(CloseCode::NORMAL).unwrap();
        }
    });
    let report = receiver.next().into_message().expect_err("the end");
    assert!(report.clean && report.stream_end == StreamEnd::Eof, "{report:?}");
    assert_eq!(report.dropped.bytes, 0);
    closer.join().unwrap();
}

#[test]
fn two_threads_read_and_write_at_the_same_time() {
    for closes in [true, false, true] {
        bounded(move || {
            let (client, server) = pair(quiet(), move |socket| exchange(socket, closes));
            exchange(client, !closes);
            server.join().unwrap();
        });
    }
}
