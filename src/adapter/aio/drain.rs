//! Closing all sockets of a server, under tokio.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::adapter::Drained;
use crate::adapter::drain::{Next, Shared, Ticket};
use crate::wire::close::CloseFrame;

/// The sockets of a server, to be closed together and not at once: for a restart, or an end.
///
/// A clone is the same drain. Each socket [joins](super::WebSocket::join) it, which costs nothing while
/// messages pass; [`close_all`](Self::close_all) then closes all of them, in their own tasks, wherever
/// these wait.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use std::time::Duration;
///
/// use farewell::aio::{self, Drain};
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, CloseCode};
/// use tokio::net::TcpListener;
///
/// let (acceptor, drain) = (Acceptor::new(Origins::SameHost), Drain::new());
/// let listener = TcpListener::bind("127.0.0.1:9001").await?;
/// let on_signal = drain.clone();
/// let stopped = tokio::spawn(async move {
///     tokio::signal::ctrl_c().await?;
///     let within = Duration::from_secs(10);
///     std::io::Result::Ok(on_signal.close_all(CloseCode::SERVICE_RESTART, within).await)
/// });
/// loop {
///     let stream = tokio::select! {
///         accepted = listener.accept() => accepted?.0,
///         () = drain.begun() => break,
///     };
///     let (acceptor, ticket) = (acceptor.clone(), drain.ticket());
///     tokio::spawn(async move {
///         let Ok(mut socket) = aio::accept(stream, &acceptor).await else { return };
///         socket.join(ticket);
///         while let Ok(message) = socket.next().await.into_message() {
///             let _ = socket.feed(message).await;
///         }
///     });
/// }
/// // Nobody else gets in.
/// drop(listener);
/// println!("{}", stopped.await??);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Drain {
    shared: Arc<Shared>,
    changed: Arc<Notify>,
}

impl Drain {
    /// A drain without sockets.
    #[must_use]
    pub fn new() -> Self {
        let changed = Arc::<Notify>::default();
        // A bell that was rung half is rung again with the next change.
        let bell = AssertUnwindSafe(changed.clone());
        let bell = Box::new(move || { &bell }.notify_waiters());
        Self { shared: Shared::new(Some(bell)), changed }
    }

    /// A place for a connection that was accepted, which the drain then waits for: take it before the
    /// opening handshake, so that no connection is lost between the two.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.shared.ticket()
    }

    /// Whether it has begun: nobody else should be let in.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.has_begun()
    }

    /// Waits until it has begun. Cancel-safe: for a loop that accepts.
    pub async fn begun(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.is_draining() {
                return;
            }
            changed.await;
        }
    }

    /// How many sockets there are, with the connections that have a ticket and no socket yet.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.shared.len()
    }

    /// Closes all sockets with this Close, [`GOING_AWAY`](crate::CloseCode::GOING_AWAY) or
    /// [`SERVICE_RESTART`](crate::CloseCode::SERVICE_RESTART) for example, and waits for their ends.
    ///
    /// The Closes are spread evenly over the first half of the time, so that the clients do not all
    /// come back at once; the second half is for what still has to leave, and for the peers' Closes.
    /// Whoever has not ended after `within` is aborted, and waited for no longer than another second.
    /// A socket that joins later is closed at once. It is over as soon as nobody is left.
    ///
    /// A socket is closed in its own task, as if that had called
    /// [`queue_close`](super::WebSocket::queue_close): what was queued before leaves first, messages
    /// that still come are handed out, and the report is the last thing that `next` returns. Where that
    /// task does not wait for its socket, nothing happens before it does.
    ///
    /// Dropped, it goes no further, but it has begun; call it again to go on.
    pub async fn close_all(&self, frame: impl Into<CloseFrame>, within: Duration) -> Drained {
        let began = Instant::now();
        let mut draining = self.shared.begin(frame.into(), within);
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match draining.next(began.elapsed()) {
                Next::Over(drained) => return drained,
                Next::Wait { until, .. } => match began.checked_add(until) {
                    Some(until) => drop(timeout_at(until, changed).await),
                    None => changed.await,
                },
            }
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Drain> for Ticket {
    fn from(drain: &Drain) -> Self {
        drain.ticket()
    }
}
