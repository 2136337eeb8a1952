//! TLS as bytes in and bytes out, between the transport and a session.
//!
//! [`TlsClient`] and [`TlsServer`] hold the settings: whom to trust, who one is. Each makes a
//! [`TlsLayer`] for one connection, which a [`Driver`](crate::driver::Driver) takes with
//! [`with_tls`](crate::driver::Driver::with_tls): what it then says is to be read and written is
//! ciphertext, and everything else stays as it was. The adapters do so for `wss://` URLs and in
//! `accept_tls`.
//!
//! What no stream with TLS inside can know stays true here:
//!
//! - What was sent, and what was dropped, is counted in plaintext whose ciphertext the socket has
//!   really taken.
//! - The end is said in TLS as well (`close_notify`) before the stream is shut down, and our alert
//!   leaves before a failure ends the connection.
//! - A stream that ends without `close_notify` is told apart from one that was closed.
//! - The TLS handshake lies inside the deadline of the opening handshake.
//! - The halves of a split socket share it: a lock is held to encrypt or to decrypt, never while
//!   the socket waits.
//!
//! # Provider and roots
//!
//! The cryptography comes from a provider: the one in a rustls config of yours, else the process's
//! default, else the one that is compiled in (features `rustls-ring` and `rustls-aws-lc-rs`), else
//! there is an error that says so. Who is trusted is up to the operating system (`rustls-platform-verifier`) or
//! Mozilla's list (`rustls-webpki-roots`), and to [`ca_pem`](TlsClientBuilder::ca_pem) for the
//! authority of a company.
//!
//! | Feature | What it adds | To build it |
//! |---|---|---|
//! | `rustls` | this module, over rustls 0.23; neither provider nor roots | nothing more |
//! | `rustls-ring` | the crypto provider ring | a C compiler |
//! | `rustls-aws-lc-rs` | the crypto provider aws-lc-rs | a C compiler; CMake on some platforms |
//! | `rustls-platform-verifier` | trusts whom the operating system trusts | nothing more |
//! | `rustls-webpki-roots` | trusts Mozilla's list, compiled in | nothing more |
//! | `wss` | `rustls`, `rustls-ring` and `rustls-platform-verifier` | a C compiler |

mod certificate;
mod ciphertext;
mod client;
mod error;
mod failure;
mod inspector;
mod layer;
mod pem;
mod provider;
mod server;
#[cfg(all(test, feature = "rustls-ring"))]
mod tests;
mod verifier;

pub use client::{Roots, TlsClient, TlsClientBuilder};
pub use error::{PemError, TlsConfigError, TlsLibraryError};
pub use layer::TlsLayer;
pub use provider::Provider;
pub use server::TlsServer;

/// The application protocol of the opening handshake, RFC 7301.
const HTTP_1_1: &[u8] = b"http/1.1";
