//! Sends lines and prints what comes back, then closes and prints the report.
//!
//! `cargo run --release --features tokio --example echo_client_tokio -- [URL]`, by default
//! ws://127.0.0.1:9001/. The lines come from the standard input where that is no terminal. What
//! comes in is printed at once, whether a line was typed before or not.

use std::io::{IsTerminal, stdin};

use farewell::{CloseCode, Incoming};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let mut socket = farewell::aio::connect(&url).await?;
    let mut lines = lines();
    let mut unanswered = 0;
    let report = loop {
        // Both futures may be dropped at any time without losing anything.
        tokio::select! {
            line = lines.recv(), if !lines.is_closed() || !lines.is_empty() => {
                if let Some(line) = line {
                    socket.send(line).await?;
                    unanswered += 1;
                }
            }
            incoming = socket.next() => match incoming {
                Incoming::Message(message) => {
                    println!("{message:?}");
                    unanswered -= 1;
                }
                Incoming::Ended(report) => break report,
            },
        }
        if unanswered == 0 && lines.is_closed() && lines.is_empty() {
            break socket.close(CloseCode::NORMAL).await;
        }
    };
    println!("{report}");
    if report.clean { Ok(()) } else { Err("the connection did not end cleanly".into()) }
}

/// The lines to send. A thread reads them: the standard input cannot be waited for otherwise.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        if stdin().is_terminal() {
            for line in ["hello", "grüße", "再见"] {
                let _ = sender.blocking_send(line.to_string());
            }
        } else {
            for line in stdin().lines().map_while(Result::ok) {
                let _ = sender.blocking_send(line);
            }
        }
    });
    receiver
}
