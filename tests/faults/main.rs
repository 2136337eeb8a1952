//! Every fault, in every phase, for both roles, through a session, the blocking and the tokio
//! adapter; and torture, in which every call that a scenario makes fails in turn. Before that, the
//! testkit that all of this runs on.
//!
//! The expectations are one table, `tests/faults/table.txt`.
#![cfg(feature = "testkit")]

mod blocking;
mod pool;
mod scenario;
mod session;
mod table;
mod testkit;
#[cfg(feature = "tokio")]
mod tokio;
mod torture;
