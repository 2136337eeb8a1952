//! Section 7.2.2: inflating, whatever the peer sends.

use allocation_counter::measure;
use farewell::handshake::DeflateParams;
use farewell::{Message, Role, SessionEvent, Violation};
use flate2::{Compress, FlushCompress};

use super::bits::Bits;
use super::ends::{
    Peer, RSV1, check_failure, compressing, config, fails, hears, in_every_split, json, messages,
    no_takeover, noise, receive, session, written,
};
use crate::support::pair::START;
use crate::support::split::Split;
use crate::support::wire::{
    BINARY, BINARY_BEGINS, GOES_ON, LAST, PING, ROLES, TEXT, peer_of, sent_by,
};

/// The offset of the payload of the first frame, when it is short.
fn first_payload(role: Role) -> usize {
    if role == Role::Server { 6 } else { 2 }
}

//= rfc7692#7.2.2
//= type=test
//# Otherwise, the client MUST decompress
//# each new message using the LZ77 sliding window used to process the
//# last compressed message.
//= rfc7692#7.2.2
//= type=test
//# Otherwise, the server MUST decompress
//# each new message using the LZ77 sliding window used to process the
//# last compressed message.
#[test]
fn the_context_is_taken_over_where_that_is_agreed() {
    for role in ROLES {
        let mut peer = Peer::of(role);
        let texts: Vec<String> = (0..6).map(|at| json(300 * at, at as u64)).collect();
        let wire: Vec<u8> = texts
            .iter()
            .flat_map(|text| sent_by(peer.role, &[(TEXT | RSV1, &peer.compress(text.as_bytes()))]))
            .collect();
        let expected: Vec<Message<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        hears(role, DeflateParams::default(), &wire, &expected);
    }
}

#[test]
fn references_reach_back_over_messages_by_up_to_32_kib() {
    for role in ROLES {
        let mut peer = Peer::of(role);
        let mut end = session(role, DeflateParams::default(), config());
        for size in [40_000, 10, 33_000, 32_768, 1, 70_000, 500] {
            for seed in [1, 1, 2] {
                let message = noise(size, seed);
                let payload = peer.compress(&message);
                let wire = sent_by(peer.role, &[(BINARY | RSV1, &payload)]);
                assert_eq!(messages(&mut end, &wire), [Message::from(message)]);
            }
        }
    }
}

#[test]
fn without_takeover_nothing_before_a_message_can_be_referred_to() {
    let hello = Bits::new().fixed(false).literals(b"Hello").end().message();
    let again = Bits::new().fixed(false).longest_reference(5).end().message();
    for role in ROLES {
        let frames = [(BINARY | RSV1, &hello[..]), (BINARY | RSV1, &again[..])];
        let wire = sent_by(peer_of(role), &frames);
        let long: Vec<u8> = b"Hello".iter().copied().cycle().take(258).collect();
        let both = [Message::from(b"Hello"), Message::from(long)];
        hears(role, DeflateParams::default(), &wire, &both);
        let rule = Violation::InvalidDeflate;
        let offset = sent_by(peer_of(role), &frames[..1]).len() + first_payload(role);
        fails(role, no_takeover(), config(), &wire, rule, offset);
    }
}

#[test]
fn what_is_no_deflate_data_is_refused() {
    let begun = || Bits::new().fixed(false).literals(b"abc");
    let invalid = [
        ("garbage", b"\xff\xff\xff\xff".to_vec()),
        ("a reserved block type", vec![0x06, 0x00]),
        ("lengths that do not match", vec![0x00, 0x05, 0x00, 0x00, 0x00, 0x00]),
        ("a distance before the start", begun().longest_reference(5).end().message()),
        ("a distance beyond the window", begun().longest_reference(16_385).end().message()),
        ("a reserved distance code", begun().number(0xa3 | 0x1f << 8, 13).end().message()),
        ("bad code lengths", vec![0x04, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];
    for role in ROLES {
        for (name, payload) in &invalid {
            let wire = sent_by(peer_of(role), &[(BINARY | RSV1, payload), (TEXT, b"late")]);
            let rule = Violation::InvalidDeflate;
            println!("{name}");
            fails(role, DeflateParams::default(), config(), &wire, rule, first_payload(role));
        }
    }
}

#[test]
fn a_message_has_to_end_where_its_data_ends() {
    let text = json(150, 1);
    let whole = Peer::new(Role::Server).compress(text.as_bytes());
    let stored = Bits::new().stored(false, b"some bytes that are stored").message();
    let mut cut = vec![
        Bits::new().fixed(false).literals(b"no end").bytes(),
        // With these, one bit is left in the last byte, and the header of a block has three.
        Bits::new().fixed(false).literals(b"\xff\xff\xff\xff\xff").end().bytes(),
        vec![0x04],
    ];
    cut.extend((1..whole.len()).map(|len| whole[..len].to_vec()));
    cut.extend((2..stored.len()).map(|len| stored[..len].to_vec()));
    for payload in cut {
        let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
        let offset = wire.len() - payload.len();
        let rule = Violation::TruncatedDeflate;
        fails(Role::Client, no_takeover(), config(), &wire, rule, offset);
    }
}

#[test]
fn an_empty_payload_and_one_that_ends_with_a_final_block_are_whole() {
    for role in ROLES {
        for params in [DeflateParams::default(), no_takeover()] {
            let last = Bits::new().fixed(true).literals(b"Hello").end().bytes();
            let wire = sent_by(
                peer_of(role),
                &[(BINARY | RSV1, b""), (BINARY | RSV1, &last), (BINARY | RSV1, b"\0")],
            );
            let expected = [Message::from(b""), Message::from(b"Hello"), Message::from(b"")];
            hears(role, params, &wire, &expected);
        }
    }
}

//= rfc7692#7.2.1
//= type=test
//# An endpoint MAY use both DEFLATE blocks with the "BFINAL" bit set
//# to 0 and DEFLATE blocks with the "BFINAL" bit set to 1.
#[test]
fn data_behind_a_final_block_goes_on_with_the_same_window() {
    let payload = Bits::new()
        .fixed(true)
        .literals(b"Hello")
        .end()
        .aligned()
        .stored(true, b" again ")
        .fixed(false)
        .longest_reference(9)
        .end()
        .fixed(true)
        .end()
        .aligned()
        .message();
    let mut expected = b"Hello again ".to_vec();
    for _ in 0..258 {
        expected.push(expected[expected.len() - 9]);
    }
    let back = Bits::new().fixed(false).longest_reference(9).end().message();
    let mut next = Vec::new();
    for at in 0..258 {
        next.push(expected[expected.len() - 9 + at % 9]);
    }
    for role in ROLES {
        let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &payload)]);
        hears(role, no_takeover(), &wire, &[Message::from(expected.clone())]);
        let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &payload), (BINARY | RSV1, &back)]);
        let both = [Message::from(expected.clone()), Message::from(next.clone())];
        hears(role, DeflateParams::default(), &wire, &both);
    }
}

#[test]
fn the_context_outlives_messages_with_final_blocks() {
    let last = |bytes: &[u8]| Bits::new().stored(true, bytes).message();
    for role in ROLES {
        let mut end = session(role, DeflateParams::default(), config());
        let mut sent = Vec::new();
        let sizes = [6000, 10, 0, 1, 3000, 16_384, 20_000, 40_000, 5, 5, 5];
        for (at, size) in sizes.into_iter().enumerate() {
            let message = noise(size, at as u64 + 40);
            let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &last(&message))]);
            assert_eq!(messages(&mut end, &wire), [Message::from(&message[..])]);
            sent.extend(message);
            // As far back as there is anything, in a message that has a final block of its own.
            let reach =
                (0..=14).rev().map(|bits| (1 << bits) + 1).find(|reach| *reach <= sent.len());
            let payload = Bits::new()
                .fixed(true)
                .longest_reference(reach.expect("the first message is long") as u32)
                .end()
                .aligned()
                .message();
            let expected = sent[sent.len() - reach.unwrap()..][..258].to_vec();
            let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &payload)]);
            assert_eq!(messages(&mut end, &wire), [Message::from(&expected[..])], "after {size}");
            sent.extend(expected);
        }
    }
}

#[test]
fn final_blocks_that_nothing_refers_back_over_have_no_limit() {
    let blocks = (0..20_000).fold(Bits::new(), |bits, _| bits.fixed(true).end().aligned());
    let texts =
        (0..500).fold(Bits::new(), |bits, _| bits.fixed(true).literals(b"Hello").end().aligned());
    // A message of one stream, as compressors make it that know no flush (RFC 7692 section 7.2.3.4).
    let one = |text: &[u8]| {
        let mut payload = Vec::with_capacity(text.len() + 100);
        Compress::new(flate2::Compression::new(6), false)
            .compress_vec(text, &mut payload, FlushCompress::Finish)
            .unwrap();
        payload
    };
    for role in ROLES {
        for params in [DeflateParams::default(), no_takeover()] {
            let mut end = session(role, params, config());
            for (payload, text) in [(blocks.clone(), ""), (texts.clone(), &*"Hello".repeat(500))] {
                let wire = sent_by(peer_of(role), &[(BINARY | RSV1, &payload.message())]);
                assert_eq!(messages(&mut end, &wire), [Message::from(text.as_bytes())]);
            }
            for at in 0..3000 {
                let text = json(1 + at * 7 % 400, at as u64);
                let mut payload = one(text.as_bytes());
                payload.extend(&[0][..at % 2]);
                let wire = sent_by(peer_of(role), &[(TEXT | RSV1, &payload)]);
                assert_eq!(messages(&mut end, &wire), [Message::from(text)], "{at}");
            }
        }
    }
}

/// A stream that ends, and one that refers to what was before it and ends.
fn back_over_a_final_block() -> Vec<u8> {
    let bits = Bits::new().fixed(true).literals(b"a").end().aligned();
    bits.fixed(true).longest_reference(2).end().bytes()
}

#[test]
fn references_over_final_blocks_are_limited_by_the_bytes_that_pay_for_them() {
    let rule = Violation::TooManyFinalBlocks;
    // Each copies a window of 32 KiB: so many bytes pay for about 300.
    let window = Bits::new().stored(true, &noise(40_000, 3)).bytes();
    for role in ROLES {
        let frame = |payload: &[u8]| sent_by(peer_of(role), &[(BINARY | RSV1, payload)]);
        let with = |count| [window.clone(), back_over_a_final_block().repeat(count)].concat();
        for params in [DeflateParams::default(), no_takeover()] {
            let mut end = session(role, params, config());
            assert_eq!(messages(&mut end, &frame(&with(300))).len(), 1);
            let wire = frame(&with(400));
            let make = || session(role, params, config());
            let seen = receive(make(), &wire, Split::Whole, false);
            check_failure(role, &wire, &seen, rule, first_payload(role) + 2);
            for reads in [Split::Every(1), Split::Every(7), Split::Random(3)] {
                assert_eq!(receive(make(), &wire, reads, false), seen, "{reads:?}");
            }
        }
        // The same from message to message.
        let mut wire = frame(&window);
        for _ in 0..400 {
            wire.extend(frame(&back_over_a_final_block()));
        }
        let make = || session(role, DeflateParams::default(), config());
        let seen = receive(make(), &wire, Split::Whole, false);
        assert!(seen.report.to_string().contains("final DEFLATE blocks"), "{}", seen.report);
        assert!((300..400).contains(&seen.messages.len()), "{}", seen.messages.len());
        for reads in [Split::Every(1), Split::Every(7), Split::Random(3)] {
            assert_eq!(receive(make(), &wire, reads, false), seen, "{reads:?}");
        }
    }
}

#[test]
fn a_pooled_inflater_knows_nothing_of_another_connection() {
    // Clones of one configuration share a pool.
    let config = config();
    let secret = Bits::new().stored(true, b"the secret of another connection").bytes();
    let mut probe = Bits::new().fixed(true).literals(b"a").end().aligned();
    probe = probe.fixed(true).longest_reference(17).end();
    for role in ROLES {
        let frame = |payload: &[u8]| sent_by(peer_of(role), &[(BINARY | RSV1, payload)]);
        let mut first = session(role, DeflateParams::default(), config.clone());
        assert_eq!(messages(&mut first, &frame(&secret)).len(), 1);
        assert_eq!(messages(&mut first, &frame(&probe.clone().bytes())).len(), 1, "its own");
        drop(first);
        let second = session(role, DeflateParams::default(), config.clone());
        let wire = frame(&probe.clone().bytes());
        let seen = receive(second, &wire, Split::Whole, false);
        check_failure(role, &wire, &seen, Violation::InvalidDeflate, first_payload(role));
    }
}

#[test]
fn a_byte_at_the_limit_is_kept_where_the_one_it_comes_of_pays() {
    // 259 bytes of four, then one by one. At a ratio of 2, these catch up; whether the limit is met
    // before they do depends on what is free.
    let bits = Bits::new().fixed(false).literals(b"a").longest_reference(1);
    let literals: Vec<u8> = (0..600).map(|at| b'a' + (at % 26) as u8).collect();
    let payload = bits.literals(&literals).end().message();
    let whole = [vec![b'a'; 259], literals].concat();
    let mut fits = Vec::new();
    for free in 500..520 {
        let config = compressing(|compression| {
            compression.ratio = Some(2);
            compression.ratio_free = free;
        });
        let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
        let make = || session(Role::Client, no_takeover(), config.clone());
        let seen = receive(make(), &wire, Split::Whole, false);
        assert_eq!(receive(make(), &wire, Split::Every(1), false), seen, "{free}");
        if seen.messages.is_empty() {
            check_failure(Role::Client, &wire, &seen, Violation::InflationRatio { ratio: 2 }, 4);
        } else {
            assert_eq!(seen.messages[0].as_bytes(), whole, "{free}");
        }
        fits.push(!seen.messages.is_empty());
    }
    // From the first that fits on, all do: and that one is met exactly.
    assert!(fits.is_sorted() && !fits[0] && fits[19], "{fits:?}");
}

/// A long stream behind a final block, which refers to what is before it only at the end.
#[test]
fn a_reference_over_a_final_block_may_come_late() {
    for literals in [0, 10, 1000, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 5000] {
        let start = Bits::new().fixed(true).literals(b"Hello").end().aligned();
        // Eight bits each.
        let long = start.fixed(false).literals(&vec![b'x'; literals]);
        let distance = (literals as u32).next_power_of_two() + 1;
        let mut expected = [b"Hello".to_vec(), vec![b'x'; literals]].concat();
        let payload = match expected.len() > distance as usize {
            true => {
                for _ in 0..258 {
                    expected.push(expected[expected.len() - distance as usize]);
                }
                long.longest_reference(distance).end().message()
            }
            false => long.end().message(),
        };
        let wire = sent_by(Role::Server, &[(BINARY | RSV1, &payload)]);
        hears(Role::Client, no_takeover(), &wire, &[Message::from(expected)]);
    }
}

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

#[test]
fn fragments_may_cut_the_data_anywhere() {
    let text = json(600, 3);
    let payload = Peer::new(Role::Server).compress(text.as_bytes());
    for size in [1, 2, 5] {
        let mut frames: Vec<(u8, &[u8])> =
            payload.chunks(size).map(|piece| (GOES_ON, piece)).collect();
        frames[0].0 = 0x01 | RSV1;
        frames.insert(2, (GOES_ON, b""));
        frames.insert(4, (PING, b"!"));
        frames.push((LAST, b""));
        let wire = sent_by(Role::Server, &frames);
        let mut client = session(Role::Client, no_takeover(), config());
        let mut heard = Vec::new();
        let mut bytes = wire.clone();
        let mut input = &mut bytes[..];
        while let Some(event) = client.poll_event(&mut input, START) {
            if let SessionEvent::Message(message) = event {
                heard.push(message.into_owned());
            }
        }
        assert_eq!(heard, [Message::from(text.as_str())], "{size}");
    }
}
