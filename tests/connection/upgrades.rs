//! WebSockets on requests that somebody else's HTTP server has read: hyper, and axum on it.

#[cfg(feature = "axum")]
mod axum_server;
mod bad_input;
mod hyper_server;
mod streams;
mod support;
