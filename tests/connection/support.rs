//! What several test files need.

#[cfg(all(feature = "tracing", feature = "tokio"))]
pub(crate) mod collector;
pub(crate) mod drive;
#[cfg(feature = "http")]
pub(crate) mod http_types;
pub(crate) mod oracle;
#[cfg(feature = "std")]
pub(crate) mod pair;
#[cfg(feature = "std")]
pub(crate) mod split;
pub(crate) mod wire;
