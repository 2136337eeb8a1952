//! Messages that are asked for in parts: together, they are what a whole one is.

use farewell::{MessageChunk, MessageKind};

use super::{Driver, Seen};

/// How messages are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Whole,
    Parts,
    /// Now in this way, now in that, as this seed decides.
    Either(u32),
}

/// What was given of a message so far.
pub(super) type Parts = (MessageKind, Vec<u8>);

impl Driver {
    pub(super) fn ask(&mut self) {
        let in_parts = match &mut self.asked {
            Asked::Whole => return,
            Asked::Parts => true,
            Asked::Either(state) => {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *state >> 30 == 0
            }
        };
        self.session.receive_in_chunks(in_parts);
    }

    pub(super) fn note_chunk(&mut self, chunk: &MessageChunk) {
        assert_eq!(chunk.is_first(), self.parts.is_none());
        assert!(!chunk.payload().is_empty() || chunk.is_last(), "a part of nothing");
        let (kind, bytes) = self.parts.get_or_insert_with(|| (chunk.kind(), Vec::new()));
        assert_eq!(*kind, chunk.kind());
        bytes.extend_from_slice(chunk.payload());
        assert!(bytes.len() as u64 <= self.config.limits.message);
        if let (MessageKind::Text, Err(error)) = (*kind, std::str::from_utf8(bytes)) {
            let cut = error.error_len().is_none() && !chunk.is_last();
            assert!(cut, "it is no text: {error}");
        }
        if let Some((kind, bytes)) = self.parts.take_if(|_| chunk.is_last()) {
            self.seen.push(Seen::Message(kind, bytes));
        }
    }
}
