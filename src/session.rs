//! A WebSocket connection from its opening handshake to its end, in whole messages.
//!
//! Invariant: a session owns every buffer of its connection. Each is bounded by [`Limits`] and
//! freed when it is empty, so that an idle session holds next to nothing.
//!
//! [`Limits`]: crate::Limits

mod assembly;
mod chunks;
mod commands;
mod confirmation;
mod deferred;
mod dialled;
mod event;
mod getters;
mod ledger;
mod opening;
mod outgoing;
mod output;
mod output_buffer;
mod prepared;
mod receive;
mod send_queue;
mod stage;
#[cfg(feature = "tracing")]
mod traced;
mod unsent;

use alloc::boxed::Box;

use bytes::BytesMut;

use crate::config::Config;
use crate::connection::Connection;
use crate::deflate::Deflate;
use crate::handshake::{ClientRequest, Negotiated};
use crate::report::trace::Trace;
use crate::report::{DialRecord, ReadClosed, ReadEnd, Termination, TransportFailure};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::role::Role;

use assembly::Assembly;
use deferred::Deferred;
use opening::{Opening, Progress};
use send_queue::SendQueue;
use stage::{Stage, at_either};

pub use chunks::MessageChunk;
pub use event::{Opened, SessionEvent};
pub use opening::RespondError;
pub use outgoing::{Outgoing, SendRefused};
pub use output::Output;
#[cfg(feature = "rustls")]
pub(crate) use output_buffer::OutputBuffer;
pub use prepared::Prepared;
pub use unsent::Unsent;

/// A WebSocket connection that owns its buffers, speaks the opening handshake and returns whole
/// messages, over whatever transport its caller drives.
///
/// For runtimes that own their buffers there is [`Connection`], below the opening handshake and
/// without whole messages.
///
/// Four families of methods:
///
/// 1. *What happened*: [`poll_event`](Self::poll_event) with the bytes that came, until it returns
///    `None`; [`handle_filled`](Self::handle_filled) where they were read into
///    [`spare_mut`](Self::spare_mut); [`handle_read_closed`](Self::handle_read_closed),
///    [`handle_write_failed`](Self::handle_write_failed),
///    [`handle_flushed`](Self::handle_flushed), [`handle_timeout`](Self::handle_timeout).
/// 2. *Commands*: [`accept`](Self::accept), [`reject`](Self::reject), [`feed`](Self::feed),
///    [`send_fragment`](Self::send_fragment), [`ping`](Self::ping),
///    [`queue_close`](Self::queue_close), [`abort`](Self::abort); and [`send`](Self::send) and
///    [`close`](Self::close), which are other names for two of them, since nothing waits here.
/// 3. *What to do*: [`output`](Self::output), [`wants_shutdown`](Self::wants_shutdown),
///    [`poll_timeout`](Self::poll_timeout).
/// 4. Getters.
///
/// A driver reads, calls [`poll_event`](Self::poll_event) until it returns `None`, writes the
/// [`output`](Self::output) until there is none or the transport would block, shuts down the
/// writing direction once [`wants_shutdown`](Self::wants_shutdown) says so, and waits until the
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
    send_queue: SendQueue,
    assembly: Assembly,
    negotiated: Negotiated,
    /// Where compression was agreed on.
    deflate: Option<Box<Deflate>>,
    deferred: Option<Box<Deferred>>,
    trace: Trace,
    /// How the stream below came about, where somebody has said so.
    dial: Option<Box<DialRecord>>,
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
        let mut send_queue = SendQueue::new(&config);
        let output = send_queue.handshake_output();
        let opening = Opening::client(request, config, seed, output, now);
        let stage = Stage::Opening(opening);
        Self::new(stage, send_queue, Trace::asking(request))
    }

    /// A server's session, which waits for a request.
    ///
    /// Of `seed` and `config`, see [`client`](Self::client).
    #[must_use]
    pub fn server(config: impl Into<Arc<Config>>, seed: Seed, now: Timestamp) -> Self {
        let config = config.into();
        let send_queue = SendQueue::new(&config);
        let stage = Stage::Opening(Opening::server(config, seed, now));
        Self::new(stage, send_queue, Trace::new(Role::Server))
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
        let send_queue = SendQueue::new(&config);
        let connection = Connection::with_keystream(role, config, Keystream::new(seed), now);
        let mut session = Self::new(Stage::Open(connection), send_queue, Trace::new(role));
        session.apply(negotiated);
        session
    }

    fn new(stage: Stage, send_queue: SendQueue, trace: Trace) -> Self {
        Self {
            stage,
            send_queue,
            assembly: Assembly::default(),
            negotiated: Negotiated::default(),
            deflate: None,
            deferred: None,
            trace,
            dial: None,
        }
    }

    /// Takes the next event out of the bytes that came.
    ///
    /// Call it until it returns `None`; then all of `input` is consumed, and the buffer behind it is
    /// free for the next read. A message that lies whole in the input is borrowed from it; payloads
    /// are unmasked in place. Call it with empty input too, after any other call that takes `now`:
    /// an event may wait.
    ///
    /// After [`SessionEvent::Request`], what lies behind the request is buffered until it is accepted,
    /// as much as [`Limits::head`](crate::Limits::head) allows.
    #[inline]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'b>> {
        self.poll_with(input, now, Assembly::whole)
    }

    #[inline(never)]
    pub(super) fn poll_opening(
        &mut self,
        input: &mut &mut [u8],
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        let output = self.send_queue.handshake_output();
        Some(match self.stage.opening_mut()?.receive(input, output, now)? {
            Progress::Request(request) => {
                self.trace.asked(&request);
                SessionEvent::Request(request)
            }
            Progress::Ended(report) => {
                self.conclude_dial(report.evidence.http_status, report.evidence.ended);
                self.end(report)
            }
            Progress::Established(response) => {
                let negotiated = response.negotiated().clone();
                self.conclude_dial(Some(response.status()), now);
                self.open(negotiated.clone(), now);
                SessionEvent::Open(Box::new(Opened { negotiated, response: Some(*response) }))
            }
        })
    }

    /// Replaces the opening handshake by the connection. Returns the bytes that came before that.
    fn open(&mut self, negotiated: Negotiated, now: Timestamp) -> BytesMut {
        let opened = self.stage.opening_mut().and_then(|opening| opening.open(now));
        let Some((connection, early)) = opened else { return BytesMut::new() };
        self.stage = Stage::Open(connection);
        self.apply(negotiated);
        early
    }

    /// Puts the negotiated extensions in force.
    fn apply(&mut self, negotiated: Negotiated) {
        if let (Some(connection), Some(params)) =
            (self.stage.connection_mut(), &negotiated.extensions().deflate)
        {
            connection.allow_compressed();
            let role = connection.role();
            self.deflate = Some(Box::new(match connection.config().compression_settings() {
                Some(settings) => Deflate::new(role, params, settings),
                // Agreed on elsewhere, so it has to be understood.
                None => Deflate::with_defaults(role, params),
            }));
        }
        self.negotiated = negotiated;
    }

    /// Frees everything that was held.
    pub(super) fn end(&mut self, mut report: Box<Termination>) -> SessionEvent<'static> {
        report.dial.clone_from(&self.dial);
        report.evidence.carrier = self.negotiated.carrier();
        self.send_queue.clear();
        self.assembly.clear();
        self.deflate = None;
        self.deferred = None;
        self.trace.ended(&report);
        SessionEvent::Ended(report)
    }

    /// The reading direction of the transport has ended; nothing more will come.
    ///
    /// Pass all bytes that were read to [`poll_event`](Self::poll_event) first. The peer may have
    /// closed its side alone: what was queued before an end in order still leaves, within the close
    /// timeout, and nothing more is accepted.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        self.read_ended(how.into(), now);
    }

    /// The reading side of the transport has failed; nothing more will come.
    ///
    /// As [`handle_read_closed`](Self::handle_read_closed), with what the transport said beside the
    /// kind of its failure.
    pub fn handle_read_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        self.read_ended(failure.into().into(), now);
    }

    /// The reading direction has ended, with all that was said of it.
    pub(crate) fn read_ended(&mut self, end: ReadEnd, now: Timestamp) {
        if self.looks_first() {
            self.deferred.get_or_insert_default().read_closed.get_or_insert(end);
        } else {
            self.close_reading(end, now);
        }
    }

    /// Nothing more comes. What was accepted still leaves, so the connection has to know of it.
    fn close_reading(&mut self, end: ReadEnd, now: Timestamp) {
        if let Stage::Open(connection) = &mut self.stage {
            if !connection.is_silent() {
                self.send_queue.fill(connection);
            }
        }
        at_either!(&mut self.stage, at => at.read_ended(end, now));
    }

    /// The writing direction of the transport has failed; nothing more will leave.
    ///
    /// Reading goes on, and is worth it: the peer's Close may be waiting there.
    pub fn handle_write_failed(&mut self, failure: impl Into<TransportFailure>, now: Timestamp) {
        let failure = failure.into();
        at_either!(&mut self.stage, at => at.handle_write_failed(failure, now));
    }

    /// The transport has accepted the first `count` bytes of the output.
    ///
    /// More than is pending counts as all of it.
    pub fn handle_flushed(&mut self, count: usize, now: Timestamp) {
        let left = self.send_queue.consume(count);
        if left.handshake > 0 {
            let all = self.send_queue.handshake() == 0;
            at_either!(&mut self.stage, at => at.handshake_flushed(all, now));
        }
        if let Some(connection) = self.stage.connection_mut() {
            if connection.is_draining() {
                self.send_queue.fill(connection);
            }
            connection.handle_flushed(left.frames, now);
        }
    }

    /// Lets every deadline that has passed take effect.
    ///
    /// Harmless at any time. Before calling it at a deadline, read once more: what makes the peer
    /// look dead may only be unread.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.stage.handle_timeout(&mut self.send_queue, now);
    }
}
