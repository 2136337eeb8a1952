//! The bodies of the fuzz targets: plain functions of bytes that panic where a property is broken.
//!
//! They are compiled twice: by the targets of this package under libFuzzer on a nightly toolchain,
//! and by the test `corpus.rs` on a stable one. They use nothing but the public API.

#[cfg(feature = "deflate")]
mod compression;
mod connection;
mod frame_header;
mod handshake;
mod peer;
mod script;
mod session;

use farewell::Role;

/// A target's name and body; the name is also that of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("frame_header", frame_header),
    ("connection_server", connection_server),
    ("connection_client", connection_client),
    ("session_server", session_server),
    ("session_client", session_client),
    ("handshake_request", handshake_request),
    ("handshake_response", handshake_response),
];

/// A frame's header against a naive decoder, and back through the encoder.
pub fn frame_header(data: &[u8]) {
    frame_header::check(data);
}

/// A server's connection under any bytes, times and order of calls.
pub fn connection_server(data: &[u8]) {
    connection::check(Role::Server, data);
}

/// A client's connection under any bytes, times and order of calls.
pub fn connection_client(data: &[u8]) {
    connection::check(Role::Client, data);
}

/// A server's session from the opening handshake on.
pub fn session_server(data: &[u8]) {
    session::check(Role::Server, data);
}

/// A client's session from the opening handshake on.
pub fn session_client(data: &[u8]) {
    session::check(Role::Client, data);
}

/// The head of a request as a server reads it, and what it answers.
pub fn handshake_request(data: &[u8]) {
    handshake::check_request(data);
}

/// The response to a request as a client reads it, and requests that a client makes.
pub fn handshake_response(data: &[u8]) {
    handshake::check_response(data);
}
