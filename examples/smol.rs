//! An echo server and a client on smol's reactor, `async-io`: a runtime that this crate knows
//! nothing of, and what it takes to execute a `Driver` there.
//!
//! `cargo run --release --example smol` lets the two talk to each other in one process and exits
//! with 0 where all was as it should be. `-- serve ADDRESS` and `-- connect URL` are one of the two.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use async_io::{Async, Timer, block_on};
use farewell::driver::{Driver, Step, Wait, Want};
use farewell::handshake::{Accept, ClientRequest, Origins};
use farewell::{
    Cause, Clock, CloseCode, Config, Heartbeat, Message, Outgoing, Seed, SendError, Session,
    SessionEvent, Termination, Timestamp,
};
use futures_lite::FutureExt;
use futures_lite::future::{pending, poll_once, try_zip, yield_now};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

type Event = SessionEvent<'static>;
type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    block_on(async {
        match arguments[..] {
            [] => {
                let late = async {
                    Timer::after(Duration::from_secs(30)).await;
                    Err("it takes too long".into())
                };
                check_all().or(late).await
            }
            ["serve", address] => serve(&Async::new(TcpListener::bind(address)?)?).await,
            ["connect", url] => connect(url).await,
            _ => Err("usage: smol [serve ADDRESS | connect URL]".into()),
        }
    })
}

/// A socket and its driver: all that a runtime has to add.
///
/// Invariant: whatever was done is in here, nothing in a future. One that is dropped loses nothing.
struct Socket {
    stream: Async<TcpStream>,
    driver: Driver,
    clock: Clock,
    reads: u8,
}

impl Socket {
    async fn client(url: &str, config: Config) -> Result<Self, Failure> {
        let request = ClientRequest::new(url)?;
        if request.secure() {
            return Err("there is no TLS in this example".into());
        }
        // This blocks; smol has `unblock` for it.
        let mut addresses = (request.host(), request.port()).to_socket_addrs()?;
        let address = addresses.next().ok_or("the host has no address")?;
        let stream = Async::<TcpStream>::connect(address).await?;
        Self::new(stream, |seed, now| Session::client(&request, config, seed, now))
    }

    fn new(
        stream: Async<TcpStream>,
        session: impl FnOnce(Seed, Timestamp) -> Session,
    ) -> Result<Self, Failure> {
        stream.get_ref().set_nodelay(true)?;
        let clock = Clock::new();
        let session = session(Seed::from_os()?, clock.now());
        Ok(Self { stream, driver: Driver::new(session, clock.now()), clock, reads: 0 })
    }

    /// Executes steps until what is wanted is there: an event, or nothing once all else is so.
    async fn run(&mut self, want: Want) -> Option<Event> {
        self.driver.handle_ready();
        loop {
            let (mut socket, driver, clock) = (self.stream.get_ref(), &mut self.driver, self.clock);
            match driver.next(want) {
                Step::Event(event) => return Some(event),
                Step::Done => return None,
                Step::Write => driver.write_with(|s| socket.write_vectored(s), || clock.now()),
                Step::Flush => driver.handle_flushed(),
                Step::Read => {
                    self.reads = self.reads.wrapping_add(1);
                    // A peer that never stops sending is not alone here.
                    if self.reads % 16 == 0 {
                        yield_now().await;
                    }
                    let memory = &mut [0; 16 * 1024];
                    driver.read_with(memory, |part| socket.read(part), || clock.now());
                }
                // The peer's side decides, whatever comes of this.
                Step::ShutDown(how) => drop(socket.shutdown(how.into())),
                Step::Wait(wait) => self.wait(wait).await,
            }
        }
    }

    /// The timer raced with the socket.
    async fn wait(&mut self, wait: Wait) {
        let now = self.clock.now();
        if wait.is_over(now) {
            return self.driver.handle_timeout(now);
        }
        // Where one of these fails, so do reading and writing, which tell why.
        let readable = ready_if(wait.read, self.stream.readable());
        let writable = ready_if(wait.write, self.stream.writable());
        let left = wait.until.map(|until| until.since(now));
        let timer = ready_if(left.is_some(), Timer::after(left.unwrap_or_default()));
        readable.or(writable).or(timer).await;
        self.driver.handle_ready();
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.run(Want::Event).await {
                return event;
            }
        }
    }

    /// Passes over what is not wanted.
    async fn find(&mut self, wanted: impl Fn(&Event) -> bool) -> Result<Event, Failure> {
        loop {
            match self.next().await {
                event if wanted(&event) => return Ok(event),
                Event::Ended(report) => return Err(report.to_string().into()),
                _ => {}
            }
        }
    }

    /// Queues a message, which leaves when `next` would wait.
    async fn feed(&mut self, message: impl Into<Outgoing<'_>>) -> Result<(), SendError> {
        self.run(Want::Room).await;
        Ok(self.driver.send(message, self.clock.now())?)
    }

    async fn close(&mut self, code: CloseCode) -> Box<Termination> {
        // A refusal says that the end is already under way.
        let _ = self.driver.session_mut().close(code, self.clock.now());
        loop {
            if let Event::Ended(report) = self.next().await {
                return report;
            }
        }
    }
}

async fn ready_if(wanted: bool, ready: impl Future) {
    if wanted {
        ready.await;
    } else {
        pending().await
    }
}

/// Serves all connections in one task.
async fn serve(listener: &Async<TcpListener>) -> Result<(), Failure> {
    say(format_args!("listening on {}", listener.get_ref().local_addr()?));
    let mut connections = FuturesUnordered::new();
    loop {
        let next = async {
            loop {
                match listener.accept().await {
                    Ok(accepted) => return accepted,
                    Err(error) => say(format_args!("accept: {error}")),
                }
                // Without a free file, for example, the next attempt would fail at once, too.
                Timer::after(Duration::from_millis(200)).await;
            }
        };
        let go_on = async {
            while connections.next().await.is_some() {}
            pending().await
        };
        let (stream, peer) = next.or(go_on).await;
        connections.push(async move {
            match echo(stream, Config::default()).await {
                Ok(report) => say(format_args!("{peer}: {report}")),
                Err(error) => say(format_args!("{peer}: {error}")),
            }
        });
    }
}

/// A line that nobody can take is no reason to end, as `println` would.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn echo(stream: Async<TcpStream>, config: Config) -> Result<Box<Termination>, Failure> {
    let mut socket = Socket::new(stream, |seed, now| Session::server(config, seed, now))?;
    // An echo has no secrets: any web page may use it.
    let accept = Accept::new(Origins::Any);
    loop {
        match socket.next().await {
            // What it refuses is answered by the session.
            Event::Request(_) => {
                let _ = socket.driver.session_mut().accept(&accept, socket.clock.now());
            }
            // A failure is in the report, which `next` has after it.
            Event::Message(message) => drop(socket.feed(message).await),
            Event::Ended(report) => return Ok(report),
            _ => {}
        }
    }
}

/// Talks to an echo server and closes.
async fn connect(url: &str) -> Result<(), Failure> {
    let mut socket = Socket::client(url, Config::default()).await?;
    check_echo(&mut socket).await?;
    let report = socket.close(CloseCode::NORMAL).await;
    println!("{report}");
    assert!(report.clean, "the end is not clean");
    Ok(())
}

/// Server and client in one process, deadlines, and a server that does not answer.
async fn check_all() -> Result<(), Failure> {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
    let url = format!("ws://{}/", listener.get_ref().local_addr()?);
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = Duration::from_millis(50);
    let mut config = Config::default();
    config.timeouts.handshake = Duration::from_millis(100);
    config.heartbeat = Some(heartbeat);

    let server = async { echo(listener.accept().await?.0, config.clone()).await };
    let client = async {
        let mut socket = Socket::client(&url, Config::default()).await?;
        check_echo(&mut socket).await?;
        // Where nothing else is sent the server pings, and `next` answers.
        for _ in 0..3 {
            socket.find(|event| matches!(event, Event::Ping)).await?;
        }
        Ok(socket.close(CloseCode::NORMAL).await)
    };
    let (theirs, ours) = try_zip(server, client).await?;
    println!("server: {theirs}\nclient: {ours}");
    assert!(theirs.clean && ours.clean && ours.code == 1000, "an end is not clean");
    assert!(theirs.evidence.pings.rtt.is_some(), "the Pings were not answered");

    // Nobody accepts this one.
    let mut socket = Socket::client(&url, config).await?;
    let Event::Ended(report) = socket.next().await else { panic!("it ends") };
    println!("no answer: {report}");
    assert!(report.cause == Cause::HandshakeTimeout, "the deadline did not end it");
    Ok(())
}

async fn check_echo(socket: &mut Socket) -> Result<(), Failure> {
    socket.find(|event| matches!(event, Event::Open(_))).await?;
    socket.driver.session_mut().ping(b"there?", socket.clock.now())?;
    socket.run(Want::Flushed).await;
    socket.find(|event| matches!(event, Event::Pong { .. })).await?;
    assert!(socket.driver.session().pong_payload() == b"there?", "another payload came back");

    // Every future that has to wait is dropped. Some messages are more than the system's buffers
    // hold, so that both ends have to read while they write.
    let mut dropped = 0;
    for length in [10, 1_000, 100_000, 10_000_000, 1, 5_000_000, 0] {
        let sent = Message::from(vec![7; length]);
        socket.feed(&sent).await?;
        let echo = loop {
            let echo = socket.find(|event| matches!(event, Event::Message(_)));
            if let Some(echo) = poll_once(echo).await {
                break echo?;
            }
            dropped += 1;
            yield_now().await;
        };
        assert!(matches!(echo, Event::Message(echo) if echo == sent), "another message came back");
    }
    println!("every echo came, with {dropped} futures dropped");
    Ok(())
}
