//! The parameters of permessage-deflate that both endpoints agreed on.

/// The agreed parameters of permessage-deflate (RFC 7692 section 7.1), in the terms of the RFC.
///
/// [`DeflateParams::default`] is the extension without any parameter. Where an upgrade was
/// negotiated elsewhere, fill in what was agreed on and pass it to
/// [`Negotiated::with_deflate`](crate::handshake::Negotiated::with_deflate).
///
/// ```
/// use farewell::handshake::{DeflateParams, Negotiated};
///
/// let mut params = DeflateParams::default();
/// params.client_no_context_takeover = true;
/// let negotiated = Negotiated::default().with_deflate(params);
/// assert_eq!(negotiated.extensions().deflate(), Some(&params));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateParams {
    /// The server compresses each message by itself.
    pub server_no_context_takeover: bool,
    /// The client compresses each message by itself.
    pub client_no_context_takeover: bool,
    /// How far back, as the base-2 logarithm of bytes, the server's messages refer: 8 to 15.
    pub server_max_window_bits: u8,
    /// How far back the client's messages refer: 8 to 15.
    pub client_max_window_bits: u8,
}

impl Default for DeflateParams {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}
