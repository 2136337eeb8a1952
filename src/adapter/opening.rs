//! The opening handshake as both adapters speak it: what each event of it means.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::adapter::security::Layer;
use crate::adapter::{AcceptError, ConnectError};
use crate::config::Config;
use crate::dial::Dialled;
use crate::driver::Driver;
use crate::handshake::{Accept, ClientRequest, Rejection, Request, Response, ResponseError, Why};
use crate::session::{Opened, RespondError, Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::keystream::{Seed, SeedError};

/// The request or the response of an opening handshake, until the application forgets it.
#[derive(Debug, Default)]
pub(super) struct Opening {
    request: Option<Box<Request>>,
    opened: Option<Box<Opened>>,
    /// Why it comes to nothing, on a server.
    refused: Option<Box<Refused>>,
}

/// Why the application's decision opens no connection.
#[derive(Debug)]
enum Refused {
    /// Its response does not fit the request.
    Unfit(ResponseError),
    /// It has rejected the request, and said why.
    Rejected(Why),
}

/// Which requests the application decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Requests {
    /// Those that ask for a WebSocket connection.
    #[default]
    Upgrades,
    /// Those that do not, too.
    PlainToo,
}

impl Opening {
    /// Takes the next event of a client. Returns whether the connection is open.
    pub(super) fn connect(&mut self, event: SessionEvent<'static>) -> Result<bool, ConnectError> {
        match event {
            SessionEvent::Open(opened) => self.opened = Some(opened),
            SessionEvent::Ended(report) => return Err(ConnectError::Ended(report)),
            _ => {}
        }
        Ok(self.opened.is_some())
    }

    /// Takes the next event of a server. Returns whether the application has to decide about the
    /// [request](Self::request) now.
    pub(super) fn accept(&mut self, event: SessionEvent<'static>) -> Result<bool, AcceptError> {
        match event {
            SessionEvent::Request(request) => {
                self.request = Some(request);
                Ok(true)
            }
            SessionEvent::Ended(report) => Err(match self.refused.take().map(|refused| *refused) {
                Some(Refused::Unfit(error)) => AcceptError::Response(error),
                Some(Refused::Rejected(why)) => AcceptError::ended(report, Some(why)),
                None => AcceptError::ended(report, None),
            }),
            _ => Ok(false),
        }
    }

    /// Gives the session what was decided about the request, if it is not too late for that, and
    /// returns whether the connection is open. The response has to be flushed then, since the client
    /// may wait for it.
    pub(super) fn respond(
        &mut self,
        decision: Result<Accept, Rejection>,
        session: &mut Session,
        now: Timestamp,
    ) -> bool {
        // The deadline is the session's, which has its own response to that.
        if session.is_due(now) {
            return false;
        }
        let result = match decision {
            Ok(accept) => match session.accept_untold(&accept, now) {
                Ok(()) => return true,
                refused => refused,
            },
            Err(rejection) => {
                self.refused = rejection.why().cloned().map(Refused::Rejected).map(Box::new);
                session.reject(rejection, now)
            }
        };
        match result {
            // A refused Origin has had its response already.
            Ok(()) | Err(RespondError::Response(ResponseError::Refused(_))) => {}
            Err(RespondError::NoRequest) => {}
            Err(RespondError::Response(error)) => {
                self.refused = Some(Box::new(Refused::Unfit(error)));
                let _ = session.reject(Rejection::from(error), now);
            }
        }
        false
    }

    /// Of a request that somebody else has read.
    #[cfg(feature = "hyper")]
    pub(super) fn of_request(request: Box<Request>) -> Self {
        Self { request: Some(request), ..Self::default() }
    }

    pub(super) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    pub(super) fn response(&self) -> Option<&Response> {
        self.opened.as_deref().and_then(Opened::response)
    }
}

/// After the response of a server was flushed, or could not be.
pub(super) fn accepted(driver: &Driver) -> Result<(), AcceptError> {
    match driver.ended() {
        Some(report) => Err(AcceptError::ended(Box::new(report.clone()), None)),
        None => Ok(()),
    }
}

/// The driver of a client, over a stream that was dialled or came from somebody else.
///
/// The session begins before the stream was connected, so that one deadline covers both.
pub(super) fn client(
    request: &ClientRequest,
    layer: Layer,
    config: Arc<Config>,
    dialled: Option<Dialled>,
    began: Timestamp,
    now: Timestamp,
) -> Result<Driver, SeedError> {
    let session = Session::client(request, config, Seed::from_os()?, began);
    let Some(dialled) = dialled else { return Ok(driver(session, layer, now)) };
    let driver = driver(session.with_dial(dialled.record), layer, now);
    #[cfg(feature = "rustls")]
    let driver = match dialled.tunnel {
        Some(tunnel) => driver.with_tunnel(tunnel),
        None => driver,
    };
    Ok(driver.with_input(&dialled.read))
}

/// The session of a server.
pub(super) fn server(
    config: Arc<Config>,
    requests: Requests,
    now: Timestamp,
) -> Result<Session, SeedError> {
    let session = Session::server(config, Seed::from_os()?, now);
    Ok(match requests {
        Requests::Upgrades => session,
        Requests::PlainToo => session.with_plain_requests(),
    })
}

/// A driver as the adapters need it: for messages and the end.
pub(super) fn driver(session: Session, layer: Layer, now: Timestamp) -> Driver {
    let driver = Driver::new(session, now).without_control_events();
    match layer {
        #[cfg(feature = "rustls")]
        Some(layer) => driver.with_tls(layer),
        #[cfg(not(feature = "rustls"))]
        Some(layer) => match layer {},
        None => driver,
    }
}
