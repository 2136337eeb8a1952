//! What can be set about the way to a connection.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::proxy::Proxy;
use crate::report::DialPhase;

/// Settings of a [`Dial`](super::Dial).
///
/// ```
/// use core::time::Duration;
/// use farewell::dial::{DialOptions, Proxy};
///
/// let mut options = DialOptions::default();
/// options.proxy = Some(Proxy::new("socks5://proxy.example:1080")?);
/// options.timeouts.resolve = Some(Duration::from_secs(2));
/// # Ok::<(), farewell::dial::ProxyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DialOptions {
    /// The proxy to go through, where it is for the server. Default: none, and none is ever picked
    /// silently.
    pub proxy: Option<Proxy>,
    /// Addresses of the server, which then are not looked up: at most 1,000. Where a proxy is used,
    /// that one finds the server, and these are not. Default: none.
    pub addresses: Option<Vec<SocketAddr>>,
    /// How long one address has a head start before the next is tried (RFC 8305 section 5). It is
    /// tried at once where one before has failed. Default: 250 ms.
    pub race_delay: Duration,
    /// Deadlines of single phases, within that of the whole.
    pub timeouts: PhaseTimeouts,
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            proxy: None,
            addresses: None,
            race_delay: Duration::from_millis(250),
            timeouts: PhaseTimeouts::default(),
        }
    }
}

/// How long single phases may take. Default: as long as the whole.
///
/// The whole is bounded by [`Timeouts::handshake`](crate::Timeouts::handshake), which covers
/// everything from the lookup to the end of the opening handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PhaseTimeouts {
    /// The lookup of the name.
    pub resolve: Option<Duration>,
    /// The race of all addresses together.
    pub connect: Option<Duration>,
    /// The conversation with the proxy, TLS with it included.
    pub proxy: Option<Duration>,
}

impl PhaseTimeouts {
    pub(super) fn of(&self, phase: DialPhase) -> Option<Duration> {
        match phase {
            DialPhase::Resolve => self.resolve,
            DialPhase::Connect => self.connect,
            DialPhase::ProxyTls | DialPhase::Proxy => self.proxy,
            // Whoever speaks the opening handshake has its deadline.
            DialPhase::Tls | DialPhase::Upgrade => None,
        }
    }
}
