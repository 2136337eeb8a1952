//! What a peer sends: numbered messages, whole and in fragments, with control frames in between.

use farewell::Role;

use super::rng::Rng;
use crate::support::wire::{frame, mask_of, peer_of};

/// The peer's side of a connection, after the opening handshake.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) wire: Vec<u8>,
    pub(crate) messages: Vec<Sent>,
    /// Where each Ping ends in `wire`, and its payload.
    pub(crate) pings: Vec<(usize, Vec<u8>)>,
    pub(crate) closes: bool,
}

#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) payload: Vec<u8>,
    /// Where its last byte lies behind in the wire.
    pub(crate) end: usize,
}

impl Script {
    /// What the peer of `role` sends.
    pub(crate) fn random(role: Role, rng: &mut Rng, count: usize) -> Self {
        let mut script = Self::default();
        let mask = mask_of(peer_of(role));
        for number in 0..count {
            let len = match rng.below(12) {
                0 => 0,
                1..=5 => rng.below(126),
                6..=9 => rng.below(2_000),
                10 => 30_000 + rng.below(50_000),
                _ => 65_536 + rng.below(100_000),
            };
            let payload = numbered(number, len);
            let first = if rng.one_in(2) { 0x81 } else { 0x82 };
            if rng.one_in(3) {
                let mut rest = &payload[..];
                let mut opcode = first & 0xf;
                while rest.len() > 1 && !rng.one_in(4) {
                    let (piece, left) = rest.split_at(1 + rng.below(rest.len() - 1));
                    script.wire.extend(frame(opcode, mask, piece));
                    (opcode, rest) = (0, left);
                    if rng.one_in(3) {
                        script.ping(mask);
                    }
                }
                script.wire.extend(frame(0x80 | opcode, mask, rest));
            } else {
                script.wire.extend(frame(first, mask, &payload));
            }
            script.messages.push(Sent { payload, end: script.wire.len() });
            for _ in 0..rng.below(3) {
                script.ping(mask);
            }
            if rng.one_in(10) {
                script.wire.extend(frame(0x8a, mask, b"unasked"));
            }
        }
        if rng.one_in(2) {
            script.wire.extend(frame(0x88, mask, &[0x03, 0xe8]));
            script.closes = true;
        }
        script
    }

    fn ping(&mut self, mask: Option<[u8; 4]>) {
        let payload = (self.pings.len() as u32).to_be_bytes().to_vec();
        self.wire.extend(frame(0x89, mask, &payload));
        self.pings.push((self.wire.len(), payload));
    }

    /// How many messages have come whole with so many bytes.
    pub(crate) fn whole(&self, bytes: usize) -> usize {
        self.messages.iter().take_while(|message| message.end <= bytes).count()
    }
}

/// A payload that tells which message it is, in ASCII.
pub(crate) fn numbered(number: usize, len: usize) -> Vec<u8> {
    let mut payload = format!("{number:06}:").into_bytes();
    payload.extend((0..len).map(|at| b'a' + ((number + at) % 26) as u8));
    payload
}

/// A frame as it was written: its first byte and its payload.
pub(crate) type Frame = (u8, Vec<u8>);

/// What `role` has written, as frames; the last one may be cut short, and is left out then.
pub(crate) fn frames(role: Role, mut wire: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut take = |count: usize| -> Option<Vec<u8>> {
        let (taken, left) = wire.split_at_checked(count)?;
        wire = left;
        Some(taken.to_vec())
    };
    let mut next = || -> Option<Frame> {
        let head = take(2)?;
        assert_eq!(head[1] & 0x80 != 0, role == Role::Client, "masked or not");
        let len = match head[1] & 0x7f {
            126 => usize::from(u16::from_be_bytes(take(2)?.try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(take(8)?.try_into().unwrap())).unwrap(),
            short => usize::from(short),
        };
        let mask = if role == Role::Client { take(4)? } else { vec![0; 4] };
        let mut payload = take(len)?;
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        Some((head[0], payload))
    };
    while let Some(frame) = next() {
        frames.push(frame);
    }
    frames
}

/// The data messages among frames; every rule of their order is checked.
pub(crate) fn messages(frames: &[Frame]) -> Vec<Vec<u8>> {
    let (mut messages, mut under_way, mut closed) = (Vec::new(), None::<Vec<u8>>, false);
    for (first, payload) in frames {
        match first & 0xf {
            0 => under_way.as_mut().expect("a message under way").extend(payload),
            1 | 2 => assert!(under_way.replace(payload.clone()).is_none(), "a message in another"),
            8 => {
                assert!(!closed, "a second Close");
                assert!(under_way.is_none(), "a Close inside a message");
                closed = true;
                continue;
            }
            9 | 10 => {
                assert!(first & 0x80 != 0 && payload.len() <= 125);
                continue;
            }
            other => panic!("opcode {other}"),
        }
        assert!(!closed, "data behind the Close");
        if first & 0x80 != 0 {
            messages.extend(under_way.take());
        }
    }
    messages
}
