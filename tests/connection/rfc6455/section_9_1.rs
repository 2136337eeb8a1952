//! Section 9.1: what extensions a client offers, as the server reads them.

use farewell::Limits;
use farewell::handshake::{HandshakeError, ServerHandshake};

/// The offers in words, or the error, for a request with these header lines.
fn offers(lines: &[&str]) -> Result<Vec<String>, HandshakeError> {
    let mut wire = String::from(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    );
    for line in lines {
        wire.push_str(&format!("Sec-WebSocket-Extensions: {line}\r\n"));
    }
    wire.push_str("\r\n");
    let (_, request) = ServerHandshake::new(&Limits::default()).receive(wire.as_bytes())?;
    let request = request.expect("the head is complete");
    let shown = request.extensions().map(|offer| {
        let params = offer.params().map(|(name, value)| match value {
            Some(value) => format!(";{name}={value}"),
            None => format!(";{name}"),
        });
        format!("{}{}", offer.name(), params.collect::<String>())
    });
    Ok(shown.collect())
}

//= rfc6455#9.1
//= type=test
//# Note that like other HTTP header fields, this header field MAY be
//# split or combined across multiple lines.
#[test]
fn offers_may_be_split_over_lines() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&[], &[]),
        (&["foo", "bar; baz=2"], &["foo", "bar;baz=2"]),
        (&["foo, bar; baz=2"], &["foo", "bar;baz=2"]),
        (
            &["mux; max-channels=4; flow-control,\tdeflate-stream"],
            &["mux;max-channels=4;flow-control", "deflate-stream"],
        ),
        (&["a; b=\"1\\0\"", ",", "a"], &["a;b=10", "a"]),
        (&[""], &[]),
        (&[" , ", ""], &[]),
    ];
    for (lines, expected) in cases {
        let found = offers(lines).unwrap_or_else(|error| panic!("{error}: {lines:?}"));
        assert_eq!(found, expected, "{lines:?}");
    }
}

//= rfc6455#9.1
//= type=test
//# If a value is received by either the client or
//# the server during negotiation that does not conform to the ABNF
//# below, the recipient of such malformed data MUST immediately _Fail
//# the WebSocket Connection_.
#[test]
fn malformed_offers_fail_the_handshake() {
    let cases: [&[&str]; 5] = [
        &["a b"],
        &["a, b;"],
        &["a", "b; c=\"d, e\""],
        &["a; b=\"\""],
        &["permessage-deflate; client_max_window_bits=\u{fc}"],
    ];
    for lines in cases {
        assert_eq!(offers(lines), Err(HandshakeError::ExtensionsInvalid), "{lines:?}");
    }
}
