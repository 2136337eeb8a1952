//! The settings of a client.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme};

use super::error::TlsConfigError;
use super::inspector::Inspector;
use super::layer::TlsLayer;
use super::provider::Provider;
use super::verifier::{Credulous, Remembering};
use super::{HTTP_1_1, pem, provider};
use crate::report::{Direction, TlsFacts};

/// The settings for URLs for which nobody has set anything.
static SHARED: OnceLock<TlsClient> = OnceLock::new();

/// Who is trusted beside the authorities that are added one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// Whom the operating system trusts.
    #[cfg(feature = "rustls-platform-verifier")]
    Platform,
    /// Mozilla's list, as it was when it was compiled in.
    #[cfg(feature = "rustls-webpki-roots")]
    WebPki,
    /// Nobody.
    Nobody,
}

impl Default for Roots {
    /// Those that are compiled in; the operating system's where both are.
    #[allow(unreachable_code, reason = "which of the lines are there depends on the features")]
    fn default() -> Self {
        #[cfg(feature = "rustls-platform-verifier")]
        return Self::Platform;
        #[cfg(feature = "rustls-webpki-roots")]
        return Self::WebPki;
        Self::Nobody
    }
}

/// A client's TLS: whom it trusts.
///
/// One value serves any number of connections; a clone shares everything with it, the sessions that
/// can be resumed among it. Making one may read the system's certificates from disk: keep it.
///
/// ```no_run
/// use farewell::handshake::ClientRequest;
/// use farewell::tls::TlsClient;
/// use farewell::{ConnectOptions, blocking};
///
/// // A company's own authority, beside those that the system trusts.
/// let tls = TlsClient::builder().ca_pem(std::fs::read("company.pem")?)?.build()?;
/// let options = ConnectOptions::new().tls(tls);
/// let socket = blocking::connect_with(&ClientRequest::new("wss://chat.example/")?, options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsClient {
    pub(super) config: Arc<ClientConfig>,
    server_name: Option<Box<str>>,
    unverified: bool,
    inspector: Inspector,
}

impl TlsClient {
    /// Trusts whom the compiled-in roots trust.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`]: there is no provider, or nobody to trust.
    pub fn new() -> Result<Self, TlsConfigError> {
        Self::builder().build()
    }

    /// The one for URLs for which nobody has set anything: made once, by whoever comes first, for
    /// whom the others wait. An error is not kept.
    pub(crate) fn shared() -> Result<Self, TlsConfigError> {
        static MAKING: Mutex<()> = Mutex::new(());
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        match Self::shared_if_made() {
            Some(client) => Ok(client),
            None => {
                let client = Self::new()?;
                Ok(SHARED.get_or_init(|| client).clone())
            }
        }
    }

    /// The same, where it was made before.
    pub(crate) fn shared_if_made() -> Option<Self> {
        SHARED.get().cloned()
    }

    /// With other settings.
    ///
    /// ```no_run
    /// use farewell::tls::TlsClient;
    ///
    /// // A company's own authority, beside those that the system trusts.
    /// let tls = TlsClient::builder().ca_pem(std::fs::read("company.pem")?)?.build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder() -> TlsClientBuilder {
        TlsClientBuilder::default()
    }

    /// With a config of rustls's own, whose version is then the application's affair as well.
    ///
    /// Nothing is added to it: no ALPN, for example. Of a certificate that it refuses, a report
    /// then only knows what rustls's error says.
    #[must_use]
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        Self { config, server_name: None, unverified: false, inspector: Inspector::default() }
    }

    /// Shows `inspect` the plaintext of every connection that is made with these settings, and with
    /// clones of them: what was decrypted before anybody parses it, what is to be sent when it is
    /// encrypted. For a recorder, or to find a fault: nothing on the wire can be read.
    ///
    /// It is called while the connection reads and writes, and should not take long.
    ///
    /// ```no_run
    /// use farewell::tls::TlsClient;
    ///
    /// let tls = TlsClient::new()?
    ///     .inspect(|direction, plaintext| eprintln!("{direction}: {}", plaintext.escape_ascii()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inspect(self, inspect: impl Fn(Direction, &[u8]) + Send + Sync + 'static) -> Self {
        Self { inspector: Inspector::new(inspect), ..self }
    }

    /// The same for another host than that of the request, to which a redirection leads.
    pub(crate) fn for_another_host(&self) -> Self {
        let mut other = Self { server_name: None, ..self.clone() };
        if self.config.client_auth_cert_resolver.has_certs() {
            let mut config = (*self.config).clone();
            config.client_auth_cert_resolver = Arc::new(Anonymous);
            // A session in which the identity was shown is not resumed without it, nor the other
            // way round.
            config.resumption = Resumption::disabled();
            other.config = Arc::new(config);
        }
        other
    }

    /// The same for what nobody is to see.
    pub(crate) fn without_inspector(&self) -> Self {
        Self { inspector: Inspector::default(), ..self.clone() }
    }

    /// The TLS of one connection to this host, which is a DNS name or an address without brackets.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError::ServerName`], or the TLS library refuses the config.
    pub fn layer(&self, host: &str) -> Result<TlsLayer, TlsConfigError> {
        //= rfc6455#4.1
        //# Clients MUST use the Server Name Indication extension in the TLS
        //# handshake [RFC6066].
        let host = self.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(host).map_err(|_| TlsConfigError::ServerName)?;
        let connection = ClientConnection::new(self.config.clone(), name.to_owned())
            .map_err(TlsConfigError::of_library)?;
        let facts = TlsFacts {
            server_name: Some(host.into()),
            unverified: self.unverified,
            ..TlsFacts::default()
        };
        Ok(TlsLayer::new(connection.into(), facts, self.inspector.clone()))
    }
}

/// Has no certificate to show.
#[derive(Debug)]
struct Anonymous;

impl ResolvesClientCert for Anonymous {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("server_name", &self.server_name)
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`TlsClient`] to be.
#[derive(Default)]
pub struct TlsClientBuilder {
    roots: Roots,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    provider: Option<Provider>,
    server_name: Option<Box<str>>,
    unverified: bool,
}

impl TlsClientBuilder {
    /// Sets who is trusted beside the authorities that are added. By default those roots that are
    /// compiled in.
    #[must_use]
    pub fn roots(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// Trusts these authorities as well: certificates as PEM text, a company's own for example.
    ///
    /// With [`Roots::Nobody`] these alone are trusted.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError::Certificates`].
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        self.authorities.extend(pem::authorities(pem.as_ref())?);
        Ok(self)
    }

    /// Shows this certificate to servers that ask for one; the texts are as of
    /// [`TlsServer::from_pem`](super::TlsServer::from_pem).
    ///
    /// # Errors
    ///
    /// [`TlsConfigError::Certificates`], [`TlsConfigError::Key`].
    pub fn identity_pem(
        self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        let identity = (pem::certificates(chain.as_ref())?, pem::key(key.as_ref())?);
        Ok(Self { identity: Some(identity), ..self })
    }

    /// Asks for this name, and expects a certificate for it, whatever the URL's host is.
    #[must_use]
    pub fn server_name(self, name: &str) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// Chooses a crypto provider.
    #[must_use]
    pub fn provider(self, provider: Provider) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// **Dangerous.** Takes every certificate of every server, for every name: whoever is on the
    /// way can read and change everything, and nobody notices.
    ///
    /// For finding out what is wrong with a server of one's own. To trust a certificate that one
    /// has made oneself, [`ca_pem`](Self::ca_pem) is the way. [`TlsFacts::unverified`] remembers
    /// it, and reports show it.
    #[must_use]
    pub fn dangerous_without_verification(self) -> Self {
        Self { unverified: true, ..self }
    }

    /// Makes the settings.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`]: there is no provider, nobody to trust, or the identity's key does not
    /// fit.
    pub fn build(self) -> Result<TlsClient, TlsConfigError> {
        let provider = provider::choose(self.provider)?;
        let verifier: Arc<dyn ServerCertVerifier> = match self.unverified {
            true => Arc::new(Credulous(provider.clone())),
            false => Arc::new(Remembering(verifier(self.roots, self.authorities, &provider)?)),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsConfigError::of_library)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(TlsConfigError::of_key)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP_1_1.into()];
        let (server_name, unverified) = (self.server_name, self.unverified);
        Ok(TlsClient { server_name, unverified, ..TlsClient::from_rustls(Arc::new(config)) })
    }
}

impl fmt::Debug for TlsClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClientBuilder")
            .field("roots", &self.roots)
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

fn verifier(
    roots: Roots,
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    match roots {
        #[cfg(feature = "rustls-platform-verifier")]
        Roots::Platform => platform(authorities, provider),
        #[cfg(feature = "rustls-webpki-roots")]
        Roots::WebPki => {
            let mut store = RootCertStore::empty();
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            listed(store, authorities, provider)
        }
        Roots::Nobody => listed(RootCertStore::empty(), authorities, provider),
    }
}

#[cfg(all(feature = "rustls-platform-verifier", not(target_os = "android")))]
fn platform(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    use rustls_platform_verifier::Verifier;

    match Verifier::new_with_extra_roots(authorities, provider.clone()) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        // The system has none. The authorities were looked at before.
        Err(rustls::Error::General(_)) => Err(TlsConfigError::NoRoots),
        Err(error) => Err(TlsConfigError::of_library(error)),
    }
}

#[cfg(all(feature = "rustls-platform-verifier", target_os = "android"))]
fn platform(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    use rustls_platform_verifier::Verifier;

    // Android's verifier takes no further authorities.
    if !authorities.is_empty() {
        return listed(RootCertStore::empty(), authorities, provider);
    }
    Ok(Arc::new(Verifier::new(provider.clone()).map_err(TlsConfigError::of_library)?))
}

fn listed(
    mut store: RootCertStore,
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    for authority in authorities {
        store.add(authority).map_err(TlsConfigError::of_library)?;
    }
    if store.is_empty() {
        return Err(TlsConfigError::NoRoots);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
    // Its other errors are those of revocation lists, of which there are none.
    verifier.build().map(|verifier| verifier as _).map_err(|_| TlsConfigError::NoRoots)
}
