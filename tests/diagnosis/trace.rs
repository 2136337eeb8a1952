//! Traces as text: what one end of a connection saw, and why the connection ended.
//!
//! A trace is lines. The first names the format; then come settings, one a line; then what
//! happened, each line with its time in seconds. `#` begins a comment.
//!
//! ```text
//! farewell-trace 1
//! scenario nginx                  who wrote it
//! seed 17                         and from which number
//! role client
//! start open                      or `opening`: with the opening handshake
//! carrier http2                   or `http3`: a stream, whose HTTP somebody else speaks
//! heartbeat 20 20                 interval and timeout in seconds, or `off`
//! past 61.2 60.1                  lifetime and idle time of an earlier connection, the latest first
//! expect proxy_idle_timeout 60    the true reason, with its number where it has one
//!
//! 0.120000 recv 8105 5x78         bytes: hexadecimal, or so many times one
//! 60.201000 eof
//! ```

use std::fmt;
use std::time::Duration;

use farewell::handshake::Carrier;
use farewell::{Role, TransportError};

/// The first line of a trace.
const FORMAT: &str = "farewell-trace 1";

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) head: Head,
    /// What happened, and when: microseconds from the beginning.
    pub(crate) lines: Vec<(u64, Op)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) scenario: String,
    pub(crate) seed: u64,
    pub(crate) role: Role,
    /// Whether the trace begins with the opening handshake.
    pub(crate) opening: bool,
    pub(crate) carrier: Carrier,
    /// Interval and timeout.
    pub(crate) heartbeat: Option<(Duration, Duration)>,
    /// Our own idle timeout.
    pub(crate) idle: Option<Duration>,
    /// Our own timeout for a message.
    pub(crate) message: Option<Duration>,
    /// Lifetime and idle time of earlier connections that ended without a Close, the latest first.
    pub(crate) past: Vec<(Duration, Duration)>,
    pub(crate) expect: Expected,
}

/// A verdict by its name, with its number where that matters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) number: Option<u64>,
}

/// What happens to the session of a trace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// Bytes come.
    Receive(Vec<u8>),
    /// A server answers our request as it should, but for these changes to its header fields.
    Answer(Vec<Change>),
    /// We accept or refuse the request that came.
    Accept,
    Reject(u16),
    /// We send a message of so many bytes.
    Text(usize),
    Binary(usize),
    /// We close.
    Close(u16),
    Abort,
    /// The peer's side of the transport ends.
    Eof,
    TlsTruncated,
    ReadFailed(TransportError),
    /// The server offers no extended CONNECT.
    NotOffered,
    WriteFailed(TransportError),
    /// The transport takes so many more bytes, and no more.
    Take(usize),
    /// The transport takes everything again.
    Unblock,
    /// From now on the peer answers Pings after so many microseconds, and up to as many more.
    Pongs {
        rtt: u64,
        jitter: u64,
    },
    NoPongs,
    /// This process stops, and goes on: no deadline is handled in between.
    Suspend,
    Resume,
    /// Time passes.
    Wait,
}

/// A header field that is not as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Without(String),
    With(String, String),
}

/// A line that is not what the format asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub(crate) struct TraceError {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) kind: Damage,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the first line is not \"{FORMAT}\"")]
    Format,
    #[error("a setting is missing, unknown or malformed")]
    Setting,
    #[error("a setting stands behind the first event")]
    LateSetting,
    #[error("a time is not a number of seconds with six decimals")]
    Time,
    #[error("a time lies before the one above it")]
    Order,
    #[error("an event is unknown or malformed")]
    Event,
    #[error("bytes are neither hexadecimal nor a repetition")]
    Bytes,
    #[error("the trace ends before anything happened")]
    Empty,
}

/// More than any trace needs, so that a damaged one cannot take the memory.
const MAX_BYTES: usize = 4 << 20;

impl Trace {
    pub(crate) fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()));
        match lines.next() {
            Some((_, FORMAT)) => {}
            _ => return Err(TraceError { line: 1, kind: Damage::Format }),
        }
        let mut settings = Settings::default();
        let mut events: Vec<(u64, Op)> = Vec::new();
        let mut last = 1;
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            last = number;
            let damaged = |kind| TraceError { line: number, kind };
            if !line.starts_with(|first: char| first.is_ascii_digit()) {
                if !events.is_empty() {
                    return Err(damaged(Damage::LateSetting));
                }
                settings.take(line).ok_or(damaged(Damage::Setting))?;
                continue;
            }
            let (time, event) = line.split_once(' ').ok_or(damaged(Damage::Event))?;
            let time = micros(time).ok_or(damaged(Damage::Time))?;
            if events.last().is_some_and(|(before, _)| *before > time) {
                return Err(damaged(Damage::Order));
            }
            events.push((time, event_of(event).map_err(damaged)?));
        }
        let head = settings.finish().ok_or(TraceError { line: last, kind: Damage::Setting })?;
        if events.is_empty() {
            return Err(TraceError { line: last, kind: Damage::Empty });
        }
        Ok(Self { head, lines: events })
    }
}

#[derive(Default)]
struct Settings {
    scenario: Option<String>,
    seed: Option<u64>,
    role: Option<Role>,
    opening: Option<bool>,
    carrier: Option<Carrier>,
    heartbeat: Option<Option<(Duration, Duration)>>,
    idle: Option<Duration>,
    message: Option<Duration>,
    past: Vec<(Duration, Duration)>,
    expect: Option<Expected>,
}

impl Settings {
    /// Takes one in; none where it is not understood or came before.
    fn take(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let twice = match words[..] {
            ["scenario", name] => self.scenario.replace(name.to_string()).is_some(),
            ["seed", number] => self.seed.replace(number.parse().ok()?).is_some(),
            ["role", "client"] => self.role.replace(Role::Client).is_some(),
            ["role", "server"] => self.role.replace(Role::Server).is_some(),
            ["start", "open"] => self.opening.replace(false).is_some(),
            ["start", "opening"] => self.opening.replace(true).is_some(),
            ["carrier", "http2"] => self.carrier.replace(Carrier::Http2).is_some(),
            ["carrier", "http3"] => self.carrier.replace(Carrier::Http3).is_some(),
            ["heartbeat", "off"] => self.heartbeat.replace(None).is_some(),
            ["heartbeat", interval, timeout] => {
                self.heartbeat.replace(Some((span(interval)?, span(timeout)?))).is_some()
            }
            ["idle", idle] => self.idle.replace(span(idle)?).is_some(),
            ["message", limit] => self.message.replace(span(limit)?).is_some(),
            ["past", lifetime, idle] => {
                self.past.push((span(lifetime)?, span(idle)?));
                self.past.len() > 4
            }
            ["expect", name] => self.expected(name, None),
            ["expect", name, number] => self.expected(name, Some(number.parse().ok()?)),
            _ => true,
        };
        (!twice).then_some(())
    }

    fn expected(&mut self, name: &str, number: Option<u64>) -> bool {
        self.expect.replace(Expected { name: name.to_string(), number }).is_some()
    }

    fn finish(self) -> Option<Head> {
        Some(Head {
            scenario: self.scenario?,
            seed: self.seed?,
            role: self.role?,
            opening: self.opening?,
            carrier: self.carrier.unwrap_or_default(),
            heartbeat: self.heartbeat?,
            idle: self.idle,
            message: self.message,
            past: self.past,
            expect: self.expect?,
        })
    }
}

fn micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    if fraction.len() != 6 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // A year is more than any trace lasts, and keeps all sums small.
    let whole: u64 = whole.parse().ok().filter(|seconds| *seconds < 31_536_000)?;
    Some(whole * 1_000_000 + fraction.parse::<u64>().ok()?)
}

fn span(text: &str) -> Option<Duration> {
    micros(text).map(Duration::from_micros)
}

fn event_of(event: &str) -> Result<Op, Damage> {
    let (verb, rest) = event.split_once(' ').unwrap_or((event, ""));
    let rest = rest.trim();
    let number = || rest.parse().map_err(|_| Damage::Event);
    let size = || number().map(|size: u64| size as usize).and_then(bounded);
    match (verb, rest) {
        ("recv", _) => bytes_of(rest).map(Op::Receive),
        ("answer", _) => changes(rest).map(Op::Answer),
        ("reject", _) => Ok(Op::Reject(status(rest)?)),
        ("text", _) => Ok(Op::Text(size()?)),
        ("binary", _) => Ok(Op::Binary(size()?)),
        ("close", _) => Ok(Op::Close(status(rest)?)),
        ("read-failed", _) => failure(rest).map(Op::ReadFailed),
        ("write-failed", _) => failure(rest).map(Op::WriteFailed),
        ("take", _) => Ok(Op::Take(size()?)),
        ("pongs", "off") => Ok(Op::NoPongs),
        ("pongs", _) => {
            let (rtt, jitter) = rest.split_once(' ').ok_or(Damage::Event)?;
            let number = |text| micros(text).ok_or(Damage::Event);
            Ok(Op::Pongs { rtt: number(rtt)?, jitter: number(jitter)? })
        }
        ("accept", "") => Ok(Op::Accept),
        ("abort", "") => Ok(Op::Abort),
        ("not-offered", "") => Ok(Op::NotOffered),
        ("eof", "") => Ok(Op::Eof),
        ("tls-truncated", "") => Ok(Op::TlsTruncated),
        ("unblock", "") => Ok(Op::Unblock),
        ("suspend", "") => Ok(Op::Suspend),
        ("resume", "") => Ok(Op::Resume),
        ("wait", "") => Ok(Op::Wait),
        _ => Err(Damage::Event),
    }
}

fn bounded(size: usize) -> Result<usize, Damage> {
    if size <= MAX_BYTES { Ok(size) } else { Err(Damage::Event) }
}

fn status(text: &str) -> Result<u16, Damage> {
    text.parse().map_err(|_| Damage::Event)
}

const FAILURES: [(&str, TransportError); 9] = [
    ("reset", TransportError::Reset),
    ("aborted", TransportError::Aborted),
    ("broken-pipe", TransportError::BrokenPipe),
    ("timed-out", TransportError::TimedOut),
    ("refused", TransportError::Refused),
    ("unreachable", TransportError::Unreachable),
    ("unexpected-eof", TransportError::UnexpectedEof),
    ("end-or-reset", TransportError::EndOrReset),
    ("other", TransportError::Other),
];

fn failure(text: &str) -> Result<TransportError, Damage> {
    if let Some((name, code)) = text.split_once(' ') {
        let code = code.parse().map_err(|_| Damage::Event)?;
        return match name {
            "stream-reset" => Ok(TransportError::StreamReset { code }),
            "go-away" => Ok(TransportError::GoAway { code }),
            _ => Err(Damage::Event),
        };
    }
    let found = FAILURES.iter().find(|(name, _)| *name == text);
    found.map(|(_, kind)| *kind).ok_or(Damage::Event)
}

fn changes(text: &str) -> Result<Vec<Change>, Damage> {
    let change = |word: &str| match (word.strip_prefix('-'), word.split_once('=')) {
        (Some(name), None) => Ok(Change::Without(name.to_string())),
        (None, Some((name, value))) => Ok(Change::With(name.to_string(), value.to_string())),
        _ => Err(Damage::Event),
    };
    text.split(' ').filter(|word| !word.is_empty()).map(change).collect()
}

fn bytes_of(text: &str) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (count, digits) = match word.split_once('x') {
            Some((count, digits)) => (count.parse().map_err(|_| Damage::Bytes)?, digits),
            None => (1, word),
        };
        if digits.is_empty() || digits.len() % 2 != 0 || !digits.is_ascii() {
            return Err(Damage::Bytes);
        }
        let part: Result<Vec<u8>, _> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
            .collect();
        let part = part.map_err(|_| Damage::Bytes)?;
        if part.len().saturating_mul(count) > MAX_BYTES - bytes.len() {
            return Err(Damage::Bytes);
        }
        bytes.extend(part.repeat(count));
    }
    if bytes.is_empty() { Err(Damage::Bytes) } else { Ok(bytes) }
}

struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

fn seconds(span: Duration) -> Seconds {
    Seconds(span.as_micros() as u64)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = &self.head;
        writeln!(f, "{FORMAT}\nscenario {}\nseed {}", head.scenario, head.seed)?;
        let role = if head.role == Role::Client { "client" } else { "server" };
        writeln!(f, "role {role}\nstart {}", if head.opening { "opening" } else { "open" })?;
        if head.carrier != Carrier::Http1 {
            writeln!(f, "carrier {}", head.carrier.name())?;
        }
        match head.heartbeat {
            Some((interval, timeout)) => {
                writeln!(f, "heartbeat {} {}", seconds(interval), seconds(timeout))?;
            }
            None => writeln!(f, "heartbeat off")?,
        }
        if let Some(idle) = head.idle {
            writeln!(f, "idle {}", seconds(idle))?;
        }
        if let Some(message) = head.message {
            writeln!(f, "message {}", seconds(message))?;
        }
        for (lifetime, idle) in &head.past {
            writeln!(f, "past {} {}", seconds(*lifetime), seconds(*idle))?;
        }
        writeln!(f, "expect {}\n", head.expect)?;
        for (time, op) in &self.lines {
            writeln!(f, "{} {op}", Seconds(*time))?;
        }
        Ok(())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.number.map_or(Ok(()), |number| write!(f, " {number}"))
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receive(bytes) => {
                f.write_str("recv")?;
                fmt_bytes(bytes, f)
            }
            Self::Answer(changes) => {
                f.write_str("answer")?;
                changes.iter().try_for_each(|change| match change {
                    Change::Without(name) => write!(f, " -{name}"),
                    Change::With(name, value) => write!(f, " {name}={value}"),
                })
            }
            Self::Accept => f.write_str("accept"),
            Self::Reject(status) => write!(f, "reject {status}"),
            Self::Text(size) => write!(f, "text {size}"),
            Self::Binary(size) => write!(f, "binary {size}"),
            Self::Close(code) => write!(f, "close {code}"),
            Self::Abort => f.write_str("abort"),
            Self::NotOffered => f.write_str("not-offered"),
            Self::Eof => f.write_str("eof"),
            Self::TlsTruncated => f.write_str("tls-truncated"),
            Self::ReadFailed(kind) => write!(f, "read-failed {}", name_of(*kind)),
            Self::WriteFailed(kind) => write!(f, "write-failed {}", name_of(*kind)),
            Self::Take(size) => write!(f, "take {size}"),
            Self::Unblock => f.write_str("unblock"),
            Self::Pongs { rtt, jitter } => {
                write!(f, "pongs {} {}", Seconds(*rtt), Seconds(*jitter))
            }
            Self::NoPongs => f.write_str("pongs off"),
            Self::Suspend => f.write_str("suspend"),
            Self::Resume => f.write_str("resume"),
            Self::Wait => f.write_str("wait"),
        }
    }
}

fn name_of(kind: TransportError) -> String {
    match kind {
        TransportError::StreamReset { code } => format!("stream-reset {code}"),
        TransportError::GoAway { code } => format!("go-away {code}"),
        _ => {
            let found = FAILURES.iter().find(|(_, other)| *other == kind);
            found.map_or("other", |(name, _)| name).to_owned()
        }
    }
}

/// Runs of one byte as such, everything else in hexadecimal.
fn fmt_bytes(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut literal = false;
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|byte| *byte == first).count();
        if run >= 6 {
            write!(f, " {run}x{first:02x}")?;
            literal = false;
            rest = &rest[run..];
        } else {
            if !literal {
                f.write_str(" ")?;
            }
            write!(f, "{first:02x}")?;
            literal = true;
            rest = &rest[1..];
        }
    }
    Ok(())
}
