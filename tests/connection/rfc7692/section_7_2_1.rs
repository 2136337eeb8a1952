//! Section 7.2.1: what is sent, as a peer with flate2 alone inflates it.

use bytes::Bytes;
use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{Message, Outgoing, Prepared, Role, Seed, SendError, Session};

use super::ends::{Peer, RSV1, compressing, config, json, no_takeover, noise, session, written};
use super::naive;
use crate::support::pair::START;
use crate::support::wire::{ROLES, frames, peer_of};

fn texts() -> Vec<String> {
    [0, 1, 63, 64, 1000, 5000, 70_000, 300_000, 5, 70_000]
        .into_iter()
        .enumerate()
        .map(|(at, size)| json(size, at as u64 / 2))
        .collect()
}

/// The peer of `role`, which has heard nothing yet.
fn peer(role: Role) -> Peer {
    Peer::new(peer_of(role))
}

#[test]
fn any_inflater_understands_what_is_sent() {
    for role in ROLES {
        for params in [DeflateParams::default(), no_takeover()] {
            for level in [0, 1, 5, 6, 9, 200] {
                let config = compressing(|compression| compression.level = level);
                let mut end = session(role, params, config);
                let (mut peer, mut sent, mut size) = (peer(role), 0, 0);
                for text in texts() {
                    end.send(text.as_str(), START).unwrap();
                    let wire = written(&mut end);
                    let heard = peer.hear(&wire);
                    assert_eq!(heard.len(), 1);
                    assert_eq!((heard[0].0, &heard[0].2[..]), (1, text.as_bytes()));
                    sent += text.len();
                    size += wire.len();
                }
                assert!(size < sent / 2, "{role:?}, level {level}: {sent} became {size}");
            }
        }
    }
}

//= rfc7692#7.2.1
//= type=test
//# If the "agreed parameters" contain the "client_no_context_takeover"
//# extension parameter, the client MUST start compressing each new
//# message with an empty LZ77 sliding window.
//= rfc7692#7.2.1
//= type=test
//# If the "agreed parameters" contain the "server_no_context_takeover"
//# extension parameter, the server MUST start compressing each new
//# message with an empty LZ77 sliding window.
#[test]
fn without_takeover_each_message_stands_alone() {
    let text = json(2000, 7);
    for role in ROLES {
        let sizes = [no_takeover(), DeflateParams::default()].map(|params| {
            let mut end = session(role, params, config());
            let mut sizes = Vec::new();
            for _ in 0..3 {
                end.send(text.as_str(), START).unwrap();
                let frame = frames(&written(&mut end)).remove(0);
                sizes.push(frame.payload.len());
                if params == no_takeover() {
                    let (inflated, _) = naive::inflate(&frame.payload, b"");
                    assert!(inflated == text.as_bytes());
                }
            }
            sizes
        });
        assert_eq!(sizes[0][0], sizes[0][1]);
        assert_eq!(sizes[0][0], sizes[0][2]);
        assert!(sizes[1][1] < sizes[1][0] / 4, "{sizes:?}");
        // The own settings are enough for an end to do without, whatever was agreed on.
        let config = compressing(|compression| compression.context_takeover = false);
        let mut end = session(role, DeflateParams::default(), config);
        for _ in 0..2 {
            end.send(text.as_str(), START).unwrap();
            assert_eq!(frames(&written(&mut end))[0].payload.len(), sizes[0][0]);
        }
    }
}

//= rfc7692#7.2.1
//= type=test
//# If the "agreed parameters" contain the "client_max_window_bits"
//# extension parameter with a value of w, the client MUST NOT use an
//# LZ77 sliding window longer than the w-th power of 2 bytes to compress
//# messages to send.
//= rfc7692#7.2.1
//= type=test
//# If the "agreed parameters" contain the "server_max_window_bits"
//# extension parameter with a value of w, the server MUST NOT use an
//# LZ77 sliding window longer than the w-th power of 2 bytes to compress
//# messages to send.
//= rfc7692#7.2.1
//= type=test
//# An endpoint MUST NOT use an LZ77 sliding window longer than 32,768
//# bytes to compress messages to send.
#[test]
fn no_distance_is_longer_than_the_agreed_window() {
    // Each block of noise comes again at growing distances.
    let mut message = Vec::new();
    for at in 0..9 {
        let block = noise(100, 5);
        message.extend_from_slice(&block);
        message.extend(noise(90 << at, at + 100));
        message.extend_from_slice(&json(200, 3).into_bytes());
    }
    for bits in 9..=15 {
        for level in [1, 6, 9] {
            let mut params = DeflateParams::default();
            params.server_max_window_bits = bits;
            let config = compressing(|compression| compression.level = level);
            let mut server = session(Role::Server, params, config);
            server.send(&message[..], START).unwrap();
            let frame = frames(&written(&mut server)).remove(0);
            assert_eq!(frame.first, 0x82 | RSV1);
            let (inflated, farthest) = naive::inflate(&frame.payload, b"");
            assert!(inflated == message);
            assert!(farthest <= 1 << bits, "{farthest} with {bits} bits at level {level}");
            assert!(
                level == 1 || farthest > 1 << bits >> 2,
                "{farthest} with {bits} bits at level {level}"
            );
        }
    }
    // The same over several messages.
    let mut params = DeflateParams::default();
    params.client_max_window_bits = 10;
    let mut client = session(Role::Client, params, config());
    let mut history = Vec::new();
    for at in 0..8 {
        let message = json(700, at % 3);
        client.send(message.as_str(), START).unwrap();
        let frame = frames(&written(&mut client)).remove(0);
        let (inflated, farthest) = naive::inflate(&frame.payload, &history);
        assert!(inflated == message.as_bytes());
        assert!(farthest <= 1024, "{farthest}");
        history.extend(inflated);
    }
}

#[test]
fn a_window_of_8_bits_is_kept_to_by_not_compressing() {
    let mut params = DeflateParams::default();
    params.client_max_window_bits = 8;
    let mut client = session(Role::Client, params, config());
    client.send("x".repeat(1000), START).unwrap();
    client.send_fragment("x", false, START).unwrap();
    client.send_fragment("x", true, START).unwrap();
    client.send(Prepared::new("x".repeat(1000)), START).unwrap();
    let wire = written(&mut client);
    assert!(frames(&wire).iter().all(|frame| frame.first & RSV1 == 0));
    assert_eq!(peer(Role::Client).hear(&wire).len(), 3);
}

#[test]
fn what_is_short_or_does_not_get_smaller_goes_out_plain() {
    let bytes = noise(2000, 1);
    for role in ROLES {
        let config = compressing(|compression| compression.threshold = 100);
        let mut end = session(role, no_takeover(), config.clone());
        for (message, compressed) in [
            (vec![b'x'; 99], false),
            (vec![b'x'; 100], true),
            (Vec::new(), false),
            (bytes.clone(), false),
        ] {
            end.send(message.clone(), START).unwrap();
            let heard = peer(role).hear(&written(&mut end));
            assert_eq!(heard, [(2, compressed, message)]);
        }
        // With takeover the peer has to see whatever the compressor saw.
        let mut end = session(role, DeflateParams::default(), config);
        let mut peer = peer(role);
        for _ in 0..2 {
            end.send(&bytes[..], START).unwrap();
            assert_eq!(peer.hear(&written(&mut end)), [(2, true, bytes.clone())]);
        }
    }
}

#[test]
fn a_message_can_be_kept_from_being_compressed() {
    for role in ROLES {
        let mut end = session(role, DeflateParams::default(), config());
        let mut peer = peer(role);
        let text = json(3000, 1);
        for at in 0..6 {
            match at % 2 {
                0 => end.send(text.as_str(), START).unwrap(),
                _ => end.send(Outgoing::from(text.as_str()).uncompressed(), START).unwrap(),
            }
            let heard = peer.hear(&written(&mut end));
            assert_eq!(heard, [(1, at % 2 == 0, text.clone().into_bytes())]);
        }
    }
}

//= rfc7692#7.2.1
//= type=test
//# Note that
//# for non-final fragments, the removal of 0x00 0x00 0xff 0xff MUST NOT
//# be done.
#[test]
fn a_stream_is_compressed_piece_by_piece() {
    for role in ROLES {
        for params in [DeflateParams::default(), no_takeover()] {
            let mut end = session(role, params, config());
            let mut peer = peer(role);
            for round in 0..3 {
                let pieces = [json(500, round), String::new(), json(3, 1), json(40_000, round)];
                let mut whole = String::new();
                for (at, piece) in pieces.iter().enumerate() {
                    end.send_fragment(piece.as_str(), at == 3, START).unwrap();
                    whole.push_str(piece);
                    let wire = written(&mut end);
                    let frame = frames(&wire).remove(0);
                    let first = [0x01 | RSV1, 0x00, 0x00, 0x80][at];
                    assert_eq!(frame.first, first);
                    let flushed = frame.payload.ends_with(&[0, 0, 0xff, 0xff]);
                    assert_eq!(flushed, at < 3 && !piece.is_empty(), "{at}");
                    if at < 3 {
                        let busy = end.send("no", START).map_err(|refused| refused.reason);
                        assert_eq!(busy, Err(SendError::FragmentsPending));
                    }
                    // What has arrived can be read before the end.
                    if !frame.payload.is_empty() {
                        let last = if at == 3 { &[0, 0, 0xff, 0xff][..] } else { &[] };
                        let payload = [&frame.payload[..], last].concat();
                        let payload = &payload[..payload.len() - 4];
                        assert!(peer.inflate(payload) == piece.as_bytes());
                    }
                }
                end.send(whole.as_str(), START).unwrap();
                let heard = peer.hear(&written(&mut end));
                assert!(heard == [(1, true, whole.into_bytes())]);
            }
        }
    }
}

#[test]
fn a_stream_that_is_refused_leaves_the_context_as_it_was() {
    let mut config = config();
    config.limits.pending_output = 10;
    let mut server = session(Role::Server, DeflateParams::default(), config);
    let mut peer = peer(Role::Server);
    let mut heard = Vec::new();
    for at in 0..6 {
        let text = json(400, at);
        server.send_fragment(text.as_str(), false, START).unwrap();
        assert_eq!(server.send_fragment(text.as_str(), true, START), Err(SendError::Full));
        let mut wire = written(&mut server);
        assert_eq!(server.send_fragment(b"?", true, START), Err(SendError::KindMismatch));
        server.send_fragment(text.as_str(), true, START).unwrap();
        let refused = server.send(text.as_str(), START).map_err(|refused| refused.reason);
        assert_eq!(refused, Err(SendError::Full));
        wire.extend(written(&mut server));
        heard.extend(peer.hear(&wire));
        assert!(heard.last().unwrap().2 == text.repeat(2).into_bytes());
    }
}

#[test]
fn long_messages_are_cut_after_they_are_compressed() {
    for role in ROLES {
        let mut config = config();
        config.fragment_size = Some(1000);
        let mut end = session(role, DeflateParams::default(), config);
        let mut peer = peer(role);
        let text = json(100_000, 1);
        for at in 0..3 {
            match at {
                0 => end.send(text.as_str(), START).unwrap(),
                1 => end.send(Prepared::new(text.as_str()), START).unwrap(),
                _ => {
                    end.send_fragment(text.as_str(), false, START).unwrap();
                    end.send_fragment(text.as_str(), true, START).unwrap();
                }
            }
            end.ping(b"!", START).unwrap();
            let wire = written(&mut end);
            let frames = frames(&wire);
            assert!(frames.len() > 5, "{}", frames.len());
            assert!(frames.iter().all(|frame| frame.payload.len() <= 1000));
            let marked = frames.iter().filter(|frame| frame.first & RSV1 != 0).count();
            let data = frames.iter().find(|frame| frame.first & 0xf != 9).unwrap();
            assert_eq!((marked, data.first & RSV1), (1, RSV1));
            let data: Vec<u8> = frames
                .iter()
                .filter(|frame| frame.first & 0xf != 9)
                .flat_map(|frame| frame.payload.clone())
                .collect();
            let expected = if at == 2 { text.repeat(2) } else { text.clone() };
            assert!(peer.inflate(&data) == expected.as_bytes());
        }
    }
}

#[test]
fn pending_output_counts_what_was_compressed() {
    let mut config = config();
    config.limits.pending_output = 10_000;
    let mut server = session(Role::Server, DeflateParams::default(), config);
    let mut accepted = 0;
    while server.send(vec![b'x'; 100_000], START).is_ok() {
        accepted += 1;
    }
    assert!(accepted > 50, "{accepted}");
    assert!(server.pending_output() < 10_000 + 200);
}

#[test]
fn a_prepared_message_is_compressed_once_for_all() {
    let news = Prepared::new(json(3000, 4));
    let mut shared: Option<Vec<u8>> = None;
    for params in [DeflateParams::default(), no_takeover()] {
        let mut server = session(Role::Server, params, config());
        let mut peer = peer(Role::Server);
        for round in 0..3 {
            // What the compressor saw before is not what the peer saw last.
            for at in 0..2 {
                let text = json(3000, 4 + at);
                server.send(text.as_str(), START).unwrap();
                let heard = peer.hear(&written(&mut server));
                assert!(heard == [(1, true, text.into_bytes())], "round {round}");
            }
            server.send(&news, START).unwrap();
            let wire = written(&mut server);
            assert_eq!(shared.get_or_insert_with(|| wire.clone()), &wire);
            let heard = peer.hear(&wire);
            assert!(heard == [(1, true, news.payload().to_vec())], "round {round}");
        }
    }
    let mut small = DeflateParams::default();
    small.server_max_window_bits = 9;
    let mut server = session(Role::Server, small, config());
    server.send(&news, START).unwrap();
    let wire = written(&mut server);
    assert_ne!(shared, Some(wire.clone()));
    let frame = frames(&wire).remove(0);
    let (inflated, farthest) = naive::inflate(&frame.payload, b"");
    assert!(inflated == news.payload() && farthest <= 512);
    // Without compression, and on a client.
    let plain = Negotiated::default();
    let mut server = Session::upgraded(Role::Server, plain, config(), Seed::new([1; 32]), START);
    server.send(&news, START).unwrap();
    assert_eq!(frames(&written(&mut server))[0].first, 0x81);
    let mut client = session(Role::Client, DeflateParams::default(), config());
    client.send(&news, START).unwrap();
    let heard = peer(Role::Client).hear(&written(&mut client));
    assert!(heard == [(1, true, news.payload().to_vec())]);
}

#[test]
fn a_prepared_message_that_does_not_get_smaller_stays_as_it_is() {
    let noise = Prepared::new(noise(1000, 1));
    let short = Prepared::new("short");
    let config = compressing(|compression| compression.threshold = 10);
    let mut server = session(Role::Server, DeflateParams::default(), config);
    let mut peer = peer(Role::Server);
    let text = json(500, 1);
    for prepared in [&noise, &short, &noise] {
        server.send(text.as_str(), START).unwrap();
        server.send(prepared, START).unwrap();
        let heard = peer.hear(&written(&mut server));
        assert!(heard[0].1 && heard[0].2 == text.as_bytes());
        assert!(!heard[1].1 && heard[1].2 == prepared.payload());
    }
}

#[test]
fn what_waits_behind_a_large_message_keeps_its_order() {
    let mut config = config();
    config.fragment_size = Some(5000);
    config.limits.pending_output = 10_000_000;
    let mut server = session(Role::Server, DeflateParams::default(), config);
    let mut peer = peer(Role::Server);
    let mut sent = Vec::new();
    for at in 0..8 {
        let message = noise(200_000, at);
        server.send(Bytes::from(message.clone()), START).unwrap();
        let news = Prepared::new(json(300, at));
        server.send(&news, START).unwrap();
        server.send(Message::from(&message[..100]).uncompressed(), START).unwrap();
        sent.push((2, true, message.clone()));
        sent.push((1, true, news.payload().to_vec()));
        sent.push((2, false, message[..100].to_vec()));
    }
    let wire = written(&mut server);
    let mut heard = Vec::new();
    let mut payload = Vec::new();
    for frame in frames(&wire) {
        if frame.first & 0xf != 0 {
            payload.push((frame.first & 0xf, frame.first & RSV1 != 0, Vec::new()));
        }
        payload.last_mut().unwrap().2.extend(frame.payload);
    }
    for (kind, compressed, bytes) in payload {
        let bytes = if compressed { peer.inflate(&bytes) } else { bytes };
        heard.push((kind, compressed, bytes));
    }
    assert!(heard == sent);
}
