//! A client: its request as an `http::Request`, judged by `http::response::Parts`.

use http::response::Parts;
use http::uri::Scheme;
use http::{HeaderMap, Uri, Version};

use super::{FieldMap, Gathered, PROTOCOL, check_fields, is_field, lines, value};
use crate::config::Config;
use crate::handshake::carrier::Carrier;
use crate::handshake::client::Outcome;
use crate::handshake::client_request::ClientRequest;
use crate::handshake::error::HandshakeError;
use crate::handshake::expected::{Asked, Expected, offer};
use crate::handshake::head::{HeadLimits, Kind, ResponseHead};
use crate::handshake::http1::headers::Span;
use crate::handshake::http1::known::Index;
use crate::handshake::key_of;
use crate::handshake::refusal::BodyReader;
use crate::handshake::request_error::RequestError;

/// One opening handshake of a client whose HTTP somebody else speaks: what the response to its
/// request is held against.
///
/// [`ClientHandshake`](crate::handshake::ClientHandshake) does the same with bytes.
///
/// ```
/// use farewell::handshake::{ClientRequest, HttpHandshake, Outcome};
/// use farewell::{Config, Seed};
///
/// let asked = ClientRequest::new("ws://example.com/chat")?;
/// let mut seed = Seed::new([1; 32]); // outside of examples: `Seed::from_os()?`
/// let nonce = seed.nonce();
/// # let nonce = *b"the sample nonce";
/// let (request, handshake) = HttpHandshake::upgrade(&asked, nonce, &Config::default())?;
/// assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/chat"));
///
/// // An HTTP client sends the request, and has this response:
/// let (response, ()) = http::Response::builder()
///     .status(101)
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
///     .body(())?
///     .into_parts();
/// let outcome = handshake.judge(&response)?;
/// assert!(matches!(outcome, Outcome::Established(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HttpHandshake {
    expected: Expected,
    limits: HeadLimits,
}

impl HttpHandshake {
    /// The `:protocol` of an extended CONNECT for a WebSocket.
    pub const PROTOCOL: &'static str = PROTOCOL;

    /// The request for an upgrade of HTTP/1.1, with an offer to compress messages where `config`
    /// asks for it.
    ///
    /// Its target is a path, as it goes to the server itself, and its Host is there. The nonce has
    /// to be random and fresh for each connection: see [`Seed::nonce`](crate::Seed::nonce).
    ///
    /// # Errors
    ///
    /// The target or a header field is too long for the types of the `http` crate.
    pub fn upgrade(
        request: &ClientRequest,
        nonce: [u8; 16],
        config: &Config,
    ) -> Result<(http::Request<()>, Self), RequestError> {
        let key = key_of(nonce);
        let compression = config.compression_settings();
        let extensions = offer(compression);
        let fields = FieldMap::of(|fields| request.write_fields(key, &extensions, fields));
        let mut message = http::Request::new(());
        // Its characters were checked, by a rule that is as strict.
        *message.uri_mut() = request.target().parse().map_err(|_| RequestError::ResourceTooLong)?;
        *message.headers_mut() = fields.whole()?;
        let expected = Expected::new(request, Asked::Upgrade(key), compression);
        Ok((message, Self { expected, limits: HeadLimits::new(&config.limits) }))
    }

    /// The extended CONNECT for a stream of HTTP/2 (RFC 8441) or, where `version` says so, of HTTP/3
    /// (RFC 9220), with an offer to compress messages where `config` asks for it.
    ///
    /// Send it only where the server offers to take it (`SETTINGS_ENABLE_CONNECT_PROTOCOL`); where it
    /// does not, that is [`HandshakeError::ExtendedConnectNotOffered`]. Its `:protocol` is no header
    /// field: put [`PROTOCOL`](Self::PROTOCOL) into its extensions, in the type of who sends it.
    ///
    /// ```
    /// use farewell::Config;
    /// use farewell::handshake::{ClientRequest, HttpHandshake, Outcome};
    ///
    /// let asked = ClientRequest::new("wss://example.com/chat")?;
    /// let (request, handshake) =
    ///     HttpHandshake::extended_connect(&asked, http::Version::HTTP_2, &Config::default())?;
    /// // With the h2 crate: request.extensions_mut().insert(
    /// //     h2::ext::Protocol::from_static(HttpHandshake::PROTOCOL));
    /// assert_eq!(request.uri(), "https://example.com/chat");
    ///
    /// let (response, ()) = http::Response::new(()).into_parts(); // status 200
    /// assert!(matches!(handshake.judge(&response)?, Outcome::Established(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The target or a header field is too long for the types of the `http` crate, or the host is
    /// none that they take.
    pub fn extended_connect(
        request: &ClientRequest,
        version: Version,
        config: &Config,
    ) -> Result<(http::Request<()>, Self), RequestError> {
        let carrier = match version {
            Version::HTTP_3 => Carrier::Http3,
            _ => Carrier::Http2,
        };
        let compression = config.compression_settings();
        let extensions = offer(compression);
        let fields = FieldMap::of(|fields| request.write_common_fields(&extensions, fields));
        let mut message = http::Request::new(());
        *message.method_mut() = http::Method::CONNECT;
        *message.version_mut() =
            if carrier == Carrier::Http3 { Version::HTTP_3 } else { Version::HTTP_2 };
        *message.uri_mut() = uri(request)?;
        *message.headers_mut() = fields.whole()?;
        let expected = Expected::new(request, Asked::ExtendedConnect(carrier), compression);
        Ok((message, Self { expected, limits: HeadLimits::new(&config.limits) }))
    }

    /// Holds the response against the rules, those that [`ClientHandshake`](crate::handshake::ClientHandshake)
    /// holds bytes against.
    ///
    /// A refusal has no body then: [`Refusal::with_body`](crate::handshake::Refusal::with_body) gives it one.
    ///
    /// # Errors
    ///
    /// The first rule that a response breaks whose status opens the connection: 101, or 2xx on a
    /// stream.
    pub fn judge(&self, response: &Parts) -> Result<Outcome, HandshakeError> {
        let opens = match (response.status.as_u16(), self.expected.carrier().is_stream()) {
            (101, true) => return Err(HandshakeError::SwitchingProtocols),
            (status, true) => (200..=299).contains(&status),
            (status, false) => status == 101,
        };
        if opens {
            let head = self.head(response)?;
            let index = Index::of(&head.headers);
            return self.expected.judge(head, &index).map(Outcome::Established);
        }
        let refusal = BodyReader::new(self.refusal(response), self.expected.host()).finish();
        refusal.map(Outcome::Refused).ok_or(HandshakeError::StartLine)
    }

    /// The head of a response that opens the connection, within the limits.
    fn head(&self, response: &Parts) -> Result<ResponseHead, HandshakeError> {
        let first = core::iter::once("HTTP/1.1 101 ".len());
        self.limits.check_lines(Kind::Response, first.chain(lines(&response.headers)))?;
        check_fields(&response.headers)?;
        Ok(head(response, &response.headers, usize::MAX, usize::MAX))
    }

    /// The head of a refusal, of which there is as much as the limits allow.
    fn refusal(&self, response: &Parts) -> ResponseHead {
        head(response, &response.headers, self.limits.headers, self.limits.head)
    }
}

/// The URI of an extended CONNECT: scheme, authority and path, which HTTP/2 sends one by one.
fn uri(request: &ClientRequest) -> Result<Uri, RequestError> {
    //= rfc8441#5
    //# The scheme of the target URI (Section 5.1 of [RFC7230]) MUST be
    //# "https" for "wss"-schemed WebSockets and "http" for "ws"-schemed
    //# WebSockets.
    let scheme = if request.secure() { Scheme::HTTPS } else { Scheme::HTTP };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    //= rfc8441#5
    //# The Host information is conveyed as part of the
    //# :authority pseudo-header field, which is required on every HTTP/2
    //# transaction.
    parts.authority = Some(request.authority().parse().map_err(|_| RequestError::Host)?);
    let target = request.target().parse().map_err(|_| RequestError::ResourceTooLong)?;
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map_err(|_| RequestError::ResourceTooLong)
}

fn head(response: &Parts, headers: &HeaderMap, count: usize, bytes: usize) -> ResponseHead {
    let (mut gathered, mut held) = (Gathered::default(), 0_usize);
    for (name, it) in headers.iter().filter(|field| is_field(*field)).take(count) {
        held = held.saturating_add(name.as_str().len() + value(it).len());
        if held > bytes {
            break;
        }
        gathered.add_field(name, value(it));
    }
    ResponseHead {
        headers: gathered.into_headers(),
        status: response.status.as_u16(),
        http_1_1: response.version == Version::HTTP_11,
        reason: Span::default(),
    }
}
