//! Echoes every message, with one thread for each connection, and reports how each one ended.
//!
//! `cargo run --release --example echo_server_blocking -- [ADDRESS]`, by default 127.0.0.1:9001.
//!
//! It goes on without files, threads or anybody who reads what it says: connections are refused or
//! dropped until there is enough again. On Ctrl-C and SIGTERM it closes its connections, spread over a
//! moment, and says what came of it.

use std::fmt::Display;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use farewell::blocking::{self, Drain, Ticket};
use farewell::handshake::Origins;
use farewell::{Acceptor, CloseCode, Config};

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the connections have to end, after Ctrl-C or SIGTERM.
const END: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    say(format_args!("listening on {}", listener.local_addr()?));
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    let drain = Drain::new();
    let (closing, (done, drained)) = (drain.clone(), mpsc::channel());
    let close = move || drop(done.send(closing.close_all(CloseCode::GOING_AWAY, END)));
    // Where there can be no other thread, nobody could wait for a signal, which then ends everything.
    match thread::Builder::new().spawn(|| ()) {
        Ok(_) => ctrlc::set_handler(close)?,
        Err(error) => say(format_args!("signals: {error}")),
    }
    accept(listener, &acceptor, &drain);
    if let Ok(drained) = drained.recv() {
        say(drained);
    }
    Ok(())
}

/// Until the drain begins. Then nobody listens any more.
fn accept(listener: TcpListener, acceptor: &Acceptor, drain: &Drain) {
    for stream in drain.incoming(&listener) {
        let (acceptor, ticket) = (acceptor.clone(), drain.ticket());
        let spawned = stream.and_then(|stream| {
            // `thread::spawn` would panic where there can be no other thread.
            thread::Builder::new().spawn(move || serve(stream, &acceptor, ticket))
        });
        if let Err(error) = spawned {
            say(format_args!("accept: {error}"));
            thread::sleep(PAUSE);
        }
    }
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

fn serve(stream: TcpStream, acceptor: &Acceptor, ticket: Ticket) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut socket = match blocking::accept(stream, acceptor) {
        Ok(socket) => socket,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    let report = loop {
        match socket.next().into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message)),
            Err(report) => break report,
        }
    };
    say(report);
}
