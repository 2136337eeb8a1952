//! How far a probe has got: a line in place on a terminal, a line now and then in a file.

use std::io::{IsTerminal, Write};
use std::net::TcpStream;
use std::time::Duration;

use farewell::blocking::Sender;

use super::Life;
use crate::words::{count, span};

/// How far it has got, for who waits.
pub(crate) struct Progress {
    every: Duration,
    shown: bool,
    terminal: bool,
    last: Option<Duration>,
    told: usize,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { every: Duration::from_millis(250), shown: true, terminal, last: None, told: 0 }
    }

    /// For how long nothing has to be shown.
    pub(super) fn pause(&self) -> Duration {
        self.every
    }

    /// One that says nothing.
    pub(crate) fn silent() -> Self {
        Self { shown: false, ..Self::new() }
    }

    pub(super) fn show(
        &mut self,
        at: Duration,
        stay: Duration,
        senders: &mut [Option<Sender<TcpStream>>],
        lives: &[Option<Life>],
    ) {
        let over = lives.iter().flatten().count();
        let news = over != self.told;
        let pause = if self.terminal || news { self.every } else { Duration::from_secs(5) };
        if !self.shown || self.last.is_some_and(|last| at < last + pause) {
            return;
        }
        (self.last, self.told) = (Some(at), over);
        let stats = senders.iter_mut().flatten().map(|sender| sender.stats().pings);
        let (mut open, mut sent, mut answered) = (0, 0, 0);
        for pings in stats {
            open += 1;
            sent += u64::from(pings.sent);
            answered += u64::from(pings.sent - pings.outstanding);
        }
        let text = format!(
            "{} of {}: {} open, {over} ended; {answered} of {} answered",
            span(at),
            span(stay),
            count(open, "connection"),
            count(sent, "Ping")
        );
        if self.terminal {
            print!("\r\x1b[K{text}");
            let _ = std::io::stdout().flush();
        } else {
            println!("{text}");
        }
    }

    pub(super) fn finish(&self) {
        if self.shown && self.terminal {
            println!();
        }
    }
}
