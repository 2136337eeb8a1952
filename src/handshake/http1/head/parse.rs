//! Parsing a complete head.

use alloc::boxed::Box;
use alloc::vec;

use super::{HeadReader, SWITCHING};
use crate::handshake::error::HandshakeError;
use crate::handshake::head::{Method, RequestHead, ResponseHead, Version};
use crate::handshake::http1::headers::{Headers, Span};
use crate::handshake::http1::lenient;

impl HeadReader {
    /// Parses the complete head of a request.
    pub(in crate::handshake) fn take_request(&mut self) -> Result<RequestHead, HandshakeError> {
        let (text, fields) = self.take();
        let mut slots = vec![httparse::EMPTY_HEADER; fields];
        let mut parsed = httparse::Request::new(&mut slots);
        if !parsed.parse(&text).map_err(|error| blame(error, &text))?.is_complete() {
            return Err(HandshakeError::StartLine);
        }
        let target = Span::of(parsed.path.unwrap_or_default().as_bytes(), &text);
        let verb = Span::of(parsed.method.unwrap_or_default().as_bytes(), &text);
        let method = if parsed.method == Some("GET") { Method::Get } else { Method::Other };
        let version = if parsed.version == Some(1) { Version::Http11 } else { Version::Http10 };
        let fields = spans(parsed.headers, &text);
        Ok(RequestHead { headers: Headers::new(text, fields), version, method, verb, target })
    }

    /// Parses the complete head of a response.
    pub(in crate::handshake) fn take_response(&mut self) -> Result<ResponseHead, HandshakeError> {
        let (refuses, lenient) = (self.refuses(), self.lenient || self.cut);
        let empty_lines = core::mem::take(&mut self.empty_lines);
        let max_headers = self.limits.headers;
        let (mut text, fields) = self.take();
        lenient::unfold(&mut text);
        if lenient {
            return Ok(lenient::parse(text, max_headers));
        }
        let mut slots = vec![httparse::EMPTY_HEADER; fields];
        let mut parsed = httparse::Response::new(&mut slots);
        let complete = match parsed.parse(&text) {
            Ok(status) => status.is_complete(),
            Err(_) if refuses => return Ok(lenient::parse(text, max_headers)),
            Err(error) => return Err(blame(error, &text)),
        };
        let opens = parsed.code == Some(SWITCHING);
        if !complete || opens && empty_lines > 0 {
            return Err(HandshakeError::StartLine);
        }
        let reason = Span::of(parsed.reason.unwrap_or_default().as_bytes(), &text);
        let status = parsed.code.unwrap_or_default();
        let http_1_1 = parsed.version == Some(1);
        let fields = spans(parsed.headers, &text);
        Ok(ResponseHead { headers: Headers::new(text, fields), status, http_1_1, reason })
    }
}

fn spans(headers: &[httparse::Header<'_>], text: &[u8]) -> Box<[(Span, Span)]> {
    let span = |header: &httparse::Header<'_>| {
        (Span::of(header.name.as_bytes(), text), Span::of(header.value, text))
    };
    headers.iter().map(span).collect()
}

fn blame(error: httparse::Error, text: &[u8]) -> HandshakeError {
    use httparse::Error;
    match error {
        Error::HeaderName | Error::HeaderValue => HandshakeError::HeaderField,
        Error::Version if names_a_version(text) => HandshakeError::HttpVersion,
        Error::Token | Error::Status | Error::NewLine | Error::Version => HandshakeError::StartLine,
        // The slots were counted, so there are never too few.
        Error::TooManyHeaders => HandshakeError::HeaderField,
    }
}

/// Whether a word of the first line is a well-formed HTTP version that httparse does not know.
fn names_a_version(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').any(|word| match word.strip_prefix(b"HTTP/") {
        Some(b"1.0" | b"1.1") => false,
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    })
}
