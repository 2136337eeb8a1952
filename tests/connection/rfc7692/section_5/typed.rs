//! The same negotiation in the types of the `http` crate.

use farewell::handshake::{HttpHandshake, Request};

use super::*;
use crate::support::http_types::{request, response};

fn config(settings: Option<&Compression>) -> Config {
    let mut config = Config::default();
    config.compression = settings.cloned();
    config
}

fn extensions(fields: &http::HeaderMap) -> Option<String> {
    let mut values = fields.get_all("sec-websocket-extensions").iter();
    let value = values.next().map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(values.next(), None, "{fields:?}");
    value
}

pub(super) fn answer(
    settings: Option<&Compression>,
    wire: &str,
) -> (Option<String>, Option<DeflateParams>) {
    let request = Request::from_http(&request(wire).expect(wire)).expect(wire);
    let accept = Accept::new(Origins::Any);
    let (response, negotiated) = accept.to_http(&request, &config(settings)).expect(wire);
    (extensions(response.headers()), negotiated.extensions().deflate().copied())
}

pub(super) fn offer(asked: &ClientRequest, settings: &Compression) -> Option<String> {
    let (message, _) = HttpHandshake::upgrade(asked, [0; 16], &config(Some(settings))).unwrap();
    extensions(message.headers())
}

pub(super) fn judge(
    asked: &ClientRequest,
    nonce: [u8; 16],
    settings: Option<&Compression>,
    wire: &str,
) -> Result<Outcome, HandshakeError> {
    let (_, handshake) = HttpHandshake::upgrade(asked, nonce, &config(settings)).unwrap();
    handshake.judge(&response(wire).expect(wire))
}
