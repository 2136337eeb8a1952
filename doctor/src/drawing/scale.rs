//! From time to place, and round numbers to write beside it.

use std::time::Duration;

/// A linear scale that begins at zero.
pub(super) struct Scale {
    seconds: f64,
    left: f64,
    right: f64,
}

impl Scale {
    /// With a little room behind the last event.
    pub(super) fn new(last: Duration, left: f64, right: f64) -> Self {
        Self { seconds: last.as_secs_f64().max(0.000_1) * 1.02, left, right }
    }

    pub(super) fn x(&self, at: Duration) -> f64 {
        self.left + (self.right - self.left) * (at.as_secs_f64() / self.seconds).min(1.0)
    }

    /// Four to ten round points in time, with their names.
    pub(super) fn ticks(&self) -> Vec<(Duration, String)> {
        let step = step(self.seconds);
        let count = (self.seconds / step) as u32;
        (0..=count)
            .map(|index| {
                let seconds = step * f64::from(index);
                (Duration::from_secs_f64(seconds), name(seconds, self.seconds))
            })
            .collect()
    }
}

/// A round step of which the span has at least four.
fn step(span: f64) -> f64 {
    let most = span / 4.0;
    if most >= 15.0 {
        let round = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0];
        let step = round.iter().rev().find(|step| **step <= most);
        return step.copied().unwrap_or(15.0).max(most / 2.5);
    }
    let decade = 10_f64.powf(most.log10().floor());
    let round = [5.0, 2.0, 1.0].iter().map(|digit| digit * decade);
    round.into_iter().find(|step| *step <= most).unwrap_or(decade)
}

/// In the unit that suits the whole scale.
fn name(seconds: f64, span: f64) -> String {
    if seconds == 0.0 {
        return "0".into();
    }
    let digits = |value: f64| {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if span < 0.002 {
        format!("{} µs", digits(seconds * 1e6))
    } else if span < 2.0 {
        format!("{} ms", digits(seconds * 1e3))
    } else if span < 120.0 {
        format!("{} s", digits(seconds))
    } else {
        let seconds = seconds.round() as u64;
        format!("{}:{:02} min", seconds / 60, seconds % 60)
    }
}
