//! Echoes every message, with one task for each connection, and reports how each one ended.
//!
//! `cargo run --release --features tokio --example echo_server_tokio -- [ADDRESS]`, by default
//! 127.0.0.1:9001.
//!
//! It goes on without files or anybody who reads what it says: connections wait until there is
//! enough again.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::{Acceptor, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone()))),
            Err(error) => {
                say(format_args!("accept: {error}"));
                sleep(PAUSE).await;
            }
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

async fn serve(stream: TcpStream, acceptor: Acceptor) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut socket = match farewell::aio::accept(stream, &acceptor).await {
        Ok(socket) => socket,
        Err(error) => return say(error),
    };
    let report = loop {
        match socket.next().await.into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message).await),
            Err(report) => break report,
        }
    };
    say(report);
}
