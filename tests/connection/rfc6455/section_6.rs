//! Section 6: sending and receiving data.

use bytes::BytesMut;
use farewell::{MessageKind, ReadClosed, Role, SendError, TransportError};

use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{
    BINARY, BINARY_BEGINS, CLOSE, GOES_ON, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS, frames,
    peer_of, plain, sent_by,
};

#[test]
fn section_6_1_data_is_sent_only_while_the_connection_is_open() {
    //= rfc6455#6.1
    //= type=test
    //# The endpoint MUST ensure the WebSocket connection is in the OPEN
    //# state (cf. Sections 4.1 and 4.2.2.)  If at any point the state of
    //# the WebSocket connection changes, the endpoint MUST abort the
    //# following steps.
    let reset = TransportError::Reset;
    type Change = Box<dyn Fn(&mut Drive)>;
    let changes: [(SendError, Change); 6] = [
        (SendError::Closing, Box::new(|drive| _ = drive.close(1000, ""))),
        (SendError::Closing, Box::new(|drive| _ = drive.peer_closes(1000, ""))),
        (SendError::Closing, Box::new(|drive| _ = drive.peer_sends(&[(0x83, b"")]))),
        (SendError::WriteFailed, Box::new(move |drive| _ = drive.write_failed(reset))),
        (SendError::Ended, Box::new(|drive| _ = drive.read_closed(ReadClosed::Eof))),
        (SendError::Ended, Box::new(|drive| _ = drive.abort())),
    ];
    for (error, change) in changes {
        for role in ROLES {
            let mut drive = Drive::new(role, quiet());
            change(&mut drive);
            let mut out = BytesMut::new();
            assert_eq!(drive.connection.send("late", &mut out, drive.now), Err(error));
            assert!(out.is_empty());
        }
    }
}

#[test]
fn section_6_1_the_first_frame_says_what_the_data_is_and_the_last_one_that_it_ends() {
    //= rfc6455#6.1
    //= type=test
    //# an endpoint MUST perform the following steps.
    //= rfc6455#6.1
    //= type=test
    //# An endpoint MUST encapsulate the /data/ in a WebSocket frame as
    //# defined in Section 5.2.
    //= rfc6455#6.1
    //= type=test
    //# The opcode (frame-opcode) of the first frame containing the data
    //# MUST be set to the appropriate value from Section 5.2 for data
    //# that is to be interpreted by the recipient as text or binary
    //# data.
    //= rfc6455#6.1
    //= type=test
    //# The FIN bit (frame-fin) of the last frame containing the data
    //# MUST be set to 1 as defined in Section 5.2.
    //= rfc6455#6.1
    //= type=test
    //# If the data is being sent by the client, the frame(s) MUST be
    //# masked as defined in Section 5.3.
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let mut out = BytesMut::new();
        let now = drive.now;
        let connection = &mut drive.connection;
        connection.send("text", &mut out, now).unwrap();
        connection.send(b"bytes", &mut out, now).unwrap();
        connection.send_fragment("te", false, &mut out, now).unwrap();
        connection.send_fragment("xt", true, &mut out, now).unwrap();
        connection.send_fragment(b"by", false, &mut out, now).unwrap();
        connection.send_fragment(b"tes", true, &mut out, now).unwrap();
        connection.send_fragment("whole", true, &mut out, now).unwrap();
        let firsts: Vec<_> = plain(&out).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [TEXT, BINARY, TEXT_BEGINS, LAST, BINARY_BEGINS, LAST, TEXT]);
        let masked = role == Role::Client;
        assert!(frames(&out).iter().all(|frame| frame.mask.is_some() == masked));
    }
}

#[test]
fn section_6_1_a_payload_written_by_the_caller_is_framed_and_masked_alike() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let payload: Vec<u8> = (0..200).collect();
        let kind = MessageKind::Binary;
        let head = drive.connection.begin_frame(kind, 200, true, drive.now).unwrap();
        let mut wire = head.bytes().to_vec();
        assert_eq!(drive.connection.pending_output(), (wire.len() + payload.len()) as u64);
        let mut masked = payload.clone();
        if let Some(key) = head.mask() {
            // In two pieces, the second from an offset that is no multiple of four.
            farewell::apply_mask(&mut masked[..77], key);
            farewell::apply_mask_at(&mut masked[77..], key, 77);
        }
        wire.extend(masked);
        assert_eq!(plain(&wire), [(BINARY, payload)]);
        assert_eq!(frames(&wire)[0].mask.is_some(), role == Role::Client);
    }
}

#[test]
fn section_6_2_a_message_has_the_type_of_its_first_frame() {
    //= rfc6455#6.2
    //= type=test
    //# Incoming data MUST be parsed as WebSocket frames
    //# as defined in Section 5.2.
    //= rfc6455#6.2
    //= type=test
    //# Upon
    //# receiving a data frame (Section 5.6), the endpoint MUST note the
    //# /type/ of the data as defined by the opcode (frame-opcode) from
    //# Section 5.2.
    //= rfc6455#6.2
    //= type=test
    //# Subsequent data frames MUST be interpreted as belonging to a new
    //# WebSocket message.
    //= rfc6455#6.2
    //= type=test
    //# A server MUST remove masking for data frames received from a client
    //# as described in Section 5.3.
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.peer_sends(&[(TEXT_BEGINS, b"a"), (LAST, b"b"), (BINARY_BEGINS, b"c"), (LAST, b"d")]);
        drive.peer_sends(&[(TEXT, b""), (BINARY, b"")]);
        let whole = |kind, bytes: &[u8]| Seen::Data {
            kind,
            first: true,
            last: true,
            bytes: bytes.to_vec(),
        };
        let (text, binary) = (MessageKind::Text, MessageKind::Binary);
        let expected =
            [whole(text, b"ab"), whole(binary, b"cd"), whole(text, b""), whole(binary, b"")];
        assert_eq!(drive.log, expected, "{}", drive.wires());
        let received = drive.connection.evidence().received;
        assert_eq!((received.messages, received.frames), (4, 6));
    }
}

#[test]
fn section_6_2_a_control_frame_is_handled_wherever_it_comes() {
    //= rfc6455#6.2
    //= type=test
    //# If a control frame (Section 5.5) is
    //# received, the frame MUST be handled as defined by Section 5.5.
    let (kind, bytes) = (MessageKind::Text, b"abc".to_vec());
    let controls: [(u8, &[u8], Seen, Vec<(u8, Vec<u8>)>); 3] = [
        (PING, b"p", Seen::Ping(b"p".to_vec()), vec![(PONG, b"p".to_vec())]),
        (PONG, b"q", Seen::Pong(b"q".to_vec()), vec![]),
        (
            CLOSE,
            b"\x03\xe8r",
            Seen::Close(1000, "r".to_owned()),
            vec![(CLOSE, b"\x03\xe8r".to_vec())],
        ),
    ];
    for (first, payload, seen, answer) in controls {
        let whole = Seen::Data { kind, first: true, last: true, bytes: bytes.clone() };
        let begun = Seen::Data { kind, first: true, last: false, bytes: b"ab".to_vec() };
        let places: [(&[(u8, &[u8])], Vec<Seen>); 3] = [
            (&[], vec![]),
            (&[(TEXT, b"abc")], vec![whole]),
            (&[(TEXT_BEGINS, b"a"), (GOES_ON, b"b")], vec![begun]),
        ];
        for (before, mut expected) in places {
            expected.push(seen.clone());
            let frames = [before, &[(first, payload)]].concat();
            for role in ROLES {
                let wire = sent_by(peer_of(role), &frames);
                for size in [1, 3, wire.len()] {
                    let mut drive = Drive::new(role, quiet());
                    wire.chunks(size).for_each(|piece| _ = drive.receive(piece));
                    assert_eq!(drive.log, expected, "{}", drive.wires());
                    assert_eq!(plain(&drive.output), answer, "{}", drive.wires());
                }
            }
        }
    }
}
