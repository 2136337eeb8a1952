//! The few facts of an X.509 certificate (RFC 5280) that a diagnosis needs.
//!
//! Invariant: nothing here decides whether a certificate is to be trusted. What is malformed is
//! absent; names are kept short and without control characters, since they end up in logs.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::report::TlsCertificate;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
/// Tags of a context: the version and the extensions of a certificate, names of two kinds.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// More names than this are not kept.
const MAX_NAMES: usize = 32;

/// Longer texts are cut.
const MAX_TEXT: usize = 256;

/// What a certificate says, if it is one.
pub(super) fn facts(der: &[u8]) -> Option<TlsCertificate> {
    let mut outer = Der(Der(der).expect(SEQUENCE)?);
    let mut fields = Der(outer.expect(SEQUENCE)?);
    if fields.peek() == Some(VERSION) {
        fields.next()?;
    }
    let (_serial, _signature) = (fields.next()?, fields.next()?);
    let issuer = fields.expect(SEQUENCE)?;
    let mut validity = Der(fields.expect(SEQUENCE)?);
    let subject = fields.expect(SEQUENCE)?;
    Some(TlsCertificate {
        subject: name(subject),
        issuer: name(issuer),
        names: alternative_names(fields).unwrap_or_default(),
        not_before: validity.next().and_then(time),
        not_after: validity.next().and_then(time),
    })
}

/// A value of DER: its tag and its contents.
type Value<'a> = (u8, &'a [u8]);

/// Values one behind the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<Value<'a>> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let len = digits.iter().fold(0, |len, digit| len << 8 | u64::from(*digit));
                (usize::try_from(len).ok()?, rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of the next value, if that has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|value| value.0 == tag).map(|value| value.1)
    }
}

/// A name as text: `CN=example.com, O=Example`.
fn name(der: &[u8]) -> Box<str> {
    let mut text = String::new();
    let mut parts = Der(der);
    while let Some(set) = parts.expect(SET) {
        let mut set = Der(set);
        while let Some(attribute) = set.expect(SEQUENCE) {
            let mut attribute = Der(attribute);
            let (kind, value) = (attribute.expect(OBJECT_ID), attribute.next());
            let (Some(label), Some(value)) = (kind.and_then(label), value.and_then(string)) else {
                continue;
            };
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(label);
            text.push('=');
            text.push_str(&value);
        }
    }
    clean(&text)
}

/// What RFC 4514 calls an attribute; those that say who it is.
fn label(object_id: &[u8]) -> Option<&'static str> {
    match object_id {
        [0x55, 4, 3] => Some("CN"),
        [0x55, 4, 6] => Some("C"),
        [0x55, 4, 7] => Some("L"),
        [0x55, 4, 8] => Some("ST"),
        [0x55, 4, 10] => Some("O"),
        [0x55, 4, 11] => Some("OU"),
        _ => None,
    }
}

fn string((tag, contents): Value<'_>) -> Option<String> {
    matches!(tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING)
        .then(|| String::from_utf8_lossy(contents).into_owned())
}

fn clean(text: &str) -> Box<str> {
    let visible = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut clean: String = visible.take(MAX_TEXT).collect();
    clean.shrink_to_fit();
    clean.into()
}

/// The names and addresses that a certificate is for, from the fields behind its subject.
fn alternative_names(mut fields: Der<'_>) -> Option<Vec<Box<str>>> {
    let extensions = loop {
        if let (EXTENSIONS, contents) = fields.next()? {
            break contents;
        }
    };
    let mut extensions = Der(Der(extensions).expect(SEQUENCE)?);
    while let Some(extension) = extensions.expect(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.expect(OBJECT_ID)? != SUBJECT_ALT_NAME {
            continue;
        }
        // Whether it is critical may stand in between.
        let value = loop {
            if let (OCTET_STRING, contents) = extension.next()? {
                break contents;
            }
        };
        let mut values = Der(Der(value).expect(SEQUENCE)?);
        let mut names = Vec::new();
        while let Some(value) = values.next() {
            if names.len() < MAX_NAMES {
                names.extend(alternative_name(value));
            }
        }
        return Some(names);
    }
    None
}

fn alternative_name((tag, contents): Value<'_>) -> Option<Box<str>> {
    match tag {
        DNS_NAME => Some(clean(&String::from_utf8_lossy(contents))),
        IP_ADDRESS => {
            let v4 = || <[u8; 4]>::try_from(contents).map(|address| Ipv4Addr::from(address).into());
            let v6 =
                || <[u8; 16]>::try_from(contents).map(|address| Ipv6Addr::from(address).into());
            let address: Option<IpAddr> = v4().or_else(|_| v6()).ok();
            address.map(|address| address.to_string().into())
        }
        _ => None,
    }
}

/// Seconds since 1970.
fn time((tag, contents): Value<'_>) -> Option<i64> {
    let digits = contents.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().fold(0, |number, digit| number * 10 + i64::from(*digit - b'0'))
    };
    let (year, rest) = match tag {
        // Two digits are a year of this century below 50 (RFC 5280 section 4.1.2.5.1).
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let &[m1, m2, d1, d2, h1, h2, n1, n2, s1, s2] = rest else { return None };
    let [month, day, hour, minute, second] =
        [[m1, m2], [d1, d2], [h1, h2], [n1, n2], [s1, s2]].map(|digits| number(&digits));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era_days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    era_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        let cases: [(u8, &[u8], Option<i64>); 8] = [
            (UTC_TIME, b"700101000000Z", Some(0)),
            (UTC_TIME, b"491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, b"000229120000Z", Some(951_825_600)),
            (GENERALIZED_TIME, b"20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, b"99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, b"20501301000000Z", None),
            (UTC_TIME, b"70010100000Z", None),
            (UTC_TIME, b"7001010000+0Z", None),
        ];
        for (tag, text, seconds) in cases {
            assert_eq!(time((tag, text)), seconds, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_anywhere_is_no_panic() {
        let made = rcgen::generate_simple_self_signed(["a.example".into(), "127.0.0.1".into()]);
        let der = made.expect("a certificate").cert.der().to_vec();
        let facts_of = facts(&der).expect("it is one");
        assert_eq!(facts_of.names, ["a.example".into(), "127.0.0.1".into()]);
        assert_eq!(&*facts_of.subject, "CN=rcgen self signed cert");
        assert_eq!(facts_of.subject, facts_of.issuer);
        assert!(facts_of.not_before < facts_of.not_after);
        for len in 0..der.len() {
            assert_eq!(facts(&der[..len]), None);
            for byte in [0, 0x80, 0xff, der[len] ^ 1] {
                let mut changed = der.clone();
                changed[len] = byte;
                let _ = facts(&changed);
            }
        }
    }

    #[test]
    fn names_have_no_control_characters_and_an_end() {
        assert_eq!(&*clean("a\r\nb\u{1b}c"), "a\u{fffd}\u{fffd}b\u{fffd}c");
        assert_eq!(clean(&"\u{fc}".repeat(1000)).chars().count(), MAX_TEXT);
    }
}
