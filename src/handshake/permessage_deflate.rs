//! Negotiating permessage-deflate: the grammar of its four parameters (RFC 7692 section 7.1), the
//! client's offer, the server's choice, and the client's check of it.

use alloc::format;
use alloc::string::{String, ToString};

use super::error::HandshakeError;
use super::extension::{self, ExtensionOffer};
use super::http1::headers::Headers;
use crate::deflate::{Compression, DeflateParams};

const NAME: &str = "permessage-deflate";
const SERVER_RESET: &str = "server_no_context_takeover";
const CLIENT_RESET: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The smallest window that the compressor can do.
const SMALLEST: u8 = 9;

/// The parameters of an offer or a response, as they are written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    server_reset: bool,
    client_reset: bool,
    server_bits: Option<u8>,
    /// With its value, which an offer may leave out.
    client_bits: Option<Option<u8>>,
}

impl Written {
    fn read(offer: &ExtensionOffer<'_>) -> Result<Self, HandshakeError> {
        let mut written = Self::default();
        for (name, value) in offer.params() {
            let value = value.as_deref();
            match (name, value) {
                (SERVER_RESET, None) => once(&mut written.server_reset)?,
                (CLIENT_RESET, None) => once(&mut written.client_reset)?,
                (SERVER_BITS, Some(value)) => {
                    let bits = window_bits(value)?;
                    set(&mut written.server_bits, bits)?;
                }
                (CLIENT_BITS, value) => {
                    let bits = value.map(window_bits).transpose()?;
                    set(&mut written.client_bits, bits)?;
                }
                (SERVER_RESET | CLIENT_RESET | SERVER_BITS, _) => {
                    return Err(HandshakeError::DeflateParameterInvalid);
                }
                _ => return Err(HandshakeError::DeflateParameterUnknown),
            }
        }
        Ok(written)
    }
}

fn once(flag: &mut bool) -> Result<(), HandshakeError> {
    if core::mem::replace(flag, true) {
        Err(HandshakeError::DeflateParameterRepeated)
    } else {
        Ok(())
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), HandshakeError> {
    if slot.replace(value).is_some() {
        Err(HandshakeError::DeflateParameterRepeated)
    } else {
        Ok(())
    }
}

//= rfc7692#7.1.2.1
//# This parameter has a decimal
//# integer value without leading zeroes between 8 to 15, inclusive,
//# indicating the base-2 logarithm of the LZ77 sliding window size, and
//# MUST conform to the ABNF below.
fn window_bits(value: &str) -> Result<u8, HandshakeError> {
    let bits = (8..=15).find(|bits: &u8| bits.to_string() == value);
    bits.ok_or(HandshakeError::DeflateParameterInvalid)
}

/// What a client offers: the value of its Sec-WebSocket-Extensions.
//= rfc7692#5
//# To offer use of a PMCE, a client MUST include the extension name of
//# the PMCE in the "Sec-WebSocket-Extensions" header field of its
//# opening handshake of the WebSocket connection.
pub(super) fn offer(settings: &Compression) -> String {
    let mut plain = String::from(NAME);
    let mut add = |param: &str| plain.extend(["; ", param]);
    if !settings.peer_context_takeover {
        add(SERVER_RESET);
    }
    if !settings.context_takeover {
        add(CLIENT_RESET);
    }
    match settings.window_bits.get() {
        15 => add(CLIENT_BITS),
        bits => add(&format!("{CLIENT_BITS}={bits}")),
    }
    match settings.peer_window_bits.get() {
        15 => plain,
        // A server that cannot limit its window is as good.
        bits => format!("{plain}; {SERVER_BITS}={bits}, {plain}"),
    }
}

/// The first offer that a server can accept, and what it responds with.
pub(super) fn choose<'a>(
    offers: impl Iterator<Item = ExtensionOffer<'a>>,
    settings: &Compression,
) -> Option<(DeflateParams, String)> {
    offers.filter(|offer| offer.name() == NAME).find_map(|offer| {
        //= rfc7692#7
        //# A server MUST decline an extension negotiation offer for this
        //# extension if any of the following conditions are met:
        accept(&Written::read(&offer).ok()?, settings)
    })
}

fn accept(offered: &Written, settings: &Compression) -> Option<(DeflateParams, String)> {
    let server_bits = settings.window_bits.get().min(offered.server_bits.unwrap_or(15));
    //= rfc7692#7.1.2.1
    //# A server declines an extension negotiation offer with this parameter
    //# if the server doesn't support it.
    if server_bits < SMALLEST {
        return None;
    }
    let mut params = DeflateParams::default();
    let mut response = String::from(NAME);
    let mut add = |param: &str| response.extend(["; ", param]);
    //= rfc7692#7.1.1.1
    //# A server accepts an extension negotiation offer that includes the
    //# "server_no_context_takeover" extension parameter by including the
    //# "server_no_context_takeover" extension parameter in the corresponding
    //# extension negotiation response to send back to the client.
    params.server_no_context_takeover = offered.server_reset || !settings.context_takeover;
    if params.server_no_context_takeover {
        add(SERVER_RESET);
    }
    params.client_no_context_takeover = offered.client_reset || !settings.peer_context_takeover;
    if params.client_no_context_takeover {
        add(CLIENT_RESET);
    }
    //= rfc7692#7.1.2.1
    //# A server accepts an extension negotiation offer with this parameter
    //# by including the "server_max_window_bits" extension parameter in the
    //# extension negotiation response to send back to the client with the
    //# same or smaller value as the offer.
    params.server_max_window_bits = server_bits;
    if offered.server_bits.is_some() || server_bits < 15 {
        add(&format!("{SERVER_BITS}={server_bits}"));
    }
    //= rfc7692#7.1.2.2
    //# If a received extension negotiation offer doesn't have the
    //# "client_max_window_bits" extension parameter, the corresponding
    //# extension negotiation response to the offer MUST NOT include the
    //# "client_max_window_bits" extension parameter.
    if let Some(hint) = offered.client_bits {
        let client_bits = settings.peer_window_bits.get().min(hint.unwrap_or(15));
        params.client_max_window_bits = client_bits;
        if client_bits < 15 {
            add(&format!("{CLIENT_BITS}={client_bits}"));
        }
    }
    Some((params, response))
}

/// Holds a checked response against what a client with these settings offered.
pub(super) fn judge(
    headers: &Headers,
    offered: Offered,
) -> Result<Option<DeflateParams>, HandshakeError> {
    let mut agreed = None;
    for accepted in extension::offers(headers) {
        if accepted.name() != NAME {
            return Err(HandshakeError::ExtensionNotOffered);
        }
        //= rfc7692#5
        //# A client that received a response
        //# accepting a PMCE extension negotiation offer together with such an
        //# extension MUST _Fail the WebSocket Connection_.
        //= rfc7692#5
        //# If a server gives an invalid response, such as accepting a PMCE that
        //# the client did not offer, the client MUST _Fail the WebSocket
        //# Connection_.
        if agreed.is_some() {
            return Err(HandshakeError::DeflateRepeated);
        }
        agreed = Some(offered.judge(&accepted)?);
    }
    Ok(agreed)
}

/// What a client has to remember of its offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offered {
    server_reset: bool,
}

impl Offered {
    pub(super) fn new(settings: &Compression) -> Self {
        Self { server_reset: !settings.peer_context_takeover }
    }

    //= rfc7692#7
    //# A client MUST _Fail the WebSocket Connection_ if the peer server
    //# accepted an extension negotiation offer for this extension with an
    //# extension negotiation response meeting any of the following
    //# conditions:
    fn judge(self, accepted: &ExtensionOffer<'_>) -> Result<DeflateParams, HandshakeError> {
        let written = Written::read(accepted)?;
        let client_max_window_bits = match written.client_bits {
            //= rfc7692#7.1.2.2
            //# The
            //# "client_max_window_bits" extension parameter in an extension
            //# negotiation response has a decimal integer value without leading
            //# zeroes between 8 to 15 inclusive
            Some(bits) => bits.ok_or(HandshakeError::DeflateParameterInvalid)?,
            None => 15,
        };
        if self.server_reset && !written.server_reset {
            return Err(HandshakeError::DeflateTakeoverKept);
        }
        //= rfc7692#7.1.1.2
        //# A client MUST support the "client_no_context_takeover" extension
        //# parameter in an extension negotiation response.
        Ok(DeflateParams {
            server_no_context_takeover: written.server_reset,
            client_no_context_takeover: written.client_reset,
            server_max_window_bits: written.server_bits.unwrap_or(15),
            client_max_window_bits,
        })
    }
}
