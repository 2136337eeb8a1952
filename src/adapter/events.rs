//! What comes in beside messages, for who wants it.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use crate::driver::Driver;
use crate::report::Termination;
use crate::session::SessionEvent;
use crate::wire::message::Message;

/// What an adapter's `next_event()` returns: a message, a control frame, or the report of the ending.
///
/// Pings are answered and Closes returned whether this is looked at or not.
///
/// ```
/// # use std::net::TcpListener;
/// # use farewell::handshake::Origins;
/// # use farewell::{Acceptor, CloseCode, blocking};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     let (stream, _) = listener.accept().unwrap();
/// #     let mut socket = blocking::accept(stream, &Acceptor::new(Origins::Any)).unwrap();
/// #     while socket.next().into_message().is_ok() {}
/// # });
/// use farewell::IncomingEvent;
///
/// let mut socket = blocking::connect(&url)?;
/// socket.send_ping(b"are you there?")?;
/// let report = loop {
///     match socket.next_event() {
///         IncomingEvent::Pong { payload, .. } => {
///             assert_eq!(payload, "are you there?");
///             socket.queue_close(CloseCode::NORMAL)?;
///         }
///         IncomingEvent::Ended(report) => break report,
///         _ => {}
///     }
/// };
/// assert!(report.clean);
/// # server.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IncomingEvent {
    /// A whole message.
    Message(Message<'static>),
    /// A Ping, of at most 125 bytes, which is answered by itself.
    Ping {
        /// What it says.
        payload: Bytes,
    },
    /// A Pong, of at most 125 bytes: the answer to a Ping of
    /// [`send_ping`](super::blocking::WebSocket::send_ping),
    /// [`ping`](super::blocking::WebSocket::ping) or the heartbeat, or one that nobody asked for.
    Pong {
        /// What it says: the same as its Ping.
        payload: Bytes,
        /// From its Ping to it, where that is the latest one of the heartbeat or of `ping`.
        round_trip: Option<Duration>,
    },
    /// The peer's Close. Ours follows by itself, unless it was first, and then the report, which has what
    /// the peer's says.
    CloseReceived,
    /// The connection has ended, and this is how. Every later call returns the same report.
    Ended(Box<Termination>),
}

impl IncomingEvent {
    /// The event that a driver has just handed out, if it is one of a connection that is open.
    pub(super) fn of(event: SessionEvent<'static>, driver: &Driver) -> Option<Self> {
        let payload = || Bytes::copy_from_slice(driver.control_payload());
        Some(match event {
            SessionEvent::Message(message) => Self::Message(message),
            SessionEvent::Ping => Self::Ping { payload: payload() },
            SessionEvent::Pong { rtt } => Self::Pong { payload: payload(), round_trip: rtt },
            SessionEvent::CloseReceived => Self::CloseReceived,
            SessionEvent::Ended(report) => Self::Ended(report),
            SessionEvent::Request(_) | SessionEvent::Open(_) | SessionEvent::Chunk(_) => {
                return None;
            }
        })
    }
}
