//! A blocking stream with faults.

use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::thread;

use super::fault::Faults;
use super::injector::{Hits, Injector, ReadStep, WriteStep};
use crate::adapter::blocking::Transport;
use crate::time::{Clock, Timestamp};
use crate::wire::role::Role;

/// How long one wait lasts that nothing can end.
const NAP: Duration = Duration::from_millis(20);

/// How a call fails that waited for as long as it was allowed to.
const WAITED: ErrorKind = if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };

/// A blocking stream that behaves as the [`Faults`] say.
///
/// It goes around a real stream: pass it to
/// [`blocking::handshake`](crate::blocking::handshake) or
/// [`blocking::accept`](crate::blocking::accept). Only the endpoint that uses it is lied to; the
/// other one sees what the stream below does.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::thread;
/// use farewell::handshake::{ClientRequest, Origins};
/// use farewell::testkit::{At, Effect, Faults, FaultyStream};
/// use farewell::{Acceptor, Cause, Config, Role, blocking};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// let server = thread::spawn(move || {
///     let (stream, _) = listener.accept().expect("a client connects");
///     blocking::accept(stream, &Acceptor::new(Origins::Any)).map(|mut socket| socket.next())
/// });
///
/// // The server's stream ends right behind the opening handshake.
/// let faults = Faults::none().to_client(At::Frame { index: 0, byte: 0 }, Effect::Eof);
/// let stream = FaultyStream::new(stream, Role::Client, &faults);
/// let request = ClientRequest::new("ws://localhost/")?;
/// let mut socket = blocking::handshake(stream, &request, Config::default())?;
/// let report = socket.next().into_message().expect_err("the end");
/// assert!(matches!(report.cause, Cause::Eof { .. }));
/// # drop(socket);
/// # drop(server.join());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FaultyStream<S> {
    stream: S,
    injector: Injector,
    clock: Clock,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl<S> FaultyStream<S> {
    /// `stream` with faults, to be used by this endpoint. Times count from now on.
    #[must_use]
    pub fn new(stream: S, endpoint: Role, faults: &Faults) -> Self {
        let clock = Clock::new();
        let injector = Injector::new(endpoint, faults, clock.now());
        Self { stream, injector, clock, read_timeout: None, write_timeout: None }
    }

    /// Counts the faults that take effect.
    #[must_use]
    pub fn hits(&self) -> Hits {
        self.injector.hits.clone()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, without faults.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Transport> FaultyStream<S> {
    /// The time, with all that has happened until then.
    fn advance(&mut self) -> Timestamp {
        let mut now = self.clock.now();
        self.injector.advance(now);
        if let Some(span) = self.injector.take_sleep(now) {
            thread::sleep(span);
            now = self.clock.now();
            self.injector.advance(now);
        }
        self.end_below();
        now
    }

    fn end_below(&mut self) {
        if self.injector.take_end_below() {
            // The peer will find out by itself where this fails.
            let _ = self.stream.shutdown_write();
        }
    }

    /// How long to wait at most for something to change; an error once the time is up.
    fn patience(&self, until: Option<Timestamp>, now: Timestamp) -> io::Result<Option<Duration>> {
        if until.is_some_and(|until| until <= now) {
            return Err(WAITED.into());
        }
        let next = [until, self.injector.next()].into_iter().flatten().min();
        Ok(next.map(|at| at.since(now).max(Duration::from_millis(1))))
    }

    /// Whether a read of the stream below that began then has waited, and did not fail at once.
    fn waited(&self, wait: Option<Duration>, began: Timestamp) -> bool {
        WAITED == ErrorKind::WouldBlock
            || wait.is_some_and(|wait| self.clock.now().since(began) >= wait / 2)
    }

    fn nap(&self, until: Option<Timestamp>, now: Timestamp) -> io::Result<()> {
        let wait = self.patience(until, now)?;
        thread::sleep(wait.map_or(NAP, |wait| wait.min(NAP)));
        Ok(())
    }
}

impl<S: Transport> Read for FaultyStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let until = self.read_timeout.map(|span| self.clock.now() + span);
        let mut bytes = [0; 4096];
        loop {
            let now = self.advance();
            let step = self.injector.read(buffer, now);
            self.end_below();
            match step {
                ReadStep::Done(result) => return result,
                ReadStep::Wait => self.nap(until, now)?,
                ReadStep::Below => {
                    let wait = self.patience(until, now)?;
                    self.stream.set_read_timeout(wait)?;
                    let began = self.clock.now();
                    match self.stream.read(&mut bytes) {
                        Ok(0) => self.injector.ended_below(Ok(())),
                        Ok(len) => self.injector.read_below(&bytes[..len]),
                        Err(error) if error.kind() == WAITED && self.waited(wait, began) => {}
                        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                        Err(error) => self.injector.ended_below(Err(error.kind())),
                    }
                }
            }
        }
    }
}

impl<S: Transport> Write for FaultyStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.write_timeout.map(|span| self.clock.now() + span);
        loop {
            let now = self.advance();
            let step = self.injector.write(bytes, now);
            let written = match step {
                WriteStep::Below(len) => self.stream.write(&bytes[..len])?,
                WriteStep::Changed(byte) => self.stream.write(&[byte])?,
                WriteStep::Done(result) => {
                    self.end_below();
                    return result;
                }
                WriteStep::Wait => {
                    self.nap(until, now)?;
                    continue;
                }
            };
            self.injector.wrote(&bytes[..written], now);
            self.end_below();
            return Ok(written);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.injector.flush(self.clock.now())?;
        self.stream.flush()
    }
}

impl<S: Transport> Transport for FaultyStream<S> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.write_timeout = timeout;
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let now = self.advance();
        if self.injector.shut_down(now)? { self.stream.shutdown_write() } else { Ok(()) }
    }

    fn is_timed(&self) -> bool {
        self.stream.is_timed()
    }
}
