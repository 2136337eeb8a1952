//! Input that precedes the next read: bytes that came before the connection was open, and bytes read
//! directly into the memory of a message.
//!
//! Invariant: none of it is left once a poll has returned `None`. What is rare is here as well, so that
//! others have nothing of it but an empty pointer: how messages are given in chunks.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::{Buf, BytesMut};

use super::assembly::Assembly;
use super::chunks::Chunks;
use super::{Opened, Session, SessionEvent, Stage};
use crate::connection::Event;
use crate::report::ReadEnd;
use crate::time::Timestamp;

/// What came before the application accepted the request, and has still to be handled.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    /// The [`SessionEvent::Open`] to come.
    pub(super) opened: Option<Box<Opened>>,
    /// Bytes that came before it was.
    pub(super) early: BytesMut,
    /// The end of the stream, which lies behind those bytes.
    pub(super) read_closed: Option<ReadEnd>,
    /// Where messages are given in chunks.
    pub(super) chunks: Option<Chunks>,
}

impl Session {
    /// Memory of the large message under way, to read into directly; empty where there is none.
    ///
    /// What is read there is copied no more. Report it with
    /// [`handle_filled`](Self::handle_filled). The memory never reaches beyond the payload of the
    /// frame under way, and grows with what was received, at most to its double.
    #[inline]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        match &self.stage {
            Stage::Open(connection) if self.assembly.is_large() && self.deferred.is_none() => {
                self.assembly.spare_mut(connection.direct_remaining())
            }
            _ => &mut [],
        }
    }

    /// `count` bytes were read into [`spare_mut`](Self::spare_mut).
    ///
    /// Call [`poll_event`](Self::poll_event) next, with empty input.
    pub fn handle_filled(&mut self, count: usize, _now: Timestamp) {
        if let Some(connection) = self.stage.connection() {
            self.assembly.fill(count, connection.direct_remaining());
        }
    }

    /// Whether such input has to be handled first.
    #[inline]
    pub(super) fn looks_first(&self) -> bool {
        self.deferred.is_some() || self.assembly.has_filled()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn poll_deferred(&mut self, now: Timestamp) -> Option<SessionEvent<'static>> {
        if let Some(deferred) = &mut self.deferred {
            if let Some(opened) = deferred.opened.take() {
                return Some(SessionEvent::Open(opened));
            }
            let mut early = mem::take(&mut deferred.early);
            let mut rest = &mut early[..];
            let event = if self.gives_chunks() {
                self.receive_chunks(&mut rest, now, |chunk| Ok(Assembly::whole_owned(chunk)))
            } else {
                self.receive(&mut rest, now, |chunk| Ok(Assembly::whole_owned(chunk)))
            };
            let left = rest.len();
            early.advance(early.len() - left);
            if event.is_some() {
                if let Some(deferred) = &mut self.deferred {
                    deferred.early = early;
                }
                return event;
            }
        }
        let event = self.poll_filled(now);
        if event.is_some() {
            return event;
        }
        let read_closed = self.deferred.as_mut().and_then(|deferred| deferred.read_closed.take());
        self.deferred.take_if(|deferred| deferred.chunks.is_none());
        if let Some(end) = read_closed {
            self.close_reading(end, now);
        }
        None
    }

    /// How long the header is of a data frame that begins in front of `bytes` and does not lie whole in
    /// them, and how many bytes are lacking. Nothing where messages are given in chunks.
    pub(crate) fn frame_begun(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.gives_chunks() {
            return None;
        }
        let (header, len) = self.stage.connection()?.frame_ahead(bytes)?;
        let lacking = len.checked_sub((bytes.len() - header) as u64)?;
        (lacking > 0).then(|| (header, usize::try_from(lacking).unwrap_or(usize::MAX)))
    }

    /// Takes in the header of a data frame, as [`poll_event`](Self::poll_event) does, and what there is
    /// of its payload. Where that begins a message, it is taken as its memory and not copied.
    #[inline(never)]
    pub(crate) fn poll_frame_begun(
        &mut self,
        header: &mut &mut [u8],
        payload: &mut Vec<u8>,
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        let event = self.poll_owned_event(header, now);
        if event.is_some() || self.assembly.memory() > 0 {
            return event;
        }
        if self.stage.connection()?.direct_remaining() >= payload.len() as u64 {
            self.assembly.adopt(mem::take(payload));
        }
        self.poll_filled(now)
    }

    /// What was read into the memory of the message under way: nothing but its payload.
    fn poll_filled(&mut self, now: Timestamp) -> Option<SessionEvent<'static>> {
        while self.assembly.has_filled() {
            let connection = self.stage.connection_mut()?;
            let mut rest = self.assembly.filled_mut();
            match connection.poll_input(&mut rest, now) {
                Some(Event::Data(chunk)) => {
                    let (len, last, kind) = (chunk.payload().len(), chunk.is_last(), chunk.kind());
                    self.assembly.take_filled(len);
                    if last {
                        return Some(SessionEvent::Message(self.assembly.finish(kind)));
                    }
                }
                // The connection takes no more data, so there is no message any more.
                _ => {
                    self.assembly.clear();
                    return self.poll_end();
                }
            }
        }
        None
    }
}
