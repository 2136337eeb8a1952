//! The wires of this section once more, in the types of the `http` crate.

use farewell::Config;

use super::*;
use crate::support::http_types::{fields_of, request, shown};

pub(super) fn judged(wire: &str) -> Option<Result<Request, HandshakeError>> {
    Some(Request::from_http_with(&request(wire)?, None, &limits()))
}

/// A request is judged as its bytes are. Of a wire that is no HTTP no server makes a request.
pub(super) fn assert_refused(wire: &str, error: HandshakeError) {
    use HandshakeError as E;
    let Some(found) = judged(wire) else {
        let no_http = matches!(error, E::NotHttp | E::StartLine | E::LineEnding);
        let no_field = matches!(error, E::HeaderField | E::HttpVersion);
        let no_uri = matches!(error, E::Target | E::TargetCharacter);
        return assert!(no_http || no_field || no_uri, "{error:?}: {wire}");
    };
    assert_eq!(found.err(), Some(error), "{wire}");
}

pub(super) fn assert_taken(wire: &str) {
    let (found, bytes) = (judged(wire).expect(wire).expect(wire), super::request(wire));
    let told = |it: &Request| {
        let subprotocols: Vec<_> = it.subprotocols().map(String::from).collect();
        let origin = it.origin().map(String::from);
        (it.path().to_owned(), it.query().map(String::from), origin, subprotocols)
    };
    assert_eq!(told(&found), told(&bytes), "{wire}");
    assert!(found.host().eq_ignore_ascii_case(bytes.host()), "{wire}");
    assert_eq!(found.headers().len(), bytes.headers().len(), "{wire}");
}

pub(super) fn assert_answer(
    accept: &Accept,
    wire: &str,
    expected: Result<&Negotiated, &ResponseError>,
    text: &str,
) {
    let request = judged(wire).expect(wire).expect(wire);
    let found = accept.to_http(&request, &Config::default());
    assert_eq!(found.as_ref().map(|(_, negotiated)| negotiated), expected, "{wire}");
    if let Ok((response, _)) = found {
        assert_eq!(response.status(), 101);
        assert_eq!(shown(response.headers(), &[]), fields_of(text, &[]));
    }
}

/// But for the length of the body and for the connection, which are the HTTP server's.
pub(super) fn assert_told(error: HandshakeError, text: &str) {
    let response = error.to_http(http::Version::HTTP_11);
    assert_eq!(response.status().as_u16(), error.status());
    let servers_own = ["content-length", "connection"];
    assert_eq!(shown(response.headers(), &servers_own), fields_of(text, &servers_own));
    let upgrade = response.headers().get("connection").map(http::HeaderValue::as_bytes);
    assert_eq!(upgrade, (error.status() == 426).then_some(&b"Upgrade"[..]), "{error}");
    assert!(text.as_bytes().ends_with(response.body()), "{text}");
}
