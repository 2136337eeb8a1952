//! What was tried in the present turn.

#[cfg(feature = "std")]
use core::time::Duration;

use super::{Step, WRITE_SLICE};
use crate::time::Timestamp;

/// What one executor has tried since it last waited.
///
/// Where two threads share a driver, each has one of its own: what one of them leaves to the other
/// is not blocked for that one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turn {
    /// Nothing was there to read.
    pub(crate) read_blocked: bool,
    /// The time that was told when a read was last asked for.
    pub(super) read_asked: Option<Timestamp>,
    /// The same of the read that was tried last, or when that came back if it brought something: only
    /// what it did not find is not there, however late it is by now.
    pub(super) read_tried: Option<Timestamp>,
    /// The stream took nothing.
    pub(crate) write_blocked: bool,
    /// Somebody else writes what there is, and tells when that is done.
    left_to_other: bool,
    /// How often in a row the stream took nothing, and brought nothing in between.
    stuck: u8,
    /// Reads that brought something since then.
    pub(super) reads: u8,
    /// The deadline that had passed when a read was last asked for, if one had.
    late: Option<Timestamp>,
    /// Reads in a row that were asked for because of it, and that brought something.
    late_reads: u8,
    /// When the stream first took something since then.
    writing_since: Option<Timestamp>,
    /// When the call is over.
    pub(super) until: Option<Timestamp>,
    /// It was over before it began, and no read can be tried.
    hasty: bool,
    /// It is over before another read.
    last_read: bool,
}

impl Turn {
    /// After so many reads that brought something, a write that was blocked is tried again, and a
    /// deadline that has passed takes effect: a peer that always has more to read keeps us from
    /// neither.
    const READS: u8 = 16;

    /// A write waits for 2^6 slices at most, 640 ms.
    #[cfg(feature = "std")]
    const DOUBLINGS: u8 = 6;

    /// Whether enough was read for this deadline, which has passed, to take effect: all that there
    /// was, where a single read is not enough. A read counts that began at the deadline or later,
    /// however late it has become since: somebody who tells the time all the while puts nothing off.
    pub(super) fn has_read_enough(&self, one_is_enough: bool, deadline: Timestamp) -> bool {
        let tried = self.read_tried.is_some_and(|asked| asked >= deadline);
        let all = tried && (self.read_blocked || one_is_enough);
        all || self.late == Some(deadline) && self.late_reads >= Self::READS
    }

    /// A deadline has taken effect.
    pub(super) fn has_timed_out(&mut self) {
        self.read_tried = None;
        self.late_reads = 0;
    }

    /// A call begins.
    #[cfg(feature = "std")]
    pub(super) fn begin(&mut self, until: Option<Timestamp>, hasty: bool) {
        (self.until, self.hasty) = (until, hasty);
    }

    /// Whether the call is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// What was blocked is tried again.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.left_to_other = false;
        self.read_blocked = false;
        self.write_blocked = false;
        self.writing_since = None;
        self.last_read = self.hasty;
    }

    /// A read is asked for, for which this deadline has to wait, if one has passed; unless the call
    /// is over.
    #[inline]
    pub(super) fn will_read(&mut self, late: Option<Timestamp>, now: Timestamp) -> Step {
        if self.last_read {
            return Step::Done;
        }
        // What was read for the sake of another deadline says nothing about this one.
        if self.late != late {
            (self.late, self.late_reads) = (late, 0);
        }
        self.read_asked = Some(now);
        Step::Read
    }

    /// The read begins, and may wait until the call is over.
    #[cfg(feature = "std")]
    pub(super) fn will_wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.last_read = self.is_over(now);
        self.until
    }

    /// How long a write may wait: the longer, the longer the stream has moved neither way. What the
    /// peer sends then may have to wait for as long.
    #[cfg(feature = "std")]
    pub(super) fn write_slice(&self) -> Duration {
        WRITE_SLICE * (1 << self.stuck.saturating_sub(1).min(Self::DOUBLINGS))
    }

    /// Whether a read is to come back at once, so that the stream is tried again.
    #[cfg(feature = "std")]
    pub(super) fn wants_to_write(&self) -> bool {
        self.write_blocked && !self.left_to_other
    }

    /// Whether somebody else is.
    #[cfg(feature = "std")]
    pub(super) fn leaves_writing(&self) -> bool {
        self.left_to_other
    }

    /// Somebody else is writing.
    #[cfg(feature = "std")]
    pub(crate) fn leave_writing(&mut self) {
        self.has_blocked();
        self.left_to_other = true;
    }

    /// The stream has taken something, after a wait or not.
    pub(super) fn has_written(&mut self, now: Timestamp) {
        self.stuck = 0;
        if *self.writing_since.get_or_insert(now) + WRITE_SLICE <= now {
            self.has_blocked();
        }
    }

    /// The stream takes nothing.
    pub(super) fn has_refused(&mut self) {
        self.stuck = self.stuck.saturating_add(1);
        self.has_blocked();
    }

    /// The stream is not to be asked at present.
    fn has_blocked(&mut self) {
        self.write_blocked = true;
        self.reads = 0;
        self.writing_since = None;
    }

    pub(super) fn has_read(&mut self, now: Timestamp) {
        self.read_tried = Some(now);
        self.stuck = 0;
        self.reads = self.reads.saturating_add(1);
        self.late_reads = self.late.map_or(0, |_| self.late_reads.saturating_add(1));
        if self.reads >= Self::READS {
            self.write_blocked = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use bytes::Buf;

    use super::Turn;
    use crate::config::Config;
    use crate::driver::{Driver, Step, Want};
    use crate::handshake::Negotiated;
    use crate::report::Cause;
    use crate::session::{Session, SessionEvent};
    use crate::time::Timestamp;
    use crate::wire::close::CloseCode;
    use crate::wire::keystream::Seed;
    use crate::wire::role::Role;

    const TICK: Duration = Duration::from_millis(1);
    const PING: [u8; 2] = [0x89, 0];

    /// Closes a connection whose peer was read again only after `pause`; `read` is what a read then
    /// brings, if anything. Returns how and when it ended.
    fn close(pause: Duration, mut read: impl FnMut() -> Option<u8>) -> (Cause, Timestamp) {
        let (seed, mut now) = (Seed::new([7; 32]), Timestamp::ZERO);
        let negotiated = Negotiated::default();
        let session = Session::upgraded(Role::Client, negotiated, Config::default(), seed, now);
        let mut driver = Driver::new(session, now);
        driver.session_mut().close(CloseCode::NORMAL, now).expect("it is open");
        for _ in 0..100_000 {
            now = now + TICK;
            match driver.next(Want::Event) {
                Step::Event(SessionEvent::Ended(report)) => return (report.cause, now),
                Step::Write => {
                    let len = driver.output().remaining();
                    driver.handle_written(len, now);
                    now = now + pause;
                }
                Step::Flush => driver.handle_flushed(),
                Step::Read => match read() {
                    Some(byte) => driver.handle_read(&mut [byte], now),
                    None => driver.handle_read_blocked(),
                },
                Step::Wait(wait) if wait.is_over(now) => driver.handle_timeout(now),
                Step::Wait(_) => driver.handle_ready(),
                Step::Event(_) | Step::ShutDown(_) | Step::Done => {}
            }
        }
        panic!("it has no end");
    }

    #[test]
    fn what_comes_in_pieces_is_read_before_a_deadline_takes_effect() {
        let mut pieces = [&PING[..], b"\x81\x01x", b"\x88\x02\x03\xe8"].concat().into_iter();
        let (cause, _) = close(Duration::from_secs(60), || pieces.next());
        assert_eq!(cause, Cause::ClosingHandshake);
    }

    /// Found by the model: a deadline took effect for which nothing was read, because enough had been
    /// for one before that moved.
    #[test]
    fn what_was_read_for_one_deadline_does_not_count_for_the_next() {
        let (mut turn, mut now) = (Turn::default(), Timestamp::ZERO);
        for deadline in [1, 2].map(|ticks| Timestamp::ZERO + ticks * TICK) {
            now = now + 10 * TICK;
            for reads in 0..=Turn::READS {
                let enough = reads == Turn::READS;
                assert_eq!(turn.has_read_enough(false, deadline), enough, "{reads}");
                assert!(matches!(turn.will_read(Some(deadline), now), Step::Read));
                turn.has_read(now);
            }
        }
    }

    #[test]
    fn a_peer_that_always_has_more_to_read_does_not_put_a_deadline_off() {
        let mut pings = PING.into_iter().cycle();
        let (cause, ended) = close(Duration::ZERO, || pings.next());
        assert_eq!(cause, Cause::CloseTimeout);
        let timeouts = Config::default().timeouts;
        assert!(ended <= Timestamp::ZERO + timeouts.close + timeouts.linger + 200 * TICK);
    }
}
