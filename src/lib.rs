//! A sans-IO WebSocket protocol that always knows how the connection ended.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod config;
pub mod handshake;
mod time;

pub use config::{Config, Heartbeat, Limits, Timeouts};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Timestamp;
