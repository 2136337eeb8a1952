//! Brings every ending about, all at the same time, and prints what each end reports.
//!
//! Each has its time: what does not end is a failure of its own, and the rest is printed anyway.

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use farewell::{Clock, Timestamp};

use crate::args::{Page, SelfTest};
use crate::endings::{ENDINGS, Ending};
use crate::page::{self, Chapter};
use crate::probed;
use crate::report::{self, WIDTH};
use crate::stage::{Result, Seen};
use crate::words::{span, wrap};

/// For everything together. It takes two seconds where nothing hangs.
const LIMIT: Duration = Duration::from_secs(30);

const INTRODUCTION: &str = "\
A WebSocket connection ends cleanly when both ends send a Close frame, which holds a code and a \
reason. The codes 1005 (a Close came without a code) and 1006 (no Close came at all) are never \
sent: they stand for what did not come, and most logs and every browser say no more than that. \
Below, connections on this machine are made to end in different ways; the sentence in quotes is \
this library's report of each. Below it stands why it probably happened and how sure that is, then \
what that rests on, and behind the arrow what to do about it.";

pub(crate) fn run(options: SelfTest) -> ExitCode {
    let clock = Clock::new();
    let limit = clock.now() + LIMIT;
    let chosen = ENDINGS.iter().enumerate().map(|(index, ending)| (index + 1, ending));
    let chosen = chosen.filter(|(number, _)| options.only.is_none_or(|only| only == *number));
    let running: Vec<_> =
        chosen.map(|(number, ending)| (number, ending, start(ending.bring_about))).collect();
    let probe = options.only.is_none().then(|| start(probed::idle_timeout));

    println!("{}\n", wrap(INTRODUCTION, "", WIDTH));
    println!("    {:<42}  {:<6}  {:<4}  {:<5}  cause", "what happens", "end", "code", "clean");
    let (mut reports, mut wrong) = (0, 0);
    let mut all = Vec::new();
    for (number, ending, outcome) in running {
        println!();
        match collect(&outcome, limit.since(clock.now())) {
            Ok(seen) => {
                reports += seen.len();
                wrong += usize::from(!print(number, ending, &seen));
                all.push((number, ending.what, seen));
            }
            Err(error) => {
                wrong += 1;
                println!("{number:>2}  {:<42}  FAILED: {error}", ending.what);
            }
        }
    }
    println!();
    if let Some(outcome) = probe {
        wrong += usize::from(!print_probe(collect(&outcome, limit.since(clock.now()))));
    }
    wrong += usize::from(!options.page.is_none_or(|page| draw(page, &all)));
    let total = format!("{} endings, {reports} reports, {}", all.len(), took(clock));
    if wrong > 0 {
        println!("{total}: {wrong} NOT AS EXPECTED, marked with !!");
        return ExitCode::FAILURE;
    }
    println!("{total}: all as expected");
    ExitCode::SUCCESS
}

/// Prints what probing has found. Returns whether that is right.
fn print_probe(outcome: Result<Vec<String>>) -> bool {
    println!("    probing a server of its own whose idle timeout is {}", span(probed::TIMEOUT));
    let (right, says) = match outcome {
        Ok(says) => (true, says),
        Err(error) => (false, vec![format!("FAILED: {error}  !!")]),
    };
    for sentence in says {
        println!("{}", wrap(&sentence, "      ", WIDTH));
    }
    println!();
    right
}

/// Writes the page. Returns whether that went well.
fn draw(mut page: Page, all: &[(usize, &str, Vec<Seen>)]) -> bool {
    let chapters: Vec<_> = all
        .iter()
        .map(|(number, what, seen)| Chapter { title: format!("{number}. {what}"), seen })
        .collect();
    let title = "How WebSocket connections end";
    let written = page::write(&mut page.file, title, &chapters);
    match &written {
        Ok(()) => println!("the timelines are in {}\n", page.path),
        Err(error) => eprintln!("{}: {error}  !!", page.path),
    }
    written.is_ok()
}

fn took(clock: Clock) -> String {
    span(clock.now().since(Timestamp::ZERO))
}

fn start<T: Send + 'static>(work: fn() -> Result<T>) -> Receiver<Result<T>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver
}

fn collect<T>(outcome: &Receiver<Result<T>>, patience: Duration) -> Result<T> {
    match outcome.recv_timeout(patience) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err("it did not end".into()),
        Err(RecvTimeoutError::Disconnected) => Err("it panicked".into()),
    }
}

/// Prints the reports of an ending. Returns whether they are as expected.
fn print(number: usize, ending: &Ending, reports: &[Seen]) -> bool {
    let mut right = reports.len() == ending.expected.len();
    let mut what = ending.what;
    for (index, seen) in reports.iter().enumerate() {
        let as_expected = ending.expected.get(index).is_some_and(|expected| expected.is(seen));
        right &= as_expected;
        let number = if index == 0 { number.to_string() } else { String::new() };
        let (code, clean) = match seen.end() {
            None => ("-".into(), "-"),
            Some((code, true)) => (code.to_string(), "yes"),
            Some((code, false)) => (code.to_string(), "no"),
        };
        let (side, cause) = (seen.side.name(), seen.cause());
        let mark = if as_expected { "" } else { "  !!" };
        println!("{number:>2}  {what:<42}  {side:<6}  {code:<4}  {clean:<5}  {cause}{mark}");
        println!("{}", wrap(&format!("\"{}\"", seen.sentence()), "      ", WIDTH));
        println!("{}", report::why(seen));
        what = "";
    }
    right
}
