//! Parsing a complete head.

use alloc::vec::Vec;
use core::mem::MaybeUninit;

use httparse::{Header, ParserConfig};

use super::{HeadReader, SWITCHING};
use crate::handshake::error::HandshakeError;
use crate::handshake::head::{Method, RequestHead, ResponseHead, Version};
use crate::handshake::http1::headers::{Headers, Span};
use crate::handshake::http1::lenient;

/// So many header fields are parsed without memory for them.
const SLOTS: usize = 32;

impl HeadReader {
    /// Parses the complete head of a request.
    pub(in crate::handshake) fn take_request(&mut self) -> Result<RequestHead, HandshakeError> {
        let (text, fields) = self.take();
        let (mut few, mut many) = ([const { MaybeUninit::uninit() }; SLOTS], Vec::new());
        let slots = slots(fields, &mut few, &mut many);
        let mut parsed = httparse::Request::new(&mut []);
        let config = ParserConfig::default();
        let result = config.parse_request_with_uninit_headers(&mut parsed, &text, slots);
        if !result.map_err(|error| blame(error, &text))?.is_complete() {
            return Err(HandshakeError::StartLine);
        }
        let target = Span::of(parsed.path.unwrap_or_default().as_bytes(), &text);
        let verb = Span::of(parsed.method.unwrap_or_default().as_bytes(), &text);
        let method = if parsed.method == Some("GET") { Method::Get } else { Method::Other };
        let version = if parsed.version == Some(1) { Version::Http11 } else { Version::Http10 };
        let lines = lines(parsed.headers, &text);
        Ok(RequestHead { headers: Headers::new(&text, lines), version, method, verb, target })
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
        let (mut few, mut many) = ([const { MaybeUninit::uninit() }; SLOTS], Vec::new());
        let slots = slots(fields, &mut few, &mut many);
        let mut parsed = httparse::Response::new(&mut []);
        let config = ParserConfig::default();
        let complete = match config.parse_response_with_uninit_headers(&mut parsed, &text, slots) {
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
        let lines = lines(parsed.headers, &text);
        Ok(ResponseHead { headers: Headers::new(&text, lines), status, http_1_1, reason })
    }
}

/// A place for each field.
fn slots<'s, 't>(
    fields: usize,
    few: &'s mut [MaybeUninit<Header<'t>>; SLOTS],
    many: &'s mut Vec<MaybeUninit<Header<'t>>>,
) -> &'s mut [MaybeUninit<Header<'t>>] {
    if fields > SLOTS {
        many.resize_with(fields, MaybeUninit::uninit);
        return many;
    }
    few.get_mut(..fields).unwrap_or_default()
}

/// The lines of the fields: they go on to the empty line, which is none.
fn lines(headers: &[Header<'_>], text: &[u8]) -> Span {
    let Some(first) = headers.first() else { return Span::default() };
    let start = Span::of(first.name.as_bytes(), text).start();
    Span::between(start, text.len().saturating_sub(b"\r\n".len()))
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

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::super::Kind;
    use super::*;
    use crate::config::Limits;

    #[test]
    fn many_fields_are_parsed_as_few_are() {
        for count in [0, 1, 31, 32, 33, 64] {
            let fields: String =
                (0..count).map(|number| format!("N{number}: {number}\r\n")).collect();
            for (kind, line) in
                [(Kind::Request, "GET / HTTP/1.1"), (Kind::Response, "HTTP/1.1 101 ")]
            {
                let wire = format!("{line}\r\n{fields}\r\n");
                let mut reader = HeadReader::new(kind, &Limits::default());
                assert_eq!(reader.receive(wire.as_bytes()), Ok((wire.len(), true)), "{wire:?}");
                let headers = match kind {
                    Kind::Request => reader.take_request().unwrap().headers,
                    Kind::Response => reader.take_response().unwrap().headers,
                };
                assert_eq!(headers.len(), count);
                let last = count.checked_sub(1).map(|number| format!("{number}"));
                assert_eq!(
                    headers.iter().last().map(|field| field.1),
                    last.as_deref().map(str::as_bytes)
                );
            }
        }
    }
}
