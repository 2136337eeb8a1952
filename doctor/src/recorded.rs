//! A TCP stream that keeps a tape of what goes over it: by itself, or with the plaintext of the TLS
//! that is spoken over it.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farewell::blocking::Transport;
use farewell::{Direction, Role};

use crate::tape::{Tape, Way};

/// A tape that its stream writes and somebody else reads.
#[derive(Debug, Clone)]
pub(crate) struct SharedTape(Arc<Mutex<Tape>>);

impl SharedTape {
    pub(crate) fn new(role: Role) -> Self {
        Self(Arc::new(Mutex::new(Tape::new(role))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the plaintext down that TLS shows.
    pub(crate) fn inspect(&self) -> impl Fn(Direction, &[u8]) + Send + Sync + 'static {
        let tape = self.clone();
        move |direction, plaintext| {
            let way = match direction {
                Direction::Read => Way::In,
                Direction::Write => Way::Out,
            };
            tape.lock().carry(way, plaintext);
        }
    }
}

/// The stream, at the end that is a client or a server.
pub(crate) struct Recorded {
    stream: TcpStream,
    tape: SharedTape,
    /// What passes here is ciphertext.
    secure: bool,
}

impl Recorded {
    /// With a tape that begins now.
    pub(crate) fn new(stream: TcpStream, tape: SharedTape, secure: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        tape.lock().start(secure);
        Ok(Self { stream, tape, secure })
    }

    pub(crate) fn tape(&self) -> SharedTape {
        self.tape.clone()
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes note of how a direction ended, unless the error only says to wait.
    fn failed(&self, way: Way, error: &io::Error) {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
            ErrorKind::TimedOut if cfg!(windows) => {}
            kind => self.tape.lock().close(way, &kind.to_string()),
        }
    }

    /// These bytes have gone over.
    fn carried(&self, way: Way, bytes: &[u8]) {
        if !self.secure {
            self.tape.lock().carry(way, bytes);
        }
    }

    fn written(&self, result: &io::Result<usize>, slices: &[IoSlice<'_>]) {
        let mut left = match result {
            Ok(len) => *len,
            Err(error) => return self.failed(Way::Out, error),
        };
        for slice in slices {
            let len = left.min(slice.len());
            self.carried(Way::Out, &slice[..len]);
            left -= len;
            if left == 0 {
                return;
            }
        }
    }
}

impl Read for Recorded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.stream.read(buffer);
        match &result {
            Ok(0) => self.tape.lock().close(Way::In, "FIN"),
            Ok(len) => self.carried(Way::In, &buffer[..*len]),
            Err(error) => self.failed(Way::In, error),
        }
        result
    }
}

impl Write for Recorded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.stream.write(bytes);
        self.written(&result, &[IoSlice::new(bytes)]);
        result
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.stream.write_vectored(slices);
        self.written(&result, slices);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for Recorded {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.tape.lock().close(Way::Out, "FIN");
        self.stream.shutdown(Shutdown::Write)
    }
}
