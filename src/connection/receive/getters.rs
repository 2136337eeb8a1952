//! The receiver's getters: how far it has got.

use super::{Receiver, State};
use crate::report::{FirstBytes, Position, Traffic};
use crate::wire::data::MessageKind;
use crate::wire::frame::FrameHeader;

impl Receiver {
    #[inline]
    pub(in crate::connection) fn pong_due(&self) -> bool {
        self.pong_due
    }

    pub(in crate::connection) fn ping_payload(&self) -> &[u8] {
        self.ping.as_slice()
    }

    pub(in crate::connection) fn pong_payload(&self) -> &[u8] {
        self.other.as_slice()
    }

    /// Whether the next call of [`poll`](Self::poll) returns a fault, whatever comes.
    #[inline]
    pub(in crate::connection) fn fault_waits(&self) -> bool {
        self.state == State::TextCutShort
    }

    pub(in crate::connection) fn traffic(&self) -> Traffic {
        Traffic {
            bytes: self.offset,
            frames: self.whole_frames + self.other_frames,
            messages: self.whole_frames + self.other_messages,
        }
    }

    /// Whether a piece of a message was ever delivered.
    pub(in crate::connection) fn any_piece(&self) -> bool {
        self.traffic().messages > 0 || self.begun
    }

    pub(in crate::connection) fn in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether a part of a message has come, or of a control frame, and the rest has not.
    pub(in crate::connection) fn is_under_way(&self) -> bool {
        match self.state {
            State::Boundary | State::TextCutShort | State::Stopped => false,
            State::Between | State::Header | State::Data | State::Control => true,
        }
    }

    /// The kind of the message under way, and whether it is compressed.
    pub(in crate::connection) fn message_under_way(&self) -> Option<(MessageKind, bool)> {
        self.message.map(|kind| (kind, self.compressed))
    }

    /// Whether the message under way is compressed.
    pub(in crate::connection) fn in_compressed_message(&self) -> bool {
        self.compressed && self.message.is_some()
    }

    /// The header's length and the payload's of the data frame that begins in front of `input`.
    pub(in crate::connection) fn frame_ahead(&self, input: &[u8]) -> Option<(usize, u64)> {
        if !matches!(self.state, State::Boundary | State::Between) {
            return None;
        }
        let (header, len) = FrameHeader::decode_with(input, self.sender, self.allowed).ok()??;
        (!header.opcode.is_control()).then_some((len, header.len))
    }

    /// Payload bytes still to come of the data frame under way.
    pub(in crate::connection) fn payload_remaining(&self) -> u64 {
        if self.state == State::Data { self.remaining } else { 0 }
    }

    /// Whether the frame that came last, of which a part may still come, ends its message.
    pub(in crate::connection) fn in_last_frame(&self) -> bool {
        self.fin
    }

    /// What has come of the header under way.
    pub(in crate::connection) fn header_begun(&self) -> FirstBytes {
        let mut first = FirstBytes::default();
        if self.state == State::Header {
            first.extend(self.header.get(..usize::from(self.header_len)).unwrap_or_default());
        }
        first
    }

    pub(in crate::connection) fn position(&self) -> Position {
        match self.state {
            State::Boundary | State::Stopped => Position::FrameBoundary,
            State::Between | State::TextCutShort => {
                Position::BetweenFragments { received: self.message_len }
            }
            State::Header => Position::InsideHeader { received: u64::from(self.header_len) },
            State::Control if self.message.is_none() => Position::InsideControlFrame {
                received: self.frame_len - self.remaining,
                expected: self.frame_len,
            },
            State::Data | State::Control => Position::InsidePayload {
                received: self.frame_len - self.remaining,
                expected: self.frame_len,
            },
        }
    }
}
