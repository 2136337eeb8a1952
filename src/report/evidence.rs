//! What was seen of a connection, in numbers.

use core::time::Duration;

use super::{Phase, Position};
use crate::time::Timestamp;

/// What was seen while the connection lived. Of fixed size, and always collected.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Evidence {
    /// The phase in which delivery stopped; the present one before that.
    pub phase: Phase,
    /// Where in the peer's stream that was.
    pub position: Position,
    /// When the connection was established; for a failed opening handshake, when that began.
    pub opened: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// When the last byte came.
    pub last_received: Option<Timestamp>,
    /// When the transport last accepted a byte.
    pub last_flushed: Option<Timestamp>,
    /// When a message, or a piece of one, last came.
    pub last_data: Option<Timestamp>,
    /// The last message that was queued for sending, or the part of it that was.
    pub last_sent: Option<SentMessage>,
    /// The heartbeat's Pings.
    pub pings: Pings,
    /// What came in.
    pub received: Traffic,
    /// What was queued for sending.
    pub sent: Traffic,
    /// Bytes that came after the peer's Close, or after this end had failed the connection, and
    /// were thrown away.
    pub discarded: u64,
    /// Bytes that were queued and not yet accepted by the transport.
    pub pending_output: u64,
    /// How late a deadline was handled at the worst.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub timer_lateness: Duration,
    /// When a deadline was last handled, or still overdue, by more than the heartbeat's timeout
    /// (20 s without a heartbeat): this process had slept or starved until then. To the second.
    pub suspended_at: Option<Timestamp>,
    /// The HTTP status of a failed opening handshake.
    pub http_status: Option<u16>,
}

impl Evidence {
    /// How long the connection was open, or its opening handshake under way.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.ended.since(self.opened)
    }

    /// For how long no byte had gone either way at the end.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        let last = self.last_received.max(self.last_flushed).unwrap_or(self.opened);
        self.ended.since(last.max(self.opened))
    }

    /// Of a connection whose opening handshake begins `now`.
    pub(crate) fn before_open(now: Timestamp) -> Self {
        Self {
            phase: Phase::Opening,
            position: Position::OpeningHandshake,
            opened: now,
            ended: now,
            last_received: None,
            last_flushed: None,
            last_data: None,
            last_sent: None,
            pings: Pings::default(),
            received: Traffic::default(),
            sent: Traffic::default(),
            discarded: 0,
            pending_output: 0,
            timer_lateness: Duration::ZERO,
            suspended_at: None,
            http_status: None,
        }
    }
}

/// A message that was queued for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SentMessage {
    /// When it was queued; of one sent in fragments, the latest of them.
    pub queued: Timestamp,
    /// Bytes of its payload, at most 4 GiB.
    pub len: u64,
    /// Bytes of the largest message before it, at most 4 GiB; zero where there was none.
    pub largest_before: u64,
}

/// The heartbeat in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Pings {
    /// Pings queued by the heartbeat.
    pub sent: u32,
    /// Of these, how many no Pong has acknowledged.
    pub outstanding: u32,
    /// When the latest was queued.
    pub last_queued: Option<Timestamp>,
    /// When the transport accepted the last byte of the latest.
    pub last_flushed: Option<Timestamp>,
    /// Round trips, where one was measured.
    pub rtt: Option<Rtt>,
    /// The interval that the heartbeat is set to; `None` without a heartbeat.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub interval: Option<Duration>,
    /// How long the heartbeat waited for a sign of life after a Ping, at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub timeout: Option<Duration>,
}

/// Round-trip times, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Rtt {
    /// The latest.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub last: Duration,
    /// The shortest.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub min: Duration,
    /// Smoothed as TCP does it (RFC 6298).
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub smoothed: Duration,
    /// The mean deviation from the smoothed value.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub variance: Duration,
}

/// Bytes, frames and messages of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Traffic {
    /// Bytes, frame headers included.
    pub bytes: u64,
    /// Frames, control frames included.
    pub frames: u64,
    /// Whole messages.
    pub messages: u64,
}
