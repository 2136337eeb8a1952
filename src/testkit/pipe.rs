//! One direction of the simulated network: from the writer's buffer over the wire to the reader's.
//!
//! Invariant: bytes arrive in order, and no more of them are held than the link's buffer takes.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

use bytes::BytesMut;

use super::direction_faults::{DirectionFaults, End, Fate, Flow};
use super::fault::{Call, Effect, Faults};
use super::rng::Rng;
use super::wire::Wire;
use crate::report::{ReadClosed, TransportError};
use crate::time::{Timestamp, nanos};
use crate::wire::role::Role;

/// The most that leaves at once, so that bandwidth is shared out smoothly.
const SEGMENT: usize = 1460;

/// What one direction of a network is like.
///
/// ```
/// use std::time::Duration;
/// use farewell::testkit::Link;
///
/// let mobile = Link::new()
///     .latency(Duration::from_millis(80))
///     .jitter(Duration::from_millis(60))
///     .bandwidth(50_000);
/// let byte_by_byte = Link::new().chunks(1..=1);
/// # let _ = (mobile, byte_by_byte);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    latency: Duration,
    jitter: Duration,
    bandwidth: Option<u64>,
    chunks: RangeInclusive<usize>,
    buffer: usize,
}

impl Link {
    /// A link with a latency of 1 ms, whole reads and a buffer of 256 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            bandwidth: None,
            chunks: usize::MAX..=usize::MAX,
            buffer: 256 * 1024,
        }
    }

    /// How long a byte is on its way.
    #[must_use]
    pub fn latency(self, span: Duration) -> Self {
        Self { latency: span, ..self }
    }

    /// By how much longer it may take, evenly spread. Bytes never overtake each other.
    #[must_use]
    pub fn jitter(self, span: Duration) -> Self {
        Self { jitter: span, ..self }
    }

    /// Bytes a second that the link carries; zero counts as one. Without it: any number.
    #[must_use]
    pub fn bandwidth(self, bytes: u64) -> Self {
        Self { bandwidth: Some(bytes.max(1)), ..self }
    }

    /// How many bytes a read returns at most, drawn anew for each read; zero counts as one.
    #[must_use]
    pub fn chunks(self, sizes: RangeInclusive<usize>) -> Self {
        Self { chunks: sizes, ..self }
    }

    /// How many bytes the systems on the way hold before the writer is blocked; zero counts as
    /// one.
    #[must_use]
    pub fn buffer(self, bytes: usize) -> Self {
        Self { buffer: bytes.max(1), ..self }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

/// What a read returns.
#[derive(Debug)]
pub(super) enum Read {
    Bytes(BytesMut),
    End(ReadClosed),
}

/// Something on its way.
#[derive(Debug)]
struct Parcel {
    at: Timestamp,
    what: What,
}

#[derive(Debug)]
enum What {
    Bytes(Vec<u8>),
    End(ReadClosed),
}

/// One direction at work.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    link: Link,
    /// The writer's own calls.
    door: DirectionFaults,
    /// The way.
    pub(super) faults: DirectionFaults,
    rng: Rng,
    /// Accepted from the writer and not on its way yet.
    backlog: VecDeque<u8>,
    /// The writer has ended its stream.
    shut: bool,
    /// The end is on its way, or swallowed.
    ended: bool,
    /// When the wire is free for the next segment.
    free: Timestamp,
    flight: VecDeque<Parcel>,
    latest: Timestamp,
    /// Arrived and not read.
    inbox: BytesMut,
    inbox_end: Option<ReadClosed>,
    /// Bytes accepted that nobody has read or lost yet.
    held: usize,
}

impl Pipe {
    pub(super) fn new(
        link: Link,
        faults: &Faults,
        to: Role,
        wire: Wire,
        rng: Rng,
        now: Timestamp,
    ) -> Self {
        Self {
            link,
            door: DirectionFaults::new(faults, to, Effect::is_writers, wire, now),
            faults: DirectionFaults::new(faults, to, |effect| !effect.is_writers(), wire, now),
            rng,
            free: now,
            latest: now,
            ..Self::default()
        }
    }

    /// How many bytes the writer can write now.
    pub(super) fn room(&self) -> usize {
        self.link.buffer.saturating_sub(self.held).min(self.faults.pieces())
    }

    /// The writer writes these, or some of them: none where it would have to wait.
    pub(super) fn write(&mut self, bytes: &[u8], now: Timestamp) -> Result<usize, TransportError> {
        let Fate::Pass(len) = self.door.fate(bytes, now) else {
            return self.door.write_failure().map_or(Ok(0), Err);
        };
        self.door.call(Call::Write, now)?;
        self.door.commit(&bytes[..len], now);
        self.held += len;
        self.backlog.extend(&bytes[..len]);
        Ok(len)
    }

    /// From now on the writer's writes fail, if they did not before.
    pub(super) fn fail_writes(&mut self, kind: TransportError) -> bool {
        let before = self.door.write_failure().is_some();
        self.door.fail_writes(kind);
        !before
    }

    /// Lets the faults take effect whose time has come.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.door.advance(now);
        self.faults.advance(now);
    }

    /// The faults that have taken effect since the last time.
    pub(super) fn take_fired(&mut self) -> Vec<Effect> {
        let mut fired = self.door.take_fired();
        fired.extend(self.faults.take_fired());
        fired
    }

    /// The writer ends its stream, behind what it wrote.
    pub(super) fn shut(&mut self, now: Timestamp) {
        if !self.shut && self.door.call(Call::Shutdown, now).is_ok() {
            self.shut = true;
        }
    }

    /// The stream is cut off: what has not left never will.
    pub(super) fn break_off(&mut self, kind: TransportError) {
        self.held -= self.backlog.len();
        self.backlog.clear();
        self.faults.end(End::Failed(kind));
    }

    /// The connection is reset on its way to the reader, which may have been told of an end before.
    pub(super) fn reset(&mut self, now: Timestamp) {
        if self.faults.flow == Flow::Vanishing {
            return;
        }
        self.break_off(TransportError::Reset);
        self.ended = true;
        self.send(What::End(ReadClosed::Failed(TransportError::Reset)), now);
    }

    /// Moves what can leave onto the wire. Returns how many bytes did.
    pub(super) fn depart(&mut self, now: Timestamp) -> usize {
        let mut passed = 0;
        while self.free <= now && !self.backlog.is_empty() {
            let segment = self.backlog.len().min(SEGMENT);
            let bytes: Vec<u8> = self.backlog.range(..segment).copied().collect();
            let (gone, carried) = match self.faults.fate(&bytes, now) {
                Fate::Pass(len) => (len, bytes[..len].to_vec()),
                Fate::Vanish(len) => (len, Vec::new()),
                Fate::Flip(mask) => (1, [bytes[0] ^ mask].to_vec()),
                Fate::Wait => break,
            };
            self.faults.commit(&bytes[..gone], now);
            self.backlog.drain(..gone);
            // What vanishes for want of a reader is never acknowledged, and goes on being held.
            if self.faults.flow != Flow::Vanishing {
                self.held -= gone - carried.len();
            }
            if !carried.is_empty() {
                passed += carried.len();
                self.occupy(carried.len(), now);
                self.send(What::Bytes(carried), now);
            }
        }
        self.depart_end(now);
        passed
    }

    fn depart_end(&mut self, now: Timestamp) {
        if self.ended {
            return;
        }
        let end = match self.faults.flow {
            Flow::Ended(end) => end.into(),
            Flow::Flowing if self.shut && self.backlog.is_empty() => ReadClosed::Eof,
            _ => return,
        };
        self.ended = true;
        self.send(What::End(end), now);
    }

    /// The wire is taken by so many bytes.
    fn occupy(&mut self, bytes: usize, now: Timestamp) {
        if let Some(bandwidth) = self.link.bandwidth {
            let nanos = (bytes as u64).saturating_mul(1_000_000_000) / bandwidth;
            self.free = self.free.max(now) + Duration::from_nanos(nanos);
        }
    }

    fn send(&mut self, what: What, now: Timestamp) {
        let jitter = nanos(self.link.jitter);
        let late = Duration::from_nanos(self.rng.within(0, jitter));
        let at = (self.free.max(now) + self.link.latency + late).max(self.latest);
        self.latest = at;
        self.flight.push_back(Parcel { at, what });
    }

    /// Moves what has arrived into the reader's buffer. Returns whether a reset was among it.
    pub(super) fn arrive(&mut self, now: Timestamp) -> bool {
        let mut reset = false;
        while self.flight.front().is_some_and(|parcel| parcel.at <= now) {
            match self.flight.pop_front().map(|parcel| parcel.what) {
                Some(What::Bytes(bytes)) => self.inbox.extend(bytes),
                Some(What::End(end)) => {
                    reset |= end == ReadClosed::Failed(TransportError::Reset);
                    self.inbox_end.get_or_insert(end);
                }
                None => {}
            }
        }
        reset
    }

    /// The reader reads once, unless it would have to wait.
    pub(super) fn read(&mut self, now: Timestamp) -> Option<Read> {
        if self.inbox.is_empty() && self.inbox_end.is_none() {
            return None;
        }
        if let Some(end) = self.cut_read_short(now) {
            return Some(Read::End(end));
        }
        if self.inbox.is_empty() {
            return self.inbox_end.map(Read::End);
        }
        let (least, most) = self.link.chunks.clone().into_inner();
        let size = self.rng.within(least.max(1) as u64, most.max(1) as u64);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let size = size.min(self.faults.pieces()).min(self.inbox.len());
        self.held -= size;
        Some(Read::Bytes(self.inbox.split_to(size)))
    }

    /// A fault at this very read, which finds nothing any more.
    fn cut_read_short(&mut self, now: Timestamp) -> Option<ReadClosed> {
        self.faults.call(Call::Read, now).err()?;
        let Flow::Ended(end) = self.faults.flow else { return None };
        self.discard();
        self.flight.clear();
        self.ended = true;
        self.inbox_end = Some(end.into());
        self.inbox_end
    }

    /// The reader is gone: nobody will read what has arrived. Returns whether anything had.
    pub(super) fn discard(&mut self) -> bool {
        let any = !self.inbox.is_empty();
        self.held -= self.inbox.len();
        self.inbox.clear();
        any
    }

    /// When something will happen here by itself, after `now`.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let arrival = self.flight.front().map(|parcel| parcel.at);
        let departure = (!self.backlog.is_empty() && self.free > now).then_some(self.free);
        let faults = [self.door.deadline(), self.faults.deadline()];
        [arrival, departure].into_iter().chain(faults).flatten().min()
    }
}
