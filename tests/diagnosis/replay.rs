//! A trace played to a real session under a clock that only the trace moves.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use farewell::diagnosis::{Diagnoser, Diagnosis, History};
use farewell::handshake::{
    Accept, Carrier, ClientRequest, HandshakeError, Negotiated, Origins, Rejection,
};
use farewell::{
    CloseCode, CloseFrame, Config, Connection, Event, Heartbeat, OpeningFailure, ReadClosed, Role,
    Seed, Session, SessionEvent, Termination, Timestamp,
};

use super::trace::{Change, Head, Op, Trace};

/// The session of a trace, its transport, and as much of the peer as answers Pings.
pub(crate) struct Replay {
    session: Session,
    /// Reads what the session writes.
    peer: Connection,
    now: u64,
    /// Pongs on their way, by the time of their arrival.
    pongs: VecDeque<(u64, Vec<u8>)>,
    answers: Option<(u64, u64)>,
    /// How many more bytes the transport takes; none for any number.
    room: Option<usize>,
    suspended: bool,
    /// What was written before the connection was open.
    request: Vec<u8>,
    open: bool,
    carrier: Carrier,
    pub(crate) pings: u64,
    /// When a byte last left, and last came.
    pub(crate) last_up: u64,
    pub(crate) last_down: u64,
    pub(crate) report: Option<Termination>,
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_nanos((micros + 1_000_000) * 1000)
}

fn micros(at: Timestamp) -> u64 {
    // A deadline is never met early.
    at.as_nanos().div_ceil(1000).saturating_sub(1_000_000)
}

fn config_of(head: &Head) -> Config {
    let mut config = Config::default();
    config.heartbeat = head.heartbeat.map(|(interval, timeout)| {
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (interval, timeout);
        heartbeat
    });
    config.timeouts.idle = head.idle;
    config.timeouts.message = head.message;
    config.limits.message = 1 << 20;
    config.limits.pending_output = 64 << 20;
    config
}

impl Replay {
    pub(crate) fn new(head: &Head) -> Self {
        let config = config_of(head);
        let seed = || {
            let mut bytes = [7; 32];
            bytes[..8].copy_from_slice(&head.seed.to_le_bytes());
            Seed::new(bytes)
        };
        let other = match head.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let session = match (head.opening, head.role) {
            (false, role) => {
                let negotiated = Negotiated::default().with_carrier(head.carrier);
                Session::upgraded(role, negotiated, config, seed(), at(0))
            }
            (true, Role::Server) => Session::server(config, seed(), at(0)),
            (true, Role::Client) => {
                let request = ClientRequest::new("ws://example.com/chat").unwrap();
                Session::client(&request, config, seed(), at(0))
            }
        };
        let mut deaf = Config::default();
        deaf.heartbeat = None;
        let mut replay = Self {
            session,
            peer: Connection::new(other, deaf, Seed::new([9; 32]), at(0)),
            now: 0,
            pongs: VecDeque::new(),
            answers: None,
            room: None,
            suspended: false,
            request: Vec::new(),
            open: !head.opening,
            carrier: head.carrier,
            pings: 0,
            last_up: 0,
            last_down: 0,
            report: None,
        };
        replay.settle();
        replay
    }

    /// Lets time pass until `to`: deadlines are handled when they come, Pongs arrive.
    pub(crate) fn advance(&mut self, to: u64) {
        while self.report.is_none() {
            let mine = !self.suspended && (self.open || !self.carrier.is_stream());
            let timer = self.session.poll_timeout().map(micros).filter(|_| mine);
            let pong = self.pongs.front().map(|(when, _)| *when).filter(|_| !self.suspended);
            let Some(next) = timer.into_iter().chain(pong).min().filter(|next| *next <= to) else {
                break;
            };
            self.now = self.now.max(next);
            if pong == Some(next) {
                if let Some((_, mut bytes)) = self.pongs.pop_front() {
                    self.receive(&mut bytes);
                }
            } else {
                self.session.handle_timeout(at(self.now));
            }
            self.settle();
        }
        self.now = self.now.max(to);
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        if self.report.is_some() {
            return;
        }
        let now = at(self.now);
        if self.carrier.is_stream() && !self.open {
            return self.fail(op);
        }
        match op {
            Op::Receive(bytes) => self.receive(&mut bytes.clone()),
            Op::Answer(changes) => {
                let mut bytes = answer(&self.request, changes);
                self.receive(&mut bytes);
            }
            // A trace may ask for what the session refuses; then nothing happens.
            Op::Accept => drop(self.session.accept(Accept::new(Origins::Any), now)),
            Op::Reject(status) => {
                if let Ok(rejection) = Rejection::new(*status) {
                    let _ = self.session.reject(rejection, now);
                }
            }
            Op::Text(size) => drop(self.session.send("x".repeat(*size), now)),
            Op::Binary(size) => drop(self.session.send(vec![b'x'; *size], now)),
            Op::Close(code) => {
                if let Ok(code) = CloseCode::new(*code) {
                    let _ = self.session.close(CloseFrame::from_code(code), now);
                }
            }
            Op::Abort => self.session.abort(now),
            Op::Eof => self.session.handle_read_closed(ReadClosed::Eof, now),
            Op::TlsTruncated => self.session.handle_read_closed(ReadClosed::TlsTruncated, now),
            Op::ReadFailed(kind) => {
                self.session.handle_read_closed((*kind).into(), now);
            }
            Op::WriteFailed(kind) => self.session.handle_write_failed(*kind, now),
            Op::Take(size) => self.room = Some(*size),
            Op::Unblock => self.room = None,
            Op::Pongs { rtt, jitter } => self.answers = Some((*rtt, *jitter)),
            Op::NoPongs => {
                self.answers = None;
                self.pongs.clear();
            }
            Op::Suspend => self.suspended = true,
            Op::Resume => {
                self.suspended = false;
                self.session.handle_timeout(now);
            }
            Op::Wait | Op::NotOffered => {}
        }
        self.settle();
    }

    /// The opening handshake comes to nothing whose HTTP somebody else speaks.
    fn fail(&mut self, op: &Op) {
        let failure = match op {
            Op::ReadFailed(kind) => OpeningFailure::from(*kind),
            Op::NotOffered => OpeningFailure::Invalid(HandshakeError::ExtendedConnectNotOffered),
            Op::Eof => OpeningFailure::Ended,
            Op::Abort => OpeningFailure::Aborted,
            _ => return,
        };
        let report = failure.report(Role::Client, self.carrier, at(0), at(self.now));
        self.report = Some(*report);
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        self.last_down = self.now;
        self.poll(bytes);
    }

    fn poll(&mut self, bytes: &mut [u8]) {
        let now = at(self.now);
        let mut input = bytes;
        while let Some(event) = self.session.poll_event(&mut input, now) {
            match event {
                SessionEvent::Open(_) => self.open = true,
                SessionEvent::Ended(report) => self.report = Some(*report),
                _ => {}
            }
        }
    }

    /// Takes out all events and writes what the transport takes.
    fn settle(&mut self) {
        self.poll(&mut []);
        while self.room != Some(0) && self.report.is_none() && self.session.has_output() {
            let mut output = self.session.output();
            let size = self.room.unwrap_or(usize::MAX).min(output.remaining());
            let mut written = output.copy_to_bytes(size).to_vec();
            self.session.handle_flushed(size, at(self.now));
            self.room = self.room.map(|room| room - size);
            self.last_up = self.now;
            self.read_as_peer(&mut written);
            self.poll(&mut []);
        }
    }

    fn read_as_peer(&mut self, written: &mut [u8]) {
        if !self.open {
            self.request.extend_from_slice(written);
            return;
        }
        let now = at(self.now);
        let mut input = written;
        while let Some(event) = self.peer.poll_event(&mut input, now) {
            let Event::Ping = event else { continue };
            self.pings += 1;
            let mut pong = BytesMut::new();
            self.peer.poll_transmit(&mut pong);
            if let Some((rtt, jitter)) = self.answers {
                // The fractions of multiples of the golden ratio: spread evenly, and repeatable.
                let share = self.pings.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
                let delay = rtt + jitter * share / (1 << 20);
                self.pongs.push_back((self.now + delay, pong.to_vec()));
            }
        }
    }
}

/// What a server answers `request` with, its header fields changed.
fn answer(request: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut server = Session::server(Config::default(), Seed::new([3; 32]), at(0));
    let mut request = request.to_vec();
    let mut input = &mut request[..];
    while let Some(event) = server.poll_event(&mut input, at(0)) {
        if let SessionEvent::Request(_) = event {
            server.accept(Accept::new(Origins::Any), at(0)).unwrap();
        }
    }
    let mut output = server.output();
    let head = output.copy_to_bytes(output.remaining());
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut lines: Vec<String> = head.trim_end().split("\r\n").map(String::from).collect();
    for change in changes {
        let (Change::Without(name) | Change::With(name, _)) = change;
        let of = |line: &String| !line.to_lowercase().starts_with(&name.to_lowercase());
        lines.retain(of);
        if let Change::With(name, value) = change {
            lines.push(format!("{name}: {value}"));
        }
    }
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// The history of connections that lived and were idle so long, the latest first.
fn history_of(past: &[(Duration, Duration)]) -> History {
    let mut history = History::new();
    for (lifetime, idle) in past.iter().rev() {
        let mut config = Config::default();
        config.heartbeat = None;
        let mut connection =
            Connection::new(Role::Client, config, Seed::new([5; 32]), Timestamp::ZERO);
        let last = Timestamp::ZERO + lifetime.saturating_sub(*idle);
        let mut hello = *b"\x81\x01x";
        let mut input = &mut hello[..];
        while connection.poll_event(&mut input, last).is_some() {}
        let end = Timestamp::ZERO + *lifetime;
        connection.handle_read_closed(ReadClosed::Eof, end);
        connection.abort(end);
        match connection.poll_event(&mut &mut [][..], end) {
            Some(Event::Ended(report)) => history.record(&report),
            other => panic!("{other:?}"),
        }
    }
    history
}

/// Plays a trace to its end. None where the session has not ended by then.
pub(crate) fn diagnose(trace: &Trace) -> Option<(Termination, Diagnosis)> {
    let mut replay = Replay::new(&trace.head);
    for (time, op) in &trace.lines {
        replay.advance(*time);
        replay.apply(op);
    }
    let report = replay.report?;
    let history = history_of(&trace.head.past);
    let diagnosis = Diagnoser::new().history(&history).diagnose(&report);
    Some((report, diagnosis))
}
