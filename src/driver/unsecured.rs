//! What stands for TLS where that is not compiled in: nothing.

use super::{Driver, Step, Want};
use crate::report::{ReadEnd, Termination, TlsFacts, TransportError};
use crate::session::{Output, Session};
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct Security;

#[allow(clippy::unused_self, reason = "as where there is TLS")]
impl Security {
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self
    }

    #[inline(always)]
    pub(super) fn is_on(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn wants_write(&self, _: &mut Session, _: bool) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        session.output()
    }

    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn ready_output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        session.ready_output()
    }

    #[inline(always)]
    pub(super) fn written(&mut self, len: usize) -> usize {
        len
    }

    #[inline(always)]
    pub(super) fn forget_output(&mut self) {}

    #[inline(always)]
    pub(super) fn close(&mut self, _: Option<&Termination>) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn is_closed(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn write_failure(&self) -> Option<TransportError> {
        None
    }

    #[inline(always)]
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        None
    }

    #[inline(always)]
    pub(super) fn facts(&self) -> Option<&TlsFacts> {
        None
    }

    #[inline(always)]
    pub(super) fn tell(&self, _: &mut Termination) {}
}

#[allow(clippy::unused_self, reason = "as where there is TLS")]
impl Driver {
    #[inline(always)]
    pub(super) fn read_ciphertext(&mut self, _: &mut [u8]) {}

    #[inline(always)]
    pub(super) fn read_behind_tunnel(&mut self, _: &mut [u8]) {}

    #[inline(always)]
    pub(super) fn end_ciphertext(&mut self, end: ReadEnd) -> Option<ReadEnd> {
        Some(end)
    }

    #[inline(always)]
    pub(super) fn note_flushing(&mut self) {}

    #[inline(always)]
    pub(super) fn next_failing(&mut self, _: Want) -> Option<Step> {
        None
    }
}
