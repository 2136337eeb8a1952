//! A session from its opening handshake to its end: two of them joined in memory under a virtual
//! clock, and one alone against bytes written by hand.

#![cfg(feature = "std")]

mod chunks;
mod direct;
mod opening;
mod plain;
mod refusals;
mod remedies;
mod sending;
mod splitting;
mod unconfirmed;
mod unsent;
