//! Sends lines and prints what comes back, then closes and prints the report.
//!
//! `cargo run --release --example echo_client_blocking -- [URL]`, by default ws://127.0.0.1:9001/.
//! The lines come from the standard input where that is no terminal.

use std::io::{IsTerminal, stdin};

use farewell::{CloseCode, blocking};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let mut socket = blocking::connect(&url)?;
    for line in lines() {
        socket.send(line?)?;
        match socket.next().into_message() {
            Ok(message) => println!("{message:?}"),
            Err(report) => return Err(report.to_string().into()),
        }
    }
    let report = socket.close(CloseCode::NORMAL);
    println!("{report}");
    if report.clean { Ok(()) } else { Err("the connection did not end cleanly".into()) }
}

fn lines() -> Box<dyn Iterator<Item = std::io::Result<String>>> {
    if stdin().is_terminal() {
        Box::new(["hello", "grüße", "再见"].into_iter().map(|line| Ok(line.to_string())))
    } else {
        Box::new(stdin().lines())
    }
}
