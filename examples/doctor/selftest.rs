//! Brings every ending about, all at the same time, and prints what each end reports.
//!
//! Each has its time: what does not end is a failure of its own, and the rest is printed anyway.

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use farewell::{Clock, Timestamp};

use crate::endings::{ENDINGS, Ending};
use crate::stage::{Result, Seen};
use crate::words::{name, span, wrap};

/// For everything together. It takes two seconds where nothing hangs.
const LIMIT: Duration = Duration::from_secs(30);

const WIDTH: usize = 98;

const INTRODUCTION: &str = "\
A WebSocket connection ends cleanly when both ends send a Close frame, which holds a code and a \
reason. The codes 1005 (a Close came without a code) and 1006 (no Close came at all) are never \
sent: they stand for what did not come, and most logs and every browser say no more than that. \
Below, connections on this machine are made to end in different ways; the sentence in quotes is \
this library's report of each, and the one behind the arrow is what it usually means.";

pub(crate) fn run() -> ExitCode {
    let clock = Clock::new();
    let limit = clock.now() + LIMIT;
    let running: Vec<_> = ENDINGS.iter().map(|ending| (ending, start(ending))).collect();

    println!("{}\n", wrap(INTRODUCTION, "", WIDTH));
    println!("    {:<42}  {:<6}  {:<4}  {:<5}  cause", "what happens", "end", "code", "clean");
    let (mut reports, mut wrong) = (0, 0);
    for (number, (ending, outcome)) in running.into_iter().enumerate() {
        println!();
        match collect(&outcome, limit.since(clock.now())) {
            Ok(seen) => {
                reports += seen.len();
                wrong += usize::from(!print(number + 1, ending, &seen));
            }
            Err(error) => {
                wrong += 1;
                println!("{:>2}  {:<42}  FAILED: {error}", number + 1, ending.what);
            }
        }
    }
    println!();
    let total = format!("{} endings, {reports} reports, {}", ENDINGS.len(), took(clock));
    if wrong > 0 {
        println!("{total}: {wrong} NOT AS EXPECTED, marked with !!");
        return ExitCode::FAILURE;
    }
    println!("{total}: all as expected");
    ExitCode::SUCCESS
}

fn took(clock: Clock) -> String {
    span(clock.now().since(Timestamp::ZERO))
}

fn start(ending: &'static Ending) -> Receiver<Result<Vec<Seen>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send((ending.bring_about)())));
    receiver
}

fn collect(outcome: &Receiver<Result<Vec<Seen>>>, patience: Duration) -> Result<Vec<Seen>> {
    match outcome.recv_timeout(patience) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err("it did not end".into()),
        Err(RecvTimeoutError::Disconnected) => Err("it panicked".into()),
    }
}

/// Prints the reports of an ending. Says whether they are as expected.
fn print(number: usize, ending: &Ending, reports: &[Seen]) -> bool {
    let mut right = reports.len() == ending.expected.len();
    let mut what = ending.what;
    for (index, seen) in reports.iter().enumerate() {
        let as_expected = ending.expected.get(index).is_some_and(|expected| expected.is(seen));
        right &= as_expected;
        let number = if index == 0 { number.to_string() } else { String::new() };
        let code = seen.code.map_or("-".into(), |code| code.to_string());
        let clean = match (seen.code, seen.clean) {
            (None, _) => "-",
            (_, true) => "yes",
            (_, false) => "no",
        };
        let (side, cause) = (name(seen.side), &seen.cause);
        let mark = if as_expected { "" } else { "  !!" };
        println!("{number:>2}  {what:<42}  {side:<6}  {code:<4}  {clean:<5}  {cause}{mark}");
        println!("{}", wrap(&format!("\"{}\"", seen.sentence), "      ", WIDTH));
        what = "";
    }
    if let Some(meaning) = reports.iter().find_map(|seen| seen.meaning) {
        println!("{}", wrap(&format!("→ {meaning}"), "      ", WIDTH));
    }
    right
}
