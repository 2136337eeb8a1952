//! Somebody else's HTTP: a request that hyper serves becomes a WebSocket.
//!
//! Invariant: whatever comes of a request, it is said once: by the report of the socket, or, where
//! there is none, by the error of the future and one event for `tracing`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Sleep, sleep_until};

use super::clock::Clock;
use super::turn::Turn;
use super::upgraded::Upgraded;
use super::websocket::WebSocket;
use crate::adapter::Acceptor;
use crate::adapter::error::{AcceptError, UpgradeError};
use crate::adapter::opening::{self, Opening};
use crate::config::{Config, Limits};
use crate::handshake::{
    Accept, Carrier, HandshakeError, Negotiated, Rejection, Request, ResponseError, Typed,
};
use crate::report::trace::Trace;
use crate::report::{Direction, OpeningFailure, Termination, TransportError, TransportFailure};
use crate::session::Session;
use crate::time::Timestamp;
use crate::wire::keystream::Seed;
use crate::wire::role::Role;

/// Responds to a request that hyper serves, over HTTP/1.1 or HTTP/2: the response to return, and
/// the WebSocket that comes of it once that was sent.
///
/// Return the response from the service, and await the future in a task of its own: it is only
/// ready after the response has left. Where the request is refused, the response says why, and so
/// does the future, at once.
///
/// The response is to be sent as it is, with any body that is as empty as its own. hyper gives up the
/// stream whatever was sent: over HTTP/1.1 when the connection is done with HTTP, which can be after a
/// 403, and over HTTP/2 after any 2xx, which is what accepts a CONNECT. So do not answer with something
/// else what was accepted here, in a layer outside for example: credentials, rate limits and the like
/// belong before this call, or into the [`Acceptor`]. Whoever does so all the same drops the future. For
/// this reason, an HTTP/1.1 request whose Connection has "close" in it is refused, with status 400.
///
/// Serve HTTP/1.1 with upgrades (`with_upgrades`); for HTTP/2, let the server offer extended
/// CONNECT (`enable_connect_protocol`).
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use farewell::Acceptor;
/// use http_body_util::Full;
/// use hyper::body::{Bytes, Incoming};
/// use hyper::{Request, Response};
///
/// async fn chat(
///     mut request: Request<Incoming>,
///     acceptor: Acceptor,
/// ) -> Result<Response<Full<Bytes>>, Infallible> {
///     let (response, upgrade) = farewell::aio::upgrade(&mut request, &acceptor);
///     tokio::spawn(async move {
///         match upgrade.await {
///             Ok(mut socket) => drop(socket.send("hello").await),
///             Err(error) => eprintln!("{error}"),
///         }
///     });
///     Ok(response.map(Full::new))
/// }
/// ```
pub fn upgrade<B>(
    request: &mut http::Request<B>,
    acceptor: &Acceptor,
) -> (http::Response<Bytes>, Upgrade) {
    let config = acceptor.shared_config();
    let on = request.extensions_mut().remove::<OnUpgrade>();
    let protocol = request.extensions().get::<hyper::ext::Protocol>();
    let typed = Typed {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
        protocol: protocol.map(hyper::ext::Protocol::as_str),
    };
    match Asked::new(typed, on, &config.limits) {
        Ok(asked) => {
            let decision = acceptor.decide(asked.request());
            asked.respond(decision.map(Ok), config)
        }
        Err(refused) => (refused.response, Upgrade { state: State::Failed(Some(refused.error)) }),
    }
}

/// A sound request that can be upgraded, and waits for a response.
#[derive(Debug)]
pub(super) struct Asked {
    request: Arc<Request>,
    version: http::Version,
    on: OnUpgrade,
    clock: Clock,
    unanswered: Unanswered,
}

/// Tells of a request that is given up before there is a response.
#[derive(Debug)]
struct Unanswered {
    /// None once there is.
    request: Option<Arc<Request>>,
    clock: Clock,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            let (carrier, clock) = (request.carrier(), self.clock);
            let story = Story { request: Some(&request), carrier, clock };
            drop(story.failed(OpeningFailure::Aborted));
        }
    }
}

/// A request that is refused: with what, and why.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) response: http::Response<Bytes>,
    pub(super) error: AcceptError,
}

impl Asked {
    pub(super) fn new(
        typed: Typed<'_>,
        on: Option<OnUpgrade>,
        limits: &Limits,
    ) -> Result<Self, Box<Refused>> {
        let (clock, version) = (Clock::new(), typed.version);
        let carrier = Carrier::of(version);
        let request = Request::from_typed(typed, limits).and_then(|request| {
            // hyper would give up the stream for a WebSocket whatever it had answered.
            if request.wants_close() { Err(HandshakeError::ConnectionClose) } else { Ok(request) }
        });
        match (request, on) {
            (Ok(request), Some(on)) => {
                let request = Arc::new(request);
                let unanswered = Unanswered { request: Some(request.clone()), clock };
                Ok(Self { request, version, on, clock, unanswered })
            }
            (Ok(request), None) => {
                let story = Story { request: Some(&request), carrier, clock };
                let error = story.cannot(UpgradeError::Missing);
                Err(Box::new(Refused { response: server_error(version), error }))
            }
            (Err(error), _) => {
                let story = Story { request: None, carrier, clock };
                let response = error.to_http(version);
                let error = story.failed(OpeningFailure::Invalid(error));
                Err(Box::new(Refused { response, error }))
            }
        }
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Responds as the application has decided, whose acceptance may be faulty in itself.
    pub(super) fn respond(
        mut self,
        decision: Result<Result<Accept, ResponseError>, Rejection>,
        config: Arc<Config>,
    ) -> (http::Response<Bytes>, Upgrade) {
        self.unanswered.request = None;
        let story = self.story();
        if decision.is_ok() && self.clock.now() >= Timestamp::ZERO + config.timeouts.handshake {
            let error = story.failed(OpeningFailure::TimedOut);
            return (too_late(self.version), Upgrade { state: State::Failed(Some(error)) });
        }
        let (response, error) = match decision {
            Err(rejection) => match rejection.check_refuses(&self.request) {
                Ok(()) => (rejection.to_http(self.version), story.rejected(&rejection)),
                Err(error) => (server_error(self.version), story.unfit(error)),
            },
            Ok(accept) => match accept.and_then(|it| it.to_http(&self.request, &config)) {
                Ok((response, negotiated)) => {
                    let Self { request, on, clock, .. } = self;
                    let waiting = Waiting { on, request, negotiated, config, clock, sleep: None };
                    let state = State::Waiting(Box::new(waiting));
                    return (response.map(|()| Bytes::new()), Upgrade { state });
                }
                Err(ResponseError::Refused(error)) => {
                    (error.to_http(self.version), story.failed(OpeningFailure::Invalid(error)))
                }
                Err(error) => (server_error(self.version), story.unfit(error)),
            },
        };
        (response, Upgrade { state: State::Failed(Some(error)) })
    }

    /// Refuses the request for a rule or a limit.
    #[cfg(feature = "axum")]
    pub(super) fn refuse(mut self, error: HandshakeError) -> (http::Response<Bytes>, Upgrade) {
        self.unanswered.request = None;
        let told = self.story().failed(OpeningFailure::Invalid(error));
        (error.to_http(self.version), Upgrade { state: State::Failed(Some(told)) })
    }

    fn story(&self) -> Story<'_> {
        let carrier = self.request.carrier();
        Story { request: Some(&self.request), carrier, clock: self.clock }
    }
}

fn server_error(version: http::Version) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    *response.version_mut() = version;
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// The application has taken longer than the opening handshake may take.
fn too_late(version: http::Version) -> http::Response<Bytes> {
    let mut response = server_error(version);
    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// A WebSocket that comes of a request once the response was sent: see [`upgrade`].
///
/// It is ready within the [handshake timeout](crate::Timeouts::handshake), which begins with the
/// request, if it is polled: one that is kept and not awaited keeps the connection, without a deadline.
/// Dropping it gives the connection up.
///
/// # Errors
///
/// [`AcceptError`]: the request broke a rule or was rejected, the stream is not to be had, or the
/// client left. After that it is not ready any more.
#[must_use = "the connection is given up with it"]
pub struct Upgrade {
    state: State,
}

enum State {
    Failed(Option<AcceptError>),
    Waiting(Box<Waiting>),
    Done,
}

struct Waiting {
    on: OnUpgrade,
    request: Arc<Request>,
    negotiated: Negotiated,
    config: Arc<Config>,
    clock: Clock,
    /// Until the handshake timeout.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Future for Upgrade {
    type Output = Result<WebSocket<Upgraded>, AcceptError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.state {
            State::Failed(error) => error.take().map(Err),
            State::Waiting(waiting) => Some(ready!(waiting.poll(cx))),
            State::Done => None,
        };
        self.state = State::Done;
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocket<Upgraded>, AcceptError>> {
        let timeout = self.config.timeouts.handshake;
        match Pin::new(&mut self.on).poll(cx) {
            Poll::Ready(Ok(io)) => return Poll::Ready(self.open(io)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(&error))),
            Poll::Pending => {}
        }
        // One that is too far away for the clock never comes.
        let Some(due) = self.clock.instant(Timestamp::ZERO + timeout) else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(self.story().failed(OpeningFailure::TimedOut)))
    }

    fn open(&mut self, io: hyper::upgrade::Upgraded) -> Result<WebSocket<Upgraded>, AcceptError> {
        let stream = Upgraded::new(io, self.negotiated.carrier());
        let (now, config) = (self.clock.now(), self.config.clone());
        let negotiated = core::mem::take(&mut self.negotiated);
        let session = Session::upgraded(Role::Server, negotiated, config, Seed::from_os()?, now);
        session.note_request(&self.request);
        let driver = opening::driver(session, None, now);
        let turn = Box::new(Turn::new(stream, driver, self.clock));
        let request = Box::new(Request::clone(&self.request));
        Ok(WebSocket::new(turn, Opening::of_request(request)))
    }

    fn lost(&self, error: &hyper::Error) -> AcceptError {
        // What a server says that hands its streams out by itself.
        if error.is_user() {
            return self.story().cannot(UpgradeError::NotEnabled);
        }
        // hyper says no more than that.
        let failure = TransportFailure::new(TransportError::Other)
            .message(&"our response was not sent: another one was, or the connection ended before");
        let direction = Direction::Write;
        self.story().failed(OpeningFailure::Failed { direction, failure })
    }

    fn story(&self) -> Story<'_> {
        let carrier = self.negotiated.carrier();
        Story { request: Some(&self.request), carrier, clock: self.clock }
    }
}

/// A handler that never takes the socket gives it up.
impl Drop for Upgrade {
    fn drop(&mut self) {
        if let State::Waiting(waiting) = &self.state {
            drop(waiting.story().failed(OpeningFailure::Aborted));
        }
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Failed(_) => "failed",
            State::Waiting(_) => "waiting",
            State::Done => "done",
        };
        f.debug_struct("Upgrade").field("state", &state).finish()
    }
}

/// What is known of a request that leads to no socket.
struct Story<'a> {
    request: Option<&'a Request>,
    carrier: Carrier,
    clock: Clock,
}

impl Story<'_> {
    fn failed(&self, failure: OpeningFailure) -> AcceptError {
        AcceptError::ended(self.tell(failure), None)
    }

    fn rejected(&self, rejection: &Rejection) -> AcceptError {
        let failure = OpeningFailure::Rejected { status: rejection.status() };
        AcceptError::ended(self.tell(failure), rejection.why().cloned())
    }

    /// What the application has decided does not fit the request.
    fn unfit(&self, error: ResponseError) -> AcceptError {
        drop(self.tell(OpeningFailure::Rejected { status: 500 }));
        AcceptError::Response(error)
    }

    /// This server is at fault, and its client got status 500, or nothing.
    fn cannot(&self, error: UpgradeError) -> AcceptError {
        drop(self.tell(OpeningFailure::Aborted));
        AcceptError::Upgrade(error)
    }

    /// Records the ending.
    fn tell(&self, failure: OpeningFailure) -> Box<Termination> {
        let began = Timestamp::ZERO;
        let report = failure.report(Role::Server, self.carrier, began, self.clock.now());
        let mut trace = Trace::new(Role::Server);
        if let Some(request) = self.request {
            trace.asked(request);
        }
        trace.ended(&report);
        report
    }
}
