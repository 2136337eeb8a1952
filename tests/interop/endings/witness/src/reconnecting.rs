//! A client that comes back, over both adapters: what it says on the way, its own diagnoses.

use std::future::ready;
use std::time::Instant;

use farewell::aio::{self, ConnectError, ReconnectEvent};
use farewell::blocking;
use farewell::diagnosis::Diagnosis;
use farewell::handshake::ClientRequest;
use farewell::reconnect::{Advice, Classifier, Outcome, ReconnectConfig};
use serde_json::json;
use tokio::time::timeout;

use crate::options::{Options, Refused};
use crate::over_tokio::request;
use crate::told::Told;

pub(crate) async fn tokio(options: &Options) -> Result<(), Refused> {
    let socket = aio::Reconnecting::new(request(options)?, options.config.clone())?;
    let mut socket = socket.policy(policy(options));
    if let Some(mut renew) = renewal(options) {
        socket = socket.request_with(move |_, _| ready(renew()));
    }
    let mut told = Told::new();
    let began = Instant::now();
    loop {
        let left = options.stay.saturating_sub(began.elapsed());
        let Ok(event) = timeout(left, socket.next()).await else { return Ok(()) };
        if tell(event, socket.diagnosis(), &mut told) {
            return Ok(());
        }
    }
}

pub(crate) fn blocking(options: &Options) -> Result<(), Refused> {
    let socket = blocking::Reconnecting::new(request(options)?, options.config.clone())?;
    let mut socket = socket.policy(policy(options));
    if let Some(mut renew) = renewal(options) {
        socket = socket.request_with(move |_, _| renew());
    }
    let mut told = Told::new();
    let began = Instant::now();
    loop {
        let left = options.stay.saturating_sub(began.elapsed());
        let Some(event) = socket.next_within(left) else { return Ok(()) };
        if tell(event, socket.diagnosis(), &mut told) {
            return Ok(());
        }
    }
}

/// Who can get another token says that a refusal of one is worth another attempt.
fn policy(options: &Options) -> ReconnectConfig {
    let mut policy = ReconnectConfig::default();
    policy.give_up_after = options.give_up_after;
    if !options.tokens.is_empty() {
        policy.classify = Some(Classifier::new(|outcome| match outcome {
            Outcome::Ended(report) if report.evidence.http_status == Some(401) => {
                Some(Advice::Retry)
            }
            Outcome::Ended(report) if report.code == 4401 => Some(Advice::Retry),
            _ => None,
        }));
    }
    policy
}

/// Makes the request of each attempt, with the next token.
fn renewal(
    options: &Options,
) -> Option<impl FnMut() -> Result<ClientRequest, ConnectError> + Send + 'static> {
    let last = options.tokens.last()?.clone();
    let mut tokens = options.tokens.clone().into_iter();
    let place = options.place.clone();
    Some(move || {
        let token = tokens.next().unwrap_or_else(|| last.clone());
        Ok(ClientRequest::new(&place)?.header("Authorization", &token)?)
    })
}

/// Whether that was the last event.
fn tell(event: ReconnectEvent, diagnosis: Option<&Diagnosis>, told: &mut Told) -> bool {
    match event {
        ReconnectEvent::Attempt(attempt) => told.say("attempt", json!({ "of": attempt.number })),
        ReconnectEvent::Opened => told.opened(),
        ReconnectEvent::Failed { error: ConnectError::Ended(report), decision } => {
            told.say("decision", json!({ "text": decision.to_string() }));
            if let Some(diagnosis) = diagnosis {
                told.diagnosed(&report, diagnosis.clone());
            }
        }
        ReconnectEvent::Failed { error, decision } => {
            told.say("decision", json!({ "text": decision.to_string() }));
            told.failed(&error);
        }
        ReconnectEvent::Ended(ending) => {
            told.say("decision", json!({ "text": ending.decision.to_string() }));
            told.diagnosed(&ending.report, ending.diagnosis);
        }
        ReconnectEvent::GaveUp(reason) => {
            told.say("gave up", json!({ "reason": reason.to_string() }));
            return true;
        }
        _ => {}
    }
    false
}
