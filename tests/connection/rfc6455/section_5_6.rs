//! Section 5.6: text and binary.

use farewell::MessageKind;

use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{BINARY, GOES_ON, LAST, PING, ROLES, TEXT, TEXT_BEGINS, plain};

#[test]
fn a_fragment_of_text_may_cut_a_character() {
    //= rfc6455#5.6
    //= type=test
    //# Note that a
    //# particular text frame might include a partial UTF-8 sequence;
    //# however, the whole message MUST contain valid UTF-8.
    let text = "¢€\u{10348}\u{7ff}\u{ffff}\u{10ffff}";
    for role in ROLES {
        for cut in 0..=text.len() {
            let (left, right) = text.as_bytes().split_at(cut);
            let mut drive = Drive::new(role, quiet());
            drive.peer_sends(&[(TEXT_BEGINS, left), (GOES_ON, b""), (LAST, right)]);
            let kind = MessageKind::Text;
            let bytes = text.as_bytes().to_vec();
            assert_eq!(drive.log, [Seen::Data { kind, first: true, last: true, bytes }]);
            drive.peer_sends(&[(TEXT_BEGINS, left), (PING, b""), (LAST, right)]);
            assert!(drive.report.is_none(), "{}", drive.wires());
            drive.expect_phase(farewell::Phase::Open);
        }
    }
}

#[test]
fn binary_is_any_bytes() {
    let every: Vec<u8> = (0..=255).collect();
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.peer_sends(&[(BINARY, &every), (BINARY, b"\xff"), (BINARY, b"text")]);
        let kind = MessageKind::Binary;
        let whole =
            |bytes: &[u8]| Seen::Data { kind, first: true, last: true, bytes: bytes.to_vec() };
        assert_eq!(drive.log, [whole(&every), whole(b"\xff"), whole(b"text")]);
    }
}

#[test]
fn what_is_sent_is_what_it_is_called() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let mut out = bytes::BytesMut::new();
        drive.connection.send("t€xt", &mut out, drive.now).unwrap();
        drive.connection.send("t€xt".as_bytes(), &mut out, drive.now).unwrap();
        let bytes = "t€xt".as_bytes().to_vec();
        assert_eq!(plain(&out), [(TEXT, bytes.clone()), (BINARY, bytes)]);
    }
}
