//! What is said of each verdict: its name, its sentence and its remedy, one row for each.

use alloc::borrow::Cow;
use alloc::format;
use core::time::Duration;

use super::words::{blocked, by_application, by_code, by_status, registered};
use super::{Verdict, dial, proxy_tls, stream, tls};
use crate::time::display::{Setting, Span};
use crate::wire::close::CloseCode;
use crate::wire::role::Role;

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) sentence: Cow<'static, str>,
    pub(super) remedy: Cow<'static, str>,
    /// Whether it ended as somebody meant it to, and nobody complained.
    pub(super) agreed: bool,
}

pub(super) fn row(
    name: &'static str,
    sentence: impl Into<Cow<'static, str>>,
    remedy: impl Into<Cow<'static, str>>,
) -> Row {
    Row { name, sentence: sentence.into(), remedy: remedy.into(), agreed: false }
}

/// One of an ending about which nothing is to be done.
fn agreed(name: &'static str, sentence: impl Into<Cow<'static, str>>) -> Row {
    let remedy = "Nothing is to be done: the connection was closed as agreed.";
    Row { agreed: true, ..row(name, sentence, remedy) }
}

/// What a remedy depends on, besides the verdict and the end that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diagnosis) enum Situation {
    Usual,
    /// The connection never opened, so that no heartbeat and no Close could be.
    Opening,
    /// No Ping was sent, so that nobody knows whether the peer counts them.
    WithoutPings,
    /// A round trip was measured, so that it is known how short a heartbeat may be.
    Measured,
    /// Hardly anything went, so that idleness may have looked like an age.
    Quiet,
}

const DIED_SENDING: &str = "The peer crashed or was killed while it was sending: read its log \
                            around this time, and be ready to ask for the message again.";
const KEEP_THE_REPORT: &str = "Keep this report, and watch whether the same happens again.";

impl Verdict {
    /// Everything that is said of it, the remedy for this endpoint in this situation.
    pub(super) fn row(&self, role: Role, situation: Situation) -> Row {
        let by_role = |client, server| match role {
            Role::Client => client,
            Role::Server => server,
        };
        let opening = situation == Situation::Opening;
        let without_pings = situation == Situation::WithoutPings;
        match *self {
            Self::ClosedByUs { code } => {
                agreed("closed_by_us", format!("closed by us with {code}"))
            }
            Self::ClosedByPeer { code } => {
                agreed("closed_by_peer", format!("closed by the peer with {code}"))
            }
            Self::ClosedByBoth { code } => {
                agreed("closed_by_both", format!("closed by both ends at once with {code}"))
            }
            Self::ClosedByApplication { code } => row(
                "closed_by_application",
                match registered(code) {
                    Some(meaning) => {
                        format!("closed by the peer's application with {code} ({meaning})")
                    }
                    None => format!("closed by the peer's application with {code}"),
                },
                by_application(code),
            ),
            Self::NoAnswerFromUs { code } => row(
                "no_answer_from_us",
                format!("the peer had no answer from us to its Pings ({code})"),
                "Find out what was late on this side: a process that slept or was blocked (keep \
                 blocking work off the thread that drives the connection), a socket that nobody \
                 read, a Pong behind an upload of ours (send less at once), or the path.",
            ),
            Self::Restart { code } => {
                row("restart", format!("the peer restarts ({code})"), by_code(code))
            }
            Self::TryAgainLater => row(
                "try_again_later",
                format!("the peer is overloaded ({})", CloseCode::TRY_AGAIN_LATER),
                "Wait long before the next attempt, and longer after each.",
            ),
            Self::PeerFailure { code } => row(
                "peer_failure",
                format!("the peer failed the connection ({code})"),
                by_code(code),
            ),
            Self::LocalFailure { code } => row(
                "local_failure",
                format!("we failed the connection ({code})"),
                "Report the rule and the byte offset to the peer's developers; where a limit is \
                 named, raise it if such messages are meant to pass.",
            ),
            Self::LocalIdleTimeout { idle } => row(
                "local_idle_timeout",
                format!("our own idle timeout of {}", Span(idle)),
                "This end's idle timeout did what it was set to: raise it, or let the peer send \
                 something more often.",
            ),
            Self::LocalMessageTimeout { elapsed } => row(
                "local_message_timeout",
                format!("our own timeout for a message, after {}", Span(elapsed)),
                "A message came too slowly for `Timeouts::message`: where the path is slow and \
                 messages are long, raise it or let the peer send shorter ones.",
            ),
            Self::LocalAbort => row(
                "local_abort",
                "dropped on this side",
                if opening {
                    "Nothing is wrong with the peer: this end gave up before the connection was \
                     open."
                } else {
                    "Nothing is wrong with the peer: close the connection instead of dropping it, \
                     so that the peer learns why."
                },
            ),
            Self::CloseSkipped => row(
                "close_skipped",
                "the peer skipped its Close",
                "Harmless where the peer ends its stream on a Close without answering; its \
                 messages after our Close may be lost. Let it answer (RFC 6455 section 5.5.1).",
            ),
            Self::CloseUnanswered => row(
                "close_unanswered",
                "our Close was not answered",
                "The peer was busy, gone, or ignores a Close: read its log; a longer close timeout \
                 helps only if it is slow.",
            ),
            Self::ProxyIdleTimeout { timeout } => row(
                "proxy_idle_timeout",
                format!("proxy idle timeout of {}", Setting(timeout)),
                format!(
                    "Ping every {} or more often, or raise the read or idle timeout of the proxy.",
                    Setting(timeout / 2)
                ),
            ),
            Self::ProxyLifetime { lifetime } if situation == Situation::Quiet => row(
                "proxy_lifetime",
                format!("proxy limit on the lifetime of {}", Setting(lifetime)),
                format!(
                    "Find out with Pings every {} whether it is the age or the silence: against a \
                     limit on the age, raise the backend timeout of the proxy, or open a new \
                     connection before {} have passed.",
                    Setting(lifetime / 2),
                    Setting(lifetime)
                ),
            ),
            Self::ProxyLifetime { lifetime } => row(
                "proxy_lifetime",
                format!("proxy limit on the lifetime of {}", Setting(lifetime)),
                format!(
                    "Pings will not help: raise the backend timeout of the proxy, or open a new \
                     connection before {} have passed.",
                    Setting(lifetime)
                ),
            ),
            Self::PeerApplicationIdle { timeout: Duration::ZERO } => row(
                "peer_application_idle",
                "the peer's application closes what it takes for idle",
                "Messages passed, and the peer's application still took the connection for idle: \
                 find out there what it counts, and send that more often.",
            ),
            Self::PeerApplicationIdle { timeout } => row(
                "peer_application_idle",
                format!(
                    "the peer's application closes after {} without messages",
                    Setting(timeout)
                ),
                if without_pings {
                    format!(
                        "Send something at least every {}: a Ping where the peer counts those, \
                         else a message of the application; or raise the timeout in the peer's \
                         application.",
                        Setting(timeout / 2)
                    )
                } else {
                    format!(
                        "The peer ignores protocol pings: send a message of the application at \
                         least every {}, or raise the timeout in the peer's application.",
                        Setting(timeout / 2)
                    )
                },
            ),
            Self::PeerVanished => row(
                "peer_vanished",
                "the peer vanished",
                "The peer crashed, was killed or skips its Close, or a proxy in front of it was \
                 restarted or reloaded: read their logs around this time.",
            ),
            Self::PeerDiedMidMessage { received, expected: Some(expected) } => row(
                "peer_died_mid_message",
                format!("the peer died mid-frame, {received} of {expected} bytes received"),
                DIED_SENDING,
            ),
            Self::PeerDiedMidMessage { expected: None, .. } => {
                row("peer_died_mid_message", "the peer died while it was sending", DIED_SENDING)
            }
            Self::PeerAborted => row(
                "peer_aborted",
                "the peer aborted the connection",
                "The peer crashed or closed with unread data, a proxy in front of it was restarted, or \
                 a load balancer or NAT forgot the connection: read their logs, and send Pings more \
                 often if it had been quiet.",
            ),
            Self::PeerClosedUnderUs => row(
                "peer_closed_under_us",
                "the peer had closed when we wrote",
                "The connection was gone before what was sent last arrived: send that again on the \
                 next one. The peer or a proxy had closed it, or was restarted, or a NAT had \
                 forgotten it: read their logs, and send Pings more often if it had been quiet.",
            ),
            Self::PeerSuspectedLimit { len } => row(
                "peer_suspected_limit",
                format!("suspected size limit of the peer, at a message of {len} bytes"),
                format!(
                    "The peer or a gateway may limit the size of frames or messages: send less \
                     than {len} bytes at a time, or raise its limit."
                ),
            ),
            Self::HalfOpen { silent } => row(
                "half_open",
                format!("half-open connection, silent for {}", Span(silent)),
                if situation == Situation::Measured {
                    "The network is gone, or the peer is frozen, or its event loop is blocked: \
                     reconnect, and look at the peer; a shorter heartbeat, of several round trips, \
                     finds out earlier."
                } else {
                    "The network is gone, or the peer is frozen, or its event loop is blocked, or \
                     the path is slower than the heartbeat is patient: reconnect, and look at the \
                     peer."
                },
            ),
            Self::HttpInStream { status } => row(
                "http_in_stream",
                match status {
                    Some(status) => {
                        format!("an HTTP response in the open connection (status {status})")
                    }
                    None => "an HTTP response in the open connection".into(),
                },
                "A proxy took the open connection for an HTTP request and responded to it itself: \
                 408 is its timeout for requests or for idle clients. Raise that, let it handle \
                 upgrades as tunnels, or send Pings more often.",
            ),
            Self::PeerStalled => row(
                "peer_stalled",
                "the peer is alive but does not answer Pings",
                "The peer is alive and does not answer pings: look for a blocked event loop there, \
                 or for a library that does not answer them.",
            ),
            Self::OutboundBlocked { pending } => row(
                "outbound_blocked",
                blocked(pending),
                "The peer reads too slowly or the uplink is too slow: send less, wait for the \
                 output to drain before sending more, and fragment large messages.",
            ),
            Self::StreamCancelled { code } => stream::cancelled(code),
            Self::StreamRefused => stream::refused(),
            Self::StreamFailed { code } => stream::failed(code),
            Self::ConnectionGoingAway { code } => stream::going_away(code),
            Self::ExtendedConnectNotOffered => stream::not_offered(),
            Self::KernelTimeout => row(
                "kernel_timeout",
                "the operating system gave up on the peer",
                if opening {
                    "Nobody acknowledged what was sent: check the network, and whether a firewall \
                     drops it; a shorter handshake timeout finds out earlier."
                } else {
                    "TCP gave up first: switch the heartbeat on, or make it faster, to find out \
                     earlier."
                },
            ),
            Self::LocalSuspended { late } => row(
                "local_suspended",
                match late {
                    Duration::ZERO => "this process was suspended".into(),
                    _ => format!("this process was suspended for at least {}", Span(late)),
                },
                "This process slept, starved or did not look at the connection, so this is not the \
                 peer's doing: reconnect on wake, and keep blocking work off the thread that drives \
                 the connection.",
            ),
            Self::HandshakeRejected { status } => row(
                "handshake_rejected",
                format!("opening handshake rejected with status {status}"),
                by_role(
                    by_status(status),
                    "This server refused the request: where it was meant to pass, look at what it \
                     checks (credentials, path, Origin, versions); otherwise nothing is to be \
                     done.",
                ),
            ),
            Self::UpgradeStripped => row(
                "upgrade_stripped",
                "a proxy dropped the upgrade",
                by_role(
                    "Let every proxy on the way pass Upgrade and Connection on with HTTP/1.1, or \
                     use TLS to get past those that are not yours.",
                    "Let the proxy in front of this server pass Upgrade and Connection on with \
                     HTTP/1.1; health checks and people with a browser ask without them, too.",
                ),
            ),
            Self::NotWebSocket => row(
                "not_web_socket",
                "the other end does not speak WebSocket here",
                by_role(
                    "Check host, port and scheme (ws or wss), and whether a captive portal \
                     answers.",
                    "Something else than WebSocket came to this port: a client with wss:// instead \
                     of ws:// sends TLS; plain HTTP and scanners of ports are harmless.",
                ),
            ),
            Self::HandshakeFailure => row(
                "handshake_failure",
                "the opening handshake broke a rule or a limit",
                by_role(
                    "The other end's opening handshake is faulty: report the rule to its \
                     developers; where a limit of this end is named, raise it if such answers are \
                     meant to pass.",
                    "The client's request is faulty: report the rule to its developers; where a \
                     limit of this server is named, raise it if such requests are meant to pass.",
                ),
            ),
            Self::HandshakeCutShort => row(
                "handshake_cut_short",
                "cut off in the opening handshake",
                by_role(
                    "Check port and scheme (ws or wss), and whether a firewall or a load balancer \
                     without a backend closes the connection.",
                    "The client, or a load balancer that looks whether this server is up, left \
                     before the opening handshake was over: harmless if rare; otherwise look at \
                     how long the answer took, and at the client's log.",
                ),
            ),
            Self::HandshakeTimedOut => row(
                "handshake_timed_out",
                "the opening handshake took too long",
                by_role(
                    "Something accepts connections and does not answer: check the server's load, \
                     the port and the scheme (ws or wss).",
                    "A client connected and did not send its whole request, or the request was not \
                     answered, in time: harmless if rare; otherwise look at what this server does \
                     before it answers.",
                ),
            ),
            Self::Tls { error } => tls::by_error(error, role),
            Self::ProxyTls { error } => proxy_tls::by_error(error),
            Self::TlsCutShort => tls::cut_short(role),
            Self::TlsTimedOut => tls::timed_out(role),
            Self::TlsPort => tls::port(role),
            Self::Unreachable => row(
                "unreachable",
                "the peer cannot be reached any more",
                "There is no way to the peer's host any more: check the network of this machine, \
                 its routes, VPN and firewall, and whether the host is up; reconnect once it is back.",
            ),
            Self::Refused => row(
                "refused",
                "the peer's host refuses the connection",
                "The peer's host, or a firewall in its name, says that nobody is there: look whether \
                 the peer was stopped, and at its firewall; reconnect with a growing delay.",
            ),
            Self::SystemAborted => row(
                "system_aborted",
                "this machine's system ended the connection",
                "The operating system here ended the connection: an address or a network was taken \
                 away, or somebody ended sockets. Look at what changed on this machine, and \
                 reconnect.",
            ),
            Self::NameNotFound { proxy } => dial::name_not_found(proxy),
            Self::AddressesRefused { proxy } => dial::addresses_refused(proxy),
            Self::AddressesSilent { proxy } => dial::addresses_silent(proxy),
            Self::AddressesUnreachable { proxy } => dial::addresses_unreachable(proxy),
            Self::LocalNetwork { proxy } => dial::local_network(proxy),
            Self::TooManyAddresses { given, limit } => dial::too_many_addresses(given, limit),
            Self::ProxyNeedsCredentials => dial::proxy_needs_credentials(),
            Self::ProxyRefusedCredentials => dial::proxy_refused_credentials(),
            Self::ProxyRefused { status } => dial::proxy_refused(status),
            Self::NotAProxy => dial::not_a_proxy(),
            Self::ProxyCutShort => dial::proxy_cut_short(),
            Self::ProxyUnfit => dial::proxy_unfit(),
            Self::DialTimedOut { phase } => dial::dial_timed_out(phase),
            Self::TransportFailure => {
                row("transport_failure", "the transport failed", KEEP_THE_REPORT)
            }
            Self::Unexplained => row("unexplained", "unexplained", KEEP_THE_REPORT),
        }
    }
}

#[cfg(test)]
mod tests;
