//! Witnesses endings: opens or accepts connections, does to them what the command line says, and
//! prints one line of JSON for each thing that happens, the report and its diagnosis at the end.
//!
//! ```text
//! farewell-witness client ws://127.0.0.1:9001/ --heartbeat 5,3 --every 1:10:5 --times 3
//! farewell-witness server 127.0.0.1:0 --heartbeat off --at 3:block:8
//! farewell-witness reconnect ws://127.0.0.1:9001/ --adapter blocking --for 40
//! ```
//!
//! The rig beside it says when and how; everything here is an ordinary application.

mod options;
mod over_blocking;
mod over_tokio;
mod reconnecting;
mod told;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use options::{Adapter, Options, Task};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farewell-witness: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    match (options.task, options.adapter) {
        (Task::Client, Adapter::Tokio) => runtime()?.block_on(over_tokio::client(&options)),
        (Task::Server, Adapter::Tokio) => runtime()?.block_on(over_tokio::server(&options)),
        (Task::Client, Adapter::Blocking) => over_blocking::client(&options),
        (Task::Server, Adapter::Blocking) => over_blocking::server(&options),
        (Task::Reconnect, Adapter::Tokio) => runtime()?.block_on(reconnecting::tokio(&options)),
        (Task::Reconnect, Adapter::Blocking) => reconnecting::blocking(&options),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
