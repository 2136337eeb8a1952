//! The grammar of Sec-WebSocket-Extensions, RFC 6455 section 9.1.
//!
//! A value is checked as a whole when its head arrives; the iterators here then walk it without
//! copying and without failing.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeError;
use super::http1::headers::{Headers, elements, is_token};
use super::http1::known::{Index, Known};

/// An extension as a client offers it: a name and parameters.
#[derive(Clone, Copy)]
pub struct ExtensionOffer<'a> {
    name: &'a str,
    /// The whole of it, name included.
    text: &'a str,
}

impl<'a> ExtensionOffer<'a> {
    /// The extension's registered name, `permessage-deflate` for example.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The parameters as name and value, in the order offered, repetitions included.
    ///
    /// A quoted value comes without its quotes and escapes.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> + use<'a> {
        // The part before the first semicolon is the name.
        self.text.split(';').skip(1).map_while(|param| {
            let (name, value) = parse_param(param.as_bytes()).ok()?;
            Some((text(name), value.map(text_of)))
        })
    }
}

/// A token as text, which every token is.
fn text(token: &[u8]) -> &str {
    core::str::from_utf8(token).unwrap_or_default()
}

fn text_of(token: Cow<'_, [u8]>) -> Cow<'_, str> {
    match token {
        Cow::Borrowed(token) => Cow::Borrowed(text(token)),
        Cow::Owned(token) => Cow::Owned(String::from_utf8(token).unwrap_or_default()),
    }
}

impl fmt::Debug for ExtensionOffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Checks every Sec-WebSocket-Extensions of a head, each of which has to name one. Returns whether
/// any extension is named.
pub(super) fn check(headers: &Headers, index: &Index) -> Result<bool, HandshakeError> {
    let named = check_elements(headers, index)?;
    if !named && index.has(Known::Extensions) {
        return Err(HandshakeError::ExtensionsInvalid);
    }
    Ok(named)
}

/// Checks the extensions that a head names. Returns whether there are any.
pub(super) fn check_elements(headers: &Headers, index: &Index) -> Result<bool, HandshakeError> {
    //= rfc6455#9.1
    //# If a value is received by either the client or
    //# the server during negotiation that does not conform to the ABNF
    //# below, the recipient of such malformed data MUST immediately _Fail
    //# the WebSocket Connection_.
    //= rfc6455#5.8
    //# The endpoints of a connection MUST negotiate the use of any extensions
    //# during the opening handshake.
    // To the letter what browsers send.
    const USUAL: [&[u8]; 2] =
        [b"permessage-deflate; client_max_window_bits", b"permessage-deflate"];
    let mut named = false;
    let sound = index.all_values(Known::Extensions, headers, |value| {
        named |= USUAL.contains(&value);
        USUAL.contains(&value)
            || elements(value).all(|element| {
                named = true;
                parse_offer(element).is_ok()
            })
    });
    if sound { Ok(named) } else { Err(HandshakeError::ExtensionsInvalid) }
}

/// The extensions of a head that was checked.
pub(super) fn offers(headers: &Headers) -> impl Iterator<Item = ExtensionOffer<'_>> {
    headers.list(Known::Extensions.name()).map_while(|element| {
        let name = text(parse_offer(element).ok()?);
        Some(ExtensionOffer { name, text: text(element) })
    })
}

/// Parses one extension, and returns its name. All of it is ASCII, as its parts are tokens.
///
/// Splitting at every comma and semicolon is right even though the grammar has quoted strings: a
/// quoted value has to be a token once unquoted, and no token has either of them.
fn parse_offer(text: &[u8]) -> Result<&[u8], HandshakeError> {
    let mut parts = text.split(|byte| *byte == b';');
    let name = parts.next().unwrap_or_default().trim_ascii();
    if !is_token(name) {
        return Err(HandshakeError::ExtensionsInvalid);
    }
    for param in parts {
        parse_param(param)?;
    }
    Ok(name)
}

/// A parameter's name, and its value if it has one.
type Param<'a> = (&'a [u8], Option<Cow<'a, [u8]>>);

fn parse_param(text: &[u8]) -> Result<Param<'_>, HandshakeError> {
    let mut sides = text.splitn(2, |byte| *byte == b'=');
    let name = sides.next().unwrap_or_default().trim_ascii();
    let value = sides.next().map(|value| unquote(value.trim_ascii())).transpose()?;
    if is_token(name) { Ok((name, value)) } else { Err(HandshakeError::ExtensionsInvalid) }
}

fn unquote(text: &[u8]) -> Result<Cow<'_, [u8]>, HandshakeError> {
    let quoted = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let value = match quoted {
        Some(inner) if inner.contains(&b'\\') => Cow::Owned(unescape(inner)),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(text),
    };
    //= rfc6455#9.1
    //# ;When using the quoted-string syntax variant, the value
    //# ;after quoted-string unescaping MUST conform to the
    //# ;'token' ABNF.
    //= rfc6455#4.3
    //# ; When using the quoted-string syntax variant, the value
    //# ; after quoted-string unescaping MUST conform to the
    //# ; 'token' ABNF.
    if is_token(&value) { Ok(value) } else { Err(HandshakeError::ExtensionsInvalid) }
}

/// Takes the escapes out of a quoted string. What is left of a bad escape is no token.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(*if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    plain
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn shown(element: &str) -> Result<String, HandshakeError> {
        let name = text(parse_offer(element.as_bytes())?);
        let offer = ExtensionOffer { name, text: element };
        let params: Vec<_> = offer
            .params()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.into(),
            })
            .collect();
        Ok(format!("{} [{}]", offer.name(), params.join(" ")))
    }

    #[test]
    fn extensions_follow_the_grammar() {
        let cases = [
            ("deflate-stream", "deflate-stream []"),
            ("mux; max-channels=4; flow-control", "mux [max-channels=4 flow-control]"),
            ("x;a=\"10\"", "x [a=10]"),
            ("x ; a = \"1\\0\"\t;a", "x [a=10 a]"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    //= rfc6455#9.1
    //= type=test
    //# ;When using the quoted-string syntax variant, the value
    //# ;after quoted-string unescaping MUST conform to the
    //# ;'token' ABNF.
    //= rfc6455#4.3
    //= type=test
    //# ; When using the quoted-string syntax variant, the value
    //# ; after quoted-string unescaping MUST conform to the
    //# ; 'token' ABNF.
    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let cases = [
            "",
            ";",
            "a b",
            "a;",
            "a;;b",
            "a;=1",
            "a;b=",
            "a;b=c d",
            "a;b=\"\"",
            "a;b=\"",
            "a;b=\"c d\"",
            "a;b=\"c",
            "a;b=c\"",
            "a;b=\"c;d\"",
            "a;b=\"c\\\"",
            "a;b=\"\\\"\"",
            "a;b=\"c\\\\\"",
            "a;b==c",
            "ä",
            "a;b=\"ä\"",
            "a;b c",
            "a/b",
            "\"a\"",
        ];
        for text in cases {
            assert_eq!(shown(text), Err(HandshakeError::ExtensionsInvalid), "{text}");
        }
    }
}
