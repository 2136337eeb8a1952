//! The shared pointer: `alloc`'s, and where the target has too few atomic operations for that, the one of
//! portable-atomic-util, as `bytes` counts there with portable-atomic.

#[cfg(target_has_atomic = "ptr")]
pub(crate) use alloc::sync::Arc;

#[cfg(not(target_has_atomic = "ptr"))]
pub(crate) use portable_atomic_util::Arc;
