//! What can be set about compression.

use super::pool::Pool;

/// Settings of compression, in [`Config`](crate::Config)'s field `compression`.
///
/// What comes into force is negotiated: see
/// [`Extensions::deflate`](crate::handshake::Extensions::deflate).
///
/// # Secrets
///
/// The size of a compressed message tells how much of it was there before. Whoever can put words of
/// their own into the same message as a secret, or into the same connection where the context is
/// taken over, and sees the sizes go by, TLS or not, can guess the secret piece by piece (the
/// attack known as CRIME; RFC 7692 section 8). Do not compress where that could be: leave the
/// setting off, or send such messages
/// [`uncompressed`](crate::Outgoing::uncompressed).
///
/// # Memory
///
/// With context takeover both ways, an idle connection holds 420 KiB once it has used them: a
/// compressor of 370 KiB, less with a smaller window, and an inflater of 50 KiB (83 KiB where the
/// peer's messages have final blocks, which is rare). Without, both come from a pool that all
/// sessions with this value or a clone of it share, and an idle connection holds neither: it takes
/// less than 1 KiB in all. The pool keeps at most 16 compressors and 64 inflaters.
///
/// ```
/// use farewell::{Compression, Config};
///
/// let mut compression = Compression::default();
/// compression.context_takeover = false;
/// let mut config = Config::default();
/// config.compression = Some(compression);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Compression {
    /// Lets messages that this endpoint compresses refer to earlier ones: smaller messages for more
    /// memory. Default: on, where the peer allows it.
    pub context_takeover: bool,
    /// Lets the peer do the same. A server that is offered to forbid it does so. Default: on.
    pub peer_context_takeover: bool,
    /// How far back the messages of this endpoint refer at most. Less saves memory, at both
    /// endpoints. Default: 15.
    pub window_bits: WindowBits,
    /// How far back the peer is asked to refer at most. Less saves memory at the peer; here it
    /// makes no difference, so a peer that cannot is accepted too. Default: 15.
    pub peer_window_bits: WindowBits,
    /// From 1, fast, to 9, small; what lies outside counts as the nearest. Default: 6.
    pub level: u8,
    /// Messages of fewer bytes are sent as they are. Default: 64. It does not apply to
    /// [`Session::send_fragment`](crate::Session::send_fragment), where the size is not known.
    pub threshold: usize,
    /// A message may inflate to this many times its compressed size, counted byte by byte as it
    /// comes in. Beyond it: Close 1009, before the memory is taken. Default: off.
    ///
    /// [`Limits::message`](crate::Limits::message) bounds what a message takes, with or without it.
    /// No DEFLATE data gets beyond 1032, and honest messages of one and the same byte reach 1015, so
    /// that a ratio over some hundreds stops nothing but them.
    pub ratio: Option<u32>,
    /// Bytes to which a message may inflate whatever the ratio is. Default: 64 KiB.
    pub ratio_free: u64,
    pub(super) pool: Pool,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            context_takeover: true,
            peer_context_takeover: true,
            window_bits: WindowBits::MAX,
            peer_window_bits: WindowBits::MAX,
            level: 6,
            threshold: 64,
            ratio: None,
            ratio_free: 64 * 1024,
            pool: Pool::default(),
        }
    }
}

/// The size of a compressor's sliding window as the base-2 logarithm of bytes: 9 to 15.
///
/// RFC 7692 section 7.1.2 has 8 as well, which the compressor here cannot do. A server declines an
/// offer that asks for it; a client that has to use it sends its messages uncompressed.
///
/// ```
/// use farewell::WindowBits;
///
/// assert_eq!(WindowBits::new(12).map(WindowBits::get), Some(12));
/// assert_eq!(WindowBits::new(8), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// A window of 512 bytes.
    pub const MIN: Self = Self(9);
    /// A window of 32 KiB.
    pub const MAX: Self = Self(15);

    /// This many bits, if they are from 9 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            9..=15 => Some(Self(bits)),
            _ => None,
        }
    }

    /// The number of bits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}
