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

/// A time of the calendar, in seconds since 1970, to the minute.
pub(crate) struct Date(pub(crate) i64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, minutes) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400) / 60);
        // Years of 400 are alike; each begins in March here, so that the leap day is its last.
        let shifted = days.saturating_add(719_468);
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..=9 => (year, month + 3),
            _ => (year + 1, month - 9),
        };
        let year = era.saturating_mul(400).saturating_add(year);
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_date_is_one_of_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00 UTC"),
            (951_825_600, "2000-02-29 12:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_609_459_200, "2021-01-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(Date(seconds).to_string(), expected);
        }
        assert!(!Date(i64::MAX).to_string().is_empty() && !Date(i64::MIN).to_string().is_empty());
    }

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
