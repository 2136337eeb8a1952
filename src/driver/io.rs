//! The steps carried out with the standard library's results: what each of them means.

use std::io::{self, ErrorKind, IoSlice};

use bytes::Buf;

use super::Driver;
use crate::report::ReadClosed;
use crate::time::Timestamp;

/// As many pieces of output as one call writes.
const SLICES: usize = 16;

impl Driver {
    /// Executes [`Step::Read`](super::Step::Read) with one call of `read`, into memory of the
    /// driver's or into `memory`.
    ///
    /// [`ErrorKind::WouldBlock`] says that nothing is there, [`ErrorKind::Interrupted`] nothing;
    /// another error, or no bytes at all, ends the reading direction. `now` is the time afterwards.
    #[inline]
    pub fn read_with(
        &mut self,
        memory: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        now: impl FnOnce() -> Timestamp,
    ) {
        let spare = self.spare_mut();
        if spare.is_empty() {
            let result = read(memory);
            return self.handle_read_result(result, memory, now);
        }
        match read(spare) {
            Ok(len @ 1..) => self.handle_filled(len, now()),
            result => self.handle_read_result(result, &mut [], now),
        }
    }

    /// Tells what came of a read into `memory`; see [`read_with`](Self::read_with).
    #[inline]
    pub fn handle_read_result(
        &mut self,
        result: io::Result<usize>,
        memory: &mut [u8],
        now: impl FnOnce() -> Timestamp,
    ) {
        match result {
            Ok(0) => self.handle_read_closed(ReadClosed::Eof, now()),
            Ok(len) => self.handle_read(memory.get_mut(..len).unwrap_or_default(), now()),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => self.handle_read_blocked(),
                _ => self.handle_read_failed(&error, now()),
            },
        }
    }

    /// Executes [`Step::Write`](super::Step::Write) with one call of `write`.
    ///
    /// [`ErrorKind::WouldBlock`] says that nothing is taken at present, [`ErrorKind::Interrupted`]
    /// nothing; another error, or no bytes taken, ends the writing direction. `now` is the time
    /// afterwards.
    #[inline]
    pub fn write_with(
        &mut self,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        now: impl FnOnce() -> Timestamp,
    ) {
        let output = self.security.ready_output(&mut self.session);
        let first = output.chunk();
        let result = if first.len() == output.remaining() {
            write(&[IoSlice::new(first)])
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = output.chunks_vectored(&mut slices);
            write(slices.get(..count).unwrap_or_default())
        };
        self.handle_write_result(result, now);
    }

    /// Tells what came of a write; see [`write_with`](Self::write_with).
    #[inline]
    pub fn handle_write_result(
        &mut self,
        result: io::Result<usize>,
        now: impl FnOnce() -> Timestamp,
    ) {
        match result {
            Ok(len) => self.handle_written(len, now()),
            Err(error) => self.handle_write_error(&error, now),
        }
    }

    /// Executes [`Step::Flush`](super::Step::Flush) with one call of `flush`.
    #[inline]
    pub fn flush_with(
        &mut self,
        flush: impl FnOnce() -> io::Result<()>,
        now: impl FnOnce() -> Timestamp,
    ) {
        match flush() {
            Ok(()) => self.handle_flushed(),
            Err(error) => self.handle_write_error(&error, now),
        }
    }

    #[cold]
    fn handle_write_error(&mut self, error: &io::Error, now: impl FnOnce() -> Timestamp) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => self.handle_write_blocked(),
            _ => self.handle_write_failed(error, now()),
        }
    }
}
