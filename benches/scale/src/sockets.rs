//! Many real connections on loopback: memory of the server, processor time of a message round robin,
//! and of heartbeats.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::server::PINGING;
use crate::system::slab;

const ROUNDS: usize = 15;
/// For how long heartbeats are counted.
const SILENCE: Duration = Duration::from_secs(10);

/// One of the two processes, which answers lines with lines.
struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(words: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { child, questions, answers })
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("a process ended"));
        }
        Ok(line.trim().to_owned())
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        writeln!(self.questions, "{question}")?;
        self.answer()
    }

    fn number(&mut self, question: &str) -> io::Result<f64> {
        self.ask(question)?.parse().map_err(|_| io::Error::other("no number"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one kind of server takes.
pub struct Row {
    pub name: &'static str,
    /// Bytes of the server's memory that are really there, for each connection.
    pub resident: f64,
    /// Bytes of the kernel's objects for each, both ends, as far as the rest of the machine is quiet.
    pub kernel: f64,
    /// Microseconds of the server's processor time to open one.
    pub opening: f64,
    /// The same for an echo, round robin.
    pub echo: f64,
    /// The same for a heartbeat.
    pub heartbeat: Option<f64>,
}

pub fn run(count: usize) -> io::Result<Vec<Row>> {
    Ok(vec![
        measure("a bare task of tokio", "bare", count)?,
        measure("farewell on tokio", "tokio", count)?,
        measure("farewell on tokio, pinging each second", "pinging", count)?,
    ])
}

fn measure(name: &'static str, kind: &str, count: usize) -> io::Result<Row> {
    let each = count as f64;
    let mut server = Process::start(&["server", kind])?;
    let port = server.answer()?;
    let handshake = if kind == "bare" { "bare" } else { "handshake" };
    let (memory, time, kernel) = (server.number("memory")?, server.number("time")?, slab());
    let mut clients = Process::start(&["clients", &port, &count.to_string(), handshake])?;
    clients.answer()?;
    while server.number("open")? < each {
        sleep(Duration::from_millis(10));
    }
    let opening = (server.number("time")? - time) / each / 1000.0;
    let resident = (server.number("memory")? - memory) / each;
    let kernel = slab().saturating_sub(kernel) as f64 / each;
    let echo = echo(&mut server, &mut clients, count)?;
    let heartbeat = match kind {
        "pinging" => Some(heartbeats(&mut server, &mut clients, count)?),
        _ => None,
    };
    server.ask("over")?;
    Ok(Row { name, resident, kernel, opening, echo, heartbeat })
}

/// Microseconds of the server for an echo: the median of the rounds.
fn echo(server: &mut Process, clients: &mut Process, count: usize) -> io::Result<f64> {
    let send = format!("send {count}");
    clients.ask(&send)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let before = server.number("time")?;
        clients.ask(&send)?;
        times.push((server.number("time")? - before) / count as f64 / 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

/// Microseconds of the server for a heartbeat, while nothing else happens.
fn heartbeats(server: &mut Process, clients: &mut Process, count: usize) -> io::Result<f64> {
    // All have begun to ping.
    sleep(PINGING * 2);
    let (time, pongs) = (server.number("time")?, clients.number("pongs")?);
    sleep(SILENCE);
    let (time, pongs) = (server.number("time")? - time, clients.number("pongs")? - pongs);
    if pongs < count as f64 {
        return Err(io::Error::other("there were too few heartbeats"));
    }
    Ok(time / pongs / 1000.0)
}
