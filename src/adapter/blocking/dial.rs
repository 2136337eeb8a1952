//! Executes a [`Dial`] with threads: one for a lookup, one for each address where several race.
//!
//! Invariant: nothing here waits beyond the dial's deadline. What a thread still waits for then, it
//! waits for alone: an attempt over TCP no longer than the deadline, a lookup or the connect of a Unix
//! socket for as long as the system lets it. Of these two there are only so many in the process.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::net::SocketAddr;
#[cfg(unix)]
use core::sync::atomic::AtomicUsize;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::string::ToString;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::access::GLANCE;
use crate::adapter::{ConnectError, ConnectOptions, lookup, scratch};
use crate::dial::{Dial, DialOptions, Dialled, Step, Wait};
use crate::handshake::ClientRequest;
use crate::report::ReadClosed;
use crate::time::{Clock, Timestamp};

/// What a thread has to tell.
enum Told {
    Lookup(io::Result<Vec<SocketAddr>>),
    Attempt(usize, io::Result<TcpStream>),
}

/// Leads to a stream on which the opening handshake can begin.
pub(super) fn dial(
    request: &ClientRequest,
    options: &ConnectOptions,
    way: &DialOptions,
    clock: Clock,
    began: Timestamp,
) -> Result<(TcpStream, Dialled), ConnectError> {
    let dial = Dial::since(began, request, way, &options.config, clock.now());
    let (sender, receiver) = mpsc::channel();
    let (begun, under_way) = (Vec::new(), 0);
    let executor =
        Executor { dial, options, clock, sender, receiver, begun, under_way, stream: None };
    executor.run()
}

struct Executor<'a> {
    dial: Dial,
    options: &'a ConnectOptions,
    clock: Clock,
    sender: Sender<Told>,
    receiver: Receiver<Told>,
    /// Attempts that no thread was found for yet.
    begun: Vec<(usize, SocketAddr)>,
    /// Threads that have not told what they were for.
    under_way: usize,
    /// The stream that connected first.
    stream: Option<TcpStream>,
}

impl Executor<'_> {
    fn run(mut self) -> Result<(TcpStream, Dialled), ConnectError> {
        loop {
            match self.dial.next() {
                Step::Resolve { host, port } => self.look_up(host, port),
                Step::Connect { attempt, address } => self.begun.push((attempt, address)),
                // A thread cannot be called back from a connect: its stream is dropped when it comes.
                Step::Drop { attempt } => self.begun.retain(|(begun, _)| *begun != attempt),
                Step::Write => self.write(),
                Step::Read => self.read(),
                Step::Wait(wait) => self.wait(wait),
                Step::Connected { .. } | Step::Failed => break,
            }
        }
        let dialled = self.dial.into_result()?;
        let stream = self.stream.ok_or(ErrorKind::NotConnected).map_err(io::Error::from)?;
        stream.set_nodelay(true)?;
        Ok((stream, dialled))
    }

    fn look_up(&mut self, host: Box<str>, port: u16) {
        let sender = self.sender.clone();
        // Nobody may be there any more to be told.
        let tell = move |result| drop(sender.send(Told::Lookup(result)));
        match lookup::look_up(self.options, host, port, tell) {
            Ok(()) => self.under_way += 1,
            Err(error) => self.tell(Told::Lookup(Err(error))),
        }
    }

    /// Waits for what the threads tell. The last address of all needs no thread.
    fn wait(&mut self, wait: Wait) {
        let now = self.clock.now();
        if wait.is_over(now) {
            return self.dial.handle_timeout(now);
        }
        let left = wait.until.since(now).max(GLANCE);
        match mem::take(&mut self.begun).as_slice() {
            [] => {}
            [(attempt, address)] if self.under_way == 0 && wait.until == self.dial.due() => {
                let result = TcpStream::connect_timeout(address, left);
                return self.tell(Told::Attempt(*attempt, result));
            }
            begun => begun.iter().for_each(|(attempt, address)| self.begin(*attempt, *address)),
        }
        if self.under_way == 0 || self.stream.is_some() {
            return self.dial.handle_ready();
        }
        if let Ok(told) = self.receiver.recv_timeout(left) {
            self.under_way -= 1;
            self.tell(told);
        }
    }

    /// For a timeout of the system's, which cannot be nothing.
    fn time_left(&self) -> Duration {
        self.dial.time_left(self.clock.now()).max(GLANCE)
    }

    fn begin(&mut self, attempt: usize, address: SocketAddr) {
        let left = self.time_left();
        let sender = self.sender.clone();
        let connect = move || {
            let result = TcpStream::connect_timeout(&address, left);
            drop(sender.send(Told::Attempt(attempt, result)));
        };
        match thread::Builder::new().spawn(connect) {
            Ok(_) => self.under_way += 1,
            Err(error) => self.tell(Told::Attempt(attempt, Err(error))),
        }
    }

    fn tell(&mut self, told: Told) {
        let now = self.clock.now();
        match told {
            Told::Lookup(Ok(addresses)) => self.dial.handle_resolved(&addresses, now),
            Told::Lookup(Err(error)) => self.dial.handle_unresolved(&error.to_string(), now),
            Told::Attempt(attempt, Ok(stream)) => {
                self.dial.handle_connected(attempt, now);
                if self.dial.winner() == Some(attempt) {
                    self.stream = Some(stream);
                }
            }
            // The time that it was given has passed, and that is what will be said of it.
            Told::Attempt(_, Err(_)) if self.dial.due() <= now => self.dial.handle_timeout(now),
            Told::Attempt(attempt, Err(error)) => {
                self.dial.handle_connect_failed(attempt, (&error).into(), now);
            }
        }
    }

    fn write(&mut self) {
        let left = self.time_left();
        let Some(stream) = &mut self.stream else { return };
        let written =
            stream.set_write_timeout(Some(left)).and_then(|()| stream.write(self.dial.output()));
        let now = self.clock.now();
        match written {
            Ok(count) => self.dial.handle_written(count, now),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => self.dial.handle_write_blocked(),
                _ => self.dial.handle_write_failed(now),
            },
        }
    }

    fn read(&mut self) {
        let left = self.time_left();
        let Self { dial, clock, stream: Some(stream), .. } = self else { return };
        scratch::with(|memory| {
            let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(memory));
            let now = clock.now();
            match read {
                Ok(0) => dial.handle_read_closed(ReadClosed::Eof, now),
                Ok(count) => dial.handle_read(memory.get(..count).unwrap_or_default(), now),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => dial.handle_read_blocked(),
                    _ => dial.handle_read_closed((&error).into(), now),
                },
            }
        });
    }
}

/// No connect to a Unix socket can be called back, and one waits where the listener is busy.
#[cfg(unix)]
const MAX_UNIX_CONNECTS: usize = 64;

#[cfg(unix)]
static UNIX_CONNECTS: AtomicUsize = AtomicUsize::new(0);

/// Connects to a Unix socket, which waits where its listener is busy.
#[cfg(unix)]
pub(super) fn connect_unix(
    path: &std::path::Path,
    limit: Duration,
) -> io::Result<std::os::unix::net::UnixStream> {
    let place = lookup::Place::take(&UNIX_CONNECTS, MAX_UNIX_CONNECTS)
        .ok_or_else(|| io::Error::other("too many connects to Unix sockets are under way"))?;
    let (sender, receiver) = mpsc::channel();
    let path = path.to_path_buf();
    let connect = move || {
        let _place = place;
        drop(sender.send(std::os::unix::net::UnixStream::connect(path)));
    };
    thread::Builder::new().spawn(connect)?;
    receiver.recv_timeout(limit).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}
