//! The turns that a blocking socket takes: write, end our side, read or wait, look at the clock.
//!
//! The same code drives a socket with one owner and the halves of a split one.

use alloc::boxed::Box;
use core::time::Duration;
use std::thread;

use super::stream::{Got, Link, Written};
use crate::adapter::Incoming;
use crate::adapter::driver::{Driver, Next};
use crate::connection::SendError;
use crate::report::Termination;
use crate::session::{Outgoing, SendRefused};
use crate::time::{Clock, Timestamp};
use crate::wire::close::CloseFrame;

/// The shortest wait for input: long enough to be one for every system.
const GLANCE: Duration = Duration::from_millis(1);

/// How long reading ahead goes on at most before writing gets its turn.
const READ_SLICE: Duration = Duration::from_millis(10);

/// A link and the clock that its driver runs on.
pub(super) struct Engine<L> {
    pub(super) link: L,
    pub(super) clock: Clock,
}

impl<L: Link> Engine<L> {
    pub(super) fn next(&mut self) -> Incoming {
        loop {
            if let Some(incoming) = self.next_before(None) {
                return incoming;
            }
        }
    }

    /// The next message or the report, or nothing once `until` has passed.
    pub(super) fn next_before(&mut self, until: Option<Timestamp>) -> Option<Incoming> {
        let mut wrote = false;
        loop {
            let now = self.clock.now();
            match self.link.with(|driver| driver.next(wrote, now)) {
                Next::Incoming(incoming) => return Some(incoming),
                Next::Write => {
                    self.link.write(false, self.clock);
                    wrote = true;
                }
                Next::Wait if until.is_some_and(|until| until <= now) => return None,
                Next::Wait => self.turn_within(until.map(|until| until.since(now))),
            }
        }
    }

    /// Writes, then waits for input until the next deadline at most. Nothing may wait unparsed.
    pub(super) fn turn(&mut self) {
        self.turn_within(None);
    }

    /// As [`turn`](Self::turn), without waiting for longer than `limit`.
    fn turn_within(&mut self, limit: Option<Duration>) {
        //= rfc6455#6.1
        //# The frame(s) that have been formed MUST be transmitted over the
        //# underlying network connection.
        let written = self.link.write(false, self.clock);
        self.shut_down();
        let now = self.clock.now();
        let (wait, may_read, ended) = self.link.with(|driver| {
            let wait = driver.session().poll_timeout().map(|at| at.since(now));
            (wait, driver.may_read(), driver.ended().is_some())
        });
        if ended {
            return;
        }
        let timeout = match written {
            Written::Blocked => Some(GLANCE),
            Written::All | Written::Elsewhere => {
                let patience = self.link.patience(wait);
                let patience = patience.into_iter().chain(limit).min();
                patience.map(|wait| wait.max(GLANCE))
            }
        };
        let got = if may_read {
            self.link.read(true, timeout, self.clock)
        } else if written == Written::Blocked {
            Got::Nothing // The write has waited.
        } else {
            // Nothing can come any more and nothing is left to write: only time is missing.
            match (wait, timeout) {
                (Some(_), Some(timeout)) => thread::sleep(timeout),
                _ => self.abort(),
            }
            Got::Nothing
        };
        self.handle_timeout(got);
    }

    /// Lets deadlines take effect, unless there may be input that nobody has looked at.
    fn handle_timeout(&mut self, got: Got) {
        if got == Got::Unknown {
            return;
        }
        let now = self.clock.now();
        self.link.with(|driver| {
            if driver.due(now) {
                driver.handle_timeout(now);
            }
        });
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if self.link.holds_back() && self.link.with(|driver| driver.ended().is_none()) {
            return;
        }
        if let Some(how) = self.link.with(Driver::take_shutdown) {
            self.link.shut_down(how);
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), SendError> {
        while !self.link.with(|driver| driver.flushed())? || self.link.holds_back() {
            self.write_on();
        }
        Ok(())
    }

    /// Writes, and reads ahead while the transport takes nothing: the peer may be waiting, too,
    /// until somebody reads what it sends.
    fn write_on(&mut self) {
        let written = self.link.write(true, self.clock);
        self.shut_down();
        if written == Written::All {
            return;
        }
        let until = self.clock.now() + READ_SLICE;
        loop {
            let now = self.clock.now();
            let read = self.link.with(|driver| {
                driver.parse_leftover(true, now);
                driver.may_read_ahead() || (driver.may_read() && driver.due(now))
            });
            if !read {
                // Nothing may be read any more: deadlines have nothing to wait for.
                return self.handle_timeout(Got::Nothing);
            }
            let got = self.link.read(false, Some(GLANCE), self.clock);
            self.handle_timeout(got);
            if got != Got::Something || now >= until {
                return;
            }
        }
    }

    pub(super) fn try_feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendRefused<'m>> {
        let now = self.clock.now();
        self.link.with(|driver| driver.send(message, now))
    }

    /// Queues a message as soon as there is room.
    pub(super) fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), SendRefused<'m>> {
        let mut message = message.into();
        loop {
            match self.try_feed(message) {
                Err(refused) if refused.reason == SendError::Full => message = refused.message,
                result => return result,
            }
            self.write_on();
        }
    }

    pub(super) fn queue_close(&mut self, frame: CloseFrame) -> Result<(), SendError> {
        let now = self.clock.now();
        self.link.with(|driver| driver.close(frame, now))
    }

    /// Drives the connection to its end, dropping the messages until then.
    pub(super) fn finish(&mut self) -> Box<Termination> {
        loop {
            if let Incoming::Ended(report) = self.next() {
                return report;
            }
        }
    }

    pub(super) fn abort(&mut self) {
        let now = self.clock.now();
        self.link.with(|driver| driver.abort(now));
        self.shut_down();
    }
}
