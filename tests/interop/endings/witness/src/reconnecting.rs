//! A client that comes back, over both adapters: what it says on the way.

use std::time::Instant;

use farewell::aio::{self, ConnectError, ReconnectEvent};
use farewell::blocking;
use serde_json::json;
use tokio::time::timeout;

use crate::options::{Options, Refused};
use crate::over_tokio::request;
use crate::told::Told;

pub(crate) async fn tokio(options: &Options) -> Result<(), Refused> {
    let mut socket = aio::Reconnecting::new(request(options)?, options.config.clone())?;
    let mut told = Told::new();
    let began = Instant::now();
    loop {
        let left = options.stay.saturating_sub(began.elapsed());
        let Ok(event) = timeout(left, socket.next()).await else { return Ok(()) };
        if tell(event, &mut told) {
            return Ok(());
        }
    }
}

pub(crate) fn blocking(options: &Options) -> Result<(), Refused> {
    let mut socket = blocking::Reconnecting::new(request(options)?, options.config.clone())?;
    let mut told = Told::new();
    let began = Instant::now();
    loop {
        let left = options.stay.saturating_sub(began.elapsed());
        let Some(event) = socket.next_within(left) else { return Ok(()) };
        if tell(event, &mut told) {
            return Ok(());
        }
    }
}

/// Whether that was the last event.
fn tell(event: ReconnectEvent, told: &mut Told) -> bool {
    match event {
        ReconnectEvent::Attempt(attempt) => told.say("attempt", json!({ "of": attempt.number })),
        ReconnectEvent::Opened => told.opened(),
        ReconnectEvent::Failed { error: ConnectError::Ended(report), decision } => {
            told.say("decision", json!({ "text": decision.to_string() }));
            told.ended(&report);
        }
        ReconnectEvent::Failed { error, decision } => {
            told.say("decision", json!({ "text": decision.to_string() }));
            told.failed(&error);
        }
        ReconnectEvent::Ended(ending) => {
            told.say("decision", json!({ "text": ending.decision.to_string() }));
            told.ended(&ending.report);
        }
        ReconnectEvent::GaveUp(reason) => {
            told.say("gave up", json!({ "reason": reason.to_string() }));
            return true;
        }
        _ => {}
    }
    false
}
