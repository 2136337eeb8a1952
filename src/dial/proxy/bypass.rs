//! The servers that are reached without a proxy: the language of `NO_PROXY`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::ProxyError;
use crate::handshake::split_authority;

/// A list of servers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Everything,
    /// A name and all below it.
    Name(Box<str>, Option<u16>),
    /// The addresses whose first bits are these.
    Network(IpAddr, u8, Option<u16>),
}

impl Bypass {
    /// Adds a list with commas or blanks.
    pub(super) fn add(&mut self, list: &str) -> Result<(), ProxyError> {
        let entries = list.split(|character: char| character == ',' || character.is_whitespace());
        for (index, text) in entries.filter(|text| !text.is_empty()).enumerate() {
            let entry = Entry::parse(text).ok_or(ProxyError::Bypass { entry: index + 1 })?;
            self.0.push(entry);
        }
        Ok(())
    }

    /// Whether this server is among them. An IPv6 address comes without brackets.
    pub(super) fn has(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse().ok();
        let fits = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        self.0.iter().any(|entry| match entry {
            Entry::Everything => true,
            Entry::Name(name, wanted) => address.is_none() && is_below(host, name) && fits(*wanted),
            Entry::Network(network, bits, wanted) => {
                address.is_some_and(|address| is_within(address, *network, *bits)) && fits(*wanted)
            }
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Some((network, bits)) = text.split_once('/') {
            let network = network.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(network))?;
            return Some(Self::Network(network, bits, None));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Network(address, width(address), None));
        }
        let name = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name);
        let (host, port) = split_authority(name).ok()?;
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            return Some(Self::Network(address, width(address), port));
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        (!host.contains('*')).then(|| Self::Name(host.into(), port))
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Whether `host` is `name` or a name below it.
fn is_below(host: &str, name: &str) -> bool {
    let Some(start) = host.len().checked_sub(name.len()) else { return false };
    let (above, tail) = (host.as_bytes().get(..start), host.as_bytes().get(start..));
    let ends = tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name.as_bytes()));
    ends && above.is_some_and(|above| above.is_empty() || above.ends_with(b"."))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let differ = match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            u128::from(u32::from(one) ^ u32::from(other)) << (128 - 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => u128::from(one) ^ u128::from(other),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_no_proxy() {
        let cases = [
            ("", "example.com", 80, false),
            ("*", "example.com", 80, true),
            ("*", "::1", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "EXAMPLE.com.", 443, true),
            ("example.com", "www.example.com", 80, true),
            ("example.com", "badexample.com", 80, false),
            ("example.com", "example.com.evil", 80, false),
            (".example.com", "www.example.com", 80, true),
            (".example.com", "example.com", 80, true),
            ("*.example.com", "a.b.example.com", 80, true),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("a, b ,,c\td", "d", 80, true),
            ("10.0.0.0/8", "10.255.1.2", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.0/8", "10.example.com", 80, false),
            ("0.0.0.0/0", "192.0.2.1", 80, true),
            ("0.0.0.0/0", "::1", 80, false),
            ("192.0.2.1", "192.0.2.1", 80, true),
            ("192.0.2.1:81", "192.0.2.1", 80, false),
            ("192.0.2.1", "192.0.2.10", 80, false),
            ("fd00::/8", "fd12::1", 80, true),
            ("fd00::/8", "fe80::1", 80, false),
            ("::1", "::1", 80, true),
            ("[::1]", "::1", 80, true),
            ("[::1]:80", "::1", 80, true),
            ("[::1]:80", "::1", 81, false),
        ];
        for (list, host, port, expected) in cases {
            let mut bypass = Bypass::default();
            bypass.add(list).unwrap();
            assert_eq!(bypass.has(host, port), expected, "{list:?}: {host}:{port}");
        }
    }

    #[test]
    fn an_entry_that_makes_no_sense_is_numbered() {
        for (list, entry) in [
            ("10.0.0.0/33", 1),
            ("a, fd00::/129", 2),
            ("a,,b, c:99999", 3),
            ("10.*", 1),
            ("a b:c", 2),
            ("http://a", 1),
        ] {
            assert_eq!(Bypass::default().add(list), Err(ProxyError::Bypass { entry }), "{list:?}");
        }
    }
}
