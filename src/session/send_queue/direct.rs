//! The short way of a message that is framed at once: what it leaves is what the long way would.

use bytes::BytesMut;

use super::{SHARED, SendQueue};
use crate::connection::Connection;
use crate::session::ledger::Piece;
use crate::session::prepared::Frame;
use crate::time::Timestamp;
use crate::wire::data::MessageKind;
use crate::wire::role::Role;

impl SendQueue {
    /// Whether a message of `len` bytes is accepted and framed at once: nothing waits before it, it fits
    /// into one frame, and nobody asked for unsent messages.
    #[inline]
    pub(in crate::session) fn takes_direct(&self, len: usize) -> bool {
        let framed = self.output.len() + self.output.ledger().memory();
        self.waiting.is_none()
            && self.unsent.is_none()
            && len <= self.fragment_size
            && framed <= self.limit
    }

    /// Queues a message of which that is so, where the connection takes it.
    #[inline]
    pub(in crate::session) fn add_direct(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        connection: &mut Connection,
        now: Timestamp,
    ) {
        let append = |out: &mut BytesMut| connection.append_message(kind, payload, out, now);
        self.output.write(Piece::MessageEnd, append);
    }

    /// Queues a frame that was made before, in the same case, if it is a short one and the connection
    /// needs no other. Returns whether it is.
    #[inline]
    pub(in crate::session) fn add_direct_frame(
        &mut self,
        frame: &Frame,
        connection: &mut Connection,
        now: Timestamp,
    ) -> bool {
        let bytes = frame.bytes();
        if connection.role() != Role::Server || bytes.len() >= SHARED {
            return false;
        }
        connection.frame_accepted(frame.payload().len(), bytes.len(), now);
        self.output.write(Piece::MessageEnd, |out| out.extend_from_slice(bytes));
        true
    }
}
