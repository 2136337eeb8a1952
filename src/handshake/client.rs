//! The client's side: the request, and the judgement of the response, RFC 6455 section 4.1.
//!
//! Nothing counts as open before every rule for the response was checked.

use alloc::boxed::Box;
use alloc::string::String;

use bytes::BytesMut;
use thiserror::Error;

use super::error::HandshakeError;
use super::extension;
use super::head::{HeadReader, Kind, ResponseHead};
use super::headers::{Count, Fields, HeaderError, Headers, is_token, is_value};
use super::refusal::{BodyReader, Refusal};
use super::uri::{WsUri, split_authority};
use super::{ACCEPT_LEN, KEY_LEN, Negotiated, accept_of, key_of};
use crate::config::Limits;

/// A request for a WebSocket connection: where to, and with which header fields.
///
/// One value serves any number of connection attempts: the key is made for each by
/// [`ClientHandshake::start`].
///
/// ```
/// use farewell::handshake::ClientRequest;
///
/// let request = ClientRequest::new("ws://[::1]:8080/chat?room=1")?
///     .subprotocol("v2.chat.example")?
///     .header("Authorization", "Bearer abc")?;
/// assert_eq!((request.host(), request.port()), ("::1", 8080));
/// assert_eq!(request.target(), "/chat?room=1");
/// # Ok::<(), farewell::handshake::RequestError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientRequest {
    uri: WsUri,
    host: Option<Box<str>>,
    origin: Option<Box<str>>,
    /// As the header field has them: separated by commas.
    subprotocols: String,
    fields: Fields,
}

impl ClientRequest {
    /// A request for a `ws` or `wss` URI, RFC 6455 section 3.
    ///
    /// The port defaults to 80 for `ws` and 443 for `wss`, an empty path becomes `/`.
    ///
    /// # Errors
    ///
    /// Another scheme, user information, a fragment, an invalid host or port, and a character that
    /// has to be percent-encoded are refused.
    pub fn new(uri: &str) -> Result<Self, RequestError> {
        Ok(Self {
            uri: WsUri::parse(uri)?,
            host: None,
            origin: None,
            subprotocols: String::new(),
            fields: Fields::default(),
        })
    }

    /// Adds a header field. `Host` and `Origin` replace what was there before.
    ///
    /// # Errors
    ///
    /// A name that is no token, a value with a control character, and the header fields that the
    /// opening handshake writes itself are refused.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        if name.eq_ignore_ascii_case("Origin") {
            return self.origin(value);
        }
        if name.eq_ignore_ascii_case("Host") {
            if split_authority(value).is_err() {
                return Err(RequestError::Host);
            }
            self.host = Some(value.into());
            return Ok(self);
        }
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// Sets the Origin, for a client that acts for a web page.
    ///
    /// # Errors
    ///
    /// A value with a control character is refused.
    pub fn origin(mut self, origin: &str) -> Result<Self, RequestError> {
        if !is_value(origin.as_bytes()) {
            return Err(HeaderError::Value.into());
        }
        self.origin = Some(origin.into());
        Ok(self)
    }

    /// Asks for a subprotocol. The order of the calls is the order of preference.
    ///
    /// # Errors
    ///
    /// A name that is no token and one that was asked for already are refused.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, RequestError> {
        //= rfc6455#4.1
        //# The elements that comprise this value
        //# MUST be non-empty strings with characters in the range U+0021 to
        //# U+007E not including separator characters as defined in
        //# [RFC2616] and MUST all be unique strings.
        if !is_token(name.as_bytes()) {
            return Err(RequestError::Subprotocol);
        }
        if self.subprotocols.split(", ").any(|asked| asked == name) {
            return Err(RequestError::SubprotocolRepeated);
        }
        if !self.subprotocols.is_empty() {
            self.subprotocols.push_str(", ");
        }
        self.subprotocols.push_str(name);
        Ok(self)
    }

    /// The host to connect to: a name or an address, an IPv6 one without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.uri.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.port
    }

    /// Whether the scheme was `wss`: the caller then has to speak TLS below the WebSocket protocol.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.uri.secure
    }

    /// The resource name: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.uri.target
    }

    /// The value of Host: the host, and the port unless it is the scheme's default.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.host.as_deref().unwrap_or(&self.uri.authority)
    }

    fn write(&self, key: [u8; KEY_LEN], out: &mut BytesMut) {
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
        };
        //= rfc6455#4.1
        //# The method of the request MUST be GET, and the HTTP version MUST
        //# be at least 1.1.
        put(&[b"GET ", self.target().as_bytes(), b" HTTP/1.1\r\n"]);
        //= rfc6455#4.1
        //# The request MUST contain a |Host| header field whose value
        //# contains /host/ plus optionally ":" followed by /port/ (when not
        //# using the default port).
        put(&[b"Host: ", self.authority().as_bytes(), b"\r\n"]);
        //= rfc6455#4.1
        //# The request MUST contain an |Upgrade| header field whose value
        //# MUST include the "websocket" keyword.
        put(&[b"Upgrade: websocket\r\n"]);
        //= rfc6455#4.1
        //# The request MUST contain a |Connection| header field whose value
        //# MUST include the "Upgrade" token.
        put(&[b"Connection: Upgrade\r\n"]);
        //= rfc6455#4.1
        //# The request MUST include a header field with the name
        //# |Sec-WebSocket-Key|.
        put(&[b"Sec-WebSocket-Key: ", &key, b"\r\n"]);
        //= rfc6455#4.1
        //# The request MUST include a header field with the name
        //# |Sec-WebSocket-Version|.  The value of this header field MUST be
        //# 13.
        put(&[b"Sec-WebSocket-Version: 13\r\n"]);
        if !self.subprotocols.is_empty() {
            put(&[b"Sec-WebSocket-Protocol: ", self.subprotocols.as_bytes(), b"\r\n"]);
        }
        if let Some(origin) = &self.origin {
            put(&[b"Origin: ", origin.as_bytes(), b"\r\n"]);
        }
        put(&[self.fields.as_bytes(), b"\r\n"]);
    }
}

/// Why a request cannot be made as asked: the caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The URI does not begin with `ws://` or `wss://`.
    #[error("the URI does not begin with ws:// or wss://")]
    Scheme,
    /// The URI has user information, which would be lost: send an Authorization header field.
    #[error("the URI has user information")]
    UserInfo,
    /// The host is missing or malformed.
    #[error("the host is missing or malformed")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The path or the query has a character that has to be percent-encoded.
    #[error("the URI's path or query has a character that has to be percent-encoded")]
    Resource,
    /// The URI has a fragment.
    #[error("the URI has a fragment")]
    Fragment,
    /// The subprotocol's name is no token.
    #[error("the subprotocol's name is not a token")]
    Subprotocol,
    /// The subprotocol was asked for already.
    #[error("the subprotocol was asked for already")]
    SubprotocolRepeated,
    /// The header field cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// The client's side of one opening handshake: waits for the response to its request.
///
/// ```
/// use bytes::BytesMut;
/// use farewell::Limits;
/// use farewell::handshake::{ClientHandshake, ClientRequest, Outcome};
///
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut out = BytesMut::new();
/// let nonce = *b"the sample nonce"; // sixteen random bytes
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
    subprotocols: Box<str>,
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
    /// The nonce has to be random and fresh for each connection.
    #[must_use]
    pub fn start(
        request: &ClientRequest,
        nonce: [u8; 16],
        limits: &Limits,
        out: &mut BytesMut,
    ) -> Self {
        let key = key_of(nonce);
        request.write(key, out);
        Self {
            accept: accept_of(&key),
            subprotocols: request.subprotocols.as_str().into(),
            state: State::Head(HeadReader::new(Kind::Response, limits)),
        }
    }

    /// Takes bytes that arrived: up to the end of the response's head, or of the body of a refusal.
    ///
    /// Returns how many bytes it took, and how the handshake ended once it did. Bytes behind those
    /// belong to the connection. After the end it takes no more. Informational responses before
    /// the final one are passed over.
    ///
    /// # Errors
    ///
    /// The first rule that the response breaks; the connection then has to be closed.
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
                    let head = reader.take_response()?;
                    match head.status {
                        101 => {
                            let response = self.judge(head)?;
                            return Ok((taken, Some(Outcome::Established(response))));
                        }
                        100..=199 => {}
                        _ => self.state = State::Body(BodyReader::new(head)),
                    }
                }
            }
        }
    }

    /// Takes what there is of a refusal when no more will come: the stream or the patience ended.
    ///
    /// Returns nothing if the head of a refusal was never complete. Ends the handshake.
    pub fn finish(&mut self) -> Option<Refusal> {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Body(body) => body.finish(),
            State::Head(_) | State::Done => None,
        }
    }

    /// Holds a 101 response against the rules.
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
        //= rfc6455#4.1
        //# If the response lacks a |Sec-WebSocket-Accept| header field or
        //# the |Sec-WebSocket-Accept| contains a value other than the
        //# base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-
        //# Key| (as a string, not base64-decoded) with the string "258EAFA5-
        //# E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and
        //# trailing whitespace, the client MUST _Fail the WebSocket
        //# Connection_.
        match headers.single("Sec-WebSocket-Accept") {
            Ok(value) if value == self.accept => {}
            Ok(_) => return Err(HandshakeError::AcceptWrong),
            Err(Count::None) => return Err(HandshakeError::AcceptMissing),
            //= rfc6455#11.3.3
            //# The |Sec-WebSocket-Accept| header MUST NOT appear more than once in
            //# an HTTP response.
            Err(Count::Many) => return Err(HandshakeError::AcceptRepeated),
        }
        //= rfc6455#4.1
        //# If the response includes a |Sec-WebSocket-Extensions| header
        //# field and this header field indicates the use of an extension
        //# that was not present in the client's handshake (the server has
        //# indicated an extension not requested by the client), the client
        //# MUST _Fail the WebSocket Connection_.
        if extension::check(headers)? {
            return Err(HandshakeError::ExtensionNotOffered);
        }
        let subprotocol = self.judge_subprotocol(headers)?;
        let negotiated = Negotiated { subprotocol, ..Negotiated::default() };
        Ok(Response { head, negotiated })
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
    /// The server answered with another status than 101.
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
