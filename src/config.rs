//! Everything that can be set: limits, heartbeat, deadlines.

mod setters;

use core::time::Duration;

use crate::deflate::Compression;

/// Settings of a connection; one value, in an [`Arc`](alloc::sync::Arc), serves any number of them.
/// Where the target has no such `Arc`, it is the one of portable-atomic-util.
///
/// ```
/// use core::time::Duration;
/// use farewell::{Config, Heartbeat, Limits, Timeouts};
///
/// let config = Config::default()
///     .limits(Limits::default().message(1024 * 1024))
///     .timeouts(Timeouts::default().idle(Duration::from_secs(120)))
///     .heartbeat(Heartbeat::new(Duration::from_secs(15), Duration::from_secs(10)));
///
/// // Or field by field:
/// let mut config = config;
/// config.limits.pending_output = 64 * 1024;
/// config.heartbeat = None;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on everything that can grow.
    pub limits: Limits,
    /// Deadlines other than the heartbeat's.
    pub timeouts: Timeouts,
    /// Pings sent by the connection itself; `None` sends none and never gives up on a silent peer.
    pub heartbeat: Option<Heartbeat>,
    /// Messages longer than this many bytes leave in fragments of this size, so that control
    /// frames get in between. `None` sends every message as one frame. Default: 64 KiB.
    ///
    /// Only a [`Session`](crate::Session) fragments by itself. Zero counts as one byte.
    pub fragment_size: Option<usize>,
    /// Compression of messages, where the peer agrees to it (RFC 7692). Default: off.
    ///
    /// Only a [`Session`](crate::Session) compresses. Read the warning of [`Compression`] first.
    #[cfg(feature = "deflate")]
    pub compression: Option<Compression>,
}

impl Config {
    /// The settings of compression; without the feature there are none.
    pub(crate) fn compression_settings(&self) -> Option<&Compression> {
        #[cfg(feature = "deflate")]
        return self.compression.as_ref();
        #[cfg(not(feature = "deflate"))]
        None
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            heartbeat: Some(Heartbeat::default()),
            fragment_size: Some(64 * 1024),
            #[cfg(feature = "deflate")]
            compression: None,
        }
    }
}

/// Bounds on what a peer can make this endpoint hold, and on what the application can queue.
///
/// All are checked before memory is taken. Each bound is inclusive: a value that equals it passes.
///
/// ```
/// use farewell::{Config, Limits};
///
/// // Clients that send short commands.
/// let limits = Limits::default().message(16 * 1024).frame(16 * 1024).head(4 * 1024);
/// let config = Config::default().limits(limits);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request or response head. Default: 16 KiB. Beyond it: status 431.
    pub head: usize,
    /// Header fields in a head. Default: 64. Beyond it: status 431.
    pub headers: usize,
    /// Bytes of one line of a head. Default: 8 KiB. Beyond it: status 431, for the request line 414.
    pub header_line: usize,
    /// Payload bytes of one frame. Default: 16 MiB. Beyond it: Close 1009, from the header alone.
    pub frame: u64,
    /// Payload bytes of one message, all fragments together; of a compressed one, what it inflates
    /// to. Default: 64 MiB. Beyond it: Close 1009, from the header alone or while it inflates, before
    /// the memory is taken.
    pub message: u64,
    /// Fragments of one message. Default: 131,072. Beyond it: Close 1008. Zero counts as one.
    pub fragments: u32,
    /// Empty fragments, other than a final one, in a row. Default: 64. Beyond it: Close 1008.
    pub empty_fragments: u32,
    /// Bytes of queued output beyond which a session accepts no further message. A soft bound: the
    /// message that crosses it is still taken. A message that waits behind a long one counts for 64
    /// bytes more than it has. Default: 1 MiB.
    pub pending_output: usize,
    /// Bytes read and thrown away at most after the end was decided, so that our Close is not lost
    /// to a reset. Default: 16 MiB.
    pub linger: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            headers: 64,
            header_line: 8 * 1024,
            frame: 16 * 1024 * 1024,
            message: 64 * 1024 * 1024,
            fragments: 131_072,
            empty_fragments: 64,
            pending_output: 1024 * 1024,
            linger: 16 * 1024 * 1024,
        }
    }
}

/// Deadlines other than the heartbeat's.
///
/// ```
/// use core::time::Duration;
/// use farewell::{Config, Timeouts};
///
/// let timeouts = Timeouts::default()
///     .handshake(Duration::from_secs(5))
///     .idle(Duration::from_secs(600))
///     .write_stall(None);
/// let config = Config::default().timeouts(timeouts);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For the whole opening handshake, not for each read. Default: 10 s.
    pub handshake: Duration,
    /// From the start of the closing handshake until both Close frames have passed. Default: 5 s.
    pub close: Duration,
    /// From the decision that the connection is over until its transport is given up, however the
    /// peer behaves. Default: 2 s.
    pub linger: Duration,
    /// Without a single byte received, the connection is closed with 1001. Default: off.
    pub idle: Option<Duration>,
    /// With output pending and not a byte of it accepted by the transport, the connection is given
    /// up. Default: 30 s.
    pub write_stall: Option<Duration>,
    /// What was ready to leave has to be accepted by the transport within this time, however
    /// steadily it drips: otherwise the connection is given up, as with `write_stall`. Counted anew
    /// for what has become ready since; a session makes no more than some fragments ready at once,
    /// so that this bounds a rate and not the time that a long message takes. Default: off.
    pub write_drain: Option<Duration>,
    /// A message has to be complete this long after its first byte, or else the connection is closed
    /// with 1008. A control frame between two messages counts as one. Default: off.
    ///
    /// Without it, a peer that sends a byte now and then keeps what came of its message in memory for
    /// as long as it likes: up to [`Limits::message`].
    pub message: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            close: Duration::from_secs(5),
            linger: Duration::from_secs(2),
            idle: None,
            write_stall: Some(Duration::from_secs(30)),
            write_drain: None,
            message: None,
        }
    }
}

/// Pings that keep the path open and find out that the peer is gone.
///
/// The defaults, 20 s and 20 s, stay below the usual idle timeouts of proxies (30, 55 and 60 s).
///
/// ```
/// use core::time::Duration;
/// use farewell::{Config, Heartbeat};
///
/// // A Ping after 10 s in which a direction carried nothing; given up 5 s after an unanswered one.
/// let heartbeat = Heartbeat::new(Duration::from_secs(10), Duration::from_secs(5));
/// let config = Config::default().heartbeat(heartbeat);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// A Ping goes out once one of the directions has carried nothing for this long. Each wait
    /// varies by up to 10 % either way. Default: 20 s.
    pub interval: Duration,
    /// The connection is given up when no byte at all has arrived for this long after a Ping left.
    /// A path with a long round trip gets more: smoothed round trip plus four deviations, and at
    /// most three times this. Default: 20 s.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { interval: Duration::from_secs(20), timeout: Duration::from_secs(20) }
    }
}
