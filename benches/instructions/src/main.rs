//! Runs one workload, for its instructions to be counted: see `run` beside this package's manifest.
//!
//! Invariant: two runs with the same arguments do the same work. Streams are in memory, seeds and
//! masking keys are fixed wherever the interface lets them be.
//!
//! All that is said in farewell's interface lies in one module per door: `connection`, `session`,
//! `over_tokio`, `over_blocking` and `handshake`.

mod connection;
mod handshake;
mod http;
mod over_blocking;
mod over_tokio;
mod session;
mod wire;

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use wire::{Content, FRAME, Feed};

/// What is left to do once everything is set up.
type Work = Box<dyn FnOnce()>;

/// How many messages are in flight in the echo, and how many are queued before a flush.
const IN_FLIGHT: usize = 16;
const BATCH: usize = 64;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Sets a workload up.
type Prepare = fn(usize) -> Work;

const WORKLOADS: &[(&str, Prepare)] = &[
    ("connection-read", connection::read),
    ("session-read-lent", session::read_lent),
    ("session-read-owned", session::read_owned),
    ("tokio-read-pipelined", |count| over_tokio::read(Feed::pipelined(count), count)),
    ("tokio-read-one", |count| over_tokio::read(Feed::in_reads_of(FRAME, count), count)),
    ("blocking-read-pipelined", |count| over_blocking::read(Feed::pipelined(count), count)),
    ("blocking-read-one", |count| over_blocking::read(Feed::in_reads_of(FRAME, count), count)),
    ("connection-write-server", connection::write_server),
    ("session-write-server", session::write_server),
    ("tokio-write-server", over_tokio::write_server),
    ("tokio-write-prepared", over_tokio::write_prepared),
    ("blocking-write-server", over_blocking::write_server),
    ("session-write-64", session::write_batches),
    ("tokio-write-64", over_tokio::write_batches),
    ("connection-write-client", connection::write_client),
    ("tokio-echo-pipelined", over_tokio::echo),
    ("connection-read-1k", |count| connection::read_large(Content::Binary, KIB, count)),
    ("connection-read-64k", |count| connection::read_large(Content::Binary, 64 * KIB, count)),
    ("session-read-1k", |count| session::read_large(Content::Binary, KIB, KIB, count)),
    ("session-read-1k-ascii", |count| session::read_large(Content::Ascii, KIB, KIB, count)),
    ("session-read-1k-mixed", |count| session::read_large(Content::Mixed, KIB, KIB, count)),
    ("session-read-64k", |count| session::read_large(Content::Binary, 64 * KIB, 64 * KIB, count)),
    ("session-read-64k-ascii", |n| session::read_large(Content::Ascii, 64 * KIB, 64 * KIB, n)),
    ("session-read-64k-mixed", |n| session::read_large(Content::Mixed, 64 * KIB, 64 * KIB, n)),
    ("session-read-fragments", |count| session::read_large(Content::Binary, MIB, KIB, count)),
    ("session-read-fragments-mixed", |n| session::read_large(Content::Mixed, MIB, KIB, n)),
    ("tokio-read-1k", |count| over_tokio::read_large(Content::Binary, KIB, count)),
    ("tokio-read-1k-mixed", |count| over_tokio::read_large(Content::Mixed, KIB, count)),
    ("tokio-read-64k", |count| over_tokio::read_large(Content::Binary, 64 * KIB, count)),
    ("tokio-read-64k-ascii", |count| over_tokio::read_large(Content::Ascii, 64 * KIB, count)),
    ("tokio-read-64k-mixed", |count| over_tokio::read_large(Content::Mixed, 64 * KIB, count)),
    ("connection-write-client-64k", connection::write_client_large),
    ("accept-handshake-core", handshake::accept),
    ("accept-handshake-session", session::accept),
    ("accept-handshake-tokio", over_tokio::accept),
    ("connect-handshake-core", handshake::connect),
    ("connect-handshake-session", session::connect),
    ("connect-handshake-tokio", over_tokio::connect),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match &args[..] {
        [list] if list == "--list" => {
            for (name, _) in WORKLOADS {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        [name, count] => {
            let workload = WORKLOADS.iter().find(|(known, _)| known == name);
            let (Some((_, prepare)), Ok(count)) = (workload, count.parse()) else {
                eprintln!("no such workload or count: {name} {count}");
                return ExitCode::FAILURE;
            };
            counted_work(prepare(count));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: farewell-instructions WORKLOAD COUNT | --list");
            ExitCode::FAILURE
        }
    }
}

/// Callgrind counts what happens in this function, by its name, and nothing else.
#[inline(never)]
fn counted_work(work: Work) {
    work();
    // As a tail call, the work would be done in this function's place and not inside it.
    black_box(());
}
