//! What the scenarios run over: TCP, Unix sockets, and a socket in memory that takes a few bytes at a
//! time.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use farewell::blocking::{Socket, Transport};

use super::LONG;

/// Sockets of which a test makes two ends.
pub(super) trait Pair: Socket + Sized + 'static {
    fn pair() -> (Self, Self);
}

impl Pair for TcpStream {
    fn pair() -> (Self, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = listener.accept().unwrap().0;
        one.set_nodelay(true).unwrap();
        other.set_nodelay(true).unwrap();
        (one, other)
    }
}

#[cfg(unix)]
impl Pair for std::os::unix::net::UnixStream {
    fn pair() -> (Self, Self) {
        Self::pair().unwrap()
    }
}

/// A socket in memory that takes a few bytes at a time.
pub(super) struct Memory {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    read_timeout: Mutex<Option<Duration>>,
    write_timeout: Mutex<Option<Duration>>,
}

#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Nothing more will be written.
    over: bool,
    /// Nobody will read any more.
    broken: bool,
}

impl Pipe {
    /// As much as it holds.
    const ROOM: usize = 900;

    /// Waits until something can be done, for as long as is allowed.
    fn wait<R>(
        &self,
        limit: Option<Duration>,
        mut done: impl FnMut(&mut State) -> Option<io::Result<R>>,
    ) -> io::Result<R> {
        let began = Instant::now();
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(result) = done(&mut state) {
                self.changed.notify_all();
                return result;
            }
            let left = limit.map_or(LONG, |limit| limit.saturating_sub(began.elapsed()));
            if left.is_zero() {
                return Err(if cfg!(windows) {
                    ErrorKind::TimedOut
                } else {
                    ErrorKind::WouldBlock
                }
                .into());
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn end(&self, end: impl FnOnce(&mut State)) {
        end(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

impl Pair for Memory {
    fn pair() -> (Self, Self) {
        let (one, other) = (Arc::<Pipe>::default(), Arc::<Pipe>::default());
        let end = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>| Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            read_timeout: Mutex::default(),
            write_timeout: Mutex::default(),
        };
        (end(&one, &other), end(&other, &one))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.outgoing.end(|state| state.over = true);
        self.incoming.end(|state| state.broken = true);
    }
}

impl Socket for Memory {
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = *self.read_timeout.lock().unwrap();
        self.incoming.wait(limit, |state| {
            if state.bytes.is_empty() {
                return (state.over || state.broken).then_some(Ok(0));
            }
            let len = state.bytes.len().min(buffer.len());
            for (place, byte) in buffer.iter_mut().zip(state.bytes.drain(..len)) {
                *place = byte;
            }
            Some(Ok(len))
        })
    }

    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        let limit = *self.write_timeout.lock().unwrap();
        self.outgoing.wait(limit, |state| {
            if state.broken || state.over {
                return Some(Err(ErrorKind::BrokenPipe.into()));
            }
            let len = bytes.len().min(Pipe::ROOM - state.bytes.len());
            state.bytes.extend(&bytes[..len]);
            (len > 0).then_some(Ok(len))
        })
    }

    fn set_read_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
        *self.read_timeout.lock().unwrap() = timeout;
        Ok(())
    }

    fn shutdown_shared(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.outgoing.end(|state| state.over = true);
        }
        if how != Shutdown::Write {
            self.incoming.end(|state| state.broken = true);
        }
        Ok(())
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_shared(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_shared(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Memory {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout_shared(timeout)
    }
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        *self.write_timeout.lock().unwrap() = timeout;
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown_shared(Shutdown::Write)
    }
}
