//! A sans-IO WebSocket protocol that always knows how the connection ended.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod config;
#[allow(dead_code)] // Until the frame codec and the connection use what is crate-private.
mod keystream;
#[allow(dead_code)] // Until the frame codec and the connection use what is crate-private.
mod mask;
mod time;
mod utf8;

pub use config::{Config, Heartbeat, Limits, Timeouts};
pub use keystream::Seed;
#[cfg(feature = "std")]
pub use keystream::SeedError;
pub use mask::{MaskingKey, apply as apply_mask, apply_at as apply_mask_at};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Timestamp;
pub use utf8::{IncompleteUtf8, InvalidUtf8, Utf8Validator};
