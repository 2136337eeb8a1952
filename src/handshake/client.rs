//! The client: how the response is checked, RFC 6455 section 4.1.
//!
//! Nothing counts as open before every rule for the response was checked.

use alloc::boxed::Box;
#[cfg(not(feature = "deflate"))]
use alloc::string::String;

use bytes::BytesMut;

use super::client_request::ClientRequest;
use super::error::HandshakeError;
use super::extension;
use super::http1::head::{HeadReader, Kind, ResponseHead};
use super::http1::headers::{Count, Headers};
#[cfg(feature = "deflate")]
use super::permessage_deflate::{self, Offered};
use super::refusal::{BodyReader, Refusal};
use super::{ACCEPT_LEN, Extensions, Negotiated, accept_of, key_of};
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
    accept: [u8; ACCEPT_LEN],
    /// The host that was asked.
    host: Box<str>,
    subprotocols: Box<str>,
    #[cfg(feature = "deflate")]
    offered: Option<Offered>,
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
        #[cfg(feature = "deflate")]
        let extensions = compression.map(permessage_deflate::offer).unwrap_or_default();
        #[cfg(not(feature = "deflate"))]
        let extensions = compression.map_or(String::new(), |compression| match *compression {});
        request.write(key, &extensions, out);
        Self {
            accept: accept_of(&key),
            host: request.host().into(),
            subprotocols: request.subprotocols.as_str().into(),
            #[cfg(feature = "deflate")]
            offered: compression.map(Offered::new),
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
                            let response = self.judge(head)?;
                            return Ok((taken, Some(Outcome::Established(response))));
                        }
                        (100..=199, _) => {}
                        (_, false) => self.state = State::Body(BodyReader::new(head, &self.host)),
                        (_, true) => {
                            let refusal = BodyReader::new(head, &self.host).finish();
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
            State::Head(reader) => BodyReader::new(reader.finish_response()?, &self.host).finish(),
            State::Done => None,
        }
    }

    /// Holds a 101 response against the rules.
    //= rfc6455#4.1
    //# The client MUST validate the server's response as follows:
    //= rfc6455#4.1
    //# If the server's response does not conform to the requirements for the
    //# server's handshake as defined in this section and in Section 4.2.2, the
    //# client MUST _Fail the WebSocket Connection_.
    fn judge(&self, head: ResponseHead) -> Result<Response, HandshakeError> {
        let headers = &head.headers;
        if !head.http_1_1 {
            return Err(HandshakeError::HttpVersion);
        }
        //= rfc6455#4.1
        //# If the response lacks an |Upgrade| header field or the |Upgrade|
        //# header field contains a value that is not an ASCII case-
        //# insensitive match for the value "websocket", the client MUST
        //# _Fail the WebSocket Connection_.
        if !headers.single("Upgrade").is_ok_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::UpgradeNotConfirmed);
        }
        //= rfc6455#4.1
        //# If the response lacks a |Connection| header field or the
        //# |Connection| header field doesn't contain a token that is an
        //# ASCII case-insensitive match for the value "Upgrade", the client
        //# MUST _Fail the WebSocket Connection_.
        if !headers.list_has("Connection", "Upgrade") {
            return Err(HandshakeError::ConnectionNotConfirmed);
        }
        self.judge_accept(headers)?;
        //= rfc6455#4.1
        //# If the response includes a |Sec-WebSocket-Extensions| header
        //# field and this header field indicates the use of an extension
        //# that was not present in the client's handshake (the server has
        //# indicated an extension not requested by the client), the client
        //# MUST _Fail the WebSocket Connection_.
        let extensions = match extension::check(headers)? {
            true => self.judge_extensions(headers)?,
            false => Extensions::default(),
        };
        let subprotocol = self.judge_subprotocol(headers)?;
        let negotiated = Negotiated { subprotocol, extensions };
        Ok(Response { head, negotiated })
    }

    fn judge_accept(&self, headers: &Headers) -> Result<(), HandshakeError> {
        //= rfc6455#4.1
        //# If the response lacks a |Sec-WebSocket-Accept| header field or
        //# the |Sec-WebSocket-Accept| contains a value other than the
        //# base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-
        //# Key| (as a string, not base64-decoded) with the string "258EAFA5-
        //# E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and
        //# trailing whitespace, the client MUST _Fail the WebSocket
        //# Connection_.
        match headers.single("Sec-WebSocket-Accept") {
            Ok(value) if value == self.accept => Ok(()),
            Ok(_) => Err(HandshakeError::AcceptWrong),
            Err(Count::None) => Err(HandshakeError::AcceptMissing),
            //= rfc6455#11.3.3
            //# The |Sec-WebSocket-Accept| header MUST NOT appear more than once in
            //# an HTTP response.
            Err(Count::Many) => Err(HandshakeError::AcceptRepeated),
        }
    }

    #[cfg(feature = "deflate")]
    fn judge_extensions(&self, headers: &Headers) -> Result<Extensions, HandshakeError> {
        let offered = self.offered.ok_or(HandshakeError::ExtensionNotOffered)?;
        Ok(Extensions { deflate: permessage_deflate::judge(headers, offered)? })
    }

    #[cfg(not(feature = "deflate"))]
    fn judge_extensions(&self, _: &Headers) -> Result<Extensions, HandshakeError> {
        Err(HandshakeError::ExtensionNotOffered)
    }

    fn judge_subprotocol(&self, headers: &Headers) -> Result<Option<Box<str>>, HandshakeError> {
        let value = match headers.single("Sec-WebSocket-Protocol") {
            Ok(value) => value,
            Err(Count::None) => return Ok(None),
            //= rfc6455#11.3.4
            //# However, the |Sec-WebSocket-Protocol| header field MUST NOT appear
            //# more than once in an HTTP response.
            Err(Count::Many) => return Err(HandshakeError::SubprotocolRepeated),
        };
        //= rfc6455#4.1
        //# If the response includes a |Sec-WebSocket-Protocol| header field
        //# and this header field indicates the use of a subprotocol that was
        //# not present in the client's handshake (the server has indicated a
        //# subprotocol not requested by the client), the client MUST _Fail
        //# the WebSocket Connection_.
        let mut requested = self.subprotocols.split(", ").filter(|name| !name.is_empty());
        match requested.find(|name| name.as_bytes() == value) {
            Some(name) => Ok(Some(name.into())),
            None => Err(HandshakeError::SubprotocolNotRequested),
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

/// The response that established the connection: status 101, every rule checked.
#[derive(Debug, Clone)]
pub struct Response {
    head: ResponseHead,
    negotiated: Negotiated,
}

impl Response {
    /// The status, which is 101.
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
