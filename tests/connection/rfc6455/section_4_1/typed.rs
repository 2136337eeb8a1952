//! The wires of this section once more, in the types of the `http` crate.

use farewell::Config;
use farewell::handshake::HttpHandshake;

use super::*;
use crate::support::http_types::{fields_of, response, shown};

fn upgrade(request: &ClientRequest) -> (http::Request<()>, HttpHandshake) {
    let mut config = Config::default();
    config.limits = limits();
    HttpHandshake::upgrade(request, NONCE, &config).expect("it fits")
}

pub(super) fn assert_written(request: &ClientRequest, text: &str) {
    let (message, _) = upgrade(request);
    let first = format!("{} {} HTTP/1.1\r\n", message.method(), message.uri());
    assert!(text.starts_with(&first), "{first:?}: {text}");
    assert_eq!(shown(message.headers(), &[]), fields_of(text, &[]));
}

/// How the handshake ended, in words, but for the body of a refusal and its reason.
pub(super) fn judged(
    request: &ClientRequest,
    wire: &str,
) -> Option<Result<String, HandshakeError>> {
    let outcome = upgrade(request).1.judge(&response(wire)?);
    Some(outcome.map(|outcome| match outcome {
        Outcome::Established(response) => {
            format!("101 {:?}", response.negotiated().subprotocol())
        }
        Outcome::Refused(refusal) => refusal.status().to_string(),
    }))
}

/// Of a wire that is no HTTP, and of an informational response, no client makes a response.
pub(super) fn assert_refused(wire: &str, error: HandshakeError) {
    use HandshakeError as E;
    let Some(found) = judged(&asking(), wire) else {
        let no_http = matches!(error, E::NotHttp | E::StartLine | E::LineEnding);
        let no_head = matches!(error, E::HeaderField | E::HttpVersion);
        return assert!(no_http || no_head, "{error:?}: {wire}");
    };
    let between = wire.contains("103 Early") || wire.starts_with("\r\n");
    assert!(between || found == Err(error), "{found:?}: {wire}");
}
