//! How a blocking stream waits: for how long it was asked to, and whether it did.
//!
//! Invariant: an error counts as a wait that is over only if the clock does not say otherwise.

use core::time::Duration;
use std::io::{self, ErrorKind};

use super::access::GLANCE;
use super::transport::Transport;
use crate::report::TransportError;
use crate::time::{Clock, Timestamp, nanos};

/// No wait is so short: the shortest that is asked for takes twice as long.
const INSTANT: Duration = Duration::from_micros(500);

/// The timeout that a stream was given last, in nanoseconds; `u64::MAX` waits for ever.
///
/// Deadlines move with every message and come closer with every read, and a system call for each
/// would be a waste. So a wait may end early, and is then taken up again.
#[derive(Debug, Default)]
pub(super) struct ReadTimeout(u64);

impl ReadTimeout {
    /// Shorter waits than this are exact.
    const EXACT: u64 = 100_000_000;

    /// Waits are not shorter than this.
    const SHORTEST: u64 = nanos(GLANCE);

    /// The timeout that the stream has to be given, if it needs another one than it has.
    #[inline]
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        until: Option<Timestamp>,
    ) -> Option<Option<Duration>> {
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

/// What is known of the waits of a stream.
#[derive(Debug)]
pub(super) struct Waits {
    /// Whether [`ErrorKind::TimedOut`] may be a wait that is over.
    time_out: bool,
    /// Whether a wait lasts for as long as was asked for.
    timed: bool,
    /// Whether the last read found nothing. Only then is the next one measured: it takes two looks
    /// at the clock, which a read that brings something is spared.
    found_nothing: bool,
    /// Reads in a row that found nothing and had not waited.
    instant: u8,
}

/// A call that may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// What is shorter was no wait.
    shortest: Duration,
    /// When it began, if it is measured.
    began: Option<Timestamp>,
    time_out: bool,
}

impl Waits {
    /// After so many reads, a stream does not wait by some accident.
    const INSTANT: u8 = 100;

    pub(super) fn new(stream: &impl Transport) -> Self {
        let (time_out, timed) = (stream.waits_time_out(), stream.is_timed());
        Self { time_out, timed, found_nothing: false, instant: 0 }
    }

    pub(super) fn begin_read(&self, timeout: &ReadTimeout, clock: Clock) -> Call {
        let measured = self.time_out || self.found_nothing;
        self.begin(measured, Duration::from_nanos(timeout.0), clock)
    }

    pub(super) fn begin_write(&self, limit: Duration, clock: Clock) -> Call {
        self.begin(self.time_out, limit, clock)
    }

    fn begin(&self, measured: bool, limit: Duration, clock: Clock) -> Call {
        let shortest = if self.timed { (limit / 2).max(INSTANT) } else { INSTANT };
        Call { shortest, began: measured.then(|| clock.now()), time_out: self.time_out }
    }

    /// As [`Call::end`], with an error for a stream that never waits.
    pub(super) fn end_read<T>(
        &mut self,
        call: Call,
        result: io::Result<T>,
        clock: Clock,
    ) -> io::Result<T> {
        let result = call.end(result, clock);
        self.found_nothing = matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock);
        if !(self.found_nothing && call.lasted_less_than(INSTANT, clock)) {
            self.instant = 0;
            return result;
        }
        self.instant += 1;
        if self.instant < Self::INSTANT {
            return result;
        }
        Err(io::Error::other(TransportError::NonBlocking))
    }
}

impl Call {
    /// What came of it: [`ErrorKind::WouldBlock`] if it waited for as long as it was allowed to.
    ///
    /// On Unix, a socket's timeout is that, and `TimedOut` means that the system gave up on the
    /// peer. On Windows both are `TimedOut`. An error that came at once is no wait; one that came
    /// late may still be the peer's death, which the next call then finds.
    pub(super) fn end<T>(self, result: io::Result<T>, clock: Clock) -> io::Result<T> {
        match result {
            Err(error)
                if self.time_out
                    && error.kind() == ErrorKind::TimedOut
                    && !self.lasted_less_than(self.shortest, clock) =>
            {
                Err(ErrorKind::WouldBlock.into())
            }
            result => result,
        }
    }

    /// Whether that is so and was measured.
    fn lasted_less_than(self, span: Duration, clock: Clock) -> bool {
        self.began.is_some_and(|began| clock.now().since(began) < span)
    }
}
