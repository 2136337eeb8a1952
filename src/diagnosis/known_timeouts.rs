//! Timeouts that are known to end connections, as data.

use alloc::borrow::Cow;
use core::time::Duration;

/// What starts a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum TimeoutKind {
    /// The last byte.
    Idle,
    /// The beginning of the connection.
    Lifetime,
}

/// A timeout that something on the way, or the peer, is known to have.
///
/// Callers add rows of their own with
/// [`Diagnoser::known_timeouts`](crate::diagnosis::Diagnoser::known_timeouts).
///
/// ```
/// use core::time::Duration;
/// use farewell::diagnosis::KnownTimeout;
///
/// let ours = KnownTimeout::idle("our gateway", Duration::from_secs(45), "gateway.yaml");
/// assert_eq!(ours.span, Duration::from_secs(45));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KnownTimeout {
    /// Who has it, as it reads in a sentence: `"nginx"`.
    pub name: Cow<'static, str>,
    /// What starts it.
    pub kind: TimeoutKind,
    /// How long it is. A row of zero never matches.
    pub span: Duration,
    /// The setting or the document that says so.
    pub source: Cow<'static, str>,
}

impl KnownTimeout {
    /// A timeout that starts with the last byte.
    pub fn idle(
        name: impl Into<Cow<'static, str>>,
        span: Duration,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), kind: TimeoutKind::Idle, span, source: source.into() }
    }

    /// A timeout that starts when the connection does.
    pub fn lifetime(
        name: impl Into<Cow<'static, str>>,
        span: Duration,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), kind: TimeoutKind::Lifetime, span, source: source.into() }
    }
}

const fn row(
    name: &'static str,
    kind: TimeoutKind,
    secs: u64,
    source: &'static str,
) -> KnownTimeout {
    let span = Duration::from_secs(secs);
    KnownTimeout { name: Cow::Borrowed(name), kind, span, source: Cow::Borrowed(source) }
}

/// The rows that every [`Diagnoser`](crate::diagnosis::Diagnoser) begins with: what is common on
/// the internet, and its default.
pub static KNOWN_TIMEOUTS: [KnownTimeout; 15] = {
    use TimeoutKind::{Idle, Lifetime};
    [
        row("Debian's HAProxy", Idle, 50, "timeout client and timeout server in haproxy.cfg"),
        row("Heroku", Idle, 55, "the router's rolling window"),
        row("nginx", Idle, 60, "proxy_read_timeout"),
        row("AWS ALB", Idle, 60, "idle_timeout.timeout_seconds"),
        row("Phoenix", Idle, 60, "the transport's :timeout"),
        row("Cloudflare", Idle, 100, "idle connections"),
        row("Cloudflare", Idle, 120, "Proxy Read Timeout"),
        row("uWebSockets", Idle, 120, "idleTimeout"),
        row("Azure load balancer", Idle, 240, "idleTimeoutInMinutes, a silent drop"),
        row("Beast server", Idle, 300, "stream_base::timeout::suggested"),
        row("AWS NLB", Idle, 350, "tcp.idle_timeout.seconds"),
        row("AWS API Gateway", Idle, 600, "quota of WebSocket APIs"),
        row("AWS API Gateway", Lifetime, 7200, "quota of WebSocket APIs"),
        row("Google Cloud load balancer", Lifetime, 30, "timeoutSec of the backend service"),
        row("Linux keepalive", Idle, 7875, "tcp_keepalive_time + 9 probes of 75 s"),
    ]
};
