//! The fast path: a whole message in one frame that lies whole in the input, which is most of them.

use core::mem;

use super::{Receiver, State};
use crate::wire::data::{Chunk, MessageKind};
use crate::wire::mask::{self, MaskingKey};
use crate::wire::role::Role;
use crate::wire::utf8::Utf8Validator;

impl Receiver {
    /// A whole message in one frame of at most 125 bytes, where the input begins with one.
    ///
    /// Anything out of the ordinary is left to [`poll`](Self::poll), with the input untouched.
    #[inline]
    pub(in crate::connection) fn whole_frame<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Chunk<'b>> {
        if self.state != State::Boundary {
            return None;
        }
        match self.sender {
            Role::Client => self.whole_frame_of::<true>(input),
            Role::Server => self.whole_frame_of::<false>(input),
        }
    }

    #[inline(always)]
    fn whole_frame_of<'b, const MASKED: bool>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Chunk<'b>> {
        let &[first, second, ..] = &**input else { return None };
        let kind = match first {
            0x81 => MessageKind::Text,
            0x82 => MessageKind::Binary,
            _ => return None,
        };
        let (mask_bit, head) = if MASKED { (0x80, 6) } else { (0, 2) };
        let len = second ^ mask_bit;
        let end = head + usize::from(len);
        if len > self.fast_limit || input.len() < end {
            return None;
        }
        let key = if MASKED { <[u8; 4]>::try_from(&input[2..6]).ok()? } else { [0; 4] };
        let key = MaskingKey::new(key);
        if MASKED {
            mask::apply(&mut input[head..end], key);
        }
        if kind == MessageKind::Text && !is_text(&input[head..end]) {
            if MASKED {
                mask::apply(&mut input[head..end], key);
            }
            return None;
        }
        Some(self.take_frame(kind, head, end, input))
    }

    /// A whole message in one frame of less than 64 KiB whose length takes three bytes, where the
    /// input begins with one. It is asked for where there is no shorter one, out of that one's way.
    #[inline]
    pub(in crate::connection) fn longer_frame<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Chunk<'b>> {
        if self.state != State::Boundary {
            return None;
        }
        match self.sender {
            Role::Client => self.longer_frame_of::<true>(input),
            Role::Server => self.longer_frame_of::<false>(input),
        }
    }

    #[inline(always)]
    fn longer_frame_of<'b, const MASKED: bool>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Chunk<'b>> {
        let &[first, second, high, low, ..] = &**input else { return None };
        let kind = match first {
            0x81 => MessageKind::Text,
            0x82 => MessageKind::Binary,
            _ => return None,
        };
        let (mask_bit, head) = if MASKED { (0x80, 8) } else { (0, 4) };
        let len = u16::from_be_bytes([high, low]);
        let end = head + usize::from(len);
        // A length that would have fitted into the first two bytes breaks a rule.
        if second != mask_bit | 126
            || !(126..=self.longer_limit).contains(&len)
            || input.len() < end
        {
            return None;
        }
        let key = if MASKED { <[u8; 4]>::try_from(&input[4..8]).ok()? } else { [0; 4] };
        let key = MaskingKey::new(key);
        let payload = &mut input[head..end];
        let valid = match kind {
            MessageKind::Binary => {
                if MASKED {
                    mask::apply(payload, key);
                }
                true
            }
            // ASCII is told in the same pass, and needs no other.
            MessageKind::Text => {
                MASKED && mask::apply_checking_ascii(payload, key) || is_text(payload)
            }
        };
        if !valid {
            if MASKED {
                mask::apply(payload, key);
            }
            return None;
        }
        Some(self.take_frame(kind, head, end, input))
    }

    /// Takes a frame out of the input: `head` bytes of header, then the payload up to `end`.
    #[inline(always)]
    fn take_frame<'b>(
        &mut self,
        kind: MessageKind,
        head: usize,
        end: usize,
        input: &mut &'b mut [u8],
    ) -> Chunk<'b> {
        self.offset += end as u64;
        self.whole_frames += 1;
        let (frame, rest) = mem::take(input).split_at_mut(end);
        *input = rest;
        Chunk::new(&frame[head..], kind, true, true)
    }
}

#[inline]
fn is_text(payload: &[u8]) -> bool {
    let mut utf8 = Utf8Validator::default();
    utf8.validate(payload).is_ok() && utf8.is_between_characters()
}
