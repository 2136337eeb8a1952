//! What a client expects of the response to its request, RFC 6455 section 4.1: every rule that the
//! response is held against.

use alloc::boxed::Box;
use alloc::string::String;

use super::carrier::Carrier;
use super::client::Response;
use super::client_request::ClientRequest;
use super::error::HandshakeError;
use super::extension;
use super::head::ResponseHead;
use super::http1::headers::Headers;
use super::http1::known::{Count, Index, Known};
#[cfg(feature = "deflate")]
use super::permessage_deflate::{self, Offered};
use super::{ACCEPT_LEN, Extensions, KEY_LEN, Negotiated, accept_of};
use crate::deflate::Compression;

/// How the connection was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// With this key, over HTTP/1.1.
    Upgrade([u8; KEY_LEN]),
    /// On a stream of this carrier.
    #[cfg(feature = "http")]
    ExtendedConnect(Carrier),
}

/// What was asked for, as far as the response has to fit it.
#[derive(Debug)]
pub(super) struct Expected {
    carrier: Carrier,
    /// Over HTTP/1.1; on a stream there is none.
    accept: Option<[u8; ACCEPT_LEN]>,
    /// The host that was asked.
    host: Box<str>,
    subprotocols: Box<str>,
    #[cfg(feature = "deflate")]
    offered: Option<Offered>,
}

/// The value of the Sec-WebSocket-Extensions that offers this; empty where nothing is offered.
pub(super) fn offer(compression: Option<&Compression>) -> String {
    #[cfg(feature = "deflate")]
    return compression.map(permessage_deflate::offer).unwrap_or_default();
    #[cfg(not(feature = "deflate"))]
    compression.map_or(String::new(), |compression| match *compression {})
}

impl Expected {
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "nothing is offered"))]
    pub(super) fn new(
        request: &ClientRequest,
        asked: Asked,
        compression: Option<&Compression>,
    ) -> Self {
        let (carrier, accept) = match asked {
            Asked::Upgrade(key) => (Carrier::Http1, Some(accept_of(&key))),
            #[cfg(feature = "http")]
            Asked::ExtendedConnect(carrier) => (carrier, None),
        };
        Self {
            carrier,
            accept,
            host: request.host().into(),
            subprotocols: request.subprotocols.as_str().into(),
            #[cfg(feature = "deflate")]
            offered: compression.map(Offered::new),
        }
    }

    #[cfg(feature = "http")]
    pub(super) fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The host that was asked.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Holds a response that opens the connection against the rules.
    //= rfc6455#4.1
    //# The client MUST validate the server's response as follows:
    //= rfc6455#4.1
    //# If the server's response does not conform to the requirements for the
    //# server's handshake as defined in this section and in Section 4.2.2, the
    //# client MUST _Fail the WebSocket Connection_.
    pub(super) fn judge(
        &self,
        head: ResponseHead,
        index: &Index,
    ) -> Result<Response, HandshakeError> {
        let headers = &head.headers;
        if let Some(accept) = &self.accept {
            Self::judge_upgrade(&head, index, accept)?;
        }
        //= rfc6455#4.1
        //# If the response includes a |Sec-WebSocket-Extensions| header
        //# field and this header field indicates the use of an extension
        //# that was not present in the client's handshake (the server has
        //# indicated an extension not requested by the client), the client
        //# MUST _Fail the WebSocket Connection_.
        let extensions = match extension::check(headers, index)? {
            true => self.judge_extensions(headers)?,
            false => Extensions::default(),
        };
        let subprotocol = self.judge_subprotocol(headers, index)?;
        let carrier = self.carrier;
        let negotiated = Negotiated { carrier, subprotocol, extensions };
        Ok(Response::new(head, negotiated))
    }

    /// The rules of an upgrade, which a stream has none of.
    fn judge_upgrade(
        head: &ResponseHead,
        index: &Index,
        accept: &[u8; ACCEPT_LEN],
    ) -> Result<(), HandshakeError> {
        let headers = &head.headers;
        if !head.http_1_1 {
            return Err(HandshakeError::HttpVersion);
        }
        //= rfc6455#4.1
        //# If the response lacks an |Upgrade| header field or the |Upgrade|
        //# header field contains a value that is not an ASCII case-
        //# insensitive match for the value "websocket", the client MUST
        //# _Fail the WebSocket Connection_.
        let upgrade = index.single(Known::Upgrade, headers);
        if !upgrade.is_ok_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::UpgradeNotConfirmed);
        }
        //= rfc6455#4.1
        //# If the response lacks a |Connection| header field or the
        //# |Connection| header field doesn't contain a token that is an
        //# ASCII case-insensitive match for the value "Upgrade", the client
        //# MUST _Fail the WebSocket Connection_.
        if !index.list_has(Known::Connection, headers, "Upgrade") {
            return Err(HandshakeError::ConnectionNotConfirmed);
        }
        Self::judge_accept(headers, index, accept)
    }

    fn judge_accept(
        headers: &Headers,
        index: &Index,
        accept: &[u8; ACCEPT_LEN],
    ) -> Result<(), HandshakeError> {
        //= rfc6455#4.1
        //# If the response lacks a |Sec-WebSocket-Accept| header field or
        //# the |Sec-WebSocket-Accept| contains a value other than the
        //# base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-
        //# Key| (as a string, not base64-decoded) with the string "258EAFA5-
        //# E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and
        //# trailing whitespace, the client MUST _Fail the WebSocket
        //# Connection_.
        match index.single(Known::Accept, headers) {
            Ok(value) if value == accept => Ok(()),
            Ok(_) => Err(HandshakeError::AcceptWrong),
            Err(Count::None) => Err(HandshakeError::AcceptMissing),
            //= rfc6455#11.3.3
            //# The |Sec-WebSocket-Accept| header MUST NOT appear more than once in
            //# an HTTP response.
            Err(Count::Many) => Err(HandshakeError::AcceptRepeated),
        }
    }

    #[cfg(feature = "deflate")]
    fn judge_extensions(&self, headers: &Headers) -> Result<Extensions, HandshakeError> {
        let offered = self.offered.ok_or(HandshakeError::ExtensionNotOffered)?;
        Ok(Extensions { deflate: permessage_deflate::judge(headers, offered)? })
    }

    #[cfg(not(feature = "deflate"))]
    fn judge_extensions(&self, _: &Headers) -> Result<Extensions, HandshakeError> {
        Err(HandshakeError::ExtensionNotOffered)
    }

    fn judge_subprotocol(
        &self,
        headers: &Headers,
        index: &Index,
    ) -> Result<Option<Box<str>>, HandshakeError> {
        let value = match index.single(Known::Protocol, headers) {
            Ok(value) => value,
            Err(Count::None) => return Ok(None),
            //= rfc6455#11.3.4
            //# However, the |Sec-WebSocket-Protocol| header field MUST NOT appear
            //# more than once in an HTTP response.
            Err(Count::Many) => return Err(HandshakeError::SubprotocolRepeated),
        };
        //= rfc6455#4.1
        //# If the response includes a |Sec-WebSocket-Protocol| header field
        //# and this header field indicates the use of a subprotocol that was
        //# not present in the client's handshake (the server has indicated a
        //# subprotocol not requested by the client), the client MUST _Fail
        //# the WebSocket Connection_.
        let mut requested = self.subprotocols.split(", ").filter(|name| !name.is_empty());
        match requested.find(|name| name.as_bytes() == value) {
            Some(name) => Ok(Some(name.into())),
            None => Err(HandshakeError::SubprotocolNotRequested),
        }
    }
}
