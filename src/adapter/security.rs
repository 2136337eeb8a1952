//! The TLS of a client's connection, for both adapters: with whose settings it is spoken.

use crate::adapter::{ConnectError, ConnectOptions};
use crate::handshake::ClientRequest;
#[cfg(feature = "rustls")]
use crate::tls::{TlsClient, TlsLayer};

/// The TLS of a connection, if there is any.
#[cfg(feature = "rustls")]
pub(super) type Layer = Option<TlsLayer>;
#[cfg(not(feature = "rustls"))]
pub(super) type Layer = Option<core::convert::Infallible>;

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
        if !request.secure() {
            return Some(Self { tls: None });
        }
        options.tls.clone().or_else(TlsClient::shared_if_made).map(|tls| Self { tls: Some(tls) })
    }

    /// Makes the default ones, once in a process. That may read the system's certificates from disk.
    pub(super) fn make() -> Result<Self, ConnectError> {
        Ok(Self { tls: Some(TlsClient::shared()?) })
    }

    /// The TLS that the request's URL asks for. `first` is the request that was not redirected.
    pub(super) fn layer(
        &self,
        request: &ClientRequest,
        first: &ClientRequest,
    ) -> Result<Layer, ConnectError> {
        //= rfc6455#4.1
        //# If /secure/ is true, the client MUST perform a TLS handshake over the
        //# connection after opening the connection and before sending the
        //# handshake data [RFC2818].
        //= rfc6455#10.6
        //# WebSocket implementations MUST support TLS and SHOULD employ it when
        //# communicating with their peers.
        Ok(match &self.tls {
            Some(tls) if first.is_same_place(request) => Some(tls.layer(request.host())?),
            Some(tls) => Some(tls.for_another_host().layer(request.host())?),
            None => None,
        })
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

    pub(super) fn layer(
        &self,
        request: &ClientRequest,
        _: &ClientRequest,
    ) -> Result<Layer, ConnectError> {
        if request.secure() { Err(ConnectError::TlsNeeded) } else { Ok(None) }
    }
}

#[cfg(all(test, not(feature = "rustls")))]
mod tests {
    use super::*;

    #[test]
    fn tls_is_not_spoken_without_its_feature() {
        let request = ClientRequest::new("wss://example.com/").expect("a URL");
        let settings = Settings::at_hand(&request, &ConnectOptions::new()).expect("there are none");
        assert!(matches!(settings.layer(&request, &request), Err(ConnectError::TlsNeeded)));
    }
}
