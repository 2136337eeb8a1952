//! A server: its request from `http::request::Parts`, its response as an `http::Response`.

use alloc::string::ToString;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use super::{FieldMap, Gathered, PROTOCOL, check_fields, lines, value};
use crate::config::{Config, Limits};
use crate::handshake::Negotiated;
use crate::handshake::carrier::Carrier;
use crate::handshake::error::HandshakeError;
use crate::handshake::head::{HeadLimits, Kind, Method, RequestHead, Sink as _, Version};
use crate::handshake::http1::known::Index;
use crate::handshake::response::{Accept, Rejection, ResponseError, refuses, wants_an_upgrade};
use crate::handshake::server::Request;

impl Request {
    /// The request in the head that an HTTP server has read, under the default [`Limits`].
    ///
    /// It is held against the same rules as bytes are by [`ServerHandshake`](crate::handshake::ServerHandshake), and breaks the same
    /// ones. Respond with [`Accept::to_http`] or [`Rejection::to_http`].
    ///
    /// ```
    /// use farewell::Config;
    /// use farewell::handshake::{Accept, Origins, Request};
    ///
    /// let (parts, ()) = http::Request::get("/chat")
    ///     .header("Host", "example.com")
    ///     .header("Upgrade", "websocket")
    ///     .header("Connection", "Upgrade")
    ///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("Sec-WebSocket-Version", "13")
    ///     .body(())?
    ///     .into_parts();
    /// let response = match Request::from_http(&parts) {
    ///     Ok(request) => Accept::new(Origins::SameHost).to_http(&request, &Config::default())?.0,
    ///     Err(error) => error.to_http(parts.version).map(drop),
    /// };
    /// assert_eq!(response.status(), 101);
    /// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks; respond with [`HandshakeError::to_http`].
    pub fn from_http(parts: &Parts) -> Result<Self, HandshakeError> {
        Self::from_http_with(parts, None, &Limits::default())
    }

    /// The request in the head of an extended CONNECT over HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220).
    ///
    /// `protocol` is the value of its `:protocol`, which servers put into the extensions of the
    /// request, in a type of their own (`hyper::ext::Protocol`, `h2::ext::Protocol`). Such a server
    /// has to offer it: `SETTINGS_ENABLE_CONNECT_PROTOCOL`.
    ///
    /// ```
    /// use farewell::Config;
    /// use farewell::handshake::{Accept, Carrier, Origins, Request};
    ///
    /// let (parts, ()) = http::Request::connect("https://example.com/chat")
    ///     .version(http::Version::HTTP_2)
    ///     .header("sec-websocket-version", "13")
    ///     .body(())?
    ///     .into_parts();
    /// let request = Request::from_extended_connect(&parts, "websocket")?;
    /// assert_eq!((request.host(), request.path()), ("example.com", "/chat"));
    /// let accept = Accept::new(Origins::SameHost);
    /// let (response, negotiated) = accept.to_http(&request, &Config::default())?;
    /// assert_eq!((response.status().as_u16(), negotiated.carrier()), (200, Carrier::Http2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`from_http`](Self::from_http).
    pub fn from_extended_connect(parts: &Parts, protocol: &str) -> Result<Self, HandshakeError> {
        Self::from_http_with(parts, Some(protocol), &Limits::default())
    }

    /// As [`from_http`](Self::from_http) and [`from_extended_connect`](Self::from_extended_connect),
    /// under these limits: on the head as it would be in HTTP/1.1.
    ///
    /// # Errors
    ///
    /// As for [`from_http`](Self::from_http).
    pub fn from_http_with(
        parts: &Parts,
        protocol: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, HandshakeError> {
        let Parts { method, uri, version, headers, .. } = parts;
        Self::from_typed(Typed { method, uri, version: *version, headers, protocol }, limits)
    }

    /// Holds a request that was judged without limits against these.
    #[cfg(feature = "axum")]
    pub(crate) fn check_limits(&self, limits: &Limits) -> Result<(), HandshakeError> {
        let method = if self.carrier().is_stream() { "CONNECT" } else { "GET" };
        let first = method.len() + self.target().len() + " HTTP/1.1 ".len();
        let fields = self.headers().iter().map(|(name, it)| name.len() + ": ".len() + it.len());
        let lines = core::iter::once(first).chain(fields);
        HeadLimits::new(limits).check_lines(Kind::Request, lines)
    }

    /// Whether the client says, beside asking for an upgrade, that the connection is to be closed after
    /// the response.
    #[cfg(feature = "hyper")]
    pub(crate) fn wants_close(&self) -> bool {
        !self.carrier().is_stream() && self.headers().list_has("Connection", "close")
    }

    /// Whether a request asks for a WebSocket at all, soundly or not: plain HTTP does not.
    #[cfg(feature = "axum")]
    pub(crate) fn is_asked_for(
        method: &http::Method,
        headers: &http::HeaderMap,
        version: http::Version,
    ) -> bool {
        if Carrier::of(version).is_stream() {
            return *method == http::Method::CONNECT;
        }
        let upgrades = headers.get_all(http::header::UPGRADE).iter();
        let mut names = upgrades.flat_map(|it| it.as_bytes().split(|byte| *byte == b','));
        names.any(|name| name.trim_ascii().eq_ignore_ascii_case(PROTOCOL.as_bytes()))
    }

    pub(crate) fn from_typed(typed: Typed<'_>, limits: &Limits) -> Result<Self, HandshakeError> {
        let head = typed.head(HeadLimits::new(limits))?;
        let index = Index::of(&head.headers);
        Self::judge(head, &index)
    }
}

/// The head of a request in the types of the `http` crate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed<'a> {
    pub(crate) method: &'a http::Method,
    pub(crate) uri: &'a http::Uri,
    pub(crate) version: http::Version,
    pub(crate) headers: &'a http::HeaderMap,
    /// The value of `:protocol`.
    pub(crate) protocol: Option<&'a str>,
}

impl Typed<'_> {
    fn head(self, limits: HeadLimits) -> Result<RequestHead, HandshakeError> {
        let target = self.uri.to_string();
        let first = [self.method.as_str(), &target, "HTTP/1.1"].map(str::len);
        let first = first.iter().sum::<usize>() + "  ".len();
        limits.check_lines(Kind::Request, core::iter::once(first).chain(lines(self.headers)))?;
        check_fields(self.headers)?;
        let version = match self.version {
            http::Version::HTTP_10 => Version::Http10,
            http::Version::HTTP_11 => Version::Http11,
            http::Version::HTTP_2 => Version::Http2,
            http::Version::HTTP_3 => Version::Http3,
            _ => return Err(HandshakeError::HttpVersion),
        };
        let mut gathered = Gathered::default();
        let verb = gathered.add(self.method.as_str().as_bytes());
        let target = gathered.add(target.as_bytes());
        for (name, it) in self.headers {
            gathered.add_field(name, value(it));
        }
        let method = self.method();
        Ok(RequestHead { headers: gathered.into_headers(), version, method, verb, target })
    }

    fn method(self) -> Method {
        if *self.method == http::Method::GET {
            return Method::Get;
        }
        match self.protocol {
            _ if *self.method != http::Method::CONNECT => Method::Other,
            None => Method::Connect,
            Some(protocol) if protocol.eq_ignore_ascii_case(PROTOCOL) => Method::ConnectWebSocket,
            Some(_) => Method::ConnectOther,
        }
    }
}

impl Accept {
    /// The response to `request`, for the HTTP server that sends it and then gives up its stream;
    /// the connection is open with that. Also what was agreed on, for
    /// [`Session::upgraded`](crate::Session::upgraded).
    ///
    /// Messages are compressed where `config` asks for it and the client offers it.
    ///
    /// # Errors
    ///
    /// As for [`write_response`](Self::write_response); a header field of the application's that does
    /// not fit the types.
    pub fn to_http(
        &self,
        request: &Request,
        config: &Config,
    ) -> Result<(http::Response<()>, Negotiated), ResponseError> {
        let agreed = self.agree(request, config.compression_settings())?;
        let fields = FieldMap::of(|fields| self.write_fields(request, &agreed, fields));
        let mut response = http::Response::new(());
        match request.carrier().is_stream() {
            true => *response.version_mut() = request.http_version(),
            false => *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
        }
        *response.headers_mut() = fields.whole()?;
        Ok((response, agreed.negotiated))
    }
}

impl Rejection {
    /// The response for the HTTP server that sends it, to a request of this version.
    ///
    /// Over HTTP/2 and HTTP/3, where nothing can be upgraded, 426 goes out as 400. A status that refuses
    /// nothing, that of a [`PlainResponse`](crate::handshake::PlainResponse), goes out as 500: 200 would
    /// open a WebSocket there.
    ///
    /// It says nothing about the length of its body and about the connection, which are the
    /// server's: it may go on with other requests. A header field of the application's that does not
    /// fit the types is left out.
    #[must_use]
    pub fn to_http(&self, version: http::Version) -> http::Response<Bytes> {
        let carrier = Carrier::of(version);
        let mut response = http::Response::new(());
        *response.version_mut() = version;
        let status = if refuses(self.status()) { carrier.status(self.status()) } else { 500 };
        // It was checked.
        let status = StatusCode::from_u16(status);
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let fields = FieldMap::of(|fields| {
            if wants_an_upgrade(self.status()) && !carrier.is_stream() {
                fields.field("Upgrade", b"websocket");
                fields.field("Connection", b"Upgrade");
            }
            self.write_fields(fields);
        });
        *response.headers_mut() = fields.map;
        response.map(|()| self.body_bytes())
    }
}

impl Request {
    fn http_version(&self) -> http::Version {
        match self.carrier() {
            Carrier::Http1 => http::Version::HTTP_11,
            Carrier::Http2 => http::Version::HTTP_2,
            Carrier::Http3 => http::Version::HTTP_3,
        }
    }
}

impl HandshakeError {
    /// The response that tells a client which rule its request broke, to a request of this version.
    ///
    /// See [`Rejection::to_http`].
    #[must_use]
    pub fn to_http(self, version: http::Version) -> http::Response<Bytes> {
        Rejection::from(self).to_http(version)
    }
}
