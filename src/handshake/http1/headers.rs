//! Header fields: those received, in the text that they arrived in, and those to send, checked
//! before a byte of them is written.

use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use super::head::line_end;
use crate::handshake::head::Sink;
use crate::sync::Arc;

/// A part of the head, as offsets: a head is at most 4 GiB long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::handshake) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Where `part` lies within `whole`. An empty part may lie anywhere.
    pub(in crate::handshake) fn of(part: &[u8], whole: &[u8]) -> Self {
        if part.is_empty() {
            return Self::default();
        }
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(start.saturating_add(part.len())) }
    }

    /// What lies between these offsets; nothing lies nowhere.
    pub(in crate::handshake) fn between(start: usize, end: usize) -> Self {
        if start == end {
            return Self::default();
        }
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// The offset of its first byte.
    pub(in crate::handshake) fn start(self) -> usize {
        self.start as usize
    }

    /// The offset behind it.
    pub(in crate::handshake) fn end(self) -> usize {
        self.end as usize
    }

    #[inline]
    fn within(self, whole: &[u8]) -> &[u8] {
        whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The header fields of a received request or response.
///
/// Names compare without regard to ASCII case, as RFC 6455 section 4.1 asks. Values are bytes:
/// HTTP does not promise that they are text.
///
/// `Debug` shows `Authorization`, `Proxy-Authorization`, `Cookie` and `Set-Cookie` by name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers {
    /// The head as it came, which a server's session and its application share.
    text: Arc<[u8]>,
    /// The lines of the fields. Where each begins is not kept, since sockets keep this for as long as
    /// they live: whoever asks for a field goes over the lines.
    lines: Span,
}

impl Default for Headers {
    fn default() -> Self {
        Self::new(&[], Span::default())
    }
}

impl Headers {
    /// The fields of a head whose lines of fields end with a line feed, or with both line endings, and
    /// have neither otherwise.
    pub(in crate::handshake) fn new(text: &[u8], lines: Span) -> Self {
        Self { text: text.into(), lines }
    }

    pub(in crate::handshake) fn text(&self, span: Span) -> &str {
        core::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }

    #[inline]
    pub(in crate::handshake) fn bytes(&self, span: Span) -> &[u8] {
        span.within(&self.text)
    }

    /// Where a part of these fields lies.
    pub(in crate::handshake) fn span_of(&self, part: &[u8]) -> Span {
        Span::of(part, &self.text)
    }

    /// The first value of `name` if there is one and it is UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next().and_then(|value| core::str::from_utf8(value).ok())
    }

    /// Every value of `name`, one for each header field of that name, in the order received.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        //= rfc6455#4.1
        //# Please note that according to [RFC2616], all header field names in
        //# both HTTP requests and HTTP responses are case-insensitive.
        let wanted = name.as_bytes();
        let may_be = move |line: &&[u8]| {
            line.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
        };
        let fields = self.lines().filter(may_be).filter_map(field);
        fields.filter(move |(name, _)| name.len() == wanted.len()).map(|(_, value)| value)
    }

    /// Every header field as name and value, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields().map(|(name, value)| (core::str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The same with names as bytes.
    pub(in crate::handshake) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().filter_map(field)
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes(self.lines);
        core::iter::from_fn(move || {
            let (line, end) = rest.split_at_checked(line_end(rest)).filter(|_| !rest.is_empty())?;
            let ending = if end.starts_with(b"\r\n") { 2 } else { 1 };
            rest = end.get(ending..).unwrap_or_default();
            Some(line)
        })
    }

    /// The number of header fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields().count()
    }

    /// Whether there is no header field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none()
    }

    pub(in crate::handshake) fn has(&self, name: &str) -> bool {
        self.get_all(name).next().is_some()
    }

    /// The elements of a comma-separated list that may be spread over several header fields.
    ///
    /// Empty elements are left out, as HTTP's list grammar allows a sender to leave them in.
    pub(in crate::handshake) fn list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.get_all(name).flat_map(elements)
    }

    /// Whether the list `name` has the element `token`, without regard to ASCII case.
    pub(in crate::handshake) fn list_has(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The elements of one value of a comma-separated list, but for empty ones.
pub(in crate::handshake) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let all = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    all.filter(|element| !element.is_empty())
}

/// A line of a head as name and value, if it is a field; in that of a refusal, it may be none.
pub(in crate::handshake) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let value = line.get(colon + 1..)?.trim_ascii();
    is_token(name).then_some((name, value))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
        let mut map = f.debug_map();
        for (name, value) in self.iter() {
            let shown = if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
                b"..."
            } else {
                value
            };
            map.entry(&name, &format_args!("{}", shown.escape_ascii()));
        }
        map.finish()
    }
}

/// Why a header field cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is empty or has a character that HTTP allows in no name.
    #[error("the header name is not a token")]
    Name,
    /// The value has a carriage return, a line feed or another control character.
    #[error("the header value has a control character")]
    Value,
    /// The header field is written by the opening handshake itself.
    #[error("the header field is written by the opening handshake itself")]
    Reserved,
    /// The header field has a name that is too long for the types of the `http` crate, or is one more
    /// than they hold.
    #[error("the header field does not fit the types of the http crate")]
    TooLarge,
}

/// Header fields to send, serialised, each already checked.
#[derive(Clone, Default)]
pub(in crate::handshake) struct Fields(Vec<u8>);

impl Fields {
    /// Adds a field, or says why it cannot be sent.
    ///
    /// Nothing that could end the line gets in, so a value taken from elsewhere cannot smuggle in
    /// a header field or a second request.
    pub(in crate::handshake) fn push(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<(), HeaderError> {
        const RESERVED: [&str; 4] =
            ["upgrade", "connection", "content-length", "transfer-encoding"];
        const OURS: &[u8] = b"sec-websocket-";
        if !is_token(name.as_bytes()) {
            return Err(HeaderError::Name);
        }
        if !is_value(value.as_bytes()) {
            return Err(HeaderError::Value);
        }
        //= rfc6455#4.2.2
        //# Extensions not listed by the client MUST NOT be listed.
        let prefix = name.as_bytes().get(..OURS.len()).unwrap_or_default();
        if prefix.eq_ignore_ascii_case(OURS)
            || RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
        {
            return Err(HeaderError::Reserved);
        }
        for part in [name, ": ", value, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }

    /// Writes every field, in the order in which they were added.
    pub(in crate::handshake) fn write(&self, sink: &mut impl Sink) {
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, rest) = line.split_at(colon);
            let value = rest.get(": ".len()..rest.len() - "\r\n".len()).unwrap_or_default();
            sink.field(core::str::from_utf8(name).unwrap_or_default(), value);
        }
    }

    /// Drops the fields of these names.
    pub(in crate::handshake) fn remove(&mut self, names: &[&str]) {
        let is_kept = |line: &&[u8]| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            !names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
        };
        let kept = self.0.split_inclusive(|byte| *byte == b'\n').filter(is_kept);
        self.0 = kept.flatten().copied().collect();
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: what is sent may be a credential.
        let names = self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let end = line.iter().position(|byte| *byte == b':')?;
            core::str::from_utf8(line.get(..end)?).ok()
        });
        f.debug_list().entries(names).finish()
    }
}

/// Whether `bytes` are an HTTP token.
pub(in crate::handshake) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

pub(in crate::handshake) const fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut token = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            token[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.')
                || matches!(byte, b'^'..=b'`' | b'|' | b'~');
            byte += 1;
        }
        token
    };
    TOKEN[byte as usize]
}

/// Whether `bytes` can be sent as the value of a header field.
pub(in crate::handshake) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    fn written(fields: &Fields) -> String {
        let mut out = bytes::BytesMut::new();
        fields.write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn token_bytes_are_those_of_http() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token_byte(byte), allowed, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn nothing_that_ends_a_line_can_be_sent() {
        let cases = [
            ("", "v", HeaderError::Name),
            ("a b", "v", HeaderError::Name),
            ("a:", "v", HeaderError::Name),
            ("a\r\nb", "v", HeaderError::Name),
            ("ä", "v", HeaderError::Name),
            ("a", "v\r\nEvil: 1", HeaderError::Value),
            ("a", "v\n", HeaderError::Value),
            ("a", "v\r", HeaderError::Value),
            ("a", "v\0", HeaderError::Value),
            ("a", "v\x7f", HeaderError::Value),
            ("UPGRADE", "v", HeaderError::Reserved),
            ("connection", "close", HeaderError::Reserved),
            ("Content-Length", "3", HeaderError::Reserved),
            ("transfer-Encoding", "chunked", HeaderError::Reserved),
            ("Sec-WebSocket-Key", "v", HeaderError::Reserved),
            ("sec-websocket-protocol", "v", HeaderError::Reserved),
        ];
        for (name, value, error) in cases {
            let mut fields = Fields::default();
            assert_eq!(fields.push(name, value), Err(error), "{name:?}: {value:?}");
            assert_eq!(written(&fields), "");
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let mut fields = Fields::default();
        fields.push("Authorization", "Basic c2VjcmV0").unwrap();
        fields.push("X", "\tü").unwrap();
        assert_eq!(format!("{fields:?}"), r#"["Authorization", "X"]"#);
        fields.push("Empty", "").unwrap();
        let all = "Authorization: Basic c2VjcmV0\r\nX: \tü\r\nEmpty: \r\n";
        assert_eq!(written(&fields), all);
    }
}
