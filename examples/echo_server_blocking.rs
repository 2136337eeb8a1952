//! Echoes every message, with one thread for each connection, and reports how each one ended.
//!
//! `cargo run --release --example echo_server_blocking -- [ADDRESS]`, by default 127.0.0.1:9001.
//!
//! It goes on without files, threads or anybody who reads what it says: connections are refused or
//! dropped until there is enough again.

use std::fmt::Display;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::{Acceptor, Config, blocking};

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    say(format_args!("listening on {}", listener.local_addr()?));
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    for stream in listener.incoming() {
        let acceptor = acceptor.clone();
        let spawned = stream.and_then(|stream| {
            // `thread::spawn` would panic where there can be no other thread.
            thread::Builder::new().spawn(move || serve(stream, &acceptor))
        });
        if let Err(error) = spawned {
            say(format_args!("accept: {error}"));
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// A line that nobody can take is no reason to end, as `println` would.
fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Messages are compressed where the client offers it, with feature `deflate`.
fn config() -> Config {
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "nothing to be switched on"))]
    let mut config = Config::default();
    #[cfg(feature = "deflate")]
    {
        config.compression = Some(farewell::Compression::default());
    }
    config
}

fn serve(stream: TcpStream, acceptor: &Acceptor) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut socket = match blocking::accept(stream, acceptor) {
        Ok(socket) => socket,
        Err(error) => return say(error),
    };
    let report = loop {
        match socket.next().into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message)),
            Err(report) => break report,
        }
    };
    say(report);
}
