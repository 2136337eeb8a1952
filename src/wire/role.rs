//! Which end of a connection is which.

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Role {
    /// The end that asked for the connection; it masks what it sends.
    Client,
    /// The end that accepted it.
    Server,
}
