//! How much a message may inflate to, and from how little.

use allocation_counter::measure;
use farewell::handshake::DeflateParams;
use farewell::{Message, Role, SessionEvent, Violation};

use super::super::bits::Bits;
use super::super::ends::{
    Peer, RSV1, compressing, config, fails, in_every_split, messages, no_takeover, noise, session,
    written,
};
use super::first_payload;
use crate::support::pair::START;
use crate::support::wire::{BINARY, BINARY_BEGINS, LAST, PING, ROLES, TEXT, peer_of, sent_by};

/// A message that inflates to `count` times 258 zeros, and one.
fn bomb(count: usize) -> Vec<u8> {
    let bits = Bits::new().fixed(false).literals(b"\0");
    (0..count).fold(bits, |bits, _| bits.longest_reference(1)).end().message()
}

#[test]
fn the_limit_of_a_message_counts_inflated_bytes() {
    for role in ROLES {
        let len = 1 + 20 * 258;
        for (limit, fits) in [(len, true), (len + 1, true), (len - 1, false), (0, false)] {
            let mut config = config();
            config.limits.message = limit;
            let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &bomb(20))]);
            if fits {
                let make = || session(role, no_takeover(), config.clone());
                let seen = in_every_split(make, &wire);
                assert_eq!(seen.messages, [Message::from(vec![0; len as usize])]);
            } else {
                let rule = Violation::MessageTooBig { len: limit + 1, limit };
                let offset = first_payload(role);
                fails(role, no_takeover(), config, &wire, rule, offset);
            }
        }
    }
}

#[test]
fn the_limit_of_a_message_does_not_count_compressed_bytes() {
    // Empty blocks inflate to nothing.
    let blocks = (0..20).fold(Bits::new(), |bits, _| bits.stored(false, b""));
    let payload = blocks.stored(false, b"ten bytes!").message();
    let mut config = config();
    config.limits.message = 10;
    let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
    let make = || session(Role::Client, no_takeover(), config.clone());
    let seen = in_every_split(make, &wire);
    assert_eq!(seen.messages, [Message::from(b"ten bytes!")]);
}

#[test]
fn the_ratio_is_counted_byte_by_byte_and_past_its_threshold_only() {
    let free = 2000;
    let cases = [
        // 258 bytes by 13 bits, so 158 a byte.
        (bomb(200), 150, true),
        (bomb(200), 170, false),
        (bomb(7), 1, false),
        (bomb(8), 0, true),
        // It recovers after the bomb, and too late.
        (
            {
                let bits = Bits::new().fixed(false).literals(&[0; 10]);
                let bits = (0..30).fold(bits, |bits, _| bits.longest_reference(1)).end();
                bits.stored(false, &noise(700, 1)).message()
            },
            100,
            true,
        ),
        // It comes after enough that pays for it.
        (
            {
                let bits = Bits::new().stored(false, &noise(300, 1)).fixed(false);
                (0..30).fold(bits, |bits, _| bits.longest_reference(1)).end().message()
            },
            25,
            false,
        ),
    ];
    for role in ROLES {
        for (payload, ratio, too_much) in &cases {
            let config = compressing(|compression| {
                compression.ratio = Some(*ratio);
                compression.ratio_free = free;
            });
            let frames =
                [(BINARY_BEGINS | RSV1, &payload[..9]), (PING, b""), (LAST, &payload[9..])];
            let wire = sent_by(peer_of(role), &frames);
            let offset = sent_by(peer_of(role), &frames[..2]).len()
                + if payload.len() - 9 > 125 { 2 } else { 0 }
                + first_payload(role);
            if *too_much {
                let rule = Violation::InflationRatio { ratio: *ratio };
                fails(role, no_takeover(), config, &wire, rule, offset);
            } else {
                let make = || session(role, no_takeover(), config.clone());
                let seen = in_every_split(make, &wire);
                assert_eq!(seen.messages.len(), 1, "{ratio}: {}", seen.report);
            }
        }
    }
}

/// DEFLATE at its densest: 258 bytes by two bits, which is 1032 a byte.
fn densest(size: usize) -> Vec<u8> {
    let mut peer = Peer::new(Role::Server);
    peer.compress(&vec![0; size])
}

#[test]
fn a_bomb_is_stopped_before_it_takes_memory() {
    let limit = 1024 * 1024;
    let payload = densest(64 * 1024 * 1024);
    assert!(payload.len() < 70_000, "{}", payload.len());
    let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
    for piece in [1, 1000, wire.len()] {
        for ratio in [Some(1000), Some(u32::MAX), None] {
            let mut config = compressing(|compression| compression.ratio = ratio);
            config.limits.message = limit;
            let mut client = session(Role::Client, no_takeover(), config);
            let mut bytes = wire.clone();
            let mut inflater = 0;
            let info = measure(|| {
                for piece in bytes.chunks_mut(piece) {
                    let mut input = piece;
                    while let Some(event) = client.poll_event(&mut input, START) {
                        assert!(matches!(event, SessionEvent::Ended(_)));
                    }
                    inflater += input.len();
                }
            });
            assert_eq!(inflater, 0);
            assert!(client.local_close().is_some_and(|close| close.frame.code().is_some()));
            // The last time it grows, the old memory is held beside the new.
            let most = 2 * limit + 68 * 1024 + 60_000;
            assert!(info.bytes_max <= most, "{piece}, {ratio:?}: {info:?}");
            assert!(info.bytes_current < 60_000, "{piece}, {ratio:?}: {info:?}");
        }
    }
}

#[test]
fn honest_messages_that_compress_well_pass_by_default() {
    let zeros = vec![0; 500_000];
    let mut ends = ROLES.map(|role| session(role, DeflateParams::default(), config()));
    for (from, to) in [(0, 1), (1, 0)] {
        ends[from].send(&zeros[..], START).unwrap();
        let wire = written(&mut ends[from]);
        // Nearly a thousand bytes from one; a message's own bytes do better still.
        assert!(wire.len() < 520, "{}", wire.len());
        assert_eq!(messages(&mut ends[to], &wire), [Message::from(&zeros[..])]);
    }
    // What others make of much of one character.
    let text = "x".repeat(1 << 20);
    let mut client = session(Role::Client, DeflateParams::default(), config());
    let payload = Peer::new(Role::Server).compress(text.as_bytes());
    let wire = sent_by(Role::Server, &[(TEXT | RSV1, &payload)]);
    assert_eq!(messages(&mut client, &wire), [Message::from(text)]);
}

#[test]
fn a_ratio_that_is_asked_for_stops_bombs() {
    let config = compressing(|compression| compression.ratio = Some(1000));
    let mut client = session(Role::Client, DeflateParams::default(), config);
    for (message, fits) in [(vec![b' '; 60_000], true), (vec![0; 10_000_000], false)] {
        let payload = Peer::new(Role::Server).compress(&message);
        let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
        let mut bytes = wire.clone();
        let event = client.poll_event(&mut &mut bytes[..], START);
        assert_eq!(event.is_some(), fits, "{event:?}");
    }
    let closed = client.local_close().expect("the connection failed").frame;
    assert_eq!(closed.reason(), "compression ratio too high");
}
