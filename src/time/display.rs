//! Spans of time as people read them.

use core::fmt;
use core::time::Duration;

/// A span of time in the unit that suits it.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.0;
        if span < Duration::from_millis(1) {
            write!(f, "{} µs", span.as_micros())
        } else if span < Duration::from_secs(1) {
            write!(f, "{} ms", span.as_millis())
        } else if span < Duration::from_secs(600) {
            write!(f, "{:.1} s", span.as_secs_f64())
        } else {
            write!(f, "{} min", span.as_secs() / 60)
        }
    }
}

/// A span that was measured: to the hundredth of a second, finer below one second.
pub(crate) struct Measured(pub(crate) Duration);

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            Span(self.0).fmt(f)
        } else {
            write!(f, "{:.2} s", self.0.as_secs_f64())
        }
    }
}

/// A span that somebody set: without a fraction where it has none.
pub(crate) struct Setting(pub(crate) Duration);

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{} s", self.0.as_secs())
        } else {
            Span(self.0).fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn each_form_has_its_precision() {
        let cases = [
            (Duration::from_micros(7), ["7 µs", "7 µs", "7 µs"]),
            (Duration::from_millis(250), ["250 ms", "250 ms", "250 ms"]),
            (Duration::from_secs(60), ["60.0 s", "60.00 s", "60 s"]),
            (Duration::from_millis(60_020), ["60.0 s", "60.02 s", "60.0 s"]),
            (Duration::from_secs(7200), ["120 min", "7200.00 s", "7200 s"]),
        ];
        for (span, forms) in cases {
            let texts =
                [Span(span).to_string(), Measured(span).to_string(), Setting(span).to_string()];
            assert_eq!(texts, forms, "{span:?}");
        }
    }
}
