//! Rounds in turn, on the clock of this thread's own processor time.

use rustix::time::{ClockId, clock_gettime};

use crate::contender::{CONTENDERS, Contender, Kind};
use crate::probe::refuses_what_is_no_text;
use crate::work::{Ready, Work};

/// How many rounds there are, and how long each of a contender's takes, about.
#[derive(Clone, Copy)]
pub struct Rounds {
    pub count: usize,
    pub nanoseconds: f64,
}

/// What one contender takes.
pub struct Figure {
    pub contender: &'static Contender,
    /// Nanoseconds for each message or handshake: the median of the rounds.
    pub ns: f64,
    /// A quarter of the rounds took less, a quarter took more.
    pub quartiles: (f64, f64),
    /// Writes to the stream for each message.
    pub writes: f64,
}

/// The processor's time of this thread, in nanoseconds.
pub fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

struct Runner {
    contender: &'static Contender,
    ready: Ready,
    count: u64,
    times: Vec<f64>,
}

impl Runner {
    fn time(&mut self, work: &Work) -> f64 {
        let before = thread_time();
        self.ready.run(work, self.count);
        (thread_time() - before) as f64 / self.count as f64
    }

    /// Finds out how often the work is done in a round.
    fn calibrate(&mut self, work: &Work, nanoseconds: f64) {
        loop {
            let took = self.time(work);
            let wanted = (nanoseconds / took.max(0.1)) as u64;
            let units = (wanted / work.unit()).max(1) * work.unit();
            let done = self.count * 2 >= units;
            self.count = units;
            if done {
                return;
            }
        }
    }
}

/// Lets everybody whose name contains one of the words do the work: first checked, then timed.
pub fn measure(work: &Work, rounds: Rounds, names: &[String]) -> Vec<Figure> {
    let wanted = |contender: &&&Contender| {
        names.is_empty()
            || contender.kind == Kind::Limit
            || names.iter().any(|name| contender.name.contains(name.as_str()))
    };
    let mut runners: Vec<_> = CONTENDERS
        .iter()
        .filter(wanted)
        .filter_map(|contender| {
            let mut ready = contender.prepare(work)?;
            ready.verify(work);
            if let Work::Read(reading) = work
                && reading.is_text()
            {
                refuses_what_is_no_text(contender, reading);
            }
            let mut runner = Runner { contender, ready, count: work.unit(), times: Vec::new() };
            runner.calibrate(work, rounds.nanoseconds);
            Some(runner)
        })
        .collect();
    for round in 0..rounds.count {
        // Nobody always has the same neighbour before it.
        let len = runners.len();
        for step in 0..len {
            let order = if round % 2 == 0 { step } else { len - 1 - step };
            let runner = &mut runners[(order + round * 5) % len];
            let time = runner.time(work);
            runner.times.push(time);
        }
    }
    runners.into_iter().map(|runner| figure(runner, work)).collect()
}

fn figure(mut runner: Runner, work: &Work) -> Figure {
    let before = runner.ready.sink.writes();
    runner.ready.run(work, work.unit());
    let writes = (runner.ready.sink.writes() - before) as f64 / work.unit() as f64;
    let times = &mut runner.times;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let quartiles = (at(0.25), at(0.75));
    Figure { contender: runner.contender, ns: at(0.5), quartiles, writes }
}
