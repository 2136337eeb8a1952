//! Every fault, in every phase, for both roles, through a session, the blocking and the tokio
//! adapter; and torture, in which every call that a scenario makes fails in turn.
//!
//! The expectations are one table, `tests/faults/table.txt`.
#![cfg(feature = "testkit")]

#[path = "faults/blocking.rs"]
mod blocking;
#[path = "faults/pool.rs"]
mod pool;
#[path = "faults/scenario.rs"]
mod scenario;
#[path = "faults/session.rs"]
mod session;
#[path = "faults/table.rs"]
mod table;
#[cfg(feature = "tokio")]
#[path = "faults/tokio.rs"]
mod tokio;
#[path = "faults/torture.rs"]
mod torture;
