//! An executor that obeys every step over a stream in memory, and holds what comes of it against
//! what the peer has sent and the application has asked for.

mod checks;
mod transport;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use bytes::BytesMut;
use farewell::driver::{Driver, Shutdown, Step, Want};
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins, ServerHandshake};
use farewell::{
    Cause, CloseCode, Config, Heartbeat, Limits, Message, Phase, Role, Seed, SendError, Session,
    SessionEvent, Termination, Timestamp,
};

use super::rng::{Rng, rounds};
use super::script::{Script, numbered};

#[test]
fn whatever_the_transport_does_the_model_holds() {
    for seed in 0..rounds(300) {
        let run = catch_unwind(AssertUnwindSafe(|| Model::new(seed).run()));
        if let Err(panic) = run {
            eprintln!("seed {seed}");
            resume_unwind(panic);
        }
    }
}

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The response that accepts a request.
pub(crate) fn response(request: &[u8]) -> Vec<u8> {
    let (_, request) = ServerHandshake::new(&Limits::default()).receive(request).unwrap();
    let mut out = BytesMut::new();
    Accept::new(Origins::Any).write_response(&request.unwrap(), &mut out).unwrap();
    out.to_vec()
}

/// How the peer's stream ends, once all of it was read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Silence,
    Eof,
    Failure,
}

/// How often the transport does what.
#[derive(Debug)]
struct Faults {
    /// One of so many calls would block, is interrupted.
    read_blocks: usize,
    write_blocks: usize,
    interrupts: usize,
    /// The most that one call takes.
    read_most: usize,
    write_most: usize,
    /// After so many bytes, writes do this for ever.
    write_end: Option<(usize, WriteEnd)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum WriteEnd {
    Zero,
    Failure,
    Silence,
}

struct Model {
    rng: Rng,
    driver: Driver,
    role: Role,
    script: Script,
    faults: Faults,
    /// All that the peer will ever send; behind `prefix` comes the script.
    input: Vec<u8>,
    prefix: usize,
    end: End,
    /// It begins with an opening handshake.
    shakes_hands: bool,
    /// A client's request was answered.
    answered: bool,
    arrived: usize,
    read: usize,
    written: Vec<u8>,
    /// Written and not flushed.
    dirty: bool,
    now: Timestamp,
    /// The latest time that was told.
    told: Timestamp,
    /// A read was tried since.
    attempted: bool,
    /// Reads that brought something although a deadline had passed.
    late_reads: usize,
    /// A read was tried at a deadline or later.
    late_attempt: bool,
    read_closed: bool,
    write_failed: bool,
    shut_down: Vec<Shutdown>,
    undecided: bool,
    /// A deadline had passed when the step was asked for.
    due: bool,
    delivered: usize,
    accepted: Vec<Vec<u8>>,
    aborted: bool,
    may_last: bool,
    want: Want,
    report: Option<Box<Termination>>,
    /// Since the last wait.
    steps: usize,
    moved: usize,
    /// Waits in a row that were over at once, with nothing between them.
    idle_waits: usize,
    winding_down: bool,
}

fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.heartbeat = (!rng.one_in(3)).then(|| {
        let mut heartbeat = Heartbeat::default();
        heartbeat.interval = Duration::from_millis(rng.below(3_000) as u64);
        heartbeat.timeout = Duration::from_millis(1 + rng.below(3_000) as u64);
        heartbeat
    });
    config.timeouts.idle =
        rng.one_in(3).then(|| Duration::from_millis(1 + rng.below(9_000) as u64));
    config.fragment_size = rng.pick(&[None, Some(100), Some(5_000), Some(65_536)]);
    config.limits.pending_output = rng.pick(&[0, 300, 5_000, 1 << 20]);
    config
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let role = rng.pick(&[Role::Client, Role::Server]);
        let config = config(&mut rng);
        let count = rng.below(25);
        let script = Script::random(role, &mut rng, count);
        let now = Timestamp::from_nanos(rng.below(1000) as u64);
        let keys = Seed::new([seed as u8; 32]);
        let mut input = Vec::new();
        let mut answered = true;
        let shakes_hands = rng.one_in(3);
        let session = match (shakes_hands, role) {
            (false, _) => Session::upgraded(role, Negotiated::default(), config, keys, now),
            (true, Role::Server) => {
                input.extend_from_slice(REQUEST);
                Session::server(config, keys, now)
            }
            (true, Role::Client) => {
                answered = false;
                let request = ClientRequest::new("ws://localhost/").unwrap();
                Session::client(&request, config, keys, now)
            }
        };
        let prefix = input.len();
        let mut end = rng.pick(&[End::Silence, End::Eof, End::Failure]);
        if answered {
            input.extend_from_slice(&script.wire);
            // Some streams end anywhere.
            if rng.one_in(4) {
                input.truncate(rng.below(input.len() + 1));
            }
        } else {
            end = End::Silence;
        }
        let mut driver = Driver::new(session, now);
        if rng.one_in(2) {
            driver = driver.without_control_events();
        }
        let may_last = rng.one_in(4);
        driver = driver.reads_may_last(may_last);
        let mut read = 0;
        if rng.one_in(4) {
            read = rng.below(input.len() + 1);
            driver = driver.with_input(&input[..read]);
        }
        let faults = Faults {
            read_blocks: rng.pick(&[2, 10, usize::MAX]),
            write_blocks: rng.pick(&[2, 10, usize::MAX]),
            interrupts: rng.pick(&[4, 50, usize::MAX]),
            read_most: rng.pick(&[20, 1_000, 65_536]),
            write_most: rng.pick(&[20, 1_000, usize::MAX]),
            write_end: rng.one_in(3).then(|| {
                let end = rng.pick(&[WriteEnd::Zero, WriteEnd::Failure, WriteEnd::Silence]);
                (rng.below(2_000), end)
            }),
        };
        Self {
            rng,
            driver,
            role,
            script,
            faults,
            input,
            prefix,
            end,
            shakes_hands,
            answered,
            arrived: read,
            read,
            written: Vec::new(),
            dirty: false,
            now,
            told: now,
            attempted: false,
            late_reads: 0,
            late_attempt: false,
            read_closed: false,
            write_failed: false,
            shut_down: Vec::new(),
            undecided: false,
            due: false,
            delivered: 0,
            accepted: Vec::new(),
            aborted: false,
            may_last,
            want: Want::Event,
            report: None,
            steps: 0,
            moved: 0,
            idle_waits: 0,
            winding_down: false,
        }
    }

    fn run(mut self) {
        let lively = 200 + self.rng.below(600);
        for step in 0..200_000 {
            if step == lively {
                self.wind_down();
            }
            self.step();
            if self.report.is_some() {
                return self.check_end();
            }
        }
        panic!("it never ends: {:?}", self.driver);
    }

    /// From now on only what is under way goes on, until it ends.
    fn wind_down(&mut self) {
        self.winding_down = true;
        self.arrived = self.input.len();
        self.decide();
        if self.rng.one_in(2) {
            self.close();
        }
    }

    fn step(&mut self) {
        if !self.winding_down {
            self.arrived = (self.arrived + self.rng.below(2_000)).min(self.input.len());
            if self.rng.one_in(3) {
                self.command();
            }
            if self.rng.one_in(8) {
                self.want = self.rng.pick(&[
                    Want::Event,
                    Want::Event,
                    Want::Flushed,
                    Want::Room,
                    Want::RoomForPart,
                    Want::Answered,
                ]);
            }
        } else {
            self.want = Want::Event;
        }
        self.steps += 1;
        assert!(self.steps <= 60 + 2 * self.moved, "it spins: {:?}", self.driver);
        match self.next() {
            Step::Event(event) => {
                self.moved += 1;
                self.idle_waits = 0;
                assert_eq!(self.want, Want::Event);
                self.event(event);
            }
            Step::Done => self.done(),
            Step::Write => self.write(),
            Step::Flush => self.flush(),
            Step::Read => self.read(),
            Step::ShutDown(how) => {
                assert!(self.shut_down.iter().all(|before| *before < how), "{how:?} again");
                assert!(!self.driver.session_mut().has_output(), "output is left");
                self.shut_down.push(how);
            }
            Step::Wait(wait) => self.wait(wait),
        }
    }

    /// The next step; no deadline may take effect in it before a read was tried.
    fn next(&mut self) -> Step {
        let readable = !self.read_closed && self.driver.ended().is_none();
        let before = self.driver.session().evidence().pings.sent;
        let phase = self.driver.session().phase();
        self.due = self.driver.session().poll_timeout().is_some_and(|at| at <= self.told);
        if !self.due {
            (self.late_reads, self.late_attempt) = (0, false);
        }
        let step = self.driver.next(self.want);
        // A peer that always has more to read puts a deadline off for so many reads and no longer.
        // Where reads may last, nobody is waited for once the end has begun.
        let alone = self.may_last && !matches!(phase, Phase::Opening | Phase::Open);
        if readable && !alone && !self.attempted && !self.late_attempt && self.late_reads < 16 {
            let session = self.driver.session();
            assert_eq!(session.evidence().pings.sent, before, "a Ping without a read");
            let idle = phase == Phase::Open && session.phase() == Phase::CloseSent;
            assert!(!idle, "an idle timeout without a read");
            if let (Some(report), false) = (self.driver.ended(), self.aborted) {
                let late = matches!(
                    report.cause,
                    Cause::PongTimeout { .. }
                        | Cause::WriteStalled { .. }
                        | Cause::HandshakeTimeout
                        | Cause::CloseTimeout
                );
                assert!(!late, "an end without a read: {report}");
            }
        }
        step
    }

    fn tell(&mut self) -> Timestamp {
        if self.rng.one_in(2) {
            self.now = self.now + Duration::from_micros(self.rng.below(5_000) as u64);
        }
        if self.now > self.told {
            (self.told, self.attempted) = (self.now, false);
        }
        self.now
    }

    fn event(&mut self, event: SessionEvent<'static>) {
        match event {
            SessionEvent::Request(_) => {
                self.undecided = true;
                if self.rng.one_in(2) {
                    self.decide();
                }
            }
            SessionEvent::Message(message) => {
                assert!(!self.undecided && !self.aborted);
                let expected = &self.script.messages[self.delivered];
                assert!(message.as_bytes() == expected.payload, "message {}", self.delivered);
                self.delivered += 1;
            }
            SessionEvent::Ended(report) => self.report = Some(report),
            SessionEvent::Open(_) => assert_eq!(self.delivered, 0),
            _ => {}
        }
    }

    fn decide(&mut self) {
        if std::mem::take(&mut self.undecided) {
            // It may be too late, or too much may have come before.
            let _ = self.driver.session_mut().accept(Accept::new(Origins::Any), self.now);
        }
    }

    fn command(&mut self) {
        match self.rng.below(60) {
            0..=25 => {
                let len = self.rng.pick(&[0, 10, 500, 5_000, 100_000]);
                let payload = numbered(self.accepted.len(), len);
                let now = self.tell();
                match self.driver.send(Message::from(payload.clone()), now) {
                    Ok(()) => self.accepted.push(payload),
                    Err(refused) => assert_eq!(refused.message.len(), payload.len()),
                }
            }
            26..=28 => drop(self.driver.session_mut().ping(b"from the application", self.now)),
            29..=30 => {
                let now = self.tell();
                let _ = self.driver.ping(now);
            }
            31..=40 => self.decide(),
            41 => self.close(),
            42 if self.rng.one_in(4) => {
                let now = self.tell();
                self.aborted = true;
                self.driver.abort(now);
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        let _ = self.driver.session_mut().close(CloseCode::NORMAL, self.now);
    }

    fn done(&mut self) {
        match self.want {
            Want::Event => panic!("not asked for"),
            Want::Flushed => match self.driver.flushed() {
                Ok(flushed) => {
                    assert!(flushed && !self.dirty);
                    assert_eq!(self.driver.session().pending_output(), 0);
                }
                Err(error) => {
                    assert!(matches!(error, SendError::Ended | SendError::WriteFailed))
                }
            },
            Want::Answered => assert_eq!(self.driver.round_trip(), None, "nobody answers"),
            Want::RoomForPart => {
                let pending = self.driver.session().pending_output();
                let room = self.driver.session().config().limits.pending_output;
                let writable = self.driver.failed().is_none();
                assert!(
                    pending <= room || !writable || self.driver.session().phase() != Phase::Open
                );
            }
            Want::Room => {
                let (number, now) = (self.accepted.len(), self.tell());
                match self.driver.send(Message::from(numbered(number, 0)), now) {
                    Ok(()) => self.accepted.push(numbered(number, 0)),
                    Err(refused) => assert_ne!(refused.reason, SendError::Full),
                }
            }
        }
        self.moved += 1;
        self.want = Want::Event;
    }
}
