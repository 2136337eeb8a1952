//! Whatever is sent is received, however it is cut; and what is received is what flate2 makes of
//! it.

use farewell::handshake::DeflateParams;
use farewell::{Message, Outgoing, Prepared, Role, Violation};
use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;

use super::ends::{
    Peer, RSV1, compressing, config, json, messages, noise, receive, session, written,
};
use crate::support::pair::START;
use crate::support::split::Split;
use crate::support::wire::{
    BINARY, BINARY_BEGINS, GOES_ON, LAST, PING, ROLES, TEXT, peer_of, sent_by,
};

fn message() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![0..20_usize, 0..2000_usize, 0..50_000_usize];
    (0..4, size, 0..3_u64).prop_map(|(kind, size, seed)| match kind {
        0 => noise(size, seed),
        1 => vec![seed as u8; size],
        _ => json(size, seed).into_bytes(),
    })
}

fn params() -> impl Strategy<Value = DeflateParams> {
    (any::<bool>(), any::<bool>(), 9..=15_u8, 9..=15_u8).prop_map(|(server, client, own, other)| {
        let mut params = DeflateParams::default();
        params.server_no_context_takeover = server;
        params.client_no_context_takeover = client;
        params.server_max_window_bits = own;
        params.client_max_window_bits = other;
        params
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_one_end_sends_the_other_receives(
        sent in prop::collection::vec((message(), 0..5), 1..8),
        params in params(),
        fragment_size in prop_oneof![Just(None), (1..5000_usize).prop_map(Some)],
        cut in any::<u64>(),
        level in 1..=9_u8,
    ) {
        for role in ROLES {
            let mut config = compressing(|compression| compression.level = level);
            config.fragment_size = fragment_size;
            config.limits.pending_output = usize::MAX;
            let mut end = session(role, params, config.clone());
            let mut wire = Vec::new();
            for (message, how) in &sent {
                match how {
                    0 => end.send(Outgoing::from(&message[..]).uncompressed(), START).unwrap(),
                    1 => end.send(Prepared::new(&message[..]), START).unwrap(),
                    2 => {
                        let (left, right) = message.split_at(message.len() / 3);
                        end.send_fragment(left, false, START).unwrap();
                        end.send_fragment(right, true, START).unwrap();
                    }
                    _ => end.send(&message[..], START).unwrap(),
                }
                wire.extend(written(&mut end));
            }
            let expected: Vec<_> = sent.iter().map(|(sent, _)| Message::from(&sent[..])).collect();
            for (reads, direct) in [(Split::Whole, false), (Split::Random(cut), true)] {
                let peer = session(peer_of(role), params, config.clone());
                let seen = receive(peer, &wire, reads, direct);
                prop_assert!(seen.messages == expected, "{}", seen.report);
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_as_flate2_judges_them(
        start in message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<u64>(),
        fragments in 1..5_usize,
    ) {
        let start = &start[..start.len().min(3000)];
        let mut payload = Peer::new(Role::Server).compress(start);
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let mut frames: Vec<(u8, &[u8])> = payload
            .chunks(payload.len().div_ceil(fragments))
            .flat_map(|piece| [(GOES_ON, piece), (PING, &b""[..])])
            .collect();
        frames[0].0 = BINARY_BEGINS | RSV1;
        frames.push((LAST, b""));
        for role in ROLES {
            let wire = sent_by(peer_of(role), &frames);
            let end = || session(role, DeflateParams::default(), config());
            let whole = receive(end(), &wire, Split::Whole, false);
            for reads in [Split::Every(1), Split::Random(cut)] {
                prop_assert_eq!(&receive(end(), &wire, reads, false), &whole);
            }
            match oracle(&payload) {
                Ok(Some(expected)) => {
                    let cut_short = whole.report.to_string().contains("in the middle");
                    prop_assert!(whole.messages == [Message::from(expected)] || cut_short);
                }
                // It stopped at a final block.
                Ok(None) => {}
                Err(_) => prop_assert!(whole.messages.is_empty()),
            }
        }
    }

    #[test]
    fn bounds_hold_wherever_the_wire_is_cut(
        start in message(),
        ratio in 0..30_u32,
        free in 0..3000_u64,
        limit in 0..6000_u64,
        cut in any::<u64>(),
        text in any::<bool>(),
    ) {
        let payload = Peer::new(Role::Server).compress(&start);
        let first = if text { TEXT } else { BINARY } | RSV1;
        let wire = sent_by(Role::Server, &[(first, &payload), (BINARY, b"next")]);
        let mut config = compressing(|compression| {
            compression.ratio = Some(ratio);
            compression.ratio_free = free;
        });
        config.limits.message = limit;
        let end = || session(Role::Client, DeflateParams::default(), config.clone());
        let whole = receive(end(), &wire, Split::Whole, false);
        for reads in [Split::Every(1), Split::Every(3), Split::Random(cut), Split::Random(!cut)] {
            prop_assert_eq!(&receive(end(), &wire, reads, false), &whole);
        }
        if start.len() as u64 > limit {
            prop_assert!(whole.messages.is_empty(), "{}", whole.report);
        }
    }
}

/// What flate2 makes of a message's payload, if that has no final block.
fn oracle(payload: &[u8]) -> Result<Option<Vec<u8>>, flate2::DecompressError> {
    let mut raw = Decompress::new(false);
    let mut out = Vec::with_capacity(1 << 20);
    let data = [payload, &[0, 0, 0xff, 0xff]].concat();
    let status = raw.decompress_vec(&data, &mut out, FlushDecompress::None)?;
    assert!(out.len() < out.capacity());
    Ok((status != flate2::Status::StreamEnd).then_some(out))
}

#[test]
fn two_ends_talk_for_long() {
    let mut ends = ROLES.map(|role| session(role, DeflateParams::default(), config()));
    for at in 0..300 {
        let (from, to) = (at % 2, (at + 1) % 2);
        let text = json(at * 37 % 3000, at as u64 % 7);
        ends[from].send(text.as_str(), START).unwrap();
        let wire = written(&mut ends[from]);
        assert_eq!(messages(&mut ends[to], &wire), [Message::from(text)]);
    }
}

#[test]
fn a_rule_of_compression_names_its_rfc() {
    let rules = [
        (Violation::CompressedBit, "6.1", 1002),
        (Violation::InvalidDeflate, "7.2.2", 1007),
        (Violation::TruncatedDeflate, "7.2.2", 1007),
        (Violation::TooManyFinalBlocks, "7.2.1", 1008),
        (Violation::InflationRatio { ratio: 1000 }, "8", 1009),
    ];
    for (rule, section, code) in rules {
        assert_eq!((rule.rfc(), rule.section()), (7692, section));
        assert_eq!(rule.close_code().get(), code);
    }
    assert_eq!(Violation::InvalidUtf8.rfc(), 6455);
}
