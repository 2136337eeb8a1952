//! How a client gets to its server: settings for both adapters.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use crate::config::Config;
use crate::dial::{DialOptions, PhaseTimeouts, Proxy};
#[cfg(feature = "rustls")]
use crate::tls::TlsClient;

type Resolve = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The settings of a client's connection, and of the way to it.
///
/// [`connect_with`](crate::blocking::connect_with) and
/// [`Reconnecting::new`](crate::blocking::Reconnecting::new) take one, in both adapters; where only
/// the connection is to have settings, a [`Config`] does as well. A clone shares everything with it.
///
/// ```
/// use std::time::Duration;
///
/// use farewell::dial::Proxy;
/// use farewell::{Config, ConnectOptions};
///
/// let options = ConnectOptions::new()
///     .config(Config::default())
///     .proxy(Proxy::from_env()?)
///     .race_delay(Duration::from_millis(100))
///     .redirects(3);
/// # Ok::<(), farewell::dial::ProxyEnvError>(())
/// ```
#[derive(Clone, Default)]
pub struct ConnectOptions {
    pub(super) config: Arc<Config>,
    pub(super) dial: Arc<DialOptions>,
    pub(super) resolver: Option<Arc<Resolve>>,
    pub(super) redirects: u8,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<TlsClient>,
}

impl ConnectOptions {
    /// Everything by default: no proxy, the system's resolver, no redirections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limits, the heartbeat and the deadlines.
    ///
    /// [`Timeouts::handshake`](crate::Timeouts::handshake) is the time for all of the way, from the
    /// lookup of the name to the end of the opening handshake.
    #[must_use]
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        Self { config: config.into(), ..self }
    }

    /// Goes through a proxy, where it is for the server: one that is named, or with
    /// [`Proxy::from_env`] the one that the environment names. Without it, none is used.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dial_mut().proxy = Some(proxy);
        self
    }

    /// Connects to these addresses, at most 1,000, and looks no name up. Where a proxy is used, that
    /// one finds the server, and they do not count; nor do they for another host or port, to which a
    /// redirection leads.
    #[must_use]
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.dial_mut().addresses = Some(addresses.into_iter().collect());
        self
    }

    /// Looks names up with this in place of the system's resolver: the server's, or the proxy's
    /// where one is used.
    ///
    /// It is called on a thread of its own, which is let go where it takes longer than there is time.
    #[must_use]
    pub fn resolver(
        self,
        resolve: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { resolver: Some(Arc::new(resolve)), ..self }
    }

    /// How long one address has a head start before the next is tried, where a name has several
    /// (RFC 8305). Default: 250 ms.
    #[must_use]
    pub fn race_delay(mut self, delay: Duration) -> Self {
        self.dial_mut().race_delay = delay;
        self
    }

    /// Deadlines of single phases, within that of the whole. Default: none.
    #[must_use]
    pub fn phase_timeouts(mut self, timeouts: PhaseTimeouts) -> Self {
        self.dial_mut().timeouts = timeouts;
        self
    }

    /// Follows so many redirections (301, 302, 307, 308) of the opening handshake, 20 at most.
    /// Default: none.
    ///
    /// None is followed from `wss://` to `ws://`, and the header fields of credentials are
    /// not carried to another host, nor is a certificate of the client's: see
    /// [`ClientRequest::redirected`](crate::handshake::ClientRequest::redirected). All of them share
    /// one deadline.
    #[must_use]
    pub fn redirects(self, most: u8) -> Self {
        Self { redirects: most.min(20), ..self }
    }

    /// Speaks TLS with these settings where the URL is a `wss://` one. Default:
    /// [`TlsClient::new`](crate::tls::TlsClient::new), made once for the process with the first
    /// connection that needs it: not on the thread of an executor, since that may read the system's
    /// certificates from disk.
    ///
    /// Whom they trust is trusted to be an `https://` proxy as well, where
    /// [`Proxy::tls`](crate::dial::Proxy::tls) says nothing else.
    ///
    /// A redirection to another host or port gets neither the client's certificate nor the server's
    /// name that is set here; whom it trusts stays as it is.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(self, tls: TlsClient) -> Self {
        Self { tls: Some(tls), ..self }
    }

    fn dial_mut(&mut self) -> &mut DialOptions {
        Arc::make_mut(&mut self.dial)
    }

    /// The same for a connection whose opening handshake has these settings.
    pub(super) fn with_config(&self, config: Arc<Config>) -> Self {
        Self { config, ..self.clone() }
    }
}

impl From<Config> for ConnectOptions {
    fn from(config: Config) -> Self {
        Self::new().config(config)
    }
}

impl From<Arc<Config>> for ConnectOptions {
    fn from(config: Arc<Config>) -> Self {
        Self::new().config(config)
    }
}

impl From<&Self> for ConnectOptions {
    fn from(options: &Self) -> Self {
        options.clone()
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("config", &self.config)
            .field("dial", &self.dial)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
