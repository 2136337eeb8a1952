//! A restart that nobody notices: servers that close their connections before they end, and many clients
//! that come back. `tests/interop/drain/run` has two of these servers behind a load balancer and
//! restarts one after the other.
//!
//! `cargo run --release --features tokio --example restart -- serve ADDRESS [--blocking]` answers health
//! checks at `/health`, says which messages it receives, and closes everything on SIGTERM or Ctrl-C.
//! `-- load URL CLIENTS` says which messages its clients have got rid of and when they were connected,
//! until SIGTERM or Ctrl-C.

mod load;
mod serve_blocking;
mod serve_tokio;

use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use farewell::handshake::{Accept, Origins, PlainResponse, Rejection, Request};

/// How long the connections of a server have to end.
pub(crate) const END: Duration = Duration::from_secs(6);

/// How long nothing is accepted after a failure.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve", address] => serve_tokio::serve(address)?,
        ["serve", address, "--blocking"] => serve_blocking::serve(address)?,
        ["load", url, clients] => load::load(url, clients.parse()?)?,
        _ => return Err("restart serve ADDRESS [--blocking] | load URL CLIENTS".into()),
    }
    Ok(())
}

/// A line that nobody can take is no reason to end.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A load balancer asks for `/health`; nothing else is here without an upgrade.
pub(crate) fn decide(request: &Request) -> Result<Accept, Rejection> {
    match (request.is_plain(), request.path()) {
        (true, "/health") => Err(PlainResponse::new(200)?.body("alive\n").into()),
        (true, _) => Err(Rejection::new(404)?),
        (false, _) => Ok(Accept::new(Origins::SameHost)),
    }
}

/// Waits for Ctrl-C, or for SIGTERM where there is one.
pub(crate) async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
