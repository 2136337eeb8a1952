//! What a connection has done so far, in numbers, for monitoring.
//!
//! Built on request from counters that exist anyway. A high-water mark is updated where the value
//! that it measures shrinks, so that no message pays for it.

use super::{Evidence, Phase, Pings, Traffic};
use crate::time::Timestamp;

/// What a connection has done so far, from [`Session::stats`](crate::Session::stats) or
/// [`Connection::stats`](crate::Connection::stats).
///
/// Cheap to take at any time, during the opening handshake and after the end too. Counters only
/// grow, and begin with the connection's first frame: the opening handshake is not in them.
///
/// ```
/// use farewell::handshake::Negotiated;
/// use farewell::{Config, Role, Seed, Session, Timestamp};
///
/// let now = Timestamp::ZERO;
/// let (config, seed) = (Config::default(), Seed::new([1; 32]));
/// let mut session = Session::upgraded(Role::Server, Negotiated::default(), config, seed, now);
/// session.send("hello", now).map_err(|refused| refused.reason)?;
/// session.handle_flushed(5, now);
///
/// let stats = session.stats();
/// assert_eq!((stats.sent.messages, stats.sent.frames, stats.sent.bytes), (1, 1, 7));
/// assert_eq!((stats.flushed, stats.pending_output), (5, 2));
/// assert_eq!(stats.high_water.pending_output, 7);
/// # Ok::<(), farewell::SendError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// How far the connection has got.
    pub phase: Phase,
    /// When it was established; during the opening handshake, when that began.
    pub opened: Timestamp,
    /// The time of the latest call.
    pub now: Timestamp,
    /// When the last byte came.
    pub last_received: Option<Timestamp>,
    /// When the transport last accepted a byte.
    pub last_flushed: Option<Timestamp>,
    /// What came in.
    pub received: Traffic,
    /// What was framed for sending.
    pub sent: Traffic,
    /// Bytes of frames that the transport has accepted.
    pub flushed: u64,
    /// Bytes that came after the end had begun, and were thrown away.
    pub discarded: u64,
    /// The heartbeat's Pings, and its round-trip times.
    pub pings: Pings,
    /// Bytes that wait to be accepted by the transport; of a [`Session`](crate::Session) also those
    /// that are not framed yet.
    pub pending_output: u64,
    /// Bytes of memory that a message takes of which the last piece has not come. A
    /// [`Connection`](crate::Connection) assembles none.
    pub message_memory: u64,
    /// The highest values so far.
    pub high_water: HighWater,
}

/// The highest that a value has been in the life of a [`Session`](crate::Session).
///
/// A [`Connection`](crate::Connection) owns no buffers, and has zeros here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HighWater {
    /// Of [`Stats::pending_output`].
    pub pending_output: u64,
    /// Of [`Stats::message_memory`]. A message that came whole is borrowed and takes none.
    pub message_memory: u64,
}

impl Stats {
    pub(crate) fn new(phase: Phase, seen: &Evidence) -> Self {
        Self {
            phase,
            opened: seen.opened,
            now: seen.ended,
            last_received: seen.last_received,
            last_flushed: seen.last_flushed,
            received: seen.received,
            sent: seen.sent,
            flushed: seen.sent.bytes - seen.pending_output,
            discarded: seen.discarded,
            pings: seen.pings,
            pending_output: seen.pending_output,
            message_memory: 0,
            high_water: HighWater::default(),
        }
    }
}
