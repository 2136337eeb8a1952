//! How a connection came about, or why it did not: each phase with its times, every address with
//! its own error, the proxy's answer.
//!
//! Invariant: plain values, filled in by the machine in [`dial`](crate::dial) and by whoever
//! executes it. No name, no credential and no header field is in here, and what grows is bounded:
//! there is one entry for each address that was tried, and no more than a thousand of those.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::handshake::{HandshakeError, Refusal};
use crate::time::Timestamp;
use crate::time::display::Span;

mod failure;

pub use failure::{DialFailure, LookupError, ProxyFailure, SocksReply};

/// How a connection came about, or why it did not.
///
/// A socket has one on a client; so has a `ConnectError`. Its `Display` is one line:
///
/// ```text
/// resolved in 12 ms; [2001:db8::1]:443 lost the race after 280 ms, 192.0.2.1:443 connected in 30 ms;
/// the proxy answered 200 in 8 ms; upgraded in 11 ms
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
    /// The conversation with the proxy, where one was begun.
    pub proxy: Option<ProxyRecord>,
    /// The TLS handshake, where there was one.
    pub tls: Option<PhaseSpan>,
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
            proxy: None,
            tls: None,
            upgrade: None,
            http_status: None,
            redirects: 0,
            failure: None,
        }
    }

    /// The opening handshake that followed is over, with this status if it came so far.
    pub(crate) fn upgraded(&mut self, http_status: Option<u16>, now: Timestamp) {
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
            DialPhase::Proxy => self.proxy.as_ref().map(|proxy| proxy.span),
            DialPhase::Tls => self.tls,
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
    /// The proxy is asked for a way through.
    Proxy,
    /// The TLS handshake.
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

/// What became of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AddressAttempt {
    /// The address.
    pub address: SocketAddr,
    /// When the attempt began and ended.
    pub span: PhaseSpan,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

/// What became of an attempt to connect to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AttemptOutcome {
    /// It is under way.
    Pending,
    /// It connected first.
    Connected,
    /// It had no answer when another address connected, and was dropped.
    Lost,
    /// It had no answer when the time for it had passed, and was dropped: the address is silent.
    Silent,
    /// It failed.
    Failed(AttemptError),
}

/// Why an attempt to connect failed: its kind, and the operating system's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AttemptError {
    /// What kind it is of.
    pub kind: AttemptErrorKind,
    /// The number of the operating system's error, where it was one.
    pub os_error: Option<i32>,
}

impl AttemptError {
    /// An error of which nothing but the kind is known.
    #[must_use]
    pub const fn new(kind: AttemptErrorKind) -> Self {
        Self { kind, os_error: None }
    }

    /// With the number of the operating system's error.
    #[must_use]
    pub const fn os_error(self, number: i32) -> Self {
        Self { os_error: Some(number), ..self }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.os_error {
            Some(number) => write!(f, " (os error {number})"),
            None => Ok(()),
        }
    }
}

/// What a system says of an address that it could not connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AttemptErrorKind {
    /// Nobody listens there, or a firewall says so in its name.
    #[error("refused")]
    Refused,
    /// There is no way to the host or to its network.
    #[error("unreachable")]
    Unreachable,
    /// The system gave up: nothing ever came back.
    #[error("no answer")]
    TimedOut,
    /// The connection was reset before it was open.
    #[error("reset")]
    Reset,
    /// This machine does not allow it: a firewall's rule or a sandbox.
    #[error("not permitted on this machine")]
    NotPermitted,
    /// This machine has no local address or no free port for it.
    #[error("no local address or port for it")]
    NoLocalAddress,
    /// Anything else.
    #[error("failed")]
    Other,
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for AttemptError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds")]
        let kind = match error.kind() {
            ErrorKind::ConnectionRefused => AttemptErrorKind::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                AttemptErrorKind::Unreachable
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => AttemptErrorKind::TimedOut,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => AttemptErrorKind::Reset,
            ErrorKind::PermissionDenied => AttemptErrorKind::NotPermitted,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => AttemptErrorKind::NoLocalAddress,
            _ => AttemptErrorKind::Other,
        };
        Self { kind, os_error: error.raw_os_error() }
    }
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

impl fmt::Display for AddressAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.outcome {
            AttemptOutcome::Pending => return f.write_str(" is under way"),
            AttemptOutcome::Connected => f.write_str(" connected")?,
            AttemptOutcome::Lost => f.write_str(" lost the race")?,
            AttemptOutcome::Silent => f.write_str(" did not answer")?,
            AttemptOutcome::Failed(error) => write!(f, " {error}")?,
        }
        let connected = self.outcome == AttemptOutcome::Connected;
        let preposition = if connected { "in" } else { "after" };
        match self.span.took() {
            Some(took) => write!(f, " {preposition} {}", Span(took)),
            None => Ok(()),
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
            let how = if self.connect.is_some() { "resolved in" } else { "not resolved after" };
            write!(f, "{how} {}", Span(took))?;
        }
        if !self.attempts.is_empty() {
            part(f)?;
            self.fmt_attempts(f)?;
        }
        if let Some(proxy) = &self.proxy {
            if let (Some(answer), Some(took)) = (proxy.answer, proxy.span.took()) {
                part(f)?;
                write!(f, "the {} answered {answer} in {}", proxy.kind, Span(took))?;
            }
        }
        for (name, span) in [("TLS", self.tls), ("upgrade", self.upgrade)] {
            if let Some(took) = span.and_then(|span| span.took()) {
                part(f)?;
                write!(f, "{name} {}", Span(took))?;
            }
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
            more => write!(f, ", {more} more addresses failed"),
        }
    }
}
