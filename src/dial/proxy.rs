//! Which proxy a connection goes through: one that is named, or the one that the environment names.
//!
//! Invariant: what is in here can be used as it is. Credentials are never shown.

mod bypass;
#[cfg(feature = "std")]
mod env;

use alloc::boxed::Box;
use alloc::string::String;
#[cfg(feature = "rustls")]
use alloc::sync::Arc;
use core::fmt;
#[cfg(feature = "rustls")]
use core::panic::AssertUnwindSafe;

use crate::handshake::{AuthorityError, ClientRequest, percent_decode, split_authority};
use crate::report::ProxyKind;
#[cfg(feature = "rustls")]
use crate::tls::{TlsClient, TlsConfigError, TlsLayer};

use bypass::Bypass;
#[cfg(feature = "std")]
pub use env::ProxyEnvError;

/// The proxies to go through, and the servers that are reached without one.
///
/// None is used unless it is asked for. [`new`](Self::new) names one for every server;
/// `from_env`, with feature `std`, takes what the environment says.
///
/// ```
/// use farewell::dial::Proxy;
/// use farewell::handshake::ClientRequest;
///
/// let proxy = Proxy::new("http://proxy.example:3128")?
///     .credentials("user", "password")?
///     .bypass("localhost, .internal.example, 10.0.0.0/8")?;
/// let public = ClientRequest::new("wss://example.com/")?;
/// let internal = ClientRequest::new("ws://chat.internal.example/")?;
/// assert_eq!(proxy.server_for(&public).map(|server| server.port()), Some(3128));
/// assert!(proxy.server_for(&internal).is_none());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// For `ws://`.
    plain: Option<ProxyServer>,
    /// For `wss://`.
    secure: Option<ProxyServer>,
    bypass: Bypass,
}

impl Proxy {
    /// One proxy for every server: `http://host:port`, `https://host:port` or `socks5://host:port`.
    ///
    /// With an `https://` one, TLS is spoken below everything that is said to it and through it; that
    /// needs feature `wss`, as `wss://` URLs do, or a dial fails with
    /// [`ProxyFailure::NoTls`](super::ProxyFailure::NoTls).
    ///
    /// The port defaults to 80, 443 and 1080. `socks5h` is the same as `socks5`: names are always the
    /// proxy's to resolve. Without a scheme, `http` is meant. User and password may stand before the
    /// host, percent-encoded.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL, and where.
    pub fn new(url: &str) -> Result<Self, ProxyError> {
        let server = ProxyServer::parse(url)?;
        Ok(Self { plain: Some(server.clone()), secure: Some(server), bypass: Bypass::default() })
    }

    /// The same with user and password: for Basic (RFC 7617), or for SOCKS5 (RFC 1929).
    ///
    /// # Errors
    ///
    /// A user with a colon or without a character, a control character, or more than 255 bytes
    /// where the proxy speaks SOCKS5.
    pub fn credentials(mut self, user: &str, password: &str) -> Result<Self, ProxyError> {
        for server in self.plain.iter_mut().chain(&mut self.secure) {
            server.credentials = Some(Credentials::new(user, password, server.kind)?);
        }
        Ok(self)
    }

    /// The same, with these settings for the TLS with an `https://` proxy: for an authority that its
    /// certificate alone is issued by, or a certificate of this client's that it wants to see.
    ///
    /// By default, who is trusted in [`ConnectOptions::tls`](crate::ConnectOptions::tls) is trusted to
    /// be the proxy, too; a certificate of the client's, and a server's name, are not for it. What
    /// [`TlsClient::inspect`] shows is never what is said to a proxy.
    ///
    /// ```no_run
    /// use farewell::dial::Proxy;
    /// use farewell::tls::TlsClient;
    ///
    /// let tls = TlsClient::builder().ca_pem(std::fs::read("proxy-authority.pem")?)?.build()?;
    /// let proxy = Proxy::new("https://proxy.example")?.tls(tls);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        let tls = ProxyTls::new(tls);
        for server in self.servers_with_tls() {
            server.tls = Some(tls.clone());
        }
        self
    }

    /// The same where nothing was set.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_by_default(mut self, tls: &TlsClient) -> Self {
        for server in self.servers_with_tls().filter(|server| server.tls.is_none()) {
            server.tls = Some(ProxyTls::new(tls.for_another_host()));
        }
        self
    }

    #[cfg(feature = "rustls")]
    fn servers_with_tls(&mut self) -> impl Iterator<Item = &mut ProxyServer> {
        let servers = self.plain.iter_mut().chain(&mut self.secure);
        servers.filter(|server| server.kind == ProxyKind::Https)
    }

    /// The same, but for these servers, which are reached directly: as in `NO_PROXY`, a list with
    /// commas or blanks.
    ///
    /// `example.com` and `.example.com` are that name and every name below it, `192.0.2.1` and
    /// `2001:db8::1` an address, `10.0.0.0/8` all of them, `*` everything. A port behind a colon
    /// restricts a name or an address to it: `example.com:8080`, `[::1]:8080`. Names are not
    /// resolved for it.
    ///
    /// # Errors
    ///
    /// The number of the entry that makes no sense.
    pub fn bypass(mut self, list: &str) -> Result<Self, ProxyError> {
        self.bypass.add(list)?;
        Ok(self)
    }

    /// The proxy for this request; nothing where its server is reached directly.
    #[must_use]
    pub fn server_for(&self, request: &ClientRequest) -> Option<&ProxyServer> {
        let server = if request.secure() { &self.secure } else { &self.plain };
        let server = server.as_ref()?;
        (!self.bypass.has(request.host(), request.port())).then_some(server)
    }
}

/// One proxy.
///
/// `Debug` shows whether there are credentials, never which.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    kind: ProxyKind,
    host: Box<str>,
    port: u16,
    credentials: Option<Credentials>,
    #[cfg(feature = "rustls")]
    tls: Option<ProxyTls>,
}

impl ProxyServer {
    fn parse(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (kind, default) = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => (ProxyKind::Http, 80),
            _ if scheme.eq_ignore_ascii_case("https") => (ProxyKind::Https, 443),
            _ if scheme.eq_ignore_ascii_case("socks5") => (ProxyKind::Socks5, 1080),
            _ if scheme.eq_ignore_ascii_case("socks5h") => (ProxyKind::Socks5, 1080),
            _ => return Err(ProxyError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !matches!(path, "" | "/") {
            return Err(ProxyError::Path);
        }
        let (user_info, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => (Some(user_info), authority),
            None => (None, authority),
        };
        let (host, port) = split_authority(authority).map_err(|error| match error {
            AuthorityError::Host => ProxyError::Host,
            AuthorityError::Port => ProxyError::Port,
        })?;
        let credentials = match user_info {
            Some(user_info) => {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let decode = |text| percent_decode(text).ok_or(ProxyError::UserInfo);
                Some(Credentials::new(&decode(user)?, &decode(password)?, kind)?)
            }
            None => None,
        };
        let host = host.trim_matches(['[', ']']).into();
        Ok(Self {
            kind,
            host,
            port: port.unwrap_or(default),
            credentials,
            #[cfg(feature = "rustls")]
            tls: None,
        })
    }

    /// What it speaks.
    #[must_use]
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its host: a name or an address, an IPv6 one without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is given user and password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Whether it speaks TLS, and nobody has said with which settings.
    #[cfg(feature = "rustls")]
    pub(crate) fn lacks_tls(&self) -> bool {
        self.kind == ProxyKind::Https && self.tls.is_none()
    }

    /// The TLS of one connection to it.
    #[cfg(feature = "rustls")]
    pub(super) fn tls_layer(&self) -> Option<Result<TlsLayer, TlsConfigError>> {
        self.tls.as_ref().map(|ProxyTls(tls)| tls.without_inspector().layer(&self.host))
    }

    pub(super) fn user_and_password(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|Credentials { user, password }| (&**user, &**password))
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyServer")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.has_credentials())
            .finish()
    }
}

/// The settings of TLS with a proxy. They equal themselves and their clones.
#[cfg(feature = "rustls")]
#[derive(Clone)]
struct ProxyTls(Arc<AssertUnwindSafe<TlsClient>>);

#[cfg(feature = "rustls")]
impl ProxyTls {
    fn new(tls: TlsClient) -> Self {
        Self(Arc::new(AssertUnwindSafe(tls)))
    }
}

#[cfg(feature = "rustls")]
impl PartialEq for ProxyTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "rustls")]
impl Eq for ProxyTls {}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    fn new(user: &str, password: &str, kind: ProxyKind) -> Result<Self, ProxyError> {
        const SOCKS_LIMIT: usize = 255;
        let too_long = user.len().max(password.len()) > SOCKS_LIMIT;
        match kind {
            ProxyKind::Socks5 if too_long => return Err(ProxyError::CredentialsTooLong),
            ProxyKind::Http | ProxyKind::Https if user.contains(':') => {
                return Err(ProxyError::UserInfo);
            }
            ProxyKind::Socks5 | ProxyKind::Http | ProxyKind::Https => {}
        }
        if user.is_empty() || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(ProxyError::UserInfo);
        }
        Ok(Self { user: user.into(), password: password.into() })
    }
}

/// What is wrong with the description of a proxy. Nothing of what was given is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The scheme is none of those that are spoken.
    #[error("the proxy's scheme is not http, https, socks5 or socks5h")]
    Scheme,
    /// The host is missing or malformed.
    #[error("the proxy's host is missing or malformed")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the proxy's port is not a number from 1 to 65535")]
    Port,
    /// There is a path, a query or a fragment behind the host: a proxy has none.
    #[error("the proxy's URL has a path, a query or a fragment")]
    Path,
    /// The user is empty, or has a colon where Basic is spoken; or user or password has a control
    /// character or a percent sign that encodes nothing.
    #[error("the proxy's user or password is malformed")]
    UserInfo,
    /// User or password has more than 255 bytes, which SOCKS5 cannot say.
    #[error("the proxy's user or password is longer than the 255 bytes of SOCKS5")]
    CredentialsTooLong,
    /// This entry of the list of servers without a proxy makes no sense.
    #[error("entry {entry} of the list of servers without a proxy is no name, address or network")]
    Bypass {
        /// Its number, from 1.
        entry: usize,
    },
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn urls_of_proxies_come_apart() {
        let cases = [
            ("http://proxy.example:3128", (ProxyKind::Http, "proxy.example", 3128, None)),
            ("proxy.example:3128/", (ProxyKind::Http, "proxy.example", 3128, None)),
            ("HTTPS://proxy.example", (ProxyKind::Https, "proxy.example", 443, None)),
            ("socks5://[::1]:1081", (ProxyKind::Socks5, "::1", 1081, None)),
            ("socks5h://10.0.0.1", (ProxyKind::Socks5, "10.0.0.1", 1080, None)),
            ("http://u:p%40%3a@h", (ProxyKind::Http, "h", 80, Some(("u", "p@:")))),
            ("http://u:p@ss@h", (ProxyKind::Http, "h", 80, Some(("u", "p@ss")))),
            ("socks5://u@h", (ProxyKind::Socks5, "h", 1080, Some(("u", "")))),
        ];
        for (url, expected) in cases {
            let server = ProxyServer::parse(url).unwrap();
            let seen = (server.kind, server.host(), server.port, server.user_and_password());
            assert_eq!(seen, expected, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_proxy_is_named() {
        let long = format!("socks5://{}:p@h", "u".repeat(256));
        let cases = [
            ("ftp://h", ProxyError::Scheme),
            ("socks4://h", ProxyError::Scheme),
            ("", ProxyError::Host),
            ("http://", ProxyError::Host),
            ("http://a b", ProxyError::Host),
            ("http://u:p@", ProxyError::Host),
            ("http://h:0", ProxyError::Port),
            ("http://h:99999", ProxyError::Port),
            ("http://h/path", ProxyError::Path),
            ("http://h?q", ProxyError::Path),
            ("http://@h", ProxyError::UserInfo),
            ("http://u%:p@h", ProxyError::UserInfo),
            ("http://u%ff:p@h", ProxyError::UserInfo),
            ("http://u%0d%0aEvil:p@h", ProxyError::UserInfo),
            ("http://u%3a:p@h", ProxyError::UserInfo),
            (&long, ProxyError::CredentialsTooLong),
        ];
        for (url, error) in cases {
            assert_eq!(Proxy::new(url), Err(error), "{url}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let proxy = Proxy::new("http://alice:sesame@h").unwrap();
        let shown = format!("{proxy:?}");
        assert!(!shown.contains("alice") && !shown.contains("sesame"), "{shown}");
        assert!(shown.contains("has_credentials: true"), "{shown}");
    }
}
