//! Section 6: RSV1, and what it may be set on.

use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{Message, Role, Seed, Session, Violation};

use super::ends::{
    RSV1, check_failure, config, fails, hears, in_every_split, no_takeover, receive, session,
};
use crate::support::pair::START;
use crate::support::split::Split;
use crate::support::wire::{
    BINARY, CLOSE, GOES_ON, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS, close_body, peer_of,
    sent_by,
};

const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

//= rfc7692#6.1
//= type=test
//# An endpoint MUST NOT set the "Per-Message Compressed" bit of control
//# frames and non-first fragments of a data message.  An endpoint
//# receiving such a frame MUST _Fail the WebSocket Connection_.
#[test]
fn rsv1_belongs_on_the_first_frame_of_a_message() {
    let close = close_body(1000, "");
    let cases: [(&[(u8, &[u8])], usize); 7] = [
        (&[(PING | RSV1, b"")], 0),
        (&[(PONG | RSV1, b"?")], 0),
        (&[(CLOSE | RSV1, &close)], 0),
        (&[(TEXT_BEGINS | RSV1, &HELLO[..3]), (LAST | RSV1, &HELLO[3..])], 1),
        (&[(TEXT_BEGINS | RSV1, &HELLO[..3]), (GOES_ON | RSV1, &HELLO[3..])], 1),
        (&[(TEXT_BEGINS, b"Hel"), (LAST | RSV1, b"lo")], 1),
        (&[(TEXT_BEGINS | RSV1, &HELLO[..3]), (PING | RSV1, b""), (LAST, &HELLO[3..])], 1),
    ];
    for role in ROLES {
        for (frames, wrong) in cases {
            let wire = sent_by(peer_of(role), frames);
            let offset = sent_by(peer_of(role), &frames[..wrong]).len();
            let rule = Violation::CompressedBit;
            fails(role, DeflateParams::default(), config(), &wire, rule, offset);
        }
    }
}

#[test]
fn without_negotiation_no_reserved_bit_may_be_set() {
    for role in ROLES {
        for first in [TEXT | RSV1, BINARY | RSV1, TEXT_BEGINS | RSV1, PING | RSV1] {
            let wire = sent_by(peer_of(role), &[(first, HELLO)]);
            let plain = || {
                let seed = Seed::new([9; 32]);
                Session::upgraded(role, Negotiated::default(), config(), seed, START)
            };
            let seen = in_every_split(plain, &wire);
            check_failure(role, &wire, &seen, Violation::ReservedBits, 0);
        }
    }
}

#[test]
fn the_other_reserved_bits_stay_reserved() {
    for role in ROLES {
        for rsv in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
            let wire = sent_by(peer_of(role), &[(TEXT | rsv, HELLO)]);
            let params = DeflateParams::default();
            fails(role, params, config(), &wire, Violation::ReservedBits, 0);
        }
    }
}

//= rfc7692#6
//= type=test
//# A message with the "Per-Message Compressed" bit unset on the first
//# fragment of the message is called an "uncompressed message".
#[test]
fn both_sorts_of_messages_may_be_mixed_and_fragmented() {
    for role in ROLES {
        for params in [DeflateParams::default(), no_takeover()] {
            let wire = sent_by(
                peer_of(role),
                &[
                    (TEXT, b"plain"),
                    (TEXT_BEGINS | RSV1, &HELLO[..1]),
                    (PING, b"between"),
                    (GOES_ON, b""),
                    (GOES_ON, &HELLO[1..6]),
                    (PONG, b""),
                    (LAST, &HELLO[6..]),
                    (TEXT_BEGINS, b"pl"),
                    (LAST, b"ain"),
                    (BINARY | RSV1, HELLO),
                    (BINARY, b""),
                ],
            );
            let expected = [
                "plain".into(),
                "Hello".into(),
                "plain".into(),
                Message::from(b"Hello"),
                Message::from(b""),
            ];
            hears(role, params, &wire, &expected);
        }
    }
}

#[test]
fn a_plain_message_is_lent_on_a_compressed_connection_too() {
    let wire = sent_by(Role::Server, &[(TEXT, b"plain"), (BINARY, &[7; 300])]);
    let mut client = session(Role::Client, DeflateParams::default(), config());
    let mut bytes = wire.clone();
    let memory = bytes.as_ptr_range();
    let mut input = &mut bytes[..];
    let mut lent = 0;
    while let Some(farewell::SessionEvent::Message(message)) = client.poll_event(&mut input, START)
    {
        assert!(memory.contains(&message.as_bytes().as_ptr()));
        lent += 1;
    }
    assert_eq!(lent, 2);
}

#[test]
fn a_large_plain_message_is_read_directly_and_a_compressed_one_never() {
    let large = vec![7; 200_000];
    for first in [BINARY, BINARY | RSV1] {
        // Cut into blocks without compression, so that it is as large.
        let payload = if first == BINARY {
            large.clone()
        } else {
            let blocks = large
                .chunks(50_000)
                .fold(super::bits::Bits::new(), |bits, chunk| bits.stored(false, chunk));
            blocks.message()
        };
        let wire = sent_by(Role::Server, &[(first, &payload)]);
        let mut client = session(Role::Client, DeflateParams::default(), config());
        let mut bytes = wire[..100_000].to_vec();
        assert!(client.poll_event(&mut &mut bytes[..], START).is_none());
        assert_eq!(client.spare_mut().is_empty(), first != BINARY);
        client.handle_filled(if first == BINARY { 0 } else { 1000 }, START);
        let seen = receive(client, &wire[100_000..], Split::Every(3000), true);
        assert_eq!(seen.messages, [Message::from(large.clone())]);
    }
}

//= rfc7692#6.1
//= type=test
//# PMCEs do not change the opcode field.  The opcode of the first frame
//# of a compressed message indicates the opcode of the original message.
#[test]
fn text_that_is_none_is_refused_after_inflating() {
    let cases: [(&[u8], Violation); 4] = [
        (b"\xff", Violation::InvalidUtf8),
        (b"ab\xc3(", Violation::InvalidUtf8),
        (b"ab\xc3", Violation::InvalidUtf8),
        (b"\xed\xa0\x80", Violation::InvalidUtf8),
    ];
    for role in ROLES {
        for (text, rule) in cases {
            let payload = super::bits::Bits::new().fixed(false).literals(text).end().message();
            let wire = sent_by(peer_of(role), &[(TEXT | RSV1, &payload), (TEXT, b"late")]);
            let offset = if role == Role::Server { 6 } else { 2 };
            fails(role, DeflateParams::default(), config(), &wire, rule, offset);
            let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &payload)]);
            hears(role, DeflateParams::default(), &wire, &[Message::from(text)]);
        }
    }
}

#[test]
fn text_is_validated_as_it_comes_out() {
    let payload = super::bits::Bits::new().fixed(false).literals(b"ab\xff").bytes();
    let wire = sent_by(Role::Server, &[(TEXT_BEGINS | RSV1, &payload), (GOES_ON, b"")]);
    // The message has not ended, and the last bits of the bad byte are not followed by any.
    let offset = 2;
    let rule = Violation::InvalidUtf8;
    fails(Role::Client, DeflateParams::default(), config(), &wire, rule, offset);
}
