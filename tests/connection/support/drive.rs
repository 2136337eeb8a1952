//! Drives a [`Connection`] as the contract says, and keeps everything that it says and does.
//!
//! Output is drained after every event, so that what is compared does not depend on how many events
//! one read held. Nothing happens after the end, and the end comes once: both are asserted here, in
//! every test.

use std::time::Duration;

use bytes::BytesMut;
use farewell::diagnosis::Fact;
use farewell::{
    CloseCode, CloseFrame, Config, Connection, Event, Phase, ReadClosed, Role, Seed, Termination,
    Timer, Timestamp, TransportError,
};

use super::oracle::{Seen, note};
use super::wire;

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Without a heartbeat: most tests are not about it.
pub(crate) fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config
}

pub(crate) fn reason(code: u16, reason: &str) -> CloseFrame {
    CloseFrame::new(CloseCode::new(code).unwrap(), reason).unwrap()
}

/// Something that happens to a connection.
pub(crate) type Step = fn(&mut Drive);

/// A connection, its virtual clock, and everything that came out of it.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) connection: Connection,
    pub(crate) role: Role,
    pub(crate) now: Timestamp,
    /// Everything that came in.
    pub(crate) input: Vec<u8>,
    pub(crate) log: Vec<Seen>,
    /// Round trips that Pongs gave, in order.
    pub(crate) round_trips: Vec<Duration>,
    /// Everything that was written, and how much of it the transport has accepted.
    pub(crate) output: Vec<u8>,
    pub(crate) accepted: usize,
    /// The transport takes all output at once.
    pub(crate) flushing: bool,
    pub(crate) report: Option<Termination>,
}

impl Drive {
    pub(crate) fn new(role: Role, config: Config) -> Self {
        let now = Timestamp::from_nanos(1_000_000_000);
        Self {
            connection: Connection::new(role, config, Seed::new([7; 32]), now),
            role,
            now,
            input: Vec::new(),
            log: Vec::new(),
            round_trips: Vec::new(),
            output: Vec::new(),
            accepted: 0,
            flushing: true,
            report: None,
        }
    }

    pub(crate) fn peer(&self) -> Role {
        wire::peer_of(self.role)
    }

    /// What the peer sent, for a failing test.
    pub(crate) fn wires(&self) -> String {
        format!(
            "{:?} received\n{}\nand wrote\n{}",
            self.role,
            wire::show(&self.input),
            wire::show(&self.output)
        )
    }

    /// Bytes came: a read of its own for each call.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> &mut Self {
        self.input.extend(bytes);
        self.drain(bytes)
    }

    /// The peer sent these frames.
    pub(crate) fn peer_sends(&mut self, frames: &[(u8, &[u8])]) -> &mut Self {
        let bytes = wire::sent_by(self.peer(), frames);
        self.receive(&bytes)
    }

    pub(crate) fn peer_closes(&mut self, code: u16, reason: &str) -> &mut Self {
        self.peer_sends(&[(wire::CLOSE, &wire::close_body(code, reason))])
    }

    pub(crate) fn read_closed(&mut self, how: ReadClosed) -> &mut Self {
        self.connection.handle_read_closed(how, self.now);
        self.drain(&[])
    }

    pub(crate) fn eof(&mut self) -> &mut Self {
        self.read_closed(ReadClosed::Eof)
    }

    pub(crate) fn write_failed(&mut self, kind: TransportError) -> &mut Self {
        self.connection.handle_write_failed(kind, self.now);
        self.drain(&[])
    }

    pub(crate) fn send(&mut self, text: &str) -> &mut Self {
        let mut out = BytesMut::new();
        self.connection.send(text, &mut out, self.now).unwrap();
        self.output.extend_from_slice(&out);
        self.drain(&[])
    }

    pub(crate) fn close(&mut self, code: u16, text: &str) -> &mut Self {
        self.connection.close(reason(code, text), self.now).unwrap();
        self.drain(&[])
    }

    pub(crate) fn abort(&mut self) -> &mut Self {
        self.connection.abort(self.now);
        self.drain(&[])
    }

    /// The transport accepts `bytes` bytes.
    pub(crate) fn flush_some(&mut self, bytes: usize) -> &mut Self {
        self.accepted = self.output.len().min(self.accepted + bytes);
        self.connection.handle_flushed(bytes, self.now);
        self.drain(&[])
    }

    pub(crate) fn flush(&mut self) -> &mut Self {
        self.flush_some(self.output.len() - self.accepted)
    }

    /// From here on the transport accepts nothing.
    pub(crate) fn block(&mut self) -> &mut Self {
        self.flushing = false;
        self
    }

    /// From here on the transport accepts everything, at once.
    pub(crate) fn unblock(&mut self) -> &mut Self {
        self.flushing = true;
        self.drain(&[])
    }

    pub(crate) fn expect_phase(&mut self, phase: Phase) -> &mut Self {
        assert_eq!(self.connection.phase(), phase, "{}", self.wires());
        self
    }

    /// Drains events, and after each of them the output, until there are none.
    fn drain(&mut self, bytes: &[u8]) -> &mut Self {
        let mut buffer = bytes.to_vec();
        let mut input = &mut buffer[..];
        while self.step(&mut input) {}
        assert!(input.is_empty(), "input was left over: {}", self.wires());
        self
    }

    fn step(&mut self, input: &mut &mut [u8]) -> bool {
        let event = self.connection.poll_event(input, self.now);
        let more = event.is_some();
        if let Some(event) = event {
            assert_eq!(self.report, None, "{event:?} after the end: {}", self.wires());
            self.take(event);
        }
        // Flushing is a call like any other: an event may come of it.
        self.transmit() || more
    }

    fn take(&mut self, event: Event<'_>) {
        let seen = match event {
            Event::Data(chunk) => {
                assert!(chunk.is_last() || !chunk.payload().is_empty(), "a piece of nothing");
                Seen::Data {
                    kind: chunk.kind(),
                    first: chunk.is_first(),
                    last: chunk.is_last(),
                    bytes: chunk.payload().to_vec(),
                }
            }
            Event::Ping => Seen::Ping(self.connection.ping_payload().to_vec()),
            Event::Pong { rtt } => {
                self.round_trips.extend(rtt);
                Seen::Pong(self.connection.pong_payload().to_vec())
            }
            Event::CloseReceived => {
                let frame = self.connection.peer_close().expect("the Close that has come");
                Seen::Close(frame.reported_code(), frame.reason().to_owned())
            }
            Event::Ended(report) => {
                assert_eq!(self.connection.phase(), Phase::Ended);
                self.report = Some(*report);
                return;
            }
            other => panic!("an event that no test knows: {other:?}"),
        };
        note(&mut self.log, seen);
    }

    fn transmit(&mut self) -> bool {
        let mut out = BytesMut::new();
        let wrote = self.connection.poll_transmit(&mut out);
        assert_eq!(wrote, !out.is_empty());
        self.output.extend_from_slice(&out);
        let waiting = self.output.len() - self.accepted;
        if self.flushing && waiting > 0 {
            self.accepted += waiting;
            self.connection.handle_flushed(waiting, self.now);
        }
        self.flushing && waiting > 0
    }

    /// Lets time pass, handling the deadlines on the way as they come.
    pub(crate) fn wait(&mut self, span: Duration) -> &mut Self {
        let until = self.now + span;
        while let Some(at) = self.connection.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.timeout();
        }
        self.now = until;
        self
    }

    /// Lets time pass with nobody looking at the deadlines.
    pub(crate) fn sleep(&mut self, span: Duration) -> &mut Self {
        self.now = self.now + span;
        self
    }

    /// Handles the deadlines that have passed, and checks the contract: none is left.
    pub(crate) fn timeout(&mut self) -> &mut Self {
        self.connection.handle_timeout(self.now);
        let next = self.connection.next_timer();
        assert!(
            next.is_none_or(|(at, _)| at > self.now),
            "{next:?} is still due at {:?}: {}",
            self.now,
            self.wires()
        );
        self.drain(&[])
    }

    /// The next deadline, as seconds from now, and what it is for.
    pub(crate) fn next(&self) -> Option<(Duration, Timer)> {
        self.connection.next_timer().map(|(at, timer)| (at.since(self.now), timer))
    }

    /// Lets nothing but deadlines happen until the end, which has to come.
    pub(crate) fn run_out(&mut self) -> &mut Self {
        for _ in 0..100 {
            if self.report.is_some() {
                return self;
            }
            let Some(at) = self.connection.poll_timeout() else {
                panic!("no deadline and no end: {}", self.wires());
            };
            self.now = self.now.max(at);
            self.timeout();
        }
        panic!("the end does not come: {}", self.wires());
    }

    pub(crate) fn report(&self) -> Termination {
        let Some(report) = &self.report else { panic!("no end yet: {}", self.wires()) };
        // No real report contradicts itself.
        let diagnosis = report.diagnosis();
        let contradiction = diagnosis.first().evidence().contains(&Fact::Contradiction);
        assert!(!contradiction, "{report:?}: {diagnosis:#}");
        report.clone()
    }
}
