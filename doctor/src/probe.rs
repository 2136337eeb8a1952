//! Finds out after what silence a server, or a proxy before it, hangs up.
//!
//! Connections are held at the same time, one that never pings and others that ping after
//! different spans of silence. Which of them are still there at the end says it.

mod findings;
mod progress;

use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use farewell::blocking::{self, Sender};
use farewell::handshake::ClientRequest;
use farewell::{
    Cause, Clock, CloseCode, Config, ConnectOptions, Heartbeat, Incoming, Termination, Timestamp,
};

use crate::args::Options;
use crate::report::WIDTH;
use crate::status::Status;
use crate::words::{self, span, wrap};

pub(crate) use findings::conclude;
pub(crate) use progress::Progress;

/// Where nothing else is said: longer than most idle timeouts.
const STAY: Duration = Duration::from_secs(150);

/// Spans of silence before a Ping, as parts of the time that there is.
const PARTS: [f64; 9] = [0.025, 0.05, 0.08, 0.12, 0.17, 0.25, 0.35, 0.5, 0.75];

/// A connection that was held.
pub(crate) struct Held {
    /// The silence after which it pinged; none for the one that never did.
    pub(crate) every: Option<Duration>,
    pub(crate) life: Life,
}

/// How it went.
pub(crate) enum Life {
    /// It was there at the end, and answered our Close.
    Survived {
        /// Frames that came before our Close was answered.
        heard: u64,
    },
    /// It ended by itself after so long.
    Ended(Duration, Box<Termination>),
    /// It seemed to be there, but did not answer our Close: who knows since when.
    Silent,
    /// It never opened.
    Failed(String, Status),
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let stay = options.stay.unwrap_or(STAY);
    println!("holding {} connections to {} for {}", PARTS.len() + 1, options.url, span(stay));
    println!("one never pings, the others after a silence of {}\n", list(&intervals(stay)));
    let held = hold(&options.request, &options.way, stay, Progress::new());
    if let Some((why, status)) = none_opened(&held) {
        eprintln!("{}: no connection opened: {why}", options.url);
        return status.into();
    }
    println!("\n{:<16} {:<18} how it ended", "Ping after", "lived");
    for one in &held {
        println!("{}", line(one, stay));
    }
    println!();
    let findings = conclude(&held, stay);
    for sentence in &findings.says {
        println!("{}", wrap(sentence, "", WIDTH));
    }
    let clear = findings.timeout.is_none() || findings.keeps.is_some();
    ExitCode::from(u8::from(!clear))
}

/// Why the first failed, where all did.
fn none_opened(held: &[Held]) -> Option<(&str, Status)> {
    let mut reasons = held.iter().map(|one| match &one.life {
        Life::Failed(why, status) => Some((why.as_str(), *status)),
        _ => None,
    });
    let first = reasons.next()??;
    reasons.all(|reason| reason.is_some()).then_some(first)
}

fn intervals(stay: Duration) -> Vec<Duration> {
    PARTS.iter().map(|part| stay.mul_f64(*part)).collect()
}

fn list(spans: &[Duration]) -> String {
    spans.iter().map(|one| span(*one)).collect::<Vec<_>>().join(", ")
}

/// News of one of the connections.
enum News {
    Open(usize, Sender<TcpStream>),
    Over(usize, Option<Duration>, Result<Box<Termination>, (String, Status)>),
}

/// Holds connections for that long. Returns them in the order of their intervals, the one without
/// Pings first.
pub(crate) fn hold(
    request: &ClientRequest,
    way: &ConnectOptions,
    stay: Duration,
    mut progress: Progress,
) -> Vec<Held> {
    let every: Vec<_> =
        std::iter::once(None).chain(intervals(stay).into_iter().map(Some)).collect();
    let (news, heard) = mpsc::channel();
    for (index, interval) in every.iter().enumerate() {
        let (request, news) = (request.clone(), news.clone());
        let way = way.clone().config(config(*interval, stay));
        thread::spawn(move || live(index, &request, &way, &news));
    }
    drop(news);
    let mut senders: Vec<Option<Sender<TcpStream>>> = every.iter().map(|_| None).collect();
    let mut lives: Vec<Option<Life>> = every.iter().map(|_| None).collect();
    let clock = Clock::new();
    let (mut until, mut leaving) = (Timestamp::ZERO + stay, false);
    while lives.iter().any(Option::is_none) {
        let now = clock.now();
        if !leaving {
            progress.show(now.since(Timestamp::ZERO), stay, &mut senders, &lives);
        }
        if now >= until && !leaving {
            leaving = true;
            senders.iter_mut().flatten().for_each(leave);
        }
        let wait = if leaving { progress.pause() } else { until.since(now).min(progress.pause()) };
        match next(&heard, wait) {
            Some(News::Open(index, mut sender)) => {
                // All have their time, whenever they opened.
                until = until.max(clock.now() + stay.mul_f64(0.97));
                if leaving {
                    leave(&mut sender);
                }
                senders[index] = Some(sender);
            }
            Some(News::Over(index, lived, result)) => {
                senders[index] = None;
                lives[index] = Some(judge(lived, result));
            }
            None => {}
        }
    }
    progress.finish();
    let lives = lives.into_iter().flatten();
    every.into_iter().zip(lives).map(|(every, life)| Held { every, life }).collect()
}

fn next(heard: &Receiver<News>, wait: Duration) -> Option<News> {
    match heard.recv_timeout(wait) {
        Ok(news) => Some(news),
        Err(RecvTimeoutError::Timeout) => None,
        // Every thread has told its end before it went.
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Says goodbye: who does not answer was gone already.
fn leave(sender: &mut Sender<TcpStream>) {
    // Where it is refused, the connection is ending anyway.
    let _ = sender.close(CloseCode::NORMAL);
}

fn config(every: Option<Duration>, stay: Duration) -> Config {
    let mut config = Config::default();
    config.heartbeat = every.map(|every| {
        let mut heartbeat = Heartbeat::default();
        // A server that does not answer Pings is not given up: what it does by itself counts.
        (heartbeat.interval, heartbeat.timeout) = (every, 2 * stay);
        heartbeat
    });
    config.timeouts.close = Duration::from_secs(2);
    config.timeouts.linger = Duration::from_millis(500);
    config
}

/// One connection, from its opening to its end.
fn live(index: usize, request: &ClientRequest, way: &ConnectOptions, news: &mpsc::Sender<News>) {
    let socket = match blocking::connect_with(request, way) {
        Ok(socket) => socket,
        Err(error) => {
            let why = (error.to_string(), Status::of_error(&error));
            return drop(news.send(News::Over(index, None, Err(why))));
        }
    };
    let (mut receiver, sender) = socket.split();
    let _ = news.send(News::Open(index, sender));
    loop {
        if let Incoming::Ended(report) = receiver.next() {
            let lived = report.evidence.ended.since(report.evidence.opened);
            return drop(news.send(News::Over(index, Some(lived), Ok(report))));
        }
    }
}

fn judge(lived: Option<Duration>, result: Result<Box<Termination>, (String, Status)>) -> Life {
    let (lived, report) = match (lived, result) {
        (Some(lived), Ok(report)) => (lived, report),
        (_, Err((why, status))) => return Life::Failed(why, status),
        (None, Ok(report)) => return Life::Failed(report.to_string(), Status::of(&report)),
    };
    let left = report.local_close.is_some_and(|close| !close.echo);
    let closes = u64::from(report.peer_close.is_some());
    let heard = report.evidence.received.frames.saturating_sub(closes);
    match report.cause {
        // Hanging up without an answer is rude, and a sign of life.
        Cause::ClosingHandshake | Cause::Eof { .. } if left => Life::Survived { heard },
        Cause::CloseTimeout | Cause::Transport { .. } if left => Life::Silent,
        _ => Life::Ended(lived, report),
    }
}

fn line(held: &Held, stay: Duration) -> String {
    let every = held.every.map_or("never".into(), span);
    let (lived, how) = match &held.life {
        Life::Survived { .. } => {
            (format!("{} and more", span(stay)), "still there at the end".into())
        }
        Life::Ended(lived, report) => (span(*lived), words::cause(report)),
        Life::Silent => ("?".into(), "gone without a word: our Close was not answered".into()),
        Life::Failed(why, _) => ("-".into(), why.clone()),
    };
    let text = wrap(&how, &" ".repeat(36), WIDTH);
    format!("{every:<16} {lived:<18} {}", text.trim_start())
}
