//! The rules for the fields of a request that need nothing else: RFC 6455 section 4.2.1.

use alloc::vec::Vec;

use crate::handshake::KEY_LEN;
use crate::handshake::error::HandshakeError;
use crate::handshake::http1::headers::{Headers, is_token};
use crate::handshake::http1::known::{Count, Index, Known};

/// A body would be taken for frames here and for a request by another reader. Devices say that there
/// is none.
pub(super) fn check_body(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    let empty = index.all_values(Known::ContentLength, headers, is_zero);
    match index.has(Known::TransferEncoding) || !empty {
        true => Err(HandshakeError::Body),
        false => Ok(()),
    }
}

/// Whether a Content-Length says that there is no body.
fn is_zero(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| *byte == b'0')
}

pub(super) fn check_upgrade(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    //= rfc6455#4.2.1
    //# An |Upgrade| header field containing the value "websocket",
    //# treated as an ASCII case-insensitive value.
    if !index.list_has(Known::Upgrade, headers, "websocket") {
        return Err(HandshakeError::UpgradeNotRequested);
    }
    //= rfc6455#4.2.1
    //# A |Connection| header field that includes the token "Upgrade",
    //# treated as an ASCII case-insensitive value.
    if !index.list_has(Known::Connection, headers, "Upgrade") {
        return Err(HandshakeError::ConnectionNotUpgrade);
    }
    Ok(())
}

pub(super) fn check_version(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    //= rfc6455#4.2.1
    //# A |Sec-WebSocket-Version| header field, with a value of 13.
    match index.single(Known::Version, headers) {
        Ok(b"13") => Ok(()),
        Ok(_) | Err(Count::None) => Err(HandshakeError::Version),
        //= rfc6455#11.3.5
        //# However, the |Sec-WebSocket-Version| header field MUST NOT appear
        //# more than once in an HTTP request.
        Err(Count::Many) => Err(HandshakeError::VersionRepeated),
    }
}

pub(super) fn check_key(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    //= rfc6455#11.3.1
    //# The |Sec-WebSocket-Key| header field MUST NOT appear more than once
    //# in an HTTP request.
    let key = index.single(Known::Key, headers).map_err(|count| match count {
        Count::None => HandshakeError::KeyMissing,
        Count::Many => HandshakeError::KeyRepeated,
    })?;
    //= rfc6455#4.2.1
    //# A |Sec-WebSocket-Key| header field with a base64-encoded (see
    //# Section 4 of [RFC4648]) value that, when decoded, is 16 bytes in
    //# length.
    match is_key(key) {
        true => Ok(()),
        false => Err(HandshakeError::KeyInvalid),
    }
}

/// Whether this is 16 bytes in base64, which nobody needs decoded.
///
/// Bits beyond the last byte may be anything: RFC 6455's own example in section 4.1 sets some.
fn is_key(key: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_LEN
        && key.strip_suffix(b"==").is_some_and(|letters| letters.iter().all(is_letter))
}

pub(super) fn check_subprotocols(headers: &Headers, index: &Index) -> Result<(), HandshakeError> {
    //= rfc6455#4.1
    //# The elements that comprise this value
    //# MUST be non-empty strings with characters in the range U+0021 to
    //# U+007E not including separator characters as defined in
    //# [RFC2616] and MUST all be unique strings.
    if !index.has(Known::Protocol) {
        return Ok(());
    }
    let mut names: Vec<&[u8]> = headers.list(Known::Protocol.name()).collect();
    // Sorted first, so that a long list costs no more than a short one for each of its names.
    names.sort_unstable();
    let distinct = names.windows(2).all(|pair| pair.first() != pair.last());
    if distinct && names.iter().all(|name| is_token(name)) {
        Ok(())
    } else {
        Err(HandshakeError::SubprotocolsInvalid)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::alphabet::STANDARD;
    use base64::engine::general_purpose::{GeneralPurpose, PAD};

    use super::*;

    #[test]
    fn a_key_is_what_decodes_to_sixteen_bytes() {
        let lenient = GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));
        let decodes = |key: &[u8]| lenient.decode(key).is_ok_and(|bytes| bytes.len() == 16);
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_key(key) && is_key(b"AQIDBAUGBwgJCgsMDQ4PEC=="));
        for at in 0..key.len() {
            for byte in 0..=u8::MAX {
                let mut other = *key;
                other[at] = byte;
                assert_eq!(is_key(&other), decodes(&other), "{}", other.escape_ascii());
            }
        }
        for len in 0..40 {
            for padding in 0..4 {
                let other = [&b"A".repeat(len)[..], &b"=".repeat(padding)].concat();
                assert_eq!(is_key(&other), decodes(&other), "{len} {padding}");
            }
        }
    }
}
