//! How a server decides about a request for a connection.

use alloc::sync::Arc;
use core::fmt;

use crate::adapter::opening::Requests;
use crate::config::Config;
use crate::handshake::{Accept, Origins, Rejection, Request};

type Decide = dyn Fn(&Request) -> Result<Accept, Rejection> + Send + Sync;

/// How a server responds to requests for connections, and the settings of those connections.
///
/// One value serves any number of connections; a clone shares everything with it. Pass it to
/// [`blocking::accept`](crate::blocking::accept) or `aio::accept`.
///
/// There is no default for the origins: which web pages may connect is the application's decision
/// (RFC 6455 section 10.2).
///
/// ```
/// use farewell::{Acceptor, Config};
/// use farewell::handshake::{Accept, Origins, Rejection};
///
/// // The same response to everybody:
/// let public = Acceptor::new(Origins::Any);
/// let chat = Acceptor::with_accept(Accept::new(Origins::SameHost).subprotocols(&["chat"])?);
///
/// // Or one for each request:
/// let not_found = Rejection::new(404)?.body("try /chat");
/// let routed = Acceptor::from_fn(move |request| match request.path() {
///     "/chat" => Ok(Accept::new(Origins::SameHost)),
///     _ => Err(not_found.clone()),
/// })
/// .config(Config::default());
/// # Ok::<(), farewell::handshake::ResponseError>(())
/// ```
#[derive(Clone)]
pub struct Acceptor {
    decide: Arc<Decide>,
    config: Arc<Config>,
    requests: Requests,
}

impl Acceptor {
    /// Accepts requests from these origins, without a subprotocol.
    #[must_use]
    pub fn new(origins: Origins) -> Self {
        Self::with_accept(Accept::new(origins))
    }

    /// Responds to every request with this, which holds the origins, the subprotocols and the
    /// header fields.
    #[must_use]
    pub fn with_accept(accept: Accept) -> Self {
        Self::from_fn(move |_| Ok(accept.clone()))
    }

    /// Calls `decide` for the response to each request.
    ///
    /// It runs while the client waits, on the thread or task that accepts. Where a decision has to wait
    /// for something, a database for example, use `accept_with` in its place.
    #[must_use]
    pub fn from_fn(
        decide: impl Fn(&Request) -> Result<Accept, Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self { decide: Arc::new(decide), config: Arc::default(), requests: Requests::default() }
    }

    /// Decides about plain requests, too, which ask for no WebSocket connection: a health check can be
    /// answered with 200. See [`Request::is_plain`]. Without this, and where one is accepted all the
    /// same, they are refused with status 426.
    ///
    /// ```
    /// use farewell::Acceptor;
    /// use farewell::handshake::{Accept, Origins, PlainResponse};
    ///
    /// let acceptor = Acceptor::from_fn(|request| match request.is_plain() {
    ///     true => Err(PlainResponse::new(200)?.body("alive\n").into()),
    ///     false => Ok(Accept::new(Origins::SameHost)),
    /// })
    /// .plain_requests();
    /// # let _ = acceptor;
    /// ```
    #[must_use]
    pub fn plain_requests(self) -> Self {
        Self { requests: Requests::PlainToo, ..self }
    }

    /// Sets the limits, the heartbeat and the deadlines.
    #[must_use]
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        Self { config: config.into(), ..self }
    }

    pub(super) fn decide(&self, request: &Request) -> Result<Accept, Rejection> {
        (self.decide)(request)
    }

    pub(super) fn shared_config(&self) -> Arc<Config> {
        self.config.clone()
    }

    pub(super) fn requests(&self) -> Requests {
        self.requests
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("config", &self.config).finish_non_exhaustive()
    }
}
