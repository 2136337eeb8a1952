//! Why a Ping was not answered.

use core::time::Duration;

use crate::connection::SendError;
use crate::driver::Driver;
use crate::time::display::Span;

/// Why a Ping was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// It was not accepted for sending.
    #[error(transparent)]
    Refused(#[from] SendError),
    /// The peer's stream has ended before the Pong came; `next()` has what came before it, and the
    /// report.
    #[error("the peer's stream has ended before the Pong came")]
    Ended,
    /// So much was read that `next()` was not asked for that nothing more is read, the Pong behind it
    /// neither: see [`Limits::pending_output`](crate::Limits::pending_output).
    #[error("no Pong is read behind so many messages that wait to be taken")]
    Unread,
    /// The time is over. The connection goes on; `abort` gives it up.
    #[error("no Pong came for {}", Span(*.waited))]
    Silent {
        /// For how long it was waited for.
        waited: Duration,
    },
}

impl PingError {
    /// What there is to say of the latest Ping after so long.
    pub(super) fn judge(driver: &Driver, waited: Duration) -> Result<Duration, Self> {
        match driver.round_trip() {
            Some(round_trip) => Ok(round_trip),
            None if driver.has_read_all() => Err(Self::Ended),
            None if driver.is_far_ahead() => Err(Self::Unread),
            None => Err(Self::Silent { waited }),
        }
    }
}
