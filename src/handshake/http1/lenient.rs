//! The head of a refusal that breaks rules: what can be read of it is read, so that a field that is
//! odd hides neither the status nor how long to wait.
//!
//! Invariant: this is for responses only, and [`parse`] never reads one that opens a connection;
//! [`unfold`] is for every response (RFC 9112 section 5.2).

use alloc::vec::Vec;

use super::headers::{Headers, Span, field};
use crate::handshake::head::ResponseHead;

/// Joins lines of fields that were folded, in place.
//
// The fold is as long as what replaces it, so that nothing has to move.
//= rfc9112#5.2
//# A user agent that receives an obs-fold in a response message that is
//# not within a "message/http" container MUST replace each received
//# obs-fold with one or more SP octets prior to interpreting the field
//# value.
pub(super) fn unfold(text: &mut [u8]) {
    let mut line_start = 0;
    let mut fields = false;
    for at in 0..text.len() {
        if text[at] != b'\n' {
            continue;
        }
        // What follows the status line continues no field.
        if fields && matches!(text.get(at + 1), Some(b' ' | b'\t')) {
            text[at] = b' ';
            if text[at - 1] == b'\r' {
                text[at - 1] = b' ';
            }
        }
        fields |= !text[line_start..at].trim_ascii().is_empty();
        line_start = at + 1;
    }
}

/// Reads a head whose status is known to be readable, and at most so many fields of it.
///
/// Lines that are no field are left out, and so is one that is not complete.
pub(super) fn parse(mut text: Vec<u8>, max_headers: usize) -> ResponseHead {
    blank_controls(&mut text);
    let whole = &text[..];
    let complete = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = whole.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let start = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let (status, reason) = start.split_at(start.len().min("HTTP/1.1 101".len()));
    let reason = Span::of(reason.trim_ascii(), whole);
    let http_1_1 = status.get("HTTP/1.".len()) == Some(&b'1');
    let digits = status.iter().rev().take(3).rev();
    let status = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit.wrapping_sub(b'0') % 10));
    let start_end = Span::of(start, whole).end();
    let mut end = start_end;
    let mut left = max_headers;
    let lines = whole.get(start_end..complete).unwrap_or_default();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if left == 0 {
            break;
        }
        end += line.len();
        left -= usize::from(field(line).is_some());
    }
    let headers = Headers::new(whole, Span::between(start_end, end));
    ResponseHead { headers, status, http_1_1, reason }
}

/// Makes spaces of control characters that are no line's end and no tab.
fn blank_controls(text: &mut [u8]) {
    for byte in text {
        if byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t') {
            *byte = b' ';
        }
    }
}
