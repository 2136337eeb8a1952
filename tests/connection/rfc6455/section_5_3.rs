//! Section 5.3: masking.

use std::collections::HashSet;

use bytes::BytesMut;
use farewell::{Connection, MessageKind, Role, Seed, Timestamp};

use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{BINARY, BINARY_BEGINS, LAST, PING, frame, frames};

fn keys(seed: u8, count: usize) -> Vec<[u8; 4]> {
    let now = Timestamp::ZERO;
    let mut client = Connection::new(Role::Client, quiet(), Seed::new([seed; 32]), now);
    let mut out = BytesMut::new();
    for _ in 0..count {
        client.send(b"the same each time", &mut out, now).unwrap();
    }
    frames(&out).iter().map(|frame| frame.mask.expect("a mask")).collect()
}

#[test]
fn a_masked_frame_says_so() {
    //= rfc6455#5.3
    //= type=test
    //# A masked frame MUST have the field frame-masked set to 1, as defined
    //# in Section 5.2.
    let mut client = Drive::new(Role::Client, quiet());
    client.send("");
    assert_eq!((client.output.len(), client.output[1]), (6, 0x80), "even one without payload");
}

#[test]
fn every_frame_has_a_fresh_key() {
    //= rfc6455#5.3
    //= type=test
    //# When preparing a masked frame, the client MUST pick a fresh masking
    //# key from the set of allowed 32-bit values.
    let of_one = keys(1, 5_000);
    let distinct: HashSet<_> = of_one.iter().collect();
    assert!(distinct.len() > 4_990, "{} distinct keys of 5000", distinct.len());
}

#[test]
fn keys_follow_no_pattern_and_differ_by_seed() {
    //= rfc6455#5.3
    //= type=test
    //# The masking key needs to
    //# be unpredictable; thus, the masking key MUST be derived from a strong
    //# source of entropy, and the masking key for a given frame MUST NOT
    //# make it simple for a server/proxy to predict the masking key for a
    //# subsequent frame.
    let (one, other) = (keys(1, 2_000), keys(2, 2_000));
    assert_ne!(one[..8], other[..8]);
    assert_eq!(one[..8], keys(1, 8)[..], "the seed alone decides");
    // Neither the keys nor their differences have a bit that leans to one side.
    let differences: Vec<_> = one
        .windows(2)
        .map(|pair| u32::from_be_bytes(pair[0]) ^ u32::from_be_bytes(pair[1]))
        .collect();
    let plain: Vec<_> = one.iter().map(|key| u32::from_be_bytes(*key)).collect();
    for words in [plain, differences] {
        for bit in 0..32 {
            let set = words.iter().filter(|word| *word >> bit & 1 == 1).count();
            assert!((850..1_150).contains(&set), "bit {bit} is set {set} times of 2000");
        }
    }
}

#[test]
fn any_key_is_removed() {
    let payload: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    for key in [[0; 4], [0xff; 4], [1, 2, 3, 4], [0x80, 0, 0, 0], [0, 0, 0, 1]] {
        let mut server = Drive::new(Role::Server, quiet());
        server.receive(&frame(BINARY, Some(key), &payload));
        let kind = MessageKind::Binary;
        let expected = Seen::Data { kind, first: true, last: true, bytes: payload.clone() };
        assert_eq!(server.log, [expected], "{key:02x?}");
    }
}

#[test]
fn each_frame_starts_its_own_key_from_the_first_byte() {
    let wire = [
        frame(BINARY_BEGINS, Some([1, 2, 3, 4]), b"abc"),
        frame(PING, Some([9, 8, 7, 6]), b"ping"),
        frame(0x00, Some([5, 6, 7, 8]), b"defgh"),
        frame(LAST, Some([0xf0, 0xe1, 0xd2, 0xc3]), b"i"),
    ];
    let mut server = Drive::new(Role::Server, quiet());
    server.receive(&wire.concat());
    let kind = MessageKind::Binary;
    let data = |first, last, bytes: &[u8]| Seen::Data { kind, first, last, bytes: bytes.to_vec() };
    let ping = Seen::Ping(b"ping".to_vec());
    assert_eq!(server.log, [data(true, false, b"abc"), ping, data(false, true, b"defghi")]);
}
