//! How an opening handshake ends that opens nothing, and its report.
//!
//! Invariant: there is exactly one report, made by [`Opening::end_with`].

use alloc::boxed::Box;

use bytes::BytesMut;

use super::{Opening, State};
use crate::handshake::{HandshakeError, Refusal};
use crate::report::{Cause, Direction, StreamEnd, Termination, TransportFailure};
use crate::time::Timestamp;

impl Opening {
    /// A response broke a rule. What does not even begin as one is waited for a little, until it can
    /// be told what it is.
    pub(super) fn end_invalid(&mut self, error: HandshakeError, now: Timestamp) {
        let closed = self.read_closed.is_some() || self.first.is_full();
        if error == HandshakeError::NotHttp && !closed {
            self.state = State::Unexpected(error);
            self.deadline = self.deadline.min(now + self.config.timeouts.linger);
        } else {
            self.end(Cause::HandshakeInvalid(error));
        }
    }

    /// Nothing more comes in time: this is why, unless something else was before.
    pub(super) fn give_up(&mut self, cause: Cause) {
        let refusal = match &mut self.state {
            State::Refused { .. } => return self.finish_refused(),
            State::Unexpected(error) => {
                let cause = Cause::HandshakeInvalid(*error);
                return self.end(cause);
            }
            State::Response(handshake) => handshake.finish(),
            State::Request(_) | State::Decision(_) | State::Over(_) => None,
        };
        match (refusal, self.write_failed.as_deref()) {
            (Some(refusal), _) => self.end_refused(refusal),
            (None, Some(&TransportFailure { kind, .. })) => {
                self.end(Cause::Transport { direction: Direction::Write, kind });
            }
            (None, None) => self.end(cause),
        }
    }

    /// Ends without what is still awaited, after the decision.
    pub(in crate::session) fn stop_waiting(&mut self, now: Timestamp) {
        self.advance(now);
        if !self.is_over() {
            self.give_up(Cause::Aborted);
        }
    }

    pub(in crate::session) fn abort(&mut self, now: Timestamp) {
        self.advance(now);
        match self.state {
            State::Refused { .. } => self.finish_refused(),
            State::Unexpected(error) => self.end(Cause::HandshakeInvalid(error)),
            State::Over(_) => {}
            State::Response(_) | State::Request(_) | State::Decision(_) => self.end(Cause::Aborted),
        }
    }

    pub(super) fn finish_refused(&mut self) {
        if let State::Refused { cause, status } = self.state {
            self.evidence.http_status = Some(status);
            self.end(cause);
        }
    }

    pub(super) fn end_refused(&mut self, refusal: Refusal) {
        let status = refusal.status();
        self.evidence.http_status = Some(status);
        self.end_with(Cause::HandshakeRejected { status }, Some(Box::new(refusal)));
    }

    pub(super) fn end(&mut self, cause: Cause) {
        self.end_with(cause, None);
    }

    pub(super) fn end_with(&mut self, cause: Cause, refusal: Option<Box<Refusal>>) {
        let unexpected = cause == Cause::HandshakeInvalid(HandshakeError::NotHttp);
        self.evidence.unexpected = unexpected.then_some(self.first);
        let (role, stream_end) = (self.role, StreamEnd::from(self.read_closed));
        let report = Termination::before_open(role, cause, stream_end, refusal, self.evidence());
        self.state = State::Over(Some(Box::new(report)));
        self.keystream = None;
        self.early = BytesMut::new();
    }
}
