//! Echoes every message, with one task for each connection, and reports how each one ended.
//!
//! `cargo run --release --features tokio --example echo_server_tokio -- [ADDRESS]`, by default
//! 127.0.0.1:9001.

use farewell::handshake::Origins;
use farewell::{Acceptor, Config};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone()))),
            Err(error) => eprintln!("accept: {error}"),
        }
    }
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
    let _ = stream.set_nodelay(true);
    let mut socket = match farewell::aio::accept(stream, &acceptor).await {
        Ok(socket) => socket,
        Err(error) => return eprintln!("{error}"),
    };
    let report = loop {
        match socket.next().await.into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message).await),
            Err(report) => break report,
        }
    };
    eprintln!("{report}");
}
