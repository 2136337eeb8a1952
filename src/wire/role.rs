//! The two roles of a connection: client and server.

/// The role of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Role {
    /// The endpoint that asked for the connection; it masks what it sends.
    Client,
    /// The endpoint that accepted it.
    Server,
}

impl Role {
    /// A short name, for labels and logs: `client` or `server`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}
