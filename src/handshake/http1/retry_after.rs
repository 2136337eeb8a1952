//! How long a refusal asks to wait: its Retry-After (RFC 9110 section 10.2.3), without a clock.
//!
//! A date is taken relative to the response's own Date, so this endpoint's clock, which the core
//! does not have, plays no part, and a clock that is wrong does no harm.

use core::time::Duration;

use super::headers::Headers;

/// The wait that the header fields ask for.
///
/// Nothing where there is no Retry-After, where it makes no sense, and where it is a date and the
/// response has no Date to compare it with.
pub(in crate::handshake) fn retry_after(headers: &Headers) -> Option<Duration> {
    let value = headers.get("Retry-After")?.trim_ascii();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more seconds than anyone waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = Date::parse(value)?;
    let now = Date::parse(headers.get("Date")?.trim_ascii())?;
    let year = now.year.unwrap_or_else(|| 2000 + now.short_year);
    Some(Duration::from_secs(then.seconds(year)?.saturating_sub(now.seconds(year)?)))
}

/// A date and a time of day in one of HTTP's three forms.
//= rfc9110#5.6.7
//# A recipient that parses a timestamp value in an HTTP field MUST
//# accept all three HTTP-date formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    /// None where it has only two digits.
    year: Option<u64>,
    short_year: u64,
    /// From 0.
    month: usize,
    day: u64,
    /// Seconds since midnight.
    time: u64,
}

impl Date {
    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
    /// `Sun Nov  6 08:49:37 1994`.
    fn parse(text: &str) -> Option<Self> {
        let Some((_, rest)) = text.split_once(", ") else { return Self::parse_asctime(text) };
        let (date, clock) = rest.strip_suffix(" GMT")?.rsplit_once(' ')?;
        let mut parts = date.split([' ', '-']);
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = if date.contains('-') { 2 } else { 4 };
        let year = number(year, digits).filter(|_| parts.next().is_none())?;
        Self::new((digits == 4).then_some(year), year % 100, month, number(day, 2)?, clock)
    }

    fn parse_asctime(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(' ')?;
        let (month, rest) = rest.split_once(' ')?;
        let (day, rest) = rest.split_at_checked(2)?;
        let (clock, year) = rest.strip_prefix(' ')?.split_once(' ')?;
        let day = match day.strip_prefix(' ') {
            Some(digit) => number(digit, 1)?,
            None => number(day, 2)?,
        };
        let year = number(year, 4)?;
        Self::new(Some(year), year % 100, month, day, clock)
    }

    fn new(year: Option<u64>, short_year: u64, month: &str, day: u64, clock: &str) -> Option<Self> {
        let month = MONTHS.iter().position(|(name, _)| *name == month)?;
        let mut clock = clock.split(':');
        let mut two = || number(clock.next()?, 2);
        let (hour, minute, second) = (two()?, two()?, two()?);
        // A minute may have a leap second.
        let exists = hour < 24 && minute < 60 && second <= 60 && clock.next().is_none();
        let time = (hour * 60 + minute) * 60 + second;
        exists.then_some(Self { year, short_year, month, day, time })
    }

    /// Seconds from the first day of the year 0, as seen from the year `now`; nothing where there is
    /// no such day.
    fn seconds(&self, now: u64) -> Option<u64> {
        let year = self.year.unwrap_or_else(|| full_year(self.short_year, now));
        let (_, days) = MONTHS.get(self.month)?;
        let leap_day = u64::from(self.month == 1 && is_leap(year));
        if !(1..=days + leap_day).contains(&self.day) {
            return None;
        }
        let past_months: u64 = MONTHS.iter().take(self.month).map(|(_, days)| days).sum();
        let leap_day = u64::from(self.month > 1 && is_leap(year));
        // The year 0 was a leap year, and is not among those that `year / 4` counts.
        let leap_years = match year.checked_sub(1) {
            Some(last) => last / 4 - last / 100 + last / 400 + 1,
            None => 0,
        };
        let days = year * 365 + leap_years + past_months + leap_day + self.day - 1;
        Some(days * 24 * 60 * 60 + self.time)
    }
}

/// The year that two digits mean, as seen from the year `now`.
//= rfc9110#5.6.7
//# Recipients of a timestamp value in rfc850-date format, which uses a
//# two-digit year, MUST interpret a timestamp that appears to be more
//# than 50 years in the future as representing the most recent year in
//# the past that had the same last two digits.
fn full_year(short: u64, now: u64) -> u64 {
    let soonest = now - now % 100 + short;
    let next = if soonest < now { soonest + 100 } else { soonest };
    if next > now + 50 { next.saturating_sub(100) } else { next }
}

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

fn is_leap(year: u64) -> bool {
    match (year % 4, year % 100, year % 400) {
        (_, _, 0) => true,
        (_, 0, _) => false,
        (fourth, ..) => fourth == 0,
    }
}

/// A number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::head::HeadReader;
    use super::*;
    use crate::config::Limits;
    use crate::handshake::head::Kind;

    fn http_date(text: &str) -> Option<u64> {
        Date::parse(text)?.seconds(1994)
    }

    fn wait(fields: &str) -> Option<Duration> {
        let head = format!("HTTP/1.1 503 Busy\r\n{fields}\r\n");
        let mut reader = HeadReader::new(Kind::Response, &Limits::default());
        assert_eq!(reader.receive(head.as_bytes()), Ok((head.len(), true)));
        retry_after(&reader.take_response().unwrap().headers)
    }

    #[test]
    fn both_forms_are_understood() {
        let date = |date: &str, then: &str| format!("Date: {date}\r\nRetry-After: {then}\r\n");
        let cases = [
            ("Retry-After: 120\r\n".into(), Some(120)),
            ("retry-after:  0 \r\n".into(), Some(0)),
            ("Retry-After: 99999999999999999999999\r\n".into(), Some(u64::MAX)),
            (date("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:00 GMT"), Some(23)),
            (date("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:00 GMT"), Some(0)),
            (date("Wed, 28 Feb 2024 23:59:59 GMT", "Thu, 29 Feb 2024 00:00:00 GMT"), Some(1)),
            (date("Thu, 29 Feb 2024 00:00:00 GMT", "Fri, 01 Mar 2024 00:00:00 GMT"), Some(86_400)),
            (date("Tue, 28 Feb 2023 00:00:00 GMT", "Wed, 01 Mar 2023 00:00:00 GMT"), Some(86_400)),
            (date("Sun, 31 Dec 2023 23:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"), Some(3_600)),
            (date("Tue, 31 Dec 2024 23:00:00 GMT", "Wed, 01 Jan 2025 00:00:00 GMT"), Some(3_600)),
            (date("Sat, 31 Dec 2016 23:59:60 GMT", "Sun, 01 Jan 2017 00:00:05 GMT"), Some(5)),
            ("Retry-After: Sun, 06 Nov 1994 08:50:00 GMT\r\n".into(), None),
            (date("yesterday", "Sun, 06 Nov 1994 08:50:00 GMT"), None),
            (date("Sun, 06 Nov 1994 08:49:37 GMT", "soon"), None),
            ("Retry-After: -1\r\n".into(), None),
            ("Retry-After: 1.5\r\n".into(), None),
            ("Retry-After:\r\n".into(), None),
            ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n".into(), None),
        ];
        for (fields, seconds) in cases {
            assert_eq!(wait(&fields), seconds.map(Duration::from_secs), "{fields:?}");
        }
    }

    //= rfc9110#5.6.7
    //= type=test
    //# A recipient that parses a timestamp value in an HTTP field MUST
    //# accept all three HTTP-date formats.
    //= rfc9110#5.6.7
    //= type=test
    //# Recipients of a timestamp value in rfc850-date format, which uses a
    //# two-digit year, MUST interpret a timestamp that appears to be more
    //# than 50 years in the future as representing the most recent year in
    //# the past that had the same last two digits.
    #[test]
    fn the_obsolete_forms_are_understood() {
        const DAY: u64 = 86_400;
        let cases = [
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:50:00 GMT", Some(23)),
            ("Sun Nov  6 08:49:37 1994", "Sun Nov  6 08:50:00 1994", Some(23)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:50:00 GMT", Some(23)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:50:00 2094", Some(23)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Wed Nov 16 08:49:37 1994", Some(10 * DAY)),
            ("Fri, 31 Dec 1999 00:00:00 GMT", "Saturday, 01-Jan-00 00:00:00 GMT", Some(DAY)),
            // Fifty years ahead, and one more, which is meant to have passed.
            (
                "Wed, 01 Jan 2025 00:00:00 GMT",
                "Tuesday, 01-Jan-75 00:00:00 GMT",
                Some(18_262 * DAY),
            ),
            ("Wed, 01 Jan 2025 00:00:00 GMT", "Wednesday, 01-Jan-76 00:00:00 GMT", Some(0)),
            ("Wed, 01 Jan 2025 00:00:00 GMT", "Tuesday, 31-Dec-24 00:00:00 GMT", Some(0)),
            // There was such a day in one of the years that the digits could mean.
            ("Wed, 01 Jan 2098 00:00:00 GMT", "Monday, 29-Feb-00 00:00:00 GMT", None),
        ];
        for (now, then, seconds) in cases {
            let fields = format!("Date: {now}\r\nRetry-After: {then}\r\n");
            assert_eq!(wait(&fields), seconds.map(Duration::from_secs), "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun, ",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 08:49:37 GMT",
            "Mon, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94-08:49:37 GMT",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  0 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov \u{e4} 08:49:37 1994",
            "ü, ü ü ü ü ü",
        ] {
            assert_eq!(http_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn seconds_count_from_day_to_day_for_four_hundred_years() {
        let mut before = None;
        for year in 1999..2401_u64 {
            for (month, days) in MONTHS {
                let days = days + u64::from(month == "Feb" && is_leap(year));
                for day in 1..=days {
                    let date = http_date(&format!("Xxx, {day:02} {month} {year} 00:00:00 GMT"));
                    if let Some(before) = before {
                        assert_eq!(date, Some(before + 86_400), "{day} {month} {year}");
                    }
                    before = date;
                }
            }
        }
        assert!(before.is_some());
        // 1970-01-01 lies 719,528 days behind 0000-01-01.
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(719_528 * 86_400));
    }
}
