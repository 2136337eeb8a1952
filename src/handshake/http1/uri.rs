//! WebSocket URIs, RFC 6455 section 3, and the `host[:port]` that they share with HTTP's Host.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::net::Ipv6Addr;

use crate::handshake::request_error::RequestError;

/// A ws or wss URI taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::handshake) struct WsUri {
    pub(in crate::handshake) secure: bool,
    /// Without the brackets of an IPv6 literal.
    pub(in crate::handshake) host: Box<str>,
    pub(in crate::handshake) port: u16,
    /// What goes into Host: brackets where they are needed, and no port that is the default.
    pub(in crate::handshake) authority: Box<str>,
    /// The resource name: path and query.
    pub(in crate::handshake) target: Box<str>,
}

impl WsUri {
    pub(in crate::handshake) fn parse(uri: &str) -> Result<Self, RequestError> {
        //= rfc6455#4.1
        //# The components of the WebSocket URI passed into this algorithm (/host/,
        //# /port/, /resource name/, and /secure/ flag) MUST be valid according to
        //# the specification of WebSocket URIs specified in Section 3.
        //= rfc6455#4.1
        //# If any of the components are invalid, the client
        //# MUST _Fail the WebSocket Connection_ and abort these steps.
        let (scheme, rest) = uri.split_once("://").ok_or(RequestError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(RequestError::Scheme),
        };
        //= rfc6455#3
        //# Fragment identifiers are meaningless in the context of WebSocket URIs
        //# and MUST NOT be used on these URIs.
        if rest.contains('#') {
            return Err(RequestError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(end);
        if authority.contains('@') {
            return Err(RequestError::UserInfo);
        }
        if !is_resource(resource.as_bytes()) {
            return Err(RequestError::Resource);
        }
        let (host, port) = split_authority(authority).map_err(|error| match error {
            AuthorityError::Host => RequestError::Host,
            AuthorityError::Port => RequestError::Port,
        })?;
        let default = if secure { 443 } else { 80 };
        let port = port.unwrap_or(default);
        Ok(Self {
            secure,
            host: host.trim_matches(['[', ']']).into(),
            port,
            authority: if port == default { host.into() } else { format!("{host}:{port}").into() },
            target: resource_name(resource).into(),
        })
    }
}

/// The resource name of a path with an optional query, either of which may be empty.
fn resource_name(resource: &str) -> String {
    //= rfc6455#3
    //# o  "/" if the path component is empty
    let resource =
        resource.strip_suffix('?').filter(|path| !path.contains('?')).unwrap_or(resource);
    if resource.starts_with('/') { resource.to_string() } else { format!("/{resource}") }
}

/// Whether these are the characters of RFC 3986's path and query.
fn is_resource(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| is_name_byte(*b) || matches!(b, b':' | b'@' | b'/' | b'?' | b'%'))
        && escapes_are_whole(bytes)
}

/// RFC 3986's unreserved characters and sub-delimiters.
const fn is_name_byte(byte: u8) -> bool {
    const NAME: [bool; 256] = {
        let mut name = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            name[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~')
                || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=');
            byte += 1;
        }
        name
    };
    NAME[byte as usize]
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'%').skip(1).all(|rest| match rest {
        [high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}

/// A text whose percent signs each encode a byte, decoded; nothing where it is not UTF-8 then.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits =
            part.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// What is wrong with a `host[:port]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthorityError {
    Host,
    Port,
}

/// Splits `host[:port]`. An IPv6 literal keeps its brackets; an empty port is no port.
pub(crate) fn split_authority(text: &str) -> Result<(&str, Option<u16>), AuthorityError> {
    let (host, port) = match text.rfind(':') {
        // A colon inside the brackets belongs to the address.
        Some(colon) if !text.ends_with(']') => {
            let (host, port) = text.split_at(colon);
            (host, port.get(1..).unwrap_or_default())
        }
        _ => (text, ""),
    };
    let valid = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let bytes = host.as_bytes();
            !bytes.is_empty()
                && bytes.iter().all(|byte| is_name_byte(*byte) || *byte == b'%')
                && escapes_are_whole(bytes)
        }
    };
    if !valid {
        return Err(AuthorityError::Host);
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.parse::<u16>() {
        // `parse` would let a sign through.
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(AuthorityError::Port),
    }
}

/// Whether this is a host without a port, an escape or brackets, which [`split_authority`] returns as it
/// is: most are.
pub(in crate::handshake) fn is_plain_host(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_name_byte(*byte))
}

/// Splits an absolute URI of HTTP or WebSocket into its authority and the rest, which may be empty.
pub(in crate::handshake) fn split_absolute(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_come_apart() {
        let cases: [(&str, bool, &str, u16, &str, &str); 14] = [
            ("ws://example.com", false, "example.com", 80, "example.com", "/"),
            ("ws://example.com/", false, "example.com", 80, "example.com", "/"),
            ("WS://Example.com:80/chat", false, "Example.com", 80, "Example.com", "/chat"),
            ("wss://example.com", true, "example.com", 443, "example.com", "/"),
            ("wss://example.com:80", true, "example.com", 80, "example.com:80", "/"),
            ("ws://example.com:443", false, "example.com", 443, "example.com:443", "/"),
            ("ws://example.com:", false, "example.com", 80, "example.com", "/"),
            ("ws://h?q=1", false, "h", 80, "h", "/?q=1"),
            ("ws://h/?", false, "h", 80, "h", "/"),
            ("ws://h/a?b?", false, "h", 80, "h", "/a?b?"),
            ("ws://h/a%20b/@:;c?d=/?", false, "h", 80, "h", "/a%20b/@:;c?d=/?"),
            ("ws://127.0.0.1:9001/", false, "127.0.0.1", 9001, "127.0.0.1:9001", "/"),
            ("ws://[::1]:9001/a", false, "::1", 9001, "[::1]:9001", "/a"),
            ("wss://[2001:db8::1]", true, "2001:db8::1", 443, "[2001:db8::1]", "/"),
        ];
        for (uri, secure, host, port, authority, target) in cases {
            let expected = WsUri {
                secure,
                host: host.into(),
                port,
                authority: authority.into(),
                target: target.into(),
            };
            assert_eq!(WsUri::parse(uri), Ok(expected), "{uri}");
        }
    }

    //= rfc6455#4.1
    //= type=test
    //# The components of the WebSocket URI passed into this algorithm (/host/,
    //# /port/, /resource name/, and /secure/ flag) MUST be valid according to
    //# the specification of WebSocket URIs specified in Section 3.
    //= rfc6455#4.1
    //= type=test
    //# If any of the components are invalid, the client MUST _Fail the
    //# WebSocket Connection_ and abort these steps.
    #[test]
    fn invalid_uris_are_refused() {
        let cases = [
            ("", RequestError::Scheme),
            ("example.com", RequestError::Scheme),
            ("http://example.com", RequestError::Scheme),
            ("ws:example.com", RequestError::Scheme),
            (" ws://example.com", RequestError::Scheme),
            //= rfc6455#3
            //= type=test
            //# Fragment identifiers are meaningless in the context of WebSocket URIs
            //# and MUST NOT be used on these URIs.
            ("ws://h/#top", RequestError::Fragment),
            ("ws://h#", RequestError::Fragment),
            ("ws://user:secret@h/", RequestError::UserInfo),
            ("ws://@h/", RequestError::UserInfo),
            ("ws://", RequestError::Host),
            ("ws:///path", RequestError::Host),
            ("ws://:80/", RequestError::Host),
            ("ws://a b/", RequestError::Host),
            ("ws://a\r\nb/", RequestError::Host),
            ("ws://b\u{fc}cher.example/", RequestError::Host),
            ("ws://a%2/", RequestError::Host),
            ("ws://::1/", RequestError::Host),
            ("ws://[::1/", RequestError::Host),
            ("ws://[::1%25eth0]/", RequestError::Host),
            ("ws://[]/", RequestError::Host),
            ("ws://[::1]80/", RequestError::Host),
            ("ws://h:0/", RequestError::Port),
            ("ws://h:65536/", RequestError::Port),
            ("ws://h:+80/", RequestError::Port),
            ("ws://h:8o/", RequestError::Port),
            ("ws://h/a b", RequestError::Resource),
            ("ws://h/a\r\nEvil: 1", RequestError::Resource),
            ("ws://h/\0", RequestError::Resource),
            ("ws://h/\u{fc}", RequestError::Resource),
            ("ws://h/?a=%", RequestError::Resource),
            ("ws://h/%zz", RequestError::Resource),
            ("ws://h/?a[]=1", RequestError::Resource),
            ("ws://h/a\\b", RequestError::Resource),
        ];
        for (uri, error) in cases {
            assert_eq!(WsUri::parse(uri), Err(error), "{uri:?}");
        }
    }
}
