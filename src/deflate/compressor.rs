//! Compressing: RFC 7692 section 7.2.1.
//!
//! Invariant: every piece that comes out ends at a byte boundary, and holds all that went in.

use alloc::vec::Vec;
use core::fmt;
use core::panic::AssertUnwindSafe;

use zlib_rs::{Deflate, DeflateFlush};

/// The end of the empty block that a flush appends.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Memory for the output is taken in steps of at most this size. A flush needs more than six bytes
/// to be told from one that goes on.
const STEP: usize = 16 * 1024;

/// A compressor, with the window and the level that it was made for.
pub(super) struct Compressor {
    // A feature takes no auto trait away. After a panic the stream is still one, of whatever content.
    deflate: AssertUnwindSafe<Deflate>,
    level: u8,
    bits: u8,
}

impl Compressor {
    pub(super) fn new(level: u8, bits: u8) -> Self {
        // No window larger than 15 bits, 32,768 bytes, can be asked for.
        let deflate = AssertUnwindSafe(Deflate::new(i32::from(level), false, bits));
        Self { deflate, level, bits }
    }

    pub(super) fn is(&self, level: u8, bits: u8) -> bool {
        (self.level, self.bits) == (level, bits)
    }

    /// Forgets what was compressed before.
    pub(super) fn reset(&mut self) {
        self.deflate.reset();
    }

    /// Compresses a message, or the next piece of one; `fin` ends it.
    pub(super) fn compress(&mut self, piece: &[u8], fin: bool) -> Vec<u8> {
        //= rfc7692#7.2.1
        //# Compress all the octets of the payload of the message using
        //# DEFLATE.
        let mut out = Vec::new();
        let mut rest = piece;
        loop {
            let start = out.len();
            let room = (rest.len() + rest.len() / 8 + 64).min(STEP);
            out.resize(start + room, 0);
            let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
            let result = self.deflate.compress(rest, &mut out[start..], DeflateFlush::SyncFlush);
            // It fails where a stream was finished or has no buffers, and there is no such here.
            debug_assert!(result.is_ok(), "{result:?}");
            let taken = (self.deflate.total_in() - before_in) as usize;
            let made = (self.deflate.total_out() - before_out) as usize;
            rest = rest.get(taken..).unwrap_or_default();
            out.truncate(start + made);
            if made < room && rest.is_empty() || taken + made == 0 {
                break;
            }
        }
        //= rfc7692#7.2.1
        //# Note that
        //# for non-final fragments, the removal of 0x00 0x00 0xff 0xff MUST NOT
        //# be done.
        if fin {
            end(&mut out);
        }
        if out.capacity() > 2 * out.len() + 1024 {
            out.shrink_to_fit();
        }
        out
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, bits, .. } = self;
        write!(f, "Compressor {{ level: {level}, bits: {bits} }}")
    }
}

fn end(out: &mut Vec<u8>) {
    if out.ends_with(&TAIL) {
        //= rfc7692#7.2.1
        //# Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end.
        out.truncate(out.len() - TAIL.len());
    } else {
        // A flush with nothing new writes nothing; so the header of the empty block is missing.
        //= rfc7692#7.2.1
        //# If the resulting data does not end with an empty DEFLATE block
        //# with no compression (the "BTYPE" bits are set to 00), append an
        //# empty DEFLATE block with no compression to the tail end.
        out.push(0x00);
    }
}
