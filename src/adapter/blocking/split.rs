//! The two halves of a blocking WebSocket.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use super::engine::Engine;
use super::stream::{Link, Shared};
use super::transport::Socket;
use crate::adapter::Incoming;
use crate::adapter::driver::Driver;
use crate::config::Config;
use crate::connection::SendError;
use crate::report::Evidence;
use crate::report::Stats;
use crate::session::{Outgoing, Prepared, SendRefused};
use crate::time::Clock;
use crate::wire::close::CloseFrame;

/// How long the reader waits at most before it looks for a deadline that the writer has set: a
/// tenth of the shortest that a writer can cause.
pub(super) fn glance(config: &Config) -> Duration {
    let timeouts = &config.timeouts;
    let heartbeat = config.heartbeat.as_ref().map(|heartbeat| heartbeat.timeout);
    let shortest = [Some(timeouts.close), Some(timeouts.linger), timeouts.write_stall, heartbeat]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(Duration::MAX);
    (shortest / 10).clamp(Duration::from_millis(5), Duration::from_millis(200))
}

/// The reading half of a [`WebSocket`](super::WebSocket), for one thread.
///
/// It keeps the deadlines and answers Pings while [`next`](Self::next) waits: keep calling it until
/// the end, also while the other half closes.
pub struct Receiver<S> {
    engine: Engine<Arc<Shared<S>>>,
}

impl<S: Socket> Receiver<S> {
    pub(super) fn new(link: Arc<Shared<S>>, clock: Clock) -> Self {
        Self { engine: Engine { link, clock } }
    }

    /// Waits for the next message, or for the end, as
    /// [`WebSocket::next`](super::WebSocket::next) does.
    ///
    /// A deadline that the other half causes, by closing for example, may take effect late: by a
    /// tenth of the shortest timeout in the [`Config`], and by 200 ms at most.
    #[expect(clippy::should_implement_trait, reason = "there is always something to give")]
    pub fn next(&mut self) -> Incoming {
        self.engine.next()
    }

    /// What was seen so far.
    pub fn evidence(&mut self) -> Evidence {
        self.engine.link.with(|driver| driver.session().evidence())
    }

    /// What was done so far, in numbers.
    pub fn stats(&mut self) -> Stats {
        self.engine.link.with(|driver| driver.session().stats())
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.engine.link.socket
    }
}

/// The writing half of a [`WebSocket`](super::WebSocket), for another thread.
///
/// What it sends leaves while the reading half waits. Dropping it leaves the connection open.
pub struct Sender<S> {
    engine: Engine<Arc<Shared<S>>>,
}

impl<S: Socket> Sender<S> {
    pub(super) fn new(link: Arc<Shared<S>>, clock: Clock) -> Self {
        Self { engine: Engine { link, clock } }
    }

    /// Queues a message and waits until all that is queued is with the transport, as
    /// [`WebSocket::send`](super::WebSocket::send) does.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted, or why it cannot leave any more.
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message, as [`WebSocket::feed`](super::WebSocket::feed) does.
    ///
    /// It leaves with the next [`flush`](Self::flush), or before the reading half's next wait: not
    /// while that half waits already.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.engine.feed(message).map_err(|refused| refused.reason)
    }

    /// Queues a message as [`feed`](Self::feed) does, without compressing it even where that was
    /// agreed on.
    ///
    /// For messages with secrets in them: see the warning of `Compression`.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub fn feed_uncompressed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendError> {
        self.engine.feed(message.into().uncompressed())?;
        Ok(())
    }

    /// Queues a message that was framed before as [`feed`](Self::feed) does: the same for any number
    /// of peers, framed, and compressed, once.
    ///
    /// # Errors
    ///
    /// Why the message was not accepted.
    pub fn feed_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.engine.feed(message)?;
        Ok(())
    }

    /// Queues a message as [`feed`](Self::feed) does, and never waits.
    ///
    /// # Errors
    ///
    /// The message, with the reason why it was not accepted.
    pub fn try_feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendRefused<'m>> {
        self.engine.try_feed(message)
    }

    /// Waits until all that is queued is with the transport.
    ///
    /// # Errors
    ///
    /// Why it cannot leave any more.
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.engine.flush()
    }

    /// Sends a Ping with a payload of at most 125 bytes. The heartbeat sends its own.
    ///
    /// # Errors
    ///
    /// Why it was not accepted, or why it cannot leave any more.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let now = self.engine.clock.now();
        self.engine.link.with(|driver| driver.session_mut().ping(payload, now))?;
        self.flush()
    }

    /// Sends a Close behind what is queued. The reading half then gives what still comes, and the
    /// report.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over, or the Close cannot leave any more.
    pub fn close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.engine.queue_close(frame.into())?;
        let result = self.flush();
        // The peer may have answered, and all be over, before this half looks again.
        let left =
            |driver: &mut Driver| driver.session().local_close().is_some_and(|close| close.flushed);
        if self.engine.link.with(left) { Ok(()) } else { result }
    }

    /// Gives the connection up at once, without a Close frame. The reading half has the report.
    pub fn abort(&mut self) {
        self.engine.abort();
    }

    /// What was seen so far.
    pub fn evidence(&mut self) -> Evidence {
        self.engine.link.with(|driver| driver.session().evidence())
    }

    /// What was done so far, in numbers.
    pub fn stats(&mut self) -> Stats {
        self.engine.link.with(|driver| driver.session().stats())
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.engine.link.socket
    }
}

impl<S> fmt::Debug for Receiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Sender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
