//! The scenarios that the corpus is generated from: what really happened, played in a [`Simulation`].
//!
//! The label of a trace is what its scenario did, whatever the classifier makes of it. Several
//! scenarios look like another one: they are here so that precision means something.

mod closing;
mod cuts;
mod deaths;
mod opening;
mod silence;
mod streams;

use farewell::Role;
use farewell::handshake::Carrier;

use super::trace::Trace;
use super::world::{Numbers, Setup, Simulation};

/// A way to end, and how often it is played.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) count: u64,
    pub(crate) play: fn(Play) -> Trace,
}

/// One play of a scenario.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    setup: Setup,
    pub(crate) numbers: Numbers,
}

impl Play {
    fn heartbeat(mut self, interval: f64, timeout: f64) -> Self {
        self.setup.heartbeat = Some((interval, timeout));
        self
    }

    /// A heartbeat in three of four cases: the default, or one that somebody set.
    fn any_heartbeat(mut self) -> Self {
        let interval = self.numbers.pick(&[20.0, 20.0, 10.0, 25.0, 30.0]);
        if self.numbers.chance(0.75) { self.heartbeat(interval, 20.0) } else { self }
    }

    fn role(mut self, role: Role) -> Self {
        self.setup.role = Some(role);
        self
    }

    fn opening(mut self, role: Role) -> Self {
        self.setup.opening = true;
        self.role(role)
    }

    /// On a stream of HTTP/2 or, at times, of HTTP/3.
    fn stream(mut self) -> Self {
        self.setup.carrier = if self.numbers.chance(0.8) { Carrier::Http2 } else { Carrier::Http3 };
        self
    }

    fn past(mut self, past: Vec<(f64, f64)>) -> Self {
        self.setup.past = past;
        self
    }

    fn begin(self) -> Simulation {
        Simulation::new(self.setup, self.numbers)
    }
}

fn all() -> Vec<Scenario> {
    let families = [
        cuts::SCENARIOS,
        deaths::SCENARIOS,
        silence::SCENARIOS,
        closing::SCENARIOS,
        opening::SCENARIOS,
        streams::SCENARIOS,
    ];
    let rows = families.concat().into_iter();
    rows.map(|(name, count, play)| Scenario { name, count, play }).collect()
}

/// A row of a table of scenarios: name, number of traces, script.
type Row = (&'static str, u64, fn(Play) -> Trace);

/// Every trace of the corpus, by the name of its file, from one seed.
pub(crate) fn corpus(seed: u64) -> Vec<(String, Trace)> {
    let mut traces = Vec::new();
    for scenario in all() {
        for index in 0..scenario.count {
            let name = scenario.name.bytes().fold(seed, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            let seed = name.wrapping_add(index) % 1_000_000_007;
            let setup = Setup {
                scenario: scenario.name,
                seed,
                role: None,
                opening: false,
                carrier: Carrier::Http1,
                heartbeat: None,
                idle: None,
                message: None,
                past: Vec::new(),
            };
            let play = Play { setup, numbers: Numbers::new(seed) };
            traces.push((format!("{}-{index:02}.trace", scenario.name), (scenario.play)(play)));
        }
    }
    traces
}
