//! Section 5: offers, their order, and what is agreed on in the end.

#[cfg(feature = "http")]
mod typed;

use bytes::BytesMut;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, DeflateParams, HandshakeError, Origins, Outcome,
    ServerHandshake,
};
use farewell::{Compression, Config, Limits, Message, WindowBits};

use crate::support::pair::{Pair, START};

/// Default settings with a few changes.
pub(crate) fn settings(change: impl FnOnce(&mut Compression)) -> Compression {
    let mut settings = Compression::default();
    change(&mut settings);
    settings
}

/// The parameters by which both ends keep their contexts and windows, unless changed.
pub(crate) fn params(change: impl FnOnce(&mut DeflateParams)) -> DeflateParams {
    let mut params = DeflateParams::default();
    change(&mut params);
    params
}

pub(crate) fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// The value of Sec-WebSocket-Extensions in a head, and what follows from it.
fn extensions(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).unwrap();
    let mut values =
        head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let value = values.next().map(String::from);
    assert_eq!(values.next(), None, "{head}");
    value
}

/// What a server with these settings answers to offers, and what it takes for agreed on.
pub(crate) fn answer(
    settings: Option<&Compression>,
    offers: &[&str],
) -> (Option<String>, Option<DeflateParams>) {
    let mut wire = String::from(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    );
    for offer in offers {
        wire.push_str(&format!("Sec-WebSocket-Extensions: {offer}\r\n"));
    }
    wire.push_str("\r\n");
    let mut handshake = ServerHandshake::new(&Limits::default());
    let (_, request) = handshake.receive(wire.as_bytes()).expect("a valid request");
    let (request, mut out) = (request.expect("all of it"), BytesMut::new());
    let accept = Accept::new(Origins::Any);
    let negotiated = match settings {
        Some(settings) => accept.write_response_compressing(&request, settings, &mut out),
        None => accept.write_response(&request, &mut out),
    };
    let agreed = negotiated.expect("it accepts anything").extensions().deflate().copied();
    let answered = (extensions(&out), agreed);
    #[cfg(feature = "http")]
    assert_eq!(typed::answer(settings, &wire), answered, "{wire}");
    answered
}

/// What a client with these settings offers.
pub(crate) fn offer(settings: &Compression) -> Option<String> {
    let request = ClientRequest::new("ws://h/").unwrap();
    let mut out = BytesMut::new();
    let limits = Limits::default();
    let _ = ClientHandshake::start_compressing(&request, [0; 16], &limits, settings, &mut out);
    let offered = extensions(&out);
    #[cfg(feature = "http")]
    assert_eq!(typed::offer(&request, settings), offered);
    offered
}

/// What a client with these settings makes of an answer.
pub(crate) fn judge(
    settings: Option<&Compression>,
    lines: &[&str],
) -> Result<Option<DeflateParams>, HandshakeError> {
    let request = ClientRequest::new("ws://h/").unwrap();
    let (nonce, limits, mut out) = (*b"the sample nonce", Limits::default(), BytesMut::new());
    let mut handshake = match settings {
        Some(settings) => {
            ClientHandshake::start_compressing(&request, nonce, &limits, settings, &mut out)
        }
        None => ClientHandshake::start(&request, nonce, &limits, &mut out),
    };
    let mut wire = String::from(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    );
    for line in lines {
        wire.push_str(&format!("Sec-WebSocket-Extensions: {line}\r\n"));
    }
    wire.push_str("\r\n");
    let agreed = |outcome| match outcome {
        Some(Outcome::Established(response)) => {
            response.negotiated().extensions().deflate().copied()
        }
        other => panic!("{other:?}"),
    };
    let judged = handshake.receive(wire.as_bytes()).map(|(_, outcome)| agreed(outcome));
    #[cfg(feature = "http")]
    {
        let outcome = typed::judge(&request, nonce, settings, &wire);
        assert_eq!(outcome.map(|outcome| agreed(Some(outcome))), judged, "{wire}");
    }
    judged
}

//= rfc7692#5
//= type=test
//# A server declining all offered PMCEs MUST NOT include any element
//# with PMCE names.
#[test]
fn compression_is_off_unless_both_ends_ask_for_it() {
    assert_eq!(answer(None, &["permessage-deflate"]), (None, None));
    assert_eq!(answer(Some(&Compression::default()), &[]), (None, None));
    let others = ["x-webkit-deflate-frame", "permessage-bzip2, foo; bar=1", "Permessage-Deflate"];
    assert_eq!(answer(Some(&Compression::default()), &others), (None, None));
    assert_eq!(judge(Some(&Compression::default()), &[]), Ok(None));
}

//= rfc7692#5
//= type=test
//# If a server gives an invalid response, such as accepting a PMCE that
//# the client did not offer, the client MUST _Fail the WebSocket
//# Connection_.
//= rfc7692#5
//= type=test
//# A client that received a response
//# accepting a PMCE extension negotiation offer together with such an
//# extension MUST _Fail the WebSocket Connection_.
#[test]
fn a_client_fails_for_what_it_did_not_offer() {
    use HandshakeError as E;
    let settings = Compression::default();
    let cases: [(Option<&Compression>, &[&str], E); 5] = [
        (None, &["permessage-deflate"], E::ExtensionNotOffered),
        (Some(&settings), &["permessage-bzip2"], E::ExtensionNotOffered),
        (Some(&settings), &["permessage-deflate, foo"], E::ExtensionNotOffered),
        (Some(&settings), &["permessage-deflate, permessage-deflate"], E::DeflateRepeated),
        (Some(&settings), &["permessage-deflate", "permessage-deflate"], E::DeflateRepeated),
    ];
    for (settings, lines, error) in cases {
        assert_eq!(judge(settings, lines), Err(error), "{lines:?}");
    }
    assert_eq!((E::DeflateRepeated.rfc(), E::DeflateRepeated.section()), (7692, "5"));
    assert_eq!(E::ExtensionNotOffered.rfc(), 6455);
}

#[test]
fn the_first_offer_that_can_be_is_accepted() {
    let server = Compression::default();
    let cases: [(&[&str], Option<&str>); 6] = [
        (
            &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            &["permessage-deflate; server_max_window_bits=8, permessage-deflate"],
            Some("permessage-deflate"),
        ),
        (
            &[
                "permessage-deflate; foo",
                "permessage-bzip2",
                "permessage-deflate; server_max_window_bits=9",
            ],
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            &["foo, permessage-deflate; server_no_context_takeover; server_no_context_takeover, \
               permessage-deflate; client_no_context_takeover"],
            Some("permessage-deflate; client_no_context_takeover"),
        ),
        (&["permessage-deflate; server_max_window_bits=8"], None),
        (&["permessage-deflate; foo, permessage-deflate; server_max_window_bits"], None),
    ];
    for (offers, expected) in cases {
        assert_eq!(answer(Some(&server), offers).0.as_deref(), expected, "{offers:?}");
    }
}

/// Both ends of a session see the same, and it is what their settings ask for.
#[test]
fn what_was_agreed_is_visible_at_both_ends_and_works() {
    let cases: [(fn(&mut Compression), fn(&mut Compression), DeflateParams); 6] = [
        (|_| {}, |_| {}, params(|_| {})),
        (
            |client| client.context_takeover = false,
            |_| {},
            params(|agreed| agreed.client_no_context_takeover = true),
        ),
        (
            |client| client.peer_context_takeover = false,
            |_| {},
            params(|agreed| agreed.server_no_context_takeover = true),
        ),
        (
            |_| {},
            |server| {
                server.context_takeover = false;
                server.peer_context_takeover = false;
            },
            params(|agreed| {
                agreed.server_no_context_takeover = true;
                agreed.client_no_context_takeover = true;
            }),
        ),
        (
            |client| {
                client.window_bits = bits(12);
                client.peer_window_bits = bits(11);
            },
            |_| {},
            params(|agreed| {
                agreed.client_max_window_bits = 12;
                agreed.server_max_window_bits = 11;
            }),
        ),
        (
            |client| client.window_bits = bits(12),
            |server| {
                server.window_bits = bits(10);
                server.peer_window_bits = bits(9);
            },
            params(|agreed| {
                agreed.client_max_window_bits = 9;
                agreed.server_max_window_bits = 10;
            }),
        ),
    ];
    for (client, server, agreed) in cases {
        let config = |change| {
            let mut config = Config::default();
            config.compression = Some(settings(change));
            config
        };
        let mut pair = Pair::new(config(client), config(server));
        pair.server.behaviour.echo = true;
        pair.run();
        for side in [&pair.client, &pair.server] {
            let negotiated = side.session.negotiated();
            assert_eq!(negotiated.extensions().deflate(), Some(&agreed));
        }
        for at in 0..3 {
            let text = super::ends::json(5000 * at + 10, 1);
            pair.client.session.send(text.as_str(), START).unwrap();
            pair.run();
            let echoed = pair.client.messages().pop().cloned();
            assert_eq!(echoed, Some(Message::from(text)));
        }
        assert!(pair.client.written.len() < 4000, "{} bytes", pair.client.written.len());
    }
}

#[test]
fn one_end_without_compression_is_understood() {
    for compressing in [true, false] {
        let mut on = Config::default();
        on.compression = Some(Compression::default());
        let (client, server) = match compressing {
            true => (on, Config::default()),
            false => (Config::default(), on),
        };
        let mut pair = Pair::new(client, server);
        pair.server.behaviour.echo = true;
        pair.run();
        pair.client.session.send("x".repeat(1000), START).unwrap();
        pair.run();
        assert_eq!(pair.client.messages(), [&Message::from("x".repeat(1000))]);
        assert_eq!(pair.client.session.negotiated().extensions().deflate(), None);
    }
}
