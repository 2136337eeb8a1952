//! One connection: its socket, and the driver that says what to do with it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use farewell::driver::{Driver, Step, Wait, Want};
use farewell::handshake::{Accept, Origins};
use farewell::{Clock, CloseCode, Config, Seed, SendError, Session, SessionEvent, Timestamp};

use crate::say;

/// How many reads one turn has at most: a peer that never stops sending is not alone here.
const READS: u32 = 16;

/// What all connections of the thread share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    config: Arc<Config>,
    accept: Accept,
    memory: Box<[u8]>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            clock: Clock::new(),
            config: Arc::default(),
            // An echo has no secrets: any web page may use it.
            accept: Accept::new(Origins::Any),
            memory: vec![0; 64 * 1024].into(),
        }
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    peer: SocketAddr,
    driver: Driver,
    /// An event; or room for its echo, which is asked for first, so that no echo is refused.
    want: Want,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let _ = stream.set_nodelay(true);
        let seed = Seed::from_os().map_err(io::Error::other)?;
        let now = shared.clock.now();
        let session = Session::server(shared.config.clone(), seed, now);
        Ok(Self { stream, peer, driver: Driver::new(session, now), want: Want::Room })
    }

    /// Executes steps until there is something to wait for. There is nothing after the end, which
    /// it prints.
    pub(crate) fn turn(&mut self, shared: &mut Shared) -> Option<Wait> {
        let Self { stream, driver, .. } = self;
        let clock = shared.clock;
        let mut reads = 0;
        driver.handle_ready();
        loop {
            match driver.next(self.want) {
                Step::Event(SessionEvent::Ended(report)) => {
                    say(format_args!("{}: {report}", self.peer));
                    return None;
                }
                // A refused Origin is answered by the session.
                Step::Event(SessionEvent::Request(_)) => {
                    let _ = driver.session_mut().accept(&shared.accept, clock.now());
                }
                // It is refused once the connection is closing: then there is nobody to echo for.
                Step::Event(SessionEvent::Message(message)) => {
                    let _ = driver.send(message, clock.now());
                    self.want = Want::Room;
                }
                Step::Event(_) => {}
                Step::Done => self.want = Want::Event,
                Step::Write => driver.write_with(|s| stream.write_vectored(s), || clock.now()),
                Step::Flush => driver.handle_flushed(),
                // Enough for one turn: what is left makes the socket ready again.
                Step::Read if reads == READS => driver.handle_read_blocked(),
                Step::Read => {
                    reads += 1;
                    driver.read_with(&mut shared.memory, |m| stream.read(m), || clock.now());
                }
                // The peer's side decides, whatever comes of this.
                Step::ShutDown(how) => drop(stream.shutdown(how.into())),
                Step::Wait(wait) => {
                    let now = clock.now();
                    if !wait.is_over(now) {
                        return Some(wait);
                    }
                    driver.handle_timeout(now);
                }
            }
        }
    }

    /// The server is going away, at once or with a Close to whoever is open. To be followed by a
    /// turn.
    pub(crate) fn leave(&mut self, at_once: bool, now: Timestamp) {
        let refused = self.driver.session_mut().close(CloseCode::GOING_AWAY, now);
        if at_once || refused == Err(SendError::Opening) {
            self.driver.abort(now);
        }
    }
}
