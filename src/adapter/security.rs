//! The TLS of a client's connection, for both adapters: with whose settings it is spoken.

use alloc::borrow::Cow;

use crate::adapter::{ConnectError, ConnectOptions};
use crate::dial::DialOptions;
#[cfg(feature = "rustls")]
use crate::dial::ProxyServer;
use crate::handshake::ClientRequest;
#[cfg(feature = "rustls")]
use crate::tls::{TlsClient, TlsLayer};

/// The TLS of a connection, if there is any.
#[cfg(feature = "rustls")]
pub(super) type Layer = Option<TlsLayer>;
#[cfg(not(feature = "rustls"))]
pub(super) type Layer = Option<core::convert::Infallible>;

/// What one connection needs besides its request.
pub(super) struct Way<'a> {
    pub(super) dial: Cow<'a, DialOptions>,
    pub(super) layer: Layer,
}

/// The settings of TLS for one request: those that were given, else the default ones.
pub(super) struct Settings {
    /// Nothing where no TLS is to be spoken.
    #[cfg(feature = "rustls")]
    tls: Option<TlsClient>,
}

#[cfg(feature = "rustls")]
impl Settings {
    /// Those for this request, unless the default ones are needed and nobody has made them yet.
    pub(super) fn at_hand(request: &ClientRequest, options: &ConnectOptions) -> Option<Self> {
        let proxy = options.dial.proxy.as_ref().and_then(|proxy| proxy.server_for(request));
        if !request.secure() && !proxy.is_some_and(ProxyServer::lacks_tls) {
            return Some(Self { tls: None });
        }
        options.tls.clone().or_else(TlsClient::shared_if_made).map(|tls| Self { tls: Some(tls) })
    }

    /// Makes the default ones, once in a process. That may read the system's certificates from disk.
    pub(super) fn make() -> Result<Self, ConnectError> {
        Ok(Self { tls: Some(TlsClient::shared()?) })
    }

    /// The TLS that the request's URL asks for. `first` is the request that was not redirected.
    fn layer(&self, request: &ClientRequest, first: &ClientRequest) -> Result<Layer, ConnectError> {
        //= rfc6455#4.1
        //# If /secure/ is true, the client MUST perform a TLS handshake over the
        //# connection after opening the connection and before sending the
        //# handshake data [RFC2818].
        //= rfc6455#10.6
        //# WebSocket implementations MUST support TLS and SHOULD employ it when
        //# communicating with their peers.
        Ok(match self.tls.as_ref().filter(|_| request.secure()) {
            Some(tls) if first.is_same_place(request) => Some(tls.layer(request.host())?),
            Some(tls) => Some(tls.for_another_host().layer(request.host())?),
            None => None,
        })
    }

    /// Has a proxy that speaks TLS do so with these settings, where it has none.
    fn set_for_proxy(&self, request: &ClientRequest, options: &mut Cow<'_, DialOptions>) {
        let Some((tls, proxy)) = self.tls.as_ref().zip(options.proxy.as_ref()) else { return };
        if proxy.server_for(request).is_some_and(ProxyServer::lacks_tls) {
            let proxy = proxy.clone().tls_by_default(tls);
            options.to_mut().proxy = Some(proxy);
        }
    }
}

#[cfg(not(feature = "rustls"))]
#[allow(clippy::unused_self, reason = "as where there is TLS")]
impl Settings {
    pub(super) fn at_hand(_: &ClientRequest, _: &ConnectOptions) -> Option<Self> {
        Some(Self {})
    }

    pub(super) fn make() -> Result<Self, ConnectError> {
        Ok(Self {})
    }

    fn layer(&self, request: &ClientRequest, _: &ClientRequest) -> Result<Layer, ConnectError> {
        if request.secure() { Err(ConnectError::TlsNeeded) } else { Ok(None) }
    }

    fn set_for_proxy(&self, _: &ClientRequest, _: &mut Cow<'_, DialOptions>) {}
}

impl Settings {
    /// The way to where this request leads. `first` is the one that was not redirected, to which alone
    /// given addresses belong.
    pub(super) fn way<'a>(
        &self,
        request: &ClientRequest,
        options: &'a ConnectOptions,
        first: &ClientRequest,
    ) -> Result<Way<'a>, ConnectError> {
        let layer = self.layer(request, first)?;
        let mut dial = Cow::Borrowed(&*options.dial);
        if dial.addresses.is_some() && !first.is_same_place(request) {
            dial.to_mut().addresses = None;
        }
        self.set_for_proxy(request, &mut dial);
        Ok(Way { dial, layer })
    }
}

#[cfg(all(test, not(feature = "rustls")))]
mod tests {
    use super::*;

    #[test]
    fn tls_is_not_spoken_without_its_feature() {
        let request = ClientRequest::new("wss://example.com/").expect("a URL");
        let options = ConnectOptions::new();
        let settings = Settings::at_hand(&request, &options).expect("there are none");
        assert!(matches!(settings.way(&request, &options, &request), Err(ConnectError::TlsNeeded)));
    }
}
