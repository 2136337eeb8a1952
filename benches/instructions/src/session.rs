//! The door for runtimes that want whole messages.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Buf;
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins};
use farewell::{Config, Message, Role, Seed, Session, SessionEvent, Timestamp};

use crate::wire::Content;
use crate::{BATCH, Work, http, wire};

const NOW: Timestamp = Timestamp::ZERO;

fn seed() -> Seed {
    Seed::new([1; 32])
}

fn session() -> Session {
    Session::upgraded(Role::Server, Negotiated::default(), Config::default(), seed(), NOW)
}

pub fn read_lent(count: usize) -> Work {
    read(count, |message| {
        black_box(message.as_bytes());
    })
}

pub fn read_owned(count: usize) -> Work {
    read(count, |message| {
        black_box(message.into_owned());
    })
}

fn read(count: usize, each: impl Fn(Message<'_>) + 'static) -> Work {
    let mut bytes = wire::frames();
    let mut session = session();
    Box::new(move || {
        let mut seen = 0;
        wire::in_passes(&mut bytes, count, |mut input| {
            while let Some(event) = session.poll_event(&mut input, NOW) {
                if let SessionEvent::Message(message) = event {
                    each(message);
                    seen += 1;
                }
            }
        });
        assert_eq!(seen, count);
    })
}

/// Messages of `len` bytes in frames of `fragment`, looked at as what they are.
pub fn read_large(content: Content, len: usize, fragment: usize, count: usize) -> Work {
    let message = content.message(len, fragment);
    let mut session = session();
    Box::new(move || {
        let mut seen = 0;
        wire::in_reads(&message, count, |mut input| {
            while let Some(event) = session.poll_event(&mut input, NOW) {
                if let SessionEvent::Message(message) = event {
                    match &message {
                        Message::Text(text) => assert!(black_box(&**text).len() == len),
                        Message::Binary(bytes) => assert!(black_box(&**bytes).len() == len),
                    }
                    seen += 1;
                }
            }
        });
        assert_eq!(seen, count);
    })
}

pub fn write_server(count: usize) -> Work {
    write(count, 1)
}

pub fn write_batches(count: usize) -> Work {
    write(count, BATCH)
}

/// `per_flush` messages are queued, then written.
fn write(count: usize, per_flush: usize) -> Work {
    let mut session = session();
    Box::new(move || {
        for _ in 0..count / per_flush {
            for _ in 0..per_flush {
                let sent = session.send(black_box(&wire::PAYLOAD[..]), NOW);
                assert!(sent.is_ok());
            }
            flush(&mut session, wire::accept);
        }
    })
}

/// Writes until there is nothing left, as a driver does.
fn flush(session: &mut Session, mut accept: impl FnMut(&[u8]) -> usize) {
    while session.has_output() {
        let count = accept(session.output().chunk());
        session.handle_flushed(count, NOW);
    }
}

pub fn accept(count: usize) -> Work {
    let config = Arc::new(Config::default());
    let accept = Accept::new(Origins::SameHost);
    let mut bytes = http::REQUEST.to_vec();
    Box::new(move || {
        for _ in 0..count {
            let mut session = Session::server(config.clone(), seed(), NOW);
            let (mut input, mut open) = (&mut bytes[..], false);
            while let Some(event) = session.poll_event(&mut input, NOW) {
                match event {
                    SessionEvent::Request(request) => {
                        black_box(&request);
                        assert!(session.accept(&accept, NOW).is_ok());
                    }
                    SessionEvent::Open(_) => open = true,
                    _ => {}
                }
            }
            assert!(open);
            flush(&mut session, wire::accept);
            black_box(session);
        }
    })
}

pub fn connect(count: usize) -> Work {
    let config = Arc::new(Config::default());
    let request = ClientRequest::new(http::URL).expect("the URL is sound");
    let mut response = Vec::new();
    Box::new(move || {
        for _ in 0..count {
            let mut session = Session::client(&request, config.clone(), seed(), NOW);
            flush(&mut session, |bytes| {
                http::uncounted_response(bytes, &mut response);
                wire::accept(bytes)
            });
            let (mut input, mut open) = (&mut response[..], false);
            while let Some(event) = session.poll_event(&mut input, NOW) {
                open |= matches!(event, SessionEvent::Open(_));
            }
            assert!(open);
            black_box(session);
        }
    })
}
