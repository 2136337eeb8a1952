//! Echoes every message, with one task for each connection, and reports how each one ended.
//!
//! `cargo run --release --features tokio --example echo_server_tokio -- [ADDRESS]`, by default
//! 127.0.0.1:9001.
//!
//! It goes on without files or anybody who reads what it says: connections wait until there is
//! enough again. On Ctrl-C and SIGTERM it closes its connections, spread over a moment, and says what
//! came of it.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use farewell::aio::{Drain, Ticket};
use farewell::handshake::Origins;
use farewell::{Acceptor, CloseCode, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the connections have to end, after Ctrl-C or SIGTERM.
const END: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    let drain = Drain::new();
    tokio::select! {
        () = accept(&listener, &acceptor, &drain) => {}
        signalled = signal() => signalled?,
    }
    // Nobody else gets in.
    drop(listener);
    say(drain.close_all(CloseCode::GOING_AWAY, END).await);
    Ok(())
}

async fn accept(listener: &TcpListener, acceptor: &Acceptor, drain: &Drain) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone(), drain.ticket()))),
            Err(error) => {
                say(format_args!("accept: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

/// Waits for Ctrl-C, or for SIGTERM where there is one.
async fn signal() -> std::io::Result<()> {
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

async fn serve(stream: TcpStream, acceptor: Acceptor, ticket: Ticket) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut socket = match farewell::aio::accept(stream, &acceptor).await {
        Ok(socket) => socket,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    let report = loop {
        match socket.next().await.into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message).await),
            Err(report) => break report,
        }
    };
    say(report);
}
