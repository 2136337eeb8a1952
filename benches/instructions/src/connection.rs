//! The door for runtimes that own their buffers.

use std::hint::black_box;

use bytes::BytesMut;
use farewell::{Config, Connection, Event, Role, Seed, Timestamp};

use crate::wire::Content;
use crate::{Work, wire};

const NOW: Timestamp = Timestamp::ZERO;

fn connection(role: Role) -> Connection {
    Connection::new(role, Config::default(), Seed::new([1; 32]), NOW)
}

pub fn read(count: usize) -> Work {
    let mut bytes = wire::frames();
    let mut connection = connection(Role::Server);
    Box::new(move || {
        let mut seen = 0;
        wire::in_passes(&mut bytes, count, |mut input| {
            while let Some(event) = connection.poll_event(&mut input, NOW) {
                if let Event::Data(chunk) = event {
                    black_box(chunk.payload());
                    seen += 1;
                }
            }
        });
        assert_eq!(seen, count);
    })
}

/// Messages of `len` bytes.
pub fn read_large(content: Content, len: usize, count: usize) -> Work {
    let message = content.message(len, len);
    let mut connection = connection(Role::Server);
    Box::new(move || {
        let mut seen = 0;
        wire::in_reads(&message, count, |mut input| {
            while let Some(event) = connection.poll_event(&mut input, NOW) {
                if let Event::Data(chunk) = event {
                    black_box(chunk.payload());
                    seen += usize::from(chunk.is_last());
                }
            }
        });
        assert_eq!(seen, count);
    })
}

pub fn write_server(count: usize) -> Work {
    write(Role::Server, count)
}

pub fn write_client(count: usize) -> Work {
    write(Role::Client, count)
}

fn write(role: Role, count: usize) -> Work {
    write_payload(role, &wire::PAYLOAD, count)
}

/// A client's message of 64 KiB.
pub fn write_client_large(count: usize) -> Work {
    write_payload(Role::Client, &[7; 64 * 1024], count)
}

fn write_payload(role: Role, payload: &'static [u8], count: usize) -> Work {
    let mut connection = connection(role);
    let mut out = BytesMut::with_capacity(4096);
    Box::new(move || {
        for _ in 0..count {
            let sent = connection.send(black_box(payload), &mut out, NOW);
            assert!(sent.is_ok());
            connection.handle_flushed(wire::accept(&out), NOW);
            out.clear();
        }
    })
}
