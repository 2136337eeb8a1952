//! Which web pages may connect: the server's Origin decision, RFC 6455 section 10.2.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::HandshakeError;
use super::server::Request;
use super::uri::split_authority;

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
