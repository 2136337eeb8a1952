//! The opening handshake as both adapters speak it: what each event of it means.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::adapter::security::Layer;
use crate::adapter::{AcceptError, Acceptor, ConnectError};
use crate::config::Config;
use crate::dial::Dialled;
use crate::driver::Driver;
use crate::handshake::{Accept, ClientRequest, Rejection, Request, Response, ResponseError};
use crate::session::{Opened, RespondError, Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::keystream::{Seed, SeedError};

/// The request or the response of an opening handshake, until the application forgets it.
#[derive(Debug, Default)]
pub(super) struct Opening {
    request: Option<Box<Request>>,
    opened: Option<Box<Opened>>,
    /// Why the application's response does not fit the request.
    unfit: Option<ResponseError>,
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

    /// Takes the next event of a server, and decides. Returns whether the connection is open; the
    /// response has to be flushed then, since the client may wait for it.
    pub(super) fn accept(
        &mut self,
        event: SessionEvent<'static>,
        session: &mut Session,
        acceptor: &Acceptor,
        now: Timestamp,
    ) -> Result<bool, AcceptError> {
        match event {
            SessionEvent::Request(request) => {
                match acceptor.decide(&request) {
                    Ok(accept) => self.respond(&accept, session, now),
                    Err(rejection) => drop(session.reject(rejection, now)),
                }
                self.request = Some(request);
            }
            SessionEvent::Open(opened) => self.opened = Some(opened),
            SessionEvent::Ended(report) => {
                return Err(match self.unfit.take() {
                    Some(error) => AcceptError::Response(error),
                    None => AcceptError::Ended(report),
                });
            }
            _ => {}
        }
        Ok(self.opened.is_some())
    }

    fn respond(&mut self, accept: &Accept, session: &mut Session, now: Timestamp) {
        match session.accept(accept, now) {
            // A refused Origin has had its response already.
            Ok(()) | Err(RespondError::Response(ResponseError::Refused(_))) => {}
            Err(RespondError::NoRequest) => {}
            Err(RespondError::Response(error)) => {
                self.unfit = Some(error);
                if let Ok(rejection) = Rejection::new(500) {
                    let _ = session.reject(rejection, now);
                }
            }
        }
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
        Some(report) => Err(AcceptError::Ended(Box::new(report.clone()))),
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
    Ok(match dialled {
        Some(dialled) => {
            driver(session.with_dial(dialled.record), layer, now).with_input(&dialled.read)
        }
        None => driver(session, layer, now),
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
