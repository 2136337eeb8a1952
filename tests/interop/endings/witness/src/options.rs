//! The command line, and what it says about one connection: when to do what.

use std::time::Duration;

use farewell::{CloseCode, Config, Heartbeat};

pub(crate) type Refused = Box<dyn std::error::Error>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Client,
    Server,
    Reconnect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adapter {
    Tokio,
    Blocking,
}

pub(crate) struct Options {
    pub(crate) task: Task,
    pub(crate) adapter: Adapter,
    /// The URL of a client, or the address that a server listens on.
    pub(crate) place: String,
    pub(crate) config: Config,
    pub(crate) script: Script,
    /// How many connections, one after the other, share a history.
    pub(crate) times: u32,
    pub(crate) pause: Duration,
    /// For how long to go on reconnecting.
    pub(crate) stay: Duration,
    /// For how long in a row to try.
    pub(crate) give_up_after: Option<Duration>,
    /// The tokens of the attempts, one after the other, the last for all that follow.
    pub(crate) tokens: Vec<String>,
    /// Fields of the request.
    pub(crate) fields: Vec<(String, String)>,
}

/// What is done on a connection, in the order of its times since the opening handshake.
#[derive(Clone, Default)]
pub(crate) struct Script {
    acts: Vec<(Duration, Act)>,
    pub(crate) echo: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Queues a message of this many bytes.
    Send(usize),
    /// Blocks the thread.
    Block(Duration),
    /// Lets the thread live, and does not ask the socket for anything.
    Leave(Duration),
    Close(CloseCode),
    Abort,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Refused> {
        let task = match args.next().as_deref() {
            Some("client") => Task::Client,
            Some("server") => Task::Server,
            Some("reconnect") => Task::Reconnect,
            _ => return Err("client, server or reconnect".into()),
        };
        let mut options = Self {
            task,
            adapter: Adapter::Tokio,
            place: args.next().ok_or("a URL or an address is missing")?,
            config: Config::default(),
            script: Script::default(),
            times: 1,
            pause: Duration::ZERO,
            stay: Duration::from_secs(60),
            give_up_after: None,
            tokens: Vec::new(),
            fields: Vec::new(),
        };
        while let Some(name) = args.next() {
            if name == "--echo" {
                options.script.echo = true;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.set(&name, &value).map_err(|error| format!("{name} {value}: {error}"))?;
        }
        options.script.acts.sort_by_key(|(at, _)| *at);
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        match name {
            "--adapter" if value == "tokio" => self.adapter = Adapter::Tokio,
            "--adapter" if value == "blocking" => self.adapter = Adapter::Blocking,
            "--heartbeat" => self.config.heartbeat = heartbeat(value)?,
            "--write-stall" => self.config.timeouts.write_stall = Some(seconds(value)?),
            "--handshake-timeout" => self.config.timeouts.handshake = seconds(value)?,
            "--pending-output" => self.config.limits.pending_output = value.parse()?,
            "--max-message" => self.config.limits.message = value.parse()?,
            "--at" => self.script.add(value)?,
            "--every" => self.script.repeat(value)?,
            "--times" => self.times = value.parse()?,
            "--pause" => self.pause = seconds(value)?,
            "--for" => self.stay = seconds(value)?,
            "--give-up-after" => self.give_up_after = Some(seconds(value)?),
            "--token" => self.tokens.push(value.to_owned()),
            "--field" => {
                let (name, value) = value.split_once(':').ok_or("a field is Name:value")?;
                self.fields.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err("no such option".into()),
        }
        Ok(())
    }
}

impl Script {
    /// `3.5:block:8`: eight seconds, beginning three and a half after the opening.
    fn add(&mut self, text: &str) -> Result<(), Refused> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or("a time, what to do, and how much");
        let at = seconds(part()?)?;
        let act = match part()? {
            "send" => Act::Send(part()?.parse()?),
            "block" => Act::Block(seconds(part()?)?),
            "leave" => Act::Leave(seconds(part()?)?),
            "close" => Act::Close(CloseCode::new(part()?.parse()?)?),
            "abort" => Act::Abort,
            other => return Err(format!("\"{other}\" is nothing to do").into()),
        };
        self.acts.push((at, act));
        Ok(())
    }

    /// `1:10:5`: every second a message of ten bytes, until five seconds have passed.
    fn repeat(&mut self, text: &str) -> Result<(), Refused> {
        let parts: Vec<_> = text.split(':').collect();
        let [every, size, until] = parts[..] else {
            return Err("an interval, a size and an end".into());
        };
        let (every, until, size) = (seconds(every)?, seconds(until)?, size.parse()?);
        if every.is_zero() {
            return Err("an interval of nothing".into());
        }
        let mut at = every;
        while at <= until {
            self.acts.push((at, Act::Send(size)));
            at += every;
        }
        Ok(())
    }

    pub(crate) fn act(&self, index: usize) -> Option<(Duration, Act)> {
        self.acts.get(index).copied()
    }
}

fn heartbeat(value: &str) -> Result<Option<Heartbeat>, Refused> {
    if value == "off" {
        return Ok(None);
    }
    let (interval, timeout) = value.split_once(',').ok_or("off, or an interval and a timeout")?;
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = seconds(interval)?;
    heartbeat.timeout = seconds(timeout)?;
    Ok(Some(heartbeat))
}

fn seconds(value: &str) -> Result<Duration, Refused> {
    Ok(Duration::try_from_secs_f64(value.parse()?)?)
}
