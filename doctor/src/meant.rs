//! The URL on the command line: what is asked for, what may be shown of it, and what was meant by
//! one that is none.

use farewell::handshake::{ClientRequest, RequestError};

/// A request for a URL whose user and password, if it has them, are sent as Basic credentials; or
/// what is wrong with it, and what was probably meant. Neither shows the credentials.
pub(crate) fn request(url: &str) -> Result<ClientRequest, String> {
    let error = match ClientRequest::with_credentials(url) {
        Ok(request) => return Ok(request),
        Err(error) => error,
    };
    let shown = without_credentials(url);
    let text = format!("{shown}: {error}");
    Err(match error {
        RequestError::Scheme => match meant(url) {
            Some(meant) => format!("{text}: did you mean {}?", without_credentials(&meant)),
            None => text,
        },
        _ => text,
    })
}

/// The URL of a request, without its credentials.
pub(crate) fn shown(request: &ClientRequest) -> String {
    let scheme = if request.secure() { "wss" } else { "ws" };
    format!("{scheme}://{}{}", address(request), request.target())
}

/// Host and port as a URL has them.
fn address(request: &ClientRequest) -> String {
    let (host, port) = (request.host(), request.port());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let default = if request.secure() { 443 } else { 80 };
    if port == default { host } else { format!("{host}:{port}") }
}

/// The URL that somebody has in mind who writes a web page's, or host and port.
fn meant(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), url.trim_start_matches('/')),
    };
    let meant = match scheme.as_str() {
        "https" => format!("wss://{rest}"),
        "" if rest.split(['/', '?']).next()?.ends_with(":443") => format!("wss://{rest}"),
        _ => format!("ws://{rest}"),
    };
    // A fragment is for browsers.
    let meant = meant.split('#').next()?;
    ClientRequest::with_credentials(meant).ok().map(|_| meant.to_owned())
}

/// The same with nothing before the host.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_was_meant_is_named() {
        for (url, meant) in [
            ("http://example.com/chat", "ws://example.com/chat"),
            ("HTTPS://example.com:8443/chat?x=1#top", "wss://example.com:8443/chat?x=1"),
            ("localhost:9001", "ws://localhost:9001"),
            ("example.com/chat", "ws://example.com/chat"),
            ("//example.com/chat", "ws://example.com/chat"),
            ("192.0.2.1:443/chat", "wss://192.0.2.1:443/chat"),
            ("[::1]:9001", "ws://[::1]:9001"),
            ("wsss://example.com/", "ws://example.com/"),
            ("http://user:secret@example.com/", "ws://example.com/"),
        ] {
            let error = request(url).unwrap_err();
            assert!(error.contains(&format!("did you mean {meant}?")), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn nothing_is_made_up() {
        for url in ["", "http://", "what is this", "ws://", "ws://a:b:c/", "ws://u:secret@a:b/"] {
            let error = request(url).unwrap_err();
            assert!(!error.contains("did you mean"), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_is_secret() {
        for (url, is_shown) in [
            ("ws://user:secret@example.com:9001/a?b", "ws://example.com:9001/a?b"),
            ("ws://example.com:80", "ws://example.com/"),
            ("wss://[::1]:443/", "wss://[::1]/"),
        ] {
            assert_eq!(shown(&request(url).unwrap()), is_shown, "{url}");
        }
    }
}
