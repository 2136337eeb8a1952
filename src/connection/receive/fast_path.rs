//! The fast path: a whole message in one short frame, which is most of them.

use core::mem;

use super::{Receiver, State};
use crate::wire::data::{Chunk, MessageKind};
use crate::wire::mask::{self, MaskingKey};
use crate::wire::role::Role;
use crate::wire::utf8::Utf8Validator;

impl Receiver {
    /// A whole message in one short frame, where the input begins with one.
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
        self.offset += end as u64;
        self.whole_frames += 1;
        let (frame, rest) = mem::take(input).split_at_mut(end);
        *input = rest;
        Some(Chunk::new(&frame[head..], kind, true, true))
    }
}

#[inline]
fn is_text(payload: &[u8]) -> bool {
    let mut utf8 = Utf8Validator::default();
    utf8.validate(payload).is_ok() && utf8.is_between_characters()
}
