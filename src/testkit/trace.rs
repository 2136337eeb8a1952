//! What happened in a simulation, for a person to read when a test fails.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;

use crate::time::Timestamp;
use crate::wire::role::Role;

/// The most lines; the oldest make room.
const MOST: usize = 2000;

/// What happened in a [`Simulation`](super::Simulation), in order. Displayed, it has a line for
/// each thing.
///
/// It holds the latest 2000 things and the number of those before them.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    lines: VecDeque<Line>,
    forgotten: u64,
    origin: Timestamp,
}

#[derive(Debug, Clone)]
struct Line {
    at: Timestamp,
    /// Where it happened; on the way, where it happened at neither endpoint.
    endpoint: Option<Role>,
    what: String,
}

impl Trace {
    pub(super) fn new(origin: Timestamp) -> Self {
        Self { origin, ..Self::default() }
    }

    /// How many things have happened so far.
    pub(super) fn count(&self) -> u64 {
        self.forgotten + self.lines.len() as u64
    }

    pub(super) fn note(&mut self, at: Timestamp, endpoint: Option<Role>, what: String) {
        if self.lines.len() == MOST {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back(Line { at, endpoint, what });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(f, "({} things before)", self.forgotten)?;
        }
        for line in &self.lines {
            let at = line.at.since(self.origin).as_secs_f64();
            let end = line.endpoint.map_or("path", |role| role.name());
            writeln!(f, "{at:12.6} s  {end:6}  {}", line.what)?;
        }
        Ok(())
    }
}
