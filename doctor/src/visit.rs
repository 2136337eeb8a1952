//! Visits to a server: connect, watch, and report the end; once, or one after the other.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use farewell::diagnosis::History;
use farewell::{CloseCode, CloseFrame, Config, Heartbeat, Incoming, Termination, Timestamp};

use crate::args::{Options, Page};
use crate::hints::hints;
use crate::interrupts::{Desk, News};
use crate::page::{self, Chapter};
use crate::stage::{self, Seen, Socket};
use crate::status::Status;
use crate::words::wrap;
use crate::{json, report};
use statistics::Statistics;

mod statistics;

/// The longest time until Ctrl-C is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// From the beginning of a visit to that of the next, at least: a server that is down is not
/// overrun.
const PACE: Duration = Duration::from_secs(1);

pub(crate) fn run(mut options: Options) -> ExitCode {
    let (desk, clock) = (Desk::open(), farewell::Clock::new());
    let page = options.page.take();
    let (mut history, mut status, mut all) = (History::new(), Status::Clean, Vec::new());
    for number in 1..=options.repeat {
        let began = clock.now();
        if options.repeat > 1 && !options.json {
            println!("{}visit {number} of {}", if number > 1 { "\n" } else { "" }, options.repeat);
        }
        let Some((seen, interrupted)) = visit(&options, &desk) else {
            eprintln!("{}: interrupted before there was a connection", options.url);
            status = or(status, Status::NotReached);
            break;
        };
        let seen = match seen {
            Ok(seen) => seen.recorded_in(&mut history),
            Err(error) => {
                eprintln!("{}: {error}", options.url);
                return Status::NotReached.into();
            }
        };
        tell(&options, number, &seen);
        status = or(status, seen.status());
        all.push(seen);
        let rest = PACE.saturating_sub(clock.now().since(began));
        if interrupted || number < options.repeat && desk.interrupted_within(rest) {
            break;
        }
    }
    if !page.is_none_or(|page| draw(page, &options, &all)) {
        status = Status::Usage;
    }
    status.into()
}

/// The first that is not clean.
fn or(status: Status, next: Status) -> Status {
    if status == Status::Clean { next } else { status }
}

/// One visit: what was seen, and whether it was interrupted. Nothing where it was before there was
/// a connection.
fn visit(options: &Options, desk: &Desk) -> Option<(stage::Result<Seen>, bool)> {
    Some(match connect(options, desk)? {
        Err(error) => (Err(error), false),
        Ok(Err(seen)) => (Ok(seen), false),
        Ok(Ok(mut socket)) => {
            if !options.json {
                announce(&socket, &options.url);
            }
            let (report, interrupted) = watch(&mut socket, options, desk);
            (Ok(Seen::new(report, socket.get_ref().tape())), interrupted)
        }
    })
}

/// Connects on a thread of its own, which is let go where somebody does not want to wait.
fn connect(
    options: &Options,
    desk: &Desk,
) -> Option<stage::Result<std::result::Result<Socket, Seen>>> {
    let mut config = Config::default();
    config.heartbeat = options.heartbeat.map(|span| {
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (span, span);
        heartbeat
    });
    let (request, way) = (options.request.clone(), options.way.clone().config(config));
    let tls = options.tls.clone();
    let sender = desk.sender.clone();
    thread::spawn(move || {
        let connected = stage::connect(&request, way, tls.as_ref());
        // Nobody may wait for it any more.
        let _ = sender.send(News::Connected(Box::new(connected)));
    });
    match desk.next() {
        News::Connected(connected) => Some(*connected),
        News::Interrupted => None,
    }
}

/// Prints what was seen.
fn tell(options: &Options, number: u32, seen: &Seen) {
    if options.json {
        return println!("{}", json::document(&options.url, number, seen));
    }
    if matches!(seen.status(), Status::NotReached | Status::NotOpened | Status::NotSecured) {
        println!("not connected to {}\n", options.url);
    }
    print!("{}", report::in_full(seen));
    for hint in hints(seen, options) {
        println!("\n{}", wrap(&hint, "", report::WIDTH));
    }
}

/// Writes the page. Returns whether that went well.
fn draw(mut page: Page, options: &Options, all: &[Seen]) -> bool {
    let url = &options.url;
    let title = |index: usize| match options.repeat {
        1 => url.clone(),
        _ => format!("Visit {}", index + 1),
    };
    let chapters: Vec<_> = all
        .chunks(1)
        .enumerate()
        .map(|(index, seen)| Chapter { title: title(index), seen })
        .collect();
    let written = page::write(&mut page.file, &format!("A visit to {url}"), &chapters);
    match &written {
        Ok(()) if options.json => {}
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
    println!("Ctrl-C closes the connection, a second one drops it\n");
}

/// Until the connection has ended. Returns whether that was asked for, too.
fn watch(socket: &mut Socket, options: &Options, desk: &Desk) -> (Box<Termination>, bool) {
    let opened = socket.now();
    let mut statistics = (!options.json).then(|| Statistics::begin(opened));
    let mut leave = options.stay.map(|stay| opened + stay);
    let mut interrupted = false;
    let report = loop {
        let now = socket.now();
        if let Some(statistics) = &mut statistics {
            statistics.print_now_and_then(&socket.stats(), now);
        }
        if desk.interrupted() {
            interrupt(socket, interrupted);
            interrupted = true;
        }
        if leave.is_some_and(|leave| leave <= now) {
            leave = None;
            // Where it is refused, the connection is ending anyway.
            let _ = socket.queue_close(CloseCode::NORMAL);
        }
        let patience = leave.map_or(GLANCE, |leave: Timestamp| leave.since(now).min(GLANCE));
        if let Some(Incoming::Ended(report)) = socket.next_within(patience) {
            break report;
        }
    };
    if let Some(statistics) = &statistics {
        statistics.print(&socket.stats(), socket.now());
        println!();
    }
    (report, interrupted)
}

/// Closes at the first signal, drops at the second.
fn interrupt(socket: &mut Socket, again: bool) {
    if again {
        socket.abort();
    } else {
        let bye = CloseFrame::new(CloseCode::NORMAL, "interrupted by the user");
        // Where it is refused, the connection is ending anyway.
        let _ = socket.queue_close(bye.unwrap_or(CloseFrame::EMPTY));
    }
}
