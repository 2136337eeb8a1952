//! An extractor for axum: a request for a WebSocket, and the response to it.
//!
//! Invariant: nobody gets a socket before the origins were decided about. [`WebSocketUpgrade`] has
//! no way to one but [`UpgradeDecision`], which only such a decision makes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;

use super::upgrade::{Asked, Refused, Upgrade};
use super::upgraded::Upgraded;
use super::websocket::WebSocket;
use crate::adapter::Acceptor;
use crate::adapter::error::AcceptError;
use crate::config::{Config, Limits};
#[cfg(feature = "deflate")]
use crate::deflate::Compression;
use crate::handshake::{Accept, HandshakeError, Origins, Rejection, Request, ResponseError, Typed};
use crate::report::Cause;

/// A request for a WebSocket, extracted by axum: over HTTP/1.1, and over HTTP/2 where the route is
/// an `any` and the server offers extended CONNECT.
///
/// Decide first which web pages may connect, with [`origins`](Self::origins): without that, there is
/// no way to a socket.
///
/// ```
/// use axum::Router;
/// use axum::response::Response;
/// use axum::routing::any;
/// use farewell::aio::{Incoming, WebSocketUpgrade};
/// use farewell::handshake::Origins;
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.origins(Origins::SameHost).on_upgrade(async |mut socket| {
///         while let Incoming::Message(message) = socket.next().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let router: Router = Router::new().route("/echo", any(echo));
/// ```
///
/// ```compile_fail,E0599
/// # use axum::response::Response;
/// # use farewell::aio::WebSocketUpgrade;
/// async fn careless(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |_socket| {}) // there is no such method
/// }
/// ```
///
/// A handler that takes an `Option` of it can answer plain HTTP otherwise, with a page for example; one
/// that takes a `Result<WebSocketUpgrade, UpgradeRejection>` sees why a request is none for a WebSocket.
///
/// A handler that drops it, and answers something else, gives the request up: an event for `tracing` says
/// so.
#[derive(Debug)]
#[must_use = "nothing is answered without it"]
pub struct WebSocketUpgrade {
    asked: Asked,
}

impl WebSocketUpgrade {
    /// What is asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.asked.request()
    }

    /// Accepts the request if it comes from one of these origins, or from no web page.
    ///
    /// There is no default: which web pages may connect with their visitors' cookies is the
    /// application's decision (RFC 6455 section 10.2).
    pub fn origins(self, origins: Origins) -> UpgradeDecision {
        self.accept(Accept::new(origins))
    }

    /// Responds with this, which holds the origins, the subprotocols and the header fields.
    pub fn accept(self, accept: Accept) -> UpgradeDecision {
        self.decided(Ok(Ok(accept)), Arc::default())
    }

    /// Responds as this decides, and with its settings: an [`Acceptor`] can be part of the router's
    /// state.
    pub fn acceptor(self, acceptor: &Acceptor) -> UpgradeDecision {
        let config = acceptor.shared_config();
        // What is over the limits is not for the application to look at.
        let decision = match self.asked.request().check_limits(&config.limits) {
            Ok(()) => acceptor.decide(self.asked.request()).map(Ok),
            Err(error) => Ok(Err(ResponseError::Refused(error))),
        };
        self.decided(decision, config)
    }

    /// Rejects the request, as every such ending is: with an event for `tracing`.
    #[must_use]
    pub fn reject(self, rejection: Rejection) -> Response {
        let (response, _upgrade) = self.asked.respond(Err(rejection), Arc::default());
        response.map(Body::from)
    }

    fn decided(self, decision: Decision, config: Arc<Config>) -> UpgradeDecision {
        UpgradeDecision { asked: self.asked, decision, config, failed: None }
    }

    fn extract(parts: &mut Parts) -> Result<Self, UpgradeRejection> {
        let on = parts.extensions.remove::<OnUpgrade>();
        let protocol = parts.extensions.get::<hyper::ext::Protocol>();
        let typed = Typed {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            protocol: protocol.map(hyper::ext::Protocol::as_str),
        };
        // The settings come with the response; until then, the server's own limits hold.
        let any = usize::MAX;
        let limits = Limits { head: any, headers: any, header_line: any, ..Limits::default() };
        match Asked::new(typed, on, &limits) {
            Ok(asked) => Ok(Self { asked }),
            Err(refused) => Err(UpgradeRejection { refused }),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, UpgradeRejection> {
        Self::extract(parts)
    }
}

/// `None` for plain HTTP, which does not ask for a WebSocket.
impl<S: Send + Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, UpgradeRejection> {
        if !Request::is_asked_for(&parts.method, &parts.headers, parts.version) {
            return Ok(None);
        }
        Self::extract(parts).map(Some)
    }
}

/// What the application has decided; faulty where it cannot be a response.
type Decision = Result<Result<Accept, ResponseError>, Rejection>;

/// A request for a WebSocket about whose origin was decided, and the settings of the connection.
#[must_use = "nothing is answered without `on_upgrade`"]
pub struct UpgradeDecision {
    asked: Asked,
    decision: Decision,
    config: Arc<Config>,
    failed: Option<Box<dyn FnOnce(AcceptError) + Send>>,
}

impl UpgradeDecision {
    fn map(mut self, map: impl FnOnce(Accept) -> Result<Accept, ResponseError>) -> Self {
        self.decision = self.decision.map(|accept| accept.and_then(map));
        self
    }

    /// Refuses requests without an Origin too: see
    /// [`Accept::require_origin`](crate::handshake::Accept::require_origin).
    pub fn require_origin(self) -> Self {
        self.map(|accept| Ok(accept.require_origin()))
    }

    /// Uses the first of these subprotocols that the client asked for, or none. A name that is no
    /// token makes the response one with status 500.
    pub fn subprotocols(self, names: &[&str]) -> Self {
        self.map(|accept| accept.subprotocols(names))
    }

    /// Adds a header field to the response. One that cannot be sent makes it one with status 500:
    /// see [`Accept::header`](crate::handshake::Accept::header).
    pub fn header(self, name: &str, value: &str) -> Self {
        self.map(|accept| accept.header(name, value))
    }

    /// Sets everything that can be set of the connection: the following two set a part of it.
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        Self { config: config.into(), ..self }
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.config).limits = limits;
        self
    }

    /// Compresses messages where the client offers it. Read the warning of
    /// [`Compression`](crate::Compression) first.
    #[cfg(feature = "deflate")]
    pub fn compression(mut self, compression: Compression) -> Self {
        Arc::make_mut(&mut self.config).compression = Some(compression);
        self
    }

    /// Called where no socket comes of it. Without that, only an event for `tracing` says so.
    ///
    /// A request that breaks a rule is refused before, when the [`WebSocketUpgrade`] is extracted: for
    /// those, let the handler take a `Result<WebSocketUpgrade, UpgradeRejection>`.
    pub fn on_failed(self, failed: impl FnOnce(AcceptError) + Send + 'static) -> Self {
        Self { failed: Some(Box::new(failed)), ..self }
    }

    /// The response to return, and a task that gives the socket to `serve` once that was sent.
    ///
    /// Return it as it is, and let no layer replace it: see [`upgrade`](super::upgrade) for what comes of
    /// that. Checks belong into the handler before this call, or into extractors and layers that answer
    /// before the handler is called.
    ///
    /// A handler that decides later than the [handshake timeout](crate::Timeouts::handshake) after the
    /// request gets no socket, and its client status 503.
    #[must_use]
    pub fn on_upgrade<F, T>(mut self, serve: F) -> Response
    where
        F: FnOnce(WebSocket<Upgraded>) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let failed = self.failed.take();
        let (response, upgrade) = self.into_parts();
        tokio::spawn(async move {
            match (upgrade.await, failed) {
                (Ok(socket), _) => serve(socket).await,
                (Err(error), Some(failed)) => failed(error),
                (Err(_), None) => {}
            }
        });
        response
    }

    /// The response to return, and the future of the socket, for a task of one's own.
    pub fn into_parts(self) -> (Response, Upgrade) {
        let Self { asked, decision, config, .. } = self;
        let (response, upgrade) = match asked.request().check_limits(&config.limits) {
            Ok(()) => asked.respond(decision, config),
            Err(error) => asked.refuse(error),
        };
        (response.map(Body::from), upgrade)
    }
}

impl fmt::Debug for UpgradeDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, decision, config, .. } = self;
        f.debug_struct("UpgradeDecision")
            .field("asked", asked)
            .field("decision", decision)
            .field("config", config)
            .finish_non_exhaustive()
    }
}

/// Why a request is none for a WebSocket; as a response, it tells the client.
#[derive(Debug)]
pub struct UpgradeRejection {
    refused: Box<Refused>,
}

impl UpgradeRejection {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.refused.response.status().as_u16()
    }

    /// The rule that the request breaks; nothing where this server is at fault.
    #[must_use]
    pub fn rule(&self) -> Option<HandshakeError> {
        match self.refused.error.report()?.cause {
            Cause::HandshakeInvalid(error) => Some(error),
            _ => None,
        }
    }

    /// The error, with the report.
    #[must_use]
    pub fn into_error(self) -> AcceptError {
        self.refused.error
    }
}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        let response: http::Response<Bytes> = self.refused.response;
        response.map(Body::from)
    }
}

impl fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refused.error.fmt(f)
    }
}

impl core::error::Error for UpgradeRejection {}
