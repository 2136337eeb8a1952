//! How far a connection has got.

/// How far a connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Phase {
    /// The opening handshake is under way. Only a [`Session`](crate::Session) is ever in it.
    Opening,
    /// Messages go both ways.
    Open,
    /// Our Close is queued or sent and the peer's has not come: messages still come in.
    CloseSent,
    /// The peer's Close has come and ours is not written yet: nothing more comes in.
    CloseReceived,
    /// Nothing is delivered any more; what is queued is written and the end of the peer's stream
    /// is awaited.
    Lingering,
    /// It is over.
    Ended,
}
