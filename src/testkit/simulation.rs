//! Two sessions, the network between them and the one clock that they all run on.
//!
//! Invariant: nothing happens but what follows from the seed, the faults and what the test does.
//! The clock moves from one thing that happens to the next, and only as far as the limits allow.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::endpoint::{Endpoint, Recorded, Stream};
use super::pipe::Pipe;
use super::proxy::Watch;
use super::trace::Trace;
use crate::report::{Phase, Termination, TransportError};
use crate::session::{Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::message::Message;
use crate::wire::role::Role;

/// A client and a server, joined by a simulated [`Network`](super::Network).
///
/// Nothing happens until it is told to run. What the applications do, closures say
/// ([`on_event`](Self::on_event)), or the test itself between two runs ([`act`](Self::act)). A
/// request is accepted unless the application has responded to it.
///
/// ```
/// use std::time::Duration;
/// use farewell::{CloseCode, Role, SessionEvent};
/// use farewell::testkit::Network;
///
/// let mut simulation = Network::new(1).connect();
/// simulation.echo(Role::Server);
/// simulation.on_event(Role::Client, |session, event, now| match event {
///     SessionEvent::Open(_) => drop(session.send("hello", now)),
///     SessionEvent::Message(_) => drop(session.close(CloseCode::NORMAL, now)),
///     _ => {}
/// });
/// let endings = simulation.run_to_the_end()?;
/// assert!(endings.client.clean && endings.server.clean);
/// assert!(simulation.elapsed() < Duration::from_secs(1));
/// # Ok::<(), farewell::testkit::Stuck>(())
/// ```
#[derive(Debug)]
pub struct Simulation {
    client: Endpoint,
    server: Endpoint,
    to_client: Pipe,
    to_server: Pipe,
    proxies: Vec<Watch>,
    started: Timestamp,
    now: Timestamp,
    limits: Limits,
    steps: u64,
    hits: usize,
    trace: Trace,
}

/// How far a simulation may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) time: Duration,
    pub(super) steps: u64,
}

/// How the connection ended for both endpoints.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Endings {
    /// The client's report.
    pub client: Box<Termination>,
    /// The server's report.
    pub server: Box<Termination>,
}

impl Endings {
    /// The report of one endpoint.
    #[must_use]
    pub fn of(&self, endpoint: Role) -> &Termination {
        match endpoint {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }
}

impl Simulation {
    pub(super) fn new(
        (client, server): (Endpoint, Endpoint),
        (to_client, to_server): (Pipe, Pipe),
        proxies: Vec<Watch>,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        Self {
            client,
            server,
            to_client,
            to_server,
            proxies,
            started: now,
            now,
            limits,
            steps: 0,
            hits: 0,
            trace: Trace::new(now),
        }
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// For how long the connection has existed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.since(self.started)
    }

    /// Lets the application of one endpoint do something at each event of its session.
    ///
    /// The closure gets the session, the event and the time. A later call replaces it.
    pub fn on_event(
        &mut self,
        endpoint: Role,
        app: impl FnMut(&mut Session, &SessionEvent<'static>, Timestamp) + Send + 'static,
    ) {
        self.endpoint_mut(endpoint).app = Some(Box::new(app));
    }

    /// Lets one endpoint send back every message.
    pub fn echo(&mut self, endpoint: Role) {
        self.on_event(endpoint, |session, event, now| {
            if let SessionEvent::Message(message) = event {
                let _ = session.send(message.clone(), now);
            }
        });
    }

    /// Does not accept requests that the server's application has not responded to itself.
    pub fn leave_requests(&mut self) {
        self.server.leaves_requests = true;
    }

    /// Does something with the session of one endpoint now; what comes of it, the next run shows.
    pub fn act<R>(&mut self, endpoint: Role, act: impl FnOnce(&mut Session, Timestamp) -> R) -> R {
        let now = self.now;
        act(self.endpoint_mut(endpoint).driver.session_mut(), now)
    }

    /// The session of one endpoint.
    #[must_use]
    pub fn session(&self, endpoint: Role) -> &Session {
        self.endpoint(endpoint).driver.session()
    }

    /// The events of one endpoint's session so far.
    #[must_use]
    pub fn events(&self, endpoint: Role) -> &[Recorded] {
        &self.endpoint(endpoint).events
    }

    /// The messages that one endpoint has received.
    pub fn messages(&self, endpoint: Role) -> impl Iterator<Item = &Message<'static>> {
        self.events(endpoint).iter().filter_map(|recorded| match &recorded.event {
            SessionEvent::Message(message) => Some(message),
            _ => None,
        })
    }

    /// The report of one endpoint, once there is one.
    #[must_use]
    pub fn report(&self, endpoint: Role) -> Option<&Termination> {
        self.endpoint(endpoint).driver.ended()
    }

    /// Both reports, once there are both.
    #[must_use]
    pub fn endings(&self) -> Option<Endings> {
        let (client, server) = (self.client.driver.ended()?, self.server.driver.ended()?);
        Some(Endings { client: Box::new(client.clone()), server: Box::new(server.clone()) })
    }

    /// How many faults have taken effect so far, proxies that cut the connection included.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits
    }

    /// What has happened so far, for a person to read.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Goes to the next point in time at which anything happens, and lets all of it happen.
    ///
    /// Returns `false` where nothing will ever happen by itself again.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where a limit of the [`Network`](super::Network) is passed.
    pub fn step(&mut self) -> Result<bool, Stuck> {
        if self.settle()? {
            return Ok(true);
        }
        let Some(next) = self.next() else { return Ok(false) };
        self.move_clock(next)?;
        self.settle()?;
        Ok(true)
    }

    /// Runs until `until` returns `true`, which is called after every step.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where that does not come about: nothing happens any more, or a limit of the
    /// [`Network`](super::Network) is passed.
    pub fn run_until(&mut self, mut until: impl FnMut(&Self) -> bool) -> Result<(), Stuck> {
        self.settle()?;
        while !until(self) {
            if !self.step()? {
                return Err(self.stuck(StuckReason::Rest));
            }
        }
        Ok(())
    }

    /// Lets this much time pass.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where a limit of the [`Network`](super::Network) is passed.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Stuck> {
        let until = self.now + span;
        self.settle()?;
        while let Some(next) = self.next().filter(|next| *next <= until) {
            self.move_clock(next)?;
            self.settle()?;
        }
        self.move_clock(until)
    }

    /// Runs until the opening handshake is over for both endpoints.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where that does not come about.
    pub fn run_until_open(&mut self) -> Result<(), Stuck> {
        let is_open = |endpoint: &Endpoint| endpoint.driver.session().phase() != Phase::Opening;
        self.run_until(|this| is_open(&this.client) && is_open(&this.server))
    }

    /// Runs until there are both reports.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where that does not come about: nobody closes, or a limit of the
    /// [`Network`](super::Network) is passed.
    pub fn run_to_the_end(&mut self) -> Result<Endings, Stuck> {
        let has_ended = |endpoint: &Endpoint| endpoint.driver.ended().is_some();
        self.run_until(|this| has_ended(&this.client) && has_ended(&this.server))?;
        self.endings().ok_or_else(|| self.stuck(StuckReason::Rest))
    }

    /// Lets everything happen that takes no time. Returns whether anything did.
    fn settle(&mut self) -> Result<bool, Stuck> {
        let mut any = false;
        while self.happen() {
            any = true;
            self.count_step()?;
        }
        Ok(any)
    }

    fn happen(&mut self) -> bool {
        let now = self.now;
        self.change_path();
        let mut busy = self.carry();
        let Self { client, server, to_client, to_server, trace, .. } = self;
        busy |= client.turn(Stream { inbound: to_client, outbound: to_server, now }, trace);
        busy |= server.turn(Stream { inbound: to_server, outbound: to_client, now }, trace);
        busy | self.carry()
    }

    /// Lets the faults and the proxies take effect whose time has come.
    fn change_path(&mut self) {
        let now = self.now;
        for watch in &mut self.proxies {
            if let Some(cut) = watch.advance(now) {
                self.hits += 1;
                self.trace.note(now, None, format!("a proxy cuts the connection: {cut:?}"));
                cut.sever(&mut self.to_client.faults);
                cut.sever(&mut self.to_server.faults);
            }
        }
        self.to_client.advance(now);
        self.to_server.advance(now);
    }

    /// Moves bytes along.
    fn carry(&mut self) -> bool {
        let now = self.now;
        let mut busy = false;
        for to in [Role::Client, Role::Server] {
            let (pipe, back) = match to {
                Role::Client => (&mut self.to_client, &mut self.to_server),
                Role::Server => (&mut self.to_server, &mut self.to_client),
            };
            if pipe.depart(now) > 0 {
                self.proxies.iter_mut().for_each(|watch| watch.saw(to, now));
                busy = true;
            }
            self.hits += note_faults(pipe, to, &mut self.trace, now);
            if pipe.faults.take_resets() {
                back.reset(now);
            }
            if pipe.arrive(now) {
                back.fail_writes(TransportError::Reset);
            }
        }
        busy
    }

    fn next(&self) -> Option<Timestamp> {
        let client = self.client.next(&self.to_client, self.now);
        let server = self.server.next(&self.to_server, self.now);
        let pipes = [&self.to_client, &self.to_server].map(|pipe| pipe.next(self.now));
        let proxies = self.proxies.iter().filter_map(Watch::deadline);
        [client, server].into_iter().chain(pipes).flatten().chain(proxies).min()
    }

    fn move_clock(&mut self, to: Timestamp) -> Result<(), Stuck> {
        if to.since(self.started) > self.limits.time {
            return Err(self.stuck(StuckReason::Time));
        }
        self.now = self.now.max(to);
        self.count_step()
    }

    fn count_step(&mut self) -> Result<(), Stuck> {
        self.steps += 1;
        if self.steps > self.limits.steps {
            return Err(self.stuck(StuckReason::Steps));
        }
        Ok(())
    }

    fn stuck(&self, reason: StuckReason) -> Stuck {
        Stuck { reason, trace: Box::new(self.trace.clone()) }
    }

    fn endpoint(&self, role: Role) -> &Endpoint {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    fn endpoint_mut(&mut self, role: Role) -> &mut Endpoint {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// Takes note of the faults that have taken effect. Returns how many.
fn note_faults(pipe: &mut Pipe, to: Role, trace: &mut Trace, now: Timestamp) -> usize {
    let fired = pipe.take_fired();
    for effect in &fired {
        trace.note(now, None, format!("fault towards the {}: {effect:?}", to.name()));
    }
    fired.len()
}

/// A simulated connection did not get where the test wanted it, and how far it got.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stuck {
    /// Why it went no further.
    pub reason: StuckReason,
    /// What happened before.
    pub trace: Box<Trace>,
}

/// Why a simulated connection went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StuckReason {
    /// Nothing will ever happen by itself again: nobody has anything to send or to wait for.
    Rest,
    /// More simulated time has passed than [`Network::time_limit`](super::Network::time_limit).
    Time,
    /// More has happened than [`Network::step_limit`](super::Network::step_limit).
    Steps,
}

impl fmt::Display for StuckReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rest => "nothing happens any more",
            Self::Time => "the limit of simulated time is passed",
            Self::Steps => "the limit of steps is passed",
        })
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; before that:\n{}", self.reason, self.trace)
    }
}

impl core::error::Error for Stuck {}
