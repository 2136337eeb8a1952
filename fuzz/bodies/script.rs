//! Reading an input as a script: numbers and strings of bytes, one after the other.
//!
//! Total: at the end of the input every number is zero and every string is empty.

use core::time::Duration;

use farewell::{Config, Role, Timestamp};

pub(crate) struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub(crate) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A length: mostly short, now and then one that takes the longest form of a frame's header or
    /// is read directly.
    pub(crate) fn length(&mut self) -> usize {
        match self.number() {
            long @ 0xf000.. => usize::from(long) + 0x1000,
            short => usize::from(short % 1024),
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// As many bytes as the next one says; 255 stands for all that are left.
    pub(crate) fn string(&mut self) -> &'a [u8] {
        match self.byte() {
            255 => self.take(usize::MAX),
            len => self.take(len.into()),
        }
    }

    /// From nanoseconds to days.
    pub(crate) fn span(&mut self) -> Duration {
        let exponent = self.byte() % 48;
        Duration::from_nanos(u64::from(self.number()) << exponent)
    }
}

/// How an input is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chunks {
    Whole,
    /// Into single bytes.
    Single,
    /// Into single bytes at first, longer pieces where there is much.
    Bytes,
    /// Into pieces whose lengths this seed decides.
    Random(u32),
}

impl Chunks {
    /// The length of the next piece of an input of which `left` bytes are left, at least one.
    pub(crate) fn next(&mut self, at: usize, left: usize) -> usize {
        let len = match self {
            Self::Whole => left,
            Self::Single => 1,
            Self::Bytes => 1 + at / 64,
            Self::Random(state) => {
                // xorshift32 never leaves zero.
                *state |= u32::from(*state == 0);
                *state ^= *state << 13;
                *state ^= *state >> 17;
                *state ^= *state << 5;
                1 + (*state >> 16) as usize % (7 + at / 16)
            }
        };
        len.min(left)
    }
}

/// Settings of all kinds, from the bits of a number.
pub(crate) fn config(bits: u16) -> Config {
    let mut config = Config::default();
    let bit = |index: u32| bits >> index & 1 != 0;
    if bit(0) {
        config.heartbeat = None;
    }
    if let (Some(heartbeat), true) = (&mut config.heartbeat, bit(1)) {
        heartbeat.interval = Duration::ZERO;
        heartbeat.timeout = Duration::from_millis(3);
    }
    if bit(2) {
        config.timeouts.idle = Some(Duration::from_secs(90));
    }
    if bit(3) {
        config.timeouts.write_stall = None;
    }
    if bit(4) {
        config.timeouts.close = Duration::ZERO;
    }
    if bit(5) {
        config.timeouts.linger = Duration::ZERO;
    }
    if bit(6) {
        config.limits.frame = 100;
        config.limits.message = 150;
        config.limits.fragments = 5;
        config.limits.empty_fragments = 1;
    }
    if bit(7) {
        config.limits.linger = 10;
    }
    if bit(8) {
        config.limits.head = 300;
        config.limits.header_line = 60;
        config.limits.headers = 5;
        config.limits.pending_output = 200;
    }
    if bit(9) {
        config.fragment_size = Some(7);
    }
    if bit(10) {
        config.timeouts.close = Duration::MAX;
        config.timeouts.linger = Duration::from_secs(u64::MAX / 2_000_000_000);
    }
    config
}

pub(crate) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// `at` moved back, as a clock that is not monotonic would.
pub(crate) fn before(at: Timestamp, span: Duration) -> Timestamp {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Timestamp::from_nanos(at.as_nanos().saturating_sub(nanos))
}
