//! Echoes over real sockets of loopback: what a message takes of a server's processor time.
//!
//! Each server is a process of its own, on one core, and all of them live at the same time. One load
//! generator on another core goes round: some messages to each, again and again. What comes back is
//! compared byte by byte. A server tells its processor time when it is asked.

mod batched;
mod load;
mod report;
mod servers;

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::contender::Kind;
use crate::page::Page;
use load::Load;
pub use report::{draw, json, preface};
pub use servers::serve;
use servers::{SERVERS, Server};

/// How many connections there are, and how many messages are under way on each.
const SCENARIOS: [(usize, usize); 4] = [(32, 1), (500, 1), (32, 16), (500, 16)];

/// How many rounds there are at most, and after how many minutes there are no more.
#[derive(Clone, Copy)]
pub struct Rounds {
    pub count: usize,
    pub minutes: f64,
}

/// What one server took.
struct Figure {
    server: &'static Server,
    /// Nanoseconds of its processor time for each message, one of each round.
    times: Vec<f64>,
}

/// What all servers took.
pub struct Scenario {
    connections: usize,
    depth: usize,
    figures: Vec<Figure>,
}

/// A server's process.
struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it; returns its port, too.
    fn start(server: &Server, depth: usize) -> io::Result<(Self, u16)> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", server.name, &depth.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut process = Self { child, questions, answers };
        let port = process.answer()?;
        Ok((process, port as u16))
    }

    fn answer(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().map_err(|_| io::Error::other(format!("a server said {line:?}")))
    }

    /// Its processor time so far, in nanoseconds.
    fn time(&mut self) -> io::Result<u64> {
        self.questions.write_all(b"\n")?;
        self.answer()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stays on one core, if there is more than one.
pub fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // Where it is not allowed, the figures only have more noise.
    let _ = sched_setaffinity(None, &cores);
}

fn minutes() -> f64 {
    clock_gettime(ClockId::Monotonic).tv_sec as f64 / 60.0
}

/// Measures all scenarios, and prints a table of each.
pub fn run(rounds: Rounds, who: &[String], page: &mut Page) -> io::Result<Vec<Scenario>> {
    pin(0);
    let mut results = Vec::new();
    let begun = minutes();
    for (number, (connections, depth)) in SCENARIOS.into_iter().enumerate() {
        let share = (number + 1) as f64 / SCENARIOS.len() as f64;
        let more = |round| {
            round < rounds.count && (round == 0 || minutes() - begun < rounds.minutes * share)
        };
        let figures = scenario(connections, depth, more, who)?;
        let scenario = Scenario { connections, depth, figures };
        page.add(&report::table(&scenario));
        results.push(scenario);
    }
    Ok(results)
}

fn scenario(
    connections: usize,
    depth: usize,
    more: impl Fn(usize) -> bool,
    who: &[String],
) -> io::Result<Vec<Figure>> {
    let messages = if depth == 1 { 10_000 } else { 60_000 };
    let wanted = |server: &&Server| {
        let named = |name: &String| server.name.contains(name.as_str());
        who.is_empty() || server.kind == Kind::Limit || who.iter().any(named)
    };
    let mut running = Vec::new();
    for server in SERVERS.iter().filter(wanted) {
        let (process, port) = Process::start(server, depth)?;
        let load = Load::connect(port, connections, depth, server.handshake)?;
        running.push((process, load, Figure { server, times: Vec::new() }));
    }
    for number in 0..running.len() {
        turn(&mut running, number, messages / 4)?;
    }
    for round in (0..).take_while(|round| more(*round)) {
        let len = running.len();
        for step in 0..len {
            let order = if round % 2 == 0 { step } else { len - 1 - step };
            let number = (order + round * 5) % len;
            let time = turn(&mut running, number, messages)?;
            running[number].2.times.push(time);
        }
    }
    Ok(running.into_iter().map(|(_, _, figure)| figure).collect())
}

/// Has one server echo messages, after all of them have been answered what they asked meanwhile.
/// Returns nanoseconds of its processor time for each message.
fn turn(running: &mut [(Process, Load, Figure)], number: usize, messages: u64) -> io::Result<f64> {
    let name_it =
        |figure: &Figure, error| io::Error::other(format!("{}: {error}", figure.server.name));
    for (_, load, figure) in &mut *running {
        load.tend().map_err(|error| name_it(figure, error))?;
    }
    let (process, load, figure) = &mut running[number];
    let before = process.time()?;
    let done = load.run(messages).map_err(|error| name_it(figure, error))?;
    Ok((process.time()? - before) as f64 / done as f64)
}
