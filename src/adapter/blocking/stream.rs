//! A stream with its driver: held by one owner, or shared by the two halves of a split socket.
//!
//! Invariant of the shared one: nobody holds the driver's lock while a read or a write waits. The
//! locks are taken in the order reading, writing, driver.

use alloc::sync::Arc;
use core::mem;
use core::time::Duration;
use std::io::{self, ErrorKind, IoSlice};
use std::net;
use std::sync::{Mutex, MutexGuard, TryLockError};

use bytes::Buf;

use super::transport::{Socket, Transport};
use crate::adapter::driver::{Driver, Shutdown};
use crate::adapter::{lock, scratch};
use crate::report::ReadClosed;
use crate::time::Clock;

/// How long one write waits at most before reading gets its turn.
const WRITE_SLICE: Duration = Duration::from_millis(10);

/// How much of the output a write copies out from under the lock.
const COPY: usize = 64 * 1024;

/// What a write has achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Nothing is left to write.
    All,
    /// The transport takes no more at present.
    Blocked,
    /// Another thread is writing, and will write what was queued since.
    Elsewhere,
}

/// What a read has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// Bytes, or the end of the stream.
    Something,
    /// Nothing in the time given.
    Nothing,
    /// Nothing can be said: another thread is reading, or a signal came in between.
    Unknown,
}

/// A stream with its driver.
pub(super) trait Link {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R;

    /// Writes what is queued, for little more than a slice of time. `wait` for another writer.
    fn write(&mut self, wait: bool, clock: Clock) -> Written;

    /// Reads once. `wait` for another reader.
    fn read(&mut self, wait: bool, timeout: Option<Duration>, clock: Clock) -> Got;

    fn shut_down(&mut self, how: Shutdown);

    /// Whether the stream has taken bytes that it may still hold.
    fn holds_back(&self) -> bool {
        false
    }

    /// How long a wait may last although no deadline calls for it: another thread may set one.
    fn patience(&self, driver_wait: Option<Duration>) -> Option<Duration>;
}

/// The timeout that a stream was given last.
///
/// Deadlines move with every message and come closer with every read, and a system call for each
/// would be a waste. So a wait may end early, and is then taken up again.
#[derive(Debug, Default)]
struct ReadTimeout(Option<Option<Duration>>);

impl ReadTimeout {
    /// Shorter waits than this are exact.
    const EXACT: Duration = Duration::from_millis(100);

    /// The timeout that the stream has to be given, if it needs another one than it has.
    fn change(&mut self, wanted: Option<Duration>) -> Option<Option<Duration>> {
        let (set, least) = match wanted {
            Some(wanted) if wanted > Self::EXACT => (Some(wanted - wanted / 8), wanted / 2),
            _ => (wanted, wanted.unwrap_or_default()),
        };
        let fits = match (self.0, wanted) {
            (Some(Some(has)), Some(wanted)) => (least..=wanted).contains(&has),
            (has, _) => has == Some(wanted),
        };
        if fits {
            return None;
        }
        self.0 = Some(set);
        Some(set)
    }
}

/// Sorts the result of a read: what is to be said of it, or how the stream ended.
fn sort(result: io::Result<usize>) -> Result<Got, ReadClosed> {
    match result {
        Ok(0) => Err(ReadClosed::Eof),
        Ok(_) => Ok(Got::Something),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Got::Unknown),
        Err(error) if is_wait(&error) => Ok(Got::Nothing),
        Err(error) => Err((&error).into()),
    }
}

/// Whether a call only waited for as long as it was allowed to.
///
/// On Unix, a socket's timeout is `WouldBlock`, and `TimedOut` means that the system gave up on the
/// peer. On Windows both are `TimedOut`; the session's own deadlines find the peer's death there.
fn is_wait(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::WouldBlock => true,
        ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

/// A stream and a driver with one owner.
pub(super) struct Own<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    timeout: ReadTimeout,
    unflushed: bool,
    shut_down: bool,
}

impl<S: Transport> Own<S> {
    pub(super) fn new(mut stream: S, mut driver: Driver) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_SLICE))?;
        driver.reads_may_last(!stream.is_timed());
        let timeout = ReadTimeout::default();
        Ok(Self { stream, driver, timeout, unflushed: false, shut_down: false })
    }

    fn write_once(&mut self) -> io::Result<usize> {
        let output = self.driver.session_mut().output();
        let mut slices = [IoSlice::new(&[]); 16];
        let count = output.chunks_vectored(&mut slices);
        match self.stream.write_vectored(slices.get(..count).unwrap_or_default()) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            result => result,
        }
    }

    fn read_once(&mut self, clock: Clock) -> io::Result<usize> {
        let spare = self.driver.spare_mut(clock.now());
        if !spare.is_empty() {
            let len = self.stream.read(spare)?;
            if len > 0 {
                self.driver.handle_filled(len, clock.now());
            }
            return Ok(len);
        }
        scratch::with(|buffer| {
            let len = self.stream.read(buffer)?;
            if len > 0 {
                self.driver.handle_read(&mut buffer[..len], clock.now());
            }
            Ok(len)
        })
    }
}

impl<S: Transport> Link for Own<S> {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R {
        f(&mut self.driver)
    }

    fn write(&mut self, _: bool, clock: Clock) -> Written {
        let until = clock.now() + WRITE_SLICE;
        while self.driver.wants_write() {
            let result = self.write_once();
            let now = clock.now();
            match result {
                Ok(len) => {
                    self.unflushed = true;
                    self.driver.session_mut().handle_flushed(len, now);
                    // Reading would have its turn then, and might never give it back.
                    let slice_over = now >= until && self.stream.is_timed();
                    if slice_over && self.driver.wants_write() {
                        return Written::Blocked;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_wait(&error) => return Written::Blocked,
                Err(error) => self.driver.handle_write_failed(&error, now),
            }
        }
        // Only a stream with a buffer of its own has anything to do here.
        while self.unflushed {
            match self.stream.flush() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_wait(&error) => return Written::Blocked,
                Err(error) => self.driver.handle_write_failed(&error, clock.now()),
                Ok(()) => {}
            }
            self.unflushed = false;
        }
        Written::All
    }

    fn read(&mut self, _: bool, timeout: Option<Duration>, clock: Clock) -> Got {
        let result = match self.timeout.change(timeout) {
            Some(timeout) => self.stream.set_read_timeout(timeout),
            None => Ok(()),
        };
        sort(result.and_then(|()| self.read_once(clock))).unwrap_or_else(|how| {
            self.driver.handle_read_closed(how, clock.now());
            Got::Something
        })
    }

    fn shut_down(&mut self, _: Shutdown) {
        // The owner will drop the stream soon: there is nobody to wake.
        if !mem::replace(&mut self.shut_down, true) {
            let _ = self.stream.shutdown_write();
        }
    }

    fn holds_back(&self) -> bool {
        self.unflushed
    }

    fn patience(&self, wait: Option<Duration>) -> Option<Duration> {
        wait
    }
}

/// A socket and a driver that two threads share.
pub(super) struct Shared<S> {
    pub(super) socket: S,
    driver: Mutex<Driver>,
    reading: Mutex<ReadTimeout>,
    writing: Mutex<()>,
    /// A deadline that one half sets while the other waits is noticed after this time.
    glance: Duration,
}

impl<S: Socket> Shared<S> {
    pub(super) fn new(own: Own<S>, glance: Duration) -> Self {
        Self {
            socket: own.stream,
            driver: Mutex::new(own.driver),
            reading: Mutex::new(own.timeout),
            writing: Mutex::new(()),
            glance,
        }
    }

    /// Copies the beginning of the output.
    fn copy_output(&self, buffer: &mut [u8]) -> usize {
        let mut driver = lock(&self.driver);
        if !driver.wants_write() {
            return 0;
        }
        let mut output = driver.session_mut().output();
        let len = output.remaining().min(buffer.len()).min(COPY);
        output.copy_to_slice(&mut buffer[..len]);
        len
    }

    /// Waits until it is known whether our Close has left, while one is under way: the peer's answer
    /// may be read before the writing half has said so, and would look like a Close of its own.
    fn settle_close(&self) {
        let driver = lock(&self.driver);
        let under_way = driver.session().local_close().is_some_and(|close| !close.flushed);
        drop(driver);
        if under_way {
            drop(lock(&self.writing));
        }
    }

    /// Writes what is queued; the caller holds the writing lock.
    fn write_all(&self, clock: Clock) -> Written {
        let until = clock.now() + WRITE_SLICE;
        scratch::with(|buffer| {
            loop {
                let len = self.copy_output(buffer);
                if len == 0 {
                    return Written::All;
                }
                let result = self.socket.write_shared(&buffer[..len]);
                let now = clock.now();
                let mut driver = lock(&self.driver);
                match result {
                    Ok(0) => driver.handle_write_failed(&ErrorKind::WriteZero.into(), now),
                    Ok(len) => {
                        driver.session_mut().handle_flushed(len, now);
                        if now >= until && driver.wants_write() {
                            return Written::Blocked;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if is_wait(&error) => return Written::Blocked,
                    Err(error) => driver.handle_write_failed(&error, now),
                }
            }
        })
    }
}

impl<S: Socket> Link for Arc<Shared<S>> {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R {
        f(&mut lock(&self.driver))
    }

    fn write(&mut self, wait: bool, clock: Clock) -> Written {
        loop {
            let guard = if wait { Some(lock(&self.writing)) } else { try_lock(&self.writing) };
            let Some(guard) = guard else { return Written::Elsewhere };
            let written = self.write_all(clock);
            drop(guard);
            // The other half may have queued something after the last look, found the lock taken,
            // and left the writing to this one.
            if written == Written::Blocked || !lock(&self.driver).wants_write() {
                return written;
            }
        }
    }

    fn read(&mut self, wait: bool, timeout: Option<Duration>, clock: Clock) -> Got {
        let guard = if wait { Some(lock(&self.reading)) } else { try_lock(&self.reading) };
        let Some(mut current) = guard else { return Got::Unknown };
        if wait {
            // The writing half may have read ahead while this one waited for the lock.
            let driver = lock(&self.driver);
            if driver.has_incoming() && !driver.due(clock.now()) {
                return Got::Unknown;
            }
        }
        let set = match current.change(timeout) {
            Some(timeout) => self.socket.set_read_timeout_shared(timeout),
            None => Ok(()),
        };
        let result = scratch::with(|buffer| {
            let len = set.and_then(|()| self.socket.read_shared(buffer))?;
            if len > 0 {
                self.settle_close();
                lock(&self.driver).handle_read(&mut buffer[..len], clock.now());
            }
            Ok(len)
        });
        sort(result).unwrap_or_else(|how| {
            self.settle_close();
            lock(&self.driver).handle_read_closed(how, clock.now());
            Got::Something
        })
    }

    fn shut_down(&mut self, how: Shutdown) {
        // The other half may be waiting in a read, and keeps the socket open until it is dropped.
        let how = match how {
            Shutdown::Write => net::Shutdown::Write,
            Shutdown::Both => net::Shutdown::Both,
        };
        let _ = self.socket.shutdown_shared(how);
    }

    fn patience(&self, wait: Option<Duration>) -> Option<Duration> {
        if Arc::strong_count(self) == 1 {
            return wait;
        }
        Some(wait.map_or(self.glance, |wait| wait.min(self.glance)))
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
