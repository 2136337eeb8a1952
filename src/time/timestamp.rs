//! Points in time as the core sees them: nanoseconds since an origin that the caller chose.
//!
//! The core never reads a clock. A [`Timestamp`] comes in with every call that needs one, so the
//! same code runs on an operating system, on bare metal and under a simulated clock.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time, in nanoseconds since an origin of the caller's choosing.
///
/// Every timestamp given to one connection has to share one origin. A `u64` of nanoseconds lasts
/// for 584 years; arithmetic saturates and never panics. A time that runs backwards is taken as
/// "no time has passed".
///
/// ```
/// use core::time::Duration;
/// use farewell::Timestamp;
///
/// let start = Timestamp::from_nanos(0);
/// let later = start + Duration::from_secs(20);
/// assert_eq!(later.since(start), Duration::from_secs(20));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin itself.
    pub const ZERO: Self = Self(0);

    /// The last representable point in time; a deadline that never comes.
    pub const MAX: Self = Self(u64::MAX);

    /// The point that lies `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`, or zero if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    #[inline]
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

/// The span in nanoseconds, or the most that there are.
pub(crate) const fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(span.subsec_nanos() as u64)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A monotonic clock that makes [`Timestamp`]s, with its own creation as the origin.
///
/// A clock is a copyable value: copies share the origin, so one clock can serve every connection
/// of a process.
///
/// ```
/// let clock = farewell::Clock::new();
/// let now = clock.now();
/// assert!(clock.now() >= now);
/// ```
#[cfg(feature = "std")]
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: std::time::Instant,
}

#[cfg(feature = "std")]
impl Clock {
    /// A clock whose origin is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the crate reads the clock")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// The time since the origin.
    #[inline]
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the crate reads the clock")]
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + std::time::Instant::now().saturating_duration_since(self.origin)
    }

    /// The `Instant` that `at` stands for, for timers that wait until an instant.
    ///
    /// For a timestamp too far ahead for the platform, that is an instant about thirty years away.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> std::time::Instant {
        const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
        let span = at.since(Timestamp::ZERO);
        self.origin.checked_add(span).unwrap_or_else(|| self.origin + FAR)
    }
}

#[cfg(feature = "std")]
impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::ZERO.since(Timestamp::MAX), Duration::ZERO);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_clock_maps_back_to_instants() {
        let clock = Clock::new();
        let now = clock.now();
        assert!(clock.instant(now + Duration::from_secs(5)) > clock.instant(now));
        let _ = clock.instant(Timestamp::MAX);
    }
}
