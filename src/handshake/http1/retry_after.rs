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
    let then = http_date(value)?;
    let now = http_date(headers.get("Date")?.trim_ascii())?;
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// Seconds from the first day of the year 0 to a date as HTTP writes it today:
/// `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms, which nobody may send any more, are
/// not understood.
fn http_date(text: &str) -> Option<u64> {
    let (_, text) = text.split_once(", ")?;
    let mut parts = text.split(' ');
    let day = number(parts.next()?, 2)?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|(month, _)| *month == name)?;
    let year = number(parts.next()?, 4)?;
    let mut clock = parts.next()?.split(':');
    let mut two = || number(clock.next()?, 2);
    let (hour, minute, second) = (two()?, two()?, two()?);
    let complete = clock.next().is_none() && parts.next() == Some("GMT") && parts.next().is_none();
    // A minute may have a leap second.
    let (_, days) = MONTHS.get(month)?;
    let leap_day = u64::from(month == 1 && is_leap(year));
    let exists = (1..=days + leap_day).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !complete || !exists {
        return None;
    }
    let past_months: u64 = MONTHS.iter().take(month).map(|(_, days)| days).sum();
    let leap_day = u64::from(month > 1 && is_leap(year));
    // The year 0 was a leap year, and is not among those that `year / 4` counts.
    let leap_years = match year.checked_sub(1) {
        Some(last) => last / 4 - last / 100 + last / 400 + 1,
        None => 0,
    };
    let days = year * 365 + leap_years + past_months + leap_day + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
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

    use super::super::head::{HeadReader, Kind};
    use super::*;
    use crate::config::Limits;

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
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
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
