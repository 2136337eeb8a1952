//! A response other than 101: its head and the beginning of its body, for whoever has to find out
//! why there is no connection.
//!
//! At most [`MAX_BODY`] bytes of body are kept. The body of a refusal is a hint, never a protocol:
//! a malformed one ends where it stops making sense, without an error.

use bytes::Bytes;

use alloc::vec::Vec;

use super::head::ResponseHead;
use super::headers::Headers;

/// The most that is kept of a refusal's body, in bytes.
const MAX_BODY: usize = 4096;

/// The server's refusal to open a WebSocket connection: a response with a status other than 101.
///
/// A redirection is a refusal too, with the place to go in its `Location`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    head: ResponseHead,
    body: Bytes,
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

    /// The first 4 KiB of the body, without its chunked coding, compressed if the server did so.
    ///
    /// Less if the body is shorter, or if the stream ended or the deadline passed before.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Gathers the body of a refusal.
#[derive(Debug)]
pub(super) struct BodyReader {
    head: Option<ResponseHead>,
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
    pub(super) fn new(head: ResponseHead) -> Self {
        let framing = framing_of(&head);
        Self { head: Some(head), body: Vec::new(), framing }
    }

    /// Takes bytes up to the end of what is kept. Returns how many, and the refusal at its end.
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
        self.head.take().map(|head| Refusal { head, body })
    }

    fn is_complete(&self) -> bool {
        self.body.len() >= MAX_BODY || matches!(self.framing, Framing::Length(0) | Framing::End)
    }

    /// Takes one byte of framing or as many bytes of body as there are. Returns how many.
    fn step(&mut self, input: &[u8]) -> usize {
        let first = input.first().copied().unwrap_or_default();
        self.framing = match self.framing {
            Framing::Length(left) => {
                let kept = self.keep(input, left);
                self.framing = Framing::Length(left - kept as u64);
                return kept;
            }
            Framing::UntilEnd => return self.keep(input, u64::MAX),
            Framing::Chunk(left) if left > 2 => {
                let kept = self.keep(input, left - 2);
                self.framing = Framing::Chunk(left - kept as u64);
                return kept;
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

    /// Keeps at most `limit` bytes of body. Returns how many.
    fn keep(&mut self, input: &[u8], limit: u64) -> usize {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let count = input.len().min(limit).min(MAX_BODY - self.body.len());
        self.body.extend_from_slice(input.get(..count).unwrap_or_default());
        count
    }
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
