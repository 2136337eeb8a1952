//! One direction of a connection, with the faults that lie in wait there.
//!
//! Invariant: this is the one place where faults take effect, for the simulated network and for
//! real streams alike. It moves no bytes: it says what is to become of the next ones, and is told
//! how many of them went that way.

use alloc::vec::Vec;
use core::mem;

use super::fault::{At, Call, Effect, Faults};
use super::wire::Wire;
use crate::report::{ReadClosed, TransportError};
use crate::time::Timestamp;
use crate::wire::role::Role;

/// Bytes that vanish before their writer is blocked: nobody acknowledges them.
const WINDOW: u64 = 64 * 1024;

/// How a direction carries what is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flow {
    #[default]
    Flowing,
    /// Nothing gets through until then.
    Held(Timestamp),
    Stalled,
    Vanishing,
    /// The reader's stream has ended.
    Ended(End),
}

/// How a reader's stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Eof,
    /// The end of the stream; what is sent later is answered with a reset.
    Closed,
    Failed(TransportError),
}

impl From<End> for ReadClosed {
    fn from(end: End) -> Self {
        match end {
            End::Eof | End::Closed => Self::Eof,
            End::Failed(kind) => kind.into(),
        }
    }
}

/// What is to become of the next bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are carried, so many of them.
    Pass(usize),
    /// They vanish, so many of them.
    Vanish(usize),
    /// One byte is carried, changed by exclusive or.
    Flip(u8),
    /// Nothing can be done with them now.
    Wait,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct DirectionFaults {
    wire: Wire,
    started: Timestamp,
    armed: Vec<(At, Effect)>,
    pub(super) flow: Flow,
    lost: Vec<u8>,
    /// The frame under way is one that is lost.
    losing: bool,
    flip: Option<u8>,
    pieces: usize,
    vanished: u64,
    /// Until when the reader's process does not run.
    asleep: Option<Timestamp>,
    /// How often each [`Call`] was made.
    calls: [u64; 4],
    /// Why each [`Call`] of the writer fails, where it does.
    failures: [Option<TransportError>; 4],
    /// The other direction is to be reset as well.
    resets: bool,
    /// What has taken effect since it was last asked for.
    fired: Vec<Effect>,
}

impl DirectionFaults {
    /// The direction that leads to this endpoint, with those of its faults that `is_here` picks.
    pub(super) fn new(
        faults: &Faults,
        to: Role,
        is_here: impl Fn(&Effect) -> bool,
        wire: Wire,
        now: Timestamp,
    ) -> Self {
        let towards = faults.list.iter().filter(|fault| fault.to == to);
        let here = towards.filter(|fault| is_here(&fault.effect));
        let mut faults = Self {
            wire,
            started: now,
            armed: here.map(|fault| (fault.at, fault.effect)).collect(),
            pieces: usize::MAX,
            ..Self::default()
        };
        faults.fire_at_place(now);
        faults
    }

    /// Lets the faults take effect whose time has come.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if matches!(self.flow, Flow::Held(until) if until <= now) {
            self.flow = Flow::Flowing;
        }
        let age = now.since(self.started);
        self.fire(now, |at, _| at.time().is_some_and(|after| after <= age));
    }

    /// When [`advance`](Self::advance) will change something.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let timed = self.armed.iter().filter_map(|(at, _)| Some(self.started + at.time()?));
        let held = match self.flow {
            Flow::Held(until) => Some(until),
            _ => None,
        };
        timed.chain(held).min()
    }

    /// Until when the reader's process does not run, where it does not.
    pub(super) fn asleep(&self, now: Timestamp) -> Option<Timestamp> {
        self.asleep.filter(|until| *until > now)
    }

    /// The reader's process was let sleep for as long as it had to.
    pub(super) fn wake(&mut self) {
        self.asleep = None;
    }

    /// The most that one read or write may be of.
    pub(super) fn pieces(&self) -> usize {
        self.pieces
    }

    /// What is to become of `bytes`, the next that were written.
    pub(super) fn fate(&mut self, bytes: &[u8], now: Timestamp) -> Fate {
        let Some(first) = bytes.first() else { return Fate::Wait };
        if self.flow == Flow::Flowing && self.wire.beginning(*first) == Some(CLOSE) {
            self.fire(now, |at, _| *at == At::Close { byte: 0 });
        }
        match self.flow {
            Flow::Held(_) | Flow::Stalled => return Fate::Wait,
            Flow::Ended(_) => return Fate::Vanish(bytes.len()),
            Flow::Vanishing => {
                let room = usize::try_from(WINDOW.saturating_sub(self.vanished)).unwrap_or(0);
                return match room.min(bytes.len()) {
                    0 => Fate::Wait,
                    len => Fate::Vanish(len),
                };
            }
            Flow::Flowing => {}
        }
        if let Some(mask) = self.flip {
            return Fate::Flip(mask);
        }
        let lost = self.loses(*first);
        let len = self.run(bytes, lost);
        if lost { Fate::Vanish(len) } else { Fate::Pass(len) }
    }

    /// How many of the bytes share the fate of the first.
    fn run(&self, bytes: &[u8], lost: bool) -> usize {
        let mut wire = self.wire;
        for (len, byte) in bytes.iter().enumerate() {
            if let Some(opcode) = wire.beginning(*byte).filter(|_| len > 0) {
                let watched = opcode == CLOSE && self.waits_for(At::Close { byte: 0 });
                if watched || self.lost.contains(&opcode) != lost {
                    return len;
                }
            }
            wire.step(*byte);
            if self.armed.iter().any(|(at, _)| is_here(*at, &wire)) {
                return len + 1;
            }
        }
        bytes.len()
    }

    fn waits_for(&self, place: At) -> bool {
        self.armed.iter().any(|(at, _)| *at == place)
    }

    fn loses(&self, first: u8) -> bool {
        match self.wire.beginning(first) {
            Some(opcode) => self.lost.contains(&opcode),
            None => self.losing,
        }
    }

    /// These bytes, of which [`fate`](Self::fate) was asked, have met it.
    pub(super) fn commit(&mut self, bytes: &[u8], now: Timestamp) {
        match self.flow {
            Flow::Vanishing => self.vanished = self.vanished.saturating_add(bytes.len() as u64),
            Flow::Ended(End::Closed) => self.resets = true,
            _ => {}
        }
        for byte in bytes {
            self.flip = None;
            self.losing = self.loses(*byte);
            self.wire.step(*byte);
        }
        self.fire_at_place(now);
    }

    /// Counts a call. An error where it fails; of a read, where this very call ends the stream.
    pub(super) fn call(&mut self, call: Call, now: Timestamp) -> Result<(), TransportError> {
        let count = &mut self.calls[call as usize];
        *count += 1;
        let place = At::Call(*count);
        let fired = self.fired.len();
        self.fire(now, |at, effect| *at == place && effect.call() == call);
        let failure = match call {
            Call::Read => self.fired.get(fired).and_then(Effect::read_failure),
            Call::Write | Call::Flush | Call::Shutdown => self.failures[call as usize],
        };
        failure.map_or(Ok(()), Err)
    }

    /// From now on the writer's writes fail.
    pub(super) fn fail_writes(&mut self, kind: TransportError) {
        self.failures[Call::Write as usize].get_or_insert(kind);
    }

    /// Why the writer's writes fail, where they do.
    pub(super) fn write_failure(&self) -> Option<TransportError> {
        self.failures[Call::Write as usize]
    }

    /// Ends the reader's stream.
    pub(super) fn end(&mut self, end: End) {
        if !matches!(self.flow, Flow::Ended(_)) {
            self.flow = Flow::Ended(end);
        }
    }

    /// Whether the other direction is to be reset; `true` once.
    pub(super) fn take_resets(&mut self) -> bool {
        mem::take(&mut self.resets)
    }

    /// What has taken effect since the last time.
    pub(super) fn take_fired(&mut self) -> Vec<Effect> {
        mem::take(&mut self.fired)
    }

    fn fire_at_place(&mut self, now: Timestamp) {
        let wire = self.wire;
        self.fire(now, |at, _| is_here(*at, &wire));
    }

    fn fire(&mut self, now: Timestamp, is_due: impl Fn(&At, &Effect) -> bool) {
        let mut index = 0;
        while let Some((at, effect)) = self.armed.get(index) {
            if is_due(at, effect) {
                let (_, effect) = self.armed.remove(index);
                self.take_effect(effect, now);
            } else {
                index += 1;
            }
        }
    }

    fn take_effect(&mut self, effect: Effect, now: Timestamp) {
        self.fired.push(effect);
        let ended = matches!(self.flow, Flow::Ended(_));
        match effect {
            Effect::WriteFails(kind) => self.fail_writes(kind),
            Effect::FlushFails(kind) | Effect::ShutdownFails(kind) => {
                self.failures[effect.call() as usize] = Some(kind);
            }
            Effect::Lose(opcode) => self.lost.push(opcode.bits()),
            Effect::Flip(mask) => self.flip = Some(mask),
            Effect::Pieces(len) => self.pieces = len.max(1),
            Effect::Suspend(span) => self.asleep = Some(now + span),
            Effect::ReadFails(kind) if ended => self.flow = Flow::Ended(End::Failed(kind)),
            _ if ended => {}
            Effect::Vanish => self.flow = Flow::Vanishing,
            Effect::Stall => self.flow = Flow::Stalled,
            Effect::Hold(span) => self.flow = Flow::Held(now + span),
            Effect::Eof => self.flow = Flow::Ended(End::Eof),
            Effect::ReadFails(kind) => self.flow = Flow::Ended(End::Failed(kind)),
            Effect::Reset => {
                self.flow = Flow::Ended(End::Failed(TransportError::Reset));
                self.resets = true;
            }
        }
    }
}

const CLOSE: u8 = crate::wire::frame::OpCode::Close.bits();

fn is_here(at: At, wire: &Wire) -> bool {
    match at {
        At::Byte(count) => wire.bytes() == count,
        At::Frame { index, byte } => wire.frame() == Some((index, byte)),
        At::Close { byte } => wire.close_bytes() == Some(byte),
        At::AfterClose => wire.behind_close(),
        At::Time(_) | At::Call(_) => false,
    }
}
