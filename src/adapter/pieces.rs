//! Messages in parts and streams of bytes: what both adapters share.
//!
//! Invariant: a part of a text message that is sent ends between two characters.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::str;
use std::io::{self, ErrorKind};

use bytes::Bytes;

use crate::connection::SendError;
use crate::report::{Cause, Position, Termination, Undelivered};
use crate::session::MessageChunk;
use crate::wire::close::{CloseCode, NO_STATUS};
use crate::wire::data::{Data, MessageKind};

/// How much of a message goes into one fragment, and of a stream of bytes into one message.
pub(super) const PART: usize = 32 * 1024;

/// What an adapter's `next_chunk()` returns: a part of a message, or the report of the ending.
#[derive(Debug, Clone, PartialEq)]
pub enum IncomingChunk {
    /// A part of a message.
    Chunk(MessageChunk),
    /// The connection has ended, and this is how. Every later call returns the same report.
    Ended(Box<Termination>),
}

impl IncomingChunk {
    /// The chunk, or the report where there will be none any more.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write;
    ///
    /// // A message of any length, into a file, and none of it into memory.
    /// let mut file = std::fs::File::create("/tmp/received")?;
    /// let mut socket = farewell::blocking::connect("ws://127.0.0.1:9001/")?;
    /// loop {
    ///     let chunk = socket.next_chunk().into_chunk()?;
    ///     file.write_all(chunk.payload())?;
    ///     if chunk.is_last() {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The report of the ending.
    pub fn into_chunk(self) -> Result<MessageChunk, Box<Termination>> {
        match self {
            Self::Chunk(chunk) => Ok(chunk),
            Self::Ended(report) => Err(report),
        }
    }
}

/// What was written into a message and not sent yet.
#[derive(Debug)]
pub(super) struct Pending {
    kind: MessageKind,
    /// No more than [`PART`] bytes.
    bytes: Vec<u8>,
    /// The last part was sent.
    finished: bool,
}

impl Pending {
    pub(super) fn new(kind: MessageKind) -> Self {
        Self { kind, bytes: Vec::new(), finished: false }
    }

    /// Takes as much as there is room for. Returns how much.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.finished {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "the message is finished"));
        }
        let len = bytes.len().min(PART - self.bytes.len());
        if self.bytes.capacity() == 0 && len > 0 {
            self.bytes.reserve_exact(PART);
        }
        self.bytes.extend_from_slice(bytes.get(..len).unwrap_or_default());
        Ok(len)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= PART
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// What can be sent of it, which is all unless it ends inside a character.
    pub(super) fn part(&self, fin: bool) -> io::Result<Data<'_>> {
        if self.kind == MessageKind::Binary {
            return Ok(Data::Binary(&self.bytes));
        }
        match str::from_utf8(&self.bytes) {
            Ok(text) => Ok(Data::Text(text)),
            Err(error) if error.error_len().is_none() && !fin => {
                let whole = self.bytes.get(..error.valid_up_to()).unwrap_or_default();
                Ok(Data::Text(str::from_utf8(whole).unwrap_or_default()))
            }
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }

    /// A part with so many bytes was sent.
    pub(super) fn sent(&mut self, len: usize, fin: bool) {
        self.bytes.drain(..len.min(self.bytes.len()));
        self.finished = fin;
    }
}

/// Why a part could not be sent, with the report if there is one.
pub(super) fn refused(error: SendError, report: Option<&Termination>) -> io::Error {
    let kind = match error {
        SendError::Opening | SendError::NotConnected => ErrorKind::NotConnected,
        SendError::Closing | SendError::Ended | SendError::WriteFailed => ErrorKind::BrokenPipe,
        SendError::Full | SendError::OutboxFull => ErrorKind::WouldBlock,
        SendError::FragmentsPending
        | SendError::KindMismatch
        | SendError::ControlTooLong { .. }
        | SendError::OverOutboxLimit { .. }
        | SendError::TooLong => ErrorKind::InvalidInput,
    };
    match report {
        Some(report) => io::Error::new(kind, report.clone()),
        None => io::Error::new(kind, error),
    }
}

/// What came of a flush. Behind a clean end that dropped nothing, everything is with the transport.
pub(super) fn flushed(
    result: Result<(), SendError>,
    report: Option<&Termination>,
) -> io::Result<()> {
    match (result, report) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(report)) if report.clean && report.dropped == Undelivered::default() => {
            Ok(())
        }
        (Err(error), report) => Err(refused(error, report)),
    }
}

/// What a stream of bytes says at its end: nothing more, or that it was cut, with the report. Who closes
/// with another code than 1000, or with none, has not said that this was all.
pub(super) fn end(report: &Termination) -> io::Result<()> {
    let all = report.code == CloseCode::NORMAL.get() || report.code == NO_STATUS;
    let inside = matches!(
        report.evidence.position,
        Position::BetweenFragments { .. } | Position::InsidePayload { .. }
    );
    if report.clean && all && !inside {
        return Ok(());
    }
    if report.clean {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, report.clone()));
    }
    let kind = match report.cause {
        Cause::Eof { .. } => ErrorKind::UnexpectedEof,
        Cause::Transport { .. } | Cause::ClosingHandshake => ErrorKind::ConnectionReset,
        Cause::PongTimeout { .. }
        | Cause::IdleTimeout { .. }
        | Cause::MessageTimeout { .. }
        | Cause::WriteStalled { .. }
        | Cause::CloseTimeout
        | Cause::HandshakeTimeout => ErrorKind::TimedOut,
        Cause::HandshakeRejected { .. } | Cause::PlainRequest { .. } => {
            ErrorKind::ConnectionRefused
        }
        Cause::HandshakeInvalid(_) | Cause::Violation { .. } | Cause::TooBig { .. } => {
            ErrorKind::InvalidData
        }
        Cause::Aborted => ErrorKind::ConnectionAborted,
    };
    Err(io::Error::new(kind, report.clone()))
}

/// The bytes of a chunk, if they belong to a stream of bytes.
pub(super) fn binary(chunk: MessageChunk) -> io::Result<Bytes> {
    match chunk.kind() {
        MessageKind::Binary => Ok(chunk.into_payload()),
        MessageKind::Text => {
            Err(io::Error::new(ErrorKind::InvalidData, "a text message came, and bytes are read"))
        }
    }
}

/// Moves as much as fits. Returns how much.
pub(super) fn give(rest: &mut Bytes, buffer: &mut [u8]) -> usize {
    let part = rest.split_to(rest.len().min(buffer.len()));
    if let Some(place) = buffer.get_mut(..part.len()) {
        place.copy_from_slice(&part);
    }
    part.len()
}
