//! The door for those who want whole messages and bring their own IO.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins};
use farewell::{Config, Prepared, Role, Seed, Session, SessionEvent, Timestamp};

use crate::contender::{Contender, Hands, Kind};
use crate::opening::{Opening, URL};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "farewell Session",
    package: "farewell",
    kind: Kind::Ours,
    hands: Hands::Lent,
    notes: "one read buffer of 64 KiB, large messages read into memory of their own; lends whole \
            messages; large ones leave in fragments of 64 KiB; a broadcast is `Prepared` once",
    read,
    write,
    accept,
    connect,
};

const NOW: Timestamp = Timestamp::ZERO;

fn seed() -> Seed {
    Seed::new([1; 32])
}

fn session(role: Role, config: &Arc<Config>) -> Session {
    Session::upgraded(role, Negotiated::default(), config.clone(), seed(), NOW)
}

fn read(reading: &Reading) -> Option<Ready> {
    let mut stream = Memory::reading(reading);
    let mut session = session(Role::Server, &Arc::default());
    let mut buffer = vec![0; 64 * 1024];
    // What was read and not looked at, when there were enough messages.
    let (mut start, mut end) = (0, 0);
    Some(Ready::reading(move |count, tally: &mut Tally| {
        let mut left = count;
        loop {
            let mut input = &mut buffer[start..end];
            while left > 0 {
                let Some(event) = session.poll_event(&mut input, NOW) else { break };
                let SessionEvent::Message(message) = event else { panic!("{event:?}") };
                tally.message(message.as_bytes());
                left -= 1;
            }
            start = end - input.len();
            if left == 0 {
                return;
            }
            (start, end) = (0, 0);
            let spare = session.spare_mut();
            if spare.is_empty() {
                end = stream.read(&mut buffer).expect("it is endless");
            } else {
                let len = stream.read(spare).expect("it is endless");
                session.handle_filled(len, NOW);
            }
        }
    }))
}

/// What is sent: a payload; as `Bytes` where it is worth it; prepared where many get it.
fn send(session: &mut Session, payload: &'static [u8], prepared: Option<&Prepared>) {
    let sent = match prepared {
        Some(prepared) => session.send(prepared, NOW),
        None if payload.len() < 4096 => session.send(payload, NOW),
        None => session.send(Bytes::from_static(payload), NOW),
    };
    sent.expect("it is open");
}

/// Writes until there is nothing left, as a driver does.
fn flush(session: &mut Session, stream: &mut impl Write) {
    while session.has_output() {
        let output = session.output();
        let mut slices = [std::io::IoSlice::new(&[]); 16];
        let count = output.chunks_vectored(&mut slices);
        let written = match &slices[..count] {
            [slice] => stream.write(slice),
            slices => stream.write_vectored(slices),
        };
        session.handle_flushed(written.expect("all is taken"), NOW);
    }
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let config = Arc::default();
    let sockets = writing.streams(&sink).into_iter();
    let mut sockets: Vec<_> =
        sockets.map(|stream| (stream, session(writing.role, &config))).collect();
    let payload = writing.payload;
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count / (writing.per_flush * sockets.len()) as u64 {
            let prepared = (sockets.len() > 1).then(|| Prepared::new(payload));
            for (stream, session) in &mut sockets {
                for _ in 0..writing.per_flush {
                    send(session, payload, prepared.as_ref());
                }
                flush(session, stream);
            }
        }
    }))
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let config: Arc<Config> = Arc::default();
    let accept = Accept::new(Origins::SameHost);
    let mut buffer = vec![0; 4096];
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::asking(&out_sink);
            let mut session = Session::server(config.clone(), seed(), NOW);
            let len = stream.read(&mut buffer).expect("the request is there");
            let (mut input, mut open) = (&mut buffer[..len], false);
            while let Some(event) = session.poll_event(&mut input, NOW) {
                match event {
                    SessionEvent::Request(_) => {
                        session.accept(&accept, NOW).expect("the request is sound");
                    }
                    SessionEvent::Open(_) => open = true,
                    _ => {}
                }
            }
            assert!(open);
            flush(&mut session, &mut stream);
            std::hint::black_box(session);
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let config: Arc<Config> = Arc::default();
    let request = ClientRequest::new(URL).expect("the URL is sound");
    let mut buffer = vec![0; 4096];
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::answering(&out_sink);
            let mut session = Session::client(&request, config.clone(), seed(), NOW);
            flush(&mut session, &mut stream);
            let len = stream.read(&mut buffer).expect("the response is there");
            let (mut input, mut open) = (&mut buffer[..len], false);
            while let Some(event) = session.poll_event(&mut input, NOW) {
                open |= matches!(event, SessionEvent::Open(_));
            }
            assert!(open);
            std::hint::black_box(session);
        }
    }))
}
