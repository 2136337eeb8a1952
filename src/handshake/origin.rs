//! Which web pages may connect: the server's Origin decision, RFC 6455 section 10.2.

use alloc::string::String;
use alloc::vec::Vec;

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
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Every origin: any web page may connect with its visitor's cookies. For public services that
    /// use no cookies, and for servers that check the origin elsewhere.
    Any,
    /// No origin: browsers are kept out.
    Absent,
    /// The host and port that the request's Host names.
    ///
    /// The scheme is not compared, as TLS may end before this server. A name that an attacker
    /// points at this server's address passes: list the origins where that matters.
    SameHost,
    /// These origins, each as a browser writes it: `https://example.com`, with `:port` where it is
    /// not the scheme's default, and without a path or a trailing slash. `null` stands for pages
    /// that have no origin, sandboxed ones for example.
    Listed(Vec<String>),
}

impl Origins {
    /// Checks a request.
    //= rfc6455#10.2
    //# Servers that are not intended to process input from any web page but
    //# only for certain sites SHOULD verify the |Origin| field is an origin
    //# they expect.
    pub(super) fn check(&self, request: &Request, required: bool) -> Result<(), HandshakeError> {
        let Some(origin) = request.origin() else {
            return if required { Err(HandshakeError::OriginMissing) } else { Ok(()) };
        };
        let accepted = match self {
            Self::Any => true,
            Self::Absent => false,
            Self::SameHost => is_same_host(origin, request.host()),
            Self::Listed(origins) => origins.iter().any(|listed| is_same(listed, origin)),
        };
        if accepted { Ok(()) } else { Err(HandshakeError::OriginRefused) }
    }
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

fn is_same_host(origin: &str, authority: &str) -> bool {
    let (Some(origin), Ok((host, port))) = (Parts::parse(origin), split_authority(authority))
    else {
        return false;
    };
    let port = port.or_else(|| default_port(origin.scheme));
    origin.host.eq_ignore_ascii_case(host) && origin.port == port
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

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

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
        let list =
            |origin: &str| Origins::Listed(vec!["https://other.example".into(), origin.into()]);
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
            (list("https://a.example/"), "x", "https://a.example", false),
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
}
