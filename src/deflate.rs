//! permessage-deflate (RFC 7692 section 7): compressing whole messages and inflating them piece by
//! piece, within limits.
//!
//! Invariant: what is inflated never takes more memory than the limits allow, and what comes of it
//! does not depend on how the input was cut. A compressor never refers to what the peer's inflater
//! does not have.

mod compressor;
mod inflater;
mod link;
mod params;
mod pool;
mod settings;

pub(crate) use link::Deflate;
pub use params::DeflateParams;
pub use settings::{Compression, WindowBits};
