//! The client: its request, and how the response to it is read, RFC 6455 section 4.1.
//!
//! Nothing counts as open before every rule for the response was checked.

use bytes::BytesMut;

use super::client_request::ClientRequest;
use super::error::HandshakeError;
use super::expected::{Asked, Expected, offer};
use super::head::{Kind, ResponseHead};
use super::http1::head::HeadReader;
use super::http1::headers::Headers;
use super::http1::known::Index;
use super::refusal::{BodyReader, Refusal};
use super::{Negotiated, key_of};
use crate::config::Limits;
use crate::deflate::Compression;

/// One opening handshake of a client: waits for the response to its request.
///
/// ```
/// use bytes::BytesMut;
/// use farewell::handshake::{ClientHandshake, ClientRequest, Outcome};
/// use farewell::{Limits, Seed};
///
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut out = BytesMut::new();
/// let mut seed = Seed::new([1; 32]); // outside of examples: `Seed::from_os()?`
/// let nonce = seed.nonce(); // then the seed is the connection's
/// # let nonce = *b"the sample nonce";
/// let mut handshake = ClientHandshake::start(&request, nonce, &Limits::default(), &mut out);
/// assert!(out.starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
///
/// let input = b"HTTP/1.1 101 Switching Protocols\r\n\
///     Upgrade: websocket\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi";
/// let (taken, outcome) = handshake.receive(input)?;
/// assert!(matches!(outcome, Some(Outcome::Established(_))));
/// assert_eq!(&input[taken..], b"\x81\x02hi"); // the first frame is the connection's
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    expected: Expected,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(HeadReader),
    Body(BodyReader),
    Done,
}

impl ClientHandshake {
    /// Writes the request to `out` and waits for the response.
    ///
    /// The nonce has to be random and fresh for each connection:
    /// [`Seed::nonce`](crate::Seed::nonce) makes one of the seed that the connection gets.
    #[must_use]
    pub fn start(
        request: &ClientRequest,
        nonce: [u8; 16],
        limits: &Limits,
        out: &mut BytesMut,
    ) -> Self {
        Self::begin(request, nonce, limits, None, out)
    }

    /// As [`start`](Self::start), with an offer to compress messages.
    ///
    /// What the server made of it is in [`Response::negotiated`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn start_compressing(
        request: &ClientRequest,
        nonce: [u8; 16],
        limits: &Limits,
        compression: &Compression,
        out: &mut BytesMut,
    ) -> Self {
        Self::begin(request, nonce, limits, Some(compression), out)
    }

    pub(crate) fn begin(
        request: &ClientRequest,
        nonce: [u8; 16],
        limits: &Limits,
        compression: Option<&Compression>,
        out: &mut BytesMut,
    ) -> Self {
        let key = key_of(nonce);
        request.write(key, &offer(compression), out);
        Self {
            expected: Expected::new(request, Asked::Upgrade(key), compression),
            state: State::Head(HeadReader::new(Kind::Response, limits)),
        }
    }

    /// Takes bytes that arrived: up to the end of the response's head, or of the body of a refusal.
    ///
    /// Returns how many bytes it took, and how the handshake ended once it did. Bytes behind those
    /// belong to the connection. After the end it takes no more. Informational responses before
    /// the final one are passed over.
    ///
    /// Once the status of a response is there and is not 101, it is a refusal, whatever is odd about
    /// what follows: what can be read of that is in it.
    ///
    /// # Errors
    ///
    /// The first rule that a response breaks whose status is 101 or cannot be read; the connection
    /// then has to be closed.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Outcome>), HandshakeError> {
        let result = self.advance(input);
        if !matches!(result, Ok((_, None))) {
            self.state = State::Done;
        }
        result
    }

    fn advance(&mut self, input: &[u8]) -> Result<(usize, Option<Outcome>), HandshakeError> {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            match &mut self.state {
                State::Done => return Ok((taken, None)),
                State::Body(body) => {
                    let (count, refusal) = body.receive(rest);
                    return Ok((taken + count, refusal.map(Outcome::Refused)));
                }
                State::Head(reader) => {
                    if let Some((count, head, index)) = reader.take_whole_response(rest) {
                        let response = self.expected.judge(head, &index)?;
                        return Ok((taken + count, Some(Outcome::Established(response))));
                    }
                    let (count, complete) = reader.receive(rest)?;
                    taken += count;
                    if !complete {
                        return Ok((taken, None));
                    }
                    let cut = reader.cut_at().is_some();
                    let head = reader.take_response()?;
                    match (head.status, cut) {
                        (0..=99, _) => return Err(HandshakeError::StartLine),
                        (101, _) => {
                            let index = Index::of(&head.headers);
                            let response = self.expected.judge(head, &index)?;
                            return Ok((taken, Some(Outcome::Established(response))));
                        }
                        (100..=199, _) => {}
                        (_, false) => {
                            self.state = State::Body(BodyReader::new(head, self.expected.host()))
                        }
                        (_, true) => {
                            let refusal = BodyReader::new(head, self.expected.host()).finish();
                            return Ok((taken, refusal.map(Outcome::Refused)));
                        }
                    }
                }
            }
        }
    }

    /// Whether the head of a refusal has come, so that only the rest of its body is awaited.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, State::Body(_))
    }

    /// Takes what there is of a refusal when no more will come: the stream or the patience ended.
    ///
    /// Returns nothing if no status of a refusal has come. Of its header fields there are those that
    /// were complete. Ends the handshake.
    pub fn finish(&mut self) -> Option<Refusal> {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Body(body) => body.finish(),
            State::Head(reader) => {
                BodyReader::new(reader.finish_response()?, self.expected.host()).finish()
            }
            State::Done => None,
        }
    }
}

/// How an opening handshake ended that broke no rule.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The server agreed: the WebSocket connection is established.
    Established(Response),
    /// The server responded with another status than 101.
    Refused(Refusal),
}

/// The response that established the connection: status 101, or 2xx to an extended CONNECT, every
/// rule checked.
#[derive(Debug, Clone)]
pub struct Response {
    head: ResponseHead,
    negotiated: Negotiated,
}

impl Response {
    pub(super) fn new(head: ResponseHead, negotiated: Negotiated) -> Self {
        Self { head, negotiated }
    }

    /// The status: 101, or 2xx on a stream of HTTP/2 or HTTP/3.
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

    /// What was agreed on.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }
}
