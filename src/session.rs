//! A WebSocket connection from its opening handshake to its end, in whole messages.
//!
//! Invariant: here is where buffers are owned, and nowhere below. Each is bounded by [`Limits`]
//! and given back when it is empty, so that an idle session holds next to nothing.
//!
//! [`Limits`]: crate::Limits

mod assembly;
mod commands;
mod compression;
mod event;
mod getters;
mod opening;
mod outgoing;
mod output;
mod prepared;
mod queue;
mod send_queue;
#[cfg(feature = "tracing")]
mod traced;
mod transport;
mod unsent;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;

use bytes::{Buf, BytesMut};

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::Event;
use crate::deflate::Deflate;
use crate::handshake::{ClientRequest, Negotiated, Response};
use crate::report::Phase;
use crate::report::ReadClosed;
use crate::report::Termination;
use crate::report::trace::Trace;
use crate::time::Timestamp;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::message::NotUtf8;
use crate::wire::role::Role;

use assembly::Assembly;
use compression::compression;
use opening::{Opening, Progress};
use send_queue::SendQueue;

pub use commands::AnswerError;
pub use event::{Opened, SessionEvent};
pub use outgoing::{Outgoing, SendRefused};
pub use output::Output;
pub use prepared::Prepared;
pub use unsent::Unsent;

/// A WebSocket connection that owns its buffers, speaks the opening handshake and gives whole
/// messages, over whatever transport its caller drives.
///
/// For runtimes that own their buffers there is [`Connection`], below the opening handshake and
/// without whole messages.
///
/// Four families of methods:
///
/// 1. *What happened*: [`poll_event`](Self::poll_event) with the bytes that came, until it gives
///    `None`; [`handle_filled`](Self::handle_filled) where they were read into
///    [`spare_mut`](Self::spare_mut); [`handle_read_closed`](Self::handle_read_closed),
///    [`handle_write_failed`](Self::handle_write_failed),
///    [`handle_flushed`](Self::handle_flushed), [`handle_timeout`](Self::handle_timeout).
/// 2. *Commands*: [`accept`](Self::accept), [`reject`](Self::reject), [`send`](Self::send),
///    [`ping`](Self::ping), [`close`](Self::close), [`abort`](Self::abort).
/// 3. *What to do*: [`output`](Self::output), [`wants_shutdown`](Self::wants_shutdown),
///    [`poll_timeout`](Self::poll_timeout).
/// 4. Getters.
///
/// A driver reads, calls [`poll_event`](Self::poll_event) until it gives `None`, writes the
/// [`output`](Self::output) until there is none or the transport would block, shuts down the
/// writing side once [`wants_shutdown`](Self::wants_shutdown) says so, and waits until the
/// transport is ready or the deadline comes; at the deadline it tries to read once more, then
/// calls [`handle_timeout`](Self::handle_timeout). It closes the transport after
/// [`SessionEvent::Ended`], which always comes, exactly once, as the last event.
///
/// No call panics, in whatever order it comes and whatever it is given. The events and the output
/// do not depend on how the bytes that come in are split.
///
/// ```
/// use bytes::Buf;
/// use farewell::handshake::{Accept, ClientRequest, Origins};
/// use farewell::{CloseCode, Config, ReadClosed, Seed, Session, SessionEvent, Timestamp};
///
/// let now = Timestamp::ZERO;
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// // Use `Seed::from_os` outside of examples.
/// let mut client = Session::client(&request, Config::default(), Seed::new([1; 32]), now);
/// let mut server = Session::server(Config::default(), Seed::new([2; 32]), now);
///
/// /// Carries the output of one session to the other.
/// fn carry(from: &mut Session, now: Timestamp) -> Vec<u8> {
///     let mut output = from.output();
///     let bytes = output.copy_to_bytes(output.remaining()).to_vec();
///     from.handle_flushed(bytes.len(), now);
///     bytes
/// }
///
/// let (mut said, mut report) = (Vec::new(), None);
/// while report.is_none() {
///     let mut bytes = carry(&mut client, now);
///     let mut input = &mut bytes[..];
///     while let Some(event) = server.poll_event(&mut input, now) {
///         match event {
///             SessionEvent::Request(_) => server.accept(Accept::new(Origins::SameHost), now)?,
///             SessionEvent::Message(message) => {
///                 server.send(message, now).map_err(|refused| refused.reason)?;
///             }
///             _ => {}
///         }
///     }
///     let mut bytes = carry(&mut server, now);
///     let mut input = &mut bytes[..];
///     while let Some(event) = client.poll_event(&mut input, now) {
///         match event {
///             SessionEvent::Open(_) => client.send("hello", now)?,
///             SessionEvent::Message(message) => {
///                 said.push(message.as_text().map(String::from));
///                 client.close(CloseCode::NORMAL, now)?;
///             }
///             SessionEvent::Ended(ended) => report = Some(ended),
///             _ => {}
///         }
///     }
///     if server.wants_shutdown() {
///         client.handle_read_closed(ReadClosed::Eof, now);
///     }
/// }
/// assert_eq!(said, [Some("hello".to_string())]);
/// assert!(report.is_some_and(|report| report.clean && report.code == 1000));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    config: Arc<Config>,
    outgoing: SendQueue,
    assembly: Assembly,
    negotiated: Negotiated,
    /// Where compression was agreed on.
    deflate: Option<Box<Deflate>>,
    kept: Option<Box<Deferred>>,
    write_failed: bool,
    /// The most bytes of frames, made or to be made, that were pending when some of them left.
    pending_peak: u64,
    trace: Trace,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the long-lived stage is the large one")]
enum Stage {
    /// Until the connection is open; for good where it never is.
    Opening(Box<Opening>),
    Open(Connection),
}

/// What has to be looked at before the next input.
#[derive(Debug, Default)]
struct Deferred {
    /// News of the connection being open.
    opened: Option<Box<Opened>>,
    /// Bytes that came before it was.
    early: BytesMut,
    /// The end of the stream, behind them.
    read_closed: Option<ReadClosed>,
}

impl Session {
    /// A client's session: the request is in its output at once.
    ///
    /// `seed` feeds the nonce of the opening handshake and the masking keys; every session needs
    /// its own, from a strong source of entropy (RFC 6455 section 10.3). One `Arc<Config>` serves
    /// any number of sessions.
    #[must_use]
    pub fn client(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        seed: Seed,
        now: Timestamp,
    ) -> Self {
        let config = config.into();
        let mut outgoing = SendQueue::new(Role::Client);
        let queue = &mut outgoing.queue;
        let opening = Opening::client(request, config.clone(), seed, queue, now);
        let trace = Trace::asking(request);
        Self::new(Stage::Opening(Box::new(opening)), config, outgoing, trace)
    }

    /// A server's session, which waits for a request.
    ///
    /// Of `seed` and `config`, see [`client`](Self::client).
    #[must_use]
    pub fn server(config: impl Into<Arc<Config>>, seed: Seed, now: Timestamp) -> Self {
        let config = config.into();
        let opening = Opening::server(config.clone(), seed, now);
        let (outgoing, trace) = (SendQueue::new(Role::Server), Trace::new(Role::Server));
        Self::new(Stage::Opening(Box::new(opening)), config, outgoing, trace)
    }

    /// A session on a connection whose opening handshake somebody else has completed.
    ///
    /// Bytes that were read behind the handshake are simply the first input. There is no
    /// [`SessionEvent::Open`].
    #[must_use]
    pub fn upgraded(
        role: Role,
        negotiated: Negotiated,
        config: impl Into<Arc<Config>>,
        seed: Seed,
        now: Timestamp,
    ) -> Self {
        let config = config.into();
        let mut connection =
            Connection::with_keystream(role, config.clone(), Keystream::new(seed), now);
        let deflate = compression(&mut connection, &negotiated, &config);
        let (outgoing, trace) = (SendQueue::new(role), Trace::new(role));
        let mut session = Self::new(Stage::Open(connection), config, outgoing, trace);
        (session.negotiated, session.deflate) = (negotiated, deflate);
        session
    }

    fn new(stage: Stage, config: Arc<Config>, outgoing: SendQueue, trace: Trace) -> Self {
        Self {
            stage,
            config,
            outgoing,
            assembly: Assembly::default(),
            negotiated: Negotiated::default(),
            deflate: None,
            kept: None,
            write_failed: false,
            pending_peak: 0,
            trace,
        }
    }

    /// Takes the next event out of the bytes that came.
    ///
    /// Call it until it gives `None`; then all of `input` is consumed, and the buffer behind it is
    /// free for the next read. A message that lies whole in the input is borrowed from it; payloads
    /// are unmasked in place. Call it with empty input too, after any other call that takes `now`:
    /// an event may wait.
    ///
    /// After [`SessionEvent::Request`], what lies behind the request is kept until it is accepted,
    /// as much as [`Limits::head`](crate::Limits::head) allows.
    #[inline]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'b>> {
        if self.kept.is_some() || self.assembly.has_filled() {
            let event = self.poll_kept(now);
            if event.is_some() {
                return event;
            }
        }
        match &self.stage {
            Stage::Open(_) => self.receive(input, now),
            Stage::Opening(_) => self.poll_opening(input, now),
        }
    }

    /// Frames become messages here.
    #[inline]
    fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'b>> {
        loop {
            let Stage::Open(connection) = &mut self.stage else { return None };
            match connection.poll_input(input, now) {
                Some(Event::Data(chunk)) if chunk.is_whole() => match Assembly::whole(&chunk) {
                    Ok(message) => return Some(SessionEvent::Message(message)),
                    Err(NotUtf8) => connection.fail_text(now),
                },
                Some(Event::Data(chunk)) if chunk.is_compressed() => {
                    if let Some(message) = self.inflate(&chunk, now) {
                        return Some(SessionEvent::Message(message));
                    }
                }
                Some(Event::Data(chunk)) => {
                    self.assembly.append(chunk.payload(), connection.message_remaining());
                    if chunk.is_last() {
                        match self.assembly.finish(chunk.kind()) {
                            Ok(message) => return Some(SessionEvent::Message(message)),
                            Err(NotUtf8) => connection.fail_text(now),
                        }
                    }
                }
                Some(other) => return self.translate(other),
                None => {
                    self.drop_unfinished();
                    return self.poll_end();
                }
            }
        }
    }

    /// An event other than data.
    #[inline(never)]
    fn translate(&mut self, event: Event<'_>) -> Option<SessionEvent<'static>> {
        let Stage::Open(connection) = &mut self.stage else { return None };
        match event {
            Event::Data(_) | Event::Ended(_) => None,
            Event::Ping => {
                // Queued here and not when the output is asked for, so that the answer's place
                // does not depend on how the input was split.
                self.outgoing.answer(connection, &self.config);
                Some(SessionEvent::Ping)
            }
            Event::Pong { rtt } => Some(SessionEvent::Pong { rtt }),
            Event::CloseReceived => {
                self.drop_unfinished();
                Some(SessionEvent::CloseReceived)
            }
        }
    }

    /// The end of an open connection, with what is known of the queue.
    #[inline]
    fn poll_end(&mut self) -> Option<SessionEvent<'static>> {
        let Stage::Open(connection) = &mut self.stage else { return None };
        let report = connection.take_report(|| self.outgoing.backlog())?;
        Some(self.end(report))
    }

    /// Gives back the memory of a message that will never be complete.
    #[inline]
    fn drop_unfinished(&mut self) {
        if self.assembly.holds_memory() || self.can_inflate() {
            if !matches!(self.phase(), Phase::Open | Phase::CloseSent) {
                self.assembly.clear();
                self.stop_inflating();
            }
        }
    }

    #[inline(never)]
    fn poll_opening<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'b>> {
        let Stage::Opening(opening) = &mut self.stage else { return None };
        match opening.receive(input, &mut self.outgoing.queue, now)? {
            Progress::Request(request) => {
                self.trace.asked(&request);
                Some(SessionEvent::Request(request))
            }
            Progress::Ended(report) => Some(self.end(report)),
            Progress::Established(response) => Some(self.established(*response, now)),
        }
    }

    fn established(&mut self, response: Response, now: Timestamp) -> SessionEvent<'static> {
        let negotiated = response.negotiated().clone();
        self.open(negotiated.clone(), now);
        SessionEvent::Open(Box::new(Opened { negotiated, response: Some(response) }))
    }

    /// The opening handshake is over: everything that served it is freed. Gives what came early.
    fn open(&mut self, negotiated: Negotiated, now: Timestamp) -> BytesMut {
        let Stage::Opening(opening) = &mut self.stage else { return BytesMut::new() };
        let Some(keystream) = opening.take_keystream() else { return BytesMut::new() };
        let now = opening.advance(now);
        let early = opening.take_early();
        let config = self.config.clone();
        let mut connection = Connection::with_keystream(opening.role(), config, keystream, now);
        if self.outgoing.queue.handshake() > 0 {
            connection.handshake_queued();
        }
        if let Some(kind) = opening.write_failed {
            connection.handle_write_failed(kind, now);
        }
        self.deflate = compression(&mut connection, &negotiated, &self.config);
        self.stage = Stage::Open(connection);
        self.negotiated = negotiated;
        early
    }

    /// What has to be looked at before the next input.
    #[cold]
    #[inline(never)]
    fn poll_kept(&mut self, now: Timestamp) -> Option<SessionEvent<'static>> {
        if let Some(opened) = self.kept.as_mut().and_then(|kept| kept.opened.take()) {
            return Some(SessionEvent::Open(opened));
        }
        let early = self.kept.as_mut().map(|kept| mem::take(&mut kept.early));
        if let Some(mut early) = early {
            let mut rest = &mut early[..];
            let event = self.receive(&mut rest, now).map(SessionEvent::into_owned);
            let left = rest.len();
            early.advance(early.len() - left);
            if event.is_some() {
                if let Some(kept) = &mut self.kept {
                    kept.early = early;
                }
                return event;
            }
        }
        let event = self.poll_filled(now);
        if event.is_some() {
            return event;
        }
        let read_closed = self.kept.take().and_then(|kept| kept.read_closed);
        if let (Some(how), Stage::Open(connection)) = (read_closed, &mut self.stage) {
            connection.handle_read_closed(how, now);
        }
        None
    }

    /// What was read into the memory of the message under way: nothing but its payload.
    fn poll_filled(&mut self, now: Timestamp) -> Option<SessionEvent<'static>> {
        while self.assembly.has_filled() {
            let Stage::Open(connection) = &mut self.stage else { return None };
            let mut rest = self.assembly.filled_mut();
            match connection.poll_input(&mut rest, now) {
                Some(Event::Data(chunk)) => {
                    let (len, last, kind) = (chunk.payload().len(), chunk.is_last(), chunk.kind());
                    self.assembly.take_filled(len);
                    if last {
                        match self.assembly.finish(kind) {
                            Ok(message) => return Some(SessionEvent::Message(message)),
                            Err(NotUtf8) => connection.fail_text(now),
                        }
                    }
                }
                // The connection takes no more data, so there is no message any more.
                _ => {
                    self.assembly.clear();
                    return self.poll_end();
                }
            }
        }
        None
    }

    /// Gives back everything that was held.
    fn end(&mut self, report: Box<Termination>) -> SessionEvent<'static> {
        self.mark_pending();
        self.outgoing.clear();
        self.assembly.clear();
        self.deflate = None;
        self.kept = None;
        self.trace.ended(&report);
        SessionEvent::Ended(report)
    }

    /// Remembers how much is pending. Until some of it leaves or is given up that only grows, so it
    /// is looked at then, and when it is asked for.
    fn mark_pending(&mut self) {
        if let Stage::Open(connection) = &self.stage {
            let pending = connection.pending_output() + self.outgoing.unframed() as u64;
            self.pending_peak = self.pending_peak.max(pending);
        }
    }

    /// Memory of the large message under way, to read into directly; empty where there is none.
    ///
    /// What is read there is copied no more. Report it with
    /// [`handle_filled`](Self::handle_filled). The memory never reaches beyond the payload of the
    /// frame under way, and grows with what was received, at most to its double.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        match &self.stage {
            Stage::Open(connection) if self.kept.is_none() => {
                self.assembly.spare_mut(connection.direct_remaining())
            }
            _ => &mut [],
        }
    }

    /// `count` bytes were read into [`spare_mut`](Self::spare_mut).
    ///
    /// Call [`poll_event`](Self::poll_event) next, with empty input.
    pub fn handle_filled(&mut self, count: usize, _now: Timestamp) {
        if let Stage::Open(connection) = &self.stage {
            self.assembly.fill(count, connection.direct_remaining());
        }
    }
}
