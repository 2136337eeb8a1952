//! The opening handshake on a stream, at either end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};

use super::WebSocket;
use super::clock::Clock;
use super::turn::Turn;
use crate::adapter::opening::{self, Opening, Requests};
use crate::adapter::security::Layer;
use crate::adapter::{AcceptError, ConnectError};
use crate::config::Config;
use crate::dial::Dialled;
use crate::handshake::{Accept, ClientRequest, Rejection, Request};
use crate::time::Timestamp;

pub(super) async fn accept_over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    layer: Layer,
    config: Arc<Config>,
    requests: Requests,
    decide: impl AsyncFnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    let mut turn = begin(stream, layer, config, requests)?;
    let (mut opening, mut decide) = (Opening::default(), Some(decide));
    let mut event = poll_fn(|cx| turn.poll_event(cx)).await;
    loop {
        if opening.accept(event)? {
            // There is one request, and so one decision.
            let (Some(request), Some(decide)) = (opening.request(), decide.take()) else { break };
            match turn.wait_for_decision(decide(request)).await {
                Ok(decision) => {
                    let now = turn.clock.now();
                    if opening.respond(decision, turn.driver.session_mut(), now) {
                        break;
                    }
                }
                Err(end) => {
                    event = end;
                    continue;
                }
            }
        }
        event = poll_fn(|cx| turn.poll_event(cx)).await;
    }
    // The client may wait for the response before it sends anything. The session knows of a
    // failure.
    let _ = poll_fn(|cx| turn.poll_flush(cx)).await;
    opening::accepted(&turn.driver)?;
    Ok(WebSocket::new(turn, opening))
}

/// Apart, so that what it takes is not kept in the future beside what becomes of it.
fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    layer: Layer,
    config: Arc<Config>,
    requests: Requests,
) -> Result<Box<Turn<S>>, AcceptError> {
    let session = opening::server(config, requests, Timestamp::ZERO)?;
    let driver = opening::driver(session, layer, Timestamp::ZERO);
    Ok(Box::new(Turn::new(stream, driver, Clock::new())))
}

pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    layer: Layer,
    request: &ClientRequest,
    config: Arc<Config>,
    dialled: Option<Dialled>,
    clock: Clock,
    began: Timestamp,
) -> Result<WebSocket<S>, ConnectError> {
    let driver = opening::client(request, layer, config, dialled, began, clock.now())?;
    let mut turn = Box::new(Turn::new(stream, driver, clock));
    let mut opening = Opening::default();
    while !opening.connect(poll_fn(|cx| turn.poll_event(cx)).await)? {}
    Ok(WebSocket::new(turn, opening))
}
