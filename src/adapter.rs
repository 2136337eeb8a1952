//! Sockets under a [`Session`](crate::Session): what the blocking and the tokio adapter share.
//!
//! Invariant: nothing here or below decides what is done next. An adapter executes the steps of a
//! [`Driver`](crate::driver::Driver): it reads, writes, shuts down and waits, and says what came of
//! it. What is its own is how: which call of the system, into which memory, and which of two threads
//! or tasks makes it.

mod acceptor;
#[cfg(feature = "tokio")]
pub mod aio;
pub mod blocking;
mod drain;
mod error;
mod events;
mod getters;
mod lookup;
mod messages;
mod opening;
mod options;
mod outbox;
mod pieces;
mod ping;
mod reconnecting;
mod redirect;
mod scratch;
mod security;

use alloc::boxed::Box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::report::Termination;
use crate::wire::message::Message;

pub use acceptor::Acceptor;
pub use drain::{Drained, Ticket};
#[cfg(feature = "hyper")]
pub use error::UpgradeError;
pub use error::{AcceptError, ConnectError};
pub use events::IncomingEvent;
pub use messages::Messages;
pub use options::ConnectOptions;
pub use pieces::IncomingChunk;
pub use ping::PingError;
pub use reconnecting::{Disconnected, ReconnectEvent};

/// What an adapter's `next()` returns: a message, or the report of the ending.
///
/// There is always an ending and it is always the last thing: a clean close is not an error, and
/// the end of the stream is not a `None`.
///
/// ```no_run
/// # fn run(mut socket: farewell::blocking::WebSocket<std::net::TcpStream>) {
/// use farewell::{Incoming, Message};
///
/// loop {
///     match socket.next() {
///         Incoming::Message(Message::Text(text)) => println!("{text}"),
///         Incoming::Message(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
///         Incoming::Ended(report) => break println!("{report}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A whole message.
    Message(Message<'static>),
    /// The connection has ended, and this is how. Every later call returns the same report.
    Ended(Box<Termination>),
}

impl Incoming {
    /// The message, or the report where there will be none any more.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut socket = farewell::blocking::connect("ws://127.0.0.1:9001/")?;
    /// let report = loop {
    ///     match socket.next().into_message() {
    ///         Ok(message) => println!("{} bytes", message.len()),
    ///         Err(report) => break report,
    ///     }
    /// };
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The report of the ending.
    pub fn into_message(self) -> Result<Message<'static>, Box<Termination>> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Ended(report) => Err(report),
        }
    }
}

/// A lock is poisoned by a panic in a stream of the caller's; what is behind it is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
