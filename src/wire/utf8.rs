//! Validation of text that arrives in pieces (RFC 6455, section 8.1), failing at the first byte
//! after which it cannot be valid any more.
//!
//! Invariant: where it fails does not depend on how the text was split into pieces. All that outlives
//! a piece is which bytes may come next in a begun sequence.

/// An incremental UTF-8 validator: one message's bytes go in, piece by piece.
///
/// Call [`validate`](Self::validate) with each piece in order, then [`finish`](Self::finish) at the
/// end of the message. Pieces may end anywhere, in the middle of a character too. See RFC 6455,
/// section 8.1.
///
/// ```
/// use farewell::Utf8Validator;
///
/// let mut validator = Utf8Validator::default();
/// let text = "κόσμε".as_bytes();
/// validator.validate(&text[..3])?;
/// validator.validate(&text[3..])?;
/// validator.finish()?;
///
/// // 0xed 0xa0 would begin a surrogate: it fails at the second byte, before the third arrives.
/// let error = validator.validate(b"ok \xed\xa0").unwrap_err();
/// assert_eq!(error.offset, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8Validator {
    /// Bytes that the begun sequence still lacks; zero between characters.
    missing: u8,
    /// The least and the greatest byte that may come next in the begun sequence.
    low: u8,
    high: u8,
}

impl Utf8Validator {
    /// Validates the next piece of a message.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] with the index, in this piece, of the first byte that no valid text could
    /// have there. The validator then is as new: what it is given next begins another text.
    #[inline]
    pub fn validate(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        if self.missing == 0 && piece.len() <= SHORT && is_short_ascii(piece) {
            return Ok(());
        }
        self.validate_any(piece)
    }

    /// Ends a message; the next piece begins another one.
    ///
    /// # Errors
    ///
    /// [`IncompleteUtf8`] when the text ends inside a character.
    #[inline]
    pub fn finish(&mut self) -> Result<(), IncompleteUtf8> {
        let complete = self.is_between_characters();
        *self = Self::default();
        if complete { Ok(()) } else { Err(IncompleteUtf8) }
    }

    /// Whether no character is begun; then a piece known to be ASCII needs no validation.
    #[inline]
    #[must_use]
    pub const fn is_between_characters(&self) -> bool {
        self.missing == 0
    }

    #[inline(never)]
    fn validate_any(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let mut start = 0;
        while self.missing > 0 {
            let Some(&byte) = piece.get(start) else { return Ok(()) };
            self.step(byte, start)?;
            start += 1;
        }
        let rest = &piece[start..];
        // A sequence that goes on in the next piece is kept out of the bulk, which would have to
        // refuse it.
        let bulk = rest.len() - unfinished(rest);
        let valid = if is_valid(&rest[..bulk]) { bulk } else { valid_up_to(&rest[..bulk]) };
        self.step_all(piece, start + valid)
    }

    /// Goes on from `start` byte by byte: at most four of them to an error, else three to the end.
    fn step_all(&mut self, piece: &[u8], start: usize) -> Result<(), InvalidUtf8> {
        for (index, &byte) in piece.iter().enumerate().skip(start) {
            self.step(byte, index)?;
        }
        Ok(())
    }

    /// Takes one byte, by table 3-7 of the Unicode standard.
    #[inline]
    fn step(&mut self, byte: u8, offset: usize) -> Result<(), InvalidUtf8> {
        if self.missing > 0 {
            if byte < self.low || byte > self.high {
                *self = Self::default();
                return Err(InvalidUtf8 { offset });
            }
            *self = Self { missing: self.missing - 1, low: 0x80, high: 0xbf };
            return Ok(());
        }
        let (missing, low, high) = match byte {
            0x00..=0x7f => (0, 0, 0),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            // Shorter forms exist of what would follow 0xe0 or 0xf0 with a lower byte.
            0xe0 => (2, 0xa0, 0xbf),
            // Surrogates.
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            // Beyond U+10FFFF.
            0xf4 => (3, 0x80, 0x8f),
            0x80..=0xc1 | 0xf5..=0xff => return Err(InvalidUtf8 { offset }),
        };
        *self = Self { missing, low, high };
        Ok(())
    }
}

/// A text is not valid UTF-8, and cannot become so (RFC 6455, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the piece cannot be part of UTF-8 text")]
pub struct InvalidUtf8 {
    /// Index in the piece of the first byte that no valid text could have there.
    pub offset: usize,
}

/// A text ended inside a character (RFC 6455, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text ends inside a UTF-8 sequence")]
pub struct IncompleteUtf8;

/// Up to this length a piece is looked at in a few words before anything else is called.
const SHORT: usize = 32;

/// From this length on the vector validator is worth its call; it takes no fewer itself.
const BULK: usize = 64;

fn is_valid(bytes: &[u8]) -> bool {
    if bytes.len() < BULK {
        core::str::from_utf8(bytes).is_ok()
    } else {
        simdutf8::basic::from_utf8(bytes).is_ok()
    }
}

/// The length of the longest prefix that is whole, valid characters. Called once in a text.
#[cold]
fn valid_up_to(bytes: &[u8]) -> usize {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    }
}

/// How many bytes at the end, of at most three, begin a sequence longer than they are.
#[inline]
fn unfinished(bytes: &[u8]) -> usize {
    for (index, &byte) in bytes.iter().rev().take(3).enumerate() {
        let width = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            0x00..=0x7f => 1,
        };
        return if width > index + 1 { index + 1 } else { 0 };
    }
    0
}

/// Whether a piece of at most [`SHORT`] bytes is ASCII, by words that may overlap.
#[inline]
fn is_short_ascii(bytes: &[u8]) -> bool {
    match bytes.len() {
        0..=3 => bytes.iter().all(u8::is_ascii),
        4..=7 => are_ends_ascii::<4>(bytes),
        8..=15 => are_ends_ascii::<8>(bytes),
        _ => are_ends_ascii::<16>(bytes),
    }
}

/// Whether the first and the last `N` bytes are ASCII: all of `N` to `2 * N` bytes.
#[inline]
fn are_ends_ascii<const N: usize>(bytes: &[u8]) -> bool {
    match (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        (Some(first), Some(last)) => first.iter().zip(last).fold(0, |or, (a, b)| or | a | b) < 0x80,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences".
    const WELL_FORMED: &[&[(u8, u8)]] = &[
        &[(0x00, 0x7f)],
        &[(0xc2, 0xdf), (0x80, 0xbf)],
        &[(0xe0, 0xe0), (0xa0, 0xbf), (0x80, 0xbf)],
        &[(0xe1, 0xec), (0x80, 0xbf), (0x80, 0xbf)],
        &[(0xed, 0xed), (0x80, 0x9f), (0x80, 0xbf)],
        &[(0xee, 0xef), (0x80, 0xbf), (0x80, 0xbf)],
        &[(0xf0, 0xf0), (0x90, 0xbf), (0x80, 0xbf), (0x80, 0xbf)],
        &[(0xf1, 0xf3), (0x80, 0xbf), (0x80, 0xbf), (0x80, 0xbf)],
        &[(0xf4, 0xf4), (0x80, 0x8f), (0x80, 0xbf), (0x80, 0xbf)],
    ];

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Outcome {
        Valid,
        Incomplete,
        /// Index of the first bad byte in the whole text.
        Invalid(usize),
    }

    /// The oracle: a sequence goes on as long as some row of the table has it as a beginning.
    fn naive(text: &[u8]) -> Outcome {
        let mut start = 0;
        for end in 1..=text.len() {
            let sequence = &text[start..end];
            let row = WELL_FORMED.iter().find(|row| {
                sequence.len() <= row.len()
                    && sequence
                        .iter()
                        .zip(**row)
                        .all(|(byte, range)| (range.0..=range.1).contains(byte))
            });
            match row {
                None => return Outcome::Invalid(end - 1),
                Some(row) if row.len() == sequence.len() => start = end,
                Some(_) => {}
            }
        }
        if start == text.len() { Outcome::Valid } else { Outcome::Incomplete }
    }

    fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let mut validator = Utf8Validator::default();
        let mut start = 0;
        for piece in pieces {
            if let Err(error) = validator.validate(piece) {
                return Outcome::Invalid(start + error.offset);
            }
            start += piece.len();
        }
        match validator.finish() {
            Ok(()) => Outcome::Valid,
            Err(IncompleteUtf8) => Outcome::Incomplete,
        }
    }

    /// Checks a text against the oracle: whole, cut at each place, and byte by byte.
    fn check(text: &[u8]) -> Outcome {
        let expected = naive(text);
        for cut in 0..=text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(in_pieces([a, b]), expected, "{a:02x?} {b:02x?}");
        }
        assert_eq!(in_pieces(text.chunks(1)), expected, "{text:02x?} byte by byte");
        expected
    }

    //= rfc6455#8.1
    //= type=test
    //# When an endpoint is to interpret a byte stream as UTF-8 but finds
    //# that the byte stream is not, in fact, a valid UTF-8 stream, that
    //# endpoint MUST _Fail the WebSocket Connection_.
    #[test]
    fn known_texts() {
        use Outcome::{Incomplete, Invalid, Valid};

        let cases: &[(&[u8], Outcome)] = &[
            (b"", Valid),
            (b"Hello, world", Valid),
            ("κόσμε".as_bytes(), Valid),
            ("Hello-µ@ßöäüàá-UTF-8!!".as_bytes(), Valid),
            (
                "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".as_bytes(),
                Valid,
            ),
            // Noncharacters and the byte order mark are characters like others.
            ("\u{feff}\u{fffe}\u{fdd0}\u{1fffe}\u{10fffe}\0".as_bytes(), Valid),
            // A surrogate in the middle, then text that is not reached.
            (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", Invalid(12)),
            // Beyond U+10FFFF; the second byte of 0xf4 shows it.
            (b"\xce\xba\xf4\x90\x80\x80", Invalid(3)),
            (b"\xf5\x80\x80\x80", Invalid(0)),
            (b"\xf8\x88\x80\x80\x80", Invalid(0)),
            (b"\xfc\x84\x80\x80\x80\x80", Invalid(0)),
            (b"\xfe", Invalid(0)),
            (b"\xff", Invalid(0)),
            // Overlong forms of U+0000 and '/', and the greatest of each length.
            (b"\xc0\x80", Invalid(0)),
            (b"\xc0\xaf", Invalid(0)),
            (b"\xe0\x80\xaf", Invalid(1)),
            (b"\xf0\x80\x80\xaf", Invalid(1)),
            (b"\xc1\xbf", Invalid(0)),
            (b"\xe0\x9f\xbf", Invalid(1)),
            (b"\xf0\x8f\xbf\xbf", Invalid(1)),
            // Surrogates, alone and in pairs.
            (b"\xed\xa0\x80", Invalid(1)),
            (b"\xed\xbf\xbf", Invalid(1)),
            (b"\xed\xa0\x80\xed\xb0\x80", Invalid(1)),
            // Continuation bytes that nothing began, and beginnings that nothing goes on.
            (b"\x80", Invalid(0)),
            (b"a\xbf", Invalid(1)),
            (b"\xc3(", Invalid(1)),
            (b"\xe2\x82(", Invalid(2)),
            (b"\xf0\x9f\x98(", Invalid(3)),
            (b"\xe2\x82\xe2\x82\xac", Invalid(2)),
            (b"\xf0\x9f\xf0", Invalid(2)),
            // What is impossible fails before the sequence is complete.
            (b"\xe0\x80", Invalid(1)),
            (b"\xed\xa0", Invalid(1)),
            (b"\xf4\x90", Invalid(1)),
            (b"\xf0\x80", Invalid(1)),
            (b"\xc0", Invalid(0)),
            // What may still become valid does not.
            (b"\xc2", Incomplete),
            (b"\xe0\xa0", Incomplete),
            (b"\xed\x9f", Incomplete),
            (b"\xf0\x9f\x98", Incomplete),
            (b"\xf4\x8f\xbf", Incomplete),
        ];
        for &(text, expected) in cases {
            assert_eq!(check(text), expected, "{text:02x?}");
            // The same behind text long enough for the vector validator, at every alignment.
            for padding in 60..70 {
                let padded = [&[b'.'; 70][..padding], text].concat();
                let shifted = match expected {
                    Invalid(index) => Invalid(index + padding),
                    other => other,
                };
                assert_eq!(check(&padded), shifted, "{padded:02x?}");
            }
        }
    }

    /// The bytes at which table 3-7 changes its mind, and their neighbours.
    const EDGES: &[u8] = &[
        0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ];

    /// Calls `f` with every text of `len` of the edges.
    fn every_text(len: usize, f: &mut impl FnMut(&[u8])) {
        let mut indices = [0; 8];
        let mut text = [EDGES[0]; 8];
        'texts: loop {
            f(&text[..len]);
            for place in 0..len {
                indices[place] = (indices[place] + 1) % EDGES.len();
                text[place] = EDGES[indices[place]];
                if indices[place] != 0 {
                    continue 'texts;
                }
            }
            return;
        }
    }

    #[test]
    fn every_short_text_of_edge_bytes_fails_where_the_table_says() {
        for len in 0..=4 {
            every_text(len, &mut |text| {
                check(text);
            });
        }
    }

    #[test]
    fn every_short_text_of_edge_bytes_behind_and_before_a_long_one() {
        every_text(3, &mut |text| {
            for padding in [32, 64, 127] {
                let behind = [&[b'.'; 127][..padding], text].concat();
                let around = [&behind[..], &[b'.'; 64]].concat();
                for text in [behind, around] {
                    let expected = naive(&text);
                    assert_eq!(in_pieces([&text[..]]), expected, "{text:02x?}");
                    let (a, b) = text.split_at(padding + 1);
                    assert_eq!(in_pieces([a, b]), expected, "{a:02x?} {b:02x?}");
                }
            }
        });
    }

    #[test]
    fn a_finished_or_failed_validator_is_as_new() {
        let mut validator = Utf8Validator::default();
        assert_eq!(validator.validate(b"\xe2\x82"), Ok(()));
        assert!(!validator.is_between_characters());
        assert_eq!(validator.finish(), Err(IncompleteUtf8));
        assert_eq!(validator.validate(b"\xac"), Err(InvalidUtf8 { offset: 0 }));
        assert_eq!(validator.validate(b"\xe2\x82"), Ok(()));
        assert_eq!(validator.validate(b""), Ok(()));
        assert_eq!(validator.validate(b"x"), Err(InvalidUtf8 { offset: 0 }));
        assert!(validator.is_between_characters());
        assert_eq!(validator.validate("€".as_bytes()), Ok(()));
        assert_eq!(validator.finish(), Ok(()));
        assert!(size_of::<Utf8Validator>() <= 4);
    }

    /// Mostly valid text, with some of its bytes replaced.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => "[a-z ]{0,80}",
            3 => "\\PC{0,40}",
            2 => "[а-я€-₿\u{10000}-\u{10ffff}]{0,30}",
        ];
        let damage = (any::<prop::sample::Index>(), any::<u8>());
        (prop::collection::vec(part, 0..12), prop::collection::vec(damage, 0..3)).prop_map(
            |(parts, damage)| {
                let mut text = parts.concat().into_bytes();
                for (place, byte) in damage {
                    if !text.is_empty() {
                        let place = place.index(text.len());
                        text[place] = byte;
                    }
                }
                text
            },
        )
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_first_bad_byte(
            text in text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            size in 1usize..200,
        ) {
            let expected = naive(&text);
            let mut cuts = Vec::from_iter(cuts.iter().map(|cut| cut.index(text.len() + 1)));
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
            prop_assert_eq!(in_pieces(pieces), expected, "cut at {:?}", cuts);
            prop_assert_eq!(in_pieces(text.chunks(size)), expected, "pieces of {}", size);
            prop_assert_eq!(in_pieces([&text[..]]), expected);
        }
    }
}
