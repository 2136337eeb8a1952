//! Many real connections on loopback: memory of the server, processor time of a message round robin,
//! and of heartbeats.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::server::PINGING;
use crate::system::slab;

const ROUNDS: usize = 5;
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

pub fn run(count: usize) -> io::Result<()> {
    println!("\n### {count} connections on loopback\n");
    println!(
        "| | resident bytes each | kernel's bytes each, both ends | echo, round robin, µs | \
         heartbeat, µs |"
    );
    println!("|---|---:|---:|---:|---:|");
    measure("a bare task of tokio", "bare", count)?;
    measure("farewell on tokio", "tokio", count)?;
    measure("farewell on tokio, pinging each second", "pinging", count)
}

fn measure(name: &str, kind: &str, count: usize) -> io::Result<()> {
    let mut server = Process::start(&["server", kind])?;
    let port = server.answer()?;
    let handshake = if kind == "bare" { "bare" } else { "handshake" };
    let (memory, kernel) = (server.number("memory")?, slab());
    let mut clients = Process::start(&["clients", &port, &count.to_string(), handshake])?;
    clients.answer()?;
    while server.number("open")? < count as f64 {
        sleep(Duration::from_millis(10));
    }
    let memory = (server.number("memory")? - memory) / count as f64;
    let kernel = slab().saturating_sub(kernel) / count as u64;
    let mut times = Vec::new();
    let send = format!("send {count}");
    clients.ask(&send)?;
    for _ in 0..ROUNDS {
        let before = server.number("time")?;
        clients.ask(&send)?;
        times.push((server.number("time")? - before) / count as f64 / 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let heartbeat = match kind {
        "pinging" => format!("{:.1}", heartbeats(&mut server, &mut clients, count)?),
        _ => String::new(),
    };
    println!("| {name} | {memory:.0} | {kernel} | {:.1} | {heartbeat} |", times[ROUNDS / 2]);
    Ok(())
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
