//! What was seen of a connection, in numbers.

use core::time::Duration;

use super::{FirstBytes, Initiator, Phase, Position, TransportFailure};
use crate::handshake::Carrier;
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
    /// What carries the connection: one of its own, upgraded from HTTP/1.1, unless who spoke the
    /// opening handshake has said something else.
    pub carrier: Carrier,
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
    /// The peer's Pings, and what became of our Pongs.
    pub peer_pings: PeerPings,
    /// The peer's Close, and the silence before it.
    pub close_received: Option<CloseReceived>,
    /// What came in.
    pub received: Traffic,
    /// What was queued for sending.
    pub sent: Traffic,
    /// Bytes that came after the peer's Close, or after this end had failed the connection, and
    /// were thrown away.
    pub discarded: u64,
    /// Bytes that were queued and not yet accepted by the transport.
    pub pending_output: u64,
    /// How late a deadline was handled, or found overdue by any other call, at the worst. A process
    /// that was late slept or starved for at least so long.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub timer_lateness: Duration,
    /// When a deadline was last handled, or still overdue, by more than the heartbeat's timeout
    /// (20 s without a heartbeat): this process had slept or starved until then. To the second.
    pub suspended_at: Option<Timestamp>,
    /// The longest time between two calls while the connection was open, where there was a second:
    /// nothing came and no deadline was due, or nobody was there.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub longest_gap: Duration,
    /// The last such time of a second or more.
    pub last_gap: Option<Gap>,
    /// The HTTP status of a failed opening handshake.
    pub http_status: Option<u16>,
    /// The first bytes of a peer that does not speak HTTP in the opening handshake; later, those of
    /// an HTTP response where a frame was expected.
    pub unexpected: Option<FirstBytes>,
    /// What the transport said when it failed, where the caller told more than the kind.
    pub failure: Option<TransportFailure>,
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

    /// When it was decided that the connection ends: where the peer's Close began that, when it
    /// came.
    pub(crate) fn end(&self, initiator: Initiator) -> Timestamp {
        self.peer_began(initiator).map_or(self.ended, |close| close.at)
    }

    /// For how long no byte had gone either way then.
    pub(crate) fn quiet_before(&self, initiator: Initiator) -> Duration {
        self.peer_began(initiator).map_or_else(|| self.quiet(), |close| close.quiet)
    }

    fn peer_began(&self, initiator: Initiator) -> Option<CloseReceived> {
        self.close_received.filter(|_| initiator == Initiator::Peer)
    }

    /// Of a connection whose opening handshake begins `now`.
    pub(crate) fn before_open(now: Timestamp) -> Self {
        Self {
            phase: Phase::Opening,
            position: Position::OpeningHandshake,
            carrier: Carrier::default(),
            opened: now,
            ended: now,
            last_received: None,
            last_flushed: None,
            last_data: None,
            last_sent: None,
            pings: Pings::default(),
            peer_pings: PeerPings::default(),
            close_received: None,
            received: Traffic::default(),
            sent: Traffic::default(),
            discarded: 0,
            pending_output: 0,
            timer_lateness: Duration::ZERO,
            suspended_at: None,
            longest_gap: Duration::ZERO,
            last_gap: None,
            http_status: None,
            unexpected: None,
            failure: None,
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

/// The Pings that the peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PeerPings {
    /// How many came.
    pub received: u32,
    /// When the latest came.
    pub last: Option<Timestamp>,
    /// When the transport accepted the last byte of the Pong for it; `None` where it never did.
    pub answered: Option<Timestamp>,
}

/// When the peer's Close came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CloseReceived {
    /// When.
    pub at: Timestamp,
    /// For how long no frame had come and no byte had left before it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub quiet: Duration,
}

/// A time of a second or more in which nobody called the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Gap {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it was, to the millisecond.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub span: Duration,
    /// By how much a deadline was overdue then: for at least so long somebody should have called. To
    /// the millisecond.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub late: Duration,
}

/// Round-trip times, to the microsecond.
///
/// From when the Ping was written into the output, where nothing was waiting there before it, and
/// else from when the write that took it had returned; until its Pong was read. The time in which
/// this end was slow to read is therefore in it.
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
