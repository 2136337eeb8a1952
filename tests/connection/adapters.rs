//! Both adapters over real sockets on loopback.
//!
//! What both have to do is written once, against the trait `Adapter`, and run for each.
#![cfg(feature = "tokio")]
#![expect(clippy::disallowed_methods, reason = "real sockets run on real time")]

#[path = "adapters/blocking_only.rs"]
mod blocking_only;
#[path = "adapters/compression.rs"]
mod compression;
#[path = "adapters/endings.rs"]
mod endings;
#[path = "adapters/messages.rs"]
mod messages;
#[path = "adapters/opening.rs"]
mod opening;
#[path = "adapters/reconnecting.rs"]
mod reconnecting;
#[path = "adapters/support.rs"]
mod support;
#[path = "adapters/tokio_only.rs"]
mod tokio_only;
