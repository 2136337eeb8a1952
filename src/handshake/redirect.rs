//! Where a redirection leads, and what is not carried there.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

use super::client_request::ClientRequest;
use super::http1::uri::WsUri;
use super::request_error::RequestError;

/// Why a redirection is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// It leads from `wss://` to `ws://`: what was to be secret would be in the open.
    #[error("it leads from wss:// to ws://")]
    Downgrade,
    /// It leads to `wss://`, and TLS is not spoken by who would follow it.
    #[error("it leads to wss://, which needs TLS")]
    TlsNeeded,
    /// It leads to something that is no WebSocket URL.
    #[error("it leads to something that is no WebSocket URL: {0}")]
    Location(#[from] RequestError),
}

impl ClientRequest {
    /// The request that a redirection to `location` asks for: the value of a refusal's `Location`.
    ///
    /// A relative one is taken relative to this request's URL; `http` and `https` stand for `ws` and
    /// `wss`. To another host or port, neither `Authorization`, `Cookie` and `Proxy-Authorization`
    /// are carried nor a `Host` of the caller's; from port 80 to 443 of the same host, they are.
    ///
    /// # Errors
    ///
    /// It would lead from `wss://` to `ws://`, or to something that is no WebSocket URL.
    ///
    /// ```
    /// use farewell::handshake::ClientRequest;
    ///
    /// let request = ClientRequest::new("ws://example.com/a/b?c")?.header("Cookie", "d=e")?;
    /// let moved = request.redirected("../f")?;
    /// assert_eq!((moved.host(), moved.target()), ("example.com", "/f"));
    /// let elsewhere = request.redirected("https://www.example.com/f")?;
    /// assert!(elsewhere.secure());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn redirected(&self, location: &str) -> Result<Self, RedirectError> {
        const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
        let location = location.trim().split('#').next().unwrap_or_default();
        let uri = WsUri::parse(&self.absolute(location))?;
        if self.secure() && !uri.secure {
            return Err(RedirectError::Downgrade);
        }
        let mut request = self.clone();
        request.uri = uri;
        if !self.is_same_place(&request) {
            request.forget_fields(&SECRET);
        }
        Ok(request)
    }

    /// Whether it is the same host and port, TLS aside.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let made_secure = (self.port(), other.port()) == (80, 443) && other.secure();
        let port = self.port() == other.port() || made_secure;
        self.host().eq_ignore_ascii_case(other.host()) && port
    }

    /// The URL that a reference stands for (RFC 3986 section 5.2).
    fn absolute(&self, reference: &str) -> String {
        let scheme = if self.secure() { "wss" } else { "ws" };
        if let Some((scheme, rest)) = reference.split_once("://") {
            let websocket = match scheme {
                _ if scheme.eq_ignore_ascii_case("http") => "ws",
                _ if scheme.eq_ignore_ascii_case("https") => "wss",
                _ => scheme,
            };
            if !scheme.contains(['/', '?']) {
                return format!("{websocket}://{rest}");
            }
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return format!("{scheme}://{rest}");
        }
        let path = self.target().split('?').next().unwrap_or_default();
        let target = if reference.is_empty() {
            String::from(self.target())
        } else if let Some(query) = reference.strip_prefix('?') {
            format!("{path}?{query}")
        } else {
            let (to, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let whole = if to.starts_with('/') { to.into() } else { format!("{folder}/{to}") };
            format!("{}{query}", without_dots(&whole))
        };
        format!("{scheme}://{}{target}", self.uri.authority)
    }
}

/// A path without segments that stand for itself or for what is above (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.split('/').skip(1) {
        folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let end = if folder { "/" } else { "" };
    let path = segments.join("/");
    if path.is_empty() { "/".into() } else { format!("/{path}{end}") }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn shown(request: &ClientRequest) -> String {
        let scheme = if request.secure() { "wss" } else { "ws" };
        format!("{scheme}://{}{}", request.authority(), request.target())
    }

    #[test]
    fn references_lead_where_rfc_3986_says() {
        let base = ClientRequest::new("ws://a:8080/b/c/d?q").unwrap();
        let cases = [
            ("g", "ws://a:8080/b/c/g"),
            ("./g", "ws://a:8080/b/c/g"),
            ("g/", "ws://a:8080/b/c/g/"),
            ("/g", "ws://a:8080/g"),
            ("//g", "ws://g/"),
            ("?y", "ws://a:8080/b/c/d?y"),
            ("g?y", "ws://a:8080/b/c/g?y"),
            ("g?y#s", "ws://a:8080/b/c/g?y"),
            ("", "ws://a:8080/b/c/d?q"),
            (".", "ws://a:8080/b/c/"),
            ("..", "ws://a:8080/b/"),
            ("../g", "ws://a:8080/b/g"),
            ("../../../g", "ws://a:8080/g"),
            ("/a?to=http://x", "ws://a:8080/a?to=http://x"),
            ("http://other/x", "ws://other/x"),
            ("HTTPS://other:8443", "wss://other:8443/"),
            ("wss://other", "wss://other/"),
        ];
        for (location, expected) in cases {
            let moved = base.redirected(location).unwrap();
            assert_eq!(shown(&moved), expected, "{location}");
        }
    }

    #[test]
    fn what_is_no_websocket_url_or_less_secure_is_refused() {
        let base = ClientRequest::new("wss://a/").unwrap();
        let location = |error| RedirectError::Location(error);
        let cases = [
            ("ws://a/", RedirectError::Downgrade),
            ("http://a/", RedirectError::Downgrade),
            ("ftp://a/", location(RequestError::Scheme)),
            ("https://u:p@a/", location(RequestError::UserInfo)),
            ("/a b", location(RequestError::Resource)),
            ("https://a:0/", location(RequestError::Port)),
        ];
        for (to, error) in cases {
            assert_eq!(base.redirected(to).unwrap_err(), error, "{to}");
        }
    }

    #[test]
    fn credentials_stay_with_their_host() {
        let base = ClientRequest::new("ws://a.example/")
            .and_then(|request| request.header("Authorization", "Bearer t"))
            .and_then(|request| request.header("cookie", "c"))
            .and_then(|request| request.header("X-Kept", "k"))
            .and_then(|request| request.header("Host", "h"))
            .unwrap();
        for (to, kept) in [
            ("/x", true),
            ("http://A.example/x", true),
            ("https://a.example/x", true),
            ("https://a.example:8443/x", false),
            ("ws://a.example:81/x", false),
            ("ws://b.example/x", false),
        ] {
            let mut out = bytes::BytesMut::new();
            base.redirected(to).unwrap().write([b'k'; 24], "", &mut out);
            let text = String::from_utf8_lossy(&out).into_owned();
            for field in ["Authorization: Bearer t", "cookie: c", "Host: h\r\n"] {
                assert_eq!(text.contains(field), kept, "{to}: {text}");
            }
            assert!(text.contains("X-Kept: k\r\n"), "{to}: {text}");
        }
    }
}
