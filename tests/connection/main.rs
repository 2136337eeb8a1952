//! Connections and sessions from outside: against the RFCs, to their ends, over sockets, and in
//! numbers of allocations.
//!
//! One binary, since all of it shares `support`. Nothing here is told by what else the process does:
//! allocations are counted, and spans collected, on the thread of the test alone.

mod adapters;
mod dial;
mod driver;
mod evidence;
mod fuzz_findings;
mod no_alloc;
mod reconnect;
mod rfc6455;
mod rfc7692;
#[cfg(feature = "http")]
mod rfc8441;
mod robustness;
mod session;
mod session_memory;
mod split;
mod stats;
mod support;
mod terminations;
mod timers;
mod tracing;
#[cfg(feature = "hyper")]
mod upgrades;
