//! Whatever order messages are sent in, and however, the peer's inflater can follow with exactly the
//! window that was agreed on and exactly the context that it has.

use farewell::handshake::DeflateParams;
use farewell::{Outgoing, Prepared, Role, Session};
use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;

use super::ends::{RSV1, TAIL, compressing, json, noise, session, written};
use super::naive;
use crate::support::pair::START;
use crate::support::wire::{ROLES, frames};

const WINDOW: usize = 32 * 1024;

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Uncompressed(Vec<u8>),
    /// One of a few, so that each is sent more than once.
    Prepared(usize),
    /// In this many pieces, of which some are empty.
    Fragments(Vec<u8>, usize),
}

/// Few different texts, so that there is much to refer to, at all distances.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![Just(0), 0..100_usize, 100..1500_usize, 1500..40_000_usize];
    (size, 0..3_u64, 0..6).prop_map(|(size, seed, kind)| match kind {
        0 => noise(size, seed),
        1 => [noise(size / 2, seed), noise(size / 2, seed)].concat(),
        _ => json(size, seed).into_bytes(),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => payload().prop_map(Step::Send),
        1 => payload().prop_map(Step::Uncompressed),
        2 => (0..3_usize).prop_map(Step::Prepared),
        2 => (payload(), 1..6_usize).prop_map(|(payload, count)| Step::Fragments(payload, count)),
    ]
}

/// An inflater with a window of this size, and the context that it has.
struct Strict {
    bits: u8,
    takeover: bool,
    raw: Decompress,
    history: Vec<u8>,
}

impl Strict {
    fn new(bits: u8, takeover: bool) -> Self {
        let raw = Decompress::new_with_window_bits(false, bits);
        Self { bits, takeover, raw, history: Vec::new() }
    }

    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takeover {
            *self = Self::new(self.bits, false);
        }
        let (naively, farthest) = naive::inflate(payload, &self.history);
        let window = 1 << self.bits;
        assert!(farthest <= window, "{farthest} bytes back with a window of {window}");
        self.history.extend_from_slice(&naively);
        self.history.drain(..self.history.len().saturating_sub(WINDOW));
        let data = [payload, &TAIL].concat();
        let (mut rest, mut out, mut few) = (&data[..], Vec::new(), [0; 8]);
        // What is in the output of a call can be referred to beside the window, so that it is short.
        loop {
            let before = (self.raw.total_in(), self.raw.total_out());
            self.raw.decompress(rest, &mut few, FlushDecompress::None).expect("valid DEFLATE data");
            let made = (self.raw.total_out() - before.1) as usize;
            rest = &rest[(self.raw.total_in() - before.0) as usize..];
            out.extend_from_slice(&few[..made]);
            if rest.is_empty() && made < few.len() {
                break;
            }
        }
        assert!(out == naively);
        out
    }

    /// The messages that `session` has to write.
    fn hear(&mut self, session: &mut Session) -> Vec<Vec<u8>> {
        let mut messages: Vec<(bool, Vec<u8>)> = Vec::new();
        for frame in frames(&written(session)) {
            if frame.first & 0xf != 0 {
                messages.push((frame.first & RSV1 != 0, Vec::new()));
            }
            messages.last_mut().unwrap().1.extend(frame.payload);
        }
        let inflate = |(compressed, payload): (bool, Vec<u8>)| {
            if compressed { self.inflate(&payload) } else { payload }
        };
        messages.into_iter().map(inflate).collect()
    }
}

fn take(end: &mut Session, prepared: &[Prepared], step: &Step) -> Vec<u8> {
    match step {
        Step::Send(message) => end.send(&message[..], START).unwrap(),
        Step::Uncompressed(message) => {
            end.send(Outgoing::from(&message[..]).uncompressed(), START).unwrap()
        }
        Step::Prepared(at) => {
            end.send(&prepared[*at], START).unwrap();
            return prepared[*at].payload().to_vec();
        }
        Step::Fragments(message, count) => {
            for piece in message.chunks(message.len().div_ceil(*count).max(1)) {
                end.send_fragment(piece, false, START).unwrap();
                end.send_fragment(b"", false, START).unwrap();
            }
            end.send_fragment(b"", true, START).unwrap();
        }
    }
    let (Step::Send(message) | Step::Uncompressed(message) | Step::Fragments(message, _)) = step
    else {
        unreachable!("a prepared message was returned")
    };
    message.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_peer_needs_no_more_than_the_agreed_window_and_context(
        steps in prop::collection::vec(step(), 1..12),
        bits in 9..=15_u8,
        takeover in any::<bool>(),
        level in 1..=9_u8,
        fragment_size in prop_oneof![Just(None), (50..5000_usize).prop_map(Some)],
    ) {
        for role in ROLES {
            let mut params = DeflateParams::default();
            let (own_bits, own_reset) = match role {
                Role::Client => {
                    (&mut params.client_max_window_bits, &mut params.client_no_context_takeover)
                }
                Role::Server => {
                    (&mut params.server_max_window_bits, &mut params.server_no_context_takeover)
                }
            };
            (*own_bits, *own_reset) = (bits, !takeover);
            let mut config = compressing(|compression| {
                compression.level = level;
                compression.threshold = 64;
            });
            config.fragment_size = fragment_size;
            config.limits.pending_output = usize::MAX;
            let prepared = [
                Prepared::new(json(3000, 1)),
                Prepared::new(&noise(500, 2)[..]),
                Prepared::new(json(20, 1)),
            ];
            let mut end = session(role, params, config);
            let mut peer = Strict::new(bits, takeover);
            for step in &steps {
                let expected = take(&mut end, &prepared, step);
                prop_assert!(peer.hear(&mut end) == [expected], "{role:?}: {step:?}");
            }
        }
    }
}
