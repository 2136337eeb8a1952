//! What a session is told of its transport, and of time.

use super::{Session, Stage};
use crate::report::{ReadClosed, TransportError};
use crate::time::Timestamp;

impl Session {
    /// The reading side of the transport has ended; nothing more will come.
    ///
    /// Give all bytes that were read to [`poll_event`](Self::poll_event) first.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        match &mut self.stage {
            Stage::Opening(opening) => {
                opening.handle_read_closed(how, self.outgoing.queue.len() == 0, now);
            }
            Stage::Open(_) if self.kept.is_some() || self.assembly.has_filled() => {
                self.kept.get_or_insert_default().read_closed.get_or_insert(how);
            }
            Stage::Open(connection) => connection.handle_read_closed(how, now),
        }
    }

    /// The writing side of the transport has failed; nothing more will leave.
    ///
    /// Reading goes on, and is worth it: the peer's Close may be waiting there.
    pub fn handle_write_failed(&mut self, kind: TransportError, now: Timestamp) {
        self.write_failed = true;
        match &mut self.stage {
            Stage::Opening(opening) => opening.handle_write_failed(kind, now),
            Stage::Open(connection) => connection.handle_write_failed(kind, now),
        }
    }

    /// The transport has accepted the first `count` bytes of the output.
    ///
    /// More than is pending counts as all of it.
    pub fn handle_flushed(&mut self, count: usize, now: Timestamp) {
        self.mark_pending();
        let handshake = self.outgoing.queue.handshake();
        let frames = self.outgoing.consume(count);
        match &mut self.stage {
            Stage::Opening(opening) => {
                opening.handle_flushed(count, self.outgoing.queue.len() == 0, now);
            }
            Stage::Open(connection) => {
                if handshake > 0 && count > 0 {
                    connection.handshake_flushed(self.outgoing.queue.handshake() == 0, now);
                }
                connection.handle_flushed(frames, now);
            }
        }
    }

    /// Lets every deadline that has passed take effect.
    ///
    /// Harmless at any time. Before calling it at a deadline, read once more: what makes the peer
    /// look dead may only be unread.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        match &mut self.stage {
            Stage::Opening(opening) => opening.handle_timeout(now),
            Stage::Open(connection) => connection.handle_timeout(now),
        }
    }
}
