//! Section 5.4: fragmentation.

use bytes::BytesMut;
use farewell::{MessageKind, SendError, Violation};

use super::failing::fails;
use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{
    BINARY, BINARY_BEGINS, GOES_ON, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS, peer_of, plain,
    sent_by,
};

fn data(kind: MessageKind, first: bool, last: bool, bytes: &[u8]) -> Seen {
    Seen::Data { kind, first, last, bytes: bytes.to_vec() }
}

fn whole(kind: MessageKind, bytes: &[u8]) -> Seen {
    data(kind, true, true, bytes)
}

#[test]
fn fragmented_and_unfragmented_messages_are_received_alike() {
    //= rfc6455#5.4
    //= type=test
    //# Clients and servers MUST support receiving both fragmented and
    //# unfragmented messages.
    let wires: [&[(u8, &[u8])]; 6] = [
        &[(TEXT, b"Hello, world")],
        &[(TEXT_BEGINS, b"Hello, "), (LAST, b"world")],
        &[(TEXT_BEGINS, b""), (GOES_ON, b"Hello, wor"), (LAST, b"ld")],
        &[(TEXT_BEGINS, b"Hello, world"), (LAST, b"")],
        &[(TEXT_BEGINS, b"Hello"), (GOES_ON, b""), (GOES_ON, b", "), (LAST, b"world")],
        &[(TEXT_BEGINS, b""), (GOES_ON, b""), (LAST, b"Hello, world")],
    ];
    for role in ROLES {
        for wire in wires {
            let mut drive = Drive::new(role, quiet());
            drive.peer_sends(wire).peer_sends(&[(BINARY, b"next")]);
            let (text, binary) = (MessageKind::Text, MessageKind::Binary);
            let expected = [whole(text, b"Hello, world"), whole(binary, b"next")];
            assert_eq!(drive.log, expected, "{}", drive.wires());
        }
    }
}

#[test]
fn fragments_arrive_in_the_order_in_which_they_were_sent() {
    //= rfc6455#5.4
    //= type=test
    //# Message fragments MUST be delivered to the recipient in the order
    //# sent by the sender.
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let pieces: Vec<Vec<u8>> = (0..200_u8).map(|index| vec![index; 3]).collect();
        drive.peer_sends(&[(BINARY_BEGINS, b"")]);
        for piece in &pieces {
            drive.peer_sends(&[(GOES_ON, piece)]);
        }
        drive.peer_sends(&[(LAST, b"")]);
        assert_eq!(drive.log, [whole(MessageKind::Binary, &pieces.concat())]);
    }
}

#[test]
fn messages_are_not_interleaved() {
    //= rfc6455#5.4
    //= type=test
    //# The fragments of one message MUST NOT be interleaved between the
    //# fragments of another message unless an extension has been
    //# negotiated that can interpret the interleaving.
    for role in ROLES {
        let sender = peer_of(role);
        let begun = sent_by(sender, &[(TEXT_BEGINS, b"a"), (PING, b""), (GOES_ON, b"b")]);
        for next in [TEXT, BINARY, TEXT_BEGINS, BINARY_BEGINS] {
            let wire = [begun.clone(), sent_by(sender, &[(next, b"x")])].concat();
            fails(role, &wire, Violation::ExpectedContinuation, begun.len() as u64);
        }
    }
}

#[test]
fn a_continuation_needs_something_to_continue() {
    for role in ROLES {
        let sender = peer_of(role);
        let before: [&[(u8, &[u8])]; 3] =
            [&[], &[(TEXT, b"whole")], &[(TEXT_BEGINS, b"a"), (LAST, b"b"), (PONG, b"")]];
        for frames in before {
            for next in [GOES_ON, LAST] {
                let before = sent_by(sender, frames);
                let wire = [before.clone(), sent_by(sender, &[(next, b"x")])].concat();
                fails(role, &wire, Violation::UnexpectedContinuation, before.len() as u64);
            }
        }
    }
}

#[test]
fn control_frames_are_handled_between_fragments() {
    //= rfc6455#5.4
    //= type=test
    //# An endpoint MUST be capable of handling control frames in the
    //# middle of a fragmented message.
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.peer_sends(&[(TEXT_BEGINS, b"Hel"), (PING, b"1"), (PONG, b"2"), (LAST, b"lo")]);
        let text = MessageKind::Text;
        let expected = [
            data(text, true, false, b"Hel"),
            Seen::Ping(b"1".to_vec()),
            Seen::Pong(b"2".to_vec()),
            data(text, false, true, b"lo"),
        ];
        assert_eq!(drive.log, expected, "{}", drive.wires());
        assert_eq!(plain(&drive.output), [(PONG, b"1".to_vec())], "at once");
    }
}

#[test]
fn control_frames_are_not_fragmented() {
    //= rfc6455#5.4
    //= type=test
    //# Control frames themselves MUST NOT be
    //# fragmented.
    for role in ROLES {
        for first in [0x08, 0x09, 0x0a] {
            let wire = sent_by(peer_of(role), &[(first, b"part")]);
            fails(role, &wire, Violation::FragmentedControl, 0);
        }
    }
}

#[test]
fn fragments_are_sent_as_one_message_of_one_type() {
    //= rfc6455#5.4
    //= type=test
    //# the type for all fragments in
    //# a message MUST be either text, binary, or one of the reserved
    //# opcodes.
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let mut out = BytesMut::new();
        let now = drive.now;
        let connection = &mut drive.connection;
        connection.send_fragment("one", false, &mut out, now).unwrap();
        let written = out.len();
        let other_kind = connection.send_fragment(b"binary", false, &mut out, now);
        assert_eq!(other_kind, Err(SendError::KindMismatch));
        let head = connection.begin_frame(MessageKind::Binary, 3, true, now);
        assert_eq!(head.err(), Some(SendError::KindMismatch));
        let another = connection.send("another", &mut out, now);
        assert_eq!(another, Err(SendError::FragmentsPending));
        assert_eq!(out.len(), written, "a refused command writes nothing");
        assert_eq!(connection.pending_output(), written as u64, "and counts nothing");
        connection.ping(b"", &mut out, now).unwrap();
        connection.send_fragment("two", false, &mut out, now).unwrap();
        connection.send_fragment("", true, &mut out, now).unwrap();
        connection.send(b"next", &mut out, now).unwrap();
        let frames = plain(&out);
        let expected: [(u8, &[u8]); 5] =
            [(TEXT_BEGINS, b"one"), (PING, b""), (GOES_ON, b"two"), (LAST, b""), (BINARY, b"next")];
        assert_eq!(frames, expected.map(|(first, payload)| (first, payload.to_vec())));
    }
}
