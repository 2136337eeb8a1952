//! What is known about the end of a connection, from its first sign until the report.
//!
//! A [`Closing`] exists from the first Close in either direction, fault or failure of the transport
//! on. Its methods return the [`Trigger`] that follows, and the connection takes that step.
//!
//! ```text
//! our Close:  None ──▶ Queued ──▶ Written ──▶ Flushed
//!                        └───────────┴──▶ Lost, where the transport fails first
//! ```

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use super::receive::Fault;
use super::state::{self, Trigger};
use crate::report::{
    Cause, CloseReceived, Direction, Evidence, FirstBytes, Initiator, LocalClose, Phase, Position,
    ReadClosed, ReadEnd, StreamEnd, Termination, TransportError, TransportFailure, Undelivered,
};
use crate::time::{Timer, Timestamp};
use crate::wire::close::{ABNORMAL_CLOSURE, CloseFrame};
use crate::wire::role::Role;

/// How far our Close has got.
#[derive(Debug, Clone, Copy)]
pub(super) enum OurClose {
    /// There is none yet.
    None,
    /// It waits to be written into the output.
    Queued(LocalClose),
    /// It was written into the output and ends at this offset.
    Written(LocalClose, u64),
    /// The transport has accepted its last byte.
    Flushed(LocalClose),
    /// The transport failed before.
    Lost(LocalClose),
}

impl OurClose {
    fn queued(frame: CloseFrame, echo: bool) -> Self {
        Self::Queued(LocalClose { frame, flushed: false, echo })
    }

    pub(super) fn as_ref(&self) -> Option<&LocalClose> {
        match self {
            Self::None => None,
            Self::Queued(close)
            | Self::Written(close, _)
            | Self::Flushed(close)
            | Self::Lost(close) => Some(close),
        }
    }

    /// Whether it has still to leave.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Queued(_) | Self::Written(..))
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self, Self::Queued(_))
    }
}

/// The peer's Close.
#[derive(Debug)]
pub(super) struct PeerClose {
    pub(super) frame: CloseFrame,
    /// It came in the middle of a fragmented message.
    pub(super) truncated_message: bool,
    pub(super) received: CloseReceived,
}

/// What was seen up to the end.
#[derive(Debug)]
struct End {
    evidence: Evidence,
    /// Messages that were queued and may not have left.
    messages: u64,
}

/// What a session has accepted for sending and was not all written: [`Undelivered`] in its parts,
/// which it knows better than the connection.
#[derive(Debug, Default)]
pub(crate) struct UndeliveredParts {
    /// Bytes of the response to the opening handshake, which is no frame and stalls all the same.
    pub(crate) handshake: u64,
    /// Payload bytes of which no frame was made.
    pub(crate) unframed: u64,
    /// Messages of which the last byte has not left, framed or not.
    pub(crate) messages: u64,
}

#[derive(Debug)]
pub(super) struct Closing {
    /// Assigned by [`step`](Self::step) only.
    phase: Phase,
    initiator: Initiator,
    /// The cause, where it is decided already.
    cause: Option<Cause>,
    pub(super) ours: OurClose,
    peer: Option<PeerClose>,
    /// Both Closes have passed, and the peer's stream had not ended before ours was written.
    pub(super) complete: bool,
    read_closed: Option<ReadClosed>,
    write_failed: Option<TransportError>,
    /// What the transport said when it first failed.
    failure: Option<TransportFailure>,
    /// The first bytes that were thrown away, from the beginning of a frame that broke a rule.
    pub(super) unexpected: FirstBytes,
    /// When the closing handshake has to be over; once it is, when the transport is given up.
    pub(super) deadline: Option<(Timestamp, Timer)>,
    /// The phase and the position in the peer's stream at which delivery stopped.
    pub(super) stopped: Option<(Phase, Position)>,
    /// Bytes that were thrown away.
    pub(super) discarded: u64,
    /// Once it is over, until the report is taken.
    end: Option<Box<End>>,
}

impl Closing {
    /// What is known about the end, which begins here if it has not before.
    pub(super) fn of(closing: &mut Option<Box<Self>>, initiator: Initiator) -> &mut Self {
        closing.get_or_insert_with(|| {
            Box::new(Self {
                phase: Phase::Open,
                initiator,
                cause: None,
                ours: OurClose::None,
                peer: None,
                complete: false,
                read_closed: None,
                write_failed: None,
                failure: None,
                unexpected: FirstBytes::default(),
                deadline: None,
                stopped: None,
                discarded: 0,
                end: None,
            })
        })
    }

    /// The closing handshake begins on this endpoint.
    pub(super) fn close(&mut self, frame: CloseFrame, cause: Option<Cause>) -> Trigger {
        //= rfc6455#7.1.2
        //# an endpoint MUST send a Close control frame, as described in Section
        //# 5.5.1, whose status code is set to /code/ and whose close reason is
        //# set to /reason/.
        self.ours = OurClose::queued(frame, false);
        self.cause = cause;
        Trigger::Close
    }

    /// The peer's Close has come.
    pub(super) fn peer_closes(&mut self, peer: PeerClose) -> Trigger {
        let frame = peer.frame;
        self.peer = Some(peer);
        match self.ours {
            OurClose::Flushed(_) => {
                self.complete = true;
                return Trigger::Exchanged;
            }
            _ if self.write_failed.is_some() => {
                let both = self.ours.as_ref().is_some();
                self.initiator = if both { Initiator::Both } else { Initiator::Peer };
                return Trigger::Exchanged;
            }
            //= rfc6455#5.5.1
            //# If an endpoint receives a Close frame and did not previously send a
            //# Close frame, the endpoint MUST send a Close frame in response.
            OurClose::None => self.ours = OurClose::queued(frame.echo(), true),
            OurClose::Queued(_) | OurClose::Written(..) | OurClose::Lost(_) => {
                self.initiator = Initiator::Both;
            }
        }
        Trigger::PeerClose
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 section 7.1.7).
    pub(super) fn fail(&mut self, Fault { rule, offset }: Fault) -> Trigger {
        self.cause = Some(match rule.is_too_big() {
            true => Cause::TooBig { rule, offset },
            false => Cause::Violation { rule, offset },
        });
        //= rfc6455#7.1.7
        //# If _The WebSocket Connection is Established_ prior to the point where
        //# the endpoint is required to _Fail the WebSocket Connection_, the
        //# endpoint SHOULD send a Close frame with an appropriate status code
        if self.write_failed.is_none() && self.ours.as_ref().is_none() {
            let frame = CloseFrame::new(rule.close_code(), rule.close_reason());
            let frame = frame.unwrap_or(CloseFrame::from_code(rule.close_code()));
            self.ours = OurClose::queued(frame, false);
        }
        Trigger::Fault
    }

    /// The peer's stream has ended. Unless something was decided before, that is what happened,
    /// whatever comes of the output that is still to leave; `pending` says whether there is any.
    pub(super) fn read_ended(
        &mut self,
        end: ReadEnd,
        at: Position,
        pending: bool,
    ) -> Option<Trigger> {
        let ReadEnd { how, failure } = end;
        if self.read_closed.is_some() {
            return None;
        }
        self.failure = self.failure.or(failure);
        self.read_closed = Some(how);
        if !self.complete && self.write_failed.is_none() {
            //= rfc6455#7.2.1
            //# If at any point the underlying transport layer connection is
            //# unexpectedly lost, the client MUST _Fail the WebSocket Connection_.
            self.cause.get_or_insert(Cause::read_closed(how, at));
        }
        // The peer may have closed its side alone: what was accepted for it, and our Close, still
        // get their chance until the close deadline.
        let dead = self.write_failed.is_some() || matches!(how, ReadClosed::Failed(_));
        let pending = match self.ours {
            OurClose::None => pending,
            _ => self.ours.is_pending(),
        };
        (dead || !pending).then_some(Trigger::TransportDone)
    }

    /// Whether the peer's stream has ended, and only what was accepted before has still to leave.
    pub(super) fn is_draining(&self) -> bool {
        self.read_closed.is_some()
            && matches!(self.ours, OurClose::None)
            && self.phase != Phase::Ended
    }

    /// The transport takes nothing more: our Close, unless it is out, never will be.
    pub(super) fn write_failed(&mut self, failure: TransportFailure) -> Option<Trigger> {
        self.failure.get_or_insert(failure);
        self.write_failed.get_or_insert(failure.kind);
        if let OurClose::Queued(close) | OurClose::Written(close, _) = self.ours {
            self.ours = OurClose::Lost(close);
        }
        self.nothing_to_write()
    }

    /// Our Close was written into the output and ends at `end`.
    pub(super) fn close_written(&mut self, end: u64) {
        if let OurClose::Queued(close) = self.ours {
            self.ours = OurClose::Written(close, end);
        }
    }

    /// The transport has accepted the output up to `flushed`. Whether our Close is out by that.
    pub(super) fn close_flushed(&mut self, flushed: u64) -> bool {
        match self.ours {
            OurClose::Written(close, end) if flushed >= end => {
                self.ours = OurClose::Flushed(LocalClose { flushed: true, ..close });
                self.complete = self.peer.is_some() && self.read_closed.is_none();
                true
            }
            _ => false,
        }
    }

    /// What follows where no Close of ours can still leave.
    pub(super) fn nothing_to_write(&self) -> Option<Trigger> {
        match (self.read_closed, &self.peer) {
            (Some(_), _) => Some(Trigger::TransportDone),
            (None, Some(_)) => Some(Trigger::Exchanged),
            (None, None) => None,
        }
    }

    /// The close deadline has passed.
    pub(super) fn timed_out(&mut self) -> Trigger {
        if self.write_failed.is_some() || self.read_closed.is_some() {
            return Trigger::CloseTimeout;
        }
        self.cause.get_or_insert(Cause::CloseTimeout);
        match (self.phase, self.ours) {
            (Phase::CloseSent, OurClose::Flushed(_)) => Trigger::Unanswered,
            _ => Trigger::CloseTimeout,
        }
    }

    /// This endpoint gives up, for this cause unless an earlier one has led to it.
    pub(super) fn give_up(&mut self, cause: Cause) {
        if !self.complete && self.write_failed.is_none() && self.read_closed.is_none() {
            self.cause.get_or_insert(cause);
        }
    }

    /// The closing handshake has to be over by then, unless that is settled already.
    pub(super) fn expect_close_by(&mut self, at: Timestamp) {
        self.deadline.get_or_insert((at, Timer::Close));
    }

    /// The transport is given up `span` after the end of the closing handshake.
    pub(super) fn begin_linger(&mut self, span: Duration, now: Timestamp) {
        let from = match self.deadline {
            Some((_, Timer::Linger)) => return,
            // Counted from the close deadline where that is handled late: the end is not put off.
            Some((close_by, _)) => close_by.min(now),
            None => now,
        };
        self.deadline = Some((from + span, Timer::Linger));
    }

    /// Counts bytes that came and are thrown away; with a limit, up to the byte that is too much,
    /// so that the report does not show how much of it came at once. Returns how many counted, and
    /// whether that is too much.
    pub(super) fn discard(&mut self, len: u64, limit: Option<u64>) -> (u64, bool) {
        let room =
            limit.map_or(u64::MAX, |limit| limit.saturating_add(1).saturating_sub(self.discarded));
        let counted = len.min(room);
        self.discarded = self.discarded.saturating_add(counted);
        (counted, limit.is_some_and(|limit| self.discarded > limit))
    }

    /// It is over: this is what was seen until now.
    pub(super) fn finish(&mut self, mut evidence: Evidence, messages: u64) {
        evidence.close_received = self.peer.as_ref().map(|peer| peer.received);
        evidence.failure = self.failure;
        evidence.unexpected = Some(self.unexpected).filter(begins_http);
        self.end = Some(Box::new(End { evidence, messages }));
    }

    pub(super) fn has_report(&self) -> bool {
        self.end.is_some()
    }

    /// The report, the first time after the end.
    pub(super) fn take_report(
        &mut self,
        role: Role,
        undelivered: Option<UndeliveredParts>,
    ) -> Option<Box<Termination>> {
        let End { mut evidence, messages } = *self.end.take()?;
        let own = UndeliveredParts { messages, ..UndeliveredParts::default() };
        let UndeliveredParts { handshake, unframed, messages } = undelivered.unwrap_or(own);
        evidence.pending_output = evidence.pending_output.saturating_add(unframed);
        let peer_close = self.peer_frame().copied();
        Some(Box::new(Termination {
            role,
            //= rfc6455#7.1.5
            //# If _The WebSocket
            //# Connection is Closed_ and no Close control frame was received by the
            //# endpoint (such as could occur if the underlying transport connection
            //# is lost), _The WebSocket Connection Close Code_ is considered to be
            //# 1006.
            code: peer_close.as_ref().map_or(ABNORMAL_CLOSURE, CloseFrame::reported_code),
            clean: self.complete,
            initiator: self.initiator,
            cause: match self.cause() {
                Cause::WriteStalled { pending } => {
                    let pending = pending.saturating_add(unframed).saturating_add(handshake);
                    Cause::WriteStalled { pending }
                }
                cause => cause,
            },
            local_close: self.ours.as_ref().copied(),
            peer_close,
            stream_end: StreamEnd::from(self.read_closed),
            truncated_message: self.peer.as_ref().is_some_and(|peer| peer.truncated_message),
            // Of a clean end, a Pong that nobody waited for any more is no loss.
            dropped: match self.complete && messages == 0 {
                true => Undelivered::default(),
                false => Undelivered { bytes: evidence.pending_output, messages },
            },
            refusal: None,
            dial: None,
            tls: None,
            evidence,
        }))
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
            return Cause::Transport { direction: Direction::Write, kind };
        }
        Cause::Aborted
    }

    /// Takes a step to another phase. Returns the one before.
    pub(super) fn step(&mut self, trigger: Trigger) -> Phase {
        let following = state::next(self.phase, trigger);
        mem::replace(&mut self.phase, following)
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether our Close has to be written now.
    pub(super) fn wants_close(&self) -> bool {
        self.ours.is_queued() && self.phase != Phase::Ended
    }

    pub(super) fn peer_frame(&self) -> Option<&CloseFrame> {
        self.peer.as_ref().map(|peer| &peer.frame)
    }

    pub(super) fn can_write(&self) -> bool {
        self.write_failed.is_none()
    }
}

/// Whether these are the beginning of an HTTP response; what else breaks the rules for frames may
/// be the peer's data, and is nobody's business.
fn begins_http(first: &FirstBytes) -> bool {
    first.as_bytes().starts_with(b"HTTP/")
}
