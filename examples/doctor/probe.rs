//! Finds out after what silence a server, or a proxy before it, hangs up.
//!
//! Connections are held at the same time, one that never pings and others that ping after
//! different spans of silence. Which of them are still there at the end says it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use farewell::blocking::{self, Sender};
use farewell::handshake::ClientRequest;
use farewell::{
    Cause, Clock, CloseCode, Config, ConnectError, Heartbeat, Incoming, Termination, Timestamp,
};

use crate::args::Options;
use crate::report::WIDTH;
use crate::words::{self, count, span, wrap};

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
    Survived,
    /// It ended by itself after so long.
    Ended(Duration, Box<Termination>),
    /// It seemed to be there, but did not answer our Close: who knows since when.
    Silent,
    /// It never opened.
    Failed(String),
}

/// What the connections together say.
pub(crate) struct Findings {
    /// After how much silence the server hangs up.
    pub(crate) timeout: Option<Duration>,
    /// The longest silence before a Ping that kept a connection alive.
    pub(crate) keeps: Option<Duration>,
    pub(crate) says: Vec<String>,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let stay = options.stay.unwrap_or(STAY);
    println!("holding {} connections to {} for {}", PARTS.len() + 1, options.url, span(stay));
    println!("one never pings, the others after a silence of {}\n", list(&intervals(stay)));
    let held = hold(&options.request, stay, Progress::new());
    println!("\n{:<16} {:<18} how it ended", "Ping after", "lived");
    for one in &held {
        println!("{}", line(one, stay));
    }
    println!();
    let findings = conclude(&held, stay);
    for sentence in &findings.says {
        println!("{}", wrap(sentence, "", WIDTH));
    }
    let opened = held.iter().any(|one| !matches!(one.life, Life::Failed(_)));
    match (opened, findings.timeout.is_none() || findings.keeps.is_some()) {
        (false, _) => ExitCode::from(2),
        (true, clear) => ExitCode::from(u8::from(!clear)),
    }
}

fn intervals(stay: Duration) -> Vec<Duration> {
    PARTS.iter().map(|part| stay.mul_f64(*part)).collect()
}

fn list(spans: &[Duration]) -> String {
    spans.iter().map(|one| span(*one)).collect::<Vec<_>>().join(", ")
}

/// News of one of the connections.
enum News {
    Open(usize, Sender<std::net::TcpStream>),
    Over(usize, Option<Duration>, Result<Box<Termination>, String>),
}

/// Holds connections for that long; gives them in the order of their intervals, the one without
/// Pings first.
pub(crate) fn hold(request: &ClientRequest, stay: Duration, mut progress: Progress) -> Vec<Held> {
    let every: Vec<_> =
        std::iter::once(None).chain(intervals(stay).into_iter().map(Some)).collect();
    let (news, heard) = mpsc::channel();
    for (index, interval) in every.iter().enumerate() {
        let (request, config, news) = (request.clone(), config(*interval, stay), news.clone());
        thread::spawn(move || live(index, &request, config, &news));
    }
    drop(news);
    let mut senders: Vec<Option<Sender<std::net::TcpStream>>> =
        every.iter().map(|_| None).collect();
    let mut lives: Vec<Option<Life>> = every.iter().map(|_| None).collect();
    let clock = Clock::new();
    let (mut until, mut leaving) = (Timestamp::ZERO + stay, false);
    while lives.iter().any(Option::is_none) {
        progress.show(clock.now().since(Timestamp::ZERO), stay, &mut senders, &lives);
        let now = clock.now();
        if now >= until && !leaving {
            leaving = true;
            senders.iter_mut().flatten().for_each(leave);
        }
        let wait = if leaving { progress.every } else { until.since(now).min(progress.every) };
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
fn leave(sender: &mut Sender<std::net::TcpStream>) {
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
fn live(index: usize, request: &ClientRequest, config: Config, news: &mpsc::Sender<News>) {
    let socket = match blocking::connect_with(request, config) {
        Ok(socket) => socket,
        Err(error) => {
            let why = match error {
                ConnectError::Ended(report) => report.to_string(),
                other => other.to_string(),
            };
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

fn judge(lived: Option<Duration>, result: Result<Box<Termination>, String>) -> Life {
    let (lived, report) = match (lived, result) {
        (Some(lived), Ok(report)) => (lived, report),
        (_, Err(why)) => return Life::Failed(why),
        (None, Ok(report)) => return Life::Failed(report.to_string()),
    };
    let left = report.local_close.is_some_and(|close| !close.answer);
    match report.cause {
        // Hanging up without an answer is rude, and a sign of life.
        Cause::ClosingHandshake | Cause::Eof { .. } if left => Life::Survived,
        Cause::CloseTimeout | Cause::Transport { .. } if left => Life::Silent,
        _ => Life::Ended(lived, report),
    }
}

fn line(held: &Held, stay: Duration) -> String {
    let every = held.every.map_or("never".into(), span);
    let (lived, how) = match &held.life {
        Life::Survived => (format!("{} and more", span(stay)), "still there at the end".into()),
        Life::Ended(lived, report) => (span(*lived), words::cause(report)),
        Life::Silent => ("?".into(), "gone without a word: our Close was not answered".into()),
        Life::Failed(why) => ("-".into(), why.clone()),
    };
    let text = wrap(&how, &" ".repeat(36), WIDTH);
    format!("{every:<16} {lived:<18} {}", text.trim_start())
}

/// What the connections together say.
pub(crate) fn conclude(held: &[Held], stay: Duration) -> Findings {
    let mut findings = Findings { timeout: None, keeps: None, says: Vec::new() };
    let says = &mut findings.says;
    let pinging = || held.iter().filter_map(|one| one.every.map(|every| (every, &one.life)));
    let survivors = pinging().filter(|(_, life)| matches!(life, Life::Survived));
    let (survived, longest) = (survivors.clone().count(), survivors.map(|(every, _)| every).max());
    match held.iter().find(|one| one.every.is_none()).map(|one| &one.life) {
        None | Some(Life::Failed(_)) => {
            says.push("Without the connection that never pings, nothing can be said.".into());
        }
        Some(Life::Survived) => {
            findings.keeps = longest;
            says.push(format!(
                "No idle timeout below {}: the connection that never pings was still there.",
                span(stay)
            ));
            if survived < pinging().count() {
                says.push("But some that ping were not: look at how they ended.".into());
            }
        }
        Some(Life::Silent) => {
            findings.keeps = longest;
            says.push("The connection that never pings was dropped without a word: something between drops the state of idle connections.".into());
            says.extend(longest.map(|every| {
                format!("One that pings after {} of silence was still there.", span(every))
            }));
        }
        Some(Life::Ended(lived, report)) => {
            findings.timeout = Some(*lived);
            findings.keeps = longest;
            says.push(format!(
                "The connection that never pings ended after {}: {}.",
                span(*lived),
                report.diagnosis()
            ));
            says.extend(longest.map_or_else(
                || without_survivors(&pinging().collect::<Vec<_>>(), *lived),
                |longest| kept(&pinging().collect::<Vec<_>>(), *lived, longest, stay),
            ));
        }
    }
    findings
}

/// Some that ping survived.
fn kept(
    pinging: &[(Duration, &Life)],
    timeout: Duration,
    longest: Duration,
    stay: Duration,
) -> Vec<String> {
    let ended = |life: &Life| !matches!(life, Life::Survived | Life::Failed(_));
    let shortest = pinging.iter().filter(|(_, life)| ended(life)).map(|(every, _)| *every).min();
    let but =
        shortest.map_or(String::new(), |shortest| format!(", after {} does not", span(shortest)));
    let mut says =
        vec![format!("A Ping after {} of silence keeps a connection alive{but}.", span(longest))];
    if shortest.is_some_and(|shortest| shortest < longest) {
        says.push("Not all that ping more often were still there: something other than silence ended those.".into());
    }
    if stay < timeout.mul_f64(1.5) {
        says.push(
            "They were held for hardly longer than that: make sure with a longer --for.".into(),
        );
    }
    says.push(format!("Set the heartbeat to {} or less, half of the timeout: a Ping that is late or lost does no harm then.", span(longest.min(timeout / 2))));
    says
}

/// None did.
fn without_survivors(pinging: &[(Duration, &Life)], silent: Duration) -> Vec<String> {
    let lives: Vec<_> = pinging
        .iter()
        .filter_map(|(_, life)| match life {
            Life::Ended(lived, _) => Some(*lived),
            _ => None,
        })
        .collect();
    let tolerance = silent.mul_f64(0.1).max(Duration::from_millis(300));
    let alike = !lives.is_empty() && lives.iter().all(|lived| lived.abs_diff(silent) <= tolerance);
    vec![if alike {
        "Pings make no difference: the server, or a proxy, limits the life of a connection, or waits for messages of the application. Open a new connection in time, or send messages.".into()
    } else {
        "No connection survived, and not all ended at the same age: look at how they ended, and at the server's log.".into()
    }]
}

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

    /// One that says nothing.
    pub(crate) fn silent() -> Self {
        Self { shown: false, ..Self::new() }
    }

    fn show(
        &mut self,
        at: Duration,
        stay: Duration,
        senders: &mut [Option<Sender<std::net::TcpStream>>],
        lives: &[Option<Life>],
    ) {
        let over = lives.iter().flatten().count();
        let pause = if self.terminal { Duration::from_millis(250) } else { Duration::from_secs(5) };
        let due = self.last.is_none_or(|last| at >= last + pause) || over != self.told;
        if !self.shown || !due {
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

    fn finish(&self) {
        if self.shown && self.terminal {
            println!();
        }
    }
}
