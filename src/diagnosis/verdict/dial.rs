//! What is said of the verdicts about a way that was not found.

#[cfg(test)]
use super::Verdict;
use super::row::{Row, row};
use crate::report::DialPhase;

/// One of each, for the tests of all verdicts.
#[cfg(test)]
pub(super) const ALL: [Verdict; 13] = [
    Verdict::NameNotFound { proxy: false },
    Verdict::AddressesRefused { proxy: false },
    Verdict::AddressesSilent { proxy: false },
    Verdict::AddressesUnreachable { proxy: false },
    Verdict::LocalNetwork { proxy: false },
    Verdict::TooManyAddresses { given: 1001, limit: 1000 },
    Verdict::ProxyNeedsCredentials,
    Verdict::ProxyRefusedCredentials,
    Verdict::ProxyRefused { status: Some(403) },
    Verdict::NotAProxy,
    Verdict::ProxyCutShort,
    Verdict::ProxyUnfit,
    Verdict::DialTimedOut { phase: DialPhase::Proxy },
];

pub(super) fn name_not_found(proxy: bool) -> Row {
    let sentence = if proxy { "the proxy's name was not found" } else { "the name was not found" };
    row(
        "name_not_found",
        sentence,
        "Check the spelling of the host, and ask the resolver by hand (nslookup HOST): where it finds \
         nothing there either, the name is not in the DNS; where no name at all resolves, the \
         resolver is out of reach, as without a network or a VPN.",
    )
}

pub(super) fn addresses_refused(proxy: bool) -> Row {
    let (sentence, remedy) = if proxy {
        (
            "nobody listens at the proxy's address",
            "The proxy's host is there and refuses the port: check the proxy's host and port, that \
             the proxy runs and listens on this address and not only on localhost, and that no \
             firewall refuses in its name.",
        )
    } else {
        (
            "nobody listens at the address",
            "The host is there and refuses the port: check the port, that the server runs and \
             listens on this address and not only on localhost, and that no firewall refuses in its \
             name.",
        )
    };
    row("addresses_refused", sentence, remedy)
}

pub(super) fn addresses_silent(proxy: bool) -> Row {
    let (sentence, remedy) = if proxy {
        (
            "the proxy's address does not answer",
            "A firewall drops what is sent, or the proxy's host is off: check the proxy's host and \
             port, that it runs, and the firewalls between; it may be one of another network than \
             this machine is in.",
        )
    } else {
        (
            "the address does not answer",
            "A firewall drops what is sent, or the host is off: check the address, security groups \
             and firewalls on both sides, and whether a proxy has to be used here.",
        )
    };
    row("addresses_silent", sentence, remedy)
}

pub(super) fn addresses_unreachable(proxy: bool) -> Row {
    let (sentence, remedy) = if proxy {
        (
            "there is no route to the proxy's address",
            "Check the proxy's host and port, that it runs, and this machine's network, its routes \
             and its VPN: the proxy may be one of another network than this machine is in.",
        )
    } else {
        (
            "there is no route to the address",
            "Check this machine's network, its routes and its VPN. Where only IPv6 addresses are \
             unreachable, it has no IPv6, and the server's IPv4 address is missing or failed too.",
        )
    };
    row("addresses_unreachable", sentence, remedy)
}

pub(super) fn local_network(proxy: bool) -> Row {
    let (sentence, remedy) = if proxy {
        (
            "this machine does not let the connection to the proxy out",
            "Check this machine's firewall and sandbox for the proxy's host and port, whether it is \
             out of local ports, and whether it has an address of the same family as the proxy's.",
        )
    } else {
        (
            "this machine does not let the connection out",
            "Check this machine's firewall and sandbox, whether it is out of local ports, and whether \
             it has an address of the same family as the server's.",
        )
    };
    row("local_network", sentence, remedy)
}

pub(super) fn too_many_addresses(given: u64, limit: u64) -> Row {
    use alloc::format;
    row(
        "too_many_addresses",
        format!("{given} addresses, of which {limit} are tried"),
        format!("Give at most {limit} addresses, the best first."),
    )
}

pub(super) fn proxy_needs_credentials() -> Row {
    row(
        "proxy_needs_credentials",
        "the proxy wants credentials",
        "Give the proxy's user and password, in its URL or with Proxy::credentials. Only Basic and \
         the password of SOCKS5 are spoken; a proxy that insists on NTLM, Negotiate or Digest needs a \
         local one in front of it.",
    )
}

pub(super) fn proxy_refused_credentials() -> Row {
    row(
        "proxy_refused_credentials",
        "the proxy refuses the credentials",
        "Check the proxy's user and password: percent-encode what is special in its URL, and renew \
         what has run out. Trying again with the same may lock the account.",
    )
}

pub(super) fn proxy_refused(status: Option<u16>) -> Row {
    use alloc::borrow::Cow;
    use alloc::format;
    let sentence: Cow<'static, str> = match status {
        Some(status) => format!("the proxy refuses the server ({status})").into(),
        None => "the proxy refuses the server".into(),
    };
    let remedy = match status {
        Some(500 | 502..=504) => {
            "The proxy does not reach the server: check the server's name and port from the proxy's \
             side, and read the proxy's log."
        }
        Some(408 | 429) => "The proxy is busy or limits the rate: try again with a growing delay.",
        _ => {
            "The proxy's rules do not allow this server or port, or it does not reach it: ask whoever \
             runs it, read its answer in the record, and where the server is inside the network, put \
             it into NO_PROXY."
        }
    };
    row("proxy_refused", sentence, remedy)
}

pub(super) fn not_a_proxy() -> Row {
    row(
        "not_a_proxy",
        "what answers at the proxy's address does not speak its protocol",
        "Check the proxy's port and its scheme: http:// for CONNECT, socks5:// for SOCKS5, https:// \
         where the proxy itself speaks TLS.",
    )
}

pub(super) fn proxy_cut_short() -> Row {
    row(
        "proxy_cut_short",
        "the proxy ended the connection before the way through it was open",
        "The proxy crashed, does not speak this protocol, or does not like the request: check its \
         scheme and port (https:// where it speaks TLS itself, http:// where it does not), and read its \
         log.",
    )
}

pub(super) fn proxy_unfit() -> Row {
    row(
        "proxy_unfit",
        "the proxy cannot be used for this server",
        "An https:// proxy needs TLS, which feature `wss` brings, and a host that a certificate can be \
         for. SOCKS5 takes names of up to 255 bytes.",
    )
}

pub(super) fn dial_timed_out(phase: DialPhase) -> Row {
    use alloc::format;
    let remedy = match phase {
        DialPhase::Resolve => {
            "The resolver does not answer: check the resolvers of this machine (/etc/resolv.conf), and \
             whether the network lets them through."
        }
        DialPhase::Connect => {
            "An address had less than a second to answer: allow more time, and look at how much of \
             it the lookup took, or addresses before; then check firewalls and the address."
        }
        DialPhase::ProxyTls => {
            "The proxy took the connection and does not finish TLS: one without TLS on this port waits \
             for what it knows, so use http:// for it; or allow more time."
        }
        DialPhase::Proxy => {
            "The proxy took the connection and did not open the way in time: it may wait for a server that \
             does not answer it, or speak another protocol; read its log, or allow more time."
        }
        DialPhase::Tls | DialPhase::Upgrade => "Check the server's load, or allow more time.",
    };
    row("dial_timed_out", format!("the time had passed in {phase}"), remedy)
}
