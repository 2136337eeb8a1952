//! One read buffer for every connection that a thread serves.
//!
//! Invariant: between two reads nobody's bytes are in it, so an idle connection holds no buffer.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

/// The most that one read takes, in bytes.
const SCRATCH: usize = 64 * 1024;

std::thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends this thread's read buffer.
///
/// The buffer is taken out meanwhile: a stream that reads through another connection of this crate
/// finds an empty place and makes a buffer of its own.
pub(super) fn with<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    if buffer.is_empty() {
        buffer = vec![0; SCRATCH];
    }
    let result = read(&mut buffer);
    let _ = BUFFER.try_with(|place| place.set(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_buffer_is_not_lent_twice() {
        with(|outer| {
            outer[0] = 1;
            with(|inner| inner[0] = 2);
            assert_eq!((outer.len(), outer[0]), (SCRATCH, 1));
        });
    }
}
