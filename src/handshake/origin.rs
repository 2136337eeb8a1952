//! Which web pages may connect: the server's Origin decision, RFC 6455 section 10.2.
//!
//! Invariant: what cannot match any origin is in no list.

use alloc::boxed::Box;
use alloc::vec::Vec;

use thiserror::Error;

use super::error::HandshakeError;
use super::http1::uri::split_authority;
use super::server::Request;

/// Which origins a server accepts. There is no default: the decision is the application's.
///
/// A browser sends the Origin of the page that opens the connection, together with the user's
/// cookies, and a page cannot change it. That is all the check protects from: other programs send
/// no Origin, or any they like. A request without one is therefore accepted by every variant,
/// unless [`Accept::require_origin`](super::Accept::require_origin) was called.
///
/// Scheme and host compare without regard to ASCII case, and a port that is its scheme's default
/// may be left out.
///
/// ```
/// use farewell::Acceptor;
/// use farewell::handshake::Origins;
///
/// // The pages of two sites, and programs.
/// let origins = Origins::listed(["https://example.com", "https://admin.example.com"])?;
/// let acceptor = Acceptor::new(origins);
/// # Ok::<(), farewell::handshake::OriginError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Every origin: any web page may connect with its visitor's cookies. For public services that
    /// use no cookies, and for servers that check the origin elsewhere.
    Any,
    /// No origin: browsers are kept out.
    Absent,
    /// The host and port that the request's Host names, of scheme http or https.
    ///
    /// Which of the two is not compared, as TLS may end before this server. A name that an attacker
    /// points at this server's address passes: list the origins where that matters.
    SameHost,
    /// These origins: see [`listed`](Self::listed).
    Listed(OriginList),
}

impl Origins {
    /// These origins, each as a browser writes it: `https://example.com`, with `:port` where it is
    /// not the scheme's default. `null` stands for pages that have no origin, sandboxed ones for
    /// example. A slash at the end is taken off.
    ///
    /// # Errors
    ///
    /// What no browser would send, and what would therefore match nothing: something with a path,
    /// a host without a scheme, a pattern.
    ///
    /// ```
    /// use farewell::handshake::{OriginError, Origins};
    ///
    /// let origins = Origins::listed(["https://example.com", "http://localhost:8080/"])?;
    /// assert_eq!(Origins::listed(["example.com"]), Err(OriginError::Scheme));
    /// assert_eq!(Origins::listed(["https://example.com/chat"]), Err(OriginError::Path));
    /// # Ok::<(), OriginError>(())
    /// ```
    pub fn listed<T: AsRef<str>>(
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, OriginError> {
        let origins = origins.into_iter().map(|origin| checked(origin.as_ref()));
        Ok(Self::Listed(OriginList(origins.collect::<Result<_, _>>()?)))
    }

    /// Checks a request.
    //= rfc6455#10.2
    //# Servers that are not intended to process input from any web page but
    //# only for certain sites SHOULD verify the |Origin| field is an origin
    //# they expect.
    pub(super) fn check(&self, request: &Request, required: bool) -> Result<(), HandshakeError> {
        if matches!(self, Self::SameHost) && is_same_to_the_letter(request) {
            return Ok(());
        }
        let Some(origin) = request.origin() else {
            return if required { Err(HandshakeError::OriginMissing) } else { Ok(()) };
        };
        let accepted = match self {
            Self::Any => true,
            Self::Absent => false,
            Self::SameHost => is_same_host(origin, request.host()),
            Self::Listed(origins) => origins.0.iter().any(|listed| is_same(listed, origin)),
        };
        if accepted { Ok(()) } else { Err(HandshakeError::OriginRefused) }
    }
}

/// Origins that a browser can send, in [`Origins::Listed`]; made by [`Origins::listed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginList(Vec<Box<str>>);

/// Why something is no origin: it would match no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with a scheme, as `https://example.com` does, and is not `null`.
    #[error("the origin does not begin with a scheme and ://")]
    Scheme,
    /// Its host is missing, or its host or port is malformed. A pattern is no host.
    #[error("the origin's host is missing, or its host or port is malformed")]
    Host,
    /// It goes on behind its host and port.
    #[error("the origin has a path, a query or a fragment")]
    Path,
}

/// The origin as a browser writes it, if one does.
fn checked(origin: &str) -> Result<Box<str>, OriginError> {
    if origin == "null" {
        return Ok(origin.into());
    }
    let (scheme, rest) = origin.split_once("://").ok_or(OriginError::Scheme)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(known) {
        return Err(OriginError::Scheme);
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(OriginError::Path);
    }
    // Pages from a file, in some applications: `file://`.
    let nowhere = authority.is_empty() && default_port(scheme).is_none();
    if !nowhere && (split_authority(authority).is_err() || authority.contains('*')) {
        return Err(OriginError::Host);
    }
    Ok(origin.strip_suffix('/').filter(|_| !rest.is_empty()).unwrap_or(origin).into())
}

fn is_same(one: &str, other: &str) -> bool {
    match (Parts::parse(one), Parts::parse(other)) {
        (Some(one), Some(other)) => {
            one.scheme.eq_ignore_ascii_case(other.scheme)
                && one.host.eq_ignore_ascii_case(other.host)
                && one.port == other.port
        }
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Whether the origin is that of the host that the client means as browsers write both: the same to the
/// letter behind its scheme.
fn is_same_to_the_letter(request: &Request) -> bool {
    let (Some(origin), Some(host)) = (request.origin_bytes(), request.host_bytes()) else {
        return false;
    };
    let scheme = origin.strip_suffix(host).filter(|_| !host.is_empty());
    matches!(scheme, Some(b"http://" | b"https://"))
}

/// The authority is that of a request, which was checked.
fn is_same_host(origin: &str, authority: &str) -> bool {
    let (Some(origin), Ok((host, port))) = (Parts::parse(origin), split_authority(authority))
    else {
        return false;
    };
    // No other scheme has hosts that this server could be one of.
    let Some(default) = default_port(origin.scheme) else { return false };
    origin.host.eq_ignore_ascii_case(host) && origin.port == Some(port.unwrap_or(default))
}

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    fn parse(origin: &'a str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let (host, port) = split_authority(authority).ok()?;
        Some(Self { scheme, host, port: port.or_else(|| default_port(scheme)) })
    }
}

/// The port of a scheme of HTTP where a URL names none.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::server::ServerHandshake;
    use super::*;
    use crate::config::Limits;

    fn request(host: &str, origin: &str) -> Request {
        let origin = if origin.is_empty() { "".into() } else { format!("Origin: {origin}\r\n") };
        let wire = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {origin}\r\n"
        );
        ServerHandshake::new(&Limits::default()).receive(wire.as_bytes()).unwrap().1.unwrap()
    }

    //= rfc6455#10.2
    //= type=test
    //# If the origin indicated is unacceptable to the server,
    //# then it SHOULD respond to the WebSocket handshake with a reply
    //# containing HTTP 403 Forbidden status code.
    #[test]
    fn origins_decide() {
        let list = |origin: &str| Origins::listed(["https://other.example", origin]).unwrap();
        let a = || list("https://a.example");
        let cases = [
            (Origins::Any, "a.example", "https://evil.example", true),
            (Origins::Any, "a.example", "null", true),
            (Origins::Any, "a.example", "", true),
            (Origins::Absent, "a.example", "", true),
            (Origins::Absent, "a.example", "https://a.example", false),
            (Origins::Absent, "a.example", "null", false),
            (Origins::SameHost, "a.example", "", true),
            (Origins::SameHost, "a.example", "https://a.example", true),
            (Origins::SameHost, "A.Example", "http://a.exAMPLE", true),
            (Origins::SameHost, "a.example:443", "https://a.example", true),
            (Origins::SameHost, "a.example:80", "https://a.example", false),
            (Origins::SameHost, "a.example:8080", "http://a.example:8080", true),
            (Origins::SameHost, "a.example:8080", "http://a.example", false),
            (Origins::SameHost, "a.example", "http://a.example:8080", false),
            (Origins::SameHost, "[::1]:80", "http://[::1]", true),
            (Origins::SameHost, "a.example", "http://sub.a.example", false),
            (Origins::SameHost, "a.example", "http://a.example.evil.example", false),
            (Origins::SameHost, "a.example", "http://evil.example/a.example", false),
            (Origins::SameHost, "a.example", "http://a.example@evil.example", false),
            (Origins::SameHost, "null", "null", false),
            (Origins::SameHost, "a.example", "javascript://a.example", false),
            (Origins::SameHost, "a.example", "ftp://a.example", false),
            (Origins::SameHost, "a.example", "ws://a.example", false),
            (Origins::SameHost, "a.example", "chrome-extension://a.example", false),
            (Origins::SameHost, "a.example:80", "ftp://a.example:80", false),
            (Origins::SameHost, "a.example", "://a.example", false),
            (a(), "x", "", true),
            (a(), "x", "https://a.example", true),
            (a(), "x", "HTTPS://A.EXAMPLE", true),
            (a(), "x", "https://a.example:443", true),
            (a(), "x", "https://a.example:444", false),
            (a(), "x", "http://a.example", false),
            (a(), "x", "http://a.example:443", false),
            (a(), "x", "https://a.example.evil.example", false),
            (a(), "x", "null", false),
            (list("null"), "x", "null", true),
            (list("https://a.example/"), "x", "https://a.example", true),
            (list("https://a.example:443/"), "x", "https://a.example", true),
            (list("file:///"), "x", "file://", true),
            (list("file://"), "x", "file://", true),
            (list("chrome-extension://abc"), "x", "chrome-extension://abc", true),
            (list("app://a"), "x", "app://a", true),
            (list("app://a"), "x", "app://a:80", false),
        ];
        for (origins, host, origin, accepted) in cases {
            let expected = if accepted { Ok(()) } else { Err(HandshakeError::OriginRefused) };
            let request = request(host, origin);
            assert_eq!(origins.check(&request, false), expected, "{origins:?} {host} {origin}");
            let expected =
                if origin.is_empty() { Err(HandshakeError::OriginMissing) } else { expected };
            assert_eq!(origins.check(&request, true), expected, "{origins:?} {host} {origin}");
        }
    }

    #[test]
    fn what_could_match_nothing_is_in_no_list() {
        let cases = [
            ("", OriginError::Scheme),
            ("example.com", OriginError::Scheme),
            ("*", OriginError::Scheme),
            ("NULL", OriginError::Scheme),
            ("https:example.com", OriginError::Scheme),
            ("://example.com", OriginError::Scheme),
            ("a b://example.com", OriginError::Scheme),
            ("https://", OriginError::Host),
            ("https:///", OriginError::Host),
            ("https://*", OriginError::Host),
            ("https://*.example.com", OriginError::Host),
            ("https://me@example.com", OriginError::Host),
            ("https://example.com:x", OriginError::Host),
            ("https://example.com:0", OriginError::Host),
            ("https://example.com ", OriginError::Host),
            ("https://b\u{fc}cher.example", OriginError::Host),
            ("https://example.com/chat", OriginError::Path),
            ("https://example.com//", OriginError::Path),
            ("https://example.com?a", OriginError::Path),
            ("https://example.com/#", OriginError::Path),
        ];
        for (origin, error) in cases {
            let list = Origins::listed(["https://other.example", origin]);
            assert_eq!(list, Err(error), "{origin:?}");
        }
    }
}
