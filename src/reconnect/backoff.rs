//! How long to wait: jitter from given random numbers, and a budget of attempts.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::time::{Timestamp, nanos};

use super::ReconnectConfig;
use super::decision::Pace;
use super::outcome::Advice;

/// A duration that is uniform in `low..=high`, to the nanosecond, if `random` is uniform.
///
/// `low` where the range is the wrong way round.
fn uniform(low: Duration, high: Duration, random: u64) -> Duration {
    let (low, high) = (nanos(low), nanos(high));
    let width = u128::from(high.saturating_sub(low)) + 1;
    // Below 2^64, as `random` is.
    let offset = (width * u128::from(random)) >> 64;
    Duration::from_nanos(low.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)))
}

/// The longest delay after `delays` others: the ceiling of the jitter.
///
/// It never falls behind that of the first delay: a herd that the first has spread over 5 s would
/// come back denser.
fn ceiling(config: &ReconnectConfig, delays: u32) -> Duration {
    //= rfc6455#7.2.3
    //# Should the first reconnect attempt fail, subsequent reconnect
    //# attempts SHOULD be delayed by increasingly longer amounts of time,
    //# using a method such as truncated binary exponential backoff.
    let factor = 1_u32.checked_shl(delays).unwrap_or(u32::MAX);
    let grown = config.base_delay.saturating_mul(factor).max(config.first_delay);
    grown.min(config.max_delay).max(config.min_delay)
}

/// A delay for this advice after `delays` others, and what it was made of.
///
/// `asked` is what the server asked for.
pub(super) fn delay(
    config: &ReconnectConfig,
    advice: Advice,
    delays: u32,
    asked: Option<Duration>,
    random: u64,
) -> (Duration, Pace) {
    let (own, pace) = match advice {
        Advice::RetryAfterRestart => {
            let range = &config.restart_delay;
            (uniform(*range.start(), *range.end(), random), Pace::Restart)
        }
        Advice::RetryAfterOverload => {
            let range = &config.overload_delay;
            (uniform(*range.start(), *range.end(), random), Pace::Overload)
        }
        Advice::RetryLater => {
            let range = &config.later_delay;
            (uniform(*range.start(), *range.end(), random), Pace::Later)
        }
        //= rfc6455#7.2.3
        //# The first reconnect attempt SHOULD be delayed by a random amount of
        //# time.
        Advice::Retry | Advice::Stop if delays == 0 => {
            (uniform(Duration::ZERO, config.first_delay, random), Pace::First)
        }
        Advice::Retry | Advice::Stop => {
            let ceiling = ceiling(config, delays);
            (uniform(config.min_delay, ceiling, random), Pace::Backoff { delays, ceiling })
        }
    };
    let Some(asked) = asked else { return (own, pace) };
    let bounded = asked.min(config.max_retry_after);
    let spread = uniform(Duration::ZERO, config.first_delay, random);
    let theirs = bounded.saturating_add(spread);
    if theirs > own { (theirs, Pace::RetryAfter { asked }) } else { (own, pace) }
}

/// When the attempts that count against the budget began, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    attempts: VecDeque<Timestamp>,
}

impl Budget {
    fn limit(config: &ReconnectConfig) -> usize {
        usize::try_from(config.budget_attempts).unwrap_or(usize::MAX).max(1)
    }

    /// An attempt begins.
    pub(super) fn spend(&mut self, config: &ReconnectConfig, now: Timestamp) {
        let counts = |first: &Timestamp| *first + config.budget_window > now;
        while self.attempts.len() >= Self::limit(config)
            || self.attempts.front().is_some_and(|first| !counts(first))
        {
            self.attempts.pop_front();
        }
        self.attempts.push_back(now);
    }

    /// The first time at which an attempt is allowed, not before `at`.
    pub(super) fn earliest(&self, config: &ReconnectConfig, at: Timestamp) -> Timestamp {
        let (Some(first), Some(last)) = (self.attempts.front(), self.attempts.back()) else {
            return at;
        };
        if self.attempts.len() < Self::limit(config) {
            return at;
        }
        let next = (*first + config.budget_window).min(*last + config.max_delay);
        at.max(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_without_a_limit_takes_no_more_memory_for_it() {
        let config = ReconnectConfig { budget_attempts: u32::MAX, ..ReconnectConfig::default() };
        let mut budget = Budget::default();
        for second in 0..10_000 {
            let now = Timestamp::ZERO + Duration::from_secs(second);
            assert_eq!(budget.earliest(&config, now), now);
            budget.spend(&config, now);
            assert!(budget.attempts.len() <= 300, "{}", budget.attempts.len());
        }
    }
}
