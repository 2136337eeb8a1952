//! With feature `tracing`: one span for each connection and one event for its ending, whichever
//! way it ends and whichever door it came through; and nothing for a message.

#![cfg(all(feature = "tracing", feature = "tokio"))]

#[path = "support/collector.rs"]
mod collector;
#[path = "tracing/core.rs"]
mod core;
#[path = "support/pair.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod pair;
#[path = "tracing/sockets.rs"]
mod sockets;
#[path = "support/split.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod split;
#[path = "adapters/support.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod support;
