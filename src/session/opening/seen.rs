//! What there is to be seen of an opening handshake.
//!
//! Invariant: what of an [`Evidence`] is not here can only come about on an open connection.

use alloc::boxed::Box;
use core::time::Duration;

use crate::report::{Evidence, FirstBytes, Gap, Position, TransportFailure};
use crate::time::Timestamp;

/// The part of its evidence that an opening handshake can have, which is a third of it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) position: Position,
    opened: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) last_received: Option<Timestamp>,
    pub(super) last_flushed: Option<Timestamp>,
    pub(super) timer_lateness: Duration,
    pub(super) longest_gap: Duration,
    pub(super) last_gap: Option<Box<Gap>>,
    pub(super) http_status: Option<u16>,
    pub(super) unexpected: Option<FirstBytes>,
    failure: Option<Box<TransportFailure>>,
}

impl Seen {
    /// Of an opening handshake that begins `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            position: Position::OpeningHandshake,
            opened: now,
            ended: now,
            last_received: None,
            last_flushed: None,
            timer_lateness: Duration::ZERO,
            longest_gap: Duration::ZERO,
            last_gap: None,
            http_status: None,
            unexpected: None,
            failure: None,
        }
    }

    /// The transport failed; the first failure counts.
    pub(super) fn note_failure(&mut self, failure: TransportFailure) {
        self.failure.get_or_insert_with(|| Box::new(failure));
    }

    pub(super) fn complete(&self) -> Evidence {
        Evidence {
            position: self.position,
            ended: self.ended,
            last_received: self.last_received,
            last_flushed: self.last_flushed,
            timer_lateness: self.timer_lateness,
            longest_gap: self.longest_gap,
            last_gap: self.last_gap.as_deref().copied(),
            http_status: self.http_status,
            unexpected: self.unexpected,
            failure: self.failure.as_deref().copied(),
            ..Evidence::before_open(self.opened)
        }
    }
}
