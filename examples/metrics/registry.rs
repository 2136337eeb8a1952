//! The connections of a server: those that are open, and what remains of those that ended.
//!
//! Counters never go back: what a connection has done is added to the totals when it ends, and
//! while it is open it is asked.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farewell::blocking::Sender;
use farewell::{Message, Stats, Termination};

/// What Prometheus calls labels: cause, code, and whether it was clean.
pub(crate) type Ending = (&'static str, u16, bool);

/// Upper bounds of the histogram's buckets, in seconds.
pub(crate) const BUCKETS: [f64; 8] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0];

#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: Vec<Arc<Connection>>,
    /// Of connections that have ended, and of round trips.
    totals: Figures,
}

/// An open connection, looked at through its writing half.
pub(crate) struct Connection {
    sender: Mutex<Sender<TcpStream>>,
    /// Pings whose round trip is in the histogram.
    answered: Mutex<u32>,
}

/// Everything that the page shows.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    pub(crate) open: u64,
    pub(crate) accepted: u64,
    pub(crate) endings: BTreeMap<Ending, u64>,
    pub(crate) received: Direction,
    pub(crate) sent: Direction,
    pub(crate) dropped_bytes: u64,
    pub(crate) pending_output: u64,
    pub(crate) pending_output_high_water: u64,
    pub(crate) message_memory_high_water: u64,
    pub(crate) round_trips: Histogram,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Direction {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
    pub(crate) messages: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Histogram {
    /// How many were at most as long as each bound.
    pub(crate) at_most: [u64; BUCKETS.len()],
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

/// A lock is poisoned by a panic elsewhere; the numbers behind it are sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    pub(crate) fn send(&self, message: Message<'static>) {
        // Where it cannot leave, the report tells why.
        let _ = lock(&self.sender).send(message);
    }

    fn stats(&self) -> Stats {
        lock(&self.sender).stats()
    }
}

impl Registry {
    pub(crate) fn opened(&self, sender: Sender<TcpStream>) -> Arc<Connection> {
        let (sender, answered) = (Mutex::new(sender), Mutex::new(0));
        let connection = Arc::new(Connection { sender, answered });
        let mut state = lock(&self.state);
        state.totals.accepted += 1;
        state.open.push(connection.clone());
        connection
    }

    pub(crate) fn ended(&self, connection: &Arc<Connection>, last: &Stats, report: &Termination) {
        let mut state = lock(&self.state);
        state.open.retain(|open| !Arc::ptr_eq(open, connection));
        state.totals.add_round_trip(connection, last);
        state.totals.add(last);
        state.totals.add_ending(report);
        self.changed.notify_all();
    }

    /// The opening handshake came to nothing.
    pub(crate) fn failed(&self, report: &Termination) {
        lock(&self.state).totals.add_ending(report);
        self.changed.notify_all();
    }

    /// Looks at the round trips of the open connections.
    pub(crate) fn look(&self) {
        let open = lock(&self.state).open.clone();
        for connection in open {
            // Asked without the registry's lock: a connection that is sending takes its time.
            let stats = connection.stats();
            lock(&self.state).totals.add_round_trip(&connection, &stats);
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let (open, mut figures) = {
            let state = lock(&self.state);
            (state.open.clone(), state.totals.clone())
        };
        figures.open = open.len() as u64;
        for connection in open {
            let stats = connection.stats();
            figures.pending_output += stats.pending_output;
            figures.add(&stats);
        }
        figures
    }

    /// Waits until so many connections are open and so many have ended, for a while.
    pub(crate) fn wait_for(&self, open: usize, ended: u64) {
        let unlike = |state: &mut State| {
            state.open.len() != open || state.totals.endings.values().sum::<u64>() != ended
        };
        let state = lock(&self.state);
        drop(self.changed.wait_timeout_while(state, Duration::from_secs(10), unlike));
    }
}

impl Figures {
    fn add(&mut self, stats: &Stats) {
        for (side, more) in [(&mut self.received, stats.received), (&mut self.sent, stats.sent)] {
            side.bytes += more.bytes;
            side.frames += more.frames;
            side.messages += more.messages;
        }
        let highest = &mut self.pending_output_high_water;
        *highest = (*highest).max(stats.high_water.pending_output);
        let highest = &mut self.message_memory_high_water;
        *highest = (*highest).max(stats.high_water.message_memory);
    }

    fn add_ending(&mut self, report: &Termination) {
        let ending = (report.cause.name(), report.code, report.clean);
        *self.endings.entry(ending).or_default() += 1;
        self.dropped_bytes += report.dropped.bytes;
    }

    /// A new answer to a Ping is a new round trip.
    fn add_round_trip(&mut self, connection: &Connection, stats: &Stats) {
        let answered = stats.pings.sent - stats.pings.outstanding;
        let mut seen = lock(&connection.answered);
        if let (true, Some(rtt)) = (answered > *seen, stats.pings.rtt) {
            *seen = answered;
            self.round_trips.add(rtt.last.as_secs_f64());
        }
    }
}

impl Histogram {
    fn add(&mut self, seconds: f64) {
        for (count, bound) in self.at_most.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += seconds;
    }
}
