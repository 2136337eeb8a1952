//! Shows somebody the plaintext that no wire has.

use alloc::sync::Arc;
use std::io::IoSlice;
use std::panic::AssertUnwindSafe;

use crate::report::Direction;

/// Whom the plaintext is shown to, if anybody. What a panic in it leaves behind is its own affair.
#[derive(Default)]
pub(super) struct Inspector(AssertUnwindSafe<Option<Arc<Inspect>>>);

type Inspect = dyn Fn(Direction, &[u8]) + Send + Sync;

impl Inspector {
    pub(super) fn new(inspect: impl Fn(Direction, &[u8]) + Send + Sync + 'static) -> Self {
        Self(AssertUnwindSafe(Some(Arc::new(inspect))))
    }

    /// These bytes were decrypted.
    pub(super) fn read(&self, plaintext: &[u8]) {
        self.show(Direction::Read, plaintext);
    }

    /// So many of these bytes were encrypted.
    pub(super) fn written(&self, slices: &[IoSlice<'_>], mut count: usize) {
        for slice in slices {
            let len = count.min(slice.len());
            self.show(Direction::Write, slice.get(..len).unwrap_or_default());
            count -= len;
        }
    }

    fn show(&self, direction: Direction, plaintext: &[u8]) {
        match &*self.0 {
            Some(inspect) if !plaintext.is_empty() => inspect(direction, plaintext),
            _ => {}
        }
    }
}

impl Clone for Inspector {
    fn clone(&self) -> Self {
        Self(AssertUnwindSafe(self.0.clone()))
    }
}
