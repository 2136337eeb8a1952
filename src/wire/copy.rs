//! Copying of much, in pieces.
//!
//! Invariant: where memory was reserved before, nothing is allocated here.

use bytes::BufMut;

/// What is longer, C libraries copy by one instruction, for which some processors take seven times as
/// long where the two places lie at an unlucky distance: payloads often do, behind their headers. So
/// much, they copy with vectors.
pub(crate) const PIECE: usize = 2048;

/// Appends `bytes` to `out`.
#[inline]
pub(crate) fn append<B: BufMut>(out: &mut B, bytes: &[u8]) {
    if bytes.len() <= PIECE { out.put_slice(bytes) } else { append_long(out, bytes) }
}

#[inline(never)]
fn append_long<B: BufMut>(out: &mut B, bytes: &[u8]) {
    for piece in bytes.chunks(PIECE) {
        out.put_slice(piece);
    }
}

/// Copies `from` over the beginning of `to`, as far as there is of both.
pub(crate) fn over(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.chunks_mut(PIECE).zip(from.chunks(PIECE)) {
        let len = to.len().min(from.len());
        if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use bytes::BytesMut;

    use super::*;

    #[test]
    fn every_byte_is_copied_once() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 7] {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251) as u8).collect();
            let (mut vec, mut buffer) = (vec![9], BytesMut::from(&[9][..]));
            append(&mut vec, &bytes);
            append(&mut buffer, &bytes);
            assert_eq!((&vec[1..], &buffer[1..]), (&bytes[..], &bytes[..]));
            for longer in [0, 1, PIECE] {
                let mut to = vec![3; len + longer];
                over(&mut to, &bytes);
                assert_eq!((&to[..len], &to[len..]), (&bytes[..], &vec![3; longer][..]));
            }
            let mut short = vec![3; len / 2];
            over(&mut short, &bytes);
            assert_eq!(short, bytes[..len / 2]);
        }
    }
}
