//! Many connections in memory: what each holds, an echo round robin, and heartbeats.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use farewell::handshake::{Accept, Origins};
use farewell::{Config, Connection, Event, Role, Seed, Session, SessionEvent, Timestamp};

use crate::clients::REQUEST;
use crate::limit::State;
use crate::system::{resident, thread_time};

const PAYLOAD: [u8; 16] = *b"sixteen bytes...";
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// How often it goes round.
const ROUNDS: usize = 15;

/// A masked binary frame.
fn frame() -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | PAYLOAD.len() as u8];
    frame.extend(KEY);
    frame.extend(PAYLOAD.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A masked Pong with this payload.
fn pong(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x8a, 0x80 | payload.len() as u8];
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

fn seed(number: usize) -> Seed {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&number.to_ne_bytes());
    Seed::new(bytes)
}

/// A server's session after a browser's opening handshake, which it keeps.
fn open(number: usize, config: &Arc<Config>, accept: &Accept) -> Session {
    let now = Timestamp::ZERO;
    let mut session = Session::server(config.clone(), seed(number), now);
    let mut bytes = REQUEST.to_vec();
    let mut input = &mut bytes[..];
    while let Some(event) = session.poll_event(&mut input, now) {
        if let SessionEvent::Request(_) = event {
            session.accept(accept, now).expect("the request is sound");
        }
    }
    flush(&mut session, now, |_| {});
    session
}

/// Writes until there is nothing left.
fn flush(session: &mut Session, now: Timestamp, mut written: impl FnMut(&[u8])) {
    while session.has_output() {
        let output = session.output();
        let chunk = output.chunk();
        let len = chunk.len();
        written(chunk);
        session.handle_flushed(len, now);
    }
}

/// What each holds: memory that the allocator gave, and that the process really has.
struct Held {
    heap: f64,
    resident: f64,
}

fn held<T>(count: usize, make: impl Fn(usize) -> T) -> (Vec<T>, Held) {
    let before = resident();
    let mut all = Vec::new();
    let info = allocation_counter::measure(|| {
        all = Vec::with_capacity(count);
        all.extend((0..count).map(make));
    });
    let heap = info.bytes_current as f64 / count as f64;
    let resident = resident().saturating_sub(before) as f64 / count as f64;
    (all, Held { heap, resident })
}

/// The median of nanoseconds for each.
fn time_each(count: usize, mut round: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let before = thread_time();
            round();
            (thread_time() - before) as f64 / count as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// What one kind of connection takes.
pub struct Row {
    pub name: &'static str,
    /// Bytes that the allocator gave, for each.
    pub heap: f64,
    /// Bytes of the process's memory that are really there, for each.
    pub resident: f64,
    /// Nanoseconds for an echo, round robin.
    pub echo: f64,
    /// Nanoseconds for a heartbeat.
    pub heartbeat: Option<f64>,
}

pub fn run(count: usize) -> Vec<Row> {
    let (states, bytes) = held(count, |_| State::default());
    let limit = row("written by hand, a cache line each", &bytes, limit_echo(states), None);
    let config: Arc<Config> = Arc::default();
    let connection =
        |number| Connection::new(Role::Server, config.clone(), seed(number), Timestamp::ZERO);
    let (connections, bytes) = held(count, connection);
    let connection = row("Connection", &bytes, connection_echo(connections), None);
    let accept = Accept::new(Origins::SameHost);
    let (mut sessions, bytes) = held(count, |number| open(number, &config, &accept));
    let echo = session_echo(&mut sessions);
    let heartbeat = session_heartbeats(&mut sessions);
    let session = "Session, with a browser's handshake kept";
    vec![limit, connection, row(session, &bytes, echo, Some(heartbeat))]
}

fn row(name: &'static str, held: &Held, echo: f64, heartbeat: Option<f64>) -> Row {
    Row { name, heap: held.heap, resident: held.resident, echo, heartbeat }
}

fn limit_echo(mut states: Vec<State>) -> f64 {
    let frame = frame();
    let mut buffer = frame.clone();
    let mut out = Vec::with_capacity(64);
    time_each(states.len(), || {
        for (number, state) in states.iter_mut().enumerate() {
            buffer.copy_from_slice(&frame);
            out.clear();
            state.echo(&mut buffer, &mut out, number as u64);
            assert_eq!(out.len(), 2 + PAYLOAD.len());
        }
    })
}

fn connection_echo(mut connections: Vec<Connection>) -> f64 {
    let frame = frame();
    let mut buffer = frame.clone();
    let mut out = BytesMut::with_capacity(64);
    let mut now = Timestamp::ZERO;
    time_each(connections.len(), || {
        for connection in &mut connections {
            now = now + Duration::from_nanos(100);
            buffer.copy_from_slice(&frame);
            out.clear();
            let mut input = &mut buffer[..];
            while let Some(event) = connection.poll_event(&mut input, now) {
                let Event::Data(chunk) = event else { panic!("{event:?}") };
                connection.send(chunk.payload(), &mut out, now).expect("it is open");
            }
            assert_eq!(out.len(), 2 + PAYLOAD.len());
            connection.handle_flushed(out.len(), now);
        }
    })
}

fn session_echo(sessions: &mut [Session]) -> f64 {
    let frame = frame();
    let mut buffer = frame.clone();
    let mut now = Timestamp::ZERO;
    time_each(sessions.len(), || {
        for session in &mut *sessions {
            now = now + Duration::from_nanos(100);
            buffer.copy_from_slice(&frame);
            let mut input = &mut buffer[..];
            while let Some(event) = session.poll_event(&mut input, now) {
                let SessionEvent::Message(message) = event else { panic!("{event:?}") };
                session.send(message, now).expect("it is open");
            }
            let mut written = 0;
            flush(session, now, |chunk| written += chunk.len());
            assert_eq!(written, 2 + PAYLOAD.len());
        }
    })
}

/// A Ping when its deadline comes, written, and the Pong that answers it: what a silent connection
/// takes once in each interval.
fn session_heartbeats(sessions: &mut [Session]) -> f64 {
    let mut pings: Vec<(Vec<u8>, Timestamp)> =
        sessions.iter().map(|_| (Vec::with_capacity(32), Timestamp::ZERO)).collect();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let asking = ask(sessions, &mut pings);
            let answers: Vec<_> = pings.iter().map(|(ping, at)| (pong(&ping[2..]), *at)).collect();
            (asking + answer(sessions, answers)) as f64 / sessions.len() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// Goes to the deadline of every session until there is a Ping, and returns how long it took.
fn ask(sessions: &mut [Session], pings: &mut [(Vec<u8>, Timestamp)]) -> u64 {
    let before = thread_time();
    for (session, (ping, at)) in sessions.iter_mut().zip(pings) {
        ping.clear();
        // At a deadline, a timer may only move.
        while ping.is_empty() {
            *at = session.poll_timeout().expect("there is a heartbeat");
            session.handle_timeout(*at);
            assert!(session.poll_event(&mut &mut [][..], *at).is_none());
            flush(session, *at, |chunk| ping.extend_from_slice(chunk));
        }
        assert_eq!(ping[0], 0x89, "a Ping");
    }
    thread_time() - before
}

/// Answers all Pings a millisecond later, and returns how long the sessions took.
fn answer(sessions: &mut [Session], answers: Vec<(Vec<u8>, Timestamp)>) -> u64 {
    let before = thread_time();
    for (session, (mut pong, at)) in sessions.iter_mut().zip(answers) {
        let now = at + Duration::from_millis(1);
        let mut input = &mut pong[..];
        while let Some(event) = session.poll_event(&mut input, now) {
            assert!(matches!(event, SessionEvent::Pong { rtt: Some(_) }), "{event:?}");
        }
        std::hint::black_box(session.poll_timeout());
    }
    thread_time() - before
}
