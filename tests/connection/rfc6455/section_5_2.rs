//! Section 5.2: the header of a frame.

use bytes::BytesMut;
use farewell::{Config, MessageKind, SendError, Violation};

use super::failing::{fails, fails_with};
use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{BINARY, KEY, ROLES, TEXT, frame, header, mask_of, peer_of, sent_by};

/// A binary header with a length in the given bytes, of a peer that masks or does not.
fn with_length(masked: bool, length: &[u8]) -> Vec<u8> {
    let short = if length.len() == 2 { 126 } else { 127 };
    let mask_bit = if masked { 0x80 } else { 0 };
    let key = if masked { &KEY[..] } else { &[] };
    [&[BINARY, mask_bit | short][..], length, key].concat()
}

/// Without limits on frames, so that lengths alone are judged.
fn unlimited() -> Config {
    let mut config = quiet();
    (config.limits.frame, config.limits.message) = (u64::MAX, u64::MAX);
    config
}

#[test]
fn a_reserved_bit_fails_the_connection() {
    //= rfc6455#5.2
    //= type=test
    //# If a nonzero value is received and none of
    //# the negotiated extensions defines the meaning of such a nonzero
    //# value, the receiving endpoint MUST _Fail the WebSocket
    //# Connection_.
    for role in ROLES {
        for rsv in 1..=7_u8 {
            for first in [0x80, 0x81, 0x82, 0x01, 0x88, 0x89, 0x8a] {
                let wire = sent_by(peer_of(role), &[(first | rsv << 4, b"x")]);
                fails(role, &wire, Violation::ReservedBits, 0);
            }
        }
    }
}

#[test]
fn an_unknown_opcode_fails_the_connection() {
    //= rfc6455#5.2
    //= type=test
    //# If an unknown
    //# opcode is received, the receiving endpoint MUST _Fail the
    //# WebSocket Connection_.
    for role in ROLES {
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            for fin in [0x00, 0x80] {
                let fine = sent_by(peer_of(role), &[(TEXT, b"fine")]);
                let offset = fine.len() as u64;
                let wire = [fine, sent_by(peer_of(role), &[(fin | opcode, b"")])].concat();
                fails(role, &wire, Violation::ReservedOpcode(opcode), offset);
            }
        }
    }
}

#[test]
fn reserved_bits_are_never_sent() {
    //= rfc6455#5.2
    //= type=test
    //# MUST be 0 unless an extension is negotiated that defines meanings
    //# for non-zero values.
    //= rfc6455#5.2
    //= type=test
    //# ; 1 bit in length, MUST be 0 unless
    //# ; negotiated otherwise
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.send("text").peer_sends(&[(0x89, b"ping")]).close(1000, "");
        for (first, _) in crate::support::wire::plain(&drive.output) {
            assert_eq!(first & 0x70, 0, "{}", drive.wires());
        }
    }
}

#[test]
fn lengths_are_sent_in_their_shortest_form() {
    //= rfc6455#5.2
    //= type=test
    //# Note that
    //# in all cases, the minimal number of bytes MUST be used to encode
    //# the length
    let lens = [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 65_537];
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        for len in lens {
            let mut out = BytesMut::new();
            drive.connection.send(&vec![7; len][..], &mut out, drive.now).unwrap();
            let mask = crate::support::wire::frames(&out)[0].mask;
            assert_eq!(out[..], frame(BINARY, mask, &vec![7; len]), "{role:?}, {len} bytes");
        }
        for len in [0, 125, 126, 65_535, 65_536, u64::from(u32::MAX) + 1, (1 << 63) - 1] {
            let head =
                drive.connection.begin_frame(MessageKind::Binary, len, true, drive.now).unwrap();
            let mask = head.mask().map(farewell::MaskingKey::bytes);
            assert_eq!(head.bytes(), header(BINARY, mask, len), "{role:?}, {len} bytes");
        }
        for len in [1 << 63, u64::MAX] {
            let refused = drive.connection.begin_frame(MessageKind::Text, len, true, drive.now);
            assert_eq!(refused.err(), Some(SendError::TooLong));
        }
    }
}

#[test]
fn a_length_that_is_not_in_its_shortest_form_fails_the_connection() {
    for role in ROLES {
        let masked = mask_of(peer_of(role)).is_some();
        for len in [0_u16, 1, 124, 125] {
            let wire = with_length(masked, &len.to_be_bytes());
            fails_with(unlimited(), role, &wire, Violation::NonMinimalLength, 3);
        }
        for len in [0_u64, 125, 126, 65_535] {
            let wire = with_length(masked, &len.to_be_bytes());
            fails_with(unlimited(), role, &wire, Violation::NonMinimalLength, 9);
        }
    }
}

#[test]
fn a_length_with_its_highest_bit_set_fails_the_connection() {
    //= rfc6455#5.2
    //= type=test
    //# If 127, the
    //# following 8 bytes interpreted as a 64-bit unsigned integer (the
    //# most significant bit MUST be 0) are the payload length.
    for role in ROLES {
        let masked = mask_of(peer_of(role)).is_some();
        for len in [1 << 63, u64::MAX, 1 << 63 | 5] {
            let wire = with_length(masked, &u64::to_be_bytes(len));
            fails_with(unlimited(), role, &wire, Violation::LengthOverflow, 2);
            // Its first byte is enough.
            fails_with(unlimited(), role, &wire[..3], Violation::LengthOverflow, 2);
        }
        // One less is a length like any other.
        let mut drive = Drive::new(role, unlimited());
        drive.receive(&with_length(masked, &u64::to_be_bytes((1 << 63) - 1))).receive(b"some");
        assert!(matches!(&drive.log[..], [Seen::Data { last: false, .. }]), "{}", drive.wires());
    }
}

#[test]
fn lengths_are_read_in_network_byte_order() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
            let payload: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
            let mut drive = Drive::new(role, quiet());
            drive.peer_sends(&[(BINARY, &payload), (TEXT, b"and on")]);
            let kind = MessageKind::Binary;
            let data = Seen::Data { kind, first: true, last: true, bytes: payload };
            assert_eq!((drive.log.len(), &drive.log[0]), (2, &data), "{role:?}, {len} bytes");
        }
    }
}
