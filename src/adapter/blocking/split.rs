//! The two halves of a blocking WebSocket.

use core::fmt;
use core::time::Duration;

use super::access::Half;
use super::transport::Socket;
use super::turn::Turn;
use super::verbs::verbs;
use super::writer::MessageWriter;
use crate::adapter::getters::half_getters;
use crate::adapter::messages::Item;
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, Messages, PingError};
use crate::config::Config;
use crate::connection::SendError;
use crate::report::{DialRecord, Evidence, Stats};
use crate::session::{Outgoing, SendRefused};
use crate::time::Clock;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};

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
/// It acts on the deadlines and answers Pings while [`next`](Self::next) waits: keep calling it
/// until the end, also while the other half closes.
///
/// ```no_run
/// let (mut receiver, mut sender) = farewell::blocking::connect("ws://127.0.0.1:9001/")?.split();
/// let reader = std::thread::spawn(move || loop {
///     match receiver.next().into_message() {
///         Ok(message) => println!("{message:?}"),
///         Err(report) => return report,
///     }
/// });
/// let _ = sender.send("hello"); // the report tells why it failed
/// let _ = sender.close(farewell::CloseCode::NORMAL);
/// println!("{}", reader.join().expect("it does not panic"));
/// # Ok::<(), farewell::ConnectError>(())
/// ```
pub struct Receiver<S> {
    pub(super) turn: Turn<Half<S>>,
}

impl<S: Socket> Receiver<S> {
    pub(super) fn new(access: Half<S>, clock: Clock) -> Self {
        Self { turn: Turn { access, clock } }
    }

    /// Waits for the next message, or for the end, as
    /// [`WebSocket::next`](super::WebSocket::next) does.
    ///
    /// A deadline that the other half causes, by closing for example, may take effect late: by a
    /// tenth of the shortest timeout in the [`Config`], and by 200 ms at most.
    #[expect(clippy::should_implement_trait, reason = "there is always something to give")]
    pub fn next(&mut self) -> Incoming {
        self.turn.next()
    }

    /// Waits for the next part of a message, or for the end, as
    /// [`WebSocket::next_chunk`](super::WebSocket::next_chunk) does.
    pub fn next_chunk(&mut self) -> IncomingChunk {
        self.turn.next_chunk()
    }

    /// Waits for the next message, Ping, Pong or Close, or for the end, as
    /// [`WebSocket::next_event`](super::WebSocket::next_event) does.
    pub fn next_event(&mut self) -> IncomingEvent {
        self.turn.next_incoming_event()
    }

    /// As [`next_event`](Self::next_event), but returns nothing once it has waited for this long.
    pub fn next_event_within(&mut self, limit: Duration) -> Option<IncomingEvent> {
        self.turn.next_event_before(Some(self.turn.clock.now() + limit))
    }

    /// As [`next`](Self::next), but returns nothing once it has waited for this long.
    pub fn next_within(&mut self, limit: Duration) -> Option<Incoming> {
        self.turn.next_before(Some(self.turn.clock.now() + limit))
    }

    /// The next message or the report, if it is there, as
    /// [`WebSocket::try_next`](super::WebSocket::try_next) does.
    pub fn try_next(&mut self) -> Option<Incoming> {
        self.turn.next_before(Some(self.turn.clock.now()))
    }

    /// The messages that come in, as
    /// [`WebSocket::messages`](super::WebSocket::messages) gives them.
    pub fn messages(&mut self) -> Messages<&mut Self> {
        Messages::new(self)
    }
}

impl<S: Socket> Iterator for Messages<&mut Receiver<S>> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.next_with(|half| half.next())
    }
}

impl<S> Receiver<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.turn.access.socket()
    }
}

/// The writing half of a [`WebSocket`](super::WebSocket), for another thread.
///
/// What it sends leaves while the reading half waits. Dropping it leaves the connection open. Each
/// method does what the WebSocket's of the same name does, and fails as that one;
/// [`close`](Self::close) alone returns before the end, whose report the reading half has.
///
/// ```no_run
/// # fn run(socket: farewell::blocking::WebSocket<std::net::TcpStream>) {
/// use std::thread;
/// use std::time::Duration;
///
/// let (mut receiver, mut sender) = socket.split();
/// thread::spawn(move || {
///     while sender.send("tick").is_ok() {
///         thread::sleep(Duration::from_secs(1));
///     }
/// });
/// while let Ok(message) = receiver.next().into_message() {
///     println!("{message:?}");
/// }
/// # }
/// ```
pub struct Sender<S> {
    pub(super) turn: Turn<Half<S>>,
}

impl<S: Socket> Sender<S> {
    pub(super) fn new(access: Half<S>, clock: Clock) -> Self {
        Self { turn: Turn { access, clock } }
    }

    /// Sends a Close behind what is queued. The reading half then returns what still comes, and
    /// the report.
    ///
    /// # Errors
    ///
    /// The connection is already closing or over, or the Close cannot leave any more.
    pub fn close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
        self.queue_close(frame)?;
        self.turn.flush_close()
    }
}

verbs! {
    Sender: Socket,
    /// Queues a message. It leaves with the next [`flush`](Self::flush), or when the reading half
    /// waits again: within 200 ms, or a tenth of the shortest timeout, if that half waits already.
}

impl<S> Sender<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.turn.access.socket()
    }
}

half_getters!(Receiver, |half| half.turn.access.driver());
half_getters!(Sender, |half| half.turn.access.driver());
