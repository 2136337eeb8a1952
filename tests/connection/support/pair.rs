//! Two sessions joined in memory, under a clock that only the test moves.

use std::time::Duration;

use bytes::Buf;
use farewell::diagnosis::Fact;
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins, Rejection};
use farewell::{
    Config, Message, ReadClosed, Role, Seed, Session, SessionEvent, Termination, Timestamp,
};

use super::split::Split;

/// What the application of a side does by itself.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// The answer to a request; none leaves it waiting.
    pub(crate) answer: Option<Result<Accept, Rejection>>,
    /// Whether messages are sent back.
    pub(crate) echo: bool,
    /// Whether large messages are read into their own memory.
    pub(crate) direct: bool,
    /// Whether all output is written after each event, and not only after each read.
    pub(crate) eager: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            answer: Some(Ok(Accept::new(Origins::SameHost))),
            echo: false,
            direct: false,
            eager: false,
        }
    }
}

/// One session with its transport.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) session: Session,
    pub(crate) behaviour: Behaviour,
    /// Everything that happened, in order.
    pub(crate) events: Vec<SessionEvent<'static>>,
    /// Everything that was ever written.
    pub(crate) written: Vec<u8>,
    /// How the bytes that arrive are cut.
    pub(crate) reads: Split,
    /// How much the transport accepts at a time.
    pub(crate) writes: Split,
    /// The transport accepts nothing.
    pub(crate) blocked: bool,
    /// Bytes on their way here.
    pub(crate) incoming: Vec<u8>,
    /// The stream ends behind them.
    pub(crate) incoming_end: Option<ReadClosed>,
    told_end: bool,
    shut: bool,
    ended: bool,
}

impl Endpoint {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            behaviour: Behaviour::default(),
            events: Vec::new(),
            written: Vec::new(),
            reads: Split::Whole,
            writes: Split::Whole,
            blocked: false,
            incoming: Vec::new(),
            incoming_end: None,
            told_end: false,
            shut: false,
            ended: false,
        }
    }

    /// The messages that came.
    pub(crate) fn messages(&self) -> Vec<&Message<'static>> {
        let messages = self.events.iter().filter_map(|event| match event {
            SessionEvent::Message(message) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    /// The report, which has to be the last event and the only one of its kind.
    pub(crate) fn report(&self) -> &Termination {
        let reports = self.events.iter().filter(|event| matches!(event, SessionEvent::Ended(_)));
        assert_eq!(reports.count(), 1, "{:?}", self.events);
        match self.events.last() {
            Some(SessionEvent::Ended(report)) => {
                // No real report contradicts itself.
                let diagnosis = report.diagnosis();
                let contradiction = diagnosis.first().evidence().contains(&Fact::Contradiction);
                assert!(!contradiction, "{report:?}: {diagnosis:#}");
                report
            }
            last => panic!("the last event is {last:?}"),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads once, if there is anything to read. Says whether there was.
    pub(crate) fn read(&mut self, now: Timestamp) -> bool {
        if self.ended {
            self.incoming.clear();
            return false;
        }
        if self.incoming.is_empty() {
            match self.incoming_end {
                Some(how) if !self.told_end => {
                    self.told_end = true;
                    self.session.handle_read_closed(how, now);
                }
                _ => return false,
            }
            self.poll(&mut [], now);
            return true;
        }
        let size = self.reads.next(self.incoming.len());
        if self.behaviour.direct {
            let spare = self.session.spare_mut();
            if !spare.is_empty() {
                let size = size.min(spare.len());
                spare[..size].copy_from_slice(&self.incoming[..size]);
                self.incoming.drain(..size);
                self.session.handle_filled(size, now);
                self.poll(&mut [], now);
                return true;
            }
        }
        let mut bytes: Vec<u8> = self.incoming.drain(..size).collect();
        self.poll(&mut bytes, now);
        true
    }

    /// Takes out all events, and reacts to them.
    pub(crate) fn poll(&mut self, bytes: &mut [u8], now: Timestamp) {
        let mut input = bytes;
        while let Some(event) = self.session.poll_event(&mut input, now) {
            assert!(!self.ended, "{event:?} after the end");
            let event = event.into_owned();
            match &event {
                SessionEvent::Request(_) => match &self.behaviour.answer {
                    Some(Ok(accept)) => drop(self.session.accept(accept, now)),
                    Some(Err(rejection)) => self.session.reject(rejection, now).unwrap(),
                    None => {}
                },
                SessionEvent::Message(message) if self.behaviour.echo => {
                    let _ = self.session.send(message.clone(), now);
                }
                SessionEvent::Ended(_) => self.ended = true,
                _ => {}
            }
            self.events.push(event);
            while self.behaviour.eager && self.flush(now).is_some() {}
        }
        assert!(input.is_empty(), "{} bytes were left", input.len());
    }

    /// Writes once, if there is anything to write. Gives what was written.
    pub(crate) fn write(&mut self, now: Timestamp) -> Vec<u8> {
        let bytes = self.flush(now).unwrap_or_default();
        if !bytes.is_empty() {
            self.poll(&mut [], now);
        }
        bytes
    }

    fn flush(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        if self.blocked || !self.session.has_output() {
            return None;
        }
        let mut output = self.session.output();
        let size = self.writes.next(output.remaining());
        let bytes = output.copy_to_bytes(size).to_vec();
        self.session.handle_flushed(size, now);
        self.written.extend_from_slice(&bytes);
        Some(bytes)
    }
}

/// A client and a server, joined.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    pub(crate) now: Timestamp,
}

pub(crate) const CLIENT_SEED: [u8; 32] = [1; 32];
pub(crate) const SERVER_SEED: [u8; 32] = [2; 32];
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_000_000_000);

impl Pair {
    /// A pair before its opening handshake.
    pub(crate) fn new(client: Config, server: Config) -> Self {
        let request = ClientRequest::new("ws://example.com/").unwrap();
        Self {
            client: Endpoint::new(Session::client(&request, client, Seed::new(CLIENT_SEED), START)),
            server: Endpoint::new(Session::server(server, Seed::new(SERVER_SEED), START)),
            now: START,
        }
    }

    /// A pair that is open already.
    pub(crate) fn open(client: Config, server: Config) -> Self {
        let side = |role, config, seed| {
            let negotiated = Negotiated::default();
            Endpoint::new(Session::upgraded(role, negotiated, config, Seed::new(seed), START))
        };
        Self {
            client: side(Role::Client, client, CLIENT_SEED),
            server: side(Role::Server, server, SERVER_SEED),
            now: START,
        }
    }

    pub(crate) fn side(&mut self, role: Role) -> &mut Endpoint {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Lets everything happen that can happen without time passing.
    pub(crate) fn run(&mut self) {
        for _ in 0..10_000_000 {
            let client = Self::step(&mut self.client, &mut self.server, self.now);
            let server = Self::step(&mut self.server, &mut self.client, self.now);
            if !client && !server {
                return;
            }
        }
        panic!("the pair does not come to rest");
    }

    fn step(side: &mut Endpoint, peer: &mut Endpoint, now: Timestamp) -> bool {
        let read = side.read(now);
        side.poll(&mut [], now);
        let bytes = side.write(now);
        peer.incoming.extend_from_slice(&bytes);
        let over = side.ended || (side.session.wants_shutdown() && !side.session.has_output());
        let shut = over && !side.shut && (side.ended || !side.blocked);
        if shut {
            side.shut = true;
            peer.incoming_end.get_or_insert(ReadClosed::Eof);
        }
        read || shut || !bytes.is_empty()
    }

    /// Moves the clock to the next deadline and lets it take effect. Says whether there was one.
    pub(crate) fn sleep(&mut self) -> bool {
        let deadlines = [&self.client, &self.server].map(|side| side.session.poll_timeout());
        let Some(at) = deadlines.into_iter().flatten().min() else { return false };
        self.advance(at.since(self.now));
        true
    }

    /// Moves the clock.
    pub(crate) fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
        for side in [&mut self.client, &mut self.server] {
            side.session.handle_timeout(self.now);
            side.poll(&mut [], self.now);
        }
        self.run();
    }

    /// Runs until both sides have ended.
    pub(crate) fn run_to_the_end(&mut self) {
        self.run();
        for _ in 0..100 {
            if self.client.ended && self.server.ended {
                return;
            }
            assert!(self.sleep(), "no deadline, and no end: {self:?}");
        }
        panic!("the pair does not end: {self:?}");
    }
}
