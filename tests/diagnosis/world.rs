//! What a scenario is played in: one end of a connection, a path with delay and jitter, and
//! whatever stands on the path. It writes down what the end sees.
//!
//! Nothing here knows what the classifier looks for: proxies count from the bytes that pass *them*,
//! fire at ticks of their own, and what they do takes its time to arrive.

use std::time::Duration;

use farewell::Role;
use farewell::handshake::Carrier;

use super::replay::Replay;
use super::trace::{Expected, Head, Op, Trace};

/// splitmix64: the same numbers everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly between two numbers.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Between two numbers, each order of magnitude as often as the other.
    pub(crate) fn magnitude(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }
}

/// What a proxy counts its idle time from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    Both,
    /// What we send, only.
    Ours,
    /// What the peer sends, only.
    Theirs,
}

pub(crate) struct Simulation {
    pub(crate) numbers: Numbers,
    replay: Replay,
    trace: Trace,
    /// Seconds.
    pub(crate) rtt: f64,
    jitter: f64,
    /// Where on the path the proxy stands: 0 at this end, 1 at the other.
    place: f64,
    now: f64,
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) scenario: &'static str,
    pub(crate) seed: u64,
    pub(crate) role: Option<Role>,
    pub(crate) opening: bool,
    pub(crate) carrier: Carrier,
    /// Interval and timeout, in seconds.
    pub(crate) heartbeat: Option<(f64, f64)>,
    pub(crate) idle: Option<f64>,
    pub(crate) message: Option<f64>,
    pub(crate) past: Vec<(f64, f64)>,
}

fn span(seconds: f64) -> Duration {
    Duration::from_micros((seconds.max(0.0) * 1e6).round() as u64)
}

impl Simulation {
    pub(crate) fn new(setup: Setup, mut numbers: Numbers) -> Self {
        let either = if numbers.chance(0.7) { Role::Client } else { Role::Server };
        let head = Head {
            scenario: setup.scenario.to_string(),
            seed: setup.seed,
            role: setup.role.unwrap_or(either),
            opening: setup.opening,
            carrier: setup.carrier,
            heartbeat: setup.heartbeat.map(|(interval, timeout)| (span(interval), span(timeout))),
            idle: setup.idle.map(span),
            message: setup.message.map(span),
            past: setup.past.iter().map(|(life, idle)| (span(*life), span(*idle))).collect(),
            expect: Expected { name: String::new(), number: None },
        };
        let rtt = numbers.magnitude(0.001, 2.0);
        let jitter = rtt * numbers.between(0.0, 0.2) + numbers.between(0.0, 0.003);
        let place = numbers.between(0.05, 0.95);
        let mut world = Self {
            replay: Replay::new(&head),
            trace: Trace { head, lines: Vec::new() },
            numbers,
            rtt,
            jitter,
            place,
            now: 0.0,
        };
        if setup.heartbeat.is_some() {
            let micros = |seconds: f64| (seconds * 1e6) as u64;
            world.act(Op::Pongs { rtt: micros(world.rtt), jitter: micros(world.jitter) });
        }
        world
    }

    pub(crate) fn role(&self) -> Role {
        self.trace.head.role
    }

    pub(crate) fn age(&self) -> f64 {
        self.now
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.replay.report.is_some()
    }

    /// One way from end to end, this time.
    pub(crate) fn way(&mut self) -> f64 {
        self.rtt / 2.0 + self.numbers.between(0.0, self.jitter)
    }

    pub(crate) fn sleep(&mut self, seconds: f64) {
        self.until(self.now + seconds);
    }

    pub(crate) fn until(&mut self, time: f64) {
        self.now = self.now.max(time);
        self.replay.advance(span(self.now).as_micros() as u64);
    }

    /// Lets it happen now.
    pub(crate) fn act(&mut self, op: Op) {
        let time = span(self.now).as_micros() as u64;
        self.replay.advance(time);
        self.replay.apply(&op);
        self.trace.lines.push((time, op));
    }

    /// A frame of the peer's, as it is on the wire.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let masked = if self.role() == Role::Server { 0x80 } else { 0 };
        let mut wire = vec![first];
        match payload.len() {
            len @ 0..=125 => wire.push(masked | len as u8),
            len @ 126..=0xffff => {
                wire.push(masked | 126);
                wire.extend((len as u16).to_be_bytes());
            }
            len => {
                wire.push(masked | 127);
                wire.extend((len as u64).to_be_bytes());
            }
        }
        // The key that changes nothing keeps traces readable.
        wire.extend(&[0; 4][..if masked > 0 { 4 } else { 0 }]);
        wire.extend(payload);
        wire
    }

    /// Bytes arrive, cut at random. Where Pongs may come, all at once, so that none gets into a frame.
    pub(crate) fn receive(&mut self, wire: &[u8]) {
        let mut rest = wire;
        let pieces = self.numbers.below(3);
        for _ in 0..pieces {
            if rest.len() > 1 {
                let (piece, more) = rest.split_at(1 + self.numbers.below(rest.len() - 1));
                self.act(Op::Receive(piece.to_vec()));
                let gap = self.numbers.between(0.0, self.jitter.min(0.02));
                if self.trace.head.heartbeat.is_none() {
                    self.sleep(gap);
                }
                rest = more;
            }
        }
        self.act(Op::Receive(rest.to_vec()));
    }

    /// The peer's message arrives.
    pub(crate) fn hear(&mut self, size: usize) {
        let first = self.numbers.pick(&[0x81, 0x82]);
        let wire = self.frame(first, &vec![b'y'; size]);
        self.receive(&wire);
    }

    pub(crate) fn hear_close(&mut self, code: u16, reason: &str) {
        let body = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        let wire = self.frame(0x88, &body);
        self.receive(&wire);
    }

    pub(crate) fn say(&mut self, size: usize) {
        let op = if self.numbers.chance(0.5) { Op::Text(size) } else { Op::Binary(size) };
        self.act(op);
    }

    /// Messages both ways, at random, for about so many seconds.
    pub(crate) fn chat(&mut self, seconds: f64, largest: f64) {
        let end = self.now + seconds;
        let count = 1 + self.numbers.below(6);
        let mut times: Vec<f64> = (0..count).map(|_| self.numbers.between(self.now, end)).collect();
        times.sort_by(f64::total_cmp);
        for time in times {
            self.until(time);
            let size = self.numbers.magnitude(1.0, largest) as usize;
            if self.numbers.chance(0.5) {
                self.say(size);
            } else {
                self.hear(size);
            }
        }
        self.until(end);
    }

    /// Messages both ways for about so many seconds, with no pause as long as `limit`.
    pub(crate) fn chat_within(&mut self, seconds: f64, limit: f64) {
        let end = self.now + seconds;
        while self.now < end {
            let pause = self.numbers.between(limit / 10.0, limit * 0.9);
            self.until(end.min(self.now + pause));
            if self.numbers.chance(0.5) { self.say(40) } else { self.hear(40) }
        }
    }

    /// When a proxy on the path that `watch`es closes, as it is seen here.
    fn cut_at(&self, timeout: f64, watch: Watch) -> f64 {
        let here = self.rtt / 2.0 * self.place;
        let ours = self.replay.last_up as f64 / 1e6 + here;
        let theirs = (self.replay.last_down as f64 / 1e6 - here).max(0.0);
        let seen = match watch {
            Watch::Both => ours.max(theirs),
            Watch::Ours => ours,
            Watch::Theirs => theirs,
        };
        seen + timeout + here
    }

    /// Lets a proxy count, while `activity` goes on at random intervals of up to so many seconds,
    /// until its timeout. Gives up after four hours of connection.
    pub(crate) fn idle_out(
        &mut self,
        timeout: f64,
        watch: Watch,
        busy: f64,
        mut activity: impl FnMut(&mut Self),
    ) {
        // Most timers fire within milliseconds; some look at their clock once a second.
        // What went on before was no news to the proxy's clock.
        self.hear(20);
        self.say(20);
        let tick = if self.numbers.chance(0.15) { 0.9 } else { 0.12 };
        let late = self.numbers.between(0.0, tick);
        while self.now < 14_400.0 && !self.has_ended() {
            let cut = self.cut_at(timeout, watch) + late;
            let next = self.now + self.numbers.between(busy / 4.0, busy);
            self.until(cut.min(next));
            if next < cut {
                activity(self);
            } else if self.cut_at(timeout, watch) + late <= self.now + 1e-6 {
                let jitter = self.jitter / 2.0;
                let delay = self.numbers.between(0.0, jitter);
                self.sleep(delay);
                return;
            }
        }
    }

    /// The trace, once the end has come.
    pub(crate) fn finish(mut self, name: &str, number: Option<u64>) -> Trace {
        if !self.has_ended() {
            let deadline = self.now + 200.0;
            while !self.has_ended() && self.now < deadline {
                self.sleep(0.5);
            }
            self.act(Op::Wait);
        }
        assert!(self.has_ended(), "no end in {}", self.trace);
        self.trace.head.expect = Expected { name: name.to_string(), number };
        self.trace
    }
}
