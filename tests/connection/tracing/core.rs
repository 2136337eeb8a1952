//! Sessions and connections under the virtual clock: every kind of ending.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use farewell::handshake::{Accept, Origins, Rejection};
use farewell::{
    CloseCode, Config, Connection, Heartbeat, ReadClosed, Role, Seed, Session, SessionEvent,
    Termination, TransportError,
};
use tracing::Level;

use crate::support::collector::{Collector, Fields, Seen};
use crate::support::pair::{Pair, START};

type Way = fn(&mut Pair, Role);

/// The cause, the code, and whether it was clean.
type Said = (&'static str, u16, bool);

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn peer(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

fn config() -> Config {
    let mut config = Config::default();
    let mut heartbeat = Heartbeat::default();
    heartbeat.timeout = Duration::from_secs(5);
    config.heartbeat = Some(heartbeat);
    config.timeouts.write_stall = Some(Duration::from_secs(3));
    config.limits.message = 100_000;
    config
}

/// What the peer has sent, unasked.
fn inject(pair: &mut Pair, role: Role, plain: &[u8], masked: &[u8]) {
    let bytes = if role == Role::Client { plain } else { masked };
    pair.side(role).incoming.extend_from_slice(bytes);
    pair.run_to_the_end();
}

fn end_of_stream(pair: &mut Pair, role: Role, how: ReadClosed) {
    pair.side(peer(role)).blocked = true;
    pair.side(role).incoming_end = Some(how);
    pair.run_to_the_end();
}

/// The peer neither reads nor writes until this side has ended.
fn alone(pair: &mut Pair, role: Role) {
    let side = pair.side(role);
    let mut now = START;
    while !side.has_ended() {
        side.write(now);
        now = side.session.poll_timeout().unwrap();
        side.session.handle_timeout(now);
        side.poll(&mut [], now);
    }
}

/// What each way to end a connection that was open says.
const OPEN: &[(&str, Way, Said)] = &[
    (
        "we close",
        |pair, role| {
            pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
            pair.run_to_the_end();
        },
        ("closing_handshake", 1000, true),
    ),
    (
        "the peer closes",
        |pair, role| {
            pair.side(peer(role)).session.close(CloseCode::GOING_AWAY, START).unwrap();
            pair.run_to_the_end();
        },
        ("closing_handshake", 1001, true),
    ),
    (
        "the peer's stream ends",
        |pair, role| end_of_stream(pair, role, ReadClosed::Eof),
        ("eof", 1006, false),
    ),
    (
        "a reset",
        |pair, role| end_of_stream(pair, role, ReadClosed::Failed(TransportError::Reset)),
        ("transport", 1006, false),
    ),
    (
        "silence",
        |pair, role| {
            alone(pair, role);
        },
        ("pong_timeout", 1006, false),
    ),
    (
        "a stalled writer",
        |pair, role| {
            pair.side(role).blocked = true;
            pair.side(role).session.send("stuck", START).unwrap();
            alone(pair, role);
        },
        ("write_stalled", 1006, false),
    ),
    (
        "a Close that is not answered",
        |pair, role| {
            pair.side(peer(role)).blocked = true;
            pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
            pair.run_to_the_end();
        },
        ("close_timeout", 1006, false),
    ),
    (
        "a reserved opcode",
        |pair, role| inject(pair, role, &[0x83, 0], &[0x83, 0x80, 0, 0, 0, 0]),
        ("violation", 1006, false),
    ),
    (
        "a message over the limit",
        |pair, role| {
            inject(
                pair,
                role,
                &[0x82, 127, 0, 0, 0, 0, 0, 16, 0, 0],
                &[0x82, 255, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0],
            )
        },
        ("too_big", 1006, false),
    ),
    ("an abort", |pair, role| pair.side(role).session.abort(START), ("aborted", 1006, false)),
    ("a drop", |_, _| {}, ("aborted", 1006, false)),
    (
        "a drop with data to send and a message half received",
        |pair, role| {
            pair.side(peer(role)).session.send_fragment("half a", false, START).unwrap();
            pair.run();
            pair.side(role).session.send("never", START).unwrap();
        },
        ("aborted", 1006, false),
    ),
    (
        "a drop while the end of the stream is awaited",
        |pair, role| {
            pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
            let bytes = pair.side(role).write(START);
            pair.side(peer(role)).incoming.extend(bytes);
            while pair.side(peer(role)).read(START) {}
            let bytes = pair.side(peer(role)).write(START);
            pair.side(role).incoming.extend(bytes);
            while pair.side(role).read(START) {}
        },
        ("closing_handshake", 1000, true),
    ),
    (
        "a drop with the report not taken",
        |pair, role| {
            let failed = ReadClosed::Failed(TransportError::TimedOut);
            pair.side(role).session.handle_read_closed(failed, START);
        },
        ("transport", 1006, false),
    ),
];

/// The same, for opening handshakes that come to nothing.
const OPENING: &[(&str, &[Role], Way, Said)] = &[
    ("a drop at once", &ROLES, |_, _| {}, ("aborted", 1006, false)),
    (
        "an abort",
        &ROLES,
        |pair, role| pair.side(role).session.abort(START),
        ("aborted", 1006, false),
    ),
    (
        "the peer never says anything",
        &ROLES,
        |pair, role| {
            // A server whose response is not taken would give up first.
            pair.server.behaviour.answer = None;
            pair.side(peer(role)).blocked = role == Role::Server;
            pair.run_to_the_end();
        },
        ("handshake_timeout", 1006, false),
    ),
    (
        "the peer leaves",
        &ROLES,
        |pair, role| end_of_stream(pair, role, ReadClosed::Eof),
        ("eof", 1006, false),
    ),
    (
        "the peer speaks something else",
        &ROLES,
        |pair, role| inject(pair, role, b"SSH-2.0\r\n\r\n", b"SSH-2.0\r\n\r\n"),
        ("handshake_invalid", 1006, false),
    ),
    (
        "the server rejects",
        &ROLES,
        |pair, _| {
            pair.server.behaviour.answer = Some(Err(Rejection::new(401).unwrap()));
            pair.run_to_the_end();
        },
        ("handshake_rejected", 1006, false),
    ),
    (
        "the server refuses the Origin",
        &[Role::Server],
        |pair, _| {
            let strict = Accept::new(Origins::SameHost).require_origin();
            pair.server.behaviour.answer = Some(Ok(strict));
            pair.run_to_the_end();
        },
        ("handshake_invalid", 1006, false),
    ),
    (
        "the server is dropped while it decides",
        &[Role::Server],
        |pair, _| {
            pair.server.behaviour.answer = None;
            pair.run();
        },
        ("aborted", 1006, false),
    ),
    (
        "the server is dropped before it knows that it is open",
        &[Role::Server],
        |pair, _| {
            pair.server.behaviour.answer = None;
            pair.run();
            pair.server.session.accept(Accept::new(Origins::Any), START).unwrap();
        },
        ("aborted", 1006, false),
    ),
];

fn check(seen: &Seen, expected: Said, case: &str) {
    let [(level, event)] = &seen.events[..] else { panic!("{case}: {seen:?}") };
    let (cause, code, clean) = expected;
    assert_eq!(event["cause"], cause, "{case}: {event:?}");
    assert_eq!(
        (&event["code"], &event["clean"]),
        (&code.to_string(), &clean.to_string()),
        "{case}"
    );
    // Whom a server turns away is nothing to warn of.
    let turned_away = cause == "handshake_rejected" || case.contains("refuses the Origin");
    let meant = clean || (turned_away && event["role"] == "server");
    assert_eq!(*level, if meant { Level::INFO } else { Level::WARN }, "{case}");
    assert!(seen.is_closed(), "{case}: {seen:?}");
}

fn is_told(event: &Fields, report: &Termination, case: &str) {
    let evidence = &report.evidence;
    let expected = [
        ("role", report.role.name().into()),
        ("cause", report.cause.name().into()),
        ("initiator", report.initiator.name().into()),
        ("received_bytes", evidence.received.bytes.to_string()),
        ("sent_bytes", evidence.sent.bytes.to_string()),
        ("dropped_bytes", report.dropped.bytes.to_string()),
        ("message", report.to_string()),
    ];
    for (name, value) in expected {
        assert_eq!(event[name], value, "{case}: {name}");
    }
}

/// Makes a pair, lets it end that way, drops it; each side has to have said so once.
fn run(make: fn() -> Pair, role: Role, way: Way, expected: Said, case: &str) {
    let case = format!("{case}, as {role:?}");
    let collector = Collector::default();
    let report = collector.collect(|| {
        let mut pair = make();
        pair.client.behaviour.echo = true;
        way(&mut pair, role);
        let events = &pair.side(role).events;
        events.iter().find_map(|event| match event {
            SessionEvent::Ended(report) => Some(report.clone()),
            _ => None,
        })
    });
    let log = collector.log();
    assert!(log.strays.is_empty(), "{case}: {:?}", log.strays);
    assert_eq!(log.spans.len(), 2, "{case}");
    for seen in &log.spans {
        assert_eq!(seen.events.len(), 1, "{case}: {seen:?}");
        if seen.fields["role"] == role.name() {
            check(seen, expected, &case);
            if let Some(report) = &report {
                is_told(&seen.events[0].1, report, &case);
            }
        }
    }
}

#[test]
fn a_session_that_was_open_says_its_end_once() {
    let make = || {
        let mut pair = Pair::new(config(), config());
        pair.run();
        pair
    };
    let upgraded = || Pair::open(config(), config());
    for &(case, way, expected) in OPEN {
        for role in ROLES {
            run(make, role, way, expected, case);
            run(upgraded, role, way, expected, &format!("{case} (upgraded)"));
        }
    }
}

#[test]
fn an_idle_session_says_its_end_once() {
    let idle = || {
        let mut config = config();
        config.heartbeat = None;
        config.timeouts.idle = Some(Duration::from_secs(60));
        Pair::open(config.clone(), config)
    };
    for role in ROLES {
        let said = ("idle_timeout", 1001, true);
        run(idle, role, |pair, _| pair.run_to_the_end(), said, "idle");
    }
}

#[test]
fn an_opening_handshake_that_fails_says_so_once() {
    for &(case, roles, way, expected) in OPENING {
        for &role in roles {
            run(|| Pair::new(config(), config()), role, way, expected, case);
        }
    }
}

#[test]
fn a_connection_says_its_end_once() {
    type Way = fn(&mut Connection, &mut BytesMut);
    let ways: [(&str, Way, Said); 4] = [
        ("a drop", |_, _| {}, ("aborted", 1006, false)),
        (
            "an abort",
            |connection, _| {
                connection.abort(START);
                assert!(connection.poll_event(&mut &mut [][..], START).is_some());
            },
            ("aborted", 1006, false),
        ),
        (
            "an end of stream, reported and then dropped",
            |connection, _| {
                let failed = ReadClosed::Failed(TransportError::Reset);
                connection.handle_read_closed(failed, START);
                assert!(connection.poll_event(&mut &mut [][..], START).is_some());
                assert!(connection.poll_event(&mut &mut [][..], START).is_none());
            },
            ("transport", 1006, false),
        ),
        (
            "a drop with a Close queued",
            |connection, out| {
                connection.close(CloseCode::NORMAL, START).unwrap();
                connection.poll_transmit(out);
            },
            ("aborted", 1006, false),
        ),
    ];
    for role in ROLES {
        for (case, way, expected) in ways {
            let collector = Collector::default();
            collector.collect(|| {
                let mut connection = Connection::new(role, config(), Seed::new([1; 32]), START);
                way(&mut connection, &mut BytesMut::new());
            });
            let log = collector.log();
            assert_eq!((log.spans.len(), log.strays.len()), (1, 0), "{case}");
            assert_eq!(log.spans[0].fields["role"], role.name());
            check(&log.spans[0], expected, case);
        }
    }
}

#[test]
fn nothing_is_recorded_for_a_message() {
    let collector = Collector::default();
    let pair = collector.collect(|| {
        let mut pair = Pair::new(config(), config());
        pair.run();
        pair.server.behaviour.echo = true;
        for size in [0, 5, 200, 90_000] {
            pair.client.session.send("x".repeat(size), START).unwrap();
            pair.run();
        }
        pair
    });
    let log = collector.log();
    assert_eq!(pair.client.messages().len(), 4);
    assert!(log.spans.len() == 2 && log.strays.is_empty());
    assert!(log.spans.iter().all(|seen| seen.events.is_empty() && !seen.is_closed()));
    drop(log);
    drop(pair);
}

#[test]
fn a_span_says_whose_it_is_and_nothing_that_is_secret() {
    let collector = Collector::default();
    collector.collect(|| {
        let url = "ws://chat.example:8080/room/7?token=secret";
        let request = farewell::handshake::ClientRequest::new(url).unwrap();
        let mut client = Session::client(&request, config(), Seed::new([1; 32]), START);
        let mut server = Session::server(config(), Seed::new([2; 32]), START);
        server.span().record("peer", "192.0.2.7:50123");
        let mut output = client.output();
        let mut bytes = vec![0; output.remaining()];
        output.copy_to_slice(&mut bytes);
        client.handle_flushed(bytes.len(), START);
        let event = server.poll_event(&mut &mut bytes[..], START);
        assert!(matches!(event, Some(SessionEvent::Request(_))), "{event:?}");
    });
    let log = collector.log();
    let expected =
        [("client", "chat.example:8080", "/room/7"), ("server", "192.0.2.7:50123", "/room/7")];
    for (seen, (role, peer, path)) in log.spans.iter().zip(expected) {
        assert_eq!((&*seen.fields["role"], &*seen.fields["peer"]), (role, peer));
        assert_eq!(seen.fields["path"], path);
    }
    assert_eq!(log.spans.len(), 2);
    assert!(!format!("{log:?}").contains("secret"));
}

#[test]
fn an_unclean_end_is_told_to_who_wants_warnings_alone() {
    let collector = Collector::only(Level::WARN);
    collector.collect(|| drop(Pair::open(config(), config())));
    let log = collector.log();
    assert!(log.spans.is_empty(), "{log:?}");
    let roles: Vec<_> = log.strays.iter().map(|event| &*event["role"]).collect();
    assert_eq!(roles, ["client", "server"]);
}
