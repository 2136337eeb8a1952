//! The turn of a blocking stream. The same code serves a socket with one owner and each half of a
//! split one.

use std::thread;

use super::access::{Access, GLANCE};
use crate::driver::{Driver, Flushing, Step, Wait, Want};
use crate::session::SessionEvent;
use crate::time::{Clock, Timestamp};

/// What a stream and its driver run with.
pub(super) struct Turn<A> {
    pub(super) access: A,
    pub(super) clock: Clock,
}

impl<A: Access> Turn<A> {
    /// Executes steps until `pick` makes something of an event, or of nothing once what else is
    /// wanted is so. Returns nothing once this time has passed.
    pub(super) fn run<T>(
        &mut self,
        want: Want,
        until: Option<Timestamp>,
        pick: impl Fn(Option<SessionEvent<'static>>) -> Option<T>,
    ) -> Option<T> {
        self.begin(until);
        self.go_on(want, pick)
    }

    /// A call begins that is over at this time, if at any: what was blocked is tried again.
    #[inline]
    pub(super) fn begin(&mut self, until: Option<Timestamp>) {
        let clock = self.clock;
        self.access.with(|driver| driver.begin(until, || clock.now()));
    }

    /// Executes the steps of a flush as far as nothing keeps it up. Returns whether that was all.
    #[inline]
    pub(super) fn flush_at_once(&mut self) -> bool {
        while let Some(step) = self.access.with(Driver::next_of_flush) {
            match step {
                Flushing::Write => self.write(true),
                Flushing::Flush => self.access.flush(self.clock),
                Flushing::Done => return true,
            }
        }
        false
    }

    #[inline]
    fn write(&mut self, wait: bool) {
        let clock = self.clock;
        let timeout = self.access.with(|driver| driver.write_timeout(|| clock.now()));
        self.access.write(wait, timeout.max(GLANCE), clock);
    }

    /// Goes on with the call, as [`run`](Self::run) does.
    #[inline]
    pub(super) fn go_on<T>(
        &mut self,
        want: Want,
        pick: impl Fn(Option<SessionEvent<'static>>) -> Option<T>,
    ) -> Option<T> {
        let clock = self.clock;
        loop {
            match self.access.with(|driver| driver.next(want)) {
                Step::Event(event) => {
                    if let Some(picked) = pick(Some(event)) {
                        return Some(picked);
                    }
                }
                Step::Done => return pick(None),
                //= rfc6455#6.1
                //# The frame(s) that have been formed MUST be transmitted over the
                //# underlying network connection.
                Step::Write => self.write(want != Want::Event),
                Step::Flush => self.access.flush(clock),
                Step::ShutDown(how) => self.access.shut_down(how),
                Step::Read => {
                    let now = clock.now();
                    // A peer that always has more to read lets nobody wait.
                    if self.access.obey(now) {
                        continue;
                    }
                    let until = self.access.with(|driver| driver.read_until(now));
                    self.access.read(want == Want::Event, now, until, clock);
                }
                Step::Wait(wait) => self.wait(wait),
            }
        }
    }

    /// The reads and writes before have waited, so this looks at the clock, and waits only where
    /// nothing can be read or written here.
    fn wait(&mut self, wait: Wait) {
        let now = self.clock.now();
        if self.access.obey(now) {
            return;
        }
        if wait.is_over(now) {
            return self.access.with(|driver| driver.handle_timeout(now));
        }
        let left = wait.until.map(|until| until.since(now));
        if !wait.read && !wait.write {
            thread::sleep(left.unwrap_or(GLANCE));
        } else if !wait.read && self.access.with(|driver| driver.leaves_writing()) {
            // The other half of the socket writes, and there is nothing else to wait in.
            thread::sleep(left.map_or(GLANCE, |left| left.min(GLANCE)));
        }
        self.access.with(|driver| driver.handle_ready());
    }
}
