//! A handle to the outbox of a reconnecting socket, for other threads.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

#[cfg(doc)]
use super::Reconnecting;
use crate::adapter::outbox::{Shared, outbox_sender};
use crate::connection::SendError;
use crate::reconnect::Kept;
use crate::session::{Outgoing, SendRefused};

/// Puts messages into the [`outbox`](Reconnecting::outbox) of a [`Reconnecting`], from any thread.
/// Clones put them into the same one.
///
/// They leave while [`Reconnecting::next`] waits, within 10 ms: while there is such a handle and a
/// connection, it looks as often.
///
/// ```no_run
/// use farewell::blocking::Reconnecting;
/// use farewell::reconnect::OutboxLimit;
///
/// let socket = Reconnecting::to("ws://127.0.0.1:9001/orders")?;
/// let mut socket = socket.outbox(OutboxLimit::new(100, 64 * 1024)).keep_unconfirmed();
/// let orders = socket.sender();
/// std::thread::spawn(move || {
///     for number in 1..=20 {
///         orders.send(format!("order {number}"))?; // waits while the outbox is full
///     }
///     Ok::<(), farewell::SendError>(())
/// });
/// loop {
///     println!("{}", socket.next());
/// }
/// # Ok::<(), farewell::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct OutboxSender(pub(super) Arc<Shared>);

impl OutboxSender {
    /// Puts a message into the outbox, and waits while that is full.
    ///
    /// Do not wait for it in the thread that calls [`Reconnecting::next`]: nothing else makes room.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send), but never [`SendError::OutboxFull`].
    pub fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendRefused<'m>> {
        let mut message = message.into();
        loop {
            match self.0.push_within(message, None) {
                // Somebody else was faster.
                Err(refused) if refused.reason == SendError::OutboxFull => {
                    message = refused.message
                }
                result => return result,
            }
        }
    }

    /// As [`send`](Self::send), waiting for so long at most.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send).
    pub fn send_within<'m>(
        &self,
        message: impl Into<Outgoing<'m>>,
        limit: Duration,
    ) -> Result<(), SendRefused<'m>> {
        self.0.push_within(message.into(), Some(limit))
    }

    outbox_sender!();
}

impl fmt::Debug for OutboxSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxSender").field("kept", &self.kept()).finish_non_exhaustive()
    }
}
