//! The response to a request that asks for no WebSocket connection.

use bytes::{Bytes, BytesMut};

use super::{Rejection, ResponseError};

/// The response to a [plain request](crate::handshake::Request::is_plain), of any final status: a
/// health check's 200, a page. The connection is closed after it.
///
/// It becomes a [`Rejection`], since no WebSocket connection comes of it; so `?` and `Err` carry it
/// out of a decision. A request that does ask for a WebSocket connection cannot be answered with a
/// status that refuses nothing: its client gets 500.
///
/// ```
/// use farewell::handshake::{Accept, Origins, PlainResponse, Rejection, Request};
///
/// fn decide(request: &Request) -> Result<Accept, Rejection> {
///     if request.is_plain() {
///         return Err(match request.path() {
///             "/health" => PlainResponse::new(200)?.body("ok\n").into(),
///             "/" => Rejection::new(302)?.header("Location", "https://example.com/")?,
///             _ => Rejection::new(404)?,
///         });
///     }
///     Ok(Accept::new(Origins::SameHost).subprotocols(&["chat"])?)
/// }
/// # let _ = decide;
/// ```
#[derive(Debug, Clone)]
pub struct PlainResponse {
    response: Rejection,
}

impl PlainResponse {
    /// A response of this status, 200 to 599.
    ///
    /// # Errors
    ///
    /// Every other status is refused: it would not be the last.
    pub fn new(status: u16) -> Result<Self, ResponseError> {
        match status {
            200..=599 => Ok(Self { response: Rejection::with_status(status) }),
            _ => Err(ResponseError::Status),
        }
    }

    /// Adds a header field: `Content-Type`, for example.
    ///
    /// # Errors
    ///
    /// As for [`Rejection::header`].
    pub fn header(self, name: &str, value: &str) -> Result<Self, ResponseError> {
        Ok(Self { response: self.response.header(name, value)? })
    }

    /// Sets the body. It is left out where there can be none: in the response to a HEAD, and with
    /// status 204 or 304.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { response: self.response.body(body) }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status()
    }

    /// Writes the response, as to a GET, with `Connection: close`.
    pub fn write_response(&self, out: &mut BytesMut) {
        self.response.write_response(out);
    }
}

impl From<PlainResponse> for Rejection {
    fn from(plain: PlainResponse) -> Self {
        plain.response
    }
}
