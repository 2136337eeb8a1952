//! How far a session has got: its opening handshake, then its connection.

use super::opening::Opening;
use super::send_queue::SendQueue;
use crate::connection::{Connection, SendError};
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) enum Stage {
    /// Until the connection is open; for good where it never is.
    Opening(Opening),
    Open(Connection),
}

/// Calls a method that the opening handshake and the connection both have, on the present one.
macro_rules! at_either {
    ($stage:expr, $at:ident => $ask:expr) => {
        match $stage {
            $crate::session::stage::Stage::Opening($at) => $ask,
            $crate::session::stage::Stage::Open($at) => $ask,
        }
    };
}

pub(super) use at_either;

impl Stage {
    #[inline]
    pub(super) fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Opening(_) => None,
            Self::Open(connection) => Some(connection),
        }
    }

    #[inline]
    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection> {
        self.open_mut().ok()
    }

    pub(super) fn handle_timeout(&mut self, send_queue: &mut SendQueue, now: Timestamp) {
        match self {
            Self::Opening(opening) => opening.handle_timeout(send_queue.handshake_output(), now),
            Self::Open(connection) => connection.handle_timeout(now),
        }
    }

    pub(super) fn opening_mut(&mut self) -> Option<&mut Opening> {
        match self {
            Self::Opening(opening) => Some(opening),
            Self::Open(_) => None,
        }
    }

    /// The connection, for a command.
    #[inline]
    pub(super) fn open_mut(&mut self) -> Result<&mut Connection, SendError> {
        match self {
            Self::Opening(opening) => Err(opening.send_error()),
            Self::Open(connection) => Ok(connection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_handshake_has_room_where_the_connection_will_be() {
        let (opening, connection) = (size_of::<Opening>(), size_of::<Connection>());
        assert!(opening < connection, "{opening}, {connection}");
        assert_eq!(size_of::<Stage>(), connection);
    }
}
