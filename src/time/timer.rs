//! What the deadlines of a connection are for.

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The opening handshake has to be over.
    Handshake,
    /// One direction has carried nothing for the heartbeat's interval: a Ping is due.
    Ping,
    /// Nothing has arrived since a Ping left: the peer is given up.
    Pong,
    /// Nothing has arrived for the idle timeout: the connection is closed.
    Idle,
    /// Output is pending and the transport accepts none of it: the peer is given up.
    WriteStall,
    /// Output drips too slowly: the peer is given up.
    WriteDrain,
    /// A message is not complete in time: the connection is closed.
    Message,
    /// The closing handshake has to be over.
    Close,
    /// The transport is given up, whether the peer has ended its stream or not.
    Linger,
}

impl Timer {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Linger as usize + 1;

    /// A short name, for labels and logs, such as `write_stall`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Idle => "idle",
            Self::WriteStall => "write_stall",
            Self::WriteDrain => "write_drain",
            Self::Message => "message",
            Self::Close => "close",
            Self::Linger => "linger",
        }
    }
}
