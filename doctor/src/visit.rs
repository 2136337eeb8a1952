//! A visit to a server: connect, watch, and report the end.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use farewell::{
    CloseCode, CloseFrame, Config, Heartbeat, Incoming, Stats, Termination, Timestamp, Traffic,
};

use crate::args::{Options, Page};
use crate::page::{self, Chapter};
use crate::report;
use crate::stage::{self, Said, Seen, Socket};
use crate::words::span;

/// The longest time until Ctrl-C is noticed.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) fn run(mut options: Options) -> ExitCode {
    let mut config = Config::default();
    config.heartbeat = options.heartbeat.map(|span| {
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (span, span);
        heartbeat
    });
    let url = &options.url;
    let (opened, seen) = match stage::connect(&options.request, config) {
        Ok(Ok(mut socket)) => {
            announce(&socket, url);
            let report = watch(&mut socket, options.stay);
            (true, Seen::new(report, socket.get_ref().tape()))
        }
        Ok(Err(seen)) => (false, seen),
        Err(error) => {
            eprintln!("{url}: {error}");
            return ExitCode::from(2);
        }
    };
    match &seen.said {
        Said::NotConnected(error) => eprintln!("{url}: {error}"),
        Said::Report(report, _) => {
            if !opened {
                println!("not connected to {url}\n");
            }
            print!("{}", report::in_full(report));
        }
    }
    let clean = seen.end().is_some_and(|(_, clean)| clean);
    let drawn = options.page.take().is_none_or(|page| draw(page, url, seen));
    ExitCode::from(if opened && drawn { u8::from(!clean) } else { 2 })
}

/// Writes the page. Returns whether that went well.
fn draw(mut page: Page, url: &str, seen: Seen) -> bool {
    let title = format!("A visit to {url}");
    let chapters = [Chapter { title: url.to_owned(), seen: &[seen] }];
    let written = page::write(&mut page.file, &title, &chapters);
    match &written {
        Ok(()) => println!("\nThe timeline is in {}", page.path),
        Err(error) => eprintln!("{}: {error}", page.path),
    }
    written.is_ok()
}

fn announce(socket: &Socket, url: &str) {
    let subprotocol = socket.subprotocol().map(|name| format!(", subprotocol {name}"));
    let server = socket.response().and_then(|response| response.headers().get("Server"));
    let server = server.map(|server| format!(", a server that calls itself {server:?}"));
    println!("connected to {url}{}{}", subprotocol.unwrap_or_default(), server.unwrap_or_default());
}

/// Until the connection has ended.
fn watch(socket: &mut Socket, stay: Option<Duration>) -> Box<Termination> {
    println!("Ctrl-C closes the connection, a second one drops it\n");
    println!("{}", columns(&["open for", "received", "sent", "Pings", "round trip"]));
    let messages = "messages, bytes";
    println!("{}", columns(&["", messages, messages, "answered", "last, shortest, smoothed"]));
    let (news, interrupted) = mpsc::channel();
    if let Err(error) = ctrlc::set_handler(move || {
        // Nobody hears it once the connection is over.
        let _ = news.send(());
    }) {
        eprintln!("Ctrl-C will not close the connection: {error}");
    }
    let opened = socket.now();
    let mut leave = stay.map(|stay| opened + stay);
    let mut statistics = Statistics::new(opened);
    let mut closing = false;
    let report = loop {
        statistics.print_now_and_then(&socket.stats(), socket.now());
        closing |= interrupt(socket, &interrupted, closing);
        let now = socket.now();
        if leave.is_some_and(|leave| leave <= now) {
            leave = None;
            // Where it is refused, the connection is ending anyway.
            let _ = socket.queue_close(CloseCode::NORMAL);
        }
        let patience = leave.map_or(GLANCE, |leave| leave.since(now).min(GLANCE));
        if let Some(Incoming::Ended(report)) = socket.next_within(patience) {
            break report;
        }
    };
    statistics.print(&socket.stats(), socket.now());
    println!();
    report
}

/// Closes at the first Ctrl-C, drops at the second. Returns whether there was one.
fn interrupt(socket: &mut Socket, interrupted: &Receiver<()>, closing: bool) -> bool {
    if interrupted.try_recv().is_err() {
        return false;
    }
    if closing {
        socket.abort();
    } else {
        let bye = CloseFrame::new(CloseCode::NORMAL, "interrupted by the user");
        // Where it is refused, the connection is ending anyway.
        let _ = socket.queue_close(bye.unwrap_or(CloseFrame::EMPTY));
    }
    true
}

/// A line in place on a terminal; a line now and then in a file.
struct Statistics {
    opened: Timestamp,
    terminal: bool,
    every: Duration,
    next: Timestamp,
}

impl Statistics {
    fn new(opened: Timestamp) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let every = if terminal { Duration::from_millis(500) } else { Duration::from_secs(5) };
        Self { opened, terminal, every, next: opened }
    }

    fn print_now_and_then(&mut self, stats: &Stats, now: Timestamp) {
        if now >= self.next {
            self.next = now + self.every;
            self.print(stats, now);
        }
    }

    fn print(&self, stats: &Stats, now: Timestamp) {
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
