//! Ways to cut a stream of bytes.

/// How much of what there is comes, or leaves, at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Split {
    /// All of it.
    Whole,
    /// This many bytes.
    Every(usize),
    /// This many bytes, then all of the rest.
    First(usize),
    /// A random number of bytes, from a generator in this state. Small numbers come often.
    Random(u64),
}

impl Split {
    /// The next piece of `available` bytes: at least one, if there is any.
    pub(crate) fn next(&mut self, available: usize) -> usize {
        match self {
            Self::Whole => available,
            Self::Every(size) => available.min((*size).max(1)),
            Self::First(size) => {
                let size = available.min((*size).max(1));
                *self = Self::Whole;
                size
            }
            Self::Random(state) => {
                // xorshift64*
                *state |= 1;
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                let random = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
                let limit = 1 << (random % 16);
                available.min(1 + (random as usize >> 4) % limit)
            }
        }
    }
}
