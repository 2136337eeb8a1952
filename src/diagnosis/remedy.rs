//! What to do about each verdict, for a person.

use alloc::borrow::Cow;
use alloc::format;
use core::time::Duration;

use super::verdict::Verdict;
use crate::time::display::Setting;

impl Verdict {
    /// What a person can do about it: one or two sentences. What is about the opening handshake is
    /// for a client; [`Finding::remedy`](super::Finding::remedy) knows which end it speaks to.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        match *self {
            Self::ClosedByUs { .. }
            | Self::ClosedByPeer { .. }
            | Self::ClosedByBoth { .. }
            | Self::LocalAbort => Cow::Borrowed(agreed(*self)),
            Self::ProxyIdleTimeout { timeout } => idle(timeout),
            Self::ProxyLifetime { lifetime } => format!(
                "Pings will not help: raise the backend timeout of the proxy, or open a new \
                 connection before {} have passed.",
                Setting(lifetime)
            )
            .into(),
            Self::PeerApplicationIdle { timeout: Duration::ZERO } => Cow::Borrowed(
                "Messages passed, and the peer's application still took the connection for idle: \
                 find out there what it counts, and send that more often.",
            ),
            Self::PeerApplicationIdle { timeout } => format!(
                "The peer ignores protocol pings: send a message of the application at least every \
                 {}, or raise the timeout in the peer's application.",
                Setting(timeout / 2)
            )
            .into(),
            Self::PeerSuspectedLimit { len } => format!(
                "The peer or a gateway may limit the size of frames or messages: send less than \
                 {len} bytes at a time, or raise its limit."
            )
            .into(),
            Self::PeerFailure { code } | Self::Restart { code } => Cow::Borrowed(by_code(code)),
            Self::HandshakeRejected { status } => Cow::Borrowed(by_status(status)),
            Self::LocalSuspended { .. } => Cow::Borrowed(
                "This process slept or starved, so this is not the peer's doing: reconnect on wake, \
                 and keep blocking work off the thread that drives the connection.",
            ),
            _ => Cow::Borrowed(fixed(*self)),
        }
    }
}

impl Verdict {
    /// The same where the connection never opened, so that no heartbeat and no Close could be.
    pub(super) fn remedy_while_opening(&self) -> Cow<'static, str> {
        match self {
            Self::KernelTimeout => Cow::Borrowed(
                "Nobody acknowledged what was sent: check the network, and whether a firewall \
                 drops it; a shorter handshake timeout finds out earlier.",
            ),
            Self::LocalAbort => Cow::Borrowed(
                "Nothing is wrong with the peer: this end gave up before the connection was open.",
            ),
            _ => self.remedy(),
        }
    }

    /// The same where no Ping was sent, so that nobody knows whether the peer counts them.
    pub(super) fn remedy_without_pings(&self) -> Cow<'static, str> {
        match *self {
            Self::PeerApplicationIdle { timeout } if !timeout.is_zero() => format!(
                "Send something at least every {}: a Ping where the peer counts those, else a \
                 message of the application; or raise the timeout in the peer's application.",
                Setting(timeout / 2)
            )
            .into(),
            _ => self.remedy(),
        }
    }

    /// The same for a server, where a client would have to do something else.
    pub(super) const fn remedy_of_a_server(&self) -> Option<&'static str> {
        Some(match self {
            Self::HandshakeRejected { .. } => {
                "This server refused the request: where it was meant to pass, look at what it \
                 checks (credentials, path, Origin, versions); otherwise nothing is to be done."
            }
            Self::UpgradeStripped => {
                "Let the proxy in front of this server pass Upgrade and Connection on with \
                 HTTP/1.1; health checks and people with a browser ask without them, too."
            }
            Self::NotWebSocket => {
                "Something else than WebSocket came to this port: a client with wss:// instead of \
                 ws:// sends TLS; plain HTTP and scanners of ports are harmless."
            }
            Self::HandshakeFailure => {
                "The client's request is faulty: report the rule to its developers; where a limit \
                 of this server is named, raise it if such requests are meant to pass."
            }
            Self::HandshakeCutShort => {
                "The client, or a load balancer that looks whether this server is up, left before \
                 the opening handshake was over: harmless if rare; otherwise look at how long the \
                 answer took, and at the client's log."
            }
            Self::HandshakeTimedOut => {
                "A client connected and did not send its whole request, or the request was not \
                 answered, in time: harmless if rare; otherwise look at what this server does \
                 before it answers."
            }
            _ => return None,
        })
    }
}

fn idle(timeout: Duration) -> Cow<'static, str> {
    format!(
        "Ping every {} or more often, or raise the read or idle timeout of the proxy.",
        Setting(timeout / 2)
    )
    .into()
}

const fn agreed(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::LocalAbort => {
            "Nothing is wrong with the peer: close the connection instead of dropping it, so that \
             the peer learns why."
        }
        _ => "Nothing is to be done: the connection was closed as agreed.",
    }
}

const fn by_code(code: u16) -> &'static str {
    match code {
        1001 | 1012 => "This looks like a deployment: reconnect, with a random delay.",
        1014 => "A gateway lost its upstream: reconnect with a random delay, and read its log.",
        1002 => {
            "The peer says that we broke the protocol, and will say so again: do not \
                 reconnect before the fault is found; record the bytes that were sent last."
        }
        1003 => {
            "The peer does not take this type of data: send text instead of binary or the \
                 other way round."
        }
        1007 => {
            "The peer says that our data does not fit its type: check the encoding of what \
                 was sent last."
        }
        1008 => {
            "The peer refuses by its policy: check authorisation, origin and rate limits; the \
                 reason in its Close may say more."
        }
        1009 => "The message was too big for the peer: send smaller ones, or raise its limit.",
        1010 => "The peer needs an extension that was not negotiated: configure it on both ends.",
        1011 => {
            "The peer met an error of its own: read its log, and reconnect with a growing \
                 delay."
        }
        _ => "Look the code up in the peer's documentation.",
    }
}

const fn by_status(status: u16) -> &'static str {
    match status {
        300..=399 => "The resource has moved: connect to the URL in the Location header field.",
        401 | 403 | 407 => "Check credentials, cookies and the Origin header field.",
        404 | 410 => "Check the path of the URL, and that the proxy passes it on.",
        408 | 425 | 429 => {
            "The server is busy or limits the rate: try again later, and honour \
                            its Retry-After."
        }
        426 => "The server wants another version of the protocol: check what it supports.",
        500 | 502..=504 => {
            "The server or its upstream failed: read the logs of the proxy and of \
                            the application, and try again with a growing delay."
        }
        _ => "Read the body of the answer and the server's log.",
    }
}

const fn fixed(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::TryAgainLater => "Wait long before the next attempt, and longer after each.",
        Verdict::LocalFailure { .. } => {
            "Report the rule and the byte offset to the peer's developers; where a limit is named, \
             raise it if such messages are meant to pass."
        }
        Verdict::LocalIdleTimeout { .. } => {
            "This end's idle timeout did what it was set to: raise it, or let the peer send \
             something more often."
        }
        Verdict::CloseSkipped => {
            "Harmless where the peer ends its stream on a Close without answering; its messages \
             after our Close may be lost. Let it answer (RFC 6455 section 5.5.1)."
        }
        Verdict::CloseUnanswered => {
            "The peer was busy, gone, or ignores a Close: read its log; a longer close timeout \
             helps only if it is slow."
        }
        Verdict::PeerVanished => {
            "The peer crashed, was killed, or skips its Close: read its log around this time."
        }
        Verdict::PeerDiedMidMessage { .. } => {
            "The peer crashed or was killed while it was sending: read its log around this time, \
             and be ready to ask for the message again."
        }
        Verdict::PeerAborted => {
            "The peer crashed, closed with unread data, or a load balancer or NAT dropped the \
             connection: read their logs, and send pings more often if it had been quiet."
        }
        Verdict::PeerClosedUnderUs => {
            "The peer had closed already when we wrote: read before deciding, since its Close may \
             be queued, and look in its log for why it closed."
        }
        Verdict::HalfOpen { .. } => {
            "The network was lost or the peer sleeps: reconnect; a shorter heartbeat finds out \
             earlier."
        }
        Verdict::PeerStalled => {
            "The peer is alive and does not answer pings: look for a blocked event loop there, or \
             for a library that does not answer them."
        }
        Verdict::OutboundBlocked { .. } => {
            "The peer reads too slowly or the uplink is too slow: send less, wait for the output \
             to drain before sending more, and fragment large messages."
        }
        Verdict::KernelTimeout => {
            "TCP gave up first: switch the heartbeat on, or make it faster, to find out earlier."
        }
        Verdict::UpgradeStripped => {
            "Let every proxy on the way pass Upgrade and Connection on with HTTP/1.1, or use TLS \
             to get past those that are not yours."
        }
        Verdict::NotWebSocket => {
            "Check host, port and scheme (ws or wss), and whether a captive portal answers."
        }
        Verdict::HandshakeFailure => {
            "The other end's opening handshake is faulty: report the rule to its developers; where \
             a limit of this end is named, raise it if such answers are meant to pass."
        }
        Verdict::HandshakeCutShort => {
            "Check port and scheme (ws or wss), and whether a firewall or a load balancer without \
             a backend closes the connection."
        }
        Verdict::HandshakeTimedOut => {
            "Something accepts connections and does not answer: check the server's load, the port \
             and the scheme (ws or wss)."
        }
        _ => "Keep this report, and watch whether the same happens again.",
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    const ALL: [Verdict; 32] = [
        Verdict::ClosedByUs { code: 1000 },
        Verdict::ClosedByPeer { code: 1005 },
        Verdict::ClosedByBoth { code: 1000 },
        Verdict::Restart { code: 1012 },
        Verdict::TryAgainLater,
        Verdict::PeerFailure { code: 1002 },
        Verdict::LocalFailure { code: 1007 },
        Verdict::LocalIdleTimeout { idle: Duration::from_secs(30) },
        Verdict::LocalAbort,
        Verdict::CloseSkipped,
        Verdict::CloseUnanswered,
        Verdict::ProxyIdleTimeout { timeout: Duration::from_secs(60) },
        Verdict::ProxyLifetime { lifetime: Duration::from_secs(7200) },
        Verdict::PeerApplicationIdle { timeout: Duration::from_secs(60) },
        Verdict::PeerVanished,
        Verdict::PeerDiedMidMessage { received: 812, expected: Some(4096) },
        Verdict::PeerAborted,
        Verdict::PeerClosedUnderUs,
        Verdict::PeerSuspectedLimit { len: 131_073 },
        Verdict::HalfOpen { silent: Duration::from_secs(20) },
        Verdict::PeerStalled,
        Verdict::OutboundBlocked { pending: 1 },
        Verdict::KernelTimeout,
        Verdict::LocalSuspended { late: Duration::from_secs(900) },
        Verdict::HandshakeRejected { status: 403 },
        Verdict::UpgradeStripped,
        Verdict::NotWebSocket,
        Verdict::HandshakeFailure,
        Verdict::HandshakeCutShort,
        Verdict::HandshakeTimedOut,
        Verdict::TransportFailure,
        Verdict::Unexplained,
    ];

    #[test]
    fn every_verdict_has_a_name_and_a_remedy_of_its_own() {
        let mut names: Vec<_> = ALL.iter().map(Verdict::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for verdict in ALL {
            let (text, remedy) = (verdict.to_string(), verdict.remedy());
            assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
            assert!(remedy.ends_with('.') && !remedy.contains("  "), "{text}: {remedy}");
            let untold = matches!(verdict, Verdict::TransportFailure | Verdict::Unexplained);
            assert_eq!(remedy.starts_with("Keep this report"), untold, "{text}: {remedy}");
        }
    }

    #[test]
    fn numbers_stand_in_the_remedies() {
        let cases = [
            (ALL[11], "Ping every 30 s"),
            (ALL[12], "7200 s"),
            (ALL[13], "at least every 30 s"),
            (ALL[18], "131073 bytes"),
            (ALL[24], "credentials"),
            (Verdict::HandshakeRejected { status: 404 }, "path"),
            (Verdict::HandshakeRejected { status: 426 }, "version"),
            (Verdict::HandshakeRejected { status: 503 }, "upstream"),
            (Verdict::HandshakeRejected { status: 999 }, "server's log"),
            (Verdict::PeerFailure { code: 1009 }, "too big"),
            (Verdict::PeerFailure { code: 4000 }, "documentation"),
        ];
        for (verdict, part) in cases {
            assert!(verdict.remedy().contains(part), "{verdict}: {}", verdict.remedy());
        }
    }
}
