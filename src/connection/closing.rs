//! What is known of an ending while it takes its course, and the report made of it.
//!
//! Plain bookkeeping: [`Connection`](super::Connection) decides, and changes the phase.

use alloc::boxed::Box;
use core::time::Duration;

use super::Connection;
use crate::report::Phase;
use crate::report::{
    Cause, Direction, Evidence, Initiator, LocalClose, Position, StreamEnd, Termination,
    Undelivered,
};
use crate::report::{ReadClosed, TransportError};
use crate::time::Timestamp;
use crate::wire::close::{ABNORMAL_CLOSURE, CloseFrame};
use crate::wire::role::Role;

/// What an [`Closing`] does with our Close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseState {
    /// It waits to be written into the output.
    Queued,
    /// It was written into the output and ends at this offset.
    Written { mark: u64 },
    /// It was flushed, or never will be.
    Done,
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) initiator: Initiator,
    /// The cause, where it is decided already.
    pub(super) cause: Option<Cause>,
    /// The phase and the position in the peer's stream at which delivery stopped.
    pub(super) stopped: Option<(Phase, Position)>,
    pub(super) local: Option<LocalClose>,
    pub(super) close_state: CloseState,
    pub(super) peer: Option<CloseFrame>,
    /// Both Closes have passed, and the peer's stream had not ended before ours was written.
    pub(super) complete: bool,
    pub(super) truncated_message: bool,
    pub(super) close_deadline: Option<Timestamp>,
    pub(super) linger_deadline: Option<Timestamp>,
    pub(super) read_closed: Option<ReadClosed>,
    pub(super) write_failed: Option<TransportError>,
    pub(super) discarded: u64,
    /// The report, until it is taken.
    pub(super) report: Option<Box<Termination>>,
}

impl Closing {
    pub(super) fn new(initiator: Initiator) -> Self {
        Self {
            initiator,
            cause: None,
            stopped: None,
            local: None,
            close_state: CloseState::Done,
            peer: None,
            complete: false,
            truncated_message: false,
            close_deadline: None,
            linger_deadline: None,
            read_closed: None,
            write_failed: None,
            discarded: 0,
            report: None,
        }
    }

    pub(super) fn queue_close(&mut self, frame: CloseFrame, answer: bool) {
        self.local = Some(LocalClose { frame, flushed: false, answer });
        self.close_state = CloseState::Queued;
    }

    /// The peer's stream has ended. Unless something was decided before, that is what happened,
    /// whatever comes of the output that is still to go out.
    pub(super) fn read_ended(&mut self, how: ReadClosed, at: Position) {
        self.read_closed = Some(how);
        if self.complete || self.write_failed.is_some() {
            return;
        }
        //= rfc6455#7.2.1
        //# If at any point the underlying transport layer connection is
        //# unexpectedly lost, the client MUST _Fail the WebSocket Connection_.
        let failed = |kind| Cause::Transport { side: Direction::Read, kind };
        self.cause.get_or_insert(match how {
            ReadClosed::Eof => Cause::Eof { at },
            ReadClosed::TlsTruncated => failed(TransportError::TlsTruncated),
            ReadClosed::Failed(kind) => failed(kind),
        });
    }

    /// The transport takes nothing more: our Close, unless it is out, never will be.
    pub(super) fn give_up_writing(&mut self, kind: TransportError) {
        self.write_failed.get_or_insert(kind);
        self.close_state = CloseState::Done;
    }

    pub(super) fn local_flushed(&self) -> bool {
        self.local.is_some_and(|local| local.flushed)
    }

    /// What happened: decided earlier, or what the transport says.
    fn cause(&self) -> Cause {
        if let Some(cause) = self.cause {
            return cause;
        }
        if self.complete {
            return Cause::ClosingHandshake;
        }
        if let Some(kind) = self.write_failed {
            return Cause::Transport { side: Direction::Write, kind };
        }
        Cause::Aborted
    }

    /// The transport is given up after `span`.
    pub(super) fn begin_linger(&mut self, span: Duration, now: Timestamp) {
        // Counted from the close deadline where that is handled late: the end is not put off.
        let from = self.close_deadline.take().map_or(now, |at| at.min(now));
        self.linger_deadline.get_or_insert(from + span);
    }

    pub(super) fn make_report(&mut self, role: Role, dropped: Undelivered, evidence: Evidence) {
        self.report = Some(Box::new(Termination {
            role,
            //= rfc6455#7.1.5
            //# If _The WebSocket
            //# Connection is Closed_ and no Close control frame was received by the
            //# endpoint (such as could occur if the underlying transport connection
            //# is lost), _The WebSocket Connection Close Code_ is considered to be
            //# 1006.
            code: self.peer.as_ref().map_or(ABNORMAL_CLOSURE, CloseFrame::reported_code),
            clean: self.complete,
            initiator: self.initiator,
            cause: self.cause(),
            local_close: self.local,
            peer_close: self.peer,
            stream_end: self.stream_end(),
            truncated_message: self.truncated_message,
            dropped,
            refusal: None,
            evidence,
        }));
    }

    fn stream_end(&self) -> StreamEnd {
        match self.read_closed {
            None => StreamEnd::NotSeen,
            Some(how) => how.into(),
        }
    }
}

impl Connection {
    pub(super) fn closing_mut(&mut self, initiator: Initiator) -> &mut Closing {
        self.closing.get_or_insert_with(|| Box::new(Closing::new(initiator)))
    }

    /// From now on nothing is delivered. Remembers where in the stream, and in which phase.
    pub(super) fn stop_receiving(&mut self) {
        if let (Some(position), Some(closing)) = (self.receiver.stop(), &mut self.closing) {
            closing.stopped = Some((self.phase, position));
        }
    }
}

impl From<ReadClosed> for StreamEnd {
    fn from(how: ReadClosed) -> Self {
        match how {
            ReadClosed::Eof => Self::Eof,
            ReadClosed::TlsTruncated => Self::TlsTruncated,
            ReadClosed::Failed(kind) => Self::Failed(kind),
        }
    }
}
