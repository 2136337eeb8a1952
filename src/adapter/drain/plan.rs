//! When a drain does what. Nothing here knows a socket or a clock.

use core::time::Duration;

/// How long is waited for those that were aborted to notice.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// No wait is shorter: so many sockets share one wake-up.
const SHORTEST: Duration = Duration::from_millis(1);

/// The orders for a number of sockets, spread evenly over the first half of a time.
#[derive(Debug)]
pub(super) struct Plan {
    total: usize,
    given: usize,
    within: Duration,
    aborted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many more are to be closed.
    Close {
        count: usize,
    },
    /// All that are left are to be aborted.
    Abort,
    /// There is nothing to do until then.
    Wait {
        until: Duration,
    },
    Over,
}

impl Plan {
    pub(super) fn new(total: usize, within: Duration) -> Self {
        Self { total, given: 0, within, aborted: false }
    }

    /// What is due so long after the beginning, while so many are open.
    pub(super) fn next(&mut self, open: usize, elapsed: Duration) -> Step {
        let end = self.within.saturating_add(GRACE);
        if open == 0 || self.aborted && elapsed >= end {
            return Step::Over;
        }
        if elapsed >= self.within {
            if self.aborted {
                return Step::Wait { until: end };
            }
            self.aborted = true;
            return Step::Abort;
        }
        let due = (0..self.total - self.given).take_while(|n| self.at(self.given + n) <= elapsed);
        let count = due.count();
        if count > 0 {
            self.given += count;
            return Step::Close { count };
        }
        let next = if self.given < self.total { self.at(self.given) } else { self.within };
        Step::Wait { until: next.max(elapsed.saturating_add(SHORTEST)).min(self.within) }
    }

    /// When this one is closed, counted from zero.
    fn at(&self, index: usize) -> Duration {
        let spread = (self.within / 2).as_nanos();
        let nanos = spread * index as u128 / (self.total.max(1)) as u128;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn orders_are_spread_over_the_first_half() {
        for total in [1, 2, 10, 999] {
            let mut plan = Plan::new(total, millis(2000));
            let (mut now, mut times) = (Duration::ZERO, Vec::new());
            while times.len() < total {
                match plan.next(total, now) {
                    Step::Close { count } => times.extend((0..count).map(|_| now)),
                    Step::Wait { until } => now = until,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(times[0], Duration::ZERO, "the first at once");
            for (index, at) in times.iter().enumerate() {
                let even = millis(1000) * index as u32 / total as u32;
                assert!((even..=even + SHORTEST * 2).contains(at), "{total}: {index} at {at:?}");
            }
            assert_eq!(plan.next(total, now), Step::Wait { until: millis(2000) });
        }
    }

    #[test]
    fn who_is_left_is_aborted_and_not_waited_for() {
        let mut plan = Plan::new(3, millis(100));
        assert_eq!(plan.next(3, millis(100)), Step::Abort, "whether closed or not");
        assert_eq!(plan.next(3, millis(100)), Step::Wait { until: millis(1100) });
        assert_eq!(plan.next(0, millis(101)), Step::Over);
        assert_eq!(plan.next(1, millis(1100)), Step::Over);
    }

    #[test]
    fn without_sockets_or_time_it_is_over_at_once() {
        assert_eq!(Plan::new(0, millis(100)).next(0, Duration::ZERO), Step::Over);
        let mut plan = Plan::new(2, Duration::ZERO);
        assert_eq!(plan.next(2, Duration::ZERO), Step::Abort);
        // A clock that jumps ends it, and aborts first.
        let mut plan = Plan::new(2, millis(10));
        assert_eq!(plan.next(2, Duration::MAX), Step::Abort);
        assert_eq!(plan.next(2, Duration::MAX), Step::Over);
    }
}
