//! Bytes over time as bars: how many went in each moment, so that silence has none.

use std::time::Duration;

use super::scale::Scale;

/// How wide a moment is, and how much of it a bar fills.
const MOMENT: f64 = 4.0;
const WIDTH: f64 = 3.0;

/// A bar is seen, however few bytes it is for.
const LOWEST: f64 = 0.05;

/// The bytes of one moment.
#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) width: f64,
    /// From nothing to 1, which is the most bytes that went in any moment. As the square root of the
    /// bytes, so that a frame is seen beside a file.
    pub(super) height: f64,
}

/// The bars of a curve that has how many bytes had gone when.
pub(super) fn bars(curve: &[(Duration, u64)], scale: &Scale) -> Vec<Bar> {
    let mut moments: Vec<(f64, u64)> = Vec::new();
    let mut before = 0;
    for (at, total) in curve {
        let bytes = total.saturating_sub(before);
        before = *total;
        let x = (scale.x(*at) / MOMENT).floor() * MOMENT;
        match moments.last_mut() {
            Some((last, sum)) if *last >= x => *sum += bytes,
            _ if bytes > 0 => moments.push((x, bytes)),
            _ => {}
        }
    }
    let most = moments.iter().map(|(_, bytes)| *bytes).max().unwrap_or(1);
    let height = |bytes: u64| (bytes as f64 / most as f64).sqrt().max(LOWEST);
    let bar = |(x, bytes)| Bar { x, width: WIDTH, height: height(bytes) };
    moments.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_no_bar() {
        let at = Duration::from_millis;
        // Two messages, ten seconds of silence, another; over some eleven seconds in 1,100 points.
        let curve = [(at(0), 100), (at(1), 200), (at(500), 600), (at(10_500), 700)];
        let scale = Scale::new(at(11_000), 0.0, 1122.0);
        let bars = bars(&curve, &scale);
        let height = |bytes: f64| (bytes / 400.0).sqrt();
        let drawn: Vec<_> = bars.iter().map(|bar| (bar.x, bar.height)).collect();
        assert_eq!(drawn, [(0.0, height(200.0)), (48.0, 1.0), (1048.0, height(100.0))]);
        assert!(bars.iter().all(|bar| bar.width < MOMENT));
    }

    #[test]
    fn few_bytes_are_seen_beside_many() {
        let at = Duration::from_secs;
        let scale = Scale::new(at(10), 0.0, 1000.0);
        let drawn = bars(&[(at(1), 1), (at(2), 1_000_000_001)], &scale);
        assert_eq!(drawn[0].height, LOWEST);
        assert!(bars(&[], &scale).is_empty());
    }
}
