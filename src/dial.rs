//! The way to a connection, sans-IO: look the name up, let the addresses race, get through a proxy.
//!
//! A [`Dial`] says what to do next and is told what came of it, as a [`Driver`](crate::driver::Driver)
//! does afterwards on the same stream. It touches no socket and no clock, and works without `std`.
//! Both adapters execute it; who has sockets of another kind does so in a loop of their own.
//!
//! ```
//! use farewell::dial::{Dial, DialOptions, Step};
//! use farewell::handshake::ClientRequest;
//! use farewell::{Config, Timestamp};
//!
//! let request = ClientRequest::new("ws://example.com/chat")?;
//! let now = Timestamp::ZERO;
//! let mut dial = Dial::new(&request, &DialOptions::default(), &Config::default(), now);
//!
//! let Step::Resolve { host, port } = dial.next() else { panic!("a name has to be resolved") };
//! assert_eq!((&*host, port), ("example.com", 80));
//! dial.handle_resolved(&["[2001:db8::1]:80".parse()?, "192.0.2.1:80".parse()?], now);
//!
//! // The first address says nothing for 250 ms: the next one joins it.
//! assert!(matches!(dial.next(), Step::Connect { attempt: 0, .. }));
//! let Step::Wait(wait) = dial.next() else { panic!("nothing else is to be done") };
//! let now = wait.until;
//! dial.handle_timeout(now);
//! assert!(matches!(dial.next(), Step::Connect { attempt: 1, .. }));
//! dial.handle_connected(1, now);
//! assert!(matches!(dial.next(), Step::Drop { attempt: 0 }));
//! assert!(matches!(dial.next(), Step::Connected { attempt: 1 }));
//!
//! let dialled = dial.into_result()?;
//! assert_eq!(
//!     dialled.record.to_string(),
//!     "resolved in 0 µs; [2001:db8::1]:80 lost the race after 250 ms, 192.0.2.1:80 connected in 0 µs",
//! );
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![deny(clippy::wildcard_enum_match_arm)]

mod conversation;
mod dialled;
mod options;
mod proxy;
mod race;
mod socks;
mod step;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::net::{IpAddr, SocketAddr};

use crate::config::{Config, Limits};
use crate::handshake::ClientRequest;
use crate::report::ReadClosed;
use crate::time::Timestamp;

use conversation::{Conversation, Told};
pub use dialled::{DialError, Dialled};
pub use options::{DialOptions, PhaseTimeouts};
#[cfg(feature = "std")]
pub use proxy::ProxyEnvError;
pub use proxy::{Proxy, ProxyError, ProxyServer};
use race::{MAX_ADDRESSES, Race};
pub use step::{Step, Wait};

pub use crate::report::{
    AddressAttempt, AttemptError, AttemptErrorKind, AttemptOutcome, DialFailure, DialPhase,
    DialRecord, LookupError, PhaseSpan, ProxyAnswer, ProxyFailure, ProxyKind, ProxyRecord,
    SocksReply, TlsRecord,
};

/// One dial: from a name to a stream on which the opening handshake can begin.
///
/// [`next`](Self::next) says what to do, one [`Step`] at a time; the `handle_` methods are told what
/// came of it. Calls that nothing asked for do no harm, and none panics. The latest time told counts.
///
/// | Step | Then |
/// |---|---|
/// | [`Resolve`](Step::Resolve) | [`handle_resolved`](Self::handle_resolved) or [`handle_unresolved`](Self::handle_unresolved), at any time later |
/// | [`Connect`](Step::Connect) | [`handle_connected`](Self::handle_connected) or [`handle_connect_failed`](Self::handle_connect_failed), at any time later |
/// | [`Drop`](Step::Drop) | nothing; what comes of the attempt does not count any more |
/// | [`Write`](Step::Write): some of [`output`](Self::output) | [`handle_written`](Self::handle_written), [`handle_write_blocked`](Self::handle_write_blocked) or [`handle_write_failed`](Self::handle_write_failed) |
/// | [`Read`](Step::Read) | [`handle_read`](Self::handle_read), [`handle_read_blocked`](Self::handle_read_blocked) or [`handle_read_closed`](Self::handle_read_closed) |
/// | [`Wait`](Step::Wait) | [`handle_timeout`](Self::handle_timeout) if [`Wait::until`] has passed, else [`handle_ready`](Self::handle_ready) once something may have happened |
/// | [`Connected`](Step::Connected), [`Failed`](Step::Failed) | [`into_result`](Self::into_result) |
///
/// The stream of the attempt that connected then goes to a driver, with the bytes in
/// [`Dialled::read`] before all others. See the [module](crate::dial) for an example.
#[derive(Debug)]
pub struct Dial {
    host: Box<str>,
    port: u16,
    proxy: Option<ProxyServer>,
    options: DialOptions,
    limits: Limits,
    stage: Stage,
    /// Attempts that are to be dropped.
    dropped: Vec<usize>,
    record: DialRecord,
    deadline: Timestamp,
    /// The deadline of the present phase, where it has one of its own.
    phase_deadline: Option<Timestamp>,
    /// The latest time that was told.
    now: Timestamp,
}

#[derive(Debug)]
enum Stage {
    /// The name is looked up; whether that was asked for.
    Resolve {
        asked: bool,
    },
    /// The addresses race.
    Connect(Race),
    /// This attempt connected to the proxy, which is asked for a way through.
    Proxy(usize, Box<Conversation>),
    /// This attempt leads to the server. These bytes of the server's were read already.
    Connected(usize, Vec<u8>),
    Failed,
}

impl Dial {
    /// Begins to dial for this request. [`Timeouts::handshake`](crate::Timeouts::handshake) is the
    /// time for all of it, opening handshake included.
    #[must_use]
    pub fn new(
        request: &ClientRequest,
        options: &DialOptions,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        Self::since(now, request, options, config, now)
    }

    /// The same where the time began to run earlier: before a redirection, for example.
    #[must_use]
    pub fn since(
        began: Timestamp,
        request: &ClientRequest,
        options: &DialOptions,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        let proxy = options.proxy.as_ref().and_then(|proxy| proxy.server_for(request)).cloned();
        let mut dial = Self {
            host: request.host().into(),
            port: request.port(),
            proxy,
            options: options.clone(),
            limits: config.limits.clone(),
            stage: Stage::Failed,
            dropped: Vec::new(),
            record: DialRecord::new(now),
            deadline: began + config.timeouts.handshake,
            phase_deadline: None,
            now,
        };
        dial.record.through = dial.proxy.as_ref().map(ProxyServer::kind);
        dial.begin();
        dial
    }

    fn begin(&mut self) {
        if let Some(failure) =
            self.proxy.as_ref().and_then(|proxy| conversation::unfit(proxy, &self.host))
        {
            return self.fail(failure.into());
        }
        if let (None, Some(addresses)) = (&self.proxy, self.options.addresses.take()) {
            return self.race(&addresses);
        }
        let (host, port) = self.place();
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.race(&[SocketAddr::new(address, port)]);
        }
        self.enter(DialPhase::Resolve);
        self.record.resolve = Some(PhaseSpan::begun(self.now));
        self.stage = Stage::Resolve { asked: false };
    }

    /// What is connected to: the proxy, where one is used.
    fn place(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (&self.host, self.port),
        }
    }

    /// Says what to do next. Each step but the last is to be executed once.
    #[expect(clippy::should_implement_trait, reason = "there is always a step")]
    pub fn next(&mut self) -> Step {
        if let Some(attempt) = self.dropped.pop() {
            return Step::Drop { attempt };
        }
        match &mut self.stage {
            Stage::Resolve { asked: false } => {
                self.stage = Stage::Resolve { asked: true };
                let (host, port) = self.place();
                Step::Resolve { host: host.into(), port }
            }
            Stage::Resolve { asked: true } => self.wait(false, false, None),
            Stage::Connect(race) => {
                match race.begin(self.options.race_delay, &mut self.record, self.now) {
                    Some((attempt, address)) => Step::Connect { attempt, address },
                    None => {
                        let next = race.next_at();
                        self.wait(false, false, next)
                    }
                }
            }
            Stage::Proxy(_, conversation) => match conversation.next() {
                conversation::Step::Write => Step::Write,
                conversation::Step::Read => Step::Read,
                conversation::Step::Wait { read, write } => self.wait(read, write, None),
            },
            Stage::Connected(attempt, _) => Step::Connected { attempt: *attempt },
            Stage::Failed => Step::Failed,
        }
    }

    fn wait(&self, read: bool, write: bool, until: Option<Timestamp>) -> Step {
        let until = self.due().min(until.unwrap_or(Timestamp::MAX));
        Step::Wait(Wait { read, write, until })
    }

    /// When the present phase is given up.
    pub(crate) fn due(&self) -> Timestamp {
        self.phase_deadline.map_or(self.deadline, |at| at.min(self.deadline))
    }

    /// The attempt whose stream is used.
    #[cfg(feature = "std")]
    pub(crate) fn winner(&self) -> Option<usize> {
        match self.stage {
            Stage::Proxy(attempt, _) | Stage::Connected(attempt, _) => Some(attempt),
            Stage::Resolve { .. } | Stage::Connect(_) | Stage::Failed => None,
        }
    }

    /// How much time is left for the present phase.
    #[must_use]
    pub fn time_left(&self, now: Timestamp) -> core::time::Duration {
        self.due().since(now.max(self.now))
    }

    /// The name has these addresses.
    pub fn handle_resolved(&mut self, addresses: &[SocketAddr], now: Timestamp) {
        self.tell(now);
        if matches!(self.stage, Stage::Resolve { .. }) {
            self.end_resolve();
            self.race(addresses);
        }
    }

    /// The name has no address, or nobody could say; `words` are the resolver's.
    pub fn handle_unresolved(&mut self, words: &str, now: Timestamp) {
        self.tell(now);
        if matches!(self.stage, Stage::Resolve { .. }) {
            let (proxy, words) = (self.proxy.is_some(), LookupError::new(words));
            self.fail(DialFailure::Unresolved { proxy, words });
        }
    }

    fn end_resolve(&mut self) {
        let now = self.now;
        self.record.resolve.iter_mut().for_each(|span| span.end(now));
    }

    fn race(&mut self, addresses: &[SocketAddr]) {
        let (given, limit) = (addresses.len(), MAX_ADDRESSES);
        if given == 0 {
            return self.fail(DialFailure::NoAddress);
        }
        if given > limit {
            return self.fail(DialFailure::TooManyAddresses { given, limit });
        }
        self.enter(DialPhase::Connect);
        self.record.connect = Some(PhaseSpan::begun(self.now));
        self.stage = Stage::Connect(Race::new(addresses));
    }

    /// An attempt has led to a connection. The first one wins, and the others are dropped.
    pub fn handle_connected(&mut self, attempt: usize, now: Timestamp) {
        self.tell(now);
        let Stage::Connect(race) = &mut self.stage else { return };
        if !race.end(attempt) {
            return;
        }
        self.conclude(attempt, AttemptOutcome::Connected);
        self.end_race(AttemptOutcome::Lost);
        self.stage = match &self.proxy {
            None => Stage::Connected(attempt, Vec::new()),
            Some(proxy) => {
                let (conversation, record) =
                    Conversation::begin(proxy, &self.host, self.port, &self.limits, self.now);
                self.record.proxy = Some(record);
                Stage::Proxy(attempt, Box::new(conversation))
            }
        };
        self.enter(if self.proxy.is_some() { DialPhase::Proxy } else { DialPhase::Upgrade });
    }

    /// An attempt has failed.
    pub fn handle_connect_failed(&mut self, attempt: usize, error: AttemptError, now: Timestamp) {
        self.tell(now);
        let now = self.now;
        let Stage::Connect(race) = &mut self.stage else { return };
        if !race.end(attempt) {
            return;
        }
        race.hurry(now);
        let lost = race.is_lost();
        self.conclude(attempt, AttemptOutcome::Failed(error));
        if lost {
            //= rfc6455#4.1
            //# If the connection could not be opened, either because a direct
            //# connection failed or because any proxy used returned an error, then the
            //# client MUST _Fail the WebSocket Connection_ and abort the connection
            //# attempt.
            self.fail(DialFailure::Unconnected);
        }
    }

    fn conclude(&mut self, attempt: usize, outcome: AttemptOutcome) {
        if let Some(attempt) = self.record.attempts.get_mut(attempt) {
            attempt.span.end(self.now);
            attempt.outcome = outcome;
        }
    }

    /// Whatever is still under way had this outcome, and is dropped.
    fn end_race(&mut self, outcome: AttemptOutcome) {
        let stage = mem::replace(&mut self.stage, Stage::Failed);
        if let Stage::Connect(race) = stage {
            let (under_way, untried) = race.finish();
            for attempt in &under_way {
                self.conclude(*attempt, outcome);
            }
            self.dropped = under_way;
            self.record.untried = u16::try_from(untried).unwrap_or(u16::MAX);
            let now = self.now;
            self.record.connect.iter_mut().for_each(|span| span.end(now));
        } else {
            self.stage = stage;
        }
    }

    /// What is to be written to the stream that connected.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        match &self.stage {
            Stage::Proxy(_, conversation) => conversation.output(),
            Stage::Resolve { .. } | Stage::Connect(_) | Stage::Connected(..) | Stage::Failed => &[],
        }
    }

    /// The stream has taken so many bytes of the output; none is a failure.
    pub fn handle_written(&mut self, bytes: usize, now: Timestamp) {
        self.tell(now);
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.handle_written(bytes);
        }
    }

    /// The stream takes nothing at present.
    pub fn handle_write_blocked(&mut self) {
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.write_blocked = true;
        }
    }

    /// The stream will take nothing any more. What the proxy has said is still worth reading.
    pub fn handle_write_failed(&mut self, now: Timestamp) {
        self.tell(now);
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.handle_write_failed();
        }
    }

    /// These bytes were read. What lies behind the proxy's answer is kept for the driver.
    pub fn handle_read(&mut self, bytes: &[u8], now: Timestamp) {
        self.tell(now);
        let Stage::Proxy(attempt, conversation) = &mut self.stage else { return };
        let attempt = *attempt;
        // A proxy that always has more to say does not put the deadline off.
        let Some((rest, told)) = conversation.receive(bytes) else { return self.expire() };
        let rest = rest.to_vec();
        self.conclude_proxy(told, |dial| {
            dial.enter(DialPhase::Upgrade);
            dial.stage = Stage::Connected(attempt, rest);
        });
    }

    /// There is nothing to read at present.
    pub fn handle_read_blocked(&mut self) {
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.read_blocked = true;
        }
    }

    /// Nothing will be read any more.
    pub fn handle_read_closed(&mut self, _: ReadClosed, now: Timestamp) {
        self.tell(now);
        self.finish_proxy(ProxyFailure::CutShort.into());
    }

    /// No more will come of the proxy: a refusal that has begun counts, else this failure.
    fn finish_proxy(&mut self, otherwise: DialFailure) {
        let Stage::Proxy(_, conversation) = &mut self.stage else { return };
        match conversation.finish() {
            Some(told) => self.conclude_proxy(told, |_| {}),
            None => self.fail(otherwise),
        }
    }

    /// The proxy has answered. Says what follows where it lets the connection through.
    fn conclude_proxy(&mut self, (answer, refusal): Told, through: impl FnOnce(&mut Self)) {
        let now = self.now;
        let mut failure = None;
        if let Some(proxy) = &mut self.record.proxy {
            proxy.span.end(now);
            (proxy.answer, proxy.refusal) = (Some(answer), refusal);
            failure = conversation::failure(answer, proxy.credentials);
        }
        match failure {
            Some(failure) => self.fail(failure.into()),
            None => through(self),
        }
    }

    /// Lets the deadline that has passed take effect. Harmless at any time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.tell(now);
        self.handle_ready();
        self.expire();
    }

    /// Gives it up where the time is over.
    fn expire(&mut self) {
        if self.now < self.due() {
            return;
        }
        let timed_out = |phase| DialFailure::TimedOut { phase };
        match self.stage {
            Stage::Resolve { .. } => self.fail(timed_out(DialPhase::Resolve)),
            Stage::Connect(_) => self.fail(timed_out(DialPhase::Connect)),
            Stage::Proxy(..) => self.finish_proxy(timed_out(DialPhase::Proxy)),
            Stage::Connected(..) | Stage::Failed => {}
        }
    }

    /// What could not be read or written may be tried again.
    pub fn handle_ready(&mut self) {
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            (conversation.read_blocked, conversation.write_blocked) = (false, false);
        }
    }

    /// Gives it up.
    fn fail(&mut self, failure: DialFailure) {
        let now = self.now;
        self.end_race(AttemptOutcome::Silent);
        self.end_resolve();
        if let Some(proxy) = &mut self.record.proxy {
            proxy.span.end(now);
        }
        self.record.ended = now;
        self.record.failure = Some(failure);
        self.stage = Stage::Failed;
    }

    fn enter(&mut self, phase: DialPhase) {
        self.phase_deadline = self.options.timeouts.of(phase).map(|span| self.now + span);
    }

    fn tell(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }
}
