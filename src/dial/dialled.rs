//! What came of a dial.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{Dial, Stage};
use crate::report::DialRecord;
#[cfg(all(feature = "std", unix))]
use crate::report::PhaseSpan;
#[cfg(all(feature = "std", unix))]
use crate::time::Timestamp;
#[cfg(feature = "rustls")]
use crate::tls::TlsLayer;

impl Dial {
    /// What has happened so far.
    #[must_use]
    pub fn record(&self) -> &DialRecord {
        &self.record
    }

    /// What came of it. Before [`Step::Connected`](super::Step::Connected), that is a failure whose
    /// record says how far it had got.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub fn into_result(mut self) -> Result<Dialled, DialError> {
        if !matches!(self.stage, Stage::Failed) {
            self.record.ended = self.now;
        }
        let record = Box::new(self.record);
        match self.stage {
            #[cfg(feature = "rustls")]
            Stage::Connected(_, read, cover) => {
                Ok(Dialled { record, read, tunnel: cover.into_layer() })
            }
            #[cfg(not(feature = "rustls"))]
            Stage::Connected(_, read, _) => Ok(Dialled { record, read }),
            Stage::Resolve { .. } | Stage::Connect(_) | Stage::Proxy(..) | Stage::Failed => {
                Err(DialError { record })
            }
        }
    }
}

/// A stream that leads to the server, as far as a [`Dial`](super::Dial) knows of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dialled {
    /// What has happened.
    pub record: Box<DialRecord>,
    /// What was read behind the proxy's answer: it is the server's.
    pub read: Vec<u8>,
    /// TLS with an `https://` proxy, where one is used, for
    /// [`Driver::with_tunnel`](crate::driver::Driver::with_tunnel): all that is still to be said goes
    /// through it.
    #[cfg(feature = "rustls")]
    pub tunnel: Option<Box<TlsLayer>>,
}

impl Dialled {
    /// A stream of this machine's own, which was connected without a race.
    #[cfg(all(feature = "std", unix))]
    pub(crate) fn local(began: Timestamp, now: Timestamp) -> Self {
        let mut record = Box::new(DialRecord::new(began));
        record.connect = Some(PhaseSpan { began, ended: Some(now) });
        record.ended = now;
        Self {
            record,
            read: Vec::new(),
            #[cfg(feature = "rustls")]
            tunnel: None,
        }
    }
}

/// There is no connection: the record says why, and has every address with its own error.
///
/// `{:?}` shows the same sentence as `{}`, and `{:#?}` the whole record.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct DialError {
    /// What has happened.
    pub record: Box<DialRecord>,
}

/// The failure, and the addresses that were tried.
impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt_failure(f)
    }
}

impl fmt::Debug for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_struct("DialError").field("record", &self.record).finish();
        }
        write!(f, "DialError({self})")
    }
}

impl core::error::Error for DialError {}
