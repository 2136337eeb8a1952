//! A WebSocket over a blocking stream, with one owner.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::io;

use super::access::{Half, Own};
use super::split::{Receiver, Sender, glance};
use super::transport::{Socket, Transport};
use super::turn::Turn;
use super::verbs::verbs;
use super::writer::MessageWriter;
use crate::adapter::getters::socket_getters;
use crate::adapter::messages::Item;
use crate::adapter::opening::{self, Opening};
use crate::adapter::{Incoming, IncomingChunk, IncomingEvent, Messages, PingError, Ticket};
use crate::config::Config;
use crate::connection::SendError;
use crate::handshake::{Negotiated, Request, Response};
use crate::report::{DialRecord, Evidence, Stats, Termination, TlsFacts};
use crate::session::{Outgoing, SendRefused, Session, Unsent};
use crate::time::{Clock, Timestamp};
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};
use crate::wire::keystream::Seed;
use crate::wire::role::Role;

/// A WebSocket connection over a blocking stream.
///
/// Made by [`connect`](super::connect), [`handshake`](super::handshake) or
/// [`accept`](super::accept), or from [somebody else's upgrade](Self::upgraded).
///
/// While a call waits, the socket answers Pings, sends its own, and acts on every deadline of the
/// [`Config`]; between calls nothing happens. Dropping it closes the stream without a Close frame;
/// [`close`](Self::close) ends it properly.
///
/// ```no_run
/// use farewell::blocking::{self, Incoming};
///
/// let mut socket = blocking::connect("ws://127.0.0.1:9001/chat")?;
/// socket.send("hello")?;
/// match socket.next() {
///     Incoming::Message(message) => println!("{message:?}"),
///     Incoming::Ended(report) => println!("{report}"),
/// }
/// let report = socket.close(farewell::CloseCode::NORMAL);
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebSocket<S> {
    pub(super) turn: Turn<Own<S>>,
    opening: Opening,
}

impl<S: Transport> WebSocket<S> {
    /// Takes over a stream on which the opening handshake was spoken by somebody else, an HTTP
    /// server for example. `read` is what was read behind the handshake.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes to give, or the stream cannot be prepared.
    pub fn upgraded(
        stream: S,
        role: Role,
        negotiated: Negotiated,
        config: impl Into<Arc<Config>>,
        read: &[u8],
    ) -> io::Result<Self> {
        let clock = Clock::new();
        let seed = Seed::from_os().map_err(io::Error::other)?;
        let session = Session::upgraded(role, negotiated, config, seed, clock.now());
        let driver = opening::driver(session, None, clock.now()).with_input(read);
        let turn = Turn { access: Own::new(stream, driver)?, clock };
        Ok(Self::new(turn, Opening::default()))
    }

    pub(super) fn new(turn: Turn<Own<S>>, opening: Opening) -> Self {
        Self { turn, opening }
    }

    /// Waits for the next message, or for the end.
    ///
    /// What is queued is written before it waits. Pongs that answer Pings leave before it waits or
    /// returns the message behind them. After the end it returns the same report again.
    #[expect(clippy::should_implement_trait, reason = "there is always something to give")]
    pub fn next(&mut self) -> Incoming {
        self.turn.next()
    }

    /// As [`next`](Self::next), but returns nothing once it has waited for this long.
    ///
    /// A read from a stream whose waits cannot be bounded is not cut short: see
    /// [`Transport::is_timed`].
    pub fn next_within(&mut self, limit: Duration) -> Option<Incoming> {
        self.turn.next_before(Some(self.turn.clock.now() + limit))
    }

    /// Waits for the next part of a message, or for the end, as [`next`](Self::next) does: what comes
    /// is returned as it comes, and a message takes no memory however long it is.
    ///
    /// A message that came whole is one chunk. It can be called in turn with `next`, which passes
    /// over what is left of a message that was begun with this.
    /// [`Limits::message`](crate::Limits::message) still holds: raise it for messages that are longer
    /// than its 64 MiB. See [`MessageChunk`](crate::MessageChunk) for what a chunk is.
    pub fn next_chunk(&mut self) -> IncomingChunk {
        self.turn.next_chunk()
    }

    /// Waits for the next message, Ping, Pong or Close, or for the end, as [`next`](Self::next) does.
    ///
    /// Control frames are told from the first call on, and none that was passed over before. From then on
    /// they wait to be taken as messages do, by this or by `next`, which passes over them. See
    /// [`IncomingEvent`] for an example.
    pub fn next_event(&mut self) -> IncomingEvent {
        self.turn.next_incoming_event()
    }

    /// As [`next_event`](Self::next_event), but returns nothing once it has waited for this long, as
    /// [`next_within`](Self::next_within) does.
    pub fn next_event_within(&mut self, limit: Duration) -> Option<IncomingEvent> {
        self.turn.next_event_before(Some(self.turn.clock.now() + limit))
    }

    /// The next message or the report, if it is there: as [`next`](Self::next), but it waits for no
    /// longer than the shortest read takes, about a millisecond.
    ///
    /// From a stream whose waits cannot be bounded it reads nothing, and returns only what was read
    /// before.
    pub fn try_next(&mut self) -> Option<Incoming> {
        self.turn.next_before(Some(self.turn.clock.now()))
    }

    /// The messages that come in, as an `Iterator` of `Result`s: see [`Messages`].
    pub fn messages(&mut self) -> Messages<&mut Self> {
        Messages::new(self)
    }

    /// Closes: sends what is queued, then the Close, waits for the peer's, and reports.
    ///
    /// Messages that wait or still come are dropped; to have them, call
    /// [`queue_close`](Self::queue_close) and then [`next`](Self::next) until the end. It takes no
    /// longer than the close timeout and the linger timeout. On a connection that is already
    /// closing or over it waits for the end and reports it. A stream whose waits cannot be bounded
    /// is not waited for: see [`Untimed`](super::Untimed).
    pub fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        // A refusal says that the end is already under way.
        let _ = self.queue_close(frame);
        self.turn.finish()
    }

    /// Joins a drain, which is then told how the connection ends, and can close it: with a
    /// [`Ticket`] that was taken when the connection came in, or with the [`Drain`](super::Drain) itself.
    ///
    /// Where the drain has begun, the connection is closed at once. A socket is in one drain at most:
    /// the last one that it joined.
    pub fn join(&mut self, ticket: impl Into<Ticket>) {
        let access = &mut self.turn.access;
        access.ticket = Some(ticket.into().of_socket(&access.driver));
    }
}

impl<S: Transport> Iterator for Messages<&mut WebSocket<S>> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.next_with(|socket| socket.next())
    }
}

verbs! {
    WebSocket: Transport,
    /// Queues a message. It leaves with the next [`flush`](Self::flush), or when
    /// [`next`](Self::next) would wait, whichever comes first.
}

impl<S> WebSocket<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.turn.access.stream
    }

    /// The stream below, to set its options for example; its timeouts are the socket's. What is read
    /// from it or written to it is missing to the connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.turn.access.stream
    }

    /// The stream below, once the connection is of no more use. What was read from it and what is
    /// still queued are dropped with the rest; no Close is sent. Its timeouts are as they were last
    /// set here.
    pub fn into_inner(self) -> S {
        self.turn.access.stream
    }
}

impl<S: Socket> WebSocket<S> {
    /// Splits it into a reader and a writer for two threads.
    #[must_use]
    pub fn split(self) -> (Receiver<S>, Sender<S>) {
        let glance = glance(self.session().config());
        let Turn { access, clock } = self.turn;
        let (reading, writing) = Half::both(access, glance);
        (Receiver::new(reading, clock), Sender::new(writing, clock))
    }
}

socket_getters!(WebSocket, |socket| socket.turn.access.driver);
