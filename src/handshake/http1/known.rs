//! The header fields that the opening handshake has rules for, found in one pass over the head.
//!
//! Invariant: an [`Index`] says of each of them where its first value lies and how often the field is
//! there, and is right for the head that it was made with. Every rule asks it, none goes over the
//! fields on its own.

use super::headers::{Headers, Span, elements};

/// A field that there is a rule for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::handshake) enum Known {
    Host,
    Origin,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
    Key,
    Accept,
    Version,
    Protocol,
    Extensions,
}

impl Known {
    const ALL: [Self; 11] = [
        Self::Host,
        Self::Origin,
        Self::Upgrade,
        Self::Connection,
        Self::ContentLength,
        Self::TransferEncoding,
        Self::Key,
        Self::Accept,
        Self::Version,
        Self::Protocol,
        Self::Extensions,
    ];

    pub(in crate::handshake) const fn name(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::Origin => "Origin",
            Self::Upgrade => "Upgrade",
            Self::Connection => "Connection",
            Self::ContentLength => "Content-Length",
            Self::TransferEncoding => "Transfer-Encoding",
            Self::Key => "Sec-WebSocket-Key",
            Self::Accept => "Sec-WebSocket-Accept",
            Self::Version => "Sec-WebSocket-Version",
            Self::Protocol => "Sec-WebSocket-Protocol",
            Self::Extensions => "Sec-WebSocket-Extensions",
        }
    }

    /// The field of this name, without regard to ASCII case. Most differ in length, but for two.
    #[inline]
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let (known, same) = match name.len() {
            4 => (Self::Host, is_name(name, b"host")),
            6 => (Self::Origin, is_name(name, b"origin")),
            7 => (Self::Upgrade, is_name(name, b"upgrade")),
            10 => (Self::Connection, is_name(name, b"connection")),
            14 => (Self::ContentLength, is_name(name, b"content-length")),
            17 if matches!(name.first(), Some(b'T' | b't')) => {
                (Self::TransferEncoding, is_name(name, b"transfer-encoding"))
            }
            17 => (Self::Key, is_name(name, b"sec-websocket-key")),
            20 => (Self::Accept, is_name(name, b"sec-websocket-accept")),
            21 => (Self::Version, is_name(name, b"sec-websocket-version")),
            22 => (Self::Protocol, is_name(name, b"sec-websocket-protocol")),
            24 => (Self::Extensions, is_name(name, b"sec-websocket-extensions")),
            _ => return None,
        };
        same.then_some(known)
    }
}

/// Whether a name is this one in lower case. A length that the compiler knows makes this a comparison
/// of a few words.
#[inline]
fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    let mut differing = 0;
    for (byte, lower) in name.iter().zip(lower) {
        let case = if lower.is_ascii_lowercase() { 0x20 } else { 0 };
        differing |= (byte | case) ^ lower;
    }
    differing == 0
}

/// Where the first value of a field lies, and how many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    first: Span,
    count: u32,
}

/// Where the known fields of a head lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::handshake) struct Index([Found; Known::ALL.len()]);

/// Why there is no single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::handshake) enum Count {
    None,
    Many,
}

impl Index {
    pub(in crate::handshake) fn of(headers: &Headers) -> Self {
        let mut index = Self::default();
        for (name, value) in headers.fields() {
            if let Some(known) = Known::named(name) {
                index.note(known, headers.span_of(value));
            }
        }
        index
    }

    /// Adds a field of the head.
    #[inline]
    pub(super) fn note(&mut self, known: Known, value: Span) {
        let found = &mut self.0[known as usize];
        if found.count == 0 {
            found.first = value;
        }
        found.count = found.count.saturating_add(1);
    }

    /// Where the first value lies, if there is one.
    #[inline]
    pub(in crate::handshake) fn first(&self, known: Known) -> Option<Span> {
        let found = self.0[known as usize];
        (found.count > 0).then_some(found.first)
    }

    #[inline]
    pub(in crate::handshake) fn has(&self, known: Known) -> bool {
        self.0[known as usize].count > 0
    }

    /// The only value, or how many there are instead.
    #[inline]
    pub(in crate::handshake) fn single<'h>(
        &self,
        known: Known,
        headers: &'h Headers,
    ) -> Result<&'h [u8], Count> {
        let found = self.0[known as usize];
        match found.count {
            0 => Err(Count::None),
            1 => Ok(headers.bytes(found.first)),
            _ => Err(Count::Many),
        }
    }

    /// Whether this is so of every value, one for each field.
    #[inline]
    pub(in crate::handshake) fn all_values(
        &self,
        known: Known,
        headers: &Headers,
        mut test: impl FnMut(&[u8]) -> bool,
    ) -> bool {
        let found = self.0[known as usize];
        match found.count {
            0 => true,
            1 => test(headers.bytes(found.first)),
            _ => headers.get_all(known.name()).all(test),
        }
    }

    /// Whether a list has the element `token`, without regard to ASCII case.
    #[inline]
    pub(in crate::handshake) fn list_has(
        &self,
        known: Known,
        headers: &Headers,
        token: &str,
    ) -> bool {
        let differs = |element: &[u8]| !element.eq_ignore_ascii_case(token.as_bytes());
        // Mostly it is the only one.
        let differs_in = |value: &[u8]| differs(value) && elements(value).all(differs);
        !self.all_values(known, headers, differs_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_field_is_found_by_its_name_alone() {
        for known in Known::ALL {
            let name = known.name();
            assert_eq!(Known::named(name.as_bytes()), Some(known));
            assert_eq!(Known::named(name.to_ascii_uppercase().as_bytes()), Some(known));
            assert_eq!(Known::named(name.to_ascii_lowercase().as_bytes()), Some(known));
            for at in 0..name.len() {
                let mut other = alloc::vec::Vec::from(name);
                for byte in 0..=u8::MAX {
                    other[at] = byte;
                    let same = byte.eq_ignore_ascii_case(&name.as_bytes()[at]);
                    assert_eq!(Known::named(&other), same.then_some(known), "{byte} at {at}");
                }
                assert_eq!(Known::named(&other[..at]), None);
            }
        }
    }

    #[test]
    fn the_first_value_is_found_and_all_are_counted() {
        let text = b"x:y\r\nHOST: a\r\nUpgrade: b, ,c\r\nhost:\td \r\nUpgrade: E\r\nOrigin:\r\n";
        let headers = Headers::new(text, Span::between(0, text.len()));
        let index = Index::of(&headers);
        let single = |known| index.single(known, &headers);
        assert_eq!(index.first(Known::Host).map(|span| headers.text(span)), Some("a"));
        assert_eq!(single(Known::Host), Err(Count::Many));
        assert_eq!(single(Known::Origin), Ok(&b""[..]));
        assert_eq!(single(Known::Key), Err(Count::None));
        assert!(index.has(Known::Upgrade) && !index.has(Known::Connection));
        for (token, there) in [("B", true), ("c", true), ("e", true), ("d", false), ("b,", false)] {
            assert_eq!(index.list_has(Known::Upgrade, &headers, token), there, "{token}");
        }
        let mut values = alloc::vec::Vec::new();
        let all = index.all_values(Known::Host, &headers, |value| {
            values.push(alloc::vec::Vec::from(value));
            true
        });
        assert!(all && values == [b"a", b"d"]);
    }
}
