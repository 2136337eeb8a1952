//! What many connections take: memory, processor time for their heartbeats, and for a message when
//! each goes to another connection.
//!
//! `farewell-scale` opens 100,000 sessions in memory and 10,000 real connections on loopback;
//! `farewell-scale SESSIONS CONNECTIONS` as many as that. Prints Markdown.

mod clients;
mod in_memory;
mod limit;
mod server;
mod sockets;
mod system;

use std::process::ExitCode;
use std::{env, io};

const USAGE: &str = "usage: farewell-scale [SESSIONS CONNECTIONS]";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => run(100_000, 10_000),
        // What this program starts itself as.
        ["server", kind] => server::run(kind),
        ["clients", port, count, handshake] => match (port.parse(), count.parse()) {
            (Ok(port), Ok(count)) => clients::run(port, count, handshake == "handshake"),
            _ => Err(io::Error::other(USAGE)),
        },
        [sessions, connections] => match (sessions.parse(), connections.parse()) {
            (Ok(sessions), Ok(connections)) => run(sessions, connections),
            _ => Err(io::Error::other(USAGE)),
        },
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(sessions: usize, connections: usize) -> io::Result<()> {
    in_memory::run(sessions);
    sockets::run(connections)
}
