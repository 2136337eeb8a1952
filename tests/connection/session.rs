//! A session from its opening handshake to its end: two of them joined in memory under a virtual
//! clock, and one alone against bytes written by hand.

#![cfg(feature = "std")]

mod support;

#[path = "session/opening.rs"]
mod opening;
#[path = "session/remedies.rs"]
mod remedies;
#[path = "session/sending.rs"]
mod sending;
#[path = "session/splitting.rs"]
mod splitting;
#[path = "session/unsent.rs"]
mod unsent;
