//! Section 10: what protects an endpoint and those around it.

use std::collections::HashSet;

use bytes::BytesMut;
use farewell::{CloseCode, Config, Connection, Role, Seed, Timestamp, Violation};

use super::failing::fails_with;
use crate::support::drive::{Drive, quiet};
use crate::support::wire::{
    BINARY, BINARY_BEGINS, Frames, GOES_ON, LAST, ROLES, TEXT, frames, header, mask_of, peer_of,
    sent_by,
};

fn limited() -> Config {
    let mut config = quiet();
    config.limits.frame = 1_000;
    config.limits.message = 2_000;
    config.limits.fragments = 10;
    config.limits.empty_fragments = 3;
    config
}

#[test]
fn section_10_3_the_same_data_never_looks_the_same() {
    //= rfc6455#10.3
    //= type=test
    //# Clients MUST choose a new masking key for each frame, using an
    //# algorithm that cannot be predicted by end applications that provide
    //# data.
    let now = Timestamp::ZERO;
    let mut wires = HashSet::new();
    for seed in 0..20 {
        let mut client = Connection::new(Role::Client, quiet(), Seed::new([seed; 32]), now);
        for _ in 0..50 {
            let mut out = BytesMut::new();
            client.send(b"GET / HTTP/1.1\r\n\r\n", &mut out, now).unwrap();
            client.send_fragment(b"GET / HTTP/1.1\r\n\r\n", false, &mut out, now).unwrap();
            client.ping(b"GET / HTTP/1.1\r\n\r\n", &mut out, now).unwrap();
            client.send_fragment(b"", true, &mut out, now).unwrap();
            for frame in frames(&out) {
                assert!(wires.insert(frame.mask.expect("masked")), "a key came twice");
            }
        }
    }
}

#[test]
fn section_10_4_a_frame_over_the_limit_fails_from_its_header_alone() {
    //= rfc6455#10.4
    //= type=test
    //# Implementations that have implementation- and/or platform-specific
    //# limitations regarding the frame size or total message size after
    //# reassembly from multiple frames MUST protect themselves against
    //# exceeding those limits.
    for role in ROLES {
        let mask = mask_of(peer_of(role));
        for first in [TEXT, BINARY, BINARY_BEGINS] {
            for len in [1_001, 65_536, 1 << 60] {
                let rule = Violation::FrameTooBig { len, limit: 1_000 };
                fails_with(limited(), role, &header(first, mask, len), rule, 1);
            }
        }
        let mut drive = Drive::new(role, limited());
        drive.peer_sends(&[(BINARY, &[0; 1_000])]);
        assert_eq!(drive.log.len(), 1, "the limit is inclusive");
    }
    let rule = Violation::FrameTooBig { len: 2, limit: 1 };
    assert_eq!(rule.close_code(), CloseCode::MESSAGE_TOO_BIG);
}

#[test]
fn section_10_4_a_message_over_the_limit_fails_from_a_header_alone() {
    for role in ROLES {
        let sender = peer_of(role);
        let begun = sent_by(sender, &[(BINARY_BEGINS, &[0; 1_000]), (GOES_ON, &[0; 999])]);
        let at = begun.len() as u64 + 1;
        let wire = [begun.clone(), header(LAST, mask_of(sender), 2)].concat();
        let rule = Violation::MessageTooBig { len: 2_001, limit: 2_000 };
        fails_with(limited(), role, &wire, rule, at);
        let mut drive = Drive::new(role, limited());
        drive.receive(&begun).peer_sends(&[(LAST, &[0; 1])]);
        drive.receive(&begun).peer_sends(&[(LAST, &[0; 1])]);
        assert_eq!(drive.log.len(), 2, "inclusive, and for each message anew");
    }
}

#[test]
fn section_10_4_many_small_fragments_fail() {
    for role in ROLES {
        let sender = peer_of(role);
        let ten = |last| {
            let mut frames = vec![(BINARY_BEGINS, &b"x"[..])];
            frames.resize(9, (GOES_ON, b"x"));
            frames.push((last, b"x"));
            sent_by(sender, &frames)
        };
        let begun = ten(GOES_ON);
        let wire = [begun.clone(), sent_by(sender, &[(LAST, b"x")])].concat();
        let at = begun.len() as u64 + 1;
        let rule = Violation::TooManyFragments { limit: 10 };
        fails_with(limited(), role, &wire, rule, at);
        let mut drive = Drive::new(role, limited());
        drive.receive(&ten(LAST)).receive(&ten(LAST));
        assert_eq!(drive.log.len(), 2);
    }
}

#[test]
fn section_10_4_fragments_of_nothing_fail() {
    for role in ROLES {
        let sender = peer_of(role);
        let frames = [(BINARY_BEGINS, &b""[..]), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b"")];
        let wire = sent_by(sender, &frames);
        let at = sent_by(sender, &frames[..3]).len() as u64 + 1;
        let rule = Violation::TooManyEmptyFragments { limit: 3 };
        fails_with(limited(), role, &wire, rule, at);
        // A final one, and those with something in between, are not counted.
        let mut drive = Drive::new(role, limited());
        drive.peer_sends(&[(BINARY_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b"x")]);
        drive.peer_sends(&[(GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b""), (LAST, b"")]);
        assert_eq!(drive.log.len(), 1, "{}", drive.wires());
    }
}

#[test]
fn section_10_4_a_limit_of_no_fragments_still_lets_whole_messages_in() {
    let mut config = quiet();
    config.limits.fragments = 0;
    for role in ROLES {
        let wire = sent_by(peer_of(role), &[(TEXT, b""), (TEXT, b"x"), (BINARY, &[0; 200])]);
        for size in [1, wire.len()] {
            let mut drive = Drive::new(role, config.clone());
            wire.chunks(size).for_each(|piece| _ = drive.receive(piece));
            assert_eq!(drive.log.len(), 3, "{size} bytes a read: {}", drive.wires());
        }
    }
}

#[test]
fn section_10_7_everything_is_validated_on_both_ends() {
    //= rfc6455#10.7
    //= type=test
    //# Incoming data MUST always be validated by both clients and servers.
    //= rfc6455#10.7
    //= type=test
    //# If the invalid data was received after
    //# a successful WebSocket handshake, the endpoint SHOULD send a Close
    //# frame with an appropriate status code (Section 7.4) before proceeding
    //# to _Close the WebSocket Connection_.
    let cases: [(Frames, Violation, u16); 6] = [
        (&[(0xc1, b"")], Violation::ReservedBits, 1002),
        (&[(0x83, b"")], Violation::ReservedOpcode(3), 1002),
        (&[(0x09, b"")], Violation::FragmentedControl, 1002),
        (&[(LAST, b"")], Violation::UnexpectedContinuation, 1002),
        (&[(TEXT, b"\xff")], Violation::InvalidUtf8, 1007),
        (&[(0x88, b"\x03\xe8\xff")], Violation::InvalidCloseReason, 1007),
    ];
    for role in ROLES {
        for (frames, rule, code) in cases {
            assert_eq!(rule.close_code().get(), code);
            let wire = sent_by(peer_of(role), frames);
            let mut drive = Drive::new(role, quiet());
            let report = drive.receive(&wire).eof().report();
            let sent = report.local_close.expect("our Close").frame;
            assert_eq!(sent.code(), Some(rule.close_code()), "{}", drive.wires());
            assert!(!sent.reason().is_empty(), "it says what was wrong");
        }
    }
}
