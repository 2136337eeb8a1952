//! The grammar of Sec-WebSocket-Extensions, RFC 6455 section 9.1.
//!
//! A value is checked as a whole when its head arrives; the iterators here then walk it without
//! copying and without failing.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::error::HandshakeError;
use super::http1::headers::{Headers, is_token};

pub(super) const NAME: &str = "Sec-WebSocket-Extensions";

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
        self.text.split(';').skip(1).map_while(|param| parse_param(param).ok())
    }
}

impl fmt::Debug for ExtensionOffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Checks every Sec-WebSocket-Extensions of a head, each of which has to name one. Returns whether
/// any extension is named.
pub(super) fn check(headers: &Headers) -> Result<bool, HandshakeError> {
    let named = check_elements(headers)?;
    if !named && headers.has(NAME) {
        return Err(HandshakeError::ExtensionsInvalid);
    }
    Ok(named)
}

/// Checks the extensions that a head names. Returns whether there are any.
pub(super) fn check_elements(headers: &Headers) -> Result<bool, HandshakeError> {
    //= rfc6455#9.1
    //# If a value is received by either the client or
    //# the server during negotiation that does not conform to the ABNF
    //# below, the recipient of such malformed data MUST immediately _Fail
    //# the WebSocket Connection_.
    //= rfc6455#5.8
    //# The endpoints of a connection MUST negotiate the use of any extensions
    //# during the opening handshake.
    let mut named = false;
    for element in headers.list(NAME) {
        let text = core::str::from_utf8(element).map_err(|_| HandshakeError::ExtensionsInvalid)?;
        parse_offer(text)?;
        named = true;
    }
    Ok(named)
}

/// The extensions of a head that was checked.
pub(super) fn offers(headers: &Headers) -> impl Iterator<Item = ExtensionOffer<'_>> {
    headers.list(NAME).map_while(|element| {
        let text = core::str::from_utf8(element).ok()?;
        parse_offer(text).ok()
    })
}

/// Parses one extension.
///
/// Splitting at every comma and semicolon is right even though the grammar has quoted strings: a
/// quoted value has to be a token once unquoted, and no token has either of them.
fn parse_offer(text: &str) -> Result<ExtensionOffer<'_>, HandshakeError> {
    let mut parts = text.split(';');
    let name = parts.next().unwrap_or_default().trim_ascii();
    if !is_token(name.as_bytes()) {
        return Err(HandshakeError::ExtensionsInvalid);
    }
    for param in parts {
        parse_param(param)?;
    }
    Ok(ExtensionOffer { name, text })
}

fn parse_param(text: &str) -> Result<(&str, Option<Cow<'_, str>>), HandshakeError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(unquote(value.trim_ascii())?)),
        None => (text, None),
    };
    let name = name.trim_ascii();
    if is_token(name.as_bytes()) {
        Ok((name, value))
    } else {
        Err(HandshakeError::ExtensionsInvalid)
    }
}

fn unquote(text: &str) -> Result<Cow<'_, str>, HandshakeError> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = match quoted {
        Some(inner) if inner.contains('\\') => Cow::Owned(unescape(inner)),
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
    if is_token(value.as_bytes()) { Ok(value) } else { Err(HandshakeError::ExtensionsInvalid) }
}

/// Takes the escapes out of a quoted string. What is left of a bad escape is no token.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
    }
    plain
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;

    fn shown(text: &str) -> Result<alloc::string::String, HandshakeError> {
        let offer = parse_offer(text)?;
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
