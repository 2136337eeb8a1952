//! Output: order, fragments, limits, prepared messages, and what is left when all is over.

use std::time::Duration;

use bytes::{Buf, Bytes};
use farewell::{
    Cause, CloseCode, Config, Message, Phase, Prepared, ReadClosed, Role, SendError, Session,
    SessionEvent, Timer, Timestamp, TransportError,
};

use crate::support::pair::{Pair, START};
use crate::support::split::Split;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn config(fragment_size: Option<usize>) -> Config {
    let mut config = Config::default();
    config.fragment_size = fragment_size;
    config
}

fn open(fragment_size: Option<usize>) -> Pair {
    Pair::open(config(fragment_size), config(fragment_size))
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The frames in `wire`: first byte and payload length.
fn frames(mut wire: &[u8]) -> Vec<(u8, usize)> {
    let mut frames = Vec::new();
    while wire.len() >= 2 {
        let (first, second) = (wire[0], wire[1]);
        wire.advance(2);
        let len = match second & 0x7f {
            126 => wire.get_u16() as usize,
            127 => wire.get_u64() as usize,
            short => usize::from(short),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        wire.advance((mask + len).min(wire.len()));
        frames.push((first, len));
    }
    frames
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

//= rfc6455#5.4
//= type=test
//# The fragments of one message MUST NOT be interleaved between the
//# fragments of another message
#[test]
fn messages_of_all_sizes_arrive_in_order() {
    for role in ROLES {
        for fragment_size in [None, Some(0), Some(1000), Some(65_536)] {
            for writes in [Split::Whole, Split::Every(4999), Split::Random(11)] {
                let mut pair = open(fragment_size);
                let sender = pair.side(role);
                sender.writes = writes;
                let mut expected = Vec::new();
                let sizes = [0, 1, 125, 126, 4095, 4096, 65_535, 65_536, 70_000, 3, 131_073, 0];
                for (index, size) in sizes.into_iter().enumerate() {
                    let size = if fragment_size == Some(0) { size.min(300) } else { size };
                    let bytes = pattern(size);
                    let message = match index % 3 {
                        0 => Message::from(Bytes::from(bytes)),
                        1 => Message::from("ü".repeat(size)),
                        _ => {
                            let now = pair.now;
                            pair.side(role).session.send(&bytes[..], now).unwrap();
                            expected.push(Message::from(bytes));
                            continue;
                        }
                    };
                    let now = pair.now;
                    pair.side(role).session.send(message.clone(), now).unwrap();
                    expected.push(message);
                }
                pair.run();
                let received = pair.side(other(role)).messages();
                assert!(received.into_iter().eq(&expected), "{role:?} {fragment_size:?}");
                assert_eq!(pair.side(role).session.pending_output(), 0);
            }
        }
    }
}

//= rfc6455#5.4
//= type=test
//# Control frames (see Section 5.5) MAY be injected in the middle of
//# a fragmented message.
#[test]
fn a_pong_gets_between_the_fragments_of_a_long_message() {
    for role in ROLES {
        let mut pair = open(Some(65_536));
        let now = pair.now;
        pair.side(role).session.send(pattern(1_000_000), now).unwrap();
        pair.side(other(role)).session.ping(b"still there?", now).unwrap();
        pair.run();
        let frames = frames(&pair.side(role).written);
        let pong = frames.iter().position(|(first, _)| *first == 0x8a).unwrap();
        assert!(pong <= 2, "{role:?}: {frames:?}");
        assert_eq!(frames.len(), 17);
        assert_eq!(frames.last(), Some(&(0x80, 1_000_000 % 65_536)));
        assert_eq!(pair.side(other(role)).messages()[0].as_bytes(), pattern(1_000_000));
    }
}

#[test]
fn a_large_owned_payload_is_not_copied_on_a_server() {
    let mut pair = open(Some(65_536));
    for size in [4096, 65_536, 300_000] {
        let payload = Bytes::from(pattern(size));
        let (start, end) = (payload.as_ptr() as usize, payload.as_ptr() as usize + size);
        pair.server.session.send(payload.clone(), START).unwrap();
        let mut shared = 0;
        while pair.server.session.has_output() {
            let mut output = pair.server.session.output();
            let mut count = 0;
            while output.has_remaining() {
                let chunk = output.chunk();
                let at = chunk.as_ptr() as usize;
                shared += if at >= start && at < end { chunk.len() } else { 0 };
                count += chunk.len();
                output.advance(chunk.len());
            }
            pair.server.session.handle_flushed(count, START);
        }
        assert_eq!(shared, size);
    }
}

#[test]
fn vectored_output_is_the_output() {
    let mut pair = open(None);
    pair.server.session.send("small", START).unwrap();
    pair.server.session.send(pattern(5000), START).unwrap();
    pair.server.session.send("tail", START).unwrap();
    let mut output = pair.server.session.output();
    output.advance(3);
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    let count = output.chunks_vectored(&mut slices);
    let joined: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
    assert_eq!(count, 3);
    assert_eq!(joined, output.copy_to_bytes(output.remaining()));
    assert_eq!(joined.len(), 7 - 3 + 4 + 5000 + 6);
}

#[test]
fn a_full_session_gives_the_message_back() {
    for role in ROLES {
        let mut settings = config(Some(1000));
        settings.limits.pending_output = 10_000;
        let mut pair = Pair::open(settings.clone(), settings);
        let side = pair.side(role);
        side.blocked = true;
        side.session.send(pattern(10_001), START).unwrap();
        let pending = side.session.pending_output();
        assert!(pending >= 10_001);
        let refused = side.session.send("no more", START).unwrap_err();
        assert_eq!(refused.reason, SendError::Full);
        assert_eq!(refused.message.clone().into_message(), Message::from("no more"));
        let prepared = Prepared::new("no more");
        let refused = side.session.send(&prepared, START).unwrap_err();
        assert_eq!(refused.reason, SendError::Full);
        assert_eq!(side.session.send_fragment("no", true, START), Err(SendError::Full));
        assert_eq!(side.session.pending_output(), pending);
        side.session.ping(b"gets ahead of what is not framed", START).unwrap();
        assert!(side.session.has_output(), "and now it is framed");
        assert_eq!(side.session.ping(b"no", START), Err(SendError::Full));
        side.blocked = false;
        pair.run();
        pair.side(role).session.send(refused.message, START).unwrap();
        pair.run();
        assert_eq!(pair.side(other(role)).messages().len(), 2);
        // Once it closes, that is the better reason.
        let side = pair.side(role);
        side.blocked = true;
        side.session.send(pattern(10_001), START).unwrap();
        side.session.close(CloseCode::NORMAL, START).unwrap();
        assert_eq!(side.session.send("x", START).unwrap_err().reason, SendError::Closing);
    }
}

/// Behind a long message every other one waits unframed, however short it is.
#[test]
fn a_full_session_counts_the_messages_that_wait_not_only_their_bytes() {
    for role in ROLES {
        for payload in [&b""[..], b"x"] {
            let mut config = config(Some(65_536));
            config.limits.pending_output = 200_000;
            let mut pair = Pair::open(config.clone(), config);
            let now = pair.now;
            let session = &mut pair.side(role).session;
            session.send(pattern(150_000), now).unwrap();
            let refused = (0..100_000).find_map(|_| session.send(payload, now).err());
            assert_eq!(refused.map(|refused| refused.reason), Some(SendError::Full), "{role:?}");
            pair.run();
            pair.side(role).session.send(payload, now).unwrap();
        }
    }
}

#[test]
fn a_flood_of_pings_does_not_fill_the_memory() {
    let mut settings = Config::default();
    settings.limits.pending_output = 10_000;
    let mut pair = Pair::open(Config::default(), settings);
    pair.server.blocked = true;
    for round in 0..10_000_u32 {
        pair.client.session.ping(&round.to_be_bytes(), START).unwrap();
        pair.run();
    }
    assert!(pair.server.session.pending_output() < 11_000);
    pair.server.blocked = false;
    pair.run();
    assert_eq!(pair.client.session.pong_payload(), 9_999_u32.to_be_bytes(), "the latest");
}

#[test]
fn everything_accepted_leaves_before_the_close() {
    for role in ROLES {
        for peer_closes in [false, true] {
            let mut pair = open(Some(1000));
            pair.side(role).writes = Split::Every(777);
            for size in [5, 200_000, 10] {
                pair.side(role).session.send(pattern(size), START).unwrap();
            }
            let closer = if peer_closes { other(role) } else { role };
            pair.side(closer).session.close(CloseCode::GOING_AWAY, START).unwrap();
            pair.run_to_the_end();
            let sizes: Vec<_> = pair.side(other(role)).messages().iter().map(|m| m.len()).collect();
            assert_eq!(sizes, [5, 200_000, 10], "{role:?}, {peer_closes}");
            let last = frames(&pair.side(role).written).pop().unwrap();
            assert_eq!(last, (0x88, 2));
            for role in ROLES {
                let report = pair.side(role).report();
                assert!(report.clean && report.dropped == Default::default(), "{report}");
                assert_eq!(report.code, 1001);
            }
        }
    }
}

#[test]
fn what_could_not_leave_is_counted() {
    for role in ROLES {
        // Each of the seven frames of a client has a masking key.
        let mask = if role == Role::Client { 4 } else { 0 };
        let first = 7 + mask;
        let total = first + 2500 + 3 * (4 + mask) + 3 * (2 + mask) + 15;
        for (left, messages) in [(0, 3), (first - 1, 3), (first, 2), (total - 17 - mask, 1)] {
            let mut pair = open(Some(1000));
            let side = pair.side(role);
            side.session.send("12345", START).unwrap();
            side.session.send(pattern(2500), START).unwrap();
            side.session.send_fragment("abc", false, START).unwrap();
            side.session.send_fragment("de", true, START).unwrap();
            side.session.send_fragment("unfinished", false, START).unwrap();
            assert_eq!(side.session.pending_output(), total);
            side.session.handle_flushed(left, START);
            side.session.abort(START);
            side.poll(&mut [], START);
            let report = side.report();
            assert_eq!(report.dropped.messages, messages, "{role:?}, {left} left");
            assert_eq!(report.dropped.bytes, (total - left) as u64, "{role:?}, {left} left");
            assert_eq!(side.session.pending_output(), 0);
            assert!(!side.session.has_output());
        }
    }
}

#[test]
fn the_close_deadline_bounds_a_backlog() {
    for role in ROLES {
        let mut pair = open(Some(1000));
        for _ in 0..10 {
            pair.side(role).session.send(pattern(30_000), START).unwrap();
        }
        pair.side(role).blocked = true;
        pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
        pair.run_to_the_end();
        let report = pair.side(role).report();
        assert_eq!(report.cause, Cause::CloseTimeout, "{report}");
        assert_eq!(report.dropped.messages, 10);
        assert!((300_000..310_000).contains(&report.dropped.bytes), "{report}");
        assert_eq!(report.evidence.ended, START + Duration::from_secs(5));
        assert!(report.local_close.is_some_and(|close| !close.flushed));
    }
}

#[test]
fn a_peer_that_breaks_a_rule_still_gets_what_was_accepted() {
    for role in ROLES {
        let mut pair = open(Some(1000));
        pair.side(role).session.send(pattern(200_000), START).unwrap();
        pair.side(role).poll(&mut [0xff, 0xff], START);
        assert_eq!(pair.side(role).session.phase(), Phase::Lingering);
        pair.run_to_the_end();
        assert_eq!(pair.side(other(role)).messages()[0].as_bytes(), pattern(200_000));
        assert_eq!(pair.side(other(role)).report().code, 1002);
        let report = pair.side(role).report();
        assert!(matches!(report.cause, Cause::Violation { offset: 0, .. }), "{report}");
        assert_eq!(report.dropped, Default::default());
    }
}

#[test]
fn a_stall_is_timed_from_the_send_that_met_it() {
    type Queue = fn(&mut Session, Timestamp);
    let queues: [Queue; 4] = [
        |session, now| session.send("x", now).unwrap(),
        |session, now| session.send(Prepared::new(pattern(500)), now).unwrap(),
        |session, now| session.send_fragment("x", false, now).unwrap(),
        |session, now| session.ping(b"x", now).unwrap(),
    ];
    for role in ROLES {
        for queue in queues {
            let mut settings = Config::default();
            settings.heartbeat = None;
            let mut pair = Pair::open(settings.clone(), settings);
            let later = START + Duration::from_secs(3600);
            let session = &mut pair.side(role).session;
            queue(session, later);
            let stalled = later + Duration::from_secs(30);
            assert_eq!(session.next_timer(), Some((stalled, Timer::WriteStall)));
        }
    }
}

#[test]
fn a_stall_counts_what_is_not_framed_yet() {
    for role in ROLES {
        let mut settings = config(Some(1000));
        settings.heartbeat = None;
        let mut pair = Pair::open(settings.clone(), settings);
        let end = pair.side(role);
        end.session.send(pattern(5000), START).unwrap();
        assert!(end.session.has_output());
        let stalled = end.session.poll_timeout().expect("output is pending");
        end.session.handle_timeout(stalled);
        end.poll(&mut [], stalled);
        let report = end.report();
        assert_eq!(report.cause, Cause::WriteStalled { pending: report.dropped.bytes });
        assert!(report.dropped.bytes > 5000 && report.dropped.messages == 1, "{report}");
    }
}

#[test]
fn a_prepared_message_is_shared_by_servers_and_masked_by_clients() {
    for (size, fragment_size) in [(10, None), (5000, None), (5000, Some(1000)), (0, None)] {
        let payload = pattern(size);
        let prepared = Prepared::new(&payload[..]);
        for role in ROLES {
            let mut pair = open(fragment_size);
            for _ in 0..3 {
                pair.side(role).session.send(&prepared, START).unwrap();
                pair.side(role).session.send("between", START).unwrap();
            }
            let range = prepared.payload().as_ptr_range();
            let output = pair.side(role).session.output();
            let mut slices = [std::io::IoSlice::new(&[]); 64];
            let count = output.chunks_vectored(&mut slices);
            let shared = slices[..count].iter().any(|slice| {
                let at = slice.as_ptr_range();
                at.start <= range.start && at.end >= range.end && size > 0
            });
            assert_eq!(shared, role == Role::Server && size == 5000 && fragment_size.is_none());
            pair.run();
            let received = pair.side(other(role)).messages();
            assert_eq!(received.len(), 6);
            for pair in received.chunks(2) {
                assert_eq!(pair[0].as_bytes(), payload, "{role:?}");
                assert_eq!(pair[1].as_text(), Some("between"));
            }
        }
    }
}

/// The verbs of the sockets: where nothing waits, they do not differ.
#[test]
fn every_name_for_queueing_does_the_same() {
    type Queue = fn(&mut Session, Timestamp) -> Result<(), SendError>;
    let message = "x".repeat(2000);
    let verbs: [[Queue; 2]; 3] = [
        [|to, now| Ok(to.send("x".repeat(2000), now)?), |to, now| to.close(CloseCode::NORMAL, now)],
        [
            |to, now| Ok(to.feed("x".repeat(2000), now)?),
            |to, now| to.queue_close(CloseCode::NORMAL, now),
        ],
        [
            |to, now| Ok(to.try_feed("x".repeat(2000), now)?),
            |to, now| to.queue_close(CloseCode::NORMAL, now),
        ],
    ];
    for role in ROLES {
        for [queue, close] in verbs {
            let mut pair = open(Some(1000));
            let session = &mut pair.side(role).session;
            assert_eq!(queue(session, START), Ok(()));
            assert_eq!(close(session, START), Ok(()));
            assert_eq!(queue(session, START), Err(SendError::Closing));
            assert_eq!(close(session, START), Err(SendError::Closing));
            pair.run_to_the_end();
            let peer = pair.side(other(role));
            assert_eq!(peer.messages(), [&Message::from(&*message)]);
            assert!(peer.report().clean);
        }
    }
}

#[test]
fn a_message_of_unknown_length_is_streamed() {
    for role in ROLES {
        let mut pair = open(Some(1000));
        let session = &mut pair.side(role).session;
        session.send(pattern(3000), START).unwrap();
        session.send_fragment("grü", false, START).unwrap();
        let refused = session.send("x", START).unwrap_err();
        assert_eq!(refused.reason, SendError::FragmentsPending);
        let prepared = Prepared::new("x");
        let refused = session.send(&prepared, START).unwrap_err();
        assert_eq!(refused.reason, SendError::FragmentsPending);
        let binary = &b"binary"[..];
        assert_eq!(session.send_fragment(binary, true, START), Err(SendError::KindMismatch));
        session.send_fragment("x".repeat(5000).as_str(), false, START).unwrap();
        session.ping(b"in between", START).unwrap();
        session.send_fragment("", true, START).unwrap();
        session.send("after", START).unwrap();
        pair.run();
        let received = pair.side(other(role)).messages();
        assert_eq!(received.len(), 3);
        assert_eq!(received[1].as_text(), Some(&*format!("grü{}", "x".repeat(5000))));
    }
}

#[test]
fn a_failed_write_leaves_reading_alone() {
    for role in ROLES {
        let mut pair = open(Some(1000));
        let peer = pair.side(other(role));
        peer.session.send("last words", START).unwrap();
        peer.session.close(CloseCode::GOING_AWAY, START).unwrap();
        let bytes = peer.write(START);
        let side = pair.side(role);
        side.session.send(pattern(100_000), START).unwrap();
        side.session.handle_write_failed(TransportError::Reset, START);
        assert!(!side.session.has_output());
        assert_eq!(side.session.send("x", START).unwrap_err().reason, SendError::WriteFailed);
        side.incoming.extend(bytes);
        side.incoming_end = Some(ReadClosed::Eof);
        while side.read(START) {}
        assert_eq!(side.messages(), [&Message::from("last words")]);
        let report = side.report();
        assert_eq!((report.code, report.clean), (1001, false), "{report}");
        assert_eq!(report.dropped.messages, 1);
        assert!(report.dropped.bytes >= 100_000);
    }
}

#[test]
fn a_message_under_way_is_dropped_with_the_connection() {
    for role in ROLES {
        let mut pair = open(Some(1000));
        pair.side(role).session.send_fragment("never", false, START).unwrap();
        pair.side(role).session.close(CloseCode::NORMAL, START).unwrap();
        pair.run_to_the_end();
        let peer = pair.side(other(role));
        assert!(peer.messages().is_empty());
        assert!(peer.report().truncated_message);
        assert!(matches!(peer.events[0], SessionEvent::CloseReceived));
        assert_eq!(peer.session.phase(), Phase::Ended);
    }
}
