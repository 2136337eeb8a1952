//! A visit to a server: connect, watch, and report the end.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use farewell::handshake::Response;
use farewell::{
    CloseCode, CloseFrame, Config, Heartbeat, Role, SessionEvent, Stats, Timestamp, Traffic,
};

use crate::args::{Options, Page};
use crate::drive::Drive;
use crate::page::{self, Chapter};
use crate::report;
use crate::stage::{Said, Seen};
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
    let mut drive = match Drive::connect(&options.request, config) {
        Ok(drive) => drive,
        Err(error) => {
            let error = format!("no connection to the server: {error}");
            eprintln!("{}: {error}", options.url);
            if let Some(page) = options.page.take() {
                let said = Said::NotConnected(error);
                draw(page, &options.url, Seen { side: Role::Client, said });
            }
            return ExitCode::from(2);
        }
    };
    let opened = open(&mut drive, &options.url);
    if opened {
        watch(&mut drive, options.stay);
    }
    let Some(report) = drive.ended() else { return ExitCode::from(2) };
    if !opened {
        println!("not connected to {}\n", options.url);
    }
    print!("{}", report::in_full(report));
    let clean = report.clean;
    let seen = Seen::new(Box::new(report.clone()), drive.tape());
    let drawn = options.page.take().is_none_or(|page| draw(page, &options.url, seen));
    ExitCode::from(if opened && drawn { u8::from(!clean) } else { 2 })
}

/// Writes the page. Says whether that went well.
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

/// Waits until the opening handshake is over. Says whether the connection is open.
fn open(drive: &mut Drive, url: &str) -> bool {
    let mut opened = None;
    while opened.is_none() && drive.ended().is_none() {
        drive.turn(GLANCE, |event| {
            if let SessionEvent::Open(news) = event {
                opened = Some(agreed(news.response()));
            }
        });
    }
    let Some(agreed) = opened else { return false };
    let subprotocol = drive.session.negotiated().subprotocol();
    let subprotocol = subprotocol.map(|name| format!(", subprotocol {name}"));
    println!("connected to {url}{}{agreed}", subprotocol.unwrap_or_default());
    true
}

fn agreed(response: Option<&Response>) -> String {
    let server = response.and_then(|response| response.headers().get("Server"));
    server.map_or(String::new(), |server| format!(", a server that calls itself {server:?}"))
}

/// Until the connection has ended.
fn watch(drive: &mut Drive, stay: Option<Duration>) {
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
    let opened = drive.now();
    let mut leave = stay.map(|stay| opened + stay);
    let mut statistics = Statistics::new(opened);
    let mut closing = false;
    while drive.ended().is_none() {
        statistics.print_now_and_then(&drive.session.stats(), drive.now());
        closing |= interrupt(drive, &interrupted, closing);
        let now = drive.now();
        if leave.is_some_and(|leave| leave <= now) {
            leave = None;
            // Where it is refused, the connection is ending anyway.
            let _ = drive.session.close(CloseCode::NORMAL, now);
        }
        let patience = leave.map_or(GLANCE, |leave| leave.since(now).min(GLANCE));
        drive.turn(patience, |_| {});
    }
    statistics.print(&drive.session.stats(), drive.now());
    println!();
}

/// Closes at the first Ctrl-C, drops at the second. Says whether there was one.
fn interrupt(drive: &mut Drive, interrupted: &Receiver<()>, closing: bool) -> bool {
    if interrupted.try_recv().is_err() {
        return false;
    }
    let now = drive.now();
    if closing {
        drive.session.abort(now);
    } else {
        let bye = CloseFrame::new(CloseCode::NORMAL, "interrupted by the user");
        // Where it is refused, the connection is ending anyway.
        let _ = drive.session.close(bye.unwrap_or(CloseFrame::EMPTY), now);
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
