//! Why a command was refused: the caller's fault, or too late.

use alloc::boxed::Box;

use crate::reconnect::OutboxError;
use crate::report::Termination;

/// Why a command was refused. The connection is as it was before.
///
/// ```
/// use farewell::{Config, Connection, CloseCode, MessageKind, Role, Seed, SendError, Timestamp};
///
/// let now = Timestamp::ZERO;
/// let mut connection = Connection::new(Role::Server, Config::default(), Seed::new([1; 32]), now);
/// connection.close(CloseCode::NORMAL, now)?;
/// let late = connection.begin_frame(MessageKind::Text, 5, true, now);
/// assert_eq!(late.unwrap_err(), SendError::Closing);
/// # Ok::<(), SendError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The opening handshake is not over.
    #[error("the opening handshake is not over")]
    Opening,
    /// There is no open connection: a `Reconnecting` of an adapter is between two, or
    /// before the first. An outbox would keep the message for the next one.
    #[error("there is no open connection")]
    NotConnected,
    /// A Close frame was sent or received, after which no data may follow (RFC 6455 section 5.5.1);
    /// or the peer's stream has ended, and what was accepted before still leaves.
    #[error("the connection is closing")]
    Closing,
    /// The connection has ended.
    #[error("the connection has ended")]
    Ended,
    /// The transport takes no more writes.
    #[error("the transport failed while writing")]
    WriteFailed,
    /// A fragmented message is under way, and another message cannot begin before its end (RFC
    /// 6455 section 5.4).
    #[error("a fragmented message has to be finished first")]
    FragmentsPending,
    /// The pending output of a [`Session`](crate::Session) is over its limit: write some of it out
    /// first.
    #[error("the pending output is over its limit")]
    Full,
    /// The outbox is full: what is in it has to leave first, or be confirmed. See
    /// [`Outbox`](crate::reconnect::Outbox).
    #[error("the outbox is full")]
    OutboxFull,
    /// The message is longer than all that the outbox can hold.
    #[error("the message is longer than the outbox's limit of {limit} bytes")]
    OverOutboxLimit {
        /// [`OutboxLimit::bytes`](crate::reconnect::OutboxLimit::bytes).
        limit: usize,
    },
    /// The fragment is text and its message binary, or the other way round.
    #[error("a fragment has to be of its message's kind")]
    KindMismatch,
    /// A control frame's payload is longer than 125 bytes (RFC 6455 section 5.5).
    #[error("a control frame has at most 125 bytes of payload, not {len}")]
    ControlTooLong {
        /// The length in bytes.
        len: usize,
    },
    /// The payload's length does not fit into a frame (RFC 6455 section 5.2).
    #[error("a frame has less than 2^63 bytes of payload")]
    TooLong,
}

impl From<OutboxError> for SendError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Full => Self::OutboxFull,
            OutboxError::TooLong { limit } => Self::OverOutboxLimit { limit },
        }
    }
}

/// So that the messages of one connection go on into another, with `err_into().forward(..)`: what
/// ended there cannot be sent any more.
impl From<Box<Termination>> for SendError {
    fn from(_: Box<Termination>) -> Self {
        Self::Ended
    }
}
