//! Both adapters over real sockets on loopback.
//!
//! What both have to do is written once, against the trait `Adapter`, and run for each.
#![cfg(feature = "tokio")]
#![expect(clippy::disallowed_methods, reason = "real sockets run on real time")]

mod blocking_only;
mod compression;
mod decisions;
mod dialling;
mod draining;
mod endings;
pub(crate) mod files;
mod first_hour;
mod halves;
mod hammer_blocking;
mod hammer_tokio;
mod messages;
mod opening;
mod pings;
mod reconnecting;
mod streams;
pub(crate) mod support;
mod tokio_budget;
mod tokio_only;
mod untimed;
mod waits;
