//! What came of a dial.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::report::DialRecord;
#[cfg(all(feature = "std", unix))]
use crate::report::PhaseSpan;
#[cfg(all(feature = "std", unix))]
use crate::time::Timestamp;

/// A stream that leads to the server, as far as a [`Dial`](super::Dial) knows of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dialled {
    /// What has happened.
    pub record: Box<DialRecord>,
    /// What was read behind the proxy's answer: it is the server's.
    pub read: Vec<u8>,
}

impl Dialled {
    /// A stream of this machine's own, which was connected without a race.
    #[cfg(all(feature = "std", unix))]
    pub(crate) fn local(began: Timestamp, now: Timestamp) -> Self {
        let mut record = Box::new(DialRecord::new(began));
        record.connect = Some(PhaseSpan { began, ended: Some(now) });
        record.ended = now;
        Self { record, read: Vec::new() }
    }
}

/// There is no connection: the record says why, and has every address with its own error.
#[derive(Debug, Clone, PartialEq)]
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

impl core::error::Error for DialError {}
