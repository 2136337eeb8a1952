//! What stands for TLS with a proxy where TLS is not compiled in: nothing.

use alloc::vec::Vec;

use super::proxy::ProxyServer;
use crate::report::{ProxyFailure, TlsError, TlsFacts};

#[derive(Debug, Default)]
pub(super) struct Cover;

#[allow(clippy::unused_self, reason = "as where there is TLS")]
impl Cover {
    pub(super) fn none() -> Self {
        Self
    }

    pub(super) fn of(_: &ProxyServer) -> Result<Self, ProxyFailure> {
        Err(ProxyFailure::NoTls)
    }

    pub(super) fn is_on(&self) -> bool {
        false
    }

    pub(super) fn is_under_way(&self) -> bool {
        false
    }

    pub(super) fn is_closed(&self) -> bool {
        false
    }

    pub(super) fn is_over(&self) -> bool {
        false
    }

    pub(super) fn failure(&self) -> Option<TlsError> {
        None
    }

    pub(super) fn facts(&self) -> Option<&TlsFacts> {
        None
    }

    pub(super) fn output(&self) -> &[u8] {
        &[]
    }

    pub(super) fn encrypt(&mut self, _: &[u8]) {}

    pub(super) fn consume(&mut self, count: usize) -> usize {
        count
    }

    pub(super) fn clear(&mut self) {}

    pub(super) fn decrypt(&mut self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}
