//! With feature `tracing`: one span for each connection and one event for its ending, whichever
//! way it ends and whichever door it came through; and nothing for a message.

#![cfg(all(feature = "tracing", feature = "tokio"))]

mod core;
mod sockets;
