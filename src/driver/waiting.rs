//! What an executor asks whose reads and writes wait: for how long they may.

use core::time::Duration;

use super::{Driver, WRITE_SLICE, sooner};
use crate::time::Timestamp;

impl Driver {
    /// Says that a write waits where the stream is full. Reading gets its turn after
    /// `WRITE_SLICE`, unless [it might not give it back](Self::reads_may_last).
    pub(crate) fn writes_wait(mut self) -> Self {
        self.settings.writes_wait = true;
        self
    }

    /// A call begins that is over at this time, if at any. Then [`Step::Done`](super::Step::Done)
    /// says so, whatever is wanted.
    ///
    /// Where there is no time from the beginning on, one read is tried, unless it may last. A
    /// deadline waits for a read, so it takes effect with a call that has time for one.
    #[inline]
    pub(crate) fn begin(&mut self, until: Option<Timestamp>, now: impl FnOnce() -> Timestamp) {
        let late = until.is_some_and(|until| until <= now());
        self.turn.begin(until, late && self.settings.reads_may_last);
        self.handle_ready();
    }

    /// How long the write may wait that was asked for: for `WRITE_SLICE`, or longer where the stream
    /// has moved neither way for a while, but past no deadline then.
    #[inline]
    pub(crate) fn write_timeout(&mut self, now: impl FnOnce() -> Timestamp) -> Duration {
        let slice = self.turn.write_slice();
        if slice == WRITE_SLICE {
            return slice;
        }
        let now = now();
        let deadline = self.deadline();
        let left = deadline.into_iter().chain(self.turn.until).min().map(|at| at.since(now));
        left.map_or(slice, |left| slice.min(left))
    }

    /// Until when at most the read may wait that was asked for, where it is so late now. It may end
    /// before there is anything to do. The next one is asked for only if the call is not over: a peer
    /// that always has more to read does not keep it.
    #[inline]
    pub(crate) fn read_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        let until = self.turn.will_wait(now);
        if self.turn.wants_to_write() {
            // The stream is tried again as soon as nothing more is there.
            return Some(now);
        }
        let session = sooner(self.session.nothing_before(now), self.security.deadline());
        sooner(session, until)
    }

    /// Whether what is read may be told only after the write that is under way: our Close is in it,
    /// and the peer's echo of one that is not known to have left would look like a Close of its own.
    pub(crate) fn write_comes_first(&self) -> bool {
        self.session.local_close().is_some_and(|close| !close.flushed)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::config::Config;
    use crate::driver::{Driver, Step, WRITE_SLICE, Want};
    use crate::handshake::Negotiated;
    use crate::session::Session;
    use crate::time::Timestamp;
    use crate::wire::keystream::Seed;
    use crate::wire::role::Role;

    const START: Timestamp = Timestamp::ZERO;

    fn driver(reads_may_last: bool) -> Driver {
        let (seed, negotiated) = (Seed::new([7; 32]), Negotiated::default());
        let session = Session::upgraded(Role::Server, negotiated, Config::default(), seed, START);
        Driver::new(session, START).reads_may_last(reads_may_last).writes_wait()
    }

    #[test]
    fn reading_gets_its_turn_after_a_slice_of_writing_unless_it_may_keep_it() {
        for reads_may_last in [false, true] {
            let (mut driver, mut now) = (driver(reads_may_last), START);
            driver.send(&[1; 5000][..], now).expect("there is room");
            driver.begin(None, || now);
            let mut writes = 0;
            while let Step::Write = driver.next(Want::Flushed) {
                now = now + Duration::from_millis(3);
                driver.handle_written(100, now);
                writes += 1;
            }
            // The slice begins when the first write has ended.
            let slice = 2 + WRITE_SLICE.as_millis() / 3;
            let whole = 5004_u128.div_ceil(100);
            assert_eq!(writes, if reads_may_last { whole } else { slice });
            if !reads_may_last {
                // Until nothing is there to read.
                assert!(matches!(driver.next(Want::Flushed), Step::Read));
                assert_eq!(driver.read_until(now), Some(now));
                driver.handle_read_blocked();
                assert!(matches!(driver.next(Want::Flushed), Step::Wait(wait) if wait.write));
                driver.handle_ready();
                assert!(matches!(driver.next(Want::Flushed), Step::Write));
            }
        }
    }

    #[test]
    fn a_call_that_has_no_time_reads_once_where_a_read_gives_its_turn_back() {
        let mut bounded = driver(false);
        bounded.begin(Some(START), || START);
        assert!(matches!(bounded.next(Want::Event), Step::Read));
        assert_eq!(bounded.read_until(START), Some(START));
        // Half a frame is no event.
        bounded.handle_read(&mut [0x81], START);
        assert!(matches!(bounded.next(Want::Event), Step::Done));
        bounded.begin(None, || START);
        assert!(matches!(bounded.next(Want::Event), Step::Read));

        let mut unbounded = driver(true);
        unbounded.begin(Some(START), || START);
        assert!(matches!(unbounded.next(Want::Event), Step::Done));
    }

    #[test]
    fn a_call_is_over_in_time_although_nothing_is_due() {
        let (mut driver, until) = (driver(false), START + Duration::from_millis(5));
        driver.begin(Some(until), || START);
        assert!(matches!(driver.next(Want::Event), Step::Read));
        assert_eq!(driver.read_until(START), Some(until));
        driver.handle_read_blocked();
        assert!(matches!(driver.next(Want::Event), Step::Wait(wait) if wait.until == Some(until)));
        driver.handle_timeout(until);
        assert!(matches!(driver.next(Want::Event), Step::Done));
    }

    #[test]
    fn a_read_never_waits_beyond_a_deadline() {
        let mut driver = driver(false);
        driver.begin(None, || START);
        for secs in 0..40 {
            let now = START + Duration::from_secs(secs);
            let deadline = driver.session().poll_timeout().expect("there is a heartbeat");
            let until = driver.read_until(now).expect("there is a deadline");
            assert!(until <= deadline && (until > now || deadline <= now), "{until:?} at {now:?}");
        }
    }
}
