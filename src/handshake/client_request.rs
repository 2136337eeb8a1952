//! The client's request: a URI and header fields, checked as they are given.
//!
//! Whatever a caller puts in, what goes out is one valid request.

use alloc::boxed::Box;
use alloc::string::String;

use bytes::BytesMut;

use super::KEY_LEN;
use super::head::Sink;
use super::http1::headers::{Fields, HeaderError, is_token, is_value};
use super::http1::uri::{WsUri, percent_decode, split_authority};
use super::request_error::RequestError;
use super::tunnel::basic;

/// A request for a WebSocket connection: where to, and with which header fields.
///
/// One value serves any number of connection attempts: the key is made for each by
/// [`ClientHandshake::start`](super::ClientHandshake::start).
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
    pub(super) uri: WsUri,
    host: Option<Box<str>>,
    origin: Option<Box<str>>,
    /// As the header field has them: separated by commas.
    pub(super) subprotocols: String,
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

    /// A request for a URI that may have user and password in it, which are then sent as Basic
    /// credentials (RFC 7617). Both may be percent-encoded. [`new`](Self::new) refuses them.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new) and [`basic_auth`](Self::basic_auth).
    ///
    /// ```
    /// use farewell::handshake::ClientRequest;
    ///
    /// let request = ClientRequest::with_credentials("ws://user:p%40ss@example.com/chat")?;
    /// assert_eq!(request.host(), "example.com");
    /// assert!(!format!("{request:?}").contains("p@ss"));
    /// # Ok::<(), farewell::handshake::RequestError>(())
    /// ```
    pub fn with_credentials(uri: &str) -> Result<Self, RequestError> {
        let start = uri.find("://").map_or(0, |colon| colon + 3);
        let (scheme, rest) = uri.split_at(start);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let Some((user_info, _)) = rest.get(..end).and_then(|part| part.rsplit_once('@')) else {
            return Self::new(uri);
        };
        let without = rest.get(user_info.len() + 1..).unwrap_or_default();
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decode = |text| percent_decode(text).ok_or(RequestError::Credentials);
        Self::new(&[scheme, without].concat())?.basic_auth(&decode(user)?, &decode(password)?)
    }

    /// Sends user and password as Basic credentials (RFC 7617), in `Authorization`.
    ///
    /// # Errors
    ///
    /// A user with a colon, and a control character in either are refused.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, RequestError> {
        if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(RequestError::Credentials);
        }
        let value = ["Basic ", &basic(user, password)].concat();
        self.fields.remove(&["authorization"]);
        self.fields.push("Authorization", &value)?;
        Ok(self)
    }

    /// Drops the fields of these names, and a `Host` of the caller's.
    pub(super) fn forget_fields(&mut self, names: &[&str]) {
        self.fields.remove(names);
        self.host = None;
    }

    /// Adds a header field. `Host` and `Origin` replace what was there before.
    ///
    /// Non-ASCII values go out as UTF-8.
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
    /// A value that is empty or has anything but visible ASCII is refused: no origin looks so.
    pub fn origin(mut self, origin: &str) -> Result<Self, RequestError> {
        if !is_value(origin.as_bytes()) {
            return Err(HeaderError::Value.into());
        }
        if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RequestError::Origin);
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

    //= rfc6455#4.1
    //# The handshake MUST be a valid HTTP request as specified by [RFC2616].
    pub(super) fn write(&self, key: [u8; KEY_LEN], extensions: &str, out: &mut BytesMut) {
        //= rfc6455#4.1
        //# The method of the request MUST be GET, and the HTTP version MUST
        //# be at least 1.1.
        //= rfc6455#4.1
        //# The "Request-URI" part of the request MUST match the /resource name/
        //# defined in Section 3 (a relative URI)
        for part in ["GET ", self.target(), " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        self.write_fields(key, extensions, out);
        out.extend_from_slice(b"\r\n");
    }

    /// The fields of a request for an upgrade.
    pub(super) fn write_fields(&self, key: [u8; KEY_LEN], extensions: &str, sink: &mut impl Sink) {
        //= rfc6455#4.1
        //# The request MUST contain a |Host| header field whose value
        //# contains /host/ plus optionally ":" followed by /port/ (when not
        //# using the default port).
        sink.field("Host", self.authority().as_bytes());
        //= rfc6455#4.1
        //# The request MUST contain an |Upgrade| header field whose value
        //# MUST include the "websocket" keyword.
        sink.field("Upgrade", b"websocket");
        //= rfc6455#4.1
        //# The request MUST contain a |Connection| header field whose value
        //# MUST include the "Upgrade" token.
        sink.field("Connection", b"Upgrade");
        //= rfc6455#4.1
        //# The request MUST include a header field with the name
        //# |Sec-WebSocket-Key|.
        sink.field("Sec-WebSocket-Key", &key);
        self.write_common_fields(extensions, sink);
    }

    /// The fields that every request has, whatever carries the connection.
    //= rfc8441#5
    //# The Origin [RFC6454], Sec-WebSocket-Version, Sec-WebSocket-Protocol,
    //# and Sec-WebSocket-Extensions header fields are used in the CONNECT
    //# request and response-header fields as defined in [RFC6455].
    pub(super) fn write_common_fields(&self, extensions: &str, sink: &mut impl Sink) {
        //= rfc6455#4.1
        //# The request MUST include a header field with the name
        //# |Sec-WebSocket-Version|.  The value of this header field MUST be
        //# 13.
        sink.field("Sec-WebSocket-Version", b"13");
        if !self.subprotocols.is_empty() {
            sink.field("Sec-WebSocket-Protocol", self.subprotocols.as_bytes());
        }
        if !extensions.is_empty() {
            sink.field("Sec-WebSocket-Extensions", extensions.as_bytes());
        }
        if let Some(origin) = &self.origin {
            sink.field("Origin", origin.as_bytes());
        }
        self.fields.write(sink);
    }
}
