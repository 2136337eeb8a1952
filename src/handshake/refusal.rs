//! A response other than 101: its head and the beginning of its body, which may say why there is no
//! connection.
//!
//! No more than [`MAX_BODY`] bytes of body are stored. The body of a refusal is a hint, never a
//! protocol: a malformed one ends where it stops making sense, without an error.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::head::ResponseHead;
use super::http1::headers::Headers;
use super::http1::retry_after::retry_after;

/// The most that is stored of a refusal's body, in bytes.
const MAX_BODY: usize = 4096;

/// The server's refusal to open a WebSocket connection: a response with a status other than 101.
///
/// A redirection is a refusal too, with the place to go in its `Location`. `Debug` shows no header
/// field and nothing of the body: they may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    head: ResponseHead,
    body: Bytes,
    elsewhere: bool,
}

impl Refusal {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The reason phrase, empty where there is none or where it is not ASCII.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.head.headers.text(self.head.reason)
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Whether it is a redirection to another host than the one that was asked: a captive portal's,
    /// for example. A path alone, and another port or scheme, stay on the same host.
    #[must_use]
    pub fn redirects_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// How long the server asks to wait before the next attempt: its Retry-After (RFC 9110 section
    /// 10.2.3), in seconds or as a date.
    ///
    /// A date is taken relative to the response's own Date; without that there is no result. The
    /// wait can be as long as the server likes: bound it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers())
    }

    /// The same with this body, of which the first 4 KiB are kept: for a refusal that was judged by its
    /// head alone.
    #[must_use]
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let kept = body.get(..MAX_BODY).map(Bytes::copy_from_slice);
        Self { body: kept.unwrap_or(body), ..self }
    }

    /// The first 4 KiB of the body, without its chunked coding, compressed if the server did so.
    ///
    /// Less if the body is shorter, or if the stream ended or the deadline passed before.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Status and reason, and how much there is of the rest.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status())
            .field("reason", &self.reason())
            .field("header_fields", &self.headers().iter().count())
            .field("body_bytes", &self.body.len())
            .field("redirects_elsewhere", &self.elsewhere)
            .finish()
    }
}

/// `status` and `reason`. Header fields and the body are left out: they may hold secrets.
#[cfg(feature = "serde")]
impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut fields = serializer.serialize_struct("Refusal", 2)?;
        fields.serialize_field("status", &self.status())?;
        fields.serialize_field("reason", self.reason())?;
        fields.end()
    }
}

/// Gathers the body of a refusal.
#[derive(Debug)]
pub(super) struct BodyReader {
    head: Option<ResponseHead>,
    elsewhere: bool,
    body: Vec<u8>,
    framing: Framing,
}

/// Where the next byte of the body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// In a body of which this many bytes are to come.
    Length(u64),
    /// In a body that ends with the stream.
    UntilEnd,
    /// In the size of a chunk.
    ChunkSize(u64),
    /// Behind the size of a chunk, before the end of the line.
    ChunkExtension(u64),
    /// In a chunk of which this many bytes are to come, its own line ending included.
    Chunk(u64),
    /// Behind the body.
    End,
}

impl BodyReader {
    /// For the body behind this head, which came in response to a request to this host.
    pub(super) fn new(head: ResponseHead, host: &str) -> Self {
        let (framing, elsewhere) = (framing_of(&head), redirects_elsewhere(&head, host));
        Self { head: Some(head), elsewhere, body: Vec::new(), framing }
    }

    /// Takes bytes up to the end of what is stored. Returns how many, and the refusal at its end.
    pub(super) fn receive(&mut self, input: &[u8]) -> (usize, Option<Refusal>) {
        let mut taken = 0;
        while !self.is_complete() && taken < input.len() {
            taken += self.step(input.get(taken..).unwrap_or_default());
        }
        if self.is_complete() { (taken, self.take()) } else { (taken, None) }
    }

    /// The refusal with as much of its body as there is.
    pub(super) fn finish(mut self) -> Option<Refusal> {
        self.take()
    }

    fn take(&mut self) -> Option<Refusal> {
        let body = core::mem::take(&mut self.body).into();
        let elsewhere = self.elsewhere;
        self.head.take().map(|head| Refusal { head, body, elsewhere })
    }

    fn is_complete(&self) -> bool {
        self.body.len() >= MAX_BODY || matches!(self.framing, Framing::Length(0) | Framing::End)
    }

    /// Takes one byte of framing or as many bytes of body as there are. Returns how many.
    fn step(&mut self, input: &[u8]) -> usize {
        let first = input.first().copied().unwrap_or_default();
        self.framing = match self.framing {
            Framing::Length(left) => {
                let stored = self.store(input, left);
                self.framing = Framing::Length(left - stored as u64);
                return stored;
            }
            Framing::UntilEnd => return self.store(input, u64::MAX),
            Framing::Chunk(left) if left > 2 => {
                let stored = self.store(input, left - 2);
                self.framing = Framing::Chunk(left - stored as u64);
                return stored;
            }
            Framing::Chunk(2) if first == b'\r' => Framing::Chunk(1),
            Framing::Chunk(1) if first == b'\n' => Framing::ChunkSize(0),
            Framing::ChunkSize(size) => match (first as char).to_digit(16) {
                Some(digit) => match size.checked_mul(16) {
                    Some(size) => Framing::ChunkSize(size + u64::from(digit)),
                    None => Framing::End,
                },
                None => Framing::ChunkExtension(size),
            },
            // Trailers would tell nothing, and the connection carries nothing after them.
            Framing::ChunkExtension(0) if first == b'\n' => Framing::End,
            Framing::ChunkExtension(size) if first == b'\n' => {
                Framing::Chunk(size.saturating_add(2))
            }
            Framing::ChunkExtension(size) => Framing::ChunkExtension(size),
            Framing::Chunk(_) | Framing::End => Framing::End,
        };
        1
    }

    /// Stores at most `limit` bytes of body. Returns how many.
    fn store(&mut self, input: &[u8], limit: u64) -> usize {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let count = input.len().min(limit).min(MAX_BODY - self.body.len());
        self.body.extend_from_slice(input.get(..count).unwrap_or_default());
        count
    }
}

/// Whether a response sends the client to another host (RFC 9110 sections 15.4 and 10.2.2).
fn redirects_elsewhere(head: &ResponseHead, host: &str) -> bool {
    if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
        return false;
    }
    let location = head.headers.get("Location").and_then(host_of);
    location.is_some_and(|there| !there.eq_ignore_ascii_case(host))
}

/// The host of a URI reference that has one, without the brackets of an IPv6 address.
fn host_of(reference: &str) -> Option<&str> {
    let reference = reference.trim();
    let rest = match reference.split_once("//") {
        Some(("", rest)) => rest,
        Some((scheme, rest)) if scheme.ends_with(':') && !scheme.contains(['/', '?', '#']) => rest,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// How the end of the body is told, as HTTP says for a response to GET.
fn framing_of(head: &ResponseHead) -> Framing {
    if matches!(head.status, 204 | 304) {
        return Framing::End;
    }
    if head.headers.has("Transfer-Encoding") {
        let chunked = head.headers.list_has("Transfer-Encoding", "chunked");
        return if chunked { Framing::ChunkSize(0) } else { Framing::UntilEnd };
    }
    let length = head.headers.get("Content-Length").and_then(|text| text.parse().ok());
    length.map_or(Framing::UntilEnd, Framing::Length)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;

    use super::super::head::Kind;
    use super::super::http1::head::HeadReader;
    use super::*;
    use crate::config::Limits;

    fn reader(head: &str) -> BodyReader {
        let mut reader = HeadReader::new(Kind::Response, &Limits::default());
        assert_eq!(reader.receive(head.as_bytes()), Ok((head.len(), true)));
        BodyReader::new(reader.take_response().unwrap(), "example.com")
    }

    /// What was stored, how many bytes were taken, and whether the body ended by itself.
    fn read<'a>(head: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (String, usize, bool) {
        let text = |refusal: &Refusal| String::from_utf8_lossy(refusal.body()).into_owned();
        let mut reader = reader(head);
        let mut taken = 0;
        for piece in pieces {
            let (count, refusal) = reader.receive(piece);
            taken += count;
            if let Some(refusal) = refusal {
                return (text(&refusal), taken, true);
            }
            assert_eq!(count, piece.len());
        }
        (text(&reader.finish().unwrap()), taken, false)
    }

    #[test]
    fn bodies_end_where_http_says() {
        const CHUNKED: &str = "HTTP/1.1 403 No\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
        const FIVE: &str = "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n";
        let cases = [
            (FIVE, "helloHTTP", ("hello", 5, true)),
            (FIVE, "hell", ("hell", 4, false)),
            ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "x", ("", 0, true)),
            ("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "x", ("", 0, true)),
            ("HTTP/1.0 403 No\r\n\r\n", "to the end", ("to the end", 10, false)),
            ("HTTP/1.1 403 No\r\nContent-Length: no\r\n\r\n", "end", ("end", 3, false)),
            ("HTTP/1.1 403 No\r\nTransfer-Encoding: gzip\r\n\r\n", "end", ("end", 3, false)),
            (
                CHUNKED,
                "5\r\nhello\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
                ("hello0123456789", 32, true),
            ),
            (CHUNKED, "5\r\nhel", ("hel", 6, false)),
            (CHUNKED, "2\r\nhiX\r\n", ("hi", 6, true)),
            (CHUNKED, "fffffffffffffffffff\r\nhi", ("", 17, true)),
            (CHUNKED, "ffffffffffffffff\r\nhi", ("hi", 20, false)),
            (CHUNKED, "\r\nhi", ("", 2, true)),
        ];
        for (head, wire, (body, taken, complete)) in cases {
            let wire_bytes = wire.as_bytes();
            let expected = (String::from(body), taken, complete);
            // An empty piece shows what is complete before any byte of the body.
            let whole = [&[][..], wire_bytes];
            assert_eq!(read(head, whole.into_iter()), expected, "{head:?} {wire:?}");
            let single = core::iter::once(&[][..]).chain(wire_bytes.chunks(1));
            assert_eq!(read(head, single), expected, "{head:?} {wire:?}");
        }
    }

    #[test]
    fn only_another_host_is_elsewhere() {
        let cases = [
            ("302 Found", "http://portal.example/login", true),
            ("301 Moved", "//portal.example", true),
            ("303 See", "https://user@[::1]:8080/", true),
            ("307 Go", "http://example.com.evil/", true),
            ("308 Go", "HTTPS://portal.example:443?a", true),
            ("302 Found", "https://Example.COM:8443/chat", false),
            ("302 Found", "/login?to=http://portal.example/", false),
            ("302 Found", "login", false),
            ("302 Found", "http://", false),
            ("304 Same", "http://portal.example/", false),
            ("200 OK", "http://portal.example/", false),
        ];
        for (status, location, elsewhere) in cases {
            let head = alloc::format!("HTTP/1.1 {status}\r\nLocation: {location}\r\n\r\n");
            let refusal = reader(&head).finish().unwrap();
            assert_eq!(refusal.redirects_elsewhere(), elsewhere, "{head}");
        }
        let nowhere = reader("HTTP/1.1 302 Found\r\n\r\n").finish().unwrap();
        assert!(!nowhere.redirects_elsewhere());
    }

    #[test]
    fn no_secret_of_a_refusal_is_shown() {
        let mut reader = reader(
            "HTTP/1.1 403 No\r\nSet-Cookie: id=sesame\r\nLocation: /?token=sesame\r\n\
             Content-Length: 6\r\n\r\n",
        );
        let refusal = reader.receive(b"sesame").1.unwrap();
        assert_eq!(
            alloc::format!("{refusal:?}"),
            "Refusal { status: 403, reason: \"No\", header_fields: 3, body_bytes: 6, \
             redirects_elsewhere: false }",
        );
    }

    #[test]
    fn no_more_than_four_kibibytes_are_kept() {
        let long = vec![b'x'; 3 * MAX_BODY];
        for head in ["HTTP/1.1 500 No\r\n\r\n", "HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n"]
        {
            for size in [1, 1000, long.len()] {
                let (body, taken, complete) = read(head, long.chunks(size));
                assert_eq!((body.len(), taken, complete), (MAX_BODY, MAX_BODY, true));
            }
        }
    }
}
