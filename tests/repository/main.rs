//! The repository against itself: what its files promise each other, and what its types promise
//! every runtime.

mod auto_traits;
mod citations;
mod guide;
