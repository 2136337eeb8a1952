//! A server: its request from `http::request::Parts`, its response as an `http::Response`.

use alloc::string::ToString;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, Version};

use super::{FieldMap, Gathered, check_values, lines, value};
use crate::config::{Config, Limits};
use crate::handshake::Negotiated;
use crate::handshake::error::HandshakeError;
use crate::handshake::head::{HeadLimits, Kind, RequestHead, Sink as _};
use crate::handshake::response::{Accept, Rejection, ResponseError, wants_an_upgrade};
use crate::handshake::server::Request;

impl Request {
    /// The request in the head that an HTTP server has read, under the default [`Limits`].
    ///
    /// It is held against the same rules as bytes are by [`ServerHandshake`](super::ServerHandshake), and breaks the same
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
        Self::from_http_with(parts, &Limits::default())
    }

    /// As [`from_http`](Self::from_http), under these limits: on the head as it is in HTTP/1.1.
    ///
    /// # Errors
    ///
    /// As for [`from_http`](Self::from_http).
    pub fn from_http_with(parts: &Parts, limits: &Limits) -> Result<Self, HandshakeError> {
        Self::judge(head(parts, HeadLimits::new(limits))?)
    }
}

fn head(parts: &Parts, limits: HeadLimits) -> Result<RequestHead, HandshakeError> {
    let target = parts.uri.to_string();
    let first = [parts.method.as_str(), &target, "HTTP/1.1"].map(str::len);
    let first = first.iter().sum::<usize>() + "  ".len();
    limits.check_lines(Kind::Request, core::iter::once(first).chain(lines(&parts.headers)))?;
    check_values(&parts.headers)?;
    let http_1_1 = match parts.version {
        Version::HTTP_11 => true,
        Version::HTTP_10 => false,
        _ => return Err(HandshakeError::HttpVersion),
    };
    let mut gathered = Gathered::default();
    let target = gathered.add(target.as_bytes());
    for (name, it) in &parts.headers {
        gathered.add_field(name, value(it));
    }
    let get = parts.method == Method::GET;
    Ok(RequestHead { headers: gathered.into_headers(), get, http_1_1, target })
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
        let agreed = self.agree(request, config.compression())?;
        let fields = FieldMap::of(|fields| self.write_fields(request, &agreed, fields));
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = fields.whole()?;
        Ok((response, agreed.negotiated))
    }
}

impl Rejection {
    /// The response for the HTTP server that sends it, to a request of this version.
    ///
    /// It says nothing about the length of its body and about the connection, which are the
    /// server's: it may go on with other requests. A header field of the application's that does not
    /// fit the types is left out.
    #[must_use]
    pub fn to_http(&self, version: Version) -> http::Response<Bytes> {
        let mut response = http::Response::new(());
        *response.version_mut() = version;
        // It was checked.
        let status = StatusCode::from_u16(self.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let fields = FieldMap::of(|fields| {
            if wants_an_upgrade(self.status()) {
                fields.field("Upgrade", b"websocket");
                fields.field("Connection", b"Upgrade");
            }
            self.write_fields(fields);
        });
        *response.headers_mut() = fields.map;
        response.map(|()| self.body_bytes())
    }
}

impl HandshakeError {
    /// The response that tells a client which rule its request broke, to a request of this version.
    ///
    /// See [`Rejection::to_http`].
    #[must_use]
    pub fn to_http(self, version: Version) -> http::Response<Bytes> {
        Rejection::from(self).to_http(version)
    }
}
