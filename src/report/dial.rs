//! How a connection came about, or why it did not: each phase with its times, every address with
//! its own error, the proxy's answer.
//!
//! Invariant: plain values, filled in by the machine in [`dial`](crate::dial) and by whoever
//! executes it. No credential is in here and no name but those of a proxy's TLS, and header fields only
//! in the answer of a proxy that refused, of which neither `Debug` nor serde shows more than status and
//! reason. What grows is bounded: there is one entry for each address that was tried, and no more than
//! a thousand of those.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use super::tls::{TlsFacts, TlsVersion};
use crate::handshake::{HandshakeError, Refusal};
use crate::time::Timestamp;
use crate::time::display::Span;

mod attempt;
mod failure;

pub use attempt::{AddressAttempt, AttemptError, AttemptErrorKind, AttemptOutcome};
pub use failure::{DialFailure, LookupError, ProxyFailure, SocksReply};

/// How a connection came about, or why it did not.
///
/// A socket has one on a client; so has a `ConnectError`. Its `Display` is one line, to which the
/// opening handshake adds its own part:
///
/// ```
/// use core::time::Duration;
///
/// use farewell::dial::{Dial, DialOptions, Proxy, Step};
/// use farewell::handshake::ClientRequest;
/// use farewell::{Config, Timestamp};
///
/// let mut now = Timestamp::ZERO;
/// let mut options = DialOptions::default();
/// options.proxy = Some(Proxy::new("http://proxy.example:3128")?);
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut dial = Dial::new(&request, &options, &Config::default(), now);
/// assert!(matches!(dial.next(), Step::Resolve { .. }));
/// now = now + Duration::from_millis(12);
/// dial.handle_resolved(&["[2001:db8::1]:3128".parse()?, "192.0.2.1:3128".parse()?], now);
/// assert!(matches!(dial.next(), Step::Connect { attempt: 0, .. }));
/// now = now + Duration::from_millis(250);
/// dial.handle_timeout(now);
/// assert!(matches!(dial.next(), Step::Connect { attempt: 1, .. }));
/// now = now + Duration::from_millis(30);
/// dial.handle_connected(1, now);
/// let asked = dial.output().len();
/// dial.handle_written(asked, now);
/// now = now + Duration::from_millis(8);
/// dial.handle_read(b"HTTP/1.1 200 Connected\r\n\r\n", now);
///
/// assert_eq!(
///     dial.record().to_string(),
///     "resolved in 12 ms; [2001:db8::1]:3128 lost the race after 280 ms, 192.0.2.1:3128 connected \
///      in 30 ms; the HTTP proxy answered status 200 in 8 ms",
/// );
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DialRecord {
    /// When it began.
    pub began: Timestamp,
    /// When it ended: the connection was open, or it was given up.
    pub ended: Timestamp,
    /// The lookup of the name, where there was one: the proxy's, where one is used.
    pub resolve: Option<PhaseSpan>,
    /// The race of the addresses.
    pub connect: Option<PhaseSpan>,
    /// Every address that was tried, in the order of the attempts.
    pub attempts: Vec<AddressAttempt>,
    /// Addresses that were known and not tried: the race was over before.
    pub untried: u16,
    /// What the proxy speaks, where one is to be used: the name, the addresses and their errors
    /// are then the proxy's, whether or not it was ever reached.
    pub through: Option<ProxyKind>,
    /// The TLS handshake with an `https://` proxy, where one was begun.
    pub proxy_tls: Option<ProxyTlsRecord>,
    /// The conversation with the proxy, where one was begun.
    pub proxy: Option<ProxyRecord>,
    /// The TLS handshake, where there was one.
    pub tls: Option<TlsRecord>,
    /// The WebSocket opening handshake.
    pub upgrade: Option<PhaseSpan>,
    /// The HTTP status that ended the opening handshake: 101, where the connection is open.
    pub http_status: Option<u16>,
    /// How many redirections were followed before. All else in here is about the last place.
    pub redirects: u8,
    /// Why there is no connection. What ended the opening handshake itself is in its report.
    pub failure: Option<DialFailure>,
}

impl DialRecord {
    /// One of a dial that begins now.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            began: now,
            ended: now,
            resolve: None,
            connect: None,
            attempts: Vec::new(),
            untried: 0,
            through: None,
            proxy_tls: None,
            proxy: None,
            tls: None,
            upgrade: None,
            http_status: None,
            redirects: 0,
            failure: None,
        }
    }

    /// The TLS handshake begins.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_begins(&mut self) {
        let span = PhaseSpan::begun(self.ended);
        self.tls = Some(TlsRecord { span, version: None, alpn: None });
    }

    /// The TLS handshake is over, and this was agreed on.
    #[cfg(feature = "rustls")]
    pub(crate) fn secured(&mut self, facts: &TlsFacts, now: Timestamp) {
        if let Some(tls) = &mut self.tls {
            tls.span.end(now);
            (tls.version, tls.alpn) = (facts.version, facts.alpn.clone());
        }
        self.ended = now;
    }

    /// The opening handshake that followed is over, with this status if it came so far. It never
    /// began where the TLS handshake is not over.
    pub(crate) fn upgraded(&mut self, http_status: Option<u16>, now: Timestamp) {
        if let Some(tls) = self.tls.as_mut().filter(|tls| tls.span.ended.is_none()) {
            tls.span.end(now);
            self.ended = now;
            return;
        }
        self.upgrade = Some(PhaseSpan { began: self.ended, ended: Some(now) });
        self.http_status = http_status;
        self.ended = now;
    }

    /// How long it took in all.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended.since(self.began)
    }

    /// The address that the connection is with: the proxy's, where one is used.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let won = |attempt: &&AddressAttempt| attempt.outcome == AttemptOutcome::Connected;
        self.attempts.iter().find(won).map(|attempt| attempt.address)
    }

    /// The span of a phase, where it was begun.
    #[must_use]
    pub fn phase(&self, phase: DialPhase) -> Option<PhaseSpan> {
        match phase {
            DialPhase::Resolve => self.resolve,
            DialPhase::Connect => self.connect,
            DialPhase::ProxyTls => self.proxy_tls.as_ref().map(|tls| tls.span),
            DialPhase::Proxy => self.proxy.as_ref().map(|proxy| proxy.span),
            DialPhase::Tls => self.tls.as_ref().map(|tls| tls.span),
            DialPhase::Upgrade => self.upgrade,
        }
    }
}

/// A phase on the way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum DialPhase {
    /// The name is looked up.
    Resolve,
    /// The addresses race.
    Connect,
    /// The TLS handshake with the proxy.
    ProxyTls,
    /// The proxy is asked for a way through.
    Proxy,
    /// The TLS handshake with the server.
    Tls,
    /// The WebSocket opening handshake.
    Upgrade,
}

impl DialPhase {
    /// Its row: its name, and what is under way in it.
    const fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Resolve => ("resolve", "looking the name up"),
            Self::Connect => ("connect", "connecting to the addresses"),
            Self::ProxyTls => ("proxy_tls", "the TLS handshake with the proxy"),
            Self::Proxy => ("proxy", "asking the proxy for a way through"),
            Self::Tls => ("tls", "the TLS handshake"),
            Self::Upgrade => ("upgrade", "the opening handshake"),
        }
    }

    /// A short name, for labels and logs, such as `resolve`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }
}

/// What is under way: `looking the name up`.
impl fmt::Display for DialPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().1)
    }
}

/// From when to when something took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PhaseSpan {
    /// When it began.
    pub began: Timestamp,
    /// When it ended, for good or ill.
    pub ended: Option<Timestamp>,
}

impl PhaseSpan {
    pub(crate) const fn begun(now: Timestamp) -> Self {
        Self { began: now, ended: None }
    }

    /// Ends it, if that was not done.
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.ended.get_or_insert(now);
    }

    /// How long it took; nothing while it is not over.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.since(self.began))
    }
}

/// The TLS handshake on the way to a server. The report and the socket know more of it: see
/// [`TlsFacts`](crate::TlsFacts).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TlsRecord {
    /// When it began and ended.
    pub span: PhaseSpan,
    /// The version that was agreed on; nothing where it failed.
    pub version: Option<TlsVersion>,
    /// The application protocol that was agreed on (ALPN).
    pub alpn: Option<Box<str>>,
}

/// The TLS handshake with an `https://` proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ProxyTlsRecord {
    /// When it began and ended.
    pub span: PhaseSpan,
    /// What was agreed on, and what is known of the proxy's certificate; of a handshake that failed, as
    /// much as was known by then.
    pub facts: Box<TlsFacts>,
}

/// The conversation with a proxy.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ProxyRecord {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Whether it was given credentials.
    pub credentials: bool,
    /// When the conversation began and ended.
    pub span: PhaseSpan,
    /// What it answered.
    pub answer: Option<ProxyAnswer>,
    /// The whole answer of an HTTP proxy that refused, with the beginning of its body.
    pub refusal: Option<Box<Refusal>>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ProxyKind {
    /// HTTP's CONNECT (RFC 9110 section 9.3.6).
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS5 (RFC 1928).
    Socks5,
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP proxy",
            Self::Https => "HTTPS proxy",
            Self::Socks5 => "SOCKS5 proxy",
        })
    }
}

/// What a proxy answered in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ProxyAnswer {
    /// This HTTP status; 2xx lets the connection through.
    Http {
        /// The status.
        status: u16,
    },
    /// This reply of SOCKS5.
    Socks(SocksReply),
    /// None of the ways to authenticate that were offered is good enough.
    SocksNoMethod,
    /// The credentials were refused.
    SocksCredentials,
    /// Something that breaks HTTP.
    Malformed(HandshakeError),
    /// Something that is no SOCKS5.
    NotSocks,
}

impl fmt::Display for ProxyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { status } => write!(f, "status {status}"),
            Self::Socks(reply) => write!(f, "\"{reply}\""),
            Self::SocksNoMethod => f.write_str("that no way to authenticate is good enough"),
            Self::SocksCredentials => f.write_str("that the credentials are wrong"),
            Self::Malformed(error) => write!(f, "with something that is no HTTP: {error}"),
            Self::NotSocks => f.write_str("with something that is no SOCKS5"),
        }
    }
}

/// How many addresses are named one by one.
const NAMED: usize = 8;

impl fmt::Display for DialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>| {
            f.write_str(separator)?;
            separator = "; ";
            Ok(())
        };
        if let Some(took) = self.resolve.and_then(|span| span.took()) {
            part(f)?;
            let too_many = matches!(self.failure, Some(DialFailure::TooManyAddresses { .. }));
            let resolved = self.connect.is_some() || too_many;
            let how = if resolved { "resolved in" } else { "not resolved after" };
            write!(f, "{how} {}", Span(took))?;
        }
        if !self.attempts.is_empty() {
            part(f)?;
            self.fmt_attempts(f)?;
        }
        if let Some(ProxyTlsRecord { span, facts }) = &self.proxy_tls {
            if let Some(took) = span.took() {
                part(f)?;
                match facts.version.filter(|_| self.proxy.is_some()) {
                    Some(version) => write!(f, "{version} with the proxy in {}", Span(took))?,
                    None => write!(f, "no TLS with the proxy after {}", Span(took))?,
                }
            }
        }
        if let Some(proxy) = &self.proxy {
            if let (Some(answer), Some(took)) = (proxy.answer, proxy.span.took()) {
                part(f)?;
                write!(f, "the {} answered {answer} in {}", proxy.kind, Span(took))?;
            }
        }
        if let Some(TlsRecord { span, version, .. }) = &self.tls {
            if let Some(took) = span.took() {
                part(f)?;
                match version {
                    Some(version) => write!(f, "{version} in {}", Span(took))?,
                    None => write!(f, "no TLS after {}", Span(took))?,
                }
            }
        }
        if let Some(took) = self.upgrade.and_then(|span| span.took()) {
            part(f)?;
            write!(f, "upgrade {}", Span(took))?;
        }
        if let Some(failure) = &self.failure {
            part(f)?;
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

impl DialRecord {
    /// The failure, with the addresses where they are what failed.
    pub(crate) fn fmt_failure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(failure) = &self.failure else { return f.write_str("it was given up") };
        write!(f, "{failure}")?;
        match failure {
            DialFailure::Unconnected | DialFailure::TimedOut { phase: DialPhase::Connect }
                if !self.attempts.is_empty() =>
            {
                f.write_str(": ")?;
                self.fmt_attempts(f)
            }
            DialFailure::Unresolved { .. }
            | DialFailure::NoAddress
            | DialFailure::TooManyAddresses { .. }
            | DialFailure::Unconnected
            | DialFailure::TimedOut { .. }
            | DialFailure::Proxy(_) => Ok(()),
        }
    }

    fn fmt_attempts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The one that connected is named, however many failed before.
        let won = |attempt: &AddressAttempt| attempt.outcome == AttemptOutcome::Connected;
        let mut named = 0;
        for (index, attempt) in self.attempts.iter().enumerate() {
            if index < NAMED || won(attempt) {
                write!(f, "{}{attempt}", if named > 0 { ", " } else { "" })?;
                named += 1;
            }
        }
        match self.attempts.len() - named {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
