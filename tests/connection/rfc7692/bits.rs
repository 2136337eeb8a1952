//! DEFLATE data written bit by bit (RFC 1951), for what no compressor writes.

/// Bits in the order of RFC 1951 section 3.1.1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A number, its lowest bit first.
    pub(crate) fn number(mut self, value: u32, count: usize) -> Self {
        for at in 0..count {
            if self.used % 8 == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> at & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
        self
    }

    /// A Huffman code, its highest bit first.
    fn code(self, code: u32, count: usize) -> Self {
        (0..count).rev().fold(self, |bits, at| bits.number(code >> at & 1, 1))
    }

    /// The header of a block with the fixed codes.
    pub(crate) fn fixed(self, last: bool) -> Self {
        self.number(last.into(), 1).number(1, 2)
    }

    /// Literals in the fixed code.
    pub(crate) fn literals(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |bits, byte| match u32::from(*byte) {
            byte @ 0..=143 => bits.code(0x30 + byte, 8),
            byte => bits.code(0x190 + byte - 144, 9),
        })
    }

    /// A reference in the fixed codes, of length 258, by a distance that is a power of two and one,
    /// and at most 16,385.
    pub(crate) fn longest_reference(self, distance: u32) -> Self {
        assert!((distance - 1).is_power_of_two() || distance == 1, "{distance}");
        let bits = self.code(0xc0 + 285 - 280, 8);
        match distance {
            1 => bits.code(0, 5),
            2 => bits.code(1, 5),
            _ => {
                let extra = (distance - 1).ilog2() as usize - 1;
                bits.code(2 * (extra as u32 + 1), 5).number(0, extra)
            }
        }
    }

    /// The end of a block with the fixed codes.
    pub(crate) fn end(self) -> Self {
        self.code(0, 7)
    }

    /// A block without compression.
    pub(crate) fn stored(self, last: bool, bytes: &[u8]) -> Self {
        let mut bits = self.number(last.into(), 1).number(0, 2).aligned();
        let len = bytes.len() as u16;
        bits.bytes.extend(len.to_le_bytes());
        bits.bytes.extend((!len).to_le_bytes());
        bits.bytes.extend(bytes);
        bits.used = bits.bytes.len() * 8;
        bits
    }

    pub(crate) fn aligned(mut self) -> Self {
        self.used = self.bytes.len() * 8;
        self
    }

    /// The header of the empty block with which a message ends.
    pub(crate) fn message(self) -> Vec<u8> {
        self.number(0, 3).bytes
    }

    /// The bytes as they are.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}
