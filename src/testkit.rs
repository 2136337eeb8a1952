//! A kit to rehearse every failure of a connection, in milliseconds and without a network.
//!
//! Two ways lead to the same faults, and one description of them, [`Faults`], serves both:
//!
//! - A simulated [`Network`] joins a client's and a server's [`Session`](crate::Session) under a
//!   clock of its own. Hours pass in no time, and the same seed gives the same bytes at the same
//!   times. The [`Simulation`] that it makes runs the applications of both endpoints, records every
//!   event with its time, and has both reports.
//! - [`FaultyStream`] goes around a real blocking stream, and `AsyncFaultyStream`, with feature
//!   `tokio`, around a tokio stream. They run in real time, or on tokio's clock where a test has
//!   stopped that.
//!
//! | To rehearse | Put |
//! |---|---|
//! | a slow, uneven or narrow path | [`Link::latency`], [`Link::jitter`], [`Link::bandwidth`] |
//! | bytes that come in pieces | [`Link::chunks`], [`Effect::Pieces`] |
//! | a half-open connection, a pulled cable | [`Effect::Vanish`] in one direction or in both |
//! | a peer that crashes | [`Effect::Eof`], [`Effect::Reset`] |
//! | a Close that is cut short, or never comes | [`Effect::Eof`] at [`At::Close`], [`Effect::Lose`] |
//! | a Pong that is lost | [`Effect::Lose`] |
//! | a peer that reads nothing | [`Effect::Stall`] |
//! | an outage that TCP survives | [`Effect::Hold`] |
//! | a laptop that is shut | [`Faults::suspend`] |
//! | a proxy with an idle timeout, or a lifetime | [`Faults::proxy`] with a [`Proxy`] |
//! | a system call that fails | [`Effect::ReadFails`] and its like, at [`At::Call`] |
//! | a peer that breaks the protocol | [`Effect::Flip`] |
//!
//! Whatever goes wrong, a simulation comes to an end: a limit of simulated time and one of steps
//! turn a livelock into [`Stuck`], an error with the trace of what happened.
//!
//! # An application that reconnects
//!
//! ```
//! use std::time::Duration;
//! use farewell::{Role, Termination};
//! use farewell::testkit::{Faults, Network, Proxy};
//!
//! /// What the application does about an ending: the function to be tested.
//! fn delay(ending: &Termination, attempt: u32) -> Option<Duration> {
//!     (!ending.clean).then(|| Duration::from_millis(500) * 2_u32.pow(attempt.min(6)))
//! }
//!
//! // Behind this proxy, every connection ends after ten minutes.
//! let faults = Faults::none().proxy(Proxy::max_lifetime(Duration::from_secs(600)));
//! let mut network = Network::new(1).faults(faults);
//! let mut waited = Vec::new();
//! for attempt in 0..3 {
//!     let mut simulation = network.connect();
//!     let endings = simulation.run_to_the_end()?;
//!     let delay = delay(&endings.client, attempt).expect("the proxy says no goodbye");
//!     waited.push(delay.as_millis());
//!     network = network.starting_at(simulation.now() + delay);
//! }
//! assert_eq!(waited, [500, 1000, 2000]);
//! # Ok::<(), farewell::testkit::Stuck>(())
//! ```

#[cfg(feature = "tokio")]
mod async_faulty_stream;
mod direction_faults;
mod endpoint;
mod fault;
mod faulty_stream;
mod injector;
mod network;
mod pipe;
mod proxy;
mod rng;
mod simulation;
mod trace;
mod wire;

#[cfg(feature = "tokio")]
pub use async_faulty_stream::AsyncFaultyStream;
pub use endpoint::Recorded;
pub use fault::{At, Cut, Effect, Faults, Proxy};
pub use faulty_stream::FaultyStream;
pub use injector::Hits;
pub use network::Network;
pub use pipe::Link;
pub use simulation::{Endings, Simulation, Stuck, StuckReason};
pub use trace::Trace;
