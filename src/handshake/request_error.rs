//! What a caller can get wrong about a request.

use thiserror::Error;

use super::http1::headers::HeaderError;

/// Why a request cannot be made as asked: the caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The URI does not begin with `ws://` or `wss://`.
    #[error("the URI does not begin with ws:// or wss://")]
    Scheme,
    /// The URI has user information: ask for it to be used, with
    /// [`ClientRequest::with_credentials`](super::ClientRequest::with_credentials).
    #[error("the URI has user information")]
    UserInfo,
    /// The user has a colon, or user or password has a control character or a percent sign that
    /// encodes nothing.
    #[error("the user or the password is malformed")]
    Credentials,
    /// The host is missing or malformed.
    #[error("the host is missing or malformed")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The path or the query has a character that has to be percent-encoded.
    #[error("the URI's path or query has a character that has to be percent-encoded")]
    Resource,
    /// The path and the query are longer than the types of the `http` crate hold.
    #[error("the URI's path and query do not fit the types of the http crate")]
    ResourceTooLong,
    /// The URI has a fragment.
    #[error("the URI has a fragment")]
    Fragment,
    /// The Origin is empty or has a character that is not visible ASCII.
    #[error("the Origin is empty or has a character that is not visible ASCII")]
    Origin,
    /// The subprotocol's name is no token.
    #[error("the subprotocol's name is not a token")]
    Subprotocol,
    /// The subprotocol was asked for already.
    #[error("the subprotocol was asked for already")]
    SubprotocolRepeated,
    /// The header field cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
}
