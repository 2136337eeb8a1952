//! The random bytes that masking keys and the handshake's nonce are made of (RFC 6455, sections
//! 5.3 and 10.3).
//!
//! Invariant: every byte that a [`Keystream`] yields is yielded once; no two frames of a
//! connection share a masking key other than by chance.

use core::fmt;

use chacha20::cipher::{KeyIvInit, StreamCipherCore};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R12};

use super::mask::MaskingKey;

/// 32 random bytes that all of a connection's masking keys and its handshake nonce come from.
///
/// They have to come from a strong source of entropy, and each seed serves one connection only:
/// two connections of one seed send the same masking keys. Therefore it can be neither copied nor
/// cloned, and is not shown by its `Debug`. See RFC 6455, section 10.3.
///
/// ```
/// # fn fill_from_hardware(bytes: &mut [u8]) {}
/// use farewell::Seed;
///
/// let mut bytes = [0; 32];
/// fill_from_hardware(&mut bytes);
/// let seed = Seed::new(bytes);
/// # let _ = seed;
/// ```
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed of these bytes, which the caller took from a strong source of entropy.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A nonce for [`ClientHandshake::start`](crate::handshake::ClientHandshake::start): 16 bytes
    /// that are in nothing else that comes of this seed.
    ///
    /// Take it before the seed goes to the connection. A [`Session`](crate::Session) does so itself.
    ///
    /// ```
    /// use farewell::Seed;
    ///
    /// let mut seed = Seed::new([7; 32]);
    /// let nonce = seed.nonce();
    /// assert_ne!(nonce, seed.nonce());
    /// assert_eq!(nonce, Seed::new([7; 32]).nonce());
    /// ```
    #[must_use]
    pub fn nonce(&mut self) -> [u8; 16] {
        let block = chacha_block(&self.0);
        let (key, output) = block.split_at(32);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&output[..16]);
        self.0.copy_from_slice(key);
        nonce
    }

    /// A seed from the operating system.
    ///
    /// # Errors
    ///
    /// [`SeedError`] where the operating system has no random bytes to give.
    #[cfg(feature = "std")]
    pub fn from_os() -> Result<Self, SeedError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(SeedError)?;
        Ok(Self(bytes))
    }
}

impl From<[u8; 32]> for Seed {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").finish_non_exhaustive()
    }
}

/// The operating system gave no random bytes, so no connection can be seeded.
#[cfg(feature = "std")]
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct SeedError(#[source] getrandom::Error);

/// An endless stream of unpredictable bytes out of a [`Seed`]: ChaCha with fast key erasure.
///
/// Each block of 64 bytes is the key of the next block, followed by 32 bytes of output. The key
/// that made a block is overwritten by it, so what was yielded earlier cannot be computed from
/// the present state; and a key is used for one block only, so there is no counter to run out.
pub(crate) struct Keystream {
    key: [u8; 32],
    output: [[u8; 4]; 8],
    /// How many words of `output` were yielded.
    yielded: u8,
}

impl Keystream {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { key: seed.0, output: [[0; 4]; 8], yielded: 8 }
    }

    /// A fresh masking key, to be used for one frame.
    #[inline]
    pub(crate) fn masking_key(&mut self) -> MaskingKey {
        //= rfc6455#5.3
        //# The masking key needs to
        //# be unpredictable; thus, the masking key MUST be derived from a strong
        //# source of entropy, and the masking key for a given frame MUST NOT
        //# make it simple for a server/proxy to predict the masking key for a
        //# subsequent frame.
        MaskingKey::new(self.next_word())
    }

    /// `N` fresh bytes; the handshake's nonce takes 16.
    pub(crate) fn fill<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(4) {
            let word = self.next_word();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        bytes
    }

    /// 64 fresh bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.fill())
    }

    #[inline]
    fn next_word(&mut self) -> [u8; 4] {
        match self.output.get(usize::from(self.yielded)) {
            Some(word) => {
                self.yielded += 1;
                *word
            }
            None => self.refill(),
        }
    }

    /// Computes the next block and yields its first word.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> [u8; 4] {
        let block = chacha_block(&self.key);
        let (key, output) = block.split_at(32);
        self.key.copy_from_slice(key);
        for (word, bytes) in self.output.iter_mut().zip(output.chunks_exact(4)) {
            word.copy_from_slice(bytes);
        }
        self.yielded = 1;
        self.output[0]
    }
}

impl fmt::Debug for Keystream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystream").finish_non_exhaustive()
    }
}

/// The first block of ChaCha under `key`; the nonce is zero as each key makes one block only.
///
/// 12 rounds: well above the seven or so that published attacks reach. A block took 69 ns where 20 rounds took 105 and
/// 8 took 51, on an x86-64 server; that is 9 ns for each of a block's 8 keys, against 13 and 6.
fn chacha_block(key: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64].into();
    ChaChaCore::<R12, Ietf>::new(key.into(), &[0; 12].into()).write_keystream_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn keystream_is_chacha_with_fast_key_erasure() {
        use chacha20::ChaCha12;
        use chacha20::cipher::StreamCipher;

        let block = |key: [u8; 32]| {
            let mut block = [0; 64];
            ChaCha12::new(&key.into(), &[0; 12].into()).apply_keystream(&mut block);
            let (key, output) = block.split_at(32);
            (<[u8; 32]>::try_from(key).unwrap(), output.to_vec())
        };
        let (key, first) = block([7; 32]);
        let (_, second) = block(key);

        let mut keystream = Keystream::new(Seed::new([7; 32]));
        let words = Vec::from_iter((0..16).flat_map(|_| keystream.masking_key().bytes()));
        assert_eq!(words, [first.clone(), second.clone()].concat());

        // The other ways to take bytes draw on the same stream, across its blocks.
        let mut keystream = Keystream::new(Seed::from([7; 32]));
        assert_eq!(keystream.fill::<16>()[..], first[..16]);
        assert_eq!(keystream.next_u64().to_le_bytes()[..], first[16..24]);
        assert_eq!(keystream.fill::<16>()[..8], first[24..]);
        assert_eq!(keystream.fill::<5>()[..], second[8..13]);
        assert_eq!(keystream.masking_key().bytes()[..], second[16..20]);
    }

    //= rfc6455#4.1
    //= type=test
    //# The nonce
    //# MUST be selected randomly for each connection.
    #[test]
    fn a_nonce_is_in_nothing_else_that_comes_of_its_seed() {
        let mut seed = Seed::new([3; 32]);
        let nonces = [seed.nonce(), seed.nonce()];
        assert_ne!(nonces[0], nonces[1]);
        let mut keystream = Keystream::new(seed);
        let bytes = Vec::from_iter((0..1000).flat_map(|_| keystream.masking_key().bytes()));
        for word in nonces.iter().flat_map(|nonce| nonce.chunks(4)) {
            assert!(!bytes.windows(4).any(|bytes| bytes == word), "{word:x?}");
        }
    }

    //= rfc6455#5.3
    //= type=test
    //# When preparing a masked frame, the client MUST pick a fresh masking
    //# key from the set of allowed 32-bit values.
    #[test]
    fn keys_differ_from_each_other_and_between_seeds() {
        let keys = |seed: [u8; 32]| {
            let mut keystream = Keystream::new(Seed::new(seed));
            Vec::from_iter((0..1000).map(|_| keystream.masking_key().bytes()))
        };
        // Fixed seeds: no chance is involved. None of these 32-bit values comes twice.
        let mut both = [keys([1; 32]), keys([2; 32])].concat();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both.len(), 2000);
        assert!(!both.contains(&[0; 4]));
    }

    #[test]
    fn secrets_are_small_and_not_shown() {
        assert!(size_of::<Keystream>() <= 72);
        let seed = Seed::new([0xab; 32]);
        assert_eq!(alloc::format!("{seed:?}"), "Seed { .. }");
        assert_eq!(alloc::format!("{:?}", Keystream::new(seed)), "Keystream { .. }");
    }

    #[cfg(feature = "std")]
    #[test]
    fn the_operating_system_seeds() {
        let (Ok(one), Ok(two)) = (Seed::from_os(), Seed::from_os()) else {
            panic!("no entropy on this machine");
        };
        assert_ne!(one.0, two.0);
        assert_ne!(one.0, [0; 32]);
    }
}
