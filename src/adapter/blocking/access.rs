//! A stream with its driver: held by one owner, or shared by the two halves of a split socket.
//!
//! Invariant of the shared one: nobody holds the driver's lock while a read or a write waits. The
//! locks are taken in the order reading, writing, driver.

use alloc::sync::Arc;
use core::mem;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;

use super::transport::{Socket, Transport};
use crate::adapter::{lock, scratch};
use crate::driver::{self, Driver, Shutdown, WRITE_SLICE};
use crate::time::{Clock, Timestamp, nanos};

/// The shortest wait for input: long enough to be one for every system.
pub(super) const GLANCE: Duration = Duration::from_millis(1);

/// How much of the output a write copies out from under the lock.
const COPY: usize = 64 * 1024;

/// How one executor reaches a stream and its driver.
pub(super) trait Access {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R;

    /// Writes once; `wait` for another thread that does.
    fn write(&mut self, wait: bool, clock: Clock);

    fn flush(&mut self, clock: Clock);

    /// Reads once, until this time at most; `wait` for another thread that does.
    fn read(&mut self, wait: bool, now: Timestamp, until: Option<Timestamp>, clock: Clock);

    fn shut_down(&mut self, how: Shutdown);
}

/// The timeout that a stream was given last, in nanoseconds; `u64::MAX` waits for ever.
///
/// Deadlines move with every message and come closer with every read, and a system call for each
/// would be a waste. So a wait may end early, and is then taken up again.
#[derive(Debug, Default)]
struct ReadTimeout(u64);

impl ReadTimeout {
    /// Shorter waits than this are exact.
    const EXACT: u64 = 100_000_000;

    /// Waits are not shorter than this.
    const SHORTEST: u64 = nanos(GLANCE);

    /// The timeout that the stream has to be given, if it needs another one than it has.
    #[inline]
    fn change(&mut self, now: Timestamp, until: Option<Timestamp>) -> Option<Option<Duration>> {
        let wanted = match until {
            Some(at) => at.as_nanos().saturating_sub(now.as_nanos()).max(Self::SHORTEST),
            None => u64::MAX,
        };
        let (set, least) = match wanted {
            u64::MAX => (wanted, wanted),
            Self::EXACT.. => (wanted - wanted / 8, wanted / 2),
            _ => (wanted, wanted),
        };
        if (least..=wanted).contains(&self.0) {
            return None;
        }
        self.0 = set;
        Some((set != u64::MAX).then(|| Duration::from_nanos(set)))
    }
}

/// Marks the result of a call that only waited for as long as it was allowed to.
///
/// On Unix, a socket's timeout is `WouldBlock`, and `TimedOut` means that the system gave up on the
/// peer. On Windows both are `TimedOut`; the session's own deadlines find the peer's death there.
#[inline]
fn waited<T>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if cfg!(windows) && error.kind() == ErrorKind::TimedOut => {
            Err(ErrorKind::WouldBlock.into())
        }
        result => result,
    }
}

/// A stream and a driver with one owner.
pub(super) struct Own<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    timeout: ReadTimeout,
    shut_down: bool,
}

impl<S: Transport> Own<S> {
    pub(super) fn new(mut stream: S, driver: Driver) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_SLICE))?;
        let driver = driver.reads_may_last(!stream.is_timed()).writes_wait();
        Ok(Self { stream, driver, timeout: ReadTimeout::default(), shut_down: false })
    }
}

impl<S: Transport> Access for Own<S> {
    #[inline]
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R {
        f(&mut self.driver)
    }

    fn write(&mut self, _: bool, clock: Clock) {
        let stream = &mut self.stream;
        self.driver.write_with(|slices| waited(stream.write_vectored(slices)), || clock.now());
    }

    fn flush(&mut self, clock: Clock) {
        let stream = &mut self.stream;
        self.driver.flush_with(|| waited(stream.flush()), || clock.now());
    }

    fn read(&mut self, _: bool, now: Timestamp, until: Option<Timestamp>, clock: Clock) {
        let Self { stream, driver, .. } = self;
        let set = match self.timeout.change(now, until) {
            Some(timeout) => stream.set_read_timeout(timeout),
            None => Ok(()),
        };
        let read = |memory: &mut [u8]| waited(set.and_then(|()| stream.read(memory)));
        scratch::with(|memory| driver.read_with(memory, read, || clock.now()));
    }

    fn shut_down(&mut self, _: Shutdown) {
        // The owner will drop the stream soon: there is nobody to wake.
        if !mem::replace(&mut self.shut_down, true) {
            let _ = self.stream.shutdown_write();
        }
    }
}

/// A socket and a driver that two threads share.
pub(super) struct Shared<S> {
    socket: S,
    driver: Mutex<Driver>,
    reading: Mutex<ReadTimeout>,
    writing: Mutex<()>,
    /// A deadline that one half sets while the other waits is noticed after this time.
    glance: Duration,
}

/// What one of the threads has of it.
pub(super) struct Half<S> {
    shared: Arc<Shared<S>>,
    /// What this thread has tried. What it leaves to the other is blocked for this one alone.
    turn: driver::Turn,
}

impl<S: Socket> Half<S> {
    pub(super) fn both(own: Own<S>, glance: Duration) -> (Self, Self) {
        let shared = Arc::new(Shared {
            socket: own.stream,
            driver: Mutex::new(own.driver),
            reading: Mutex::new(own.timeout),
            writing: Mutex::new(()),
            glance,
        });
        let half = || Self { shared: shared.clone(), turn: driver::Turn::default() };
        (half(), half())
    }

    /// How long a read waits although no deadline calls for it: the other thread may set one.
    fn or_glance(&self, now: Timestamp, until: Option<Timestamp>) -> Option<Timestamp> {
        if Arc::strong_count(&self.shared) == 1 {
            return until;
        }
        let glance = now + self.shared.glance;
        Some(until.map_or(glance, |until| until.min(glance)))
    }

    /// Waits for the write that is under way, where the driver has to be told of it first.
    fn await_write(&self) {
        let write_comes_first = self.driver().write_comes_first();
        if write_comes_first {
            drop(lock(&self.shared.writing));
        }
    }
}

impl<S> Half<S> {
    pub(super) fn socket(&self) -> &S {
        &self.shared.socket
    }

    pub(super) fn driver(&self) -> MutexGuard<'_, Driver> {
        lock(&self.shared.driver)
    }
}

impl<S: Socket> Access for Half<S> {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R {
        let mut driver = lock(&self.shared.driver);
        driver.swap_turn(&mut self.turn);
        let result = f(&mut driver);
        driver.swap_turn(&mut self.turn);
        result
    }

    fn write(&mut self, wait: bool, clock: Clock) {
        let shared = self.shared.clone();
        let Some(_guard) = lock_if(&shared.writing, wait) else {
            // The other thread writes, and will write what was queued since.
            self.turn.write_blocked = true;
            return;
        };
        scratch::with(|memory| {
            let len = self.with(|driver| driver.copy_output(memory.get_mut(..COPY)));
            if len > 0 {
                let result = waited(shared.socket.write_shared(&memory[..len]));
                self.with(|driver| driver.handle_write_result(result, || clock.now()));
            }
        });
    }

    fn flush(&mut self, _: Clock) {
        // A socket that can be shared has no buffer.
        self.with(Driver::handle_flushed);
    }

    fn read(&mut self, wait: bool, now: Timestamp, until: Option<Timestamp>, clock: Clock) {
        let shared = self.shared.clone();
        let Some(mut current) = lock_if(&shared.reading, wait) else {
            // Nothing can be said of what that thread has read. It is given a moment, since this
            // one may have nothing else to wait for.
            thread::sleep(GLANCE);
            self.turn.read_blocked = true;
            return;
        };
        // The writing half may have read ahead while this one waited for the lock.
        if wait && self.driver().has_incoming() {
            return;
        }
        let set = match current.change(now, self.or_glance(now, until)) {
            Some(timeout) => shared.socket.set_read_timeout_shared(timeout),
            None => Ok(()),
        };
        scratch::with(|memory| {
            let result = waited(set.and_then(|()| shared.socket.read_shared(memory)));
            if !matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock) {
                self.await_write();
            }
            self.with(|driver| driver.handle_read_result(result, memory, || clock.now()));
        });
    }

    fn shut_down(&mut self, how: Shutdown) {
        // The other half may be waiting in a read, and keeps the socket open until it is dropped.
        let _ = self.shared.socket.shutdown_shared(how.into());
    }
}

/// The lock, if it is free or may be waited for.
fn lock_if<T>(mutex: &Mutex<T>, wait: bool) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => wait.then(|| lock(mutex)),
    }
}
