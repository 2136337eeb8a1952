//! What a simulated network is like: a plain description, and the simulations that are made
//! of it.

use alloc::sync::Arc;
use core::time::Duration;

use super::endpoint::Endpoint;
use super::fault::Faults;
use super::pipe::{Link, Pipe};
use super::proxy::Watch;
use super::rng::Rng;
use super::simulation::{Limits, Simulation};
use super::wire::Wire;
use crate::config::Config;
use crate::handshake::{ClientRequest, Negotiated};
use crate::session::Session;
use crate::time::Timestamp;
use crate::wire::keystream::Seed;
use crate::wire::role::Role;

/// A simulated network, of which any number of connections can be made.
///
/// Everything about them follows from the seed: the same seed gives the same bytes at the same
/// times.
///
/// ```
/// use std::time::Duration;
/// use farewell::{Cause, Config, Role};
/// use farewell::testkit::{At, Effect, Faults, Link, Network};
///
/// // A mobile network whose signal is lost after a minute.
/// let network = Network::new(7)
///     .link(Link::new().latency(Duration::from_millis(90)).jitter(Duration::from_millis(50)))
///     .faults(Faults::none().both(At::Time(Duration::from_secs(60)), Effect::Vanish));
/// let mut simulation = network.connect();
/// let endings = simulation.run_to_the_end()?;
/// assert!(matches!(endings.client.cause, Cause::PongTimeout { .. }));
/// // Found out within interval and timeout of the default heartbeat, in no time at all.
/// assert!(simulation.elapsed() < Duration::from_secs(60 + 22 + 20));
/// # Ok::<(), farewell::testkit::Stuck>(())
/// ```
#[derive(Debug, Clone)]
pub struct Network {
    seed: u64,
    to_client: Link,
    to_server: Link,
    faults: Faults,
    client: Arc<Config>,
    server: Arc<Config>,
    start: Timestamp,
    limits: Limits,
}

impl Network {
    /// A network without faults, both directions like [`Link::new`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            to_client: Link::new(),
            to_server: Link::new(),
            faults: Faults::none(),
            client: Arc::default(),
            server: Arc::default(),
            start: Timestamp::ZERO,
            limits: Limits { time: Duration::from_secs(24 * 3600), steps: 1_000_000 },
        }
    }

    /// What both directions are like.
    #[must_use]
    pub fn link(self, link: Link) -> Self {
        Self { to_client: link.clone(), to_server: link, ..self }
    }

    /// What the direction to the client is like.
    #[must_use]
    pub fn to_client(self, link: Link) -> Self {
        Self { to_client: link, ..self }
    }

    /// What the direction to the server is like.
    #[must_use]
    pub fn to_server(self, link: Link) -> Self {
        Self { to_server: link, ..self }
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The settings of both endpoints.
    #[must_use]
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self { client: config.clone(), server: config, ..self }
    }

    /// The client's settings.
    #[must_use]
    pub fn client_config(self, config: impl Into<Arc<Config>>) -> Self {
        Self { client: config.into(), ..self }
    }

    /// The server's settings.
    #[must_use]
    pub fn server_config(self, config: impl Into<Arc<Config>>) -> Self {
        Self { server: config.into(), ..self }
    }

    /// When a connection begins: for one attempt after another on the same clock.
    #[must_use]
    pub fn starting_at(self, start: Timestamp) -> Self {
        Self { start, ..self }
    }

    /// How much simulated time may pass at most. Default: a day.
    #[must_use]
    pub fn time_limit(self, span: Duration) -> Self {
        Self { limits: Limits { time: span, ..self.limits }, ..self }
    }

    /// How many steps may happen at most: reads, writes, deadlines. Default: a million.
    #[must_use]
    pub fn step_limit(self, steps: u64) -> Self {
        Self { limits: Limits { steps, ..self.limits }, ..self }
    }

    /// A client that asks a server for a connection.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the URL is a valid one")]
    pub fn connect(&self) -> Simulation {
        let request = ClientRequest::new("ws://simulated.example/").expect("the URL is valid");
        self.connect_with(&request)
    }

    /// A client that asks a server for a connection with this request.
    #[must_use]
    pub fn connect_with(&self, request: &ClientRequest) -> Simulation {
        let mut rng = Rng::new(self.seed);
        let (seed, other) = (Seed::new(rng.bytes()), Seed::new(rng.bytes()));
        let client = Session::client(request, self.client.clone(), seed, self.start);
        let server = Session::server(self.server.clone(), other, self.start);
        self.join(client, server, Wire::new(), rng)
    }

    /// A client and a server whose opening handshake is over.
    #[must_use]
    pub fn upgraded(&self) -> Simulation {
        let mut rng = Rng::new(self.seed);
        let mut session = |role, config: &Arc<Config>| {
            let seed = Seed::new(rng.bytes());
            Session::upgraded(role, Negotiated::default(), config.clone(), seed, self.start)
        };
        let client = session(Role::Client, &self.client);
        let server = session(Role::Server, &self.server);
        self.join(client, server, Wire::upgraded(), rng)
    }

    fn join(&self, client: Session, server: Session, wire: Wire, mut rng: Rng) -> Simulation {
        let now = self.start;
        let mut pipe = |link: &Link, to| {
            Pipe::new(link.clone(), &self.faults, to, wire, Rng::new(rng.next()), now)
        };
        let pipes = (pipe(&self.to_client, Role::Client), pipe(&self.to_server, Role::Server));
        let ends = (Endpoint::new(client, now), Endpoint::new(server, now));
        Simulation::new(ends, pipes, Watch::all(&self.faults, now), self.limits, now)
    }
}
