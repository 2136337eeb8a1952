//! Section 7.1: the four parameters, with every value and every malformed one, in both roles.

use farewell::handshake::{DeflateParams, HandshakeError};

use super::section_5::{answer, bits, judge, offer, params, settings};

/// Values of a window that no ABNF and no range allows. What is no token fails the whole handshake.
const BAD_BITS: [&str; 14] = [
    "=7",
    "=16",
    "=0",
    "=08",
    "=09",
    "=010",
    "=+9",
    "=-9",
    "=9.0",
    "=0x9",
    "=nine",
    "=115",
    "=\"16\"",
    "=99999999999999999999",
];

/// The answer to `permessage-deflate` with these parameters, without that name.
fn accepted(params: &str) -> Option<String> {
    let (answer, agreed) =
        answer(Some(&settings(|_| {})), &[&format!("permessage-deflate{params}")]);
    assert_eq!(answer.is_some(), agreed.is_some());
    answer.map(|answer| answer["permessage-deflate".len()..].to_string())
}

fn judged(response: &str) -> Result<Option<DeflateParams>, HandshakeError> {
    judge(Some(&settings(|_| {})), &[&format!("permessage-deflate{response}")])
}

//= rfc7692#7.1.1.1
//= type=test
//# A server accepts an extension negotiation offer that includes the
//# "server_no_context_takeover" extension parameter by including the
//# "server_no_context_takeover" extension parameter in the corresponding
//# extension negotiation response to send back to the client.
//= rfc7692#7.1.2.1
//= type=test
//# A server accepts an extension negotiation offer with this parameter
//# by including the "server_max_window_bits" extension parameter in the
//# extension negotiation response to send back to the client with the
//# same or smaller value as the offer.
#[test]
fn a_server_answers_every_valid_offer() {
    let both = "; server_no_context_takeover; client_no_context_takeover";
    let cases = [
        ("", ""),
        ("; server_no_context_takeover", "; server_no_context_takeover"),
        ("; client_no_context_takeover", "; client_no_context_takeover"),
        (both, both),
        ("; client_no_context_takeover; server_no_context_takeover", both),
        (";server_no_context_takeover ;\tclient_no_context_takeover", both),
        ("; client_max_window_bits", ""),
        ("; client_max_window_bits=15", ""),
        ("; client_max_window_bits=\"12\"", "; client_max_window_bits=12"),
        ("; server_max_window_bits=\"1\\2\"", "; server_max_window_bits=12"),
        (
            "; client_max_window_bits=10; server_max_window_bits=11; server_no_context_takeover",
            "; server_no_context_takeover; server_max_window_bits=11; client_max_window_bits=10",
        ),
    ];
    for (offer, expected) in cases {
        assert_eq!(accepted(offer).as_deref(), Some(expected), "{offer}");
    }
    for bits in 8..=15 {
        let offer = format!("; server_max_window_bits={bits}");
        assert_eq!(accepted(&offer), (bits > 8).then_some(offer.clone()), "{offer}");
        let hint = format!("; client_max_window_bits={bits}");
        let answer = if bits < 15 { hint.clone() } else { String::new() };
        assert_eq!(accepted(&hint), Some(answer), "{hint}");
    }
}

//= rfc7692#7.1.2.1
//= type=test
//# This parameter has a decimal
//# integer value without leading zeroes between 8 to 15, inclusive,
//# indicating the base-2 logarithm of the LZ77 sliding window size, and
//# MUST conform to the ABNF below.
//= rfc7692#7
//= type=test
//# A server MUST decline an extension negotiation offer for this
//# extension if any of the following conditions are met:
#[test]
fn a_server_declines_every_invalid_offer() {
    let cases = [
        "; unknown",
        "; unknown=1",
        "; Server_No_Context_Takeover",
        "; server_no_context_takeover=1",
        "; server_no_context_takeover=true",
        "; client_no_context_takeover=\"x\"",
        "; server_max_window_bits",
        "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits=10; server_max_window_bits=10",
        "; client_max_window_bits; client_max_window_bits",
        "; client_max_window_bits; client_max_window_bits=9",
        "; client_max_window_bits=9; client_no_context_takeover; unknown",
    ];
    for offer in cases {
        assert_eq!(accepted(offer), None, "{offer}");
    }
    for value in BAD_BITS {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            let offer = format!("; {name}{value}");
            assert_eq!(accepted(&offer), None, "{offer}");
        }
    }
}

#[test]
fn a_server_asks_for_what_its_settings_say() {
    let server = settings(|server| {
        server.context_takeover = false;
        server.peer_context_takeover = false;
        server.window_bits = bits(11);
        server.peer_window_bits = bits(10);
    });
    let always = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    //= rfc7692#7.1.2.2
    //= type=test
    //# If a received extension negotiation offer doesn't have the
    //# "client_max_window_bits" extension parameter, the corresponding
    //# extension negotiation response to the offer MUST NOT include the
    //# "client_max_window_bits" extension parameter.
    let cases = [
        ("", "; server_max_window_bits=11"),
        ("; server_max_window_bits=9", "; server_max_window_bits=9"),
        ("; server_max_window_bits=15", "; server_max_window_bits=11"),
        ("; client_max_window_bits", "; server_max_window_bits=11; client_max_window_bits=10"),
        ("; client_max_window_bits=9", "; server_max_window_bits=11; client_max_window_bits=9"),
        ("; client_max_window_bits=15", "; server_max_window_bits=11; client_max_window_bits=10"),
    ];
    for (offered, expected) in cases {
        let (answer, agreed) = answer(Some(&server), &[&format!("permessage-deflate{offered}")]);
        assert_eq!(answer, Some(format!("{always}{expected}")), "{offered}");
        // The client of the same settings reads it as the server does.
        assert_eq!(judge(Some(&server), &[&answer.unwrap()]), Ok(agreed), "{offered}");
    }
}

//= rfc7692#5
//= type=test
//# To offer use of a PMCE, a client MUST include the extension name of
//# the PMCE in the "Sec-WebSocket-Extensions" header field of its
//# opening handshake of the WebSocket connection.
#[test]
fn a_client_offers_what_its_settings_say() {
    let cases = [
        (settings(|_| {}), "permessage-deflate; client_max_window_bits"),
        (
            settings(|client| client.context_takeover = false),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        ),
        (
            settings(|client| {
                client.context_takeover = false;
                client.peer_context_takeover = false;
                client.window_bits = bits(9);
            }),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits=9",
        ),
        (
            settings(|client| client.peer_window_bits = bits(10)),
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
             permessage-deflate; client_max_window_bits",
        ),
    ];
    for (settings, expected) in cases {
        assert_eq!(offer(&settings).as_deref(), Some(expected));
        assert!(answer(Some(&settings), &[expected]).0.is_some(), "its own kind accepts it");
    }
}

#[test]
fn a_client_takes_every_valid_response() {
    let cases = [
        ("", params(|_| {})),
        ("; server_no_context_takeover", params(|agreed| agreed.server_no_context_takeover = true)),
        //= rfc7692#7.1.1.2
        //= type=test
        //# A client MUST support the "client_no_context_takeover" extension
        //# parameter in an extension negotiation response.
        ("; client_no_context_takeover", params(|agreed| agreed.client_no_context_takeover = true)),
        (
            ";client_max_window_bits=\"9\"; server_no_context_takeover",
            params(|agreed| {
                agreed.client_max_window_bits = 9;
                agreed.server_no_context_takeover = true;
            }),
        ),
    ];
    for (response, expected) in cases {
        assert_eq!(judged(response), Ok(Some(expected)), "{response}");
    }
    for bits in 8..=15 {
        let response = format!("; server_max_window_bits={bits}");
        let expected = params(|agreed| agreed.server_max_window_bits = bits);
        assert_eq!(judged(&response), Ok(Some(expected)), "{response}");
        let response = format!("; client_max_window_bits={bits}");
        let expected = params(|agreed| agreed.client_max_window_bits = bits);
        assert_eq!(judged(&response), Ok(Some(expected)), "{response}");
    }
}

//= rfc7692#7
//= type=test
//# A client MUST _Fail the WebSocket Connection_ if the peer server
//# accepted an extension negotiation offer for this extension with an
//# extension negotiation response meeting any of the following
//# conditions:
#[test]
fn a_client_fails_for_every_invalid_response() {
    use HandshakeError as E;
    let cases = [
        ("; unknown", E::DeflateParameterUnknown),
        ("; unknown=9", E::DeflateParameterUnknown),
        ("; server_no_context_takeover=1", E::DeflateParameterInvalid),
        ("; client_no_context_takeover=\"1\"", E::DeflateParameterInvalid),
        ("; server_max_window_bits", E::DeflateParameterInvalid),
        ("; client_max_window_bits", E::DeflateParameterInvalid),
        ("; server_no_context_takeover; server_no_context_takeover", E::DeflateParameterRepeated),
        ("; client_no_context_takeover; client_no_context_takeover", E::DeflateParameterRepeated),
        ("; server_max_window_bits=9; server_max_window_bits=9", E::DeflateParameterRepeated),
        ("; client_max_window_bits=9; client_max_window_bits=10", E::DeflateParameterRepeated),
        ("; server_max_window_bits=", E::ExtensionsInvalid),
        ("; server_max_window_bits=\"\"", E::ExtensionsInvalid),
        ("; client_max_window_bits=9 9", E::ExtensionsInvalid),
    ];
    for (response, error) in cases {
        assert_eq!(judged(response), Err(error), "{response}");
        let section = if error == E::ExtensionsInvalid { (6455, "9.1") } else { (7692, "7") };
        assert_eq!((error.rfc(), error.section()), section);
        assert_eq!(error.status() / 100, if error == E::ExtensionsInvalid { 4 } else { 5 });
    }
    for value in BAD_BITS {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            let response = format!("; {name}{value}");
            assert_eq!(judged(&response), Err(E::DeflateParameterInvalid), "{response}");
        }
    }
}

#[test]
fn a_client_that_forbids_takeover_insists() {
    let client = settings(|client| client.peer_context_takeover = false);
    let error = HandshakeError::DeflateTakeoverKept;
    for response in ["permessage-deflate", "permessage-deflate; client_no_context_takeover"] {
        assert_eq!(judge(Some(&client), &[response]), Err(error));
    }
    assert_eq!((error.rfc(), error.section()), (7692, "7.1.1.1"));
    assert!(judge(Some(&client), &["permessage-deflate; server_no_context_takeover"]).is_ok());
    // A hint is not an insistence.
    let client = settings(|client| {
        client.context_takeover = false;
        client.window_bits = bits(9);
        client.peer_window_bits = bits(9);
    });
    assert!(judge(Some(&client), &["permessage-deflate"]).is_ok());
}
