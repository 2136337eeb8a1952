//! permessage-deflate (RFC 7692 section 7): compressing whole messages and inflating them piece by
//! piece, within limits.
//!
//! Invariant: what is inflated never takes more memory than the limits allow, and what comes of it
//! does not depend on how the input was cut. A compressor never refers to what the peer's inflater
//! does not have.

#[cfg(feature = "deflate")]
mod compressor;
#[cfg(feature = "deflate")]
mod context;
#[cfg(not(feature = "deflate"))]
mod disabled;
#[cfg(feature = "deflate")]
mod inflater;
#[cfg(feature = "deflate")]
mod params;
#[cfg(feature = "deflate")]
mod past;
#[cfg(feature = "deflate")]
mod pool;
#[cfg(feature = "deflate")]
mod settings;

/// The size of the window that an inflater refers back to, in bytes.
pub(crate) const WINDOW: usize = 32 * 1024;

#[cfg(feature = "deflate")]
pub(crate) use context::Deflate;
#[cfg(not(feature = "deflate"))]
pub(crate) use disabled::{Compression, Deflate, DeflateParams};
#[cfg(feature = "deflate")]
pub use params::DeflateParams;
#[cfg(feature = "deflate")]
pub use settings::{Compression, WindowBits};
