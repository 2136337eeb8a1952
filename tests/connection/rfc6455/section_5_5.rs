//! Section 5.5: control frames; 5.5.1 Close, 5.5.2 Ping, 5.5.3 Pong.

use bytes::BytesMut;
use farewell::{CloseCode, CloseFrame, Phase, SendError, Violation};

use super::failing::fails;
use crate::support::drive::{Drive, Step, quiet, reason, secs};
use crate::support::oracle::Seen;
use crate::support::wire::{
    BINARY_BEGINS, CLOSE, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS, close_body, mask_of, peer_of,
    plain, sent_by,
};

fn drives() -> impl Iterator<Item = Drive> {
    ROLES.into_iter().map(|role| Drive::new(role, quiet()))
}

#[test]
fn a_control_frame_has_at_most_125_bytes() {
    //= rfc6455#5.5
    //= type=test
    //# All control frames MUST have a payload length of 125 bytes or less
    //# and MUST NOT be fragmented.
    for role in ROLES {
        let sender = peer_of(role);
        for first in [CLOSE, PING, PONG] {
            for payload in [&[b'x'; 126][..], &[b'x'; 70_000]] {
                fails(role, &sent_by(sender, &[(first, payload)]), Violation::ControlTooLong, 1);
            }
            // The second byte is enough.
            let masked = if mask_of(sender).is_some() { 0x80 } else { 0 };
            fails(role, &[first, masked | 126], Violation::ControlTooLong, 1);
            fails(role, &[first, masked | 127], Violation::ControlTooLong, 1);
        }
    }
    for mut drive in drives() {
        let longest = [b'x'; 125];
        drive.peer_sends(&[(PING, &longest), (PONG, &longest)]);
        drive.peer_closes(1000, &"x".repeat(123));
        assert_eq!(drive.log.len(), 3, "{}", drive.wires());
    }
}

#[test]
fn a_control_frame_of_more_than_125_bytes_is_not_sent() {
    for mut drive in drives() {
        let mut out = BytesMut::new();
        let refused = drive.connection.ping(&[0; 126], &mut out, drive.now);
        assert_eq!(refused, Err(SendError::ControlTooLong { len: 126 }));
        assert!(out.is_empty());
        drive.connection.ping(&[0; 125], &mut out, drive.now).unwrap();
        assert!(CloseFrame::new(CloseCode::NORMAL, &"x".repeat(124)).is_err());
        drive.close(1000, &"x".repeat(123));
        assert_eq!(plain(&drive.output)[0].1.len(), 125);
    }
}

#[test]
fn section_5_5_1_a_body_begins_with_a_code() {
    //= rfc6455#5.5.1
    //= type=test
    //# If there is a body, the first two bytes of
    //# the body MUST be a 2-byte unsigned integer (in network byte order)
    //# representing a status code with value /code/ defined in Section 7.4.
    for mut drive in drives() {
        drive.close(4660, "why");
        assert_eq!(plain(&drive.output), [(CLOSE, b"\x12\x34why".to_vec())]);
        drive.peer_sends(&[(CLOSE, b"\x0b\xb8because")]);
        assert_eq!(drive.log, [Seen::Close(3000, "because".to_owned())]);
    }
    for role in ROLES {
        let wire = sent_by(peer_of(role), &[(CLOSE, b"\x03")]);
        let payload = wire.len() as u64 - 1;
        fails(role, &wire, Violation::CloseBodyTooShort, payload);
    }
}

#[test]
fn section_5_5_1_no_data_follows_our_close() {
    //= rfc6455#5.5.1
    //= type=test
    //# The application MUST NOT send any more data frames after sending a
    //# Close frame.
    let endings: [(&str, Step); 3] = [
        ("we close", |drive| _ = drive.close(1000, "")),
        ("the peer closes", |drive| _ = drive.peer_closes(1000, "")),
        ("we fail it", |drive| _ = drive.peer_sends(&[(0x83, b"")])),
    ];
    for (name, end) in endings {
        for blocked in [true, false] {
            for mut drive in drives() {
                drive.flushing = !blocked;
                let mut begun = BytesMut::new();
                drive.connection.send_fragment("begun", false, &mut begun, drive.now).unwrap();
                drive.output.extend_from_slice(&begun);
                end(&mut drive);
                let mut out = BytesMut::new();
                let now = drive.now;
                let connection = &mut drive.connection;
                let kind = farewell::MessageKind::Text;
                let refused = [
                    connection.send("x", &mut out, now),
                    connection.send_fragment("x", true, &mut out, now),
                    connection.begin_frame(kind, 1, true, now).map(|_| ()),
                    connection.ping(b"", &mut out, now),
                    connection.close(CloseCode::NORMAL, now),
                ];
                assert_eq!(refused, [Err(SendError::Closing); 5], "{name}");
                assert!(out.is_empty(), "{name}");
                let frames = plain(&drive.unblock().output);
                assert_eq!(frames.last().expect("a Close").0, CLOSE, "{name}");
                assert_eq!(frames.len(), 2, "{name}");
            }
        }
    }
}

#[test]
fn section_5_5_1_a_close_is_answered_with_its_code_and_reason() {
    //= rfc6455#5.5.1
    //= type=test
    //# If an endpoint receives a Close frame and did not previously send a
    //# Close frame, the endpoint MUST send a Close frame in response.  (When
    //# sending a Close frame in response, the endpoint typically echos the
    //# status code it received.)
    for mut drive in drives() {
        drive.peer_closes(4321, "a reason is echoed");
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(4321, "a reason is echoed"))]);
    }
    let longest = "\u{e4}".repeat(61) + "!";
    for mut drive in drives() {
        drive.peer_closes(4321, &longest);
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(4321, &longest))]);
    }
    for mut drive in drives() {
        drive.peer_sends(&[(CLOSE, b"")]);
        assert_eq!(plain(&drive.output), [(CLOSE, Vec::new())], "nothing for nothing");
    }
    for mut drive in drives() {
        drive.close(1000, "").peer_closes(4321, "");
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(1000, ""))], "only one Close");
    }
}

#[test]
fn section_5_5_1_both_closes_end_the_connection() {
    //= rfc6455#5.5.1
    //= type=test
    //# After both sending and receiving a Close message, an endpoint
    //# considers the WebSocket connection closed and MUST close the
    //# underlying TCP connection.  The server MUST close the underlying TCP
    //# connection immediately; the client SHOULD wait for the server to
    //# close the connection but MAY close the connection at any time after
    //# sending and receiving a Close message, e.g., if it has not received a
    //# TCP Close from the server in a reasonable time period.
    for mut drive in drives() {
        drive.close(1000, "").expect_phase(Phase::CloseSent);
        assert!(!drive.connection.wants_shutdown(), "the peer's Close has not come");
        drive.peer_closes(1000, "").expect_phase(Phase::Lingering);
        let server = drive.role == farewell::Role::Server;
        assert_eq!(drive.connection.wants_shutdown(), server);
        let report = drive.wait(secs(2)).report();
        assert!(report.clean, "a reasonable time is over");
        assert!(drive.connection.wants_shutdown());
    }
    //= rfc6455#5.5.1
    //= type=test
    //# If a client and server both send a Close message at the same time,
    //# both endpoints will have sent and received a Close message and should
    //# consider the WebSocket connection closed and close the underlying TCP
    //# connection.
    for mut drive in drives() {
        drive.block().close(1000, "").peer_closes(1001, "").unblock();
        assert!(drive.expect_phase(Phase::Lingering).eof().report().clean);
    }
}

#[test]
fn section_5_5_2_a_ping_is_answered_unless_a_close_has_come() {
    //= rfc6455#5.5.2
    //= type=test
    //# Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
    //# response, unless it already received a Close frame.
    for mut drive in drives() {
        drive.peer_sends(&[(PING, b"1"), (TEXT, b"x"), (PING, b"")]).close(1000, "");
        drive.peer_sends(&[(PING, b"2")]).peer_closes(1000, "").peer_sends(&[(PING, b"3")]);
        let frames = plain(&drive.output);
        let pongs: Vec<_> = frames.iter().filter(|frame| frame.0 == PONG).collect();
        let expected = [&b"1"[..], b"", b"2"].map(|payload| (PONG, payload.to_vec()));
        assert_eq!(pongs, expected.iter().collect::<Vec<_>>(), "{}", drive.wires());
    }
}

#[test]
fn section_5_5_3_a_pong_repeats_the_ping() {
    //= rfc6455#5.5.3
    //= type=test
    //# A Pong frame sent in response to a Ping frame must have identical
    //# "Application data" as found in the message body of the Ping frame
    //# being replied to.
    for len in 0..=125 {
        for mut drive in drives() {
            let payload: Vec<u8> = (0..len).map(|index| index * 2 + 1).collect();
            drive.peer_sends(&[(PING, &payload)]);
            assert_eq!(plain(&drive.output), [(PONG, payload)]);
        }
    }
}

#[test]
fn section_5_5_3_only_the_latest_of_many_pings_need_be_answered() {
    //= rfc6455#5.5.3
    //= type=test
    //# If an endpoint receives a Ping frame and has not yet sent Pong
    //# frame(s) in response to previous Ping frame(s), the endpoint MAY
    //# elect to send a Pong frame for only the most recently processed Ping
    //# frame.
    for mut drive in drives() {
        let pings: Vec<_> = (0..1_000_u16)
            .flat_map(|index| sent_by(drive.peer(), &[(PING, &index.to_be_bytes())]))
            .collect();
        let mut bytes = pings.clone();
        let mut input = &mut bytes[..];
        let mut count = 0;
        while drive.connection.poll_event(&mut input, drive.now).is_some() {
            count += 1;
        }
        assert_eq!(count, 1_000);
        drive.receive(b"");
        assert_eq!(plain(&drive.output), [(PONG, 999_u16.to_be_bytes().to_vec())]);
    }
}

#[test]
fn section_5_5_3_a_ping_is_answered_until_the_next_one_is_whole() {
    for mut drive in drives() {
        let long = [b'x'; 125];
        let mut bytes = sent_by(drive.peer(), &[(PING, b"first"), (PING, &long)]);
        let (early, late) = bytes.split_at_mut(40);
        let mut input = early;
        while drive.connection.poll_event(&mut input, drive.now).is_some() {}
        drive.receive(b"");
        assert_eq!(plain(&drive.output), [(PONG, b"first".to_vec())]);
        drive.receive(late);
        assert_eq!(plain(&drive.output), [(PONG, b"first".to_vec()), (PONG, long.to_vec())]);
    }
}

#[test]
fn section_5_5_3_an_unsolicited_pong_asks_for_nothing() {
    //= rfc6455#5.5.3
    //= type=test
    //# A Pong frame MAY be sent unsolicited.  This serves as a
    //# unidirectional heartbeat.  A response to an unsolicited Pong frame is
    //# not expected.
    for mut drive in drives() {
        drive.peer_sends(&[(PONG, b""), (TEXT_BEGINS, b"a"), (PONG, b"12345678"), (LAST, b"b")]);
        assert!(drive.output.is_empty());
        assert_eq!(drive.log.len(), 4);
    }
}

#[test]
fn a_close_in_the_middle_of_our_own_message_goes_out() {
    //= rfc6455#5.5
    //= type=test
    //# Control frames can be interjected in the middle of a fragmented
    //# message.
    for mut drive in drives() {
        let mut out = BytesMut::new();
        drive.connection.send_fragment(b"part", false, &mut out, drive.now).unwrap();
        drive.output.extend_from_slice(&out);
        drive.peer_sends(&[(PING, b"p")]);
        drive.connection.close(reason(1001, ""), drive.now).unwrap();
        drive.receive(b"");
        let firsts: Vec<_> = plain(&drive.output).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [BINARY_BEGINS, PONG, CLOSE]);
    }
}
