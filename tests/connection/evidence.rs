//! What a report keeps for its diagnosis: the last message sent, the heartbeat's settings, and
//! when a deadline was last handled far too late.

use std::time::Duration;

use bytes::BytesMut;
use farewell::handshake::Negotiated;
use farewell::{
    Config, Connection, Event, Heartbeat, MessageKind, ReadClosed, Role, Seed, Session,
    Termination, Timestamp, TransportError,
};

use crate::support::drive::secs;
use crate::support::wire::ROLES;

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
    // At an end in order, what is queued would leave first.
    connection.handle_read_closed(ReadClosed::Failed(TransportError::Reset), now);
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
