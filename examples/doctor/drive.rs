//! A session over a socket on one thread, with the hands free between two turns.
//!
//! The adapters wait until there is something to give. A visit also wants to look at the session
//! while nothing comes, and to close it when the user says so; so it drives one by itself.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use bytes::Buf;
use farewell::blocking::Transport;
use farewell::handshake::ClientRequest;
use farewell::{
    Clock, Config, ReadClosed, Role, Seed, Session, SessionEvent, Termination, Timestamp,
};

use crate::recorded::{Recorded, SharedTape};

/// The longest wait for a write before reading gets its turn, and the shortest for a read.
const GLANCE: Duration = Duration::from_millis(5);

/// A client's session and its socket.
pub(crate) struct Drive {
    pub(crate) session: Session,
    stream: Recorded,
    clock: Clock,
    buffer: Vec<u8>,
    read_closed: bool,
    shut_down: bool,
    ended: Option<Box<Termination>>,
}

impl Drive {
    /// Connects, and begins the opening handshake.
    pub(crate) fn connect(request: &ClientRequest, config: Config) -> io::Result<Self> {
        let clock = Clock::new();
        let deadline = Timestamp::ZERO + config.timeouts.handshake;
        let stream = dial(request, clock, deadline)?;
        let mut stream = Recorded::new(stream, Role::Client)?;
        stream.set_write_timeout(Some(GLANCE))?;
        let seed = Seed::from_os().map_err(io::Error::other)?;
        Ok(Self {
            session: Session::client(request, config, seed, Timestamp::ZERO),
            stream,
            clock,
            buffer: vec![0; 64 * 1024],
            read_closed: false,
            shut_down: false,
            ended: None,
        })
    }

    pub(crate) fn tape(&self) -> SharedTape {
        self.stream.tape()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The report, once there is one.
    pub(crate) fn ended(&self) -> Option<&Termination> {
        self.ended.as_deref()
    }

    /// Writes what there is to write, then waits for something to read, `patience` at most.
    pub(crate) fn turn(&mut self, patience: Duration, mut tell: impl FnMut(&SessionEvent<'_>)) {
        self.pump(0, &mut tell);
        self.write();
        self.pump(0, &mut tell);
        if self.ended.is_some() {
            return;
        }
        let deadline = self.session.poll_timeout().map(|at| at.since(self.now()));
        let wait = deadline.unwrap_or(patience).min(patience).max(GLANCE);
        let read = self.read(wait);
        self.pump(read, &mut tell);
        // Nothing can come any more, nothing is to be written or waited for.
        if self.read_closed && deadline.is_none() && !self.session.has_output() {
            self.session.abort(self.now());
        }
        // What came was read before: nothing looks dead that is only unread.
        self.session.handle_timeout(self.now());
        self.pump(0, &mut tell);
    }

    /// Takes the events out of the first `len` bytes of the buffer.
    fn pump(&mut self, len: usize, tell: &mut impl FnMut(&SessionEvent<'_>)) {
        let mut input = &mut self.buffer[..len];
        while let Some(event) = self.session.poll_event(&mut input, self.clock.now()) {
            tell(&event);
            if let SessionEvent::Ended(report) = event {
                self.stream.tape().lock().end();
                self.ended = Some(report);
            }
        }
    }

    fn write(&mut self) {
        while self.session.has_output() {
            let output = self.session.output();
            let result = match self.stream.write(output.chunk()) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                result => result,
            };
            let now = self.clock.now();
            match result {
                Ok(len) => self.session.handle_flushed(len, now),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_wait(&error) => return,
                Err(error) => self.session.handle_write_failed((&error).into(), now),
            }
        }
        if self.session.wants_shutdown() && !self.shut_down {
            self.shut_down = true;
            // What the peer does decides.
            let _ = self.stream.shutdown_write();
        }
    }

    /// Reads once; gives how many bytes came.
    fn read(&mut self, wait: Duration) -> usize {
        if self.read_closed {
            thread::sleep(wait);
            return 0;
        }
        let timed = self.stream.set_read_timeout(Some(wait));
        let how = match timed.and_then(|()| self.stream.read(&mut self.buffer)) {
            Ok(0) => ReadClosed::Eof,
            Ok(len) => return len,
            Err(error) if error.kind() == ErrorKind::Interrupted || is_wait(&error) => return 0,
            Err(error) => (&error).into(),
        };
        self.read_closed = true;
        self.session.handle_read_closed(how, self.clock.now());
        0
    }
}

fn is_wait(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::WouldBlock => true,
        ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

/// Tries every address of the host, each with its share of the time.
fn dial(request: &ClientRequest, clock: Clock, deadline: Timestamp) -> io::Result<TcpStream> {
    let addresses: Vec<_> = (request.host(), request.port()).to_socket_addrs()?.collect();
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.since(clock.now()).max(GLANCE);
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(GLANCE)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
