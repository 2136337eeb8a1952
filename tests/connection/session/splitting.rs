//! However the input is split, events and output are the same; and no order of calls panics.

use std::fmt::Write as _;
use std::time::Duration;

use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins, Rejection};
use farewell::{
    CloseCode, Config, Message, Phase, Prepared, ReadClosed, Role, Seed, Session, SessionEvent,
    Timestamp, TransportError,
};
use proptest::prelude::*;

use crate::support::pair::{CLIENT_SEED, Endpoint, Pair, SERVER_SEED, START};
use crate::support::split::Split;

fn config() -> Config {
    let mut config = Config::default();
    config.limits.pending_output = 100_000_000;
    config.fragment_size = Some(20_000);
    config
}

fn client() -> Endpoint {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    Endpoint::new(Session::client(&request, config(), Seed::new(CLIENT_SEED), START))
}

fn server() -> Endpoint {
    let mut side = Endpoint::new(Session::server(config(), Seed::new(SERVER_SEED), START));
    side.behaviour.echo = true;
    side
}

/// What each end wrote in a conversation of messages up to `size`, with pings in between.
fn recorded(size: usize) -> [Vec<u8>; 2] {
    let mut pair = Pair { client: client(), server: server(), now: START };
    pair.run();
    for (at, len) in [0, 1, 126, size, 5, size / 2].into_iter().enumerate() {
        let session = &mut pair.client.session;
        session.ping(&[at as u8; 9], START).unwrap();
        session.send("ä€😀".repeat(len / 9), START).unwrap();
        session.send_fragment(&vec![3; len][..], false, START).unwrap();
        session.ping(b"", START).unwrap();
        session.send_fragment(b"end", true, START).unwrap();
        pair.run();
    }
    pair.client.session.close(CloseCode::NORMAL, START).unwrap();
    pair.run_to_the_end();
    assert!(pair.client.report().clean && pair.server.report().clean);
    assert_eq!(pair.client.messages().len(), 12);
    [pair.client.written, pair.server.written]
}

/// What an end said and did: its events, the messages among them, and its output.
type Seen = (String, Vec<Message<'static>>, Vec<u8>);

/// Everything that a fresh end says and does when `wire` comes in such pieces.
fn replay(role: Role, wire: &[u8], reads: Split, direct: bool) -> Seen {
    let mut side = if role == Role::Client { client() } else { server() };
    side.behaviour.direct = direct;
    side.behaviour.eager = true;
    side.reads = reads;
    side.incoming = wire.to_vec();
    side.incoming_end = Some(ReadClosed::Eof);
    while !side.write(START).is_empty() {}
    while side.read(START) {
        while !side.write(START).is_empty() {}
    }
    let mut events = String::new();
    for event in &side.events {
        match event {
            // Held against each other as they are: text of them takes long to write.
            SessionEvent::Message(message) => writeln!(events, "message of {}", message.len()),
            other => writeln!(events, "{other:?}"),
        }
        .unwrap();
    }
    side.report();
    let messages = side.messages().into_iter().cloned().collect();
    (events, messages, side.written)
}

fn check(role: Role, wire: &[u8], reads: Split, direct: bool, expected: &Seen) {
    let seen = replay(role, wire, reads, direct);
    assert!(seen.1 == expected.1, "{role:?} {reads:?} {direct}: other messages");
    assert!(seen.2 == expected.2, "{role:?} {reads:?} {direct}: another output");
    if seen.0 != expected.0 {
        let differ = seen.0.lines().zip(expected.0.lines()).find(|(seen, other)| seen != other);
        panic!("{role:?} {reads:?} {direct}: {differ:.300?}");
    }
}

#[test]
fn every_regular_split_gives_the_same() {
    for size in [200, 100_000] {
        let [to_server, to_client] = recorded(size);
        for (role, wire) in [(Role::Server, &to_server), (Role::Client, &to_client)] {
            let expected = replay(role, wire, Split::Whole, false);
            let smallest = if size > 1000 { 300 } else { 1 };
            for step in (smallest..smallest + 8).chain([1000, 4096, 16_384, 65_536]) {
                for direct in [false, true] {
                    check(role, wire, Split::Every(step), direct, &expected);
                }
            }
        }
    }
}

#[test]
fn every_cut_in_two_gives_the_same() {
    let [to_server, to_client] = recorded(130);
    for (role, wire) in [(Role::Server, &to_server), (Role::Client, &to_client)] {
        let expected = replay(role, wire, Split::Whole, false);
        for at in 1..wire.len() {
            check(role, wire, Split::First(at), false, &expected);
        }
    }
}

/// What was read directly is thrown away and counted where the connection takes no more of it.
#[test]
fn bytes_read_directly_after_the_end_has_begun_are_thrown_away() {
    let mut config = Config::default();
    config.fragment_size = None;
    let begun = || {
        let mut pair = Pair::open(config.clone(), config.clone());
        pair.client.session.send(vec![7; 100_000], START).unwrap();
        let mut wire = pair.client.write(START);
        let mut input = &mut wire[..20_000];
        assert!(pair.server.session.poll_event(&mut input, START).is_none());
        let session = &mut pair.server.session;
        let spare = session.spare_mut();
        let count = spare.len().min(10_000);
        assert!(count > 0);
        spare[..count].copy_from_slice(&wire[20_000..20_000 + count]);
        session.handle_filled(count, START);
        (pair, count as u64)
    };
    let (mut pair, _) = begun();
    let session = &mut pair.server.session;
    session.abort(START);
    assert!(matches!(session.poll_event(&mut &mut [][..], START), Some(SessionEvent::Ended(_))));
    assert_eq!(session.stats().message_memory, 0);
    assert!(session.poll_event(&mut &mut [][..], START).is_none());

    // Our Close was not answered in time: what comes now is no message any more.
    let (mut pair, count) = begun();
    let session = &mut pair.server.session;
    session.close(CloseCode::NORMAL, START).unwrap();
    let len = session.pending_output();
    session.handle_flushed(len, START);
    let late = START + session.config().timeouts.close;
    session.handle_timeout(late);
    assert_eq!(session.phase(), Phase::Lingering);
    assert!(session.poll_event(&mut &mut [][..], late).is_none());
    assert_eq!(session.stats().message_memory, 0);
    assert_eq!(session.evidence().discarded, count);
    assert!(session.spare_mut().is_empty());
}

#[test]
fn direct_reading_copies_nothing_into_the_input() {
    let mut config = Config::default();
    config.fragment_size = None;
    let mut pair = Pair::open(config.clone(), config);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    pair.client.session.send(sent.clone(), START).unwrap();
    pair.server.incoming = pair.client.write(START);
    pair.server.behaviour.direct = true;
    pair.server.reads = Split::Every(65_536);
    let mut direct = 0;
    loop {
        let spare = pair.server.session.spare_mut().len();
        assert!(spare <= 1 << 21, "memory follows what was received");
        direct += spare.min(65_536).min(pair.server.incoming.len());
        if !pair.server.read(START) {
            break;
        }
    }
    assert!(direct > 2_900_000, "{direct} bytes of 3,000,000 were read directly");
    assert_eq!(pair.server.messages()[0].as_bytes(), sent);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_gives_the_same(seed: u64, size in 0..40_000_usize, direct: bool, cut in 0.0..1.0) {
        let [to_server, to_client] = recorded(size);
        for (role, wire) in [(Role::Server, &to_server), (Role::Client, &to_client)] {
            // Cut short too, so that streams end anywhere.
            let end = if seed % 2 == 0 { wire.len() } else { (wire.len() as f64 * cut) as usize };
            let wire = &wire[..end];
            let expected = replay(role, wire, Split::Whole, false);
            check(role, wire, Split::Random(seed), direct, &expected);
        }
    }

    #[test]
    fn any_damage_gives_the_same_in_any_split(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let [to_server, to_client] = recorded(300);
        for (role, wire) in [(Role::Server, to_server), (Role::Client, to_client)] {
            let mut wire = wire;
            for (at, byte) in &damage {
                let at = at.index(wire.len());
                wire[at] = *byte;
            }
            let expected = replay(role, &wire, Split::Whole, false);
            check(role, &wire, Split::Random(seed), true, &expected);
        }
    }

    #[test]
    fn no_order_of_calls_panics(role: bool, calls in prop::collection::vec(call(), 0..60)) {
        let role = if role { Role::Client } else { Role::Server };
        let sessions = [
            if role == Role::Client { client().session } else { server().session },
            Session::upgraded(role, Negotiated::default(), config(), Seed::new([9; 32]), START),
        ];
        for mut session in sessions {
            let mut ended = 0;
            for call in &calls {
                ended += make(&mut session, call);
            }
            session.abort(START);
            ended += poll(&mut session, &mut [], START);
            prop_assert_eq!(ended, 1);
            prop_assert_eq!(session.phase(), Phase::Ended);
            prop_assert_eq!(session.pending_output(), 0);
            prop_assert!(session.poll_timeout().is_none());
        }
    }
}

#[derive(Debug, Clone)]
enum Call {
    Input(Vec<u8>),
    Request,
    Filled(usize),
    ReadClosed(bool),
    WriteFailed,
    Flushed(usize),
    Timeout(u64),
    Output,
    Accept,
    Reject,
    Send(usize),
    Prepared(usize),
    Fragment(usize, bool),
    Ping(usize),
    Close,
    Abort,
}

fn call() -> impl Strategy<Value = Call> {
    let size = prop_oneof![0..200_usize, 0..100_000_usize];
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Call::Input),
        2 => Just(Call::Request),
        4 => (any::<u8>(), size.clone()).prop_map(|(first, len)| Call::Input(frame(first, len))),
        1 => size.clone().prop_map(Call::Filled),
        1 => any::<bool>().prop_map(Call::ReadClosed),
        1 => Just(Call::WriteFailed),
        4 => size.clone().prop_map(Call::Flushed),
        2 => (0..60_000_000_000_u64).prop_map(Call::Timeout),
        4 => Just(Call::Output),
        2 => Just(Call::Accept),
        1 => Just(Call::Reject),
        4 => size.clone().prop_map(Call::Send),
        2 => size.clone().prop_map(Call::Prepared),
        2 => (size, any::<bool>()).prop_map(|(size, fin)| Call::Fragment(size, fin)),
        1 => (0..130_usize).prop_map(Call::Ping),
        1 => Just(Call::Close),
        1 => Just(Call::Abort),
    ]
}

/// A frame, masked with zeros, of which the payload may be missing.
fn frame(first: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![first & 0x8f, 0x80 | 127];
    frame.extend((len as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(14 + len.min(20_000), b'x');
    frame
}

fn poll(session: &mut Session, mut input: &mut [u8], now: Timestamp) -> usize {
    let mut ended = 0;
    while let Some(event) = session.poll_event(&mut input, now) {
        ended += usize::from(matches!(event, SessionEvent::Ended(_)));
    }
    assert!(input.is_empty());
    ended
}

fn make(session: &mut Session, call: &Call) -> usize {
    let now = START;
    match call {
        Call::Input(bytes) => return poll(session, &mut bytes.clone(), now),
        Call::Request => {
            let mut request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Version: 13\r\n\r\n\x81\x80\0\0\0\0"
                .to_vec();
            return poll(session, &mut request, now);
        }
        Call::Filled(count) => {
            session.spare_mut().fill(b'y');
            session.handle_filled(*count, now);
        }
        Call::ReadClosed(true) => session.handle_read_closed(ReadClosed::Eof, now),
        Call::ReadClosed(false) => {
            session.handle_read_closed(ReadClosed::Failed(TransportError::Reset), now);
        }
        Call::WriteFailed => session.handle_write_failed(TransportError::Reset, now),
        Call::Flushed(count) => session.handle_flushed(*count, now),
        Call::Timeout(after) => {
            session.handle_timeout(Timestamp::ZERO + Duration::from_nanos(*after));
        }
        Call::Output => drop(session.has_output()),
        Call::Accept => drop(session.accept(Accept::new(Origins::SameHost), now)),
        Call::Reject => drop(session.reject(Rejection::new(404).unwrap(), now)),
        Call::Send(size) => drop(session.send(vec![1; *size], now)),
        Call::Prepared(size) => {
            let _ = session.send(Prepared::new(vec![1; *size]), now);
        }
        Call::Fragment(size, fin) => drop(session.send_fragment(&vec![1; *size][..], *fin, now)),
        Call::Ping(size) => drop(session.ping(&vec![1; *size], now)),
        Call::Close => drop(session.close(CloseCode::NORMAL, now)),
        Call::Abort => session.abort(now),
    }
    0
}

/// A Ping comes behind the message at which the application closes: its Pong follows the Close,
/// whether the Ping was in the same read or not.
#[test]
fn the_place_of_our_close_does_not_depend_on_the_split() {
    for role in [Role::Client, Role::Server] {
        let peer = if role == Role::Client { Role::Server } else { Role::Client };
        let fresh = |role| {
            Session::upgraded(role, Negotiated::default(), config(), Seed::new([3; 32]), START)
        };
        let mut sender = Endpoint::new(fresh(peer));
        sender.session.send("enough", START).unwrap();
        sender.session.ping(b"?", START).unwrap();
        let wire = sender.write(START);
        let run = |size: usize| {
            let mut side = Endpoint::new(fresh(role));
            for read in wire.clone().chunks_mut(size) {
                let mut input = read;
                while let Some(event) = side.session.poll_event(&mut input, START) {
                    if let SessionEvent::Message(_) = event {
                        side.session.close(CloseCode::NORMAL, START).unwrap();
                    }
                }
                while !side.write(START).is_empty() {}
            }
            side.written
        };
        let whole = run(wire.len());
        assert_eq!(whole[0], 0x88, "{role:?}: {whole:x?}");
        for size in 1..wire.len() {
            assert_eq!(run(size), whole, "{role:?}, {size} bytes at a time");
        }
    }
}
