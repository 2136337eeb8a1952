//! A handle to the outbox of a reconnecting socket, for other tasks.

use alloc::sync::Arc;
use core::fmt;
use core::pin::pin;

#[cfg(doc)]
use super::Reconnecting;
use crate::adapter::outbox::{Shared, outbox_sender};
use crate::connection::SendError;
use crate::reconnect::Kept;
use crate::session::{Outgoing, SendRefused};

/// Puts messages into the [`outbox`](Reconnecting::outbox) of a [`Reconnecting`], from any task or
/// thread. Clones put them into the same one.
///
/// They leave while [`Reconnecting::next`] is polled, which this wakes.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::aio::Reconnecting;
/// use farewell::reconnect::OutboxLimit;
///
/// let socket = Reconnecting::to("ws://127.0.0.1:9001/orders")?;
/// let mut socket = socket.outbox(OutboxLimit::new(100, 64 * 1024)).keep_unconfirmed();
/// let orders = socket.sender();
/// tokio::spawn(async move {
///     for number in 1..=20 {
///         orders.send(format!("order {number}")).await?; // waits while the outbox is full
///     }
///     Ok::<(), farewell::SendError>(())
/// });
/// loop {
///     println!("{}", socket.next().await);
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct OutboxSender(pub(super) Arc<Shared>);

impl OutboxSender {
    /// Puts a message into the outbox, and waits while that is full.
    ///
    /// Cancel-safe: a future that is dropped has put nothing in. Do not wait for it in the task that
    /// calls [`Reconnecting::next`]: nothing else makes room.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send), but never [`SendError::OutboxFull`].
    pub async fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendRefused<'m>> {
        let mut message = message.into();
        loop {
            let mut room = pin!(self.0.notify.notified());
            // What makes room from here on is heard.
            room.as_mut().enable();
            match self.0.push(message) {
                Err(refused) if refused.reason == SendError::OutboxFull => {
                    message = refused.message
                }
                result => return result,
            }
            room.await;
        }
    }

    outbox_sender!();
}

impl fmt::Debug for OutboxSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxSender").field("kept", &self.kept()).finish_non_exhaustive()
    }
}
