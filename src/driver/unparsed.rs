//! Bytes that were read and not parsed.

use alloc::vec::Vec;

use crate::session::{Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::copy;
use crate::wire::frame::MAX_HEADER;

/// From so many bytes on, one frame is worth being read no more than once.
const LARGE: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Unparsed {
    /// Those that are parsed by now lie in front.
    bytes: Vec<u8>,
    /// How many these are.
    at: usize,
    /// The header of the frame of which all of that is the beginning, if it is.
    header: [u8; MAX_HEADER],
    header_len: u8,
}

impl Unparsed {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn keep(&mut self, bytes: &[u8], session: &Session) {
        self.keep_with_more(bytes, 0, session);
    }

    /// As [`keep`](Self::keep), where so many more bytes may follow at once: where memory grows with
    /// each piece, it is copied again and again.
    #[inline(never)]
    pub(super) fn keep_with_more(&mut self, bytes: &[u8], more: usize, session: &Session) {
        let begun = match self.is_empty() && bytes.len() >= LARGE {
            true => session.frame_begun(bytes),
            false => None,
        };
        let (header, payload) = bytes.split_at(begun.map_or(0, |(len, _)| len).min(MAX_HEADER));
        self.unkeep_header();
        copy::over(&mut self.header, header);
        self.header_len = header.len() as u8;
        if let Some((_, lacking)) = begun {
            self.bytes.reserve_exact(payload.len() + lacking.min(payload.len()));
        }
        self.bytes.reserve(payload.len() + more);
        copy::append(&mut self.bytes, payload);
    }

    /// Puts a header back where it was: what follows is not of its frame alone.
    fn unkeep_header(&mut self) {
        let header = self.header.get(..usize::from(self.header_len)).unwrap_or_default();
        self.bytes.splice(..0, header.iter().copied());
        self.header_len = 0;
    }

    /// The session's next event from here.
    #[inline]
    pub(super) fn poll(
        &mut self,
        session: &mut Session,
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        if self.header_len > 0 {
            return self.poll_begun(session, now);
        }
        let mut input = self.bytes.get_mut(self.at..).unwrap_or_default();
        let event = session.poll_owned_event(&mut input, now);
        let left = input.len();
        if left == 0 {
            *self = Self::default();
        } else {
            self.at = self.bytes.len() - left;
        }
        event
    }

    #[inline(never)]
    fn poll_begun(
        &mut self,
        session: &mut Session,
        now: Timestamp,
    ) -> Option<SessionEvent<'static>> {
        let (mut header, len) = (self.header, usize::from(self.header_len));
        let mut rest = header.get_mut(..len).unwrap_or_default();
        let event = session.poll_frame_begun(&mut rest, &mut self.bytes, now);
        // All of it was taken in, or nothing where an event came before it.
        if rest.is_empty() {
            self.header_len = 0;
        }
        if event.is_some() || self.is_empty() { event } else { self.poll(session, now) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;

    use bytes::Buf;

    use super::*;
    use crate::config::Config;
    use crate::handshake::Negotiated;
    use crate::wire::keystream::Seed;
    use crate::wire::mask::{self, MaskingKey};
    use crate::wire::role::Role;

    const NOW: Timestamp = Timestamp::ZERO;

    fn session() -> Session {
        let mut config = Config::default();
        config.limits.message = 150_000;
        Session::upgraded(Role::Server, Negotiated::default(), config, Seed::new([1; 32]), NOW)
    }

    /// A masked frame of 64 KiB or more.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let key = [1, 2, 3, 4];
        let mut bytes = vec![first, 0xff];
        bytes.extend((payload.len() as u64).to_be_bytes());
        bytes.extend(key);
        bytes.extend(payload);
        mask::apply(&mut bytes[14..], MaskingKey::new(key));
        bytes
    }

    /// All that a session says and writes, of bytes of which the first `kept` are kept as a whole.
    fn said(wire: &[u8], kept: usize) -> String {
        let (mut session, mut unparsed, mut said) = (session(), Unparsed::default(), String::new());
        let (first, last) = wire.split_at(kept);
        unparsed.keep(first, &session);
        assert!((unparsed.header_len > 0) == (kept > 0) && unparsed.bytes.capacity() <= 2 * kept);
        let memory = unparsed.bytes.as_ptr();
        while !unparsed.is_empty() {
            if let Some(event) = unparsed.poll(&mut session, NOW) {
                said += &format!("{event:#?};");
            }
        }
        let mut last = Vec::from(last);
        let mut input = &mut last[..];
        while let Some(event) = session.poll_event(&mut input, NOW) {
            if let SessionEvent::Message(message) = &event {
                let copied = message.as_bytes().as_ptr() != memory;
                assert!(wire.len() > 2 * kept || !copied, "{kept}: it was copied");
                said += &format!("{:?};", message.as_bytes());
            }
            said += &format!("{event:#?};");
        }
        let mut output = session.output();
        said + &format!("{:?};{:?}", output.copy_to_bytes(output.remaining()), session.evidence())
    }

    #[test]
    fn a_frame_that_goes_on_is_not_copied_and_says_the_same() {
        let mut text = "ä€".repeat(20_000).into_bytes();
        let (good, binary) = (text.clone(), vec![0xff; 70_000]);
        text[50_000] = 0xff;
        let cut = &good[..good.len() - 1];
        for (first, payload) in
            [(0x82, &binary[..]), (0x81, &good), (0x81, &text), (0x81, cut), (0x82, &[7; 150_001])]
        {
            let wire = frame(first, payload);
            let expected = said(&wire, 0);
            for kept in [LARGE, LARGE + 1, 40_000, 60_000, wire.len() - 1] {
                assert!(said(&wire, kept) == expected, "{first:x} {} {kept}", payload.len());
            }
        }
        // A fragment that goes on, and one in the middle of a message.
        let wire = [frame(0x02, &[1; 70_000]), frame(0x80, &[2; 70_000])].concat();
        assert!(said(&wire, 0) == said(&wire, 50_000));
    }

    #[test]
    fn a_frame_that_goes_on_can_be_asked_for_in_chunks_at_any_time() {
        let payload: Vec<u8> = (0..70_000_u32).map(|number| number as u8).collect();
        let wire = frame(0x82, &payload);
        let (first, last) = wire.split_at(40_000);
        for (before, after) in [(true, true), (false, true), (true, false)] {
            let (mut session, mut unparsed, mut received) =
                (session(), Unparsed::default(), Vec::new());
            unparsed.keep(first, &session);
            session.receive_in_chunks(before);
            let mut gather = |event: Option<SessionEvent<'_>>| match event {
                Some(SessionEvent::Chunk(chunk)) => received.extend_from_slice(chunk.payload()),
                Some(SessionEvent::Message(message)) => {
                    received.extend_from_slice(message.as_bytes())
                }
                other => assert!(other.is_none(), "{other:?}"),
            };
            while !unparsed.is_empty() {
                gather(unparsed.poll(&mut session, NOW));
            }
            session.receive_in_chunks(after);
            let mut last = last.to_vec();
            let mut input = &mut last[..];
            while !input.is_empty() {
                gather(session.poll_event(&mut input, NOW));
            }
            assert!(received == payload, "{before} {after}: {} bytes", received.len());
        }
    }
}
