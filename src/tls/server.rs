//! The settings of a server.

use alloc::sync::Arc;
use alloc::vec;
use core::fmt;

use rustls::{ServerConfig, ServerConnection};

use super::error::TlsConfigError;
use super::inspector::Inspector;
use super::layer::TlsLayer;
use super::provider::Provider;
use super::{HTTP_1_1, pem, provider};
use crate::report::{Direction, TlsFacts};

/// A server's TLS: its certificate and its key.
///
/// One value serves any number of connections; a clone shares everything with it. Clients that
/// speak ALPN have to offer `http/1.1`, which is what the opening handshake is.
///
/// ```no_run
/// use farewell::tls::TlsServer;
///
/// let tls = TlsServer::from_pem(std::fs::read("fullchain.pem")?, std::fs::read("privkey.pem")?)?;
/// # let _ = tls; // for `accept_tls` of both adapters
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    inspector: Inspector,
}

impl TlsServer {
    /// With a certificate and what leads from it to its root, in that order, and the private key of
    /// the first, all as PEM text (RFC 7468). What else is in the texts is left out.
    ///
    /// TLS 1.2 and 1.3 are spoken, and no certificate is asked of the client: for anything else,
    /// see [`from_rustls`](Self::from_rustls).
    ///
    /// ```no_run
    /// use farewell::tls::TlsServer;
    ///
    /// let chain = std::fs::read("fullchain.pem")?;
    /// let key = std::fs::read("privkey.pem")?;
    /// let tls = TlsServer::from_pem(&chain, &key)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`]: which of them is wrong, where, and why; or that there is no provider.
    pub fn from_pem(
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Self::make(None, chain.as_ref(), key.as_ref())
    }

    /// As [`from_pem`](Self::from_pem), with this crypto provider.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_with(
        provider: Provider,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Self::make(Some(provider), chain.as_ref(), key.as_ref())
    }

    fn make(provider: Option<Provider>, chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let (chain, key) = (pem::certificates(chain)?, pem::key(key)?);
        let mut config = ServerConfig::builder_with_provider(provider::choose(provider)?)
            .with_safe_default_protocol_versions()
            .map_err(TlsConfigError::of_library)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsConfigError::of_key)?;
        config.alpn_protocols = vec![HTTP_1_1.into()];
        Ok(Self::from_rustls(Arc::new(config)))
    }

    /// With a config of rustls's own, whose version is then the application's affair as well.
    ///
    /// Nothing is added to it: no ALPN, for example.
    #[must_use]
    pub fn from_rustls(config: Arc<ServerConfig>) -> Self {
        Self { config, inspector: Inspector::default() }
    }

    /// Shows `inspect` the plaintext of every connection that is made with these settings, and with
    /// clones of them: what was decrypted before anybody parses it, what is to be sent when it is
    /// encrypted. For a recorder, or to find a fault: nothing on the wire can be read.
    ///
    /// It is called while the connection reads and writes, and should not take long.
    #[must_use]
    pub fn inspect(self, inspect: impl Fn(Direction, &[u8]) + Send + Sync + 'static) -> Self {
        Self { inspector: Inspector::new(inspect), ..self }
    }

    /// The TLS of one connection.
    ///
    /// # Errors
    ///
    /// The TLS library refuses the config.
    pub fn layer(&self) -> Result<TlsLayer, TlsConfigError> {
        let connection =
            ServerConnection::new(self.config.clone()).map_err(TlsConfigError::of_library)?;
        Ok(TlsLayer::new(connection.into(), TlsFacts::default(), self.inspector.clone()))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}
