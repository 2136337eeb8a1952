//! Section 7.2.3: the RFC's examples, read and, where nothing is left open in them, written.

use farewell::handshake::DeflateParams;
use farewell::{Message, Role, Session};

use super::ends::{compressing, config, hears, no_takeover, session, written};
use crate::support::pair::START;
use crate::support::wire::{KEY, ROLES, frame, frames, hex, peer_of};

const ONE_BLOCK: &str = include_str!("../golden/rfc7692_7_2_3_1_one_block.hex");
const FRAGMENTED: &str = include_str!("../golden/rfc7692_7_2_3_1_fragmented.hex");
const SHARED_WINDOW: &str = include_str!("../golden/rfc7692_7_2_3_2_shared_window.hex");
const NO_TAKEOVER: &str = include_str!("../golden/rfc7692_7_2_3_2_no_takeover.hex");
const STORED: &str = include_str!("../golden/rfc7692_7_2_3_3_stored.hex");
const FINAL: &str = include_str!("../golden/rfc7692_7_2_3_4_final.hex");
const TWO_BLOCKS: &str = include_str!("../golden/rfc7692_7_2_3_5_two_blocks.hex");
const EMPTY: &str = include_str!("../golden/rfc7692_7_2_3_6_empty.hex");

/// The example as the peer of `role` sends it.
fn to(role: Role, example: &str) -> Vec<u8> {
    let mask = (peer_of(role) == Role::Client).then_some(KEY);
    let frames = frames(&hex(example));
    frames.iter().flat_map(|example| frame(example.first, mask, &example.payload)).collect()
}

#[test]
fn every_example_is_read() {
    let examples: [(&str, &[&str]); 8] = [
        (ONE_BLOCK, &["Hello"]),
        (FRAGMENTED, &["Hello"]),
        (SHARED_WINDOW, &["Hello", "Hello"]),
        (NO_TAKEOVER, &["Hello", "Hello"]),
        (STORED, &["Hello"]),
        (FINAL, &["Hello"]),
        (TWO_BLOCKS, &["Hello"]),
        (EMPTY, &[""]),
    ];
    for role in ROLES {
        for (example, texts) in examples {
            let expected: Vec<Message<'_>> = texts.iter().map(|text| (*text).into()).collect();
            hears(role, DeflateParams::default(), &to(role, example), &expected);
            if example != SHARED_WINDOW {
                hears(role, no_takeover(), &to(role, example), &expected);
            }
        }
    }
}

/// What an end writes, in the bytes of an example but for the mask.
fn writes(params: DeflateParams, example: &str, command: impl Fn(&mut Session)) {
    for role in ROLES {
        let mut session = session(role, params, config());
        command(&mut session);
        let plain = |wire: &[u8]| -> Vec<_> {
            frames(wire).into_iter().map(|frame| (frame.first, frame.payload)).collect()
        };
        assert_eq!(plain(&written(&mut session)), plain(&hex(example)), "{role:?}");
    }
}

#[test]
fn every_example_that_is_ours_is_written() {
    let params = DeflateParams::default();
    writes(params, ONE_BLOCK, |session| session.send("Hello", START).unwrap());
    writes(params, SHARED_WINDOW, |session| {
        session.send("Hello", START).unwrap();
        session.send("Hello", START).unwrap();
    });
    // In one piece, what does not get smaller is sent as it is: here it is begun as a stream.
    for piece in hex(NO_TAKEOVER).chunks(9).map(|message| &message[2..]) {
        let stream = [&[0x41, 0x0b][..], &piece[..7], &[0, 0, 0xff, 0xff, 0x80, 0x01, 0]].concat();
        let mut server = session(Role::Server, no_takeover(), config());
        server.send_fragment("Hello", false, START).unwrap();
        server.send_fragment("", true, START).unwrap();
        assert_eq!(written(&mut server), stream);
    }
    writes(params, EMPTY, |session| session.send("", START).unwrap());
}

#[test]
fn a_fragmented_message_is_the_same_data_in_pieces() {
    let mut config = compressing(|_| {});
    config.fragment_size = Some(4);
    let mut server = session(Role::Server, DeflateParams::default(), config);
    server.send("Hello", START).unwrap();
    let wire = written(&mut server);
    assert_eq!(wire, hex("41 04 f2 48 cd c9 80 03 c9 07 00"));
}

//= rfc7692#7.2.3.2
//= type=test
//# Note that even if some uncompressed messages (with the RSV1 bit
//# unset) are inserted between the two "Hello" messages, they don't
//# affect the LZ77 sliding window.
#[test]
fn uncompressed_messages_do_not_affect_the_window() {
    let between = hex("81 06 48656c6c6f21");
    let example = hex(SHARED_WINDOW);
    let (first, second) = example.split_at(9);
    let mut server = session(Role::Server, DeflateParams::default(), config());
    server.send("Hello", START).unwrap();
    server.send(Message::from("Hello!").uncompressed(), START).unwrap();
    server.send("Hello", START).unwrap();
    let wire = [first, &between, second].concat();
    assert_eq!(written(&mut server), wire);
    let expected = ["Hello", "Hello!", "Hello"].map(Message::from);
    hears(Role::Client, DeflateParams::default(), &wire, &expected);
}

//= rfc7692#7.2.3.6
//= type=test
//# the
//# endpoint just needs to send the last fragment with the FIN bit set to
//# 1 and the payload set to the DEFLATE block(s), which contains 0 bytes
//# of data.
#[test]
fn a_stream_can_end_with_an_empty_fragment() {
    for params in [DeflateParams::default(), no_takeover()] {
        let mut server = session(Role::Server, params, config());
        server.send_fragment("Hello", false, START).unwrap();
        server.send_fragment("", true, START).unwrap();
        let wire = written(&mut server);
        assert_eq!(wire, hex("41 0b f248cdc9c907000000ffff 80 01 00"));
        hears(Role::Client, params, &wire, &["Hello".into()]);
    }
}
