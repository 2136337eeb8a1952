//! WebSockets on requests that somebody else's HTTP server has read: hyper, and axum on it.

#[cfg(feature = "axum")]
mod axum_server;
mod bad_input;
#[cfg(feature = "axum")]
mod extractor;
mod hyper_server;
mod replaced;
mod stream_ends;
mod streams;
mod support;
