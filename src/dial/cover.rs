//! TLS with a proxy of `https://`, around the conversation with it and around all that follows.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Buf;

use super::proxy::ProxyServer;
use crate::report::{ProxyFailure, TlsError, TlsFacts};
use crate::tls::{TlsConfigError, TlsLayer};

/// As much plaintext is read at once.
const PIECE: usize = 1024;

/// TLS with a proxy, if there is any.
#[derive(Debug, Default)]
pub(super) struct Cover(Option<Box<TlsLayer>>);

impl Cover {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// That of a proxy which speaks it.
    pub(super) fn of(proxy: &ProxyServer) -> Result<Self, ProxyFailure> {
        let layer = proxy.tls_layer().ok_or(ProxyFailure::NoTls)?;
        match layer {
            Ok(layer) => Ok(Self(Some(Box::new(layer)))),
            Err(TlsConfigError::ServerName) => Err(ProxyFailure::NoTlsName),
            Err(_) => Err(ProxyFailure::Tls(TlsError::Local)),
        }
    }

    /// Whether there is any.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether its handshake is under way, or has failed.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.as_deref().is_some_and(|layer| !layer.is_established())
    }

    /// Whether the proxy has said in TLS that nothing more comes.
    pub(super) fn is_closed(&self) -> bool {
        self.0.as_deref().is_some_and(TlsLayer::is_peer_closed)
    }

    /// Whether nothing more comes, for whatever reason.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed() || self.failure().is_some()
    }

    /// Why it has failed, if it has.
    pub(super) fn failure(&self) -> Option<TlsError> {
        self.0.as_deref().and_then(TlsLayer::failure)
    }

    /// What is known of it.
    pub(super) fn facts(&self) -> Option<&TlsFacts> {
        self.0.as_deref().map(TlsLayer::facts)
    }

    /// What is ready to leave.
    pub(super) fn output(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |layer| layer.output().front())
    }

    /// Encrypts what of this is not, if it can be by now.
    pub(super) fn encrypt(&mut self, output: &[u8]) {
        if let Some(layer) = self.0.as_deref_mut() {
            layer.encrypt(output);
        }
    }

    /// So much of the output has left. Returns how much of what was encrypted has by that.
    pub(super) fn consume(&mut self, count: usize) -> usize {
        self.0.as_deref_mut().map_or(count, |layer| layer.consume(count))
    }

    /// Forgets what is ready to leave: it never will.
    pub(super) fn clear(&mut self) {
        if let Some(layer) = self.0.as_deref_mut() {
            layer.clear();
        }
    }

    /// Decrypts what was read. What comes behind a failure, or behind the end, is thrown away.
    pub(super) fn decrypt(&mut self, mut input: &[u8]) -> Vec<u8> {
        let mut plaintext = Vec::new();
        let Some(layer) = self.0.as_deref_mut() else { return plaintext };
        while !input.is_empty() {
            let taken = layer.take(input);
            input.advance(taken.ciphertext.min(input.len()));
            loop {
                let begin = plaintext.len();
                plaintext.resize(begin + PIECE, 0);
                let len = layer.read(plaintext.get_mut(begin..).unwrap_or_default());
                plaintext.truncate(begin + len);
                if len == 0 {
                    break;
                }
            }
        }
        plaintext
    }

    /// The layer itself.
    pub(super) fn into_layer(self) -> Option<Box<TlsLayer>> {
        self.0
    }
}
