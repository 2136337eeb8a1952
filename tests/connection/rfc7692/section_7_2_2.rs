//! Section 7.2.2: inflating, whatever the peer sends.

mod limits;

use farewell::handshake::DeflateParams;
use farewell::{Message, Role, SessionEvent, Violation};
use flate2::{Compress, FlushCompress};

use super::bits::Bits;
use super::ends::{
    Peer, RSV1, check_failure, compressing, config, fails, hears, json, messages, no_takeover,
    noise, receive, session,
};
use crate::support::pair::START;
use crate::support::split::Split;
use crate::support::wire::{BINARY, GOES_ON, LAST, PING, ROLES, TEXT, peer_of, sent_by};

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
