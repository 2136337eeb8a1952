//! What many connections take: memory, processor time for their heartbeats, and for a message when
//! each goes to another connection.
//!
//! `farewell-scale` opens 100,000 sessions in memory and 10,000 real connections on loopback;
//! `farewell-scale SESSIONS CONNECTIONS` as many as that. Prints Markdown; with `--save FOLDER` before
//! the numbers it is saved there, with the same as JSON.

mod clients;
mod in_memory;
mod limit;
#[path = "../../peers/src/page.rs"]
mod page;
mod report;
mod server;
mod sockets;
mod system;

use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use page::{Circumstances, Page};

const USAGE: &str = "usage: farewell-scale [--save FOLDER] [SESSIONS CONNECTIONS]";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        // What this program starts itself as.
        ["server", kind] => server::run(kind),
        ["clients", port, count, handshake] => match (port.parse(), count.parse()) {
            (Ok(port), Ok(count)) => clients::run(port, count, handshake == "handshake"),
            _ => Err(io::Error::other(USAGE)),
        },
        ["--save", folder, ref counts @ ..] => run(counts, Some(folder)),
        ref counts => run(counts, None),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(counts: &[&str], folder: Option<&str>) -> io::Result<()> {
    let (sessions, connections) = match counts {
        [] => (100_000, 10_000),
        [sessions, connections] => match (sessions.parse(), connections.parse()) {
            (Ok(sessions), Ok(connections)) => (sessions, connections),
            _ => return Err(io::Error::other(USAGE)),
        },
        _ => return Err(io::Error::other(USAGE)),
    };
    let circumstances = Circumstances::now();
    let mut page = Page::default();
    page.add(&report::preface(&circumstances));
    let in_memory = in_memory::run(sessions);
    page.add(&report::in_memory(sessions, &in_memory));
    let sockets = sockets::run(connections)?;
    page.add(&report::sockets(connections, &sockets));
    let Some(folder) = folder else { return Ok(()) };
    let json = report::json(&circumstances, (sessions, &in_memory), (connections, &sockets));
    page.save(Path::new(folder), "scale", &[("json", &json)])
}
