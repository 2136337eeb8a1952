//! What the fuzz targets call.

mod bodies;

pub use bodies::*;
