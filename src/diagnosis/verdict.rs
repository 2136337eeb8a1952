//! The verdicts: every explanation that a diagnosis knows, with its numbers.

mod dial;
mod proxy_tls;
mod row;
mod stream;
mod tls;
mod words;

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::report::{DialPhase, TlsError};
use crate::wire::role::Role;

pub(super) use row::Situation;

/// Why a connection probably ended.
///
/// [`name`](Self::name) is stable: metrics and log filters can rest on it. The table in
/// [the module](crate::diagnosis#verdicts) says which evidence each needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "snake_case"))]
pub enum Verdict {
    /// We closed first, and the peer's Close came.
    ClosedByUs {
        /// Our close code; 1005 for none.
        code: u16,
    },
    /// The peer closed, with a code that tells of no trouble.
    ClosedByPeer {
        /// The peer's close code; 1005 for none.
        code: u16,
    },
    /// Both endpoints closed at once.
    ClosedByBoth {
        /// The peer's close code; 1005 for none.
        code: u16,
    },
    /// The peer goes away or restarts: a deployment, as a rule.
    Restart {
        /// 1001, 1012 or 1014.
        code: u16,
    },
    /// The peer is overloaded and said so, with 1013.
    TryAgainLater,
    /// The peer's application closed with a code of its own.
    ClosedByApplication {
        /// 3000 to 4999.
        code: u16,
    },
    /// The peer closed since we had not answered its Pings, as it says.
    NoAnswerFromUs {
        /// The peer's close code; 1005 for none.
        code: u16,
    },
    /// The peer failed the connection, and said what it holds against us or against itself.
    PeerFailure {
        /// 1002, 1003 or 1007 to 1011.
        code: u16,
    },
    /// We failed the connection, since the peer broke a rule or a limit.
    LocalFailure {
        /// The code that we sent.
        code: u16,
    },
    /// We closed, since nothing had come for our own idle timeout.
    LocalIdleTimeout {
        /// For how long nothing had come.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        idle: Duration,
    },
    /// We closed, since a message was not complete for our own timeout.
    LocalMessageTimeout {
        /// For how long it had been under way.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        elapsed: Duration,
    },
    /// This endpoint dropped the connection without a closing handshake.
    LocalAbort,
    /// We closed, and the peer ended its stream without a Close of its own.
    CloseSkipped,
    /// We closed, and no Close came in time.
    CloseUnanswered,
    /// A proxy, a load balancer or the peer's server closed a connection that carried nothing for
    /// its idle timeout.
    ProxyIdleTimeout {
        /// The timeout.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        timeout: Duration,
    },
    /// A proxy or a load balancer ended the connection at a fixed age.
    ProxyLifetime {
        /// The age.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        lifetime: Duration,
    },
    /// The peer's application closed a connection without messages; Pings did not count.
    PeerApplicationIdle {
        /// Its timeout; nothing where it only says that it has one, and messages had just passed.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        timeout: Duration,
    },
    /// The peer's stream ended between two messages without a Close, and not for idleness.
    PeerVanished,
    /// The peer's stream ended inside a frame or a message.
    PeerDiedMidMessage {
        /// Bytes that had come of the frame, or of the message where it ended between fragments.
        received: u64,
        /// Bytes that the frame's header declares, where that had come.
        expected: Option<u64>,
    },
    /// The connection was reset while little was in flight.
    PeerAborted,
    /// The connection was reset, or refused our bytes, just after we wrote.
    PeerClosedUnderUs,
    /// The peer's stream ended right after a message of ours that was larger than those before.
    PeerSuspectedLimit {
        /// Bytes of the message's payload.
        len: u64,
    },
    /// Something on the way wrote an HTTP response into the open connection.
    HttpInStream {
        /// Its status, where that can be read.
        status: Option<u16>,
    },
    /// Nothing came back after our Ping: the network is gone, or the peer is frozen or blocked.
    HalfOpen {
        /// For how long nothing had come.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        silent: Duration,
    },
    /// The peer was alive after our Ping, and did not answer it.
    PeerStalled,
    /// Our output did not drain: the peer does not read, or the uplink is too slow.
    OutboundBlocked {
        /// Bytes that did not drain.
        pending: u64,
    },
    /// The peer, or a proxy in front of it, gave up this stream of an HTTP/2 or HTTP/3 connection.
    StreamCancelled {
        /// The error code; nothing where it may also have been an orderly end.
        code: Option<u64>,
    },
    /// The peer, or a proxy in front of it, took no notice of the stream.
    StreamRefused,
    /// The peer's HTTP/2 or HTTP/3 reset the stream for an error.
    StreamFailed {
        /// The error code.
        code: u64,
    },
    /// The HTTP/2 or HTTP/3 connection below was shut down, with all its streams.
    ConnectionGoingAway {
        /// The error code.
        code: u64,
    },
    /// The operating system gave up on the peer before the heartbeat did.
    KernelTimeout,
    /// This process slept or starved: its deadlines were handled late.
    LocalSuspended {
        /// For how long at least; zero where it was seen only that nobody had called.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
        late: Duration,
    },
    /// The server, or this endpoint on a server, refused the opening handshake.
    HandshakeRejected {
        /// The HTTP status.
        status: u16,
    },
    /// Something on the way dropped the header fields that ask for the upgrade.
    UpgradeStripped,
    /// What is at the other end of the connection does not speak WebSocket.
    NotWebSocket,
    /// The server, or a proxy in front of it, takes no WebSocket over HTTP/2 or HTTP/3.
    ExtendedConnectNotOffered,
    /// The peer's opening handshake broke a rule.
    HandshakeFailure,
    /// The connection ended in the middle of the opening handshake.
    HandshakeCutShort,
    /// The opening handshake was not over in time.
    HandshakeTimedOut,
    /// The other end of the connection speaks TLS, and we do not; or the other way round.
    TlsPort,
    /// TLS failed, in its handshake or later.
    Tls {
        /// Why.
        error: TlsError,
    },
    /// The connection ended in the middle of the TLS handshake.
    TlsCutShort,
    /// The TLS handshake did not finish in time.
    TlsTimedOut,
    /// There is no way to the peer's host any more, says the operating system.
    Unreachable,
    /// The peer's host refused what came for the connection, says the operating system.
    Refused,
    /// This machine's operating system ended the connection.
    SystemAborted,
    /// The name did not resolve, the server's or the proxy's: no connection came about.
    NameNotFound {
        /// Whether it was the proxy's.
        proxy: bool,
    },
    /// Nobody listens at the address, says its host.
    AddressesRefused {
        /// Whether it was the proxy's.
        proxy: bool,
    },
    /// The address did not answer at all.
    AddressesSilent {
        /// Whether it was the proxy's.
        proxy: bool,
    },
    /// There is no way to the address, says the operating system or a router.
    AddressesUnreachable {
        /// Whether it was the proxy's.
        proxy: bool,
    },
    /// This machine does not let the connection out: a rule, or no address or port of its own.
    LocalNetwork {
        /// Whether it was one to the proxy.
        proxy: bool,
    },
    /// More addresses were given than are tried.
    TooManyAddresses {
        /// How many there are.
        given: u64,
        /// How many are tried at most.
        limit: u64,
    },
    /// The proxy wants credentials, and got none that it understands.
    ProxyNeedsCredentials,
    /// The proxy refused the credentials.
    ProxyRefusedCredentials,
    /// The proxy refused to lead to the server, or could not.
    ProxyRefused {
        /// The status of an HTTP proxy.
        status: Option<u16>,
    },
    /// What answers at the proxy's address is no proxy of that kind.
    NotAProxy,
    /// The proxy hung up before the way through it was open.
    ProxyCutShort,
    /// TLS with an `https://` proxy failed, in its handshake or later.
    ProxyTls {
        /// Why.
        error: TlsError,
    },
    /// The proxy cannot be used for this server, or by this build.
    ProxyUnfit,
    /// The time passed before there was a connection.
    DialTimedOut {
        /// In which phase.
        phase: DialPhase,
    },
    /// The transport failed in a way that says no more.
    TransportFailure,
    /// The evidence fits nothing that is known, or contradicts itself.
    Unexplained,
}

impl Verdict {
    /// Whether the connection ended as somebody meant it to, and nobody complained: closed by either
    /// endpoint or both, with a code that tells of no trouble.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        self.row(Role::Client, Situation::Usual).agreed
    }

    /// The name in snake case, without the numbers: `"proxy_idle_timeout"`. It does not change.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.row(Role::Client, Situation::Usual).name
    }

    /// What a person can do about it: one or two sentences. What is about the opening handshake is
    /// for a client; [`Finding::remedy`](super::Finding::remedy) knows which end it speaks to.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        self.remedy_for(Role::Client, Situation::Usual)
    }

    /// The remedy for the end that asks, in its situation.
    pub(super) fn remedy_for(&self, role: Role, situation: Situation) -> Cow<'static, str> {
        self.row(role, situation).remedy
    }
}

/// A short statement: `proxy idle timeout of 60 s`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.row(Role::Client, Situation::Usual).sentence)
    }
}
