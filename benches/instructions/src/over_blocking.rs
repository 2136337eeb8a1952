//! The door for threads.

use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

use farewell::blocking::{Incoming, Transport, WebSocket};
use farewell::handshake::Negotiated;
use farewell::{Config, Role};

use crate::wire::Feed;
use crate::{Work, wire};

pub fn read(feed: Feed, count: usize) -> Work {
    let (stream, config) = (Messages { feed }, Config::default());
    let socket = WebSocket::upgraded(stream, Role::Server, Negotiated::default(), config, &[]);
    let mut socket = socket.expect("the system has random bytes");
    Box::new(move || {
        for _ in 0..count {
            let Incoming::Message(message) = socket.next() else {
                panic!("the stream has more messages")
            };
            black_box(message);
        }
    })
}

pub fn write_server(count: usize) -> Work {
    let (stream, config) = (Messages { feed: Feed::nothing() }, Config::default());
    let socket = WebSocket::upgraded(stream, Role::Server, Negotiated::default(), config, &[]);
    let mut socket = socket.expect("the system has random bytes");
    Box::new(move || {
        for _ in 0..count {
            assert!(socket.send(black_box(&wire::PAYLOAD[..])).is_ok());
        }
    })
}

/// A stream of messages that is always ready and accepts all that is written.
struct Messages {
    feed: Feed,
}

impl Read for Messages {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        self.feed.read(buffer.len(), |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
        Ok(at)
    }
}

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(wire::accept(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(wire::accept_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Messages {
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
