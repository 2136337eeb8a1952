//! The jitter is uniform over the whole range that the documentation gives.

use std::time::Duration;

use farewell::reconnect::{ConnectFailure, Pace, Reconnect, ReconnectConfig, Retry};
use farewell::{Termination, Timestamp};

use super::support::{Random, at, closed_with, retry, secs};

const SAMPLES: usize = 20_000;
const BINS: usize = 20;

/// The value that a chi-squared variable with 19 degrees of freedom exceeds once in 10,000 times.
const CHI_SQUARED: f64 = 50.8;

/// Draws many delays and compares them with the uniform distribution over `low..=high`.
fn assert_uniform(
    what: &str,
    low: Duration,
    high: Duration,
    mut draw: impl FnMut(u64) -> Duration,
) {
    let mut random = Random(7);
    let width = (high - low).as_secs_f64();
    let (mut sum, mut bins) = (0.0, [0_u32; BINS]);
    for _ in 0..SAMPLES {
        let delay = draw(random.next());
        assert!((low..=high).contains(&delay), "{what}: {delay:?} is not in {low:?}..={high:?}");
        let offset = (delay - low).as_secs_f64() / width;
        sum += offset;
        bins[((offset * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let expected = SAMPLES as f64 / BINS as f64;
    let chi_squared: f64 =
        bins.iter().map(|bin| (f64::from(*bin) - expected).powi(2) / expected).sum();
    assert!(chi_squared < CHI_SQUARED, "{what}: chi squared {chi_squared:.1}, {bins:?}");
    let mean = sum / SAMPLES as f64;
    // Six standard errors of the mean.
    let tolerance = 6.0 * (1.0_f64 / 12.0).sqrt() / (SAMPLES as f64).sqrt();
    assert!((mean - 0.5).abs() < tolerance, "{what}: the mean is at {mean:.4} of the range");
    assert!(draw(0) == low && draw(u64::MAX) == high, "{what}: the ends are not reached");
}

/// The delay after so many others, of a fresh machine each time.
fn after(delays: u32, random: u64) -> Retry {
    let mut reconnect = Reconnect::new(ReconnectConfig::default());
    for _ in 0..delays {
        let retry = retry(&mut reconnect, ConnectFailure::Refused, 0, Timestamp::ZERO);
        reconnect.handle_timeout(0, retry.at);
    }
    retry(&mut reconnect, ConnectFailure::Refused, random, Timestamp::ZERO)
}

//= rfc6455#7.2.3
//= type=test
//# The first reconnect attempt SHOULD be delayed by a random amount of
//# time.
#[test]
fn the_first_delay_is_anything_up_to_five_seconds() {
    assert_eq!(after(0, 1).pace, Pace::First);
    assert_uniform("first", Duration::ZERO, secs(5), |random| after(0, random).delay);
}

//= rfc6455#7.2.3
//= type=test
//# Should the first reconnect attempt fail, subsequent reconnect
//# attempts SHOULD be delayed by increasingly longer amounts of time,
//# using a method such as truncated binary exponential backoff.
#[test]
fn later_delays_grow_to_the_cap() {
    let ceilings = [5, 5, 8, 16, 32, 60, 60, 60, 60];
    for (index, ceiling) in ceilings.into_iter().enumerate() {
        let (delays, ceiling) = (index as u32 + 1, secs(ceiling));
        assert_eq!(after(delays, 1).pace, Pace::Backoff { delays, ceiling });
        let what = format!("after {delays} delays");
        assert_uniform(&what, Duration::from_millis(100), ceiling, |random| {
            after(delays, random).delay
        });
    }
}

#[test]
fn a_restart_and_an_overload_have_their_own_ranges() {
    let draw = |report: &Termination, random| {
        let mut reconnect = Reconnect::new(ReconnectConfig::default());
        retry(&mut reconnect, report, random, at(1)).delay
    };
    let (restart, overload) = (closed_with(1012), closed_with(1013));
    assert_uniform("1012", secs(5), secs(30), |random| draw(&restart, random));
    assert_uniform("1013", secs(60), secs(300), |random| draw(&overload, random));
}
