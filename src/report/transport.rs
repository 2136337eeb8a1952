//! What a transport says of its end and of its failures.

/// How the reading direction of the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadClosed {
    /// An orderly end of stream: TCP's FIN, or TLS's `close_notify`.
    Eof,
    /// TCP's FIN without TLS's `close_notify`: someone may have cut the stream short.
    TlsTruncated,
    /// Reading failed.
    Failed(TransportError),
}

/// What a transport says when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum TransportError {
    /// The peer, or something on the path, reset the connection.
    #[error("connection reset")]
    Reset,
    /// The connection was aborted on this machine.
    #[error("connection aborted")]
    Aborted,
    /// The connection was closed for writing.
    #[error("broken pipe")]
    BrokenPipe,
    /// The operating system gave up on the peer.
    #[error("connection timed out")]
    TimedOut,
    /// TLS's stream ended without `close_notify`: someone may have cut it short.
    #[error("the TLS stream was cut short")]
    TlsTruncated,
    /// The stream is in non-blocking mode, and whoever waits with it needs one that blocks.
    #[error("the stream is in non-blocking mode")]
    NonBlocking,
    /// Anything else.
    #[error("transport error")]
    Other,
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for TransportError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        if let Some(kind) = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            return *kind;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds")]
        match error.kind() {
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::ConnectionAborted | ErrorKind::NotConnected => Self::Aborted,
            ErrorKind::BrokenPipe | ErrorKind::WriteZero => Self::BrokenPipe,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for ReadClosed {
    /// The error of a read. TLS libraries report a missing `close_notify` as `UnexpectedEof`.
    fn from(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return Self::TlsTruncated;
        }
        Self::Failed(error.into())
    }
}
