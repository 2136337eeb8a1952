//! What a [`Connection`](crate::Connection) tells its caller.

use alloc::boxed::Box;
use core::time::Duration;

use crate::report::Termination;
use crate::wire::data::Chunk;

/// What happened on a connection, from [`Connection::poll_event`](crate::Connection::poll_event).
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A piece of a message.
    Data(Chunk<'b>),
    /// A Ping came; its Pong is already queued. The payload is in
    /// [`Connection::ping_payload`](crate::Connection::ping_payload).
    Ping,
    /// A Pong came. The payload is in
    /// [`Connection::pong_payload`](crate::Connection::pong_payload).
    Pong {
        /// The round trip, where it is for the latest Ping of the heartbeat.
        rtt: Option<Duration>,
    },
    /// The peer's Close came; ours in response is already queued. The frame is in
    /// [`Connection::peer_close`](crate::Connection::peer_close).
    CloseReceived,
    /// The connection has ended. Always the last event, and always there.
    Ended(Box<Termination>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_small() {
        // Of a round-trip time or a chunk, which has an address and a length.
        let size = if cfg!(target_pointer_width = "64") { 24 } else { 16 };
        assert!(size_of::<Event<'_>>() <= size, "{}", size_of::<Event<'_>>());
        assert_eq!(size_of::<Option<Event<'_>>>(), size_of::<Event<'_>>());
    }
}
