//! The transport of the model, with its faults, and its clock: each step is carried out or fails.

use std::time::Duration;

use bytes::Buf;
use farewell::driver::Wait;
use farewell::{ReadClosed, TransportError};

use super::{End, Model, WriteEnd, response};

impl Model {
    pub(super) fn write(&mut self) {
        assert!(self.driver.ended().is_none() && !self.write_failed);
        let left = self.driver.output().remaining();
        assert!(left > 0, "nothing to write");
        self.idle_waits = 0;
        let (most, end) = match self.faults.write_end {
            Some((at, end)) if self.written.len() >= at => (0, Some(end)),
            Some((at, _)) => (self.faults.write_most.min(at - self.written.len()), None),
            None => (self.faults.write_most, None),
        };
        match end {
            Some(WriteEnd::Zero) => {
                let now = self.tell();
                self.write_failed = true;
                self.driver.handle_written(0, now);
            }
            Some(WriteEnd::Failure) => {
                let now = self.tell();
                self.write_failed = true;
                self.driver.handle_write_failed(TransportError::Reset, now);
            }
            Some(WriteEnd::Silence) => self.driver.handle_write_blocked(),
            None if self.rng.one_in(self.faults.interrupts) => self.moved += 1,
            None if self.rng.one_in(self.faults.write_blocks) => self.driver.handle_write_blocked(),
            None => {
                let count = 1 + self.rng.below(left.min(most));
                let mut bytes = vec![0; count];
                self.driver.output().copy_to_slice(&mut bytes);
                self.written.extend(bytes);
                self.dirty = true;
                self.moved += count;
                let now = self.tell();
                self.driver.handle_written(count, now);
            }
        }
        self.answer_request();
    }

    /// The peer answers a client's request once it has it.
    fn answer_request(&mut self) {
        if !self.answered && self.written.ends_with(b"\r\n\r\n") {
            self.answered = true;
            self.input = response(&self.written);
            self.prefix = self.input.len();
            self.input.extend_from_slice(&self.script.wire);
            if self.winding_down {
                self.arrived = self.input.len();
            }
        }
    }

    pub(super) fn flush(&mut self) {
        assert!(self.dirty && self.driver.ended().is_none() && !self.write_failed);
        if self.rng.one_in(self.faults.interrupts) {
            self.moved += 1;
        } else if self.rng.one_in(self.faults.write_blocks) {
            self.driver.handle_write_blocked();
        } else if self.rng.one_in(200) {
            self.write_failed = true;
            let now = self.tell();
            self.driver.handle_write_failed(TransportError::BrokenPipe, now);
        } else {
            self.dirty = false;
            self.driver.handle_flushed();
        }
    }

    pub(super) fn read(&mut self) {
        self.check_read();
        self.idle_waits = 0;
        if self.rng.one_in(self.faults.interrupts) {
            self.moved += 1;
            return;
        }
        let left = self.arrived - self.read;
        let blocked = !self.winding_down && self.rng.one_in(self.faults.read_blocks);
        if left > 0 && !blocked {
            let count = 1 + self.rng.below(left.min(self.faults.read_most));
            let mut bytes = self.input[self.read..self.read + count].to_vec();
            let now = self.tell();
            let spare = self.driver.spare_mut();
            if spare.is_empty() {
                self.read += count;
                self.driver.handle_read(&mut bytes, now);
            } else {
                let count = count.min(spare.len());
                spare[..count].copy_from_slice(&bytes[..count]);
                self.read += count;
                self.driver.handle_filled(count, now);
            }
            self.moved += count;
            (self.attempted, self.late_attempt) = (true, self.due);
            self.late_reads += usize::from(self.due);
            return;
        }
        let over = self.read == self.input.len() && self.answered && self.end != End::Silence;
        if over && !blocked && (self.winding_down || self.rng.one_in(5)) {
            self.read_closed = true;
            let now = self.tell();
            let how = match self.end {
                End::Eof => ReadClosed::Eof,
                _ => ReadClosed::Failed(TransportError::Reset),
            };
            self.driver.handle_read_closed(how, now);
            return;
        }
        self.driver.handle_read_blocked();
        (self.attempted, self.late_attempt) = (true, self.due);
    }

    pub(super) fn wait(&mut self, wait: Wait) {
        (self.steps, self.moved) = (0, 0);
        if wait.is_over(self.now) {
            self.idle_waits += 1;
            assert!(self.idle_waits <= 3, "it spins over waits: {:?}", self.driver);
            let now = self.tell();
            self.driver.handle_timeout(now);
            return;
        }
        assert!(self.driver.ended().is_none(), "a wait for nothing: {wait:?}");
        let leap = self.winding_down || self.rng.one_in(4);
        match wait.until {
            Some(until) if leap => {
                self.now = until;
                if self.rng.one_in(3) {
                    let late = self.rng.pick(&[1, 1_000_000, 10_000_000_000]);
                    self.now = self.now + Duration::from_nanos(self.rng.below(late) as u64);
                }
                let now = self.tell();
                self.driver.handle_timeout(now);
            }
            None if self.winding_down => {
                let moves = wait.read && (self.read < self.arrived || self.end != End::Silence);
                let takes = !matches!(self.faults.write_end, Some((_, WriteEnd::Silence)));
                if !(moves || wait.write && takes) {
                    // Nothing is due by itself: it is for the application to end it.
                    assert!(!self.read_closed, "nothing will ever happen: {:?}", self.driver);
                    self.close();
                }
                self.driver.handle_ready();
            }
            _ => self.driver.handle_ready(),
        }
    }
}
