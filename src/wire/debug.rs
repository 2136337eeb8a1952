//! Payloads in `Debug` output: their beginning and their length, however long they are.

use core::fmt;

/// So many bytes are shown.
const SHOWN: usize = 64;

/// Bytes, as a list.
pub(crate) struct ShortBytes<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for ShortBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(SHOWN) {
            Some((shown, rest)) if !rest.is_empty() => f
                .debug_list()
                .entries(shown)
                .entry(&format_args!("... {} more", rest.len()))
                .finish(),
            _ => self.0.fmt(f),
        }
    }
}

/// Text, as a literal.
pub(crate) struct ShortText<'a>(pub(crate) &'a str);

impl fmt::Debug for ShortText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= SHOWN {
            return self.0.fmt(f);
        }
        let end = (0..=SHOWN).rev().find(|&at| self.0.is_char_boundary(at)).unwrap_or_default();
        let (shown, rest) = self.0.split_at(end);
        write!(f, "{shown:?} ... {} more bytes", rest.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn what_is_long_is_shown_by_its_beginning() {
        assert_eq!(format!("{:?}", ShortBytes(&[1, 2])), "[1, 2]");
        let bytes = format!("{:?}", ShortBytes(&[7; 1_000_000]));
        assert!(bytes.starts_with("[7, 7, ") && bytes.ends_with(", ... 999936 more]"), "{bytes}");
        assert!(!format!("{:?}", ShortBytes(&[7; SHOWN])).contains("more"));

        assert_eq!(format!("{:?}", ShortText("a\n")), r#""a\n""#);
        let text = format!("a{}", "ü".repeat(100));
        let shown = format!("{:?}", ShortText(&text));
        assert!(shown.starts_with("\"aüü") && shown.ends_with("ü\" ... 138 more bytes"), "{shown}");
    }
}
