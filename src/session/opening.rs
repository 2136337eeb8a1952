//! The opening handshake of a session: its deadline, its responses, and every way for it to fail.
//!
//! Invariant: it either opens the connection or makes exactly one report, within the handshake
//! timeout plus the linger timeout. All of it is freed once the connection is open.

mod ending;
mod seen;

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use bytes::BytesMut;

use crate::config::Config;
use crate::connection::{Connection, SendError};
use crate::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, Negotiated, Outcome, Rejection,
    Request, Response, ResponseError, ServerHandshake,
};
use crate::report::{
    Cause, Evidence, FirstBytes, Gap, Phase, ReadClosed, ReadEnd, Termination, TransportFailure,
};
use crate::sync::Arc;
use crate::time::{Timer, Timestamp};
use crate::wire::keystream::{Keystream, Seed};
use crate::wire::role::Role;

use super::output_buffer::OutputBuffer;
use seen::Seen;

/// An opening handshake under way, or one that failed.
#[derive(Debug)]
pub(super) struct Opening {
    role: Role,
    config: Arc<Config>,
    keystream: Option<Keystream>,
    state: State,
    /// Whether some of the output has not left.
    pending: bool,
    /// Bytes behind the request, until that is accepted.
    early: BytesMut,
    deadline: Timestamp,
    /// What was seen so far; `ended` is the latest time that any call gave.
    evidence: Seen,
    /// Bytes that came after the request was refused. They count for the limit alone.
    discarded: u64,
    read_closed: Option<ReadClosed>,
    write_failed: Option<Box<TransportFailure>>,
    /// The first bytes that came.
    first: FirstBytes,
}

#[derive(Debug)]
enum State {
    /// A client waits for the response.
    Response(ClientHandshake),
    /// A server waits for the request.
    Request(ServerHandshake),
    /// The application decides.
    Decision(Request),
    /// The request was refused; the refusal leaves, then the end of the stream is awaited.
    Refused { cause: Cause, status: u16 },
    /// On a client, what came is no response; its first bytes are gathered, to say what it is.
    Unexpected(HandshakeError),
    /// It failed; the report waits to be taken.
    Over(Option<Box<Termination>>),
}

/// What bytes brought about.
pub(super) enum Progress {
    Request(Box<Request>),
    Established(Box<Response>),
    Ended(Box<Termination>),
}

impl Opening {
    pub(super) fn client(
        request: &ClientRequest,
        config: Arc<Config>,
        seed: Seed,
        output: &mut OutputBuffer,
        now: Timestamp,
    ) -> Self {
        let mut keystream = Keystream::new(seed);
        //= rfc6455#4.1
        //# The nonce
        //# MUST be selected randomly for each connection.
        let nonce = keystream.fill();
        //= rfc6455#4.1
        //# the client MUST send an opening handshake to the server.
        let (limits, compression) = (&config.limits, config.compression_settings());
        let handshake = output.write_handshake(|out| {
            ClientHandshake::begin(request, nonce, limits, compression, out)
        });
        let mut opening =
            Self::new(Role::Client, State::Response(handshake), config, keystream, now);
        opening.pending = true;
        opening
    }

    pub(super) fn server(config: Arc<Config>, seed: Seed, now: Timestamp) -> Self {
        let state = State::Request(ServerHandshake::new(&config.limits));
        Self::new(Role::Server, state, config, Keystream::new(seed), now)
    }

    /// Hands out plain requests, too, on a server that waits for its request.
    pub(super) fn hand_out_plain_requests(&mut self) {
        if matches!(self.state, State::Request(_)) {
            let handshake = ServerHandshake::new(&self.config.limits).with_plain_requests();
            self.state = State::Request(handshake);
        }
    }

    fn new(
        role: Role,
        state: State,
        config: Arc<Config>,
        keystream: Keystream,
        now: Timestamp,
    ) -> Self {
        Self {
            role,
            deadline: now + config.timeouts.handshake,
            config,
            keystream: Some(keystream),
            state,
            pending: false,
            early: BytesMut::new(),
            evidence: Seen::new(now),
            discarded: 0,
            read_closed: None,
            write_failed: None,
            first: FirstBytes::default(),
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Time runs forwards. What was due when nobody called is held against it.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        let span = now.since(self.evidence.ended);
        if span >= Duration::from_secs(1) && !self.is_over() {
            let late = now.since(self.deadline);
            let evidence = &mut self.evidence;
            evidence.timer_lateness = evidence.timer_lateness.max(late);
            evidence.longest_gap = evidence.longest_gap.max(span);
            evidence.last_gap = Some(Box::new(Gap { ended: now, span, late }));
        }
        self.evidence.ended = self.evidence.ended.max(now);
        self.evidence.ended
    }

    /// This is where in the peer's stream we are.
    #[cfg(feature = "rustls")]
    pub(super) fn move_to(&mut self, position: crate::report::Position) {
        self.evidence.position = position;
    }

    /// Bytes came that are not the opening handshake's.
    #[cfg(feature = "rustls")]
    pub(super) fn note_received(&mut self, now: Timestamp) {
        self.evidence.last_received = Some(self.advance(now));
    }

    /// Takes bytes that came. What lies behind a response is left in `input`; what lies behind a
    /// request is buffered as soon as this is called again before the application has decided.
    pub(super) fn receive(
        &mut self,
        input: &mut &mut [u8],
        output: &mut OutputBuffer,
        now: Timestamp,
    ) -> Option<Progress> {
        let now = self.advance(now);
        if !input.is_empty() && !self.is_over() {
            self.evidence.last_received = Some(now);
        }
        if matches!(self.state, State::Response(_) | State::Unexpected(_)) {
            self.first.extend(input);
        }
        let progress = self.receive_response(input, now);
        let progress = progress.or_else(|| self.receive_request(input, output, now));
        if progress.is_some() {
            return progress;
        }
        self.receive_early(input, output, now);
        self.discard(input);
        match &mut self.state {
            State::Over(report) => report.take().map(Progress::Ended),
            _ => None,
        }
    }

    fn receive_response(&mut self, input: &mut &mut [u8], now: Timestamp) -> Option<Progress> {
        if let State::Response(handshake) = &mut self.state {
            let result = handshake.receive(input);
            take(input, result.as_ref().map_or(input.len(), |(taken, _)| *taken));
            match result {
                Ok((_, Some(Outcome::Established(response)))) => {
                    return Some(Progress::Established(Box::new(response)));
                }
                Ok((_, Some(Outcome::Refused(refusal)))) => self.end_refused(refusal),
                Ok((_, None)) => {}
                //= rfc6455#7.2.1
                //# To do so, the client MUST _Fail the WebSocket Connection_ as defined
                //# in Section 7.1.7.
                Err(error) => self.end_invalid(error, now),
            }
        }
        if let (State::Unexpected(error), true) = (&self.state, self.first.is_full()) {
            self.end(Cause::HandshakeInvalid(*error));
        }
        None
    }

    fn receive_request(
        &mut self,
        input: &mut &mut [u8],
        output: &mut OutputBuffer,
        now: Timestamp,
    ) -> Option<Progress> {
        let State::Request(handshake) = &mut self.state else { return None };
        let result = handshake.receive(input);
        let judged = handshake.judged();
        let taken = result.as_ref().map_or(judged, |(taken, _)| *taken);
        self.first.extend(input.get(..taken).unwrap_or_default());
        take(input, taken);
        match result {
            Ok((_, None)) => None,
            Ok((_, Some(request))) => {
                self.state = State::Decision(request.clone());
                Some(Progress::Request(Box::new(request)))
            }
            Err(error) => {
                self.refuse_invalid(error, output, now);
                None
            }
        }
    }

    /// Buffers what comes before the application has decided.
    fn receive_early(&mut self, input: &mut &mut [u8], output: &mut OutputBuffer, now: Timestamp) {
        if !matches!(self.state, State::Decision(_)) || input.is_empty() {
            return;
        }
        let limit = self.config.limits.head;
        let room = input.len().min(limit.saturating_sub(self.early.len()));
        self.early.extend_from_slice(input.get(..room).unwrap_or_default());
        take(input, room);
        if !input.is_empty() {
            self.refuse_invalid(HandshakeError::EarlyData { limit }, output, now);
        }
    }

    /// What comes after the end began is counted and thrown away.
    fn discard(&mut self, input: &mut &mut [u8]) {
        match self.state {
            State::Over(_) | State::Unexpected(_) => *input = &mut [],
            State::Refused { .. } => {
                // Up to the byte that is too much, however many came at once.
                let room = self.config.limits.linger.saturating_add(1) - self.discarded;
                let count = usize::try_from(room).unwrap_or(usize::MAX).min(input.len());
                self.first.extend(input.get(..count).unwrap_or_default());
                self.discarded += count as u64;
                *input = &mut [];
                if self.discarded > self.config.limits.linger {
                    self.finish_refused();
                }
            }
            _ => {}
        }
    }

    /// Accepts the request that waits for the application's decision.
    pub(super) fn accept(
        &mut self,
        accept: &Accept,
        output: &mut OutputBuffer,
        now: Timestamp,
    ) -> Result<Negotiated, RespondError> {
        let State::Decision(request) = &self.state else { return Err(RespondError::NoRequest) };
        let compression = self.config.compression_settings();
        let result =
            output.write_handshake(|out| accept.write_response_with(request, compression, out));
        self.pending = true;
        if let Err(ResponseError::Refused(error)) = result {
            self.refuse_invalid(error, output, now);
        }
        Ok(result?)
    }

    /// Rejects the request that waits for the application's decision.
    pub(super) fn reject(
        &mut self,
        rejection: &Rejection,
        output: &mut OutputBuffer,
        now: Timestamp,
    ) -> Result<(), RespondError> {
        let State::Decision(request) = &self.state else { return Err(RespondError::NoRequest) };
        output.write_handshake(|out| rejection.write_response_to(request, out))?;
        let status = rejection.status();
        let cause = match request.is_plain() {
            true => Cause::PlainRequest { status },
            false => Cause::HandshakeRejected { status },
        };
        self.refuse(cause, status, now);
        Ok(())
    }

    /// Refuses a request that broke a rule, and begins to linger.
    fn refuse_invalid(&mut self, error: HandshakeError, output: &mut OutputBuffer, now: Timestamp) {
        output.write_handshake(|out| error.write_response(out));
        self.refuse(Cause::HandshakeInvalid(error), error.status(), now);
    }

    /// The refusal was queued: what remains is to see it off.
    fn refuse(&mut self, cause: Cause, status: u16, now: Timestamp) {
        let now = self.advance(now);
        self.pending = true;
        //= rfc6455#7.2.2
        //# To do so, the server MUST simply _Close the WebSocket Connection_
        //# (Section 7.1.1).
        self.state = State::Refused { cause, status };
        self.early = BytesMut::new();
        self.deadline = now + self.config.timeouts.linger;
        if self.write_failed.is_some() && self.read_closed.is_some() {
            self.finish_refused();
        }
    }

    /// The transport has accepted bytes of the output; `all` of them, if it says so.
    pub(super) fn handshake_flushed(&mut self, all: bool, now: Timestamp) {
        let now = self.advance(now);
        self.pending = !all;
        self.evidence.last_flushed = Some(now);
        if !self.pending && self.read_closed.is_some() {
            self.finish_refused();
        }
    }

    /// Nothing more comes. A refusal still gets its chance to leave.
    pub(super) fn read_ended(&mut self, end: ReadEnd, now: Timestamp) {
        let ReadEnd { how, failure } = end;
        self.advance(now);
        if self.is_over() || self.read_closed.is_some() {
            return;
        }
        self.read_closed = Some(how);
        if let Some(failure) = failure {
            self.evidence.note_failure(failure);
        }
        let written = !self.pending || self.write_failed.is_some();
        let dead = written || matches!(how, ReadClosed::Failed(_));
        if dead || !matches!(self.state, State::Refused { .. }) {
            self.give_up(Cause::read_closed(how, self.evidence.position));
        }
    }

    /// Nothing more leaves. What was sent by the peer before is still worth reading.
    pub(super) fn handle_write_failed(&mut self, failure: TransportFailure, now: Timestamp) {
        let now = self.advance(now);
        if self.write_failed.is_none() {
            self.write_failed = Some(Box::new(failure));
            self.evidence.note_failure(failure);
            // The end has begun, and a response that was on its way comes soon or never.
            self.deadline = self.deadline.min(now + self.config.timeouts.close);
        }
        if self.read_closed.is_some() {
            self.finish_refused();
        }
    }

    pub(super) fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        match self.state {
            State::Over(_) => None,
            State::Refused { .. } | State::Unexpected(_) => Some((self.deadline, Timer::Linger)),
            _ => Some((self.deadline, Timer::Handshake)),
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.next_timer().is_some_and(|(at, _)| at <= now)
    }

    pub(super) fn handle_timeout(&mut self, output: &mut OutputBuffer, now: Timestamp) {
        let now = self.advance(now);
        if now < self.deadline || self.is_over() {
            return;
        }
        let lateness = self.evidence.timer_lateness.max(now.since(self.deadline));
        self.evidence.timer_lateness = lateness;
        if matches!(self.state, State::Decision(_)) && self.write_failed.is_none() {
            // The client has done its part, and can come back when there is less to do.
            let refusal = Rejection::undecided();
            output.write_handshake(|out| refusal.write_response(out));
            return self.refuse(Cause::HandshakeTimeout, refusal.status(), now);
        }
        self.give_up(Cause::HandshakeTimeout);
    }

    /// Whether it is decided that no connection comes of it.
    pub(super) fn is_ending(&self) -> bool {
        match &self.state {
            State::Response(handshake) => handshake.is_refused(),
            State::Refused { .. } | State::Unexpected(_) | State::Over(_) => true,
            State::Request(_) | State::Decision(_) => false,
        }
    }

    /// Whether the handshake has failed. The report waits until it is taken.
    fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    pub(super) fn has_event(&self) -> bool {
        matches!(self.state, State::Over(Some(_)))
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Over(_) => Phase::Ended,
            State::Refused { .. } | State::Unexpected(_) => Phase::Lingering,
            _ => Phase::Opening,
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether nothing leaves any more.
    pub(super) fn is_silent(&self) -> bool {
        self.is_over() || self.write_failed.is_some()
    }

    /// Whether the refusal is all that there was to say.
    pub(super) fn wants_shutdown(&self) -> bool {
        matches!(self.state, State::Refused { .. }) && self.write_failed.is_none()
    }

    /// Why nothing can be sent yet, or any more.
    pub(super) fn send_error(&self) -> SendError {
        match self.state {
            State::Over(_) | State::Refused { .. } | State::Unexpected(_) => SendError::Ended,
            //= rfc6455#4.1
            //# Once the client's opening handshake has been sent, the client MUST wait
            //# for a response from the server before sending any further data.
            _ => SendError::Opening,
        }
    }

    /// The handshake is over: the connection, and what the client sent ahead.
    pub(super) fn open(&mut self, now: Timestamp) -> Option<(Connection, BytesMut)> {
        let keystream = self.keystream.take()?;
        let now = self.advance(now);
        let config = self.config.clone();
        let mut connection = Connection::with_keystream(self.role, config, keystream, now);
        if self.pending {
            connection.handshake_queued();
        }
        if let Some(failure) = &self.write_failed {
            connection.handle_write_failed(**failure, now);
        }
        Some((connection, mem::take(&mut self.early)))
    }

    pub(super) fn evidence(&self) -> Evidence {
        self.evidence.complete()
    }
}

/// Leaves what lies behind the first `count` bytes.
fn take(input: &mut &mut [u8], count: usize) {
    let rest = mem::take(input);
    *input = rest.get_mut(count..).unwrap_or_default();
}

/// Why a request was not accepted or rejected as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// No request waits for a response: none has come, it was responded to before, or its time is
    /// over.
    #[error("no request waits for a response")]
    NoRequest,
    /// The response does not fit the request.
    #[error(transparent)]
    Response(#[from] ResponseError),
}
