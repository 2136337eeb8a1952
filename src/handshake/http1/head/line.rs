//! Where a line ends, told a word of bytes at a time.

const WORD: usize = size_of::<u64>();
const ONES: u64 = u64::from_ne_bytes([0x01; WORD]);
const HIGHS: u64 = ONES << 7;

/// Where the first carriage return or line feed lies, or the end.
#[inline]
pub(in crate::handshake::http1) fn line_end(bytes: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let mut start = 0;
    for (number, word) in bytes.chunks_exact(WORD).enumerate() {
        let ends = ends_of(word);
        if ends != 0 {
            return number * WORD + ends.trailing_zeros() as usize / 8;
        }
        start += WORD;
    }
    match bytes.last_chunk::<WORD>() {
        // What is left lies in the last word, behind bytes that are none.
        Some(word) if start < bytes.len() => match ends_of(word) {
            0 => bytes.len(),
            ends => bytes.len() - WORD + ends.trailing_zeros() as usize / 8,
        },
        _ => bytes.iter().position(is_end).unwrap_or(bytes.len()),
    }
}

/// Where the first control character lies, or the end.
#[inline]
pub(super) fn control(bytes: &[u8]) -> usize {
    let mut start = 0;
    for word in bytes.chunks_exact(WORD) {
        let controls = controls_of(word);
        if controls != 0 {
            return start + controls.trailing_zeros() as usize / 8;
        }
        start += WORD;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(u8::is_ascii_control).unwrap_or(rest.len())
}

/// Where the first colon lies, if there is one.
#[inline]
pub(super) fn colon(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    for word in bytes.chunks_exact(WORD) {
        let word = <[u8; WORD]>::try_from(word).map_or(0, u64::from_le_bytes);
        let colons = zeros(word ^ (ONES * u64::from(b':')));
        if colons != 0 {
            return Some(start + colons.trailing_zeros() as usize / 8);
        }
        start += WORD;
    }
    let rest = bytes.get(start..)?.iter().position(|byte| *byte == b':')?;
    Some(start + rest)
}

/// Not zero if a byte of this word is; the lowest bit lies in the first one.
#[inline]
fn zeros(word: u64) -> u64 {
    // A borrow goes on from a byte that is zero, never into one: the first is always right.
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Not zero if a control character is in this word; the lowest bit lies in the first one.
#[inline]
fn controls_of(word: &[u8]) -> u64 {
    let word = <[u8; WORD]>::try_from(word).map_or(0, u64::from_le_bytes);
    // As above, a borrow goes on only from a byte that is found.
    let low = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    low | zeros(word ^ (ONES * 0x7f))
}

/// Not zero if a carriage return or line feed is in this word; the lowest bit lies in the first one.
#[inline]
fn ends_of(word: &[u8]) -> u64 {
    let word = <[u8; WORD]>::try_from(word).map_or(0, u64::from_le_bytes);
    zeros(word ^ (ONES * u64::from(b'\r'))) | zeros(word ^ (ONES * u64::from(b'\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_its_first_carriage_return_or_line_feed() {
        for len in 0..40 {
            for end in [b'\r', b'\n'] {
                // Bytes that differ from an end in one bit, or only by a borrow.
                for other in [0x0b, 0x0c, 0x0e, 0x8d, 0x8a, 0x00, 0xff, 0x0d ^ 1, 0x0a ^ 1] {
                    let mut bytes = alloc::vec![other; 40];
                    bytes[len] = end;
                    bytes[39] = b'\n';
                    assert_eq!(line_end(&bytes), len, "{end} behind {other}");
                    assert_eq!(line_end(&bytes[..len]), len);
                }
            }
        }
    }

    #[test]
    fn control_characters_are_found_in_every_place() {
        for len in 0..40 {
            for end in (0..0x20).chain([0x7f]) {
                for other in [b' ', b'~', 0x80, 0xff, 0x9f, 0xa0, 0x7e] {
                    let mut bytes = alloc::vec![other; 40];
                    bytes[len] = end;
                    bytes[39] = b'\n';
                    assert_eq!(control(&bytes), len, "{end} behind {other}");
                    assert_eq!(control(&bytes[..len]), len);
                    bytes[len] = b':';
                    assert_eq!((colon(&bytes), colon(&bytes[..len])), (Some(len), None));
                }
            }
        }
    }
}
