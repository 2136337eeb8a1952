//! Messages that are kept until a Pong confirms them: wherever the connection is cut, what the peer
//! has not got comes back, and what is confirmed does not.

use std::time::Duration;

use bytes::Buf;
use farewell::handshake::Negotiated;
use farewell::reconnect::OutboxLimit;
use farewell::{
    CloseCode, Config, Message, Role, Seed, SendError, Session, SessionEvent, Timestamp, Unsent,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::ZERO;

fn session(role: Role, fragment_size: Option<usize>) -> Session {
    let mut config = Config::default();
    config.fragment_size = fragment_size;
    Session::upgraded(role, Negotiated::default(), config, Seed::new([3; 32]), NOW)
}

/// Moves up to `count` bytes of output onto the wire.
fn write(session: &mut Session, count: usize, wire: &mut Vec<u8>, now: Timestamp) {
    let mut output = session.output();
    let count = count.min(output.remaining());
    let start = wire.len();
    wire.resize(start + count, 0);
    output.copy_to_slice(&mut wire[start..]);
    session.handle_flushed(count, now);
}

/// Moves up to `count` bytes off the wire. Returns the messages.
fn read(session: &mut Session, count: usize, wire: &mut Vec<u8>, now: Timestamp) -> Vec<String> {
    let mut bytes: Vec<u8> = wire.drain(..count.min(wire.len())).collect();
    let (mut input, mut messages) = (&mut bytes[..], Vec::new());
    while let Some(event) = session.poll_event(&mut input, now) {
        if let SessionEvent::Message(message) = event {
            messages.push(message.as_text().unwrap().to_string());
        }
    }
    messages
}

fn end(session: &mut Session) -> Vec<Unsent> {
    session.abort(NOW);
    while session.poll_event(&mut &mut [][..], NOW).is_some() {}
    session.take_unsent()
}

/// How many frames of this opcode lie in a server's output, which has short frames alone.
fn count(wire: &[u8], first: u8) -> usize {
    let (mut at, mut found) = (0, 0);
    while at < wire.len() {
        found += usize::from(wire[at] == first);
        at += 2 + usize::from(wire[at + 1]);
    }
    found
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Fragment(usize),
    Write(usize),
    Deliver(usize),
    Answer(usize),
    Return(usize),
    Ping,
    /// So much time passes that the heartbeat pings.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let few = || prop_oneof![0..30_usize, 0..5_000_usize, Just(usize::MAX)];
    let step = prop_oneof![
        6 => prop_oneof![0..10_usize, 120..130_usize, 0..3_000_usize, 0..90_000_usize].prop_map(Step::Send),
        1 => (0..10_usize).prop_map(Step::Fragment),
        4 => few().prop_map(Step::Write),
        4 => few().prop_map(Step::Deliver),
        4 => few().prop_map(Step::Answer),
        4 => few().prop_map(Step::Return),
        1 => Just(Step::Ping),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_peer_has_not_got_comes_back(
        client: bool,
        fragment_size in prop_oneof![Just(None), Just(Some(100)), Just(Some(65_536))],
        steps in steps(),
        closes: bool,
    ) {
        let (ours, theirs) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let (mut session, mut peer) = (session(ours, fragment_size), session(theirs, None));
        session.keep_unconfirmed(OutboxLimit::new(1000, 1 << 30));
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let (mut sent, mut got, mut now) = (Vec::new(), Vec::new(), NOW);
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(len) => {
                    let text = format!("{index}:{}", "x".repeat(len));
                    if session.send(&*text, now).is_ok() {
                        sent.push(text);
                    }
                }
                // Not kept, and counted all the same.
                Step::Fragment(len) => {
                    if session.send_fragment(&*"f".repeat(len), false, now).is_ok() {
                        let _ = session.send_fragment("", true, now);
                    }
                }
                Step::Write(count) => write(&mut session, count, &mut there, now),
                Step::Deliver(count) => got.extend(read(&mut peer, count, &mut there, now)),
                Step::Answer(count) => write(&mut peer, count, &mut back, now),
                Step::Return(count) => assert!(read(&mut session, count, &mut back, now).is_empty()),
                Step::Ping => drop(session.ping(b"?", now)),
                Step::Wait => {
                    now = now + Duration::from_secs(15);
                    session.handle_timeout(now);
                }
            }
        }
        if closes {
            let _ = session.close(CloseCode::NORMAL, now);
            write(&mut session, usize::MAX, &mut there, now);
            got.extend(read(&mut peer, usize::MAX, &mut there, now));
            write(&mut peer, usize::MAX, &mut back, now);
            read(&mut session, usize::MAX, &mut back, now);
        }
        let kept = session.kept();
        let unsent = end(&mut session);
        prop_assert_eq!(kept.messages, unsent.len());
        prop_assert_eq!(kept.bytes, unsent.iter().map(|unsent| unsent.message.len()).sum::<usize>());
        got.retain(|text| text.contains(':'));
        let back: Vec<_> = unsent.iter().map(|unsent| unsent.message.as_text().unwrap()).collect();
        // In order, without a gap: some of what has arrived may come back, all of the rest does.
        prop_assert!(sent.ends_with(&back.iter().map(ToString::to_string).collect::<Vec<_>>()));
        prop_assert!(sent.starts_with(&got), "the peer has a beginning");
        prop_assert!(got.len() + back.len() >= sent.len(), "{} sent, {} got, {} back", sent.len(), got.len(), back.len());
        // What may have arrived says so.
        for (index, unsent) in unsent.iter().enumerate() {
            let arrived = sent.len() - back.len() + index < got.len();
            prop_assert!(unsent.left || !arrived, "{index}");
        }
    }
}

#[test]
fn a_ping_goes_out_once_in_a_round_trip_and_confirms_all_before_it() {
    let (mut session, mut peer) = (session(Role::Server, None), session(Role::Client, None));
    session.keep_unconfirmed(OutboxLimit::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        session.send("x", NOW).unwrap();
    }
    write(&mut session, usize::MAX, &mut there, NOW);
    assert_eq!(count(&there, 0x89), 1, "behind the first");
    for round in 0..3 {
        read(&mut peer, usize::MAX, &mut there, NOW);
        write(&mut peer, usize::MAX, &mut back, NOW);
        read(&mut session, usize::MAX, &mut back, NOW);
        write(&mut session, usize::MAX, &mut there, NOW);
        // The first Pong confirms one message, and brings the Ping for all the others.
        assert_eq!(session.kept().messages, [99, 0, 0][round]);
        assert_eq!(count(&there, 0x89), [1, 0, 0][round]);
    }
}

/// RFC 6455 lets an endpoint answer the latest of several Pings alone.
#[test]
fn a_peer_that_answers_another_ping_alone_is_asked_again() {
    let mut session = session(Role::Server, None);
    session.keep_unconfirmed(OutboxLimit::default());
    let mut there = Vec::new();
    session.send("x", NOW).unwrap();
    session.ping(b"?", NOW).unwrap();
    write(&mut session, usize::MAX, &mut there, NOW);
    there.clear();
    // A Pong for that Ping, with a masking key of zeros.
    read(&mut session, usize::MAX, &mut vec![0x8a, 0x81, 0, 0, 0, 0, b'?'], NOW);
    write(&mut session, usize::MAX, &mut there, NOW);
    assert_eq!((there[0], there.len(), session.kept().messages), (0x89, 10, 1));
    let pong = [&[0x8a, 0x88, 0, 0, 0, 0], &there[2..]].concat();
    read(&mut session, usize::MAX, &mut pong.clone(), NOW);
    assert_eq!(session.kept().messages, 0);
    // Nothing of it is answered twice, nor what nobody has asked for.
    read(&mut session, usize::MAX, &mut [pong, vec![0x8a, 0x80, 0, 0, 0, 0]].concat(), NOW);
    assert!(!session.output().has_remaining());
}

#[test]
fn over_the_limit_nothing_is_accepted_until_some_is_confirmed() {
    let mut session = session(Role::Server, None);
    session.keep_unconfirmed(OutboxLimit::new(2, 10));
    session.send("1234", NOW).unwrap();
    session.send("5678", NOW).unwrap();
    let mut there = Vec::new();
    write(&mut session, usize::MAX, &mut there, NOW);
    let refused = session.send("9", NOW).unwrap_err();
    assert_eq!((refused.reason, refused.message.len()), (SendError::Full, 1));
    // The Ping lies behind the first message.
    let pong = [&[0x8a, 0x88, 0, 0, 0, 0], &there[8..16]].concat();
    read(&mut session, usize::MAX, &mut pong.clone(), NOW);
    session.send("9", NOW).unwrap();
    let messages: Vec<_> = end(&mut session).into_iter().map(|unsent| unsent.message).collect();
    assert_eq!(messages, [Message::from("5678"), Message::from("9")]);
}

/// A part of a message is not kept, so it waits for no confirmation.
#[test]
fn a_fragment_is_accepted_whatever_is_unconfirmed() {
    let mut session = session(Role::Server, None);
    session.keep_unconfirmed(OutboxLimit::new(1, 10));
    session.send("1234", NOW).unwrap();
    assert_eq!(session.send("9", NOW).unwrap_err().reason, SendError::Full);
    assert_eq!(session.send_fragment("part", false, NOW), Ok(()));
}

/// What was not to be compressed is not when it is sent again.
#[test]
fn secrets_stay_secrets() {
    let mut session = session(Role::Client, None);
    session.keep_unsent();
    session.send(Message::from("hunter2").uncompressed(), NOW).unwrap();
    session.send("news", NOW).unwrap();
    let unsent = end(&mut session);
    assert_eq!(unsent.iter().map(|unsent| unsent.uncompressed).collect::<Vec<_>>(), [true, false]);
    let again: Vec<_> = unsent.into_iter().map(Unsent::into_outgoing).collect();
    assert_eq!(again, [Message::from("hunter2").uncompressed(), "news".into()]);
}
