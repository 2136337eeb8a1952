//! The server: how the request is read and checked, RFC 6455 section 4.2.1.
//!
//! A [`Request`] exists only if it breaks no rule, so its getters cannot fail; or, where that is asked
//! for, if it is plain HTTP and asks for no WebSocket at all.

mod fields;

use super::carrier::Carrier;
use super::error::HandshakeError;
use super::extension::{self, ExtensionOffer};
use super::head::{Kind, Method, RequestHead, Version};
use super::http1::head::HeadReader;
use super::http1::headers::{Headers, Span};
use super::http1::known::{Count, Index, Known};
use super::http1::uri::{is_plain_host, split_absolute, split_authority};
use super::origin::default_port;
use super::{ACCEPT_LEN, accept_of};
use crate::config::Limits;

use fields::{check_body, check_key, check_subprotocols, check_upgrade, check_version};

/// One opening handshake of a server: waits for the request.
///
/// ```
/// use bytes::BytesMut;
/// use farewell::Limits;
/// use farewell::handshake::{Accept, Origins, ServerHandshake};
///
/// let input = b"GET /chat HTTP/1.1\r\n\
///     Host: example.com\r\n\
///     Upgrade: websocket\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///     Sec-WebSocket-Version: 13\r\n\r\n";
/// let mut handshake = ServerHandshake::new(&Limits::default());
/// let (taken, request) = handshake.receive(input)?;
/// let request = request.expect("the head is complete");
/// assert_eq!((taken, request.target()), (input.len(), "/chat"));
///
/// let mut out = BytesMut::new();
/// Accept::new(Origins::SameHost).write_response(&request, &mut out)?;
/// assert!(out.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    reader: Option<HeadReader>,
    /// Bytes of the last input that it took to see an error.
    judged: usize,
    /// A request that asks for no WebSocket is one, too.
    plain_too: bool,
}

impl ServerHandshake {
    /// Waits for a request.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let reader = Some(HeadReader::new(Kind::Request, limits));
        Self { reader, judged: 0, plain_too: false }
    }

    /// Returns plain requests, too, which ask for no WebSocket connection: those of health checks
    /// and of people with a browser. See [`Request::is_plain`].
    #[must_use]
    pub fn with_plain_requests(self) -> Self {
        Self { plain_too: true, ..self }
    }

    /// Takes bytes that arrived, up to the end of the request's head.
    ///
    /// Returns how many bytes it took, and the request once it is complete. Bytes behind those
    /// belong to the connection and wait until the request is accepted. After the end it takes no
    /// more.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks; respond with
    /// [`HandshakeError::write_response`] and close the connection.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Request>), HandshakeError> {
        let Some(reader) = &mut self.reader else { return Ok((0, None)) };
        let before = reader.seen();
        let head = match reader.take_whole_request(input) {
            Some(whole) => Ok(whole),
            None => match reader.receive(input) {
                Ok((taken, false)) => return Ok((taken, None)),
                Ok((taken, true)) => reader.take_request().map(|head| {
                    let index = Index::of(&head.headers);
                    (taken, head, index)
                }),
                Err(error) => Err(error),
            },
        };
        self.judged = reader.seen() - before;
        self.reader = None;
        let (taken, head, index) = head?;
        let judge = if self.plain_too { Request::judge_plain_too } else { Request::judge };
        judge(head, &index).map(|request| (taken, Some(request)))
    }

    /// After an error: how many bytes of the last input it took to see it.
    pub(crate) fn judged(&self) -> usize {
        self.judged
    }
}

/// A client's request for a WebSocket connection that follows every rule of RFC 6455 section 4.2.1.
///
/// Respond with an [`Accept`](super::Accept) or a [`Rejection`](super::Rejection). Where plain
/// requests were asked for, it may be [one of those](Self::is_plain).
///
/// ```
/// use farewell::handshake::Request;
///
/// fn room(request: &Request) -> Option<&str> {
///     request.path().strip_prefix("/rooms/")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Request {
    head: RequestHead,
    /// The first Host, empty where there is none.
    host: Span,
    /// The first Sec-WebSocket-Key, empty where there is none.
    key: Span,
    /// The first Origin.
    origin: Option<Span>,
    /// Of a plain request, the rule that it breaks by being one.
    plain: Option<HandshakeError>,
}

impl Request {
    /// Whether it is plain HTTP, which asks for no WebSocket connection: a health check, or a person
    /// with a browser. Answer it with a [`PlainResponse`](super::PlainResponse), or with any
    /// rejection.
    ///
    /// Only servers that ask for such requests see them, with
    /// [`ServerHandshake::with_plain_requests`] or
    /// [`Session::with_plain_requests`](crate::Session::with_plain_requests). One that is accepted
    /// all the same is refused, as it is where nobody has asked for it: with status 426, or 405 where
    /// its method is not GET. It has a target, a host unless it is HTTP/1.0, and no body; a request
    /// that has `Upgrade: websocket` is never taken for one.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// The method: GET, unless it is a [plain](Self::is_plain) request.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.headers.text(self.head.verb)
    }

    /// The request's target as sent: a path with an optional query, or an absolute URI.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.headers.text(self.head.target)
    }

    /// The path, percent-encoded as it was sent. It begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        let resource = self.resource();
        let path = resource.split_once('?').map_or(resource, |(path, _)| path);
        if path.is_empty() { "/" } else { path }
    }

    /// The query, percent-encoded as it was sent, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.resource().split_once('?').map(|(_, query)| query)
    }

    fn resource(&self) -> &str {
        let target = self.target();
        if target.starts_with('/') {
            return target;
        }
        split_absolute(target).map_or(target, |(_, resource)| resource)
    }

    /// The host that the client means, with its port unless that is the default.
    ///
    /// It is the Host header field's value, or that of the target where it is an absolute URI.
    #[must_use]
    pub fn host(&self) -> &str {
        //= rfc9112#3.2.2
        //# When an origin server receives a request with an absolute-form of
        //# request-target, the origin server MUST ignore the received Host
        //# header field (if any) and instead use the host information of the
        //# request-target.
        if !self.head.headers.bytes(self.head.target).starts_with(b"/") {
            if let Some((authority, _)) = split_absolute(self.target()) {
                return authority;
            }
        }
        self.head.headers.text(self.host)
    }

    /// What carries the connection that is asked for.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.head.version.carrier()
    }

    /// The origin of the page that opens the connection, if the client is a browser.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        core::str::from_utf8(self.head.headers.bytes(self.origin?)).ok()
    }

    /// The first value of the header field `name` if there is one and it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The subprotocols that the client would speak, the one it likes best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let names = self.head.headers.list("Sec-WebSocket-Protocol");
        names.filter_map(|name| core::str::from_utf8(name).ok())
    }

    /// The extensions that the client offers, the one it likes best first.
    pub fn extensions(&self) -> impl Iterator<Item = ExtensionOffer<'_>> {
        extension::offers(&self.head.headers)
    }

    /// The first Origin as it came.
    pub(super) fn origin_bytes(&self) -> Option<&[u8]> {
        self.origin.map(|span| self.head.headers.bytes(span))
    }

    /// The Host as it came, if it is what the client means.
    pub(super) fn host_bytes(&self) -> Option<&[u8]> {
        let headers = &self.head.headers;
        headers.bytes(self.head.target).starts_with(b"/").then(|| headers.bytes(self.host))
    }

    /// The Sec-WebSocket-Accept that answers this request.
    pub(super) fn accept(&self) -> [u8; ACCEPT_LEN] {
        accept_of(self.head.headers.bytes(self.key))
    }

    /// Holds a request against the rules, those of HTTP first.
    //= rfc6455#4.2.1
    //# If
    //# the server, while reading the handshake, finds that the client did
    //# not send a handshake that matches the description below (note that as
    //# per [RFC2616], the order of the header fields is not important),
    //# including but not limited to any violations of the ABNF grammar
    //# specified for the components of the handshake, the server MUST stop
    //# processing the client's handshake and return an HTTP response with an
    //# appropriate error code (such as 400 Bad Request).
    pub(super) fn judge(head: RequestHead, index: &Index) -> Result<Self, HandshakeError> {
        Self::check(&head, index)?;
        Ok(Self::new(head, index, None))
    }

    /// The same, but for a request that asks for no WebSocket at all.
    fn judge_plain_too(head: RequestHead, index: &Index) -> Result<Self, HandshakeError> {
        match Self::check(&head, index) {
            Ok(()) => Ok(Self::new(head, index, None)),
            Err(error) if is_plain(&head, index, error) => Ok(Self::new(head, index, Some(error))),
            Err(error) => Err(error),
        }
    }

    fn new(head: RequestHead, index: &Index, plain: Option<HandshakeError>) -> Self {
        let first = |known| index.first(known);
        Self {
            host: first(Known::Host).unwrap_or_default(),
            key: first(Known::Key).unwrap_or_default(),
            origin: first(Known::Origin),
            head,
            plain,
        }
    }

    /// The rule that a plain request breaks by being one.
    pub(super) fn check_upgrade_asked(&self) -> Result<(), HandshakeError> {
        self.plain.map_or(Ok(()), Err)
    }

    fn check(head: &RequestHead, index: &Index) -> Result<(), HandshakeError> {
        check_method(head.version, head.method)?;
        let headers = &head.headers;
        let target = headers.bytes(head.target);
        let is_stream = head.version.carrier().is_stream();
        if is_stream {
            let target = headers.text(head.target);
            check_uri(target)?;
            check_same_host(headers, index, target)?;
        } else {
            check_target(target)?;
            check_host(headers, index)?;
        }
        check_body(headers, index)?;
        if is_stream {
            check_stream_fields(index)?;
            check_version(headers, index)?;
        } else {
            check_upgrade(headers, index)?;
            check_version(headers, index)?;
            check_key(headers, index)?;
        }
        check_subprotocols(headers, index)?;
        // As with the subprotocols, a list without an element names nothing: some clients send one.
        extension::check_elements(headers, index)?;
        match index.single(Known::Origin, headers) {
            Err(Count::None) => {}
            Ok(value) if !value.is_empty() && value.iter().all(u8::is_ascii_graphic) => {}
            Ok(_) | Err(Count::Many) => return Err(HandshakeError::OriginInvalid),
        }
        Ok(())
    }
}

/// Whether a request that broke this rule is plain HTTP, and could be answered as such.
fn is_plain(head: &RequestHead, index: &Index, error: HandshakeError) -> bool {
    let headers = &head.headers;
    let plain = matches!(
        error,
        HandshakeError::Http10 | HandshakeError::Method | HandshakeError::UpgradeNotRequested
    );
    // In HTTP/1.0, nobody has to name a host.
    let nobody = head.version == Version::Http10 && !index.has(Known::Host);
    plain
        && !index.list_has(Known::Upgrade, headers, "websocket")
        && check_target(headers.bytes(head.target)).is_ok()
        && check_body(headers, index).is_ok()
        && (nobody || check_host(headers, index).is_ok())
}

fn check_method(version: Version, method: Method) -> Result<(), HandshakeError> {
    match (version, method) {
        //= rfc6455#4.2.1
        //# An HTTP/1.1 or higher GET request
        (Version::Http11, Method::Get) => Ok(()),
        (Version::Http11, _) => Err(HandshakeError::Method),
        (Version::Http10, _) => Err(HandshakeError::Http10),
        //= rfc8441#5
        //# The :protocol pseudo-header field MUST be included in the CONNECT
        //# request, and it MUST have a value of "websocket" to initiate a
        //# WebSocket connection on an HTTP/2 stream.
        #[cfg(feature = "http")]
        (Version::Http2 | Version::Http3, method) => match method {
            Method::ConnectWebSocket => Ok(()),
            //= rfc9220#3
            //# If a server advertises support for Extended CONNECT but receives an
            //# Extended CONNECT request with a ":protocol" value that is unknown or
            //# is not supported, the server SHOULD respond to the request with a 501
            //# (Not Implemented) status code
            Method::ConnectOther => Err(HandshakeError::ProtocolUnknown),
            Method::Connect => Err(HandshakeError::ProtocolMissing),
            Method::Get | Method::Other => Err(HandshakeError::MethodNotConnect),
        },
    }
}

fn check_target(target: &[u8]) -> Result<(), HandshakeError> {
    let valid = target.starts_with(b"/")
        || core::str::from_utf8(target).is_ok_and(|target| {
            split_absolute(target).is_some_and(|(host, _)| split_authority(host).is_ok())
        });
    if !valid {
        return Err(HandshakeError::Target);
    }
    check_characters(target)
}

/// The target of an extended CONNECT: a whole URI, of what HTTP/2 sends in pieces.
fn check_uri(target: &str) -> Result<(), HandshakeError> {
    // Without an authority, what is left of it is a path.
    if target.starts_with('/') {
        return Err(HandshakeError::HostMissing);
    }
    //= rfc8441#5
    //# The scheme of the target URI (Section 5.1 of [RFC7230]) MUST be
    //# "https" for "wss"-schemed WebSockets and "http" for "ws"-schemed
    //# WebSockets.
    let http = target.split_once("://").is_some_and(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
    });
    match split_absolute(target).filter(|_| http) {
        None => return Err(HandshakeError::Target),
        Some((host, _)) if split_authority(host).is_err() => {
            return Err(HandshakeError::HostInvalid);
        }
        Some(_) => {}
    }
    check_characters(target.as_bytes())
}

fn check_characters(target: &[u8]) -> Result<(), HandshakeError> {
    match target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        true => Ok(()),
        false => Err(HandshakeError::TargetCharacter),
    }
}

fn check_host(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    //= rfc6455#4.2.1
    //# A |Host| header field containing the server's authority.
    let host = index.single(Known::Host, headers).map_err(|count| match count {
        Count::None => HandshakeError::HostMissing,
        Count::Many => HandshakeError::HostRepeated,
    })?;
    let valid = is_plain_host(host)
        || core::str::from_utf8(host).is_ok_and(|host| split_authority(host).is_ok());
    if valid { Ok(()) } else { Err(HandshakeError::HostInvalid) }
}

/// A Host beside `:authority` may only say the same (RFC 9113 section 8.3.1): the latter is what counts,
/// and an application may look at either.
fn check_same_host(headers: &Headers, index: &Index, target: &str) -> Result<(), HandshakeError> {
    let host = match index.single(Known::Host, headers) {
        Ok(host) => host,
        Err(Count::None) => return Ok(()),
        Err(Count::Many) => return Err(HandshakeError::HostRepeated),
    };
    let host = core::str::from_utf8(host).map(split_authority);
    let Ok(Ok((host, port))) = host else { return Err(HandshakeError::HostInvalid) };
    let authority = split_absolute(target).and_then(|(it, _)| split_authority(it).ok());
    let default = target.split_once("://").and_then(|(scheme, _)| default_port(scheme));
    let same = authority.is_some_and(|(name, number)| {
        name.eq_ignore_ascii_case(host) && number.or(default) == port.or(default)
    });
    if same { Ok(()) } else { Err(HandshakeError::HostDiffers) }
}

fn check_stream_fields(index: &Index) -> Result<(), HandshakeError> {
    //= rfc8441#5
    //# [RFC6455] requires the use of Connection and Upgrade header fields
    //# that are not part of HTTP/2. They MUST NOT be included in the
    //# CONNECT request defined here.
    match index.has(Known::Connection) || index.has(Known::Upgrade) {
        true => Err(HandshakeError::ConnectionField),
        false => Ok(()),
    }
}
