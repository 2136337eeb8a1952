//! Echoes every message on Linux's epoll: one thread, any number of connections, one read buffer.
//!
//! `cargo run --release --example epoll -- [ADDRESS]`, by default 127.0.0.1:9001. It prints how each
//! connection ended. Ctrl-C closes all of them, a second one drops them. See `client.rs` for what
//! one connection does in its turn, and `server.rs` for who takes one when.

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod server;

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    server::run(std::net::TcpListener::bind(address)?)
}

/// A line that nobody can take is no reason to end, as `println` would.
#[cfg(target_os = "linux")]
fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("epoll is a part of Linux; see the example echo_server_blocking instead");
}
