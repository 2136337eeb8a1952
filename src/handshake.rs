//! The opening handshake: an HTTP/1.1 upgrade, RFC 6455 section 4.
//!
//! Sans-IO, like everything here: [`ClientHandshake`] and [`ServerHandshake`] are fed the bytes
//! that arrived and say how many they took. What follows the head is never touched. The requests
//! and responses to send are checked by their builders, [`ClientRequest`], [`Accept`] and
//! [`Rejection`], so that nothing taken from elsewhere can smuggle in a header field.
//!
//! With feature `http`, the same is judged and answered in the types of the `http` crate, for servers
//! and clients whose HTTP somebody else speaks: `Request::from_http`, `Accept::to_http`,
//! `Rejection::to_http`, `HttpHandshake`.
//!
//! Bytes in any pieces lead to the same result, every byte is looked at once, and no more than
//! [`Limits::head`](crate::Limits::head) of them are stored. Whose fault an error is shows in its
//! type: [`RequestError`] and [`ResponseError`] are the caller's, [`HandshakeError`] the peer's.

mod carrier;
mod client;
mod client_request;
mod error;
mod expected;
mod extension;
mod head;
pub(crate) mod http1;
#[cfg(feature = "http")]
mod http_types;
mod origin;
#[cfg(feature = "deflate")]
mod permessage_deflate;
mod redirect;
mod refusal;
mod request_error;
mod response;
mod server;
mod tunnel;

use alloc::boxed::Box;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::deflate;
#[cfg(feature = "deflate")]
pub use crate::deflate::DeflateParams;

pub use carrier::Carrier;
pub use client::{ClientHandshake, Outcome, Response};
pub use client_request::ClientRequest;
pub use error::HandshakeError;
pub(crate) use error::Suspect;
pub use extension::ExtensionOffer;
#[cfg(feature = "http")]
pub use http_types::HttpHandshake;
#[cfg(feature = "hyper")]
pub(crate) use http_types::Typed;
pub use http1::headers::{HeaderError, Headers};
pub(crate) use http1::uri::{AuthorityError, percent_decode, split_authority};
pub use origin::{OriginError, OriginList, Origins};
pub use redirect::RedirectError;
pub use refusal::Refusal;
pub use request_error::RequestError;
#[cfg(feature = "std")]
pub(crate) use response::Why;
pub use response::{Accept, PlainResponse, Rejection, ResponseError};
pub use server::{Request, ServerHandshake};
pub(crate) use tunnel::{Answer, Tunnel, basic};

/// What both endpoints agreed on in the opening handshake.
///
/// [`Negotiated::default`] is an upgrade of HTTP/1.1 without a subprotocol and without extensions.
///
/// For a stream whose opening handshake somebody else has spoken:
///
/// ```
/// use farewell::handshake::Negotiated;
/// use farewell::{Config, Role, Seed, Session, Timestamp};
///
/// let negotiated = Negotiated::default().with_subprotocol("v1.chat.example");
/// let (seed, now) = (Seed::new([1; 32]), Timestamp::ZERO); // use `Seed::from_os` outside of examples
/// let session = Session::upgraded(Role::Server, negotiated, Config::default(), seed, now);
/// assert_eq!(session.negotiated().subprotocol(), Some("v1.chat.example"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Negotiated {
    carrier: Carrier,
    subprotocol: Option<Box<str>>,
    extensions: Extensions,
}

impl Negotiated {
    /// The same on this carrier, for a stream whose opening handshake was spoken elsewhere. The
    /// report of the ending says so.
    #[must_use]
    pub fn with_carrier(self, carrier: Carrier) -> Self {
        Self { carrier, ..self }
    }

    /// What carries the connection.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The same with `name` as the subprotocol in use, for an upgrade that was negotiated
    /// elsewhere.
    #[must_use]
    pub fn with_subprotocol(self, name: &str) -> Self {
        Self { subprotocol: Some(name.into()), ..self }
    }

    /// The subprotocol in use, if there is one.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The same with permessage-deflate in use, for an upgrade that was negotiated elsewhere.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, params: DeflateParams) -> Self {
        Self { extensions: Extensions { deflate: Some(params) }, ..self }
    }

    /// The extensions in use.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

/// The extensions in use on a connection.
///
/// Only permessage-deflate is ever among them, with feature `deflate` and where
/// `Config::compression` asks for it. Every other offer is declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Extensions {
    pub(crate) deflate: Option<deflate::DeflateParams>,
}

impl Extensions {
    /// The agreed parameters of permessage-deflate (RFC 7692), if it is in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<&DeflateParams> {
        self.deflate.as_ref()
    }
}

/// The length of a Sec-WebSocket-Key: 16 bytes as base64.
const KEY_LEN: usize = 24;

/// The length of a Sec-WebSocket-Accept: the 20 bytes of a SHA-1 hash as base64.
const ACCEPT_LEN: usize = 28;

/// The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key, for HTTP that is spoken without the
/// types of this module (RFC 6455 section 4.2.2).
///
/// It is told nothing but the key: whether the request asks for a WebSocket at all, and for one
/// that is to be had, is checked by [`ServerHandshake`], or by [`Request`] itself where the request
/// is one of the `http` crate.
///
/// ```
/// let accept = farewell::handshake::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &str) -> String {
    accept_of(key.as_bytes()).into_iter().map(char::from).collect()
}

/// The Sec-WebSocket-Key for a nonce.
fn key_of(nonce: [u8; 16]) -> [u8; KEY_LEN] {
    //= rfc6455#4.1
    //# The value of this header field MUST be a nonce consisting of a randomly
    //# selected 16-byte value that has been base64-encoded (see Section 4 of
    //# [RFC4648]).
    encode(&nonce)
}

/// The Sec-WebSocket-Accept for a key.
fn accept_of(key: &[u8]) -> [u8; ACCEPT_LEN] {
    //= rfc6455#4.2.2
    //# The value of this
    //# header field is constructed by concatenating /key/, defined
    //# above in step 4 in Section 4.2.2, with the string "258EAFA5-
    //# E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this
    //# concatenated value to obtain a 20-byte value and base64-
    //# encoding (see Section 4 of [RFC4648]) this 20-byte hash.
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    encode(&Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Encodes into an array that is exactly as long as the text.
fn encode<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    let written = STANDARD.encode_slice(bytes, &mut text);
    debug_assert_eq!(written, Ok(N));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    //= rfc6455#4.2.2
    //= type=test
    //# The value of this
    //# header field is constructed by concatenating /key/, defined
    //# above in step 4 in Section 4.2.2, with the string "258EAFA5-
    //# E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this
    //# concatenated value to obtain a 20-byte value and base64-
    //# encoding (see Section 4 of [RFC4648]) this 20-byte hash.
    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(&key_of(*b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
