//! A server's response, RFC 6455 section 4.2.2: agreement, a rejection by the application, or a
//! refusal for a broken rule.

mod plain;
mod reason;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::error::HandshakeError;
use super::head::Sink;
use super::http1::headers::{Fields, HeaderError, is_token};
use super::origin::Origins;
#[cfg(feature = "deflate")]
use super::permessage_deflate;
use super::server::Request;
use super::{Extensions, Negotiated};
use crate::deflate::Compression;

pub use plain::PlainResponse;
#[cfg(feature = "std")]
pub(crate) use reason::Why;
#[cfg(not(feature = "std"))]
use reason::Why;

/// Agreement to a request: status 101, or 200 on a stream of HTTP/2 or HTTP/3.
///
/// One value serves any number of requests.
///
/// ```
/// use farewell::handshake::{Accept, Origins};
///
/// let accept = Accept::new(Origins::listed(["https://example.com"])?)
///     .subprotocols(&["v2.chat.example", "v1.chat.example"])?
///     .header("Set-Cookie", "seen=1")?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Accept {
    origins: Origins,
    origin_required: bool,
    subprotocol: Choice,
    fields: Fields,
}

#[derive(Debug, Clone)]
enum Choice {
    Null,
    Exactly(Box<str>),
    FirstOf(Vec<Box<str>>),
}

impl Accept {
    /// Accepts requests from these origins, without a subprotocol.
    #[must_use]
    pub fn new(origins: Origins) -> Self {
        Self {
            origins,
            origin_required: false,
            subprotocol: Choice::Null,
            fields: Fields::default(),
        }
    }

    /// Refuses requests without an Origin too: only browsers, and programs that pretend, get in.
    #[must_use]
    pub fn require_origin(self) -> Self {
        Self { origin_required: true, ..self }
    }

    /// Uses this subprotocol, which the client has to have asked for.
    ///
    /// # Errors
    ///
    /// A name that is no token is refused.
    pub fn subprotocol(self, name: &str) -> Result<Self, ResponseError> {
        if !is_token(name.as_bytes()) {
            return Err(ResponseError::Subprotocol);
        }
        Ok(Self { subprotocol: Choice::Exactly(name.into()), ..self })
    }

    /// Uses the first of these subprotocols that the client asked for, or none.
    ///
    /// # Errors
    ///
    /// A name that is no token is refused.
    pub fn subprotocols(self, names: &[&str]) -> Result<Self, ResponseError> {
        if !names.iter().all(|name| is_token(name.as_bytes())) {
            return Err(ResponseError::Subprotocol);
        }
        let names = names.iter().map(|name| (*name).into()).collect();
        Ok(Self { subprotocol: Choice::FirstOf(names), ..self })
    }

    /// Adds a header field to the response.
    ///
    /// # Errors
    ///
    /// A name that is no token, a value with a control character, and the header fields that the
    /// opening handshake writes itself are refused.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ResponseError> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// Writes the response to `request`; the connection is then open. Returns what was agreed on.
    ///
    /// # Errors
    ///
    /// [`ResponseError::Refused`] if the request's Origin is not accepted: respond with the error
    /// inside it. [`ResponseError::SubprotocolNotRequested`] if the client did not ask for the
    /// subprotocol. In both cases nothing was written, and another response can be.
    pub fn write_response(
        &self,
        request: &Request,
        out: &mut BytesMut,
    ) -> Result<Negotiated, ResponseError> {
        self.write_response_with(request, None, out)
    }

    /// As [`write_response`](Self::write_response), accepting the client's first offer to compress
    /// messages that can be.
    ///
    /// # Errors
    ///
    /// As for [`write_response`](Self::write_response).
    #[cfg(feature = "deflate")]
    pub fn write_response_compressing(
        &self,
        request: &Request,
        compression: &Compression,
        out: &mut BytesMut,
    ) -> Result<Negotiated, ResponseError> {
        self.write_response_with(request, Some(compression), out)
    }

    pub(crate) fn write_response_with(
        &self,
        request: &Request,
        compression: Option<&Compression>,
        out: &mut BytesMut,
    ) -> Result<Negotiated, ResponseError> {
        let agreed = self.agree(request, compression)?;
        //= rfc6455#4.2.2
        //# If the server chooses to accept the incoming connection, it MUST
        //# reply with a valid HTTP response indicating the following.
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        self.write_fields(request, &agreed, out);
        out.extend_from_slice(b"\r\n");
        Ok(agreed.negotiated)
    }

    /// What comes into use if this request is accepted, and how the response says so.
    pub(super) fn agree(
        &self,
        request: &Request,
        compression: Option<&Compression>,
    ) -> Result<Agreed, ResponseError> {
        //= rfc6455#4.2.2
        //# the server MUST complete the following steps to accept the connection
        //# and send the server's opening handshake.
        //= rfc6455#4.2.2
        //# If the server does not wish to accept this connection, it MUST return an
        //# appropriate HTTP error code (e.g., 403 Forbidden) and abort the
        //# WebSocket handshake described in this section.
        request.check_upgrade_asked()?;
        self.origins.check(request, self.origin_required)?;
        let subprotocol = self.choose(request)?;
        let (extensions, accepted) = choose_extensions(request, compression);
        let carrier = request.carrier();
        Ok(Agreed { negotiated: Negotiated { carrier, subprotocol, extensions }, accepted })
    }

    pub(super) fn write_fields(&self, request: &Request, agreed: &Agreed, sink: &mut impl Sink) {
        //= rfc8441#5
        //# Implementations using this extended CONNECT to bootstrap WebSockets
        //# do not do the processing of the Sec-WebSocket-Key and Sec-WebSocket-
        //# Accept header fields of [RFC6455] as that functionality has been
        //# superseded by the :protocol pseudo-header field.
        if !agreed.negotiated.carrier().is_stream() {
            sink.field("Upgrade", b"websocket");
            sink.field("Connection", b"Upgrade");
            sink.field("Sec-WebSocket-Accept", &request.accept());
        }
        //= rfc6455#4.2.2
        //# if the server does not wish to agree to one of the suggested
        //# subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol|
        //# header field in its response
        if let Some(name) = agreed.negotiated.subprotocol() {
            sink.field("Sec-WebSocket-Protocol", name.as_bytes());
        }
        //= rfc7692#5
        //# A server declining all offered PMCEs MUST NOT include any element
        //# with PMCE names.
        if let Some(accepted) = &agreed.accepted {
            sink.field("Sec-WebSocket-Extensions", accepted.as_bytes());
        }
        self.fields.write(sink);
    }

    fn choose(&self, request: &Request) -> Result<Option<Box<str>>, ResponseError> {
        //= rfc6455#4.2.2
        //# The value chosen MUST be derived
        //# from the client's handshake, specifically by selecting one of
        //# the values from the |Sec-WebSocket-Protocol| field that the
        //# server is willing to use for this connection (if any).
        let requested = |name: &str| request.subprotocols().any(|asked| asked == name);
        match &self.subprotocol {
            Choice::Null => Ok(None),
            Choice::Exactly(name) if requested(name) => Ok(Some(name.clone())),
            Choice::Exactly(_) => Err(ResponseError::SubprotocolNotRequested),
            Choice::FirstOf(names) => Ok(names.iter().find(|name| requested(name)).cloned()),
        }
    }
}

/// What comes into use with a response.
pub(super) struct Agreed {
    pub(super) negotiated: Negotiated,
    /// The value of the response's Sec-WebSocket-Extensions.
    accepted: Option<String>,
}

/// The extensions that come into use, and the header field's value that says so.
#[cfg(feature = "deflate")]
fn choose_extensions(
    request: &Request,
    compression: Option<&Compression>,
) -> (Extensions, Option<String>) {
    let chosen =
        compression.and_then(|settings| permessage_deflate::choose(request.extensions(), settings));
    match chosen {
        Some((params, accepted)) => (Extensions { deflate: Some(params) }, Some(accepted)),
        None => (Extensions::default(), None),
    }
}

#[cfg(not(feature = "deflate"))]
fn choose_extensions(_: &Request, _: Option<&Compression>) -> (Extensions, Option<String>) {
    (Extensions::default(), None)
}

/// Refusal of a request, for the application's own reasons. The connection is closed after it.
///
/// The errors that deciding about a request meets become one, so that `?` works there: what an
/// application got wrong itself, and an [`io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html),
/// are status 500. An error of your own does with `impl From<YourError> for Rejection`. What it was is
/// never told to the client; [`because`](Self::because) has it for the log.
///
/// ```
/// use bytes::BytesMut;
/// use farewell::handshake::Rejection;
///
/// let rejection = Rejection::new(401)?
///     .header("WWW-Authenticate", "Bearer")?
///     .body("who are you?");
/// let mut out = BytesMut::new();
/// rejection.write_response(&mut out);
/// assert!(out.ends_with(b"Content-Length: 12\r\n\r\nwho are you?"));
/// # Ok::<(), farewell::handshake::ResponseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rejection {
    status: u16,
    fields: Fields,
    body: Bytes,
    why: Option<Why>,
}

impl Rejection {
    /// Refuses with `status`: a redirection, 300 to 399, or an error, 400 to 599.
    ///
    /// # Errors
    ///
    /// Every other status is refused, and 304, which speaks of a cache.
    pub fn new(status: u16) -> Result<Self, ResponseError> {
        if !refuses(status) {
            return Err(ResponseError::Status);
        }
        Ok(Self::with_status(status))
    }

    fn with_status(status: u16) -> Self {
        Self { status, fields: Fields::default(), body: Bytes::new(), why: None }
    }

    /// The response of a server that has not decided in time.
    pub(crate) fn undecided() -> Self {
        Self::with_status(503).body("the server did not decide about the request in time\n")
    }

    /// Adds a header field: `Location` for a redirection, `Content-Type` for a body.
    ///
    /// # Errors
    ///
    /// A name that is no token, a value with a control character, and the header fields that the
    /// opening handshake writes itself are refused.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ResponseError> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Writes the response, with its Content-Length and `Connection: close`.
    pub fn write_response(&self, out: &mut BytesMut) {
        self.write(false, out);
    }

    /// Whether it does not refuse a request that asks for a WebSocket connection, as a
    /// [`PlainResponse`] may.
    pub(crate) fn check_refuses(&self, request: &Request) -> Result<(), ResponseError> {
        match request.is_plain() || refuses(self.status) {
            true => Ok(()),
            false => Err(ResponseError::Status),
        }
    }

    /// Writes the response to this request, unless it [does not refuse it](Self::check_refuses).
    pub(crate) fn write_response_to(
        &self,
        request: &Request,
        out: &mut BytesMut,
    ) -> Result<(), ResponseError> {
        self.check_refuses(request)?;
        //= rfc9110#9.3.2
        //# The HEAD method is identical to GET except that the server MUST NOT
        //# send content in the response.
        self.write(request.method() == "HEAD", out);
        Ok(())
    }

    fn write(&self, head_only: bool, out: &mut BytesMut) {
        //= rfc6455#4.2.2
        //# If the requested service is not available, the server MUST send an
        //# appropriate HTTP error code (such as 404 Not Found) and abort the
        //# WebSocket handshake.
        let status = self.status;
        let first = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        out.extend_from_slice(first.as_bytes());
        if wants_an_upgrade(status) {
            out.field("Upgrade", b"websocket");
            out.field("Connection", b"Upgrade, close");
        } else {
            out.field("Connection", b"close");
        }
        self.write_fields(out);
        let has_body = !matches!(status, 204 | 304);
        if has_body {
            out.field("Content-Length", self.body.len().to_string().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if has_body && !head_only {
            out.extend_from_slice(&self.body);
        }
    }

    /// The fields that do not speak of the connection or of the body's length.
    pub(super) fn write_fields(&self, sink: &mut impl Sink) {
        //= rfc6455#4.4
        //# If the server doesn't
        //# support the requested version, it MUST respond with a
        //# |Sec-WebSocket-Version| header field (or multiple
        //# |Sec-WebSocket-Version| header fields) containing all versions it is
        //# willing to use.
        if wants_an_upgrade(self.status) {
            sink.field("Sec-WebSocket-Version", b"13");
        }
        self.fields.write(sink);
    }

    #[cfg(feature = "http")]
    pub(super) fn body_bytes(&self) -> Bytes {
        self.body.clone()
    }
}

impl HandshakeError {
    /// Writes the response that tells a client which rule its request broke.
    ///
    /// The body is the error's own sentence with the section of the RFC.
    pub fn write_response(self, out: &mut BytesMut) {
        Rejection::from(self).write_response(out);
    }
}

/// The response that tells a client which rule its request broke.
///
/// The body is the error's own sentence with the section of the RFC.
impl From<HandshakeError> for Rejection {
    fn from(error: HandshakeError) -> Self {
        let mut fields = Fields::default();
        // Both are fields that anybody may send.
        let _ = fields.push("Content-Type", "text/plain; charset=utf-8");
        if let Some(method) = error.allowed_method() {
            let _ = fields.push("Allow", method);
        }
        let body = format!("{error} (RFC {} section {})\n", error.rfc(), error.section());
        Self { fields, body: body.into(), ..Self::with_status(error.status()) }.because(error)
    }
}

/// Whether a status refuses a request for a connection.
pub(super) const fn refuses(status: u16) -> bool {
    matches!(status, 300..=599) && status != 304
}

/// Whether the response asks the client for an upgrade, and says to what (RFC 9110 section 15.5.22).
pub(super) const fn wants_an_upgrade(status: u16) -> bool {
    status == 426
}

/// HTTP's reason phrase for a status, empty for one without a name.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// Why a response cannot be made as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The status of a rejection is not one from 300 to 599, or it is 304; that of a
    /// [`PlainResponse`] is not one from 200 to 599, or it answers a request for a WebSocket
    /// connection without refusing it.
    #[error("the status does not refuse a request")]
    Status,
    /// The subprotocol's name is no token.
    #[error("the subprotocol's name is not a token")]
    Subprotocol,
    /// The client did not ask for the subprotocol.
    #[error("the client did not ask for the subprotocol")]
    SubprotocolNotRequested,
    /// The header field cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The request does not meet what was demanded of its Origin.
    #[error(transparent)]
    Refused(#[from] HandshakeError),
}
