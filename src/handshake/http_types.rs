//! The opening handshake in the types of the `http` crate, for HTTP that somebody else speaks.
//!
//! Invariant: nothing is decided here. A head of theirs becomes one of ours, under the same limits
//! as bytes, and what is judged and agreed on is so by the same code.

mod client;
mod server;

use alloc::vec::Vec;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::carrier::Carrier;
use super::error::HandshakeError;
use super::head::Sink;
use super::http1::headers::{HeaderError, Headers, Span, is_token, is_value};

pub use client::HttpHandshake;
#[cfg(feature = "hyper")]
pub(crate) use server::Typed;

/// The `:protocol` that asks for a WebSocket.
pub(super) const PROTOCOL: &str = "websocket";

impl Carrier {
    /// What a request of this version opens a connection on.
    pub(crate) fn of(version: http::Version) -> Self {
        match version {
            http::Version::HTTP_2 => Self::Http2,
            http::Version::HTTP_3 => Self::Http3,
            _ => Self::Http1,
        }
    }
}

/// The bytes of a head of ours, gathered from one of theirs.
#[derive(Default)]
struct Gathered {
    text: Vec<u8>,
    /// Where the lines of fields begin.
    fields: Option<usize>,
}

impl Gathered {
    fn add(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        Span::between(start, self.text.len())
    }

    /// Adds a field, behind all else.
    fn add_field(&mut self, name: &HeaderName, value: &[u8]) {
        self.fields.get_or_insert(self.text.len());
        for part in [name.as_str().as_bytes(), b":", value, b"\r\n"] {
            self.text.extend_from_slice(part);
        }
    }

    fn into_headers(self) -> Headers {
        let end = self.text.len();
        Headers::new(&self.text, Span::between(self.fields.unwrap_or(end), end))
    }
}

/// A value without the white space around it, which is no part of it (RFC 9110 section 5.5).
fn value(value: &HeaderValue) -> &[u8] {
    value.as_bytes().trim_ascii()
}

/// How long the lines of these fields are in HTTP/1.1, without their line endings.
fn lines(headers: &HeaderMap) -> impl Iterator<Item = usize> {
    headers.iter().map(|(name, it)| name.as_str().len() + ": ".len() + value(it).len())
}

/// Whether a field is one: a value may have been made without its checks, and a name of HTTP/2 with
/// others than a token has.
fn is_field((name, value): (&HeaderName, &HeaderValue)) -> bool {
    is_token(name.as_str().as_bytes()) && is_value(value.as_bytes())
}

fn check_fields(headers: &HeaderMap) -> Result<(), HandshakeError> {
    if headers.iter().all(is_field) { Ok(()) } else { Err(HandshakeError::HeaderField) }
}

/// The fields that a head of ours has, as one of theirs.
#[derive(Default)]
struct FieldMap {
    map: HeaderMap,
    /// Their types hold less than ours.
    too_large: bool,
}

impl Sink for FieldMap {
    fn field(&mut self, name: &str, value: &[u8]) {
        let name = HeaderName::from_bytes(name.as_bytes());
        // The characters of both were checked, by rules that are as strict.
        let added = match (name, HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(value)) => self.map.try_append(name, value).is_ok(),
            _ => false,
        };
        self.too_large |= !added;
    }
}

impl FieldMap {
    fn of(write: impl FnOnce(&mut Self)) -> Self {
        let mut fields = Self::default();
        write(&mut fields);
        fields
    }

    fn whole(self) -> Result<HeaderMap, HeaderError> {
        if self.too_large { Err(HeaderError::TooLarge) } else { Ok(self.map) }
    }
}
