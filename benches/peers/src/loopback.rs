//! Echoes over real sockets of loopback: what a message takes of a server's processor time.
//!
//! Each server is a process of its own, on one core, and all of them live at the same time. One load
//! generator on another core goes round: some messages to each, again and again. What comes back is
//! compared byte by byte. A server tells its processor time when it is asked.

mod batched;
mod load;
mod servers;

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::contender::Kind;
use load::Load;
pub use servers::serve;
use servers::{SERVERS, Server};

/// How many connections there are, and how many messages are under way on each.
const SCENARIOS: [(usize, usize); 4] = [(32, 1), (500, 1), (32, 16), (500, 16)];

/// What one server took.
struct Figure {
    server: &'static Server,
    /// Nanoseconds of its processor time for each message, one of each round.
    times: Vec<f64>,
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

/// Measures all scenarios, and returns them as JSON.
pub fn run(rounds: usize, who: &[String]) -> io::Result<String> {
    pin(0);
    let mut out = String::from("{\n");
    for (number, (connections, depth)) in SCENARIOS.into_iter().enumerate() {
        let figures = scenario(connections, depth, rounds, who)?;
        print_table(connections, depth, &figures);
        append_json(&mut out, connections, depth, &figures, number + 1 == SCENARIOS.len());
    }
    out.push_str("}\n");
    Ok(out)
}

fn scenario(
    connections: usize,
    depth: usize,
    rounds: usize,
    who: &[String],
) -> io::Result<Vec<Figure>> {
    let messages = if depth == 1 { 20_000 } else { 200_000 };
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
    let name_it =
        |figure: &Figure, error| io::Error::other(format!("{}: {error}", figure.server.name));
    for (_, load, figure) in &mut running {
        load.run(messages / 4).map_err(|error| name_it(figure, error))?;
    }
    for round in 0..rounds {
        let len = running.len();
        for step in 0..len {
            let order = if round % 2 == 0 { step } else { len - 1 - step };
            let (process, load, figure) = &mut running[(order + round * 5) % len];
            let before = process.time()?;
            let done = load.run(messages).map_err(|error| name_it(figure, error))?;
            figure.times.push((process.time()? - before) as f64 / done as f64);
        }
    }
    Ok(running.into_iter().map(|(_, _, figure)| figure).collect())
}

fn at(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The median of what a figure is in times of another one, round by round.
fn ratio(figure: &Figure, to: &Figure) -> f64 {
    let pairs = figure.times.iter().zip(&to.times);
    at(&pairs.map(|(one, other)| one / other).collect::<Vec<_>>(), 0.5)
}

fn print_table(connections: usize, depth: usize, figures: &[Figure]) {
    println!("\n### echo over loopback, {connections} connections, {depth} in flight on each\n");
    println!("| server | µs of its processor | quartiles | to the bare echo | to the best peer |");
    println!("|---|---:|---:|---:|---:|");
    for figure in figures {
        let threads = figure.server.threads;
        let alike = || figures.iter().filter(|other| other.server.threads == threads);
        let limit = alike().find(|other| other.server.kind == Kind::Limit);
        let peers = alike().filter(|other| other.server.kind == Kind::Peer);
        let best = peers.min_by(|a, b| at(&a.times, 0.5).total_cmp(&at(&b.times, 0.5)));
        let name = match figure.server.kind {
            Kind::Ours => format!("**{}**", figure.server.name),
            Kind::Limit | Kind::Peer => figure.server.name.to_owned(),
        };
        let told =
            |to: Option<&Figure>| to.map_or("".into(), |to| format!("{:.2}", ratio(figure, to)));
        let us = |share| at(&figure.times, share) / 1000.0;
        println!(
            "| {name} | {:.2} | {:.2} - {:.2} | {} | {} |",
            us(0.5),
            us(0.25),
            us(0.75),
            told(limit),
            told(best)
        );
    }
}

fn append_json(out: &mut String, connections: usize, depth: usize, figures: &[Figure], last: bool) {
    let of = |figure: &Figure| {
        let share = |share| at(&figure.times, share);
        let name = figure.server.name;
        format!("    \"{name}\": [{:.1}, {:.1}, {:.1}]", share(0.25), share(0.5), share(0.75))
    };
    let lines: Vec<_> = figures.iter().map(of).collect();
    let comma = if last { "" } else { "," };
    *out += &format!("  \"{connections} x {depth}\": {{\n{}\n  }}{comma}\n", lines.join(",\n"));
}
