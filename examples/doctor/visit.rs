//! A visit to a server: connect, watch, and report the end.
//!
//! The main thread reads until the end; another prints the statistics and closes on Ctrl-C.

use std::io::{IsTerminal, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use farewell::blocking::{self, Sender, WebSocket};
use farewell::{
    Clock, CloseCode, CloseFrame, Config, ConnectError, Evidence, Heartbeat, Incoming, Timestamp,
    Traffic,
};

use crate::args::Options;
use crate::report;
use crate::words::span;

enum News {
    Interrupted,
    Ended,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut config = Config::default();
    config.heartbeat = options.heartbeat.map(|span| {
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (span, span);
        heartbeat
    });
    match blocking::connect_with(&options.request, config) {
        Ok(socket) => watch(options, socket),
        Err(error) => {
            match error {
                ConnectError::Ended(report) => {
                    print!("not connected to {}\n\n{}", options.url, report::in_full(&report));
                }
                other => eprintln!("{}: {other}", options.url),
            }
            ExitCode::from(2)
        }
    }
}

fn watch(options: &Options, socket: WebSocket<TcpStream>) -> ExitCode {
    println!("connected to {}{}", options.url, agreed(&socket));
    println!("Ctrl-C closes the connection, a second one drops it\n");
    println!("{}", columns(&["open for", "received", "sent", "Pings", "round trip"]));
    let messages = "messages, bytes";
    println!("{}", columns(&["", messages, messages, "answered", "last, shortest, smoothed"]));
    let (news, heard) = mpsc::channel();
    let interrupted = news.clone();
    if let Err(error) = ctrlc::set_handler(move || drop(interrupted.send(News::Interrupted))) {
        eprintln!("Ctrl-C will not close the connection: {error}");
    }
    let (mut receiver, sender) = socket.split();
    let statistics = thread::spawn(move || Statistics::new().show(sender, &heard));
    let ended = loop {
        if let Incoming::Ended(ended) = receiver.next() {
            break ended;
        }
    };
    let _ = news.send(News::Ended);
    let _ = statistics.join();
    print!("\n{}", report::in_full(&ended));
    ExitCode::from(u8::from(!ended.clean))
}

fn agreed(socket: &WebSocket<TcpStream>) -> String {
    let subprotocol = socket.subprotocol().map(|name| format!(", subprotocol {name}"));
    let server = socket.response().and_then(|response| response.headers().get("Server"));
    let server = server.map(|name| format!(", a server that calls itself {name:?}"));
    subprotocol.unwrap_or_default() + &server.unwrap_or_default()
}

/// A line in place on a terminal; a line now and then in a file.
struct Statistics {
    clock: Clock,
    terminal: bool,
    every: Duration,
}

impl Statistics {
    fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let every = if terminal { Duration::from_millis(500) } else { Duration::from_secs(5) };
        Self { clock: Clock::new(), terminal, every }
    }

    /// Until the connection has ended.
    fn show(&self, mut sender: Sender<TcpStream>, news: &Receiver<News>) {
        let mut closing = false;
        loop {
            if self.terminal {
                self.print(&sender.evidence());
            }
            match news.recv_timeout(self.every) {
                Ok(News::Interrupted) if closing => sender.abort(),
                Ok(News::Interrupted) => {
                    closing = true;
                    let bye = CloseFrame::new(CloseCode::NORMAL, "interrupted by the user");
                    // Where it is refused, the connection is ending anyway.
                    let _ = sender.close(bye.unwrap_or(CloseFrame::EMPTY));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if !self.terminal {
                        self.print(&sender.evidence());
                    }
                }
                Ok(News::Ended) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.print(&sender.evidence());
        if self.terminal {
            println!();
        }
    }

    fn print(&self, seen: &Evidence) {
        let line = self.figures(seen);
        if self.terminal {
            print!("\r\x1b[K{line}");
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
    }

    fn figures(&self, seen: &Evidence) -> String {
        let side =
            |traffic: Traffic| format!("{}, {}", traffic.messages, report::bytes(traffic.bytes));
        let answered = seen.pings.sent - seen.pings.outstanding;
        let trip = seen.pings.rtt.map_or("none yet".into(), |rtt| {
            [rtt.last, rtt.min, rtt.smoothed].map(span).join(", ")
        });
        columns(&[
            &span(self.clock.now().since(Timestamp::ZERO)),
            &side(seen.received),
            &side(seen.sent),
            &format!("{answered} of {}", seen.pings.sent),
            &trip,
        ])
    }
}

/// Within 80 characters, so that a line can be refreshed in place.
fn columns([up, received, sent, pings, trip]: &[&str; 5]) -> String {
    format!("{up:<11} {received:<16} {sent:<16} {pings:<9} {trip}")
}
