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
#[cfg(feature = "rustls")]
mod cover;
mod dialled;
#[cfg(not(feature = "rustls"))]
mod no_cover;
mod options;
mod proxy;
mod race;
mod socks;
mod step;
mod through;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::net::{IpAddr, SocketAddr};

use crate::config::{Config, Limits};
use crate::handshake::ClientRequest;
use crate::time::Timestamp;

use conversation::Conversation;
#[cfg(feature = "rustls")]
use cover::Cover;
pub use dialled::{DialError, Dialled};
#[cfg(not(feature = "rustls"))]
use no_cover::Cover;
pub use options::{DialOptions, PhaseTimeouts};
#[cfg(feature = "std")]
pub use proxy::ProxyEnvError;
pub use proxy::{Proxy, ProxyError, ProxyServer};
use race::{MAX_ADDRESSES, Race};
pub use step::{Step, Wait};

pub use crate::report::{
    AddressAttempt, AttemptError, AttemptErrorKind, AttemptOutcome, DialFailure, DialPhase,
    DialRecord, LookupError, PhaseSpan, ProxyAnswer, ProxyFailure, ProxyKind, ProxyRecord,
    ProxyTlsRecord, SocksReply, TlsRecord,
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
/// [`Dialled::read`] before all others, and behind an `https://` proxy with the TLS that
/// [`Dialled`] has. See the [module](crate::dial) for an example.
#[derive(Debug)]
pub struct Dial {
    host: Box<str>,
    port: u16,
    proxy: Option<ProxyServer>,
    /// TLS with it, where it speaks that, until it is connected.
    cover: Cover,
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
    /// This attempt leads to the server, maybe in TLS with the proxy. These bytes of the server's were
    /// read already.
    Connected(usize, Vec<u8>, Cover),
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
            cover: Cover::none(),
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
        match self.proxy.as_ref().map(|proxy| conversation::prepare(proxy, &self.host)) {
            Some(Ok(cover)) => self.cover = cover,
            Some(Err(failure)) => return self.fail(failure.into()),
            None => {}
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
                conversation::Step::Over(failure) => {
                    self.fail(failure.into());
                    Step::Failed
                }
            },
            Stage::Connected(attempt, ..) => Step::Connected { attempt: *attempt },
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
            Stage::Proxy(attempt, _) | Stage::Connected(attempt, ..) => Some(attempt),
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
        self.begin_through(attempt);
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
            Stage::Proxy(_, ref conversation) => {
                let phase = conversation.phase();
                self.finish_proxy(timed_out(phase));
            }
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
        self.end_through();
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
