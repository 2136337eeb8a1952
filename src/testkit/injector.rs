//! The faults of one endpoint of a real connection: what a stream has to do instead of what was
//! asked.
//!
//! It knows of no stream: the blocking and the tokio wrapper ask it what to do, do it, and say what
//! came of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind};

use super::direction_faults::{DirectionFaults, End, Fate, Flow};
use super::fault::{Call, Faults};
use super::proxy::Watch;
use super::wire::Wire;
use crate::report::TransportError;
use crate::time::Timestamp;
use crate::wire::role::Role;

/// Counts the faults of a stream that have taken effect.
///
/// A copy goes on counting after the stream was given away. A fault that never took effect has
/// tested nothing: this is how a test finds out.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use farewell::Role;
/// use farewell::testkit::{At, Effect, Faults, FaultyStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// let faults = Faults::none().to_server(At::Byte(0), Effect::Vanish);
/// let mut stream = FaultyStream::new(stream, Role::Client, &faults);
/// let hits = stream.hits();
/// std::io::Write::write_all(&mut stream, b"into the void")?;
/// assert_eq!(hits.count(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Hits(Arc<AtomicUsize>);

impl Hits {
    /// How many there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// What a read has to do.
#[derive(Debug)]
pub(super) enum ReadStep {
    Done(io::Result<usize>),
    /// Read from the stream below.
    Below,
    /// Wait until something changes.
    Wait,
}

/// What a write has to do.
#[derive(Debug)]
pub(super) enum WriteStep {
    Done(io::Result<usize>),
    /// Write so many of the bytes to the stream below.
    Below(usize),
    /// Write this byte to the stream below, in the place of the first.
    Changed(u8),
    /// Wait until something changes.
    Wait,
}

#[derive(Debug)]
pub(super) struct Injector {
    endpoint: Role,
    peer: Role,
    reads: DirectionFaults,
    writes: DirectionFaults,
    proxies: Vec<Watch>,
    pub(super) hits: Hits,
    /// Read from below, and not handed out.
    incoming: Vec<u8>,
    /// How the stream below has ended.
    below: Option<Result<(), ErrorKind>>,
    /// The stream below has been told of the end of what is written.
    told_below: bool,
}

impl Injector {
    pub(super) fn new(endpoint: Role, faults: &Faults, now: Timestamp) -> Self {
        let peer = match endpoint {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let wire = Wire::new();
        Self {
            endpoint,
            peer,
            reads: DirectionFaults::new(faults, endpoint, |effect| !effect.is_writers(), wire, now),
            writes: DirectionFaults::new(faults, peer, |effect| !effect.is_readers(), wire, now),
            proxies: Watch::all(faults, now),
            hits: Hits::default(),
            incoming: Vec::new(),
            below: None,
            told_below: false,
        }
    }

    /// For how long this endpoint's process still has to sleep; returned once.
    pub(super) fn take_sleep(&mut self, now: Timestamp) -> Option<Duration> {
        let until = self.reads.asleep(now)?;
        self.reads.wake();
        Some(until.since(now))
    }

    /// Lets the faults take effect whose time has come. Returns whether any has.
    pub(super) fn advance(&mut self, now: Timestamp) -> bool {
        for watch in &mut self.proxies {
            if let Some(cut) = watch.advance(now) {
                self.hits.add(1);
                cut.sever(&mut self.reads);
                cut.sever(&mut self.writes);
            }
        }
        self.reads.advance(now);
        self.writes.advance(now);
        self.spread()
    }

    /// When something will change by itself.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let faults = [self.reads.deadline(), self.writes.deadline()];
        let proxies = self.proxies.iter().filter_map(Watch::deadline);
        faults.into_iter().flatten().chain(proxies).min()
    }

    /// A reset is one for both directions. Returns whether anything has taken effect.
    fn spread(&mut self) -> bool {
        let reset = TransportError::Reset;
        if self.reads.take_resets() && self.reads.flow == Flow::Ended(End::Failed(reset)) {
            self.writes.fail_writes(reset);
            self.writes.end(End::Failed(reset));
        }
        if self.writes.take_resets() {
            self.writes.fail_writes(reset);
            self.reads.end(End::Failed(reset));
        }
        let fired = self.reads.take_fired().len() + self.writes.take_fired().len();
        self.hits.add(fired);
        fired > 0
    }

    /// What a read into `buffer` has to do.
    pub(super) fn read(&mut self, buffer: &mut [u8], now: Timestamp) -> ReadStep {
        if buffer.is_empty() {
            return ReadStep::Done(Ok(0));
        }
        loop {
            if self.incoming.is_empty() {
                return self.read_nothing(now);
            }
            let most = self.incoming.len().min(buffer.len()).min(self.reads.pieces());
            let (gone, changed) = match self.reads.fate(&self.incoming[..most], now) {
                Fate::Pass(len) => (len, Some(0)),
                Fate::Vanish(len) => (len, None),
                Fate::Flip(mask) => (1, Some(mask)),
                Fate::Wait => return ReadStep::Wait,
            };
            if let Some(mask) = changed {
                if self.reads.call(Call::Read, now).is_err() {
                    self.spread();
                    continue;
                }
                buffer[..gone].copy_from_slice(&self.incoming[..gone]);
                buffer[0] ^= mask;
                let endpoint = self.endpoint;
                self.proxies.iter_mut().for_each(|watch| watch.saw(endpoint, now));
            }
            self.reads.commit(&self.incoming[..gone], now);
            self.incoming.drain(..gone);
            self.spread();
            if changed.is_some() {
                return ReadStep::Done(Ok(gone));
            }
        }
    }

    fn read_nothing(&mut self, now: Timestamp) -> ReadStep {
        let over = match (self.reads.flow, self.below) {
            (Flow::Ended(_), _) => true,
            (Flow::Flowing, below) => below.is_some(),
            (Flow::Vanishing, None) => false,
            _ => return ReadStep::Wait,
        };
        if !over {
            return ReadStep::Below;
        }
        let _ = self.reads.call(Call::Read, now);
        self.spread();
        ReadStep::Done(match (self.reads.flow, self.below) {
            (Flow::Ended(End::Failed(kind)), _) => {
                if kind != TransportError::TlsTruncated {
                    self.writes.fail_writes(kind);
                }
                Err(error(kind))
            }
            (Flow::Flowing, Some(Err(kind))) => Err(kind.into()),
            _ => Ok(0),
        })
    }

    /// These bytes came from below.
    pub(super) fn read_below(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
    }

    /// The stream below has ended.
    pub(super) fn ended_below(&mut self, how: Result<(), ErrorKind>) {
        self.below.get_or_insert(how);
    }

    /// What a write of `bytes` has to do.
    pub(super) fn write(&mut self, bytes: &[u8], now: Timestamp) -> WriteStep {
        let bytes = &bytes[..bytes.len().min(self.writes.pieces())];
        let fate = self.writes.fate(bytes, now);
        if fate == Fate::Wait && self.writes.write_failure().is_none() && !bytes.is_empty() {
            return WriteStep::Wait;
        }
        let called = self.writes.call(Call::Write, now);
        self.spread();
        if let Err(kind) = called {
            return WriteStep::Done(Err(error(kind)));
        }
        match fate {
            Fate::Pass(len) => WriteStep::Below(len),
            Fate::Flip(mask) => WriteStep::Changed(bytes[0] ^ mask),
            Fate::Vanish(len) => {
                self.wrote(&bytes[..len], now);
                WriteStep::Done(Ok(len))
            }
            Fate::Wait => WriteStep::Done(Ok(0)),
        }
    }

    /// These bytes are gone. Returns whether a fault has taken effect behind them.
    pub(super) fn wrote(&mut self, bytes: &[u8], now: Timestamp) -> bool {
        if self.writes.flow == Flow::Flowing {
            let peer = self.peer;
            self.proxies.iter_mut().for_each(|watch| watch.saw(peer, now));
        }
        self.writes.commit(bytes, now);
        self.spread()
    }

    pub(super) fn flush(&mut self, now: Timestamp) -> io::Result<()> {
        let called = self.writes.call(Call::Flush, now);
        self.spread();
        called.map_err(error)
    }

    /// Whether the stream below is to be shut down now that this one is.
    pub(super) fn shut_down(&mut self, now: Timestamp) -> io::Result<bool> {
        let called = self.writes.call(Call::Shutdown, now);
        self.spread();
        called.map_err(error)?;
        Ok(self.writes.flow == Flow::Flowing)
    }

    /// Whether the stream below has to be told of an end that a fault has made; `true` once.
    pub(super) fn take_end_below(&mut self) -> bool {
        let ended = matches!(self.writes.flow, Flow::Ended(_)) && !self.told_below;
        self.told_below |= ended;
        ended
    }
}

fn error(kind: TransportError) -> io::Error {
    match kind {
        TransportError::Reset => ErrorKind::ConnectionReset.into(),
        TransportError::Aborted => ErrorKind::ConnectionAborted.into(),
        TransportError::BrokenPipe => ErrorKind::BrokenPipe.into(),
        TransportError::TimedOut => ErrorKind::TimedOut.into(),
        TransportError::Refused => ErrorKind::ConnectionRefused.into(),
        TransportError::Unreachable => ErrorKind::HostUnreachable.into(),
        TransportError::UnexpectedEof => ErrorKind::UnexpectedEof.into(),
        // As a stream says it that speaks TLS, or HTTP/2.
        TransportError::TlsTruncated | TransportError::EndOrReset => {
            io::Error::new(ErrorKind::UnexpectedEof, kind)
        }
        TransportError::StreamReset { .. } | TransportError::GoAway { .. } => {
            io::Error::new(ErrorKind::ConnectionReset, kind)
        }
        TransportError::Tls(_) | TransportError::ProxyTls(_) => io::Error::other(kind),
        TransportError::NonBlocking | TransportError::Other => ErrorKind::Other.into(),
    }
}
