//! The turn of a blocking stream. The same code serves a socket with one owner and each half of a
//! split one.

use core::time::Duration;
use std::thread;

use super::access::{Access, GLANCE, LONGEST_SLICE, WRITE_SLICE};
use crate::driver::{Step, Wait, Want};
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
        self.access.with(|driver| driver.handle_ready());
        // Where there is no time left, one more read is tried, unless it cannot be bounded. A
        // deadline waits for a read, so that it takes effect with a call that has time for one.
        let hasty = self.is_late(until) && !self.access.is_timed();
        let mut last_read = hasty;
        let mut wrote_first = None;
        let mut slice = WRITE_SLICE;
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
                Step::Write => {
                    let timeout = self.write_timeout(slice, until);
                    let wrote = self.access.write(want != Want::Event, timeout, self.clock);
                    // Reading gets its turn, unless it might never give it back.
                    let slice_over = *wrote_first.get_or_insert(wrote) + WRITE_SLICE <= wrote;
                    if slice_over && self.access.is_timed() {
                        self.access.with(|driver| driver.handle_write_blocked());
                        wrote_first = None;
                    }
                }
                Step::Flush => self.access.flush(self.clock),
                Step::ShutDown(how) => self.access.shut_down(how),
                Step::Read if last_read => return None,
                Step::Read => {
                    // A peer that always has more to read does not keep us beyond the time given.
                    last_read = self.is_late(until);
                    let timeout = self.timeout(until);
                    self.access.read(want == Want::Event, timeout, self.clock);
                }
                Step::Wait(wait) => {
                    // A stream that moves neither way is tried less and less often.
                    let stuck = self.access.with(|driver| driver.is_stuck());
                    slice = if stuck { (2 * slice).min(LONGEST_SLICE) } else { WRITE_SLICE };
                    if self.wait(wait, until) {
                        return None;
                    }
                    last_read = hasty;
                }
            }
        }
    }

    fn is_late(&self, until: Option<Timestamp>) -> bool {
        until.is_some_and(|until| until <= self.clock.now())
    }

    /// How long a write may wait: past no deadline, where it is long.
    fn write_timeout(&mut self, slice: Duration, until: Option<Timestamp>) -> Duration {
        if slice == WRITE_SLICE {
            return slice;
        }
        let deadline = self.access.with(|driver| driver.session().poll_timeout());
        let now = self.clock.now();
        let left = deadline.into_iter().chain(until).min().map(|at| at.since(now));
        left.map_or(slice, |left| slice.min(left)).max(GLANCE)
    }

    /// How long a read may wait.
    fn timeout(&mut self, until: Option<Timestamp>) -> Option<Duration> {
        let now = self.clock.now();
        let (deadline, blocked) =
            self.access.with(|driver| (driver.session().poll_timeout(), driver.is_write_blocked()));
        if blocked && !self.access.leaves_writing() {
            return Some(GLANCE);
        }
        let wait = deadline.into_iter().chain(until).min().map(|at| at.since(now));
        self.access.patience(wait).map(|wait| wait.max(GLANCE))
    }

    /// The reads and writes before have waited, so this looks at the clock, and waits only where
    /// nothing can be read or written. Returns whether there is no time left.
    fn wait(&mut self, wait: Wait, until: Option<Timestamp>) -> bool {
        let now = self.clock.now();
        if wait.is_over(now) {
            self.access.with(|driver| driver.handle_timeout(now));
            return false;
        }
        if until.is_some_and(|until| until <= now) {
            return true;
        }
        if !wait.read && !wait.write {
            let until = wait.until.into_iter().chain(until).min();
            thread::sleep(until.map_or(GLANCE, |until| until.since(now)));
        }
        self.access.with(|driver| driver.handle_ready());
        false
    }
}
