//! Echoes every message, with one thread for each connection, and reports how each one ended.
//!
//! `cargo run --release --example echo_server_blocking -- [ADDRESS]`, by default 127.0.0.1:9001.

use std::net::{TcpListener, TcpStream};
use std::thread;

use farewell::handshake::Origins;
use farewell::{Acceptor, Config, blocking};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    // An echo has no secrets: any web page may use it.
    let acceptor = Acceptor::new(Origins::Any).config(config());
    for stream in listener.incoming() {
        let acceptor = acceptor.clone();
        match stream {
            Ok(stream) => drop(thread::spawn(move || serve(stream, &acceptor))),
            Err(error) => eprintln!("accept: {error}"),
        }
    }
    Ok(())
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
    let _ = stream.set_nodelay(true);
    let mut socket = match blocking::accept(stream, acceptor) {
        Ok(socket) => socket,
        Err(error) => return eprintln!("{error}"),
    };
    let report = loop {
        match socket.next().into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message)),
            Err(report) => break report,
        }
    };
    eprintln!("{report}");
}
