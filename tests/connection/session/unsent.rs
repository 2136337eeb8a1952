//! Messages that were accepted and did not leave come back: all of them, once, in order, and no
//! other. The bytes that left are parsed by hand and say which.

use bytes::{Buf, Bytes};
use farewell::handshake::Negotiated;
use farewell::{
    CloseCode, Config, Message, MessageKind, Prepared, ReadClosed, Role, Seed, Session,
    SessionEvent, Termination, Timestamp, TransportError,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::ZERO;

fn session(role: Role, fragment_size: Option<usize>) -> Session {
    let mut config = Config::default();
    config.fragment_size = fragment_size;
    Session::upgraded(role, Negotiated::default(), config, Seed::new([3; 32]), NOW)
}

/// Takes up to `count` bytes of output and appends them to `wire`.
fn flush(session: &mut Session, count: usize, wire: &mut Vec<u8>) {
    let mut output = session.output();
    let count = count.min(output.remaining());
    let start = wire.len();
    wire.resize(start + count, 0);
    output.copy_to_slice(&mut wire[start..]);
    session.handle_flushed(count, NOW);
}

fn report(session: &mut Session) -> Box<Termination> {
    loop {
        match session.poll_event(&mut &mut [][..], NOW) {
            Some(SessionEvent::Ended(report)) => return report,
            Some(_) => {}
            None => panic!("no report"),
        }
    }
}

/// How many messages are whole in `wire`, and whether another one has begun.
fn parse(wire: &[u8]) -> (usize, bool) {
    let (mut at, mut whole, mut begun) = (0, 0, false);
    while at < wire.len() {
        let data = wire[at] & 0x08 == 0;
        begun |= data;
        let Some(second) = wire.get(at + 1) else { break };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extension) = wire.get(at + 2..at + 2 + extended) else { break };
        let len = match extended {
            0 => usize::from(second & 0x7f),
            _ => extension.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
        };
        let end = at + 2 + extended + mask + len;
        if end > wire.len() {
            break;
        }
        if data && wire[at] & 0x80 != 0 {
            (whole, begun) = (whole + 1, false);
        }
        at = end;
    }
    (whole, begun)
}

#[derive(Debug, Clone)]
enum Step {
    Send { form: u8, len: usize },
    Flush(usize),
    Ping,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len =
        prop_oneof![0..10_usize, 120..130_usize, 250..260_usize, 4090..4100_usize, 0..90_000_usize];
    let step = prop_oneof![
        4 => (0..5_u8, len).prop_map(|(form, len)| Step::Send { form, len }),
        3 => prop_oneof![0..20_usize, 0..5_000_usize, Just(usize::MAX)].prop_map(Step::Flush),
        1 => Just(Step::Ping),
    ];
    prop::collection::vec(step, 0..40)
}

fn send(session: &mut Session, form: u8, payload: &[u8]) -> Option<Message<'static>> {
    let text = || String::from_utf8(payload.to_vec()).unwrap();
    let (sent, message) = match form {
        0 => (session.send(payload, NOW).is_ok(), payload.to_vec().into()),
        1 => (session.send(Bytes::copy_from_slice(payload), NOW).is_ok(), payload.to_vec().into()),
        2 => (session.send(&*text(), NOW).is_ok(), text().into()),
        3 => (session.send(Prepared::new(&*text()), NOW).is_ok(), text().into()),
        _ => (session.send(Prepared::new(payload), NOW).is_ok(), payload.to_vec().into()),
    };
    sent.then_some(message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_did_not_leave_comes_back(
        client: bool,
        fragment_size in prop_oneof![Just(None), Just(Some(100)), Just(Some(5_000)), Just(Some(65_536))],
        steps in steps(),
        ending in 0..4,
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let mut session = session(role, fragment_size);
        session.keep_unsent();
        let (mut accepted, mut wire) = (Vec::new(), Vec::new());
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Send { form, len } => {
                    let payload = vec![b'a' + (index % 26) as u8; *len];
                    accepted.extend(send(&mut session, *form, &payload));
                }
                Step::Flush(count) => flush(&mut session, *count, &mut wire),
                Step::Ping => drop(session.ping(b"?", NOW)),
            }
            prop_assert!(session.take_unsent().is_empty(), "nothing comes back before the end");
        }
        match ending {
            0 => session.abort(NOW),
            1 => {
                session.handle_write_failed(TransportError::Reset, NOW);
                session.handle_read_closed(ReadClosed::Failed(TransportError::Reset), NOW);
            }
            2 => {
                // A frame with a reserved opcode: we fail the connection and give up at the end.
                let mut bad = [0x83, if client { 0 } else { 0x80 }, 0, 0, 0, 0];
                let len = if client { 2 } else { 6 };
                while session.poll_event(&mut &mut bad[..len], NOW).is_some() {}
                flush(&mut session, 77, &mut wire);
                session.abort(NOW);
            }
            _ => {
                let _ = session.close(CloseCode::NORMAL, NOW);
                flush(&mut session, 1_000, &mut wire);
                session.abort(NOW);
            }
        }
        let report = report(&mut session);
        let unsent = session.take_unsent();
        let (whole, begun) = parse(&wire);
        let messages: Vec<_> = unsent.iter().map(|unsent| unsent.message.clone()).collect();
        prop_assert!(messages == accepted[whole..], "{} of {} came back, {whole} had left",
            messages.len(), accepted.len());
        prop_assert_eq!(report.dropped.messages, unsent.len() as u64, "{}", report);
        for (index, unsent) in unsent.iter().enumerate() {
            prop_assert_eq!(unsent.partly, index == 0 && begun, "message {} after {}", index, whole);
        }
        prop_assert!(session.take_unsent().is_empty(), "a second time there are none");
    }
}

#[test]
fn pieces_of_the_callers_own_are_not_kept() {
    for role in [Role::Client, Role::Server] {
        let mut session = session(role, None);
        session.send("before", NOW).unwrap();
        session.keep_unsent();
        session.send_fragment("a", false, NOW).unwrap();
        session.send_fragment("b", true, NOW).unwrap();
        session.send("whole", NOW).unwrap();
        session.abort(NOW);
        report(&mut session);
        let unsent = session.take_unsent();
        assert_eq!(unsent.len(), 1);
        assert_eq!((&unsent[0].message, unsent[0].partly), (&Message::from("whole"), false));
        assert_eq!(unsent[0].message.kind(), MessageKind::Text);
    }
}

#[test]
fn nothing_is_kept_that_was_not_asked_for() {
    let mut session = session(Role::Client, None);
    session.send("gone", NOW).unwrap();
    session.abort(NOW);
    assert_eq!(report(&mut session).dropped.messages, 1);
    assert!(session.take_unsent().is_empty());
}

/// What was compressed comes back as the application gave it.
#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_come_back_as_they_were() {
    use farewell::Compression;
    use farewell::handshake::DeflateParams;

    for role in [Role::Client, Role::Server] {
        let mut config = Config::default();
        config.compression = Some(Compression::default());
        config.fragment_size = Some(64);
        let negotiated = Negotiated::default().with_deflate(DeflateParams::default());
        let mut session = Session::upgraded(role, negotiated, config, Seed::new([3; 32]), NOW);
        session.keep_unsent();
        let messages = [
            Message::from("compressible, compressible, compressible, ".repeat(50)),
            Message::from(vec![7; 5000]),
            Message::from("short"),
        ];
        for message in &messages {
            session.send(message.clone(), NOW).unwrap();
        }
        let prepared = Prepared::new("prepared ".repeat(100));
        session.send(&prepared, NOW).unwrap();
        // Some of the first has left.
        flush(&mut session, 10, &mut Vec::new());
        session.abort(NOW);
        report(&mut session);
        let unsent = session.take_unsent();
        let back: Vec<_> = unsent.iter().map(|unsent| unsent.message.clone()).collect();
        assert_eq!(back[..3], messages, "{role:?}");
        assert_eq!(back[3].as_bytes(), prepared.payload(), "{role:?}");
        assert_eq!(back.len(), 4, "{role:?}");
        assert!(unsent[0].partly && !unsent[1].partly, "{role:?}");
    }
}

/// Nobody keeps a message in parts, so it is counted: until its last part has left, whatever lies around it.
#[test]
fn messages_in_parts_are_counted_until_they_have_left() {
    for confirms in [false, true] {
        let mut session = session(Role::Server, Some(2));
        let mut wire = Vec::new();
        // Accepted before, it is nobody's business.
        session.send("before", NOW).unwrap();
        session.send_fragment("before", true, NOW).unwrap();
        assert_eq!(session.unsent_in_parts(), 0);
        if confirms {
            session.keep_unconfirmed(farewell::reconnect::OutboxLimit::default());
        } else {
            session.keep_unsent();
        }
        session.send_fragment("one", false, NOW).unwrap();
        assert_eq!(session.unsent_in_parts(), 1);
        session.send_fragment("", true, NOW).unwrap();
        session.send("whole", NOW).unwrap();
        session.send_fragment("two", true, NOW).unwrap();
        session.send_fragment("three", false, NOW).unwrap();
        assert_eq!(session.unsent_in_parts(), 3);
        // What leaves with each byte is what the wire has.
        let mut left = Vec::new();
        while session.has_output() {
            flush(&mut session, 1, &mut wire);
            let (whole, _) = parse(&wire);
            left.push((whole, session.unsent_in_parts()));
        }
        left.dedup();
        let expected = [(0, 3), (1, 3), (2, 3), (3, 2), (4, 2), (5, 1)];
        assert_eq!(left, expected, "{confirms}");
        // One that is not finished is lost with the connection.
        session.abort(NOW);
        report(&mut session);
        assert_eq!(session.unsent_in_parts(), 1);
        assert_eq!(session.take_unsent().len(), usize::from(confirms));
    }
}
