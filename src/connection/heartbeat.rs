//! The heartbeat: when a Ping is due, whether its Pong has come, how long that took.
//!
//! Invariant: one Ping is tracked at a time. A Pong of an earlier one acknowledges that one and
//! those before it; any other Pong counts as received bytes and nothing else.

use core::time::Duration;

use crate::config;
use crate::report::{Pings, Rtt};
use crate::time::{Timestamp, nanos};
use crate::wire::keystream::Keystream;

/// The patience for a Pong at most, as a multiple of the timeout that is set.
const MOST_PATIENCE: u32 = 3;

/// How far the latest Ping has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latest {
    /// Its Pong has come, or there was no Ping.
    Acknowledged,
    /// It waits to be written into the output.
    Queued,
    /// It was written into the output; `mark` is the offset at which it ends.
    Written,
    /// The transport has accepted it; `mark` is when that was.
    Flushed,
}

#[derive(Debug)]
pub(super) struct Heartbeat {
    latest: Latest,
    /// A late timer was forgiven once, with another Ping.
    graced: bool,
    /// Pings queued so far; the number of the latest.
    sent: u32,
    /// The number of the latest that was acknowledged.
    acknowledged: u32,
    /// Makes the payloads unpredictable.
    nonce: u64,
    /// Where in its range the wait until the next Ping lies.
    jitter: u32,
    queued_at: Timestamp,
    /// While the latest is `Written`, the offset in the output at which it ends; once it has left,
    /// when that was, in nanoseconds. The two are never needed at once.
    mark: u64,
    /// When the latest was given to the transport, as well as that is known.
    handed: Timestamp,
    rtt: RttMicros,
}

impl Heartbeat {
    pub(super) fn new(settings: Option<&config::Heartbeat>, keystream: &mut Keystream) -> Self {
        let mut heartbeat = Self {
            latest: Latest::Acknowledged,
            graced: false,
            sent: 0,
            acknowledged: 0,
            nonce: keystream.next_u64(),
            jitter: 0,
            queued_at: Timestamp::ZERO,
            mark: 0,
            handed: Timestamp::ZERO,
            rtt: RttMicros::new(),
        };
        if settings.is_some() {
            heartbeat.jitter = keystream.next_u64() as u32;
        }
        heartbeat
    }

    /// When the next Ping is due, if the quieter direction last carried something at `quiet_since`.
    pub(super) fn ping_deadline(
        &self,
        settings: &config::Heartbeat,
        quiet_since: Timestamp,
        last_received: Timestamp,
    ) -> Option<Timestamp> {
        let due = quiet_since + jittered(settings.interval, self.jitter);
        match self.latest {
            Latest::Acknowledged => Some(due),
            // The peer is alive and sends no Pong: the path still needs traffic to stay open.
            Latest::Flushed if last_received > self.flushed_at() => {
                Some(due.max(self.flushed_at() + self.patience(settings)))
            }
            Latest::Queued | Latest::Written | Latest::Flushed => None,
        }
    }

    /// When the peer is given up, unless something arrives.
    pub(super) fn pong_deadline(
        &self,
        settings: &config::Heartbeat,
        last_received: Timestamp,
    ) -> Option<Timestamp> {
        (self.latest == Latest::Flushed)
            .then(|| self.flushed_at().max(last_received) + self.patience(settings))
    }

    /// For how long nothing has come after the latest Ping left.
    pub(super) fn waited(&self, last_received: Timestamp, now: Timestamp) -> Duration {
        now.since(self.flushed_at().max(last_received))
    }

    /// When the latest left; to be asked only once it did.
    fn flushed_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.mark)
    }

    /// How long a Pong may take. A peer that answers late on purpose makes round trips long, so that
    /// what they are worth is bounded.
    fn patience(&self, settings: &config::Heartbeat) -> Duration {
        let most = settings.timeout.saturating_mul(MOST_PATIENCE);
        settings.timeout.max(self.rtt.patience().min(most))
    }

    /// Queues a Ping, in the place of the one before it.
    pub(super) fn queue(&mut self, keystream: &mut Keystream, now: Timestamp) {
        self.latest = Latest::Queued;
        self.sent = self.sent.saturating_add(1);
        self.queued_at = now;
        self.jitter = keystream.next_u64() as u32;
    }

    /// Whether a deadline handled `late` is forgiven: the process may have slept while the Pong
    /// waited to be read. Once, and with another Ping.
    pub(super) fn forgives(&mut self, settings: &config::Heartbeat, late: Duration) -> bool {
        let forgiven = late > settings.timeout && !self.graced;
        self.graced |= forgiven;
        forgiven
    }

    /// Whether a Ping waits to be written.
    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        self.latest == Latest::Queued
    }

    /// The payload of the Ping that waits to be written, if one does.
    pub(super) fn to_write(&self) -> Option<[u8; 8]> {
        self.is_queued().then(|| self.nonce.wrapping_add(u64::from(self.sent)).to_be_bytes())
    }

    /// The latest was written into the output and ends at the offset `mark`. Where nothing was waiting
    /// before it, it leaves with the next write, and `handed` is when that begins.
    pub(super) fn written(&mut self, mark: u64, handed: Option<Timestamp>) {
        self.latest = Latest::Written;
        self.mark = mark;
        self.handed = handed.unwrap_or(Timestamp::MAX);
    }

    /// The transport has accepted the output up to `flushed`.
    #[inline]
    pub(super) fn flushed(&mut self, flushed: u64, now: Timestamp) {
        if self.latest == Latest::Written && flushed >= self.mark {
            self.latest = Latest::Flushed;
            self.mark = now.as_nanos();
            self.handed = self.handed.min(now);
        }
    }

    /// A Pong came. Returns the round trip where it is for the latest Ping.
    pub(super) fn acknowledge(&mut self, payload: &[u8], now: Timestamp) -> Option<Duration> {
        let bytes = payload.try_into().ok()?;
        let number = u32::try_from(u64::from_be_bytes(bytes).wrapping_sub(self.nonce)).ok()?;
        let unwritten = u32::from(self.latest == Latest::Queued);
        if number <= self.acknowledged || number > self.sent.saturating_sub(unwritten) {
            return None;
        }
        self.acknowledged = number;
        if number != self.sent {
            return None;
        }
        let rtt = (self.latest == Latest::Flushed).then(|| now.since(self.handed));
        if self.latest == Latest::Written {
            // Its Pong shows that it has left, though `handle_flushed` has not said so yet.
            self.mark = now.as_nanos();
        }
        self.latest = Latest::Acknowledged;
        self.graced = false;
        if let Some(rtt) = rtt {
            self.rtt.sample(rtt);
        }
        rtt
    }

    pub(super) fn report(&self, settings: Option<&config::Heartbeat>) -> Pings {
        let flushed = matches!(self.latest, Latest::Flushed) || self.acknowledged == self.sent;
        Pings {
            sent: self.sent,
            outstanding: self.sent - self.acknowledged,
            last_queued: (self.sent > 0).then_some(self.queued_at),
            last_flushed: (self.sent > 0 && flushed).then(|| self.flushed_at()),
            rtt: self.rtt.report(),
            interval: settings.map(|settings| settings.interval),
            timeout: settings.map(|settings| self.patience(settings)),
        }
    }
}

/// The shortest that [`jittered`] makes of `interval`.
pub(super) fn shortest_interval(interval: Duration) -> Duration {
    jittered(interval, 0)
}

/// `interval`, up to 10 % shorter or longer, so that many connections do not ping in step.
fn jittered(interval: Duration, jitter: u32) -> Duration {
    let nanos = nanos(interval);
    let tenth = nanos / 10;
    let within = (u128::from(2 * tenth) * u128::from(jitter)) >> 32;
    Duration::from_nanos((nanos - tenth).saturating_add(within as u64))
}

/// Round-trip times in microseconds, smoothed as TCP does it (RFC 6298).
#[derive(Debug)]
struct RttMicros {
    last: u32,
    /// `UNMEASURED` before the first sample.
    min: u32,
    smoothed: u32,
    variance: u32,
}

const UNMEASURED: u32 = u32::MAX;

impl RttMicros {
    const fn new() -> Self {
        Self { last: 0, min: UNMEASURED, smoothed: 0, variance: 0 }
    }

    fn measured(&self) -> bool {
        self.min != UNMEASURED
    }

    fn sample(&mut self, rtt: Duration) {
        let micros =
            u32::try_from(rtt.as_micros()).map_or(UNMEASURED - 1, |m| m.min(UNMEASURED - 1));
        self.last = micros;
        if self.measured() {
            let deviation = self.smoothed.abs_diff(micros);
            self.min = self.min.min(micros);
            self.variance = self.variance - self.variance / 4 + deviation / 4;
            self.smoothed = self.smoothed - self.smoothed / 8 + micros / 8;
        } else {
            self.min = micros;
            self.smoothed = micros;
            self.variance = micros / 2;
        }
    }

    /// How long a Pong may take on this path.
    fn patience(&self) -> Duration {
        Duration::from_micros(u64::from(self.smoothed) + 4 * u64::from(self.variance))
    }

    fn report(&self) -> Option<Rtt> {
        let span = |micros| Duration::from_micros(u64::from(micros));
        self.measured().then(|| Rtt {
            last: span(self.last),
            min: span(self.min),
            smoothed: span(self.smoothed),
            variance: span(self.variance),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::keystream::Seed;

    #[test]
    fn jitter_stays_within_a_tenth() {
        let mut keystream = Keystream::new(Seed::new([7; 32]));
        let second = Duration::from_secs(1);
        let mut span = || jittered(second, keystream.next_u64() as u32);
        let spans: alloc::vec::Vec<_> = (0..200).map(|_| span()).collect();
        assert!(spans.iter().all(|span| span.abs_diff(second) <= second / 10), "{spans:?}");
        assert!(spans.iter().any(|span| span.abs_diff(second) > second / 20));
        for extreme in [Duration::ZERO, Duration::from_nanos(9), Duration::MAX] {
            for jitter in [0, u32::MAX] {
                let _ = jittered(extreme, jitter);
            }
        }
    }

    #[test]
    fn round_trips_are_smoothed_as_tcp_does() {
        let mut rtt = RttMicros::new();
        assert_eq!(rtt.report(), None);
        rtt.sample(Duration::from_millis(100));
        rtt.sample(Duration::from_millis(180));
        let report = rtt.report().unwrap();
        assert_eq!(report.last, Duration::from_millis(180));
        assert_eq!(report.min, Duration::from_millis(100));
        assert_eq!(report.smoothed, Duration::from_millis(110));
        assert_eq!(report.variance, Duration::from_micros(57_500));
        assert_eq!(rtt.patience(), Duration::from_millis(340));
    }

    #[test]
    fn only_our_own_payloads_acknowledge() {
        let mut keystream = Keystream::new(Seed::new([9; 32]));
        let settings = config::Heartbeat::default();
        let mut heartbeat = Heartbeat::new(Some(&settings), &mut keystream);
        let at = Timestamp::from_nanos;
        heartbeat.queue(&mut keystream, at(0));
        let first = heartbeat.to_write().unwrap();
        assert_eq!(heartbeat.acknowledge(&first, at(1)), None, "it was not even written");
        heartbeat.written(14, Some(at(4)));
        heartbeat.flushed(13, at(5));
        assert_eq!(heartbeat.pong_deadline(&settings, at(0)), None);
        heartbeat.flushed(14, at(5));
        assert!(heartbeat.pong_deadline(&settings, at(0)).is_some());
        for foreign in [&b""[..], b"12345678", b"123456789"] {
            assert_eq!(heartbeat.acknowledge(foreign, at(6)), None);
        }
        heartbeat.queue(&mut keystream, at(7));
        let second = heartbeat.to_write().unwrap();
        heartbeat.written(28, None);
        heartbeat.flushed(28, at(8));
        assert_eq!(heartbeat.acknowledge(&first, at(9)), None);
        assert_eq!(heartbeat.report(None).outstanding, 1);
        let rtt = heartbeat.acknowledge(&second, at(5_008));
        assert_eq!(rtt, Some(Duration::from_micros(5)));
        assert_eq!(heartbeat.report(None).outstanding, 0);
        assert_eq!(heartbeat.acknowledge(&second, at(9)), None, "a Pong counts once");
    }
}
