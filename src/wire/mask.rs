//! Masking and unmasking of payloads, in place and while copying (RFC 6455, section 5.3).
//!
//! Invariant: whatever path a length takes, each byte is combined with its byte of the key once.

use core::array;

use bytes::BytesMut;

use super::copy;

/// The four bytes that a masked frame's payload is combined with (RFC 6455, section 5.3).
///
/// ```
/// use farewell::{MaskingKey, apply_mask};
///
/// // The masked "Hello" of RFC 6455, section 5.7.
/// let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// apply_mask(&mut payload, key);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaskingKey([u8; 4]);

impl MaskingKey {
    /// The key of these four bytes, in the order in which they are on the wire.
    #[must_use]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes, in the order in which they are on the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// The key as it applies from the payload's byte number `offset` on.
    ///
    /// A payload that arrives in pieces is unmasked piece by piece, each with the key rotated by
    /// the number of payload bytes before it.
    #[inline]
    #[must_use]
    pub const fn rotated(self, offset: usize) -> Self {
        Self(self.word().rotate_right(8 * (offset % 4) as u32).to_le_bytes())
    }

    /// The key as a word whose lowest byte is the first, on any machine.
    #[inline]
    const fn word(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// The key twice, as such a word.
    #[inline]
    const fn word64(self) -> u64 {
        self.word() as u64 * 0x1_0000_0001
    }

    /// The key four times, as such a word.
    #[inline]
    const fn word128(self) -> u128 {
        (self.word64() as u128) << 64 | self.word64() as u128
    }
}

/// Masks or unmasks `payload` in place: both are the same operation (RFC 6455, section 5.3).
///
/// Nothing is copied or allocated. `payload` starts where the key starts; for a later piece of a
/// payload see [`apply_mask_at`](crate::apply_mask_at).
#[inline]
pub fn apply(payload: &mut [u8], key: MaskingKey) {
    //= rfc6455#5.3
    //# Octet i of the transformed data ("transformed-octet-i") is the XOR of
    //# octet i of the original data ("original-octet-i") with octet at index
    //# i modulo 4 of the masking key ("masking-key-octet-j"):
    match payload.len() {
        0..=3 => {
            for (byte, key) in payload.iter_mut().zip(key.0) {
                *byte ^= key;
            }
        }
        4..=7 => {
            let mask = |bytes, key: MaskingKey| u32::from_le_bytes(bytes) ^ key.word();
            apply_ends(payload, key, |bytes, key| mask(bytes, key).to_le_bytes());
        }
        8..=15 => {
            let mask = |bytes, key: MaskingKey| u64::from_le_bytes(bytes) ^ key.word64();
            apply_ends(payload, key, |bytes, key| mask(bytes, key).to_le_bytes());
        }
        16..=32 => {
            let mask = |bytes, key: MaskingKey| u128::from_le_bytes(bytes) ^ key.word128();
            apply_ends(payload, key, |bytes, key| mask(bytes, key).to_le_bytes());
        }
        _ => apply_long(payload, key),
    }
}

/// Masks or unmasks in place a piece that starts `offset` bytes into its payload.
///
/// ```
/// use farewell::{MaskingKey, apply_mask, apply_mask_at};
///
/// let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = *b"in two pieces";
/// apply_mask(&mut payload, key);
/// apply_mask_at(&mut payload[..5], key, 0);
/// apply_mask_at(&mut payload[5..], key, 5);
/// assert_eq!(&payload, b"in two pieces");
/// ```
#[inline]
pub fn apply_at(payload: &mut [u8], key: MaskingKey, offset: usize) {
    apply(payload, key.rotated(offset));
}

/// Appends `payload` to `out`, masked.
#[inline]
pub(crate) fn append_masked(out: &mut BytesMut, payload: &[u8], key: MaskingKey) {
    // A multiple of the key's length; small enough to be masked while it is in the L1 cache.
    payload.chunks(copy::PIECE).for_each(|part| append_masked_short(out, part, key));
}

/// Appends a payload of not much more than a cache line, masked.
#[inline]
pub(crate) fn append_masked_short(out: &mut BytesMut, payload: &[u8], key: MaskingKey) {
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(masked) = out.get_mut(start..) {
        apply(masked, key);
    }
}

/// Unmasks `payload` in place and says whether all of it is ASCII, in one pass.
pub(crate) fn apply_checking_ascii(payload: &mut [u8], key: MaskingKey) -> bool {
    if payload.len() < 2 * BLOCK {
        apply(payload, key);
        return payload.is_ascii();
    }
    let start = until_aligned(payload);
    let (head, rest) = payload.split_at_mut(start);
    apply(head, key);

    let key = key.rotated(start);
    let pattern = block_of(key);
    let mut seen = [0u8; BLOCK];
    let mut look = |block: &mut [u8]| {
        for ((byte, key), seen) in block.iter_mut().zip(&pattern).zip(&mut seen) {
            *byte ^= key;
            *seen |= *byte;
        }
    };
    let mut turns = rest.chunks_exact_mut(TURN);
    for turn in &mut turns {
        turn.chunks_exact_mut(BLOCK).for_each(&mut look);
    }
    let mut blocks = turns.into_remainder().chunks_exact_mut(BLOCK);
    blocks.by_ref().for_each(&mut look);
    let tail = blocks.into_remainder();
    apply(tail, key);
    head.is_ascii() && seen.is_ascii() && tail.is_ascii()
}

/// Masks a payload of `N` to `2 * N` bytes as two words that may overlap.
#[inline]
fn apply_ends<const N: usize>(
    payload: &mut [u8],
    key: MaskingKey,
    mask: impl Fn([u8; N], MaskingKey) -> [u8; N],
) {
    let (Some(&first), Some(&last)) = (payload.first_chunk(), payload.last_chunk()) else {
        return;
    };
    // Both are read before either is written, so that the bytes in both are masked once.
    let first = mask(first, key);
    let last = mask(last, key.rotated(payload.len() - N));
    if let Some(chunk) = payload.first_chunk_mut() {
        *chunk = first;
    }
    if let Some(chunk) = payload.last_chunk_mut() {
        *chunk = last;
    }
}

/// How many bytes the long paths take at once: enough for vector instructions, and few enough for
/// the pattern to be made quickly.
const BLOCK: usize = 32;

/// How many bytes one turn of their loops takes.
const TURN: usize = 4 * BLOCK;

/// The long path; out of line to keep the short one small where it is inlined.
#[inline(never)]
fn apply_long(payload: &mut [u8], key: MaskingKey) {
    // From here on aligning pays for itself.
    const ALIGNED: usize = 512;

    if payload.len() < ALIGNED {
        return apply_blocks(payload, key);
    }
    let (head, rest) = payload.split_at_mut(until_aligned(payload));
    apply(head, key);
    apply_blocks(rest, key.rotated(head.len()));
}

/// How many bytes at the start to take alone, so that the rest is aligned for vectors of 16 bytes:
/// the long loops are bound by stores, and those across two cache lines cost twice.
#[inline]
fn until_aligned(payload: &[u8]) -> usize {
    // The offset may be anything by its contract; no more than a vector is of use.
    payload.as_ptr().align_offset(16).min(16).min(payload.len())
}

/// Masks a payload of at least a block; what is left after whole blocks is in the last one, which
/// overlaps the one before.
#[inline]
fn apply_blocks(payload: &mut [u8], key: MaskingKey) {
    let Some(&(mut last)) = payload.last_chunk::<BLOCK>() else { return };
    xor(&mut last, &block_of(key.rotated(payload.len() % BLOCK)));
    let pattern = block_of(key);
    let mut turns = payload.chunks_exact_mut(TURN);
    for turn in &mut turns {
        for block in turn.chunks_exact_mut(BLOCK) {
            xor(block, &pattern);
        }
    }
    for block in turns.into_remainder().chunks_exact_mut(BLOCK) {
        xor(block, &pattern);
    }
    if let Some(chunk) = payload.last_chunk_mut() {
        *chunk = last;
    }
}

#[inline]
fn xor(block: &mut [u8], pattern: &[u8; BLOCK]) {
    for (byte, key) in block.iter_mut().zip(pattern) {
        *byte ^= key;
    }
}

#[inline]
fn block_of(key: MaskingKey) -> [u8; BLOCK] {
    array::from_fn(|i| key.0[i % 4])
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

    //= rfc6455#5.3
    //= type=test
    //# Octet i of the transformed data ("transformed-octet-i") is the XOR of
    //# octet i of the original data ("original-octet-i") with octet at index
    //# i modulo 4 of the masking key ("masking-key-octet-j"):
    fn naive(payload: &[u8], key: MaskingKey, offset: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key.bytes()[(offset + i) % 4]).collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    #[test]
    fn every_short_length_offset_and_start_agrees_with_the_formula() {
        for len in 0..200 {
            for offset in 0..8 {
                for start in 0..8 {
                    let mut buffer = sample(start + len + 8);
                    let mut expected = buffer.clone();
                    expected[start..start + len].copy_from_slice(&naive(
                        &buffer[start..start + len],
                        KEY,
                        offset,
                    ));
                    apply_at(&mut buffer[start..start + len], KEY, offset);
                    assert_eq!(buffer, expected, "{len} bytes at {start}, offset {offset}");
                }
            }
        }
    }

    #[test]
    fn appending_and_the_ascii_test_agree_with_the_formula() {
        for len in (0..200).chain([4095, 4096, 4097, 8193, 12_290]) {
            let plain = sample(len);
            let masked = naive(&plain, KEY, 0);

            let mut out = BytesMut::from(&b"before"[..]);
            append_masked(&mut out, &plain, KEY);
            assert_eq!(out[..6], b"before"[..], "{len} bytes");
            assert_eq!(out[6..], masked[..], "{len} bytes");

            let mut payload = masked;
            assert_eq!(apply_checking_ascii(&mut payload, KEY), plain.is_ascii(), "{len} bytes");
            assert_eq!(payload, plain, "{len} bytes");
        }
    }

    #[test]
    fn long_payloads_agree_with_the_formula_at_every_alignment() {
        for len in [64, 65, 95, 511, 512, 513, 529, 543, 544, 1000] {
            for start in 0..17 {
                let plain: Vec<u8> = sample(start + len).iter().map(|byte| byte & 0x7f).collect();
                let mut buffer = plain.clone();
                let expected = naive(&plain[start..], KEY, 0);
                apply(&mut buffer[start..], KEY);
                assert_eq!(buffer[start..], expected[..], "{len} bytes at {start}");
                assert!(apply_checking_ascii(&mut buffer[start..], KEY), "{len} bytes at {start}");
                assert_eq!(buffer, plain, "{len} bytes at {start}");
                for place in [0, 14, 15, 16, 47, 48, len - 33, len - 1] {
                    let mut buffer = plain.clone();
                    buffer[start + place] |= 0x80;
                    apply(&mut buffer[start..], KEY);
                    let ascii = apply_checking_ascii(&mut buffer[start..], KEY);
                    assert!(!ascii, "{len} bytes at {start}, not ASCII at {place}");
                }
            }
        }
    }

    #[test]
    fn one_byte_beyond_ascii_is_seen_at_every_place() {
        for len in 1..200 {
            for place in 0..len {
                let mut plain = Vec::from_iter((0..len).map(|i| b'a' + (i % 26) as u8));
                let mut masked = naive(&plain, KEY, 0);
                assert!(apply_checking_ascii(&mut masked, KEY), "{len} bytes");
                plain[place] = 0x80;
                let mut masked = naive(&plain, KEY, 0);
                assert!(!apply_checking_ascii(&mut masked, KEY), "{len} bytes, 0x80 at {place}");
                assert_eq!(masked, plain);
            }
        }
    }

    proptest! {
        #[test]
        fn any_payload_in_any_pieces(
            payload in prop::collection::vec(any::<u8>(), 0..20_000),
            key: [u8; 4],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let key = MaskingKey::new(key);
            let expected = naive(&payload, key, 0);
            let mut cuts = Vec::from_iter(cuts.iter().map(|cut| cut.index(payload.len() + 1)));
            cuts.push(payload.len());
            cuts.sort_unstable();

            let mut masked = payload.clone();
            let mut start = 0;
            for end in cuts {
                apply_at(&mut masked[start..end], key, start);
                start = end;
            }
            prop_assert_eq!(&masked, &expected);

            let mut out = BytesMut::new();
            append_masked(&mut out, &payload, key);
            prop_assert_eq!(&out[..], &expected[..]);

            let ascii = payload.is_ascii();
            prop_assert_eq!(apply_checking_ascii(&mut masked, key), ascii);
            prop_assert_eq!(masked, payload);
        }
    }
}
