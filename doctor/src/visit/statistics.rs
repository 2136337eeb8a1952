//! Live statistics: a line in place on a terminal; a line now and then in a file.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use farewell::{Stats, Timestamp, Traffic};

use crate::report;
use crate::words::span;

pub(super) struct Statistics {
    opened: Timestamp,
    terminal: bool,
    every: Duration,
    next: Timestamp,
}

impl Statistics {
    /// Prints the head of the table.
    pub(super) fn begin(opened: Timestamp) -> Self {
        println!("{}", columns(&["open for", "received", "sent", "Pings", "round trip"]));
        let messages = "messages, bytes";
        println!("{}", columns(&["", messages, messages, "answered", "last, shortest, smoothed"]));
        let terminal = std::io::stdout().is_terminal();
        let every = if terminal { Duration::from_millis(500) } else { Duration::from_secs(5) };
        Self { opened, terminal, every, next: opened }
    }

    pub(super) fn print_now_and_then(&mut self, stats: &Stats, now: Timestamp) {
        if now >= self.next {
            self.next = now + self.every;
            self.print(stats, now);
        }
    }

    pub(super) fn print(&self, stats: &Stats, now: Timestamp) {
        let line = figures(stats, now.since(self.opened));
        if self.terminal {
            print!("\r\x1b[K{line}");
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
    }
}

fn figures(stats: &Stats, up: Duration) -> String {
    let side = |traffic: Traffic| format!("{}, {}", traffic.messages, report::bytes(traffic.bytes));
    let answered = stats.pings.sent - stats.pings.outstanding;
    let trip = stats
        .pings
        .rtt
        .map_or("none yet".into(), |rtt| [rtt.last, rtt.min, rtt.smoothed].map(span).join(", "));
    columns(&[
        &span(up),
        &side(stats.received),
        &side(stats.sent),
        &format!("{answered} of {}", stats.pings.sent),
        &trip,
    ])
}

/// Within 80 characters, so that a line can be refreshed in place.
fn columns([up, received, sent, pings, trip]: &[&str; 5]) -> String {
    format!("{up:<11} {received:<16} {sent:<16} {pings:<9} {trip}")
}
