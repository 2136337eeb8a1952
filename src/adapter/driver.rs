//! A session with what was read for it and not asked for yet.
//!
//! Invariants: no byte is read while an earlier one waits unparsed, so the order is kept and an
//! end of stream never overtakes data; whatever was read is parsed before a deadline takes effect.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use crate::adapter::{AcceptError, Acceptor, ConnectError, Incoming};
use crate::connection::SendError;
use crate::handshake::{Accept, Rejection, Request, ResponseError};
use crate::report::Phase;
use crate::report::ReadClosed;
use crate::report::Termination;
use crate::session::{AnswerError, Opened, Outgoing, SendRefused, Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::message::Message;

/// What a queued message counts for beside its payload.
const PER_MESSAGE: usize = 64;

/// Output is written by then even if the application goes on without waiting.
const WRITE_SOON: usize = 64 * 1024;

/// A [`Session`] and what both adapters keep beside it.
pub(super) struct Driver {
    session: Session,
    /// Messages that were parsed while the application sent.
    ready: VecDeque<Message<'static>>,
    ready_bytes: usize,
    leftover: Leftover,
    request: Option<Box<Request>>,
    /// Why the application's answer to the request could not be given.
    unfit: Option<ResponseError>,
    opened: Option<Box<Opened>>,
    ended: Option<Box<Termination>>,
    /// An answer to the peer is queued that has to leave before what came behind it is given out.
    answers: bool,
    read_closed: bool,
    write_failed: bool,
    /// A read may wait for ever, whatever the deadline.
    reads_may_last: bool,
    shut_down: Option<Shutdown>,
}

/// Bytes that were read and not parsed.
#[derive(Default)]
struct Leftover {
    bytes: Vec<u8>,
    at: usize,
}

/// How much of the stream is to be shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shutdown {
    /// Our side.
    Write,
    /// Both: the connection is over.
    Both,
}

/// What has to happen before the application gets its next message.
pub(super) enum Next {
    /// Nothing: here it is.
    Incoming(Incoming),
    /// What is queued has to be given to the transport, as far as it takes it without waiting.
    Write,
    /// Time has to pass or bytes have to come.
    Wait,
}

impl Driver {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            ready: VecDeque::new(),
            ready_bytes: 0,
            leftover: Leftover::default(),
            request: None,
            unfit: None,
            opened: None,
            ended: None,
            answers: false,
            read_closed: false,
            write_failed: false,
            reads_may_last: false,
            shut_down: None,
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(super) fn opened(&self) -> Option<&Opened> {
        self.opened.as_deref()
    }

    pub(super) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    pub(super) fn forget_handshake(&mut self) {
        self.request = None;
        self.opened = None;
    }

    /// Keeps bytes that somebody else has read.
    pub(super) fn keep(&mut self, read: &[u8]) {
        self.leftover.bytes.extend_from_slice(read);
    }

    /// Whether reads may wait for ever: what is there then comes before deadlines.
    pub(super) fn reads_may_last(&mut self, may_last: bool) {
        self.reads_may_last = may_last;
    }

    pub(super) fn ended(&self) -> Option<&Termination> {
        self.ended.as_deref()
    }

    /// Says what `next()` has to do. `wrote` tells that it has just written.
    pub(super) fn next(&mut self, wrote: bool, now: Timestamp) -> Next {
        // Before a deadline takes effect comes a read, unless that would keep back what is there.
        if self.ended.is_none() && self.due(now) && !self.reads_may_last {
            return Next::Wait;
        }
        if self.ready.is_empty() {
            self.parse_leftover(false, now);
        }
        if self.ready.is_empty() && self.ended.is_none() {
            return Next::Wait;
        }
        let urgent = self.answers || self.session.pending_output() >= WRITE_SOON;
        if urgent && !wrote && self.wants_write() {
            return Next::Write;
        }
        self.answers = false;
        self.take().map_or(Next::Wait, Next::Incoming)
    }

    fn take(&mut self) -> Option<Incoming> {
        match self.ready.pop_front() {
            Some(message) => {
                self.ready_bytes -= cost(&message);
                if self.ready.is_empty() && self.ready.capacity() > 4 {
                    self.ready = VecDeque::new();
                }
                Some(Incoming::Message(message))
            }
            None => self.ended.clone().map(Incoming::Ended),
        }
    }

    /// Whether a message or the report is there, parsed.
    pub(super) fn has_incoming(&self) -> bool {
        !self.ready.is_empty() || self.ended.is_some()
    }

    /// Whether there is anything to read and nobody would have to hold more than it should.
    pub(super) fn may_read(&self) -> bool {
        !self.read_closed && self.ended.is_none()
    }

    /// Whether sending may read on while it waits.
    pub(super) fn may_read_ahead(&self) -> bool {
        self.may_read() && self.ready_bytes < self.session.config().limits.pending_output
    }

    /// The memory of a large message under way, to read into; or nothing.
    pub(super) fn spare_mut(&mut self, now: Timestamp) -> &mut [u8] {
        self.parse_leftover(true, now);
        self.session.spare_mut()
    }

    /// `len` bytes were read into the memory of the large message.
    pub(super) fn handle_filled(&mut self, len: usize, now: Timestamp) {
        self.session.handle_filled(len, now);
        self.pump(&mut &mut [][..], true, now);
    }

    /// These bytes were read. Parses them up to the first message, or the request, and keeps the
    /// rest.
    pub(super) fn handle_read(&mut self, mut input: &mut [u8], now: Timestamp) {
        self.parse_leftover(true, now);
        self.pump(&mut input, false, now);
        if !input.is_empty() {
            self.leftover = Leftover { bytes: input.to_vec(), at: 0 };
        }
    }

    pub(super) fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        self.parse_leftover(true, now);
        self.read_closed = true;
        self.session.handle_read_closed(how, now);
        self.pump(&mut &mut [][..], true, now);
    }

    /// Parses what was read before, all of it or up to the first message.
    pub(super) fn parse_leftover(&mut self, all: bool, now: Timestamp) {
        let mut leftover = mem::take(&mut self.leftover);
        let mut input = leftover.bytes.get_mut(leftover.at..).unwrap_or_default();
        self.pump(&mut input, all, now);
        let left = input.len();
        if left > 0 {
            leftover.at = leftover.bytes.len() - left;
            self.leftover = leftover;
        }
    }

    fn pump(&mut self, input: &mut &mut [u8], all: bool, now: Timestamp) {
        while let Some(event) = self.session.poll_event(input, now) {
            match event {
                SessionEvent::Message(message) => {
                    let message = message.into_owned();
                    self.ready_bytes += cost(&message);
                    self.ready.push_back(message);
                    if !all {
                        return;
                    }
                }
                SessionEvent::Request(request) => {
                    self.request = Some(request);
                    // It is answered first: what lies behind it then meets an open connection,
                    // whether it came in the same read or not.
                    return;
                }
                SessionEvent::Open(opened) => self.opened = Some(opened),
                SessionEvent::Ping | SessionEvent::CloseReceived => self.answers = true,
                SessionEvent::Ended(report) => self.ended = Some(report),
                _ => {}
            }
        }
    }

    pub(super) fn wants_write(&mut self) -> bool {
        self.ended.is_none() && self.session.has_output()
    }

    /// Whether the session takes no message before some of its output has left.
    #[cfg(feature = "tokio")]
    pub(super) fn is_full(&self) -> bool {
        self.ended.is_none() && self.session.is_full()
    }

    pub(super) fn handle_write_failed(&mut self, error: &std::io::Error, now: Timestamp) {
        self.write_failed = true;
        self.session.handle_write_failed(error.into(), now);
        self.parse_leftover(true, now);
    }

    /// Whether everything that was queued is with the transport.
    ///
    /// # Errors
    ///
    /// What was queued will never be.
    pub(super) fn flushed(&mut self) -> Result<bool, SendError> {
        if self.ended.is_some() {
            return Err(SendError::Ended);
        }
        if self.write_failed {
            return Err(SendError::WriteFailed);
        }
        Ok(!self.session.has_output())
    }

    /// Whether the stream is to be shut down now: our side, or both once the connection is over.
    /// Says each once.
    pub(super) fn take_shutdown(&mut self) -> Option<Shutdown> {
        let wanted = if self.ended.is_some() {
            Some(Shutdown::Both)
        } else if self.session.wants_shutdown() && !self.wants_write() {
            Some(Shutdown::Write)
        } else {
            None
        };
        if wanted <= self.shut_down {
            return None;
        }
        self.shut_down = wanted;
        wanted
    }

    pub(super) fn due(&self, now: Timestamp) -> bool {
        self.session.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Lets the deadlines that have passed take effect. The caller has just tried to read.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if self.due(now) {
            self.parse_leftover(true, now);
        }
        if self.due(now) {
            self.session.handle_timeout(now);
            self.pump(&mut &mut [][..], true, now);
        }
    }

    pub(super) fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'m>> {
        self.session.send(message, now)
    }

    pub(super) fn close(&mut self, frame: CloseFrame, now: Timestamp) -> Result<(), SendError> {
        let result = self.session.close(frame, now);
        self.parse_leftover(true, now);
        result
    }

    /// Ends the connection without a word and gives the report.
    pub(super) fn abort(&mut self, now: Timestamp) {
        self.session.abort(now);
        self.ready = VecDeque::new();
        self.ready_bytes = 0;
        self.leftover = Leftover::default();
        self.pump(&mut &mut [][..], true, now);
    }

    /// Whether the client's opening handshake is over.
    pub(super) fn connected(&mut self) -> Result<bool, ConnectError> {
        match &self.ended {
            Some(report) => Err(ConnectError::Ended(report.clone())),
            None => Ok(self.opened.is_some()),
        }
    }

    /// Takes the server's opening handshake one step on.
    pub(super) fn answer(&mut self, acceptor: &Acceptor, now: Timestamp) -> Answer {
        if let Some(report) = &self.ended {
            return Answer::Failed(match self.unfit.take() {
                Some(error) if !matches!(error, ResponseError::Refused(_)) => {
                    AcceptError::Response(error)
                }
                _ => AcceptError::Ended(report.clone()),
            });
        }
        if self.opened.is_some() {
            // The client may wait for the response before it sends anything.
            return if self.wants_write() { Answer::Writing } else { Answer::Accepted };
        }
        if self.session.phase() != Phase::Opening {
            return Answer::Waiting;
        }
        let Some(request) = &self.request else { return Answer::Waiting };
        match acceptor.decide(request) {
            Ok(accept) => self.accept(&accept, now),
            Err(rejection) => drop(self.session.reject(rejection, now)),
        }
        self.pump(&mut &mut [][..], false, now);
        Answer::Given
    }

    fn accept(&mut self, accept: &Accept, now: Timestamp) {
        // A refused Origin is answered already.
        if let Err(AnswerError::Response(error)) = self.session.accept(accept, now) {
            self.unfit = Some(error);
            if let Ok(rejection) = Rejection::new(500) {
                let _ = self.session.reject(rejection, now);
            }
        }
    }
}

/// How far the server's opening handshake has got.
pub(super) enum Answer {
    /// Nothing can be done before something was read or written.
    Waiting,
    /// The request was answered.
    Given,
    /// The connection is open, and the response has to be flushed.
    Writing,
    /// The connection is open, and the client has been told.
    Accepted,
    Failed(AcceptError),
}

fn cost(message: &Message<'static>) -> usize {
    message.len() + PER_MESSAGE
}
