//! The first bytes of what was not expected, in a fixed size.

use core::fmt;

/// The first bytes, at most 16, of something that should have been something else: they often say
/// what it is.
///
/// Its `Display` shows them in quotes, what is not printable in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstBytes {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl FirstBytes {
    /// The most that is kept, in bytes.
    pub(crate) const MAX: usize = 16;

    /// Adds what comes next, as long as there is room.
    pub(crate) fn extend(&mut self, input: &[u8]) {
        let start = usize::from(self.len);
        let room = self.bytes.get_mut(start..).unwrap_or_default();
        let count = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(input) {
            *to = *from;
        }
        self.len += count as u8;
    }

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.len) == Self::MAX
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstBytes({self})")
    }
}

/// The bytes as they are displayed, without the quotes.
#[cfg(feature = "serde")]
impl serde::Serialize for FirstBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn sixteen_are_kept_however_they_come() {
        let all = b"\x15\x03\x01SSH-2.0-OpenSSH_9.6\r\n";
        for size in 1..all.len() {
            let mut first = FirstBytes::default();
            all.chunks(size).for_each(|part| first.extend(part));
            assert_eq!(first.as_bytes(), &all[..16]);
            assert!(first.is_full());
            assert_eq!(first.to_string(), "\"\\x15\\x03\\x01SSH-2.0-OpenS\"");
        }
    }
}
