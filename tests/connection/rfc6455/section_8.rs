//! Section 8.1: text that is not UTF-8.

use farewell::{MessageKind, Violation};

use super::failing::fails;
use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{
    CLOSE, GOES_ON, LAST, PING, ROLES, TEXT, TEXT_BEGINS, header, mask_of, peer_of, sent_by,
};

/// Bytes that are not UTF-8, and the first of them that shows it.
const BAD: [(&[u8], usize); 14] = [
    (b"\xff", 0),
    (b"\x80", 0),
    (b"\xc0\x80", 0),
    (b"\xc1\xbf", 0),
    (b"\xe0\x9f\xbf", 1),
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"\xed\xa0\x80", 1),
    (b"\xed\xbf\xbf", 1),
    (b"\xf4\x90\x80\x80", 1),
    (b"\xf5\x80\x80\x80", 0),
    (b"\xc3\x28", 1),
    (b"\xe2\x82\x28", 2),
    (b"\xf0\x9f\x98\x28", 3),
    (b"\xe2\x28\xa1", 1),
];

#[test]
fn text_fails_at_its_first_bad_byte() {
    //= rfc6455#8.1
    //= type=test
    //# When an endpoint is to interpret a byte stream as UTF-8 but finds
    //# that the byte stream is not, in fact, a valid UTF-8 stream, that
    //# endpoint MUST _Fail the WebSocket Connection_.
    for role in ROLES {
        let sender = peer_of(role);
        for before in ["", "ascii", "κόσμε \u{10348}", &"long ".repeat(100)] {
            for (bad, at) in BAD {
                let payload = [before.as_bytes(), bad, b"more"].concat();
                let wire = sent_by(sender, &[(TEXT, &payload)]);
                let head = wire.len() - payload.len();
                let offset = (head + before.len() + at) as u64;
                fails(role, &wire, Violation::InvalidUtf8, offset);
                // The bad byte is enough: the rest of the frame need not come.
                let end = offset as usize + 1;
                fails(role, &wire[..end], Violation::InvalidUtf8, offset);
            }
        }
    }
}

#[test]
fn a_character_that_is_cut_by_frames_is_judged_as_one() {
    for role in ROLES {
        let sender = peer_of(role);
        for (bad, at) in BAD {
            let mut frames: Vec<(u8, &[u8])> = vec![(TEXT_BEGINS, b"ok")];
            for byte in bad {
                frames.push((PING, b""));
                frames.push((GOES_ON, std::slice::from_ref(byte)));
            }
            frames.push((LAST, b""));
            let upto: Vec<u8> = sent_by(sender, &frames[..2 * at + 3]);
            let offset = upto.len() as u64 - 1;
            fails(role, &sent_by(sender, &frames), Violation::InvalidUtf8, offset);
        }
    }
}

#[test]
fn text_that_ends_inside_a_character_fails() {
    for role in ROLES {
        let sender = peer_of(role);
        for cut in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98", b"whole \xe2"] {
            let wire = sent_by(sender, &[(TEXT, cut)]);
            fails(role, &wire, Violation::InvalidUtf8, wire.len() as u64);
            let wire = sent_by(sender, &[(TEXT_BEGINS, cut), (LAST, b"")]);
            fails(role, &wire, Violation::InvalidUtf8, wire.len() as u64);
        }
    }
}

#[test]
fn the_valid_part_is_delivered_before_the_failure() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.peer_sends(&[(TEXT, b"good \xe2\x82\xac \xff bad")]);
        let kind = MessageKind::Text;
        let bytes = "good € ".as_bytes().to_vec();
        assert_eq!(drive.log, [Seen::Data { kind, first: true, last: false, bytes }]);
    }
}

#[test]
fn a_close_reason_is_utf_8() {
    for role in ROLES {
        for (bad, _) in BAD {
            let wire = sent_by(peer_of(role), &[(CLOSE, &[b"\x03\xe8ok", bad].concat())]);
            let payload = (wire.len() - 4 - bad.len()) as u64;
            fails(role, &wire, Violation::InvalidCloseReason, payload);
        }
    }
}

#[test]
fn a_long_text_is_judged_before_it_is_complete() {
    for role in ROLES {
        let sender = peer_of(role);
        let wire = [header(TEXT, mask_of(sender), 1 << 20), {
            let text = sent_by(sender, &[(TEXT, b"abcd\xff")]);
            text[text.len() - 5..].to_vec()
        }]
        .concat();
        fails(role, &wire, Violation::InvalidUtf8, wire.len() as u64 - 1);
    }
}
