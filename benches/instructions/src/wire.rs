//! The bytes that a peer sends, made before anything is counted, and a transport's two ends.

use std::hint::black_box;
use std::io::IoSlice;

/// The payload of every message, in bytes.
pub const PAYLOAD: [u8; 16] = *b"sixteen bytes...";

/// A masked frame with that payload: two bytes of header, four of masking key.
pub const FRAME: usize = 2 + 4 + PAYLOAD.len();

/// How many frames are made before they are repeated.
const FRAMES: usize = 4096;

/// Masked binary frames of a client, whole and one after the other, each with its own key.
pub fn frames() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAMES * FRAME);
    for number in 0..FRAMES as u32 {
        let key = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
        bytes.extend([0x82, 0x80 | PAYLOAD.len() as u8]);
        bytes.extend(key);
        bytes.extend(PAYLOAD.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    bytes
}

/// The payloads of large messages, all of one length.
#[derive(Clone, Copy)]
pub enum Content {
    Binary,
    /// Text of ASCII alone.
    Ascii,
    /// Text of characters of one, two, three and four bytes.
    Mixed,
}

impl Content {
    fn payload(self, len: usize) -> Vec<u8> {
        let pattern = match self {
            Self::Binary => (0..=255).collect(),
            Self::Ascii => b"The quick brown fox jumps over the lazy dog; ".to_vec(),
            Self::Mixed => "Grüße, κόσμε, 世界 and 😀; ".as_bytes().to_vec(),
        };
        let mut payload: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
        // No character is cut in two at the end.
        while str::from_utf8(&payload).is_err_and(|error| error.error_len().is_none()) {
            payload.pop();
        }
        payload.resize(len, b'.');
        payload
    }

    /// One masked message of `len` bytes, in frames of at most `fragment` bytes each.
    pub fn message(self, len: usize, fragment: usize) -> Vec<u8> {
        let payload = self.payload(len);
        let (key, opcode) = ([0x37, 0xfa, 0x21, 0x3d], if let Self::Binary = self { 2 } else { 1 });
        let mut bytes = Vec::new();
        let frames = len.div_ceil(fragment);
        for (number, part) in payload.chunks(fragment).enumerate() {
            let fin = if number + 1 == frames { 0x80 } else { 0 };
            bytes.push(fin | if number == 0 { opcode } else { 0 });
            match part.len() {
                short @ ..126 => bytes.push(0x80 | short as u8),
                medium @ ..0x1_0000 => {
                    bytes.push(0x80 | 126);
                    bytes.extend((medium as u16).to_be_bytes());
                }
                long => {
                    bytes.push(0x80 | 127);
                    bytes.extend((long as u64).to_be_bytes());
                }
            }
            bytes.extend(key);
            bytes.extend(part.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        bytes
    }
}

/// How many bytes one read brings at most.
const READ: usize = 64 * 1024;

/// Calls `pass` with what reads bring of one message, `count` times over. It may unmask that where
/// it lies: as from a socket, it is copied into a buffer.
pub fn in_reads(message: &[u8], count: usize, mut pass: impl FnMut(&mut [u8])) {
    let mut memory = vec![0; READ];
    for _ in 0..count {
        for read in message.chunks(READ) {
            let place = &mut memory[..read.len()];
            place.copy_from_slice(read);
            pass(place);
        }
    }
}

/// Calls `pass` with the frames over and over until it has seen `count` of them.
///
/// It may unmask them where they lie. The next pass masks them again, which of binary messages
/// makes no difference.
pub fn in_passes(bytes: &mut [u8], count: usize, mut pass: impl FnMut(&mut [u8])) {
    let mut left = count;
    while left > 0 {
        let frames = left.min(FRAMES);
        pass(&mut bytes[..frames * FRAME]);
        left -= frames;
    }
}

/// What a stream has to give: `count` frames, then its end.
pub struct Feed {
    bytes: Vec<u8>,
    at: usize,
    left: usize,
    per_read: usize,
}

impl Feed {
    /// As much in each read as the buffer takes.
    pub fn pipelined(count: usize) -> Self {
        Self::in_reads_of(usize::MAX, count)
    }

    /// At most `per_read` bytes in each read.
    pub fn in_reads_of(per_read: usize, count: usize) -> Self {
        Self { bytes: frames(), at: 0, left: count * FRAME, per_read }
    }

    /// One message over and over, as much in each read as the buffer takes of it.
    pub fn of_message(message: Vec<u8>, count: usize) -> Self {
        let (left, per_read) = (count * message.len(), usize::MAX);
        Self { bytes: message, at: 0, left, per_read }
    }

    /// Nothing, for those that only write.
    pub fn nothing() -> Self {
        Self { bytes: Vec::new(), at: 0, left: 0, per_read: 0 }
    }

    /// Hands pieces of the next bytes to `put`, as many as one read of `room` bytes takes.
    pub fn read(&mut self, room: usize, mut put: impl FnMut(&[u8])) {
        let mut wanted = room.min(self.left).min(self.per_read);
        self.left -= wanted;
        while wanted > 0 {
            let end = self.bytes.len().min(self.at + wanted);
            put(&self.bytes[self.at..end]);
            wanted -= end - self.at;
            self.at = if end == self.bytes.len() { 0 } else { end };
        }
    }
}

/// Accepts all that is written.
pub fn accept(bytes: &[u8]) -> usize {
    black_box(bytes).len()
}

/// As [`accept`], of a vectored write.
pub fn accept_vectored(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| accept(slice)).sum()
}
