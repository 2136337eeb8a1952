//! A stream with its driver: held by one owner, or shared by the two halves of a split socket.
//!
//! Invariant of the shared one: nobody holds the driver's lock while a read or a write waits. The
//! locks are taken in the order reading, writing, driver.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;
use core::time::Duration;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;

use super::drain::LOOK;
use super::transport::{Socket, Transport};
use super::waits::{ReadTimeout, Waits};
use crate::adapter::{Ticket, lock, scratch};
use crate::driver::{self, Driver, Shutdown, WRITE_SLICE};
use crate::time::{Clock, Timestamp};

/// The shortest wait for input: long enough to be one for every system.
pub(super) const GLANCE: Duration = Duration::from_millis(1);

/// How much of the output a write copies out from under the lock.
const COPY: usize = 64 * 1024;

/// How one executor reaches a stream and its driver.
pub(super) trait Access {
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R;

    /// Writes once, for no longer than this; `wait` for another thread that does.
    fn write(&mut self, wait: bool, timeout: Duration, clock: Clock);

    fn flush(&mut self, clock: Clock);

    /// Reads once, until this time at most; `wait` for another thread that does.
    fn read(&mut self, wait: bool, now: Timestamp, until: Option<Timestamp>, clock: Clock);

    fn shut_down(&mut self, how: Shutdown);

    /// Does what the drain has asked for, if it has. Returns whether there was anything.
    fn obey(&mut self, now: Timestamp) -> bool;
}

/// A stream and a driver with one owner.
pub(super) struct Own<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    timeout: ReadTimeout,
    write_timeout: Duration,
    waits: Waits,
    shut_down: bool,
    /// Its place in a drain.
    pub(super) ticket: Option<Box<Ticket>>,
}

impl<S: Transport> Own<S> {
    pub(super) fn new(mut stream: S, driver: Driver) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_SLICE))?;
        let driver = driver.reads_may_last(!stream.is_timed()).writes_wait();
        let (timeout, waits) = (ReadTimeout::default(), Waits::new(&stream));
        let (write_timeout, shut_down, ticket) = (WRITE_SLICE, false, None);
        Ok(Self { stream, driver, timeout, write_timeout, waits, shut_down, ticket })
    }
}

impl<S: Transport> Access for Own<S> {
    #[inline]
    fn with<R>(&mut self, f: impl FnOnce(&mut Driver) -> R) -> R {
        f(&mut self.driver)
    }

    fn write(&mut self, _: bool, timeout: Duration, clock: Clock) {
        let Self { stream, driver, waits, write_timeout, .. } = self;
        let mut set = Ok(());
        if *write_timeout != timeout {
            *write_timeout = timeout;
            set = stream.set_write_timeout(Some(timeout));
        }
        let call = waits.begin_write(timeout, clock);
        let write = |slices: &[IoSlice<'_>]| {
            let written = set.and_then(|()| match slices {
                [only] => stream.write(only),
                several => stream.write_vectored(several),
            });
            call.end(written, clock)
        };
        driver.write_with(write, || clock.now());
    }

    fn flush(&mut self, clock: Clock) {
        let Self { stream, driver, waits, write_timeout, .. } = self;
        let call = waits.begin_write(*write_timeout, clock);
        driver.flush_with(|| call.end(stream.flush(), clock), || clock.now());
    }

    fn read(&mut self, _: bool, now: Timestamp, until: Option<Timestamp>, clock: Clock) {
        let Self { stream, driver, waits, ticket, .. } = self;
        let until = if ticket.is_some() { no_longer_than(LOOK, now, until) } else { until };
        let set = match self.timeout.change(now, until) {
            Some(timeout) => stream.set_read_timeout(timeout),
            None => Ok(()),
        };
        let call = waits.begin_read(&self.timeout, clock);
        let read =
            |memory: &mut [u8]| waits.end_read(call, set.and_then(|()| stream.read(memory)), clock);
        scratch::with(|memory| driver.read_with(memory, read, || clock.now()));
    }

    fn shut_down(&mut self, how: Shutdown) {
        // The owner will drop the stream soon: there is nobody to wake.
        if !mem::replace(&mut self.shut_down, true) {
            let _ = self.stream.shutdown_write();
        }
        if let (Shutdown::Both, Some(ticket)) = (how, &self.ticket) {
            ticket.ended(&self.driver);
        }
    }

    fn obey(&mut self, now: Timestamp) -> bool {
        match &self.ticket {
            Some(ticket) if ticket.is_called() => ticket.obey(&mut self.driver, now),
            _ => return false,
        }
        true
    }
}

/// The end of a wait that has this limit, too.
fn no_longer_than(limit: Duration, now: Timestamp, until: Option<Timestamp>) -> Option<Timestamp> {
    let limit = now + limit;
    Some(until.map_or(limit, |until| until.min(limit)))
}

/// A socket and a driver that two threads share.
pub(super) struct Shared<S> {
    socket: S,
    driver: Mutex<Driver>,
    reading: Mutex<(ReadTimeout, Waits)>,
    /// The timeout that writes have.
    writing: Mutex<Duration>,
    /// A deadline that one half sets while the other waits is noticed after this time.
    glance: Duration,
    ticket: Option<Box<Ticket>>,
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
            reading: Mutex::new((own.timeout, own.waits)),
            writing: Mutex::new(own.write_timeout),
            glance,
            ticket: own.ticket,
        });
        let half = |shared| Self { shared, turn: driver::Turn::default() };
        (half(shared.clone()), half(shared))
    }

    /// How long a read waits although no deadline calls for it: the other thread may set one.
    fn or_glance(&self, now: Timestamp, until: Option<Timestamp>) -> Option<Timestamp> {
        match (Arc::strong_count(&self.shared), &self.shared.ticket) {
            (1, None) => until,
            (1, Some(_)) => no_longer_than(LOOK, now, until),
            _ => no_longer_than(self.shared.glance, now, until),
        }
    }

    /// Waits for the write that is under way, where the driver has to be told of it first.
    fn await_write(&self) {
        let write_comes_first = self.driver().write_comes_first();
        if write_comes_first {
            drop(lock(&self.shared.writing));
        }
    }
}

impl<S: Socket> Shared<S> {
    /// Gives writes this timeout, where they can have another one than they have.
    fn set_write_timeout(&self, current: &mut Duration, wanted: Duration) -> io::Result<()> {
        if *current == wanted {
            return Ok(());
        }
        match self.socket.set_write_timeout_shared(Some(wanted)) {
            Ok(()) => *current = wanted,
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => return Err(error),
        }
        Ok(())
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

    fn write(&mut self, wait: bool, timeout: Duration, clock: Clock) {
        let shared = self.shared.clone();
        // What is written behind the end is the last word, which the other thread may not know of.
        let wait = wait || self.driver().ended().is_some();
        let Some(mut current) = lock_if(&shared.writing, wait) else {
            // The other thread writes, and will write what was queued since.
            return self.turn.leave_writing();
        };
        let set = shared.set_write_timeout(&mut current, timeout);
        scratch::with(|memory| {
            let len = self.with(|driver| driver.copy_output(memory.get_mut(..COPY)));
            if len > 0 {
                let waits = Waits::new(&shared.socket);
                let call = waits.begin_write(*current, clock);
                let result = set.and_then(|()| shared.socket.write_shared(&memory[..len]));
                let result = call.end(result, clock);
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
        let (current, waits) = &mut *current;
        let set = match current.change(now, self.or_glance(now, until)) {
            Some(timeout) => shared.socket.set_read_timeout_shared(timeout),
            None => Ok(()),
        };
        let call = waits.begin_read(current, clock);
        scratch::with(|memory| {
            let result = set.and_then(|()| shared.socket.read_shared(memory));
            let result = waits.end_read(call, result, clock);
            if !matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock) {
                self.await_write();
            }
            self.with(|driver| driver.handle_read_result(result, memory, || clock.now()));
        });
    }

    fn shut_down(&mut self, how: Shutdown) {
        // The other half may be waiting in a read, and keeps the socket open until it is dropped.
        let _ = self.shared.socket.shutdown_shared(how.into());
        if let (Shutdown::Both, Some(ticket)) = (how, &self.shared.ticket) {
            ticket.ended(&self.driver());
        }
    }

    fn obey(&mut self, now: Timestamp) -> bool {
        let Some(ticket) = self.shared.ticket.as_ref().filter(|ticket| ticket.is_called()) else {
            return false;
        };
        ticket.obey(&mut self.driver(), now);
        true
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
