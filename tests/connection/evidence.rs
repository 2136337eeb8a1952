//! What a report keeps for its diagnosis: the last message sent, the heartbeat's settings, and
//! when a deadline was last handled far too late.

use std::time::Duration;

use bytes::BytesMut;
use farewell::diagnosis::Verdict;
use farewell::handshake::Negotiated;
use farewell::{
    CloseCode, Config, Connection, Event, Heartbeat, MessageKind, ReadClosed, Role, Seed, Session,
    Termination, Timestamp, TransportError, TransportFailure,
};

use crate::support::drive::{millis, secs};
use crate::support::wire::{ROLES, plain};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + secs(seconds)
}

fn connection(role: Role, heartbeat: Option<Duration>) -> Connection {
    let mut config = Config::default();
    config.heartbeat = heartbeat.map(|timeout| {
        let mut heartbeat = Heartbeat::default();
        heartbeat.timeout = timeout;
        heartbeat
    });
    Connection::new(role, config, Seed::new([1; 32]), Timestamp::ZERO)
}

fn end(mut connection: Connection, now: Timestamp) -> Termination {
    connection.handle_read_closed(ReadClosed::Eof, now);
    // A Close of ours may wait to be written.
    connection.abort(now);
    match connection.poll_event(&mut &mut [][..], now) {
        Some(Event::Ended(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// When the last message was queued, its length, and that of the largest before.
fn last_sent(report: &Termination) -> Option<(Timestamp, u64, u64)> {
    let sent = report.evidence.last_sent?;
    Some((sent.queued, sent.len, sent.largest_before))
}

#[test]
fn the_last_message_is_kept_and_the_largest_before() {
    for role in ROLES {
        let mut out = BytesMut::new();
        assert_eq!(last_sent(&end(connection(role, None), at(1))), None);

        let mut one = connection(role, None);
        one.send("hello", &mut out, at(1)).unwrap();
        assert_eq!(last_sent(&end(one, at(2))), Some((at(1), 5, 0)), "{role:?}");

        let mut several = connection(role, None);
        for (second, len) in [(1, 3), (2, 300), (3, 20)] {
            several.send(&vec![0; len][..], &mut out, at(second)).unwrap();
        }
        // Control frames are no messages.
        several.ping(b"?", &mut out, at(4)).unwrap();
        assert_eq!(last_sent(&end(several, at(5))), Some((at(3), 20, 300)), "{role:?}");
    }
}

#[test]
fn fragments_add_up_to_their_message() {
    for role in ROLES {
        let mut out = BytesMut::new();
        let mut sender = connection(role, None);
        sender.send("before", &mut out, at(1)).unwrap();
        sender.send_fragment(b"four", false, &mut out, at(2)).unwrap();
        sender.begin_frame(MessageKind::Binary, 1000, false, at(3)).unwrap();
        let unfinished = sender.evidence().last_sent.unwrap();
        assert_eq!((unfinished.len, unfinished.largest_before), (1004, 6));
        sender.send_fragment(b"", true, &mut out, at(4)).unwrap();
        sender.send("x", &mut out, at(5)).unwrap();
        assert_eq!(last_sent(&end(sender, at(6))), Some((at(5), 1, 1004)), "{role:?}");

        let mut huge = connection(role, None);
        huge.begin_frame(MessageKind::Binary, u64::MAX >> 1, true, at(1)).unwrap();
        assert_eq!(last_sent(&end(huge, at(2))), Some((at(1), u32::MAX.into(), 0)));
    }
}

#[test]
fn a_session_counts_its_messages_whole() {
    for role in ROLES {
        let negotiated = Negotiated::default();
        let mut session =
            Session::upgraded(role, negotiated, Config::default(), Seed::new([1; 32]), at(0));
        // It leaves in four frames.
        session.send(vec![0; 200_000], at(1)).unwrap();
        session.send("short", at(2)).unwrap();
        let sent = session.evidence().last_sent.unwrap();
        assert_eq!((sent.queued, sent.len, sent.largest_before), (at(2), 5, 200_000), "{role:?}");
    }
}

#[test]
fn the_heartbeats_settings_are_reported() {
    for role in ROLES {
        let beating = end(connection(role, Some(secs(7))), at(1)).evidence.pings;
        assert_eq!((beating.interval, beating.timeout), (Some(secs(20)), Some(secs(7))));
        let silent = end(connection(role, None), at(1)).evidence.pings;
        assert_eq!((silent.interval, silent.timeout), (None, None));
    }
}

/// The first call after the sleep is the one that comes first in the contract, and any other.
#[test]
fn a_sleep_is_seen_whatever_is_called_first() {
    type Call = fn(&mut Connection, Timestamp);
    let calls: [(&str, Call); 9] = [
        ("a whole message is read", |connection, now| read(connection, b"\x81\x01x", now)),
        ("a Ping is read", |connection, now| read(connection, b"\x89\0", now)),
        ("part of a frame is read", |connection, now| read(connection, b"\x81", now)),
        ("nothing is read", |connection, now| read(connection, b"", now)),
        ("a timer is handled", |connection, now| connection.handle_timeout(now)),
        ("something is sent", |connection, now| {
            connection.send("x", &mut BytesMut::new(), now).unwrap();
        }),
        ("something is flushed", |connection, now| connection.handle_flushed(1, now)),
        ("it closes", |connection, now| connection.close(CloseCode::NORMAL, now).unwrap()),
        ("it pings", |connection, now| connection.ping(b"", &mut BytesMut::new(), now).unwrap()),
    ];
    for (name, call) in calls {
        let mut sleeper = connection(Role::Client, Some(secs(20)));
        call(&mut sleeper, at(100));
        // A read moves the deadlines, and a timer handled late then moves them again.
        sleeper.handle_timeout(at(100));
        let evidence = sleeper.evidence();
        assert!(evidence.timer_lateness >= secs(78), "{name}: {evidence:?}");
        assert_eq!(evidence.suspended_at, Some(at(100)), "{name}");
        let gap = evidence.last_gap.expect(name);
        assert_eq!((gap.ended, gap.span, evidence.longest_gap), (at(100), secs(100), secs(100)));
        assert!(gap.late >= secs(78), "{name}: {gap:?}");
    }
}

fn read(connection: &mut Connection, bytes: &[u8], now: Timestamp) {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    while connection.poll_event(&mut input, now).is_some() {}
}

/// Nothing was due, and still it is told that nobody called, and what waited meanwhile.
#[test]
fn the_longest_and_the_last_time_without_a_call_are_told() {
    let mut quiet = connection(Role::Client, None);
    for seconds in [10, 40, 43] {
        read(&mut quiet, b"\x89\0", at(seconds));
    }
    let last = quiet.evidence().last_gap.unwrap();
    assert_eq!((last.ended, last.span, last.late), (at(43), secs(3), secs(0)));
    assert_eq!(quiet.evidence().longest_gap, secs(30));
    let pings = quiet.evidence().peer_pings;
    assert_eq!((pings.received, pings.last, pings.answered), (3, Some(at(43)), None));
    let mut out = BytesMut::new();
    assert!(quiet.poll_transmit(&mut out));
    quiet.handle_flushed(out.len() - 1, at(43));
    assert_eq!(quiet.evidence().peer_pings.answered, None);
    quiet.handle_flushed(1, at(44));
    assert_eq!(quiet.evidence().peer_pings.answered, Some(at(44)));
    // What lies between calls of the end itself is no news.
    read(&mut quiet, b"\x88\0", at(50));
    let report = end(quiet, at(52));
    assert_eq!(report.evidence.last_gap.map(|gap| gap.ended), Some(at(50)));
    let close = report.evidence.close_received.unwrap();
    assert_eq!((close.at, close.quiet), (at(50), secs(6)));
}

/// The numbers of a failure go into the report, and from there into its sentence.
#[test]
fn a_failure_keeps_its_number_and_its_words() {
    for role in ROLES {
        let failure = TransportFailure::new(TransportError::Unreachable)
            .os_error(113)
            .message(&"No route to host (os error 113)");
        let mut reading = connection(role, None);
        reading.handle_read_failed(failure, at(1));
        let report = end(reading, at(1));
        assert_eq!(report.evidence.failure, Some(failure));
        let text = format!("{report} {:#}", report.diagnosis());
        assert!(
            text.contains("reading failed: host or network unreachable (os error 113)"),
            "{text}"
        );
        assert!(text.contains("No route to host"), "{text}");

        // The first is the one that counts.
        let mut writing = connection(role, None);
        writing.handle_write_failed(failure, at(1));
        writing.handle_read_failed(TransportError::Reset, at(2));
        let report = end(writing, at(2));
        assert_eq!(report.evidence.failure, Some(failure), "{report}");
    }
}

/// However the bytes come, the report says how the response begins that is none for a frame.
#[test]
fn http_in_the_middle_of_a_connection_is_told_by_its_first_bytes() {
    let said = b"HTTP/1.1 408 Request Time-out\r\n\r\n";
    for size in [1, 2, 7, said.len()] {
        let mut client = connection(Role::Client, None);
        read(&mut client, b"\x81\x01x", at(1));
        for piece in said.chunks(size) {
            read(&mut client, piece, at(2));
        }
        let report = end(client, at(2));
        let first = report.evidence.unexpected.expect("it is no frame");
        assert_eq!(first.as_bytes(), b"HTTP/1.1 408 Req", "{size}");
        let verdict = report.diagnosis().verdict();
        assert_eq!(verdict, Verdict::HttpInStream { status: Some(408) }, "{report}");
        assert!(report.to_string().contains("begins with \"HTTP/1.1 408 Req\""), "{report}");
    }
    // What else breaks a rule may be somebody's data.
    let mut client = connection(Role::Client, None);
    read(&mut client, b"\xf1\x06secret", at(2));
    assert_eq!(end(client, at(2)).evidence.unexpected, None);
}

/// From when the Ping left alone; behind other output, from when it had left.
#[test]
fn a_round_trip_begins_when_the_ping_is_handed_over() {
    for (behind, expected) in [(false, millis(2_050)), (true, millis(50))] {
        let mut client = connection(Role::Client, Some(secs(20)));
        let mut out = BytesMut::new();
        let due = client.poll_timeout().unwrap();
        if behind {
            client.send("something", &mut out, due).unwrap();
        }
        client.handle_timeout(due);
        assert!(client.poll_transmit(&mut out));
        // The write takes two seconds to return.
        let returned = due + secs(2);
        client.handle_flushed(out.len(), returned);
        let (_, ping) = plain(&out).pop().unwrap();
        let pong = [&[0x8a, 8][..], &ping].concat();
        read(&mut client, &pong, returned + millis(50));
        assert_eq!(client.evidence().pings.rtt.map(|rtt| rtt.last), Some(expected), "{behind}");
    }
}

#[test]
fn a_sleep_is_seen_whether_a_timer_or_the_end_of_the_stream_comes_first() {
    for role in ROLES {
        for timer_first in [true, false] {
            let mut sleeper = connection(role, Some(secs(20)));
            if timer_first {
                sleeper.handle_timeout(at(100));
            }
            let report = end(sleeper, at(100));
            let evidence = &report.evidence;
            assert_eq!(evidence.suspended_at, Some(at(100)), "{role:?} {timer_first}");
            // The Ping was due after 18 to 22 seconds.
            assert!(evidence.timer_lateness >= secs(78), "{:?}", evidence.timer_lateness);
        }
        let mut awake = connection(role, Some(secs(20)));
        // Late, but by less than the timeout.
        awake.handle_timeout(at(35));
        let evidence = end(awake, at(36)).evidence;
        assert_eq!(evidence.suspended_at, None);
        assert!(evidence.timer_lateness >= secs(13), "{:?}", evidence.timer_lateness);
    }
}
