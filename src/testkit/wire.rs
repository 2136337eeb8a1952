//! Follows the frames in a direction's bytes, so that a fault can be put at a place in them.
//!
//! Invariant: every byte is looked at once, and nothing is stored but where it lies. It knows just
//! enough of the wire format for that, and is never surprised: bytes that are no frames are
//! followed as if they were.

use crate::wire::frame::OpCode;

/// Where in a direction's bytes the next one lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wire {
    bytes: u64,
    frames: u64,
    place: Place,
    /// The opcode of the frame that has just been completed.
    completed: Option<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// Before the first byte, which tells whether there is a head.
    #[default]
    Start,
    /// In the head of the opening handshake; so many bytes of the empty line behind it have come.
    Head {
        matched: usize,
    },
    Frame(Frame),
}

/// How much of a frame has come.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    offset: u64,
    opcode: u8,
    /// Bytes of the extended length.
    extended: u64,
    masked: bool,
    payload: u64,
}

const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

impl Wire {
    /// A direction that begins with the head of the opening handshake, if its first byte says so.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A direction that begins with frames.
    pub(super) fn upgraded() -> Self {
        Self { place: Place::Frame(Frame::default()), ..Self::new() }
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whole frames so far, and the bytes of the one under way; nothing before the first frame.
    pub(super) fn frame(&self) -> Option<(u64, u64)> {
        match &self.place {
            Place::Frame(frame) => Some((self.frames, frame.offset)),
            _ => None,
        }
    }

    /// The opcode of the frame that begins with `first`, where one begins here.
    pub(super) fn beginning(&self, first: u8) -> Option<u8> {
        match self.place {
            // No frame begins with the first letter of a request or of a response.
            Place::Start if first != b'G' && first != b'H' => Some(first & 0x0f),
            Place::Frame(Frame { offset: 0, .. }) => Some(first & 0x0f),
            _ => None,
        }
    }

    /// So many bytes of a Close frame have come.
    pub(super) fn close_bytes(&self) -> Option<u64> {
        match self.place {
            Place::Frame(Frame { offset: 1.., opcode, .. }) if opcode == OpCode::Close.bits() => {
                self.frame().map(|(_, offset)| offset)
            }
            _ => None,
        }
    }

    /// Whether a Close frame has just been completed.
    pub(super) fn behind_close(&self) -> bool {
        self.completed == Some(OpCode::Close.bits())
    }

    /// One more byte.
    pub(super) fn step(&mut self, byte: u8) {
        self.bytes += 1;
        self.completed = None;
        self.place = match self.place {
            Place::Start if self.beginning_of_head(byte) => Place::Head { matched: 0 },
            Place::Start => self.frame_byte(Frame::default(), byte),
            Place::Head { matched } if byte == END_OF_HEAD[matched] => {
                if matched + 1 == END_OF_HEAD.len() {
                    Place::Frame(Frame::default())
                } else {
                    Place::Head { matched: matched + 1 }
                }
            }
            Place::Head { .. } => Place::Head { matched: usize::from(byte == END_OF_HEAD[0]) },
            Place::Frame(frame) => self.frame_byte(frame, byte),
        };
    }

    fn beginning_of_head(&self, first: u8) -> bool {
        self.beginning(first).is_none()
    }

    fn frame_byte(&mut self, mut frame: Frame, byte: u8) -> Place {
        match frame.offset {
            0 => frame.opcode = byte & 0x0f,
            1 => {
                frame.masked = byte & 0x80 != 0;
                (frame.extended, frame.payload) = match byte & 0x7f {
                    126 => (2, 0),
                    127 => (8, 0),
                    len => (0, u64::from(len)),
                };
            }
            offset if offset < 2 + frame.extended => {
                frame.payload = frame.payload << 8 | u64::from(byte);
            }
            _ => {}
        }
        frame.offset += 1;
        let header = 2 + frame.extended + if frame.masked { 4 } else { 0 };
        if frame.offset >= 2 && frame.offset == header.saturating_add(frame.payload) {
            self.frames += 1;
            self.completed = Some(frame.opcode);
            frame = Frame::default();
        }
        Place::Frame(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(mut wire: Wire, bytes: &[u8]) -> Wire {
        for byte in bytes {
            wire.step(*byte);
        }
        wire
    }

    #[test]
    fn frames_are_found_behind_a_head_and_without_one() {
        let masked = [&b"\x82\xfe\x00\xc8mask"[..], &[7; 200]].concat();
        let frames = [b"\x81\x02hi", &masked[..], b"\x88\x02\x03\xe8"].concat();
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n";
        for (start, bytes) in [
            (Wire::new(), [&head[..], &frames].concat()),
            (Wire::new(), frames.clone()),
            (Wire::upgraded(), frames.clone()),
        ] {
            let whole = follow(start, &bytes);
            assert_eq!((whole.frame(), whole.bytes()), (Some((3, 0)), bytes.len() as u64));
            assert!(whole.behind_close());
            let part = follow(start, &bytes[..bytes.len() - 1]);
            assert_eq!((part.frame(), part.close_bytes()), (Some((2, 3)), Some(3)));
            let before = follow(start, &bytes[..bytes.len() - 4]);
            assert_eq!((before.frame(), before.close_bytes()), (Some((2, 0)), None));
            assert_eq!(before.beginning(0x88), Some(8));
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_followed_without_a_panic() {
        let wire = follow(Wire::upgraded(), &[0xff; 1000]);
        assert_eq!(wire.frame(), Some((0, 1000)));
        assert_eq!(follow(Wire::new(), b"GET").frame(), None);
    }
}
