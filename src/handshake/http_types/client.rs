//! A client: its request as an `http::Request`, judged by `http::response::Parts`.

use http::response::Parts;
use http::{HeaderMap, Version};

use super::{FieldMap, Gathered, check_values, lines, value};
use crate::config::Config;
use crate::handshake::client::Outcome;
use crate::handshake::client_request::ClientRequest;
use crate::handshake::error::HandshakeError;
use crate::handshake::expected::{Expected, offer};
use crate::handshake::head::{HeadLimits, Kind, ResponseHead};
use crate::handshake::http1::headers::{Span, is_value};
use crate::handshake::key_of;
use crate::handshake::refusal::BodyReader;
use crate::handshake::request_error::RequestError;

/// One opening handshake of a client whose HTTP somebody else speaks: what the response to its
/// request is held against.
///
/// [`ClientHandshake`](super::ClientHandshake) does the same with bytes.
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
        let compression = config.compression();
        let extensions = offer(compression);
        let fields = FieldMap::of(|fields| request.write_fields(key, &extensions, fields));
        let mut message = http::Request::new(());
        // Its characters were checked, by a rule that is as strict.
        *message.uri_mut() = request.target().parse().map_err(|_| RequestError::ResourceTooLong)?;
        *message.headers_mut() = fields.whole()?;
        let expected = Expected::new(request, key, compression);
        Ok((message, Self { expected, limits: HeadLimits::new(&config.limits) }))
    }

    /// Holds the response against the rules, those that [`ClientHandshake`](super::ClientHandshake)
    /// holds bytes against.
    ///
    /// A refusal has no body then: [`Refusal::with_body`](super::Refusal::with_body) gives it one.
    ///
    /// # Errors
    ///
    /// The first rule that a response breaks whose status is 101.
    pub fn judge(&self, response: &Parts) -> Result<Outcome, HandshakeError> {
        let status = response.status.as_u16();
        if status == 101 {
            let head = self.head(response)?;
            return self.expected.judge(head).map(Outcome::Established);
        }
        let refusal = BodyReader::new(self.refusal(response), self.expected.host()).finish();
        refusal.map(Outcome::Refused).ok_or(HandshakeError::StartLine)
    }

    /// The head of a response that opens the connection, within the limits.
    fn head(&self, response: &Parts) -> Result<ResponseHead, HandshakeError> {
        let first = core::iter::once("HTTP/1.1 101 ".len());
        self.limits.check_lines(Kind::Response, first.chain(lines(&response.headers)))?;
        check_values(&response.headers)?;
        Ok(head(response, &response.headers, usize::MAX, usize::MAX))
    }

    /// The head of a refusal, of which there is as much as the limits allow.
    fn refusal(&self, response: &Parts) -> ResponseHead {
        head(response, &response.headers, self.limits.headers, self.limits.head)
    }
}

fn head(response: &Parts, headers: &HeaderMap, count: usize, bytes: usize) -> ResponseHead {
    let mut gathered = Gathered::default();
    for (name, it) in headers.iter().filter(|(_, it)| is_value(it.as_bytes())).take(count) {
        let len = name.as_str().len() + value(it).len();
        if gathered.text.len().saturating_add(len) > bytes {
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
