//! What a connection knows of time: the latest it was told, when something last came, and how late
//! its deadlines were handled.
//!
//! Invariant: time never runs backwards.

use core::time::Duration;

use crate::config::{Config, Timeouts};
use crate::connection::heartbeat;
use crate::report::Gap;
use crate::time::{Timer, Timestamp, nanos};

/// A deadline handled later than this tells of a process that slept, where no heartbeat says what
/// is late.
const SUSPENDED: Duration = Duration::from_secs(20);

/// Calls that are less than this apart, in nanoseconds, tell nothing of a process that slept.
const GAP: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Times {
    pub(super) opened: Timestamp,
    /// The latest time that any call gave, unless `last_data` is later.
    now: Timestamp,
    /// When a byte last came, unless `last_data` is later.
    last_received: Timestamp,
    pub(super) last_data: Timestamp,
    /// When what is under way began, if anything is.
    pub(super) message_begun: Timestamp,
    /// When a control frame other than a Close last came.
    last_control: Timestamp,
    /// The shortest time, in nanoseconds, after which anything can be due on a quiet connection.
    shortest_wait: u64,
    /// How late a deadline was handled at the worst.
    lateness_micros: u32,
    /// When a deadline was last handled far too late: seconds since `opened`, plus one.
    suspended_secs: u32,
    /// The longest time between two calls, and the last of a second or more, in milliseconds.
    longest_gap: u32,
    last_gap: u32,
    /// How late a deadline was then, and when that was.
    gap_late: u32,
    gap_ended: Timestamp,
}

impl Times {
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        Self {
            opened: now,
            now,
            last_received: now,
            last_data: now,
            message_begun: now,
            last_control: now,
            shortest_wait: shortest_wait(config),
            lateness_micros: 0,
            suspended_secs: 0,
            longest_gap: 0,
            last_gap: 0,
            gap_late: 0,
            gap_ended: now,
        }
    }

    /// Advances to this time where it is not before the latest, nor so far behind it that a deadline
    /// may have passed unseen. Returns whether that is so.
    #[inline]
    pub(super) fn follow(&mut self, now: Timestamp) -> bool {
        let follows = self.is_followed_by(now);
        if follows {
            self.now = now;
        }
        follows
    }

    /// The same, of a piece of a message that has come at this time, in a call that does nothing else.
    /// The other marks of time follow from `last_data`.
    #[inline]
    pub(super) fn follow_data(&mut self, now: Timestamp) -> bool {
        let follows = self.is_followed_by(now);
        if follows {
            self.last_data = now;
        }
        follows
    }

    #[inline]
    fn is_followed_by(&self, now: Timestamp) -> bool {
        now.as_nanos().checked_sub(self.now().as_nanos()).is_some_and(|passed| passed < GAP)
    }

    /// Time runs forwards, whatever the caller says.
    pub(super) fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now).max(self.last_data);
        self.now
    }

    /// Whether nobody has called for so long that a deadline may have passed unseen.
    #[inline]
    pub(super) fn has_jumped(&self, now: Timestamp) -> bool {
        now.as_nanos() >= self.now().as_nanos().saturating_add(GAP)
    }

    /// After such a time: `late` is by how much a deadline is overdue, and `open` whether the end
    /// has not begun.
    pub(super) fn note_gap(&mut self, now: Timestamp, late: Duration, open: bool, config: &Config) {
        if !late.is_zero() {
            self.note_lateness(late, now, config);
        }
        if open {
            self.last_gap = millis(now.since(self.now()));
            self.longest_gap = self.longest_gap.max(self.last_gap);
            (self.gap_late, self.gap_ended) = (millis(late), now);
        }
    }

    /// A piece of a message has come, whatever time the caller says.
    #[inline]
    pub(super) fn data_received(&mut self, now: Timestamp) {
        self.last_data = self.last_data.max(now).max(self.now);
    }

    /// Bytes have come, at the time of the latest call.
    pub(super) fn bytes_received(&mut self) {
        self.last_received = self.now;
    }

    /// A Ping or a Pong has come, at the time of the latest call.
    pub(super) fn control_received(&mut self) {
        self.last_control = self.now;
    }

    /// When a frame last came, other than a Close.
    pub(super) fn last_frame(&self) -> Timestamp {
        self.last_data.max(self.last_control)
    }

    /// The time of the latest call.
    #[inline]
    pub(super) fn now(&self) -> Timestamp {
        self.now.max(self.last_data)
    }

    #[inline]
    pub(super) fn last_received(&self) -> Timestamp {
        self.last_received.max(self.last_data)
    }

    /// Before this nothing is due on an open connection, the quieter direction of which has carried
    /// nothing since `quiet_since`.
    #[inline]
    pub(super) fn earliest_due(&self, quiet_since: Timestamp) -> Timestamp {
        Timestamp::from_nanos(quiet_since.as_nanos().saturating_add(self.shortest_wait))
    }

    /// A deadline is handled, or found overdue, `late` after its time.
    pub(super) fn note_lateness(&mut self, late: Duration, now: Timestamp, config: &Config) {
        let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
        self.lateness_micros = self.lateness_micros.max(micros);
        let heartbeat = config.heartbeat.as_ref();
        if late > heartbeat.map_or(SUSPENDED, |settings| settings.timeout) {
            let secs = now.since(self.opened).as_secs();
            self.suspended_secs =
                u32::try_from(secs).map_or(u32::MAX, |secs| secs.saturating_add(1));
        }
    }

    /// How late a deadline was handled at the worst.
    pub(super) fn lateness(&self) -> Duration {
        Duration::from_micros(self.lateness_micros.into())
    }

    /// When a deadline was last handled far too late.
    pub(super) fn suspended_at(&self) -> Option<Timestamp> {
        let secs = self.suspended_secs.checked_sub(1)?;
        Some(self.opened + Duration::from_secs(secs.into()))
    }

    /// The longest time between two calls.
    pub(super) fn longest_gap(&self) -> Duration {
        Duration::from_millis(self.longest_gap.into())
    }

    /// The last time of a second or more between two calls.
    pub(super) fn last_gap(&self) -> Option<Gap> {
        let span = |millis: u32| Duration::from_millis(millis.into());
        (self.last_gap > 0).then(|| Gap {
            ended: self.gap_ended,
            span: span(self.last_gap),
            late: span(self.gap_late),
        })
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

/// The shortest wait of an open connection for anything, in nanoseconds. All of its waits begin
/// when something was last received or flushed, or later; where one may begin earlier, it is none.
fn shortest_wait(config: &Config) -> u64 {
    let Timeouts { idle, write_stall, write_drain, message, .. } = config.timeouts;
    if write_drain.is_some() || message.is_some() {
        return 0;
    }
    let heartbeat = config.heartbeat.as_ref();
    let ping = heartbeat.map(|settings| heartbeat::shortest_interval(settings.interval));
    let pong = heartbeat.map(|settings| settings.timeout);
    let shortest = [ping, pong, idle, write_stall].into_iter().flatten().min();
    shortest.map_or(u64::MAX, nanos)
}

/// The sooner of two deadlines; the first where they come at the same time.
pub(super) fn sooner(
    first: Option<(Timestamp, Timer)>,
    second: Option<(Timestamp, Timer)>,
) -> Option<(Timestamp, Timer)> {
    match (first, second) {
        (Some(first), Some(second)) => Some(if second.0 < first.0 { second } else { first }),
        (first, second) => first.or(second),
    }
}
