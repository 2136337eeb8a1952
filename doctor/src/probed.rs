//! A server with an idle timeout, for the probe to find.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::{Acceptor, ConnectOptions, Incoming, blocking};

use crate::probe::{Progress, conclude, hold};
use crate::raw::listen;
use crate::stage::{Result, quiet, request_to};

pub(crate) const TIMEOUT: Duration = Duration::from_millis(400);

/// For how long the connections are held.
const STAY: Duration = Duration::from_millis(1900);

/// Probes the server. Returns what that says, where it is right.
pub(crate) fn idle_timeout() -> Result<Vec<String>> {
    let (listener, address) = listen()?;
    thread::spawn(move || serve(&listener));
    let held = hold(&request_to(address)?, &ConnectOptions::new(), STAY, Progress::silent());
    let findings = conclude(&held, STAY);
    let timeout = findings.timeout.ok_or("no timeout was found")?;
    let keeps = findings.keeps.ok_or("no Ping kept a connection alive")?;
    // On a busy machine the server hangs up late, and the client may have opened late.
    if timeout < TIMEOUT / 2 || timeout > 3 * TIMEOUT {
        return Err(format!("a timeout of {timeout:?} was found").into());
    }
    if keeps > 2 * TIMEOUT {
        return Err(format!("Pings after {keeps:?} are said to keep a connection alive").into());
    }
    Ok(findings.says)
}

/// Closes every connection on which nothing comes.
fn serve(listener: &TcpListener) {
    let mut config = quiet();
    config.timeouts.idle = Some(TIMEOUT);
    let acceptor = Acceptor::new(Origins::Any).config(config);
    for stream in listener.incoming().flatten() {
        let acceptor = acceptor.clone();
        thread::spawn(move || {
            if let Ok(mut socket) = blocking::accept(stream, &acceptor) {
                while let Incoming::Message(_) = socket.next() {}
            }
        });
    }
}
