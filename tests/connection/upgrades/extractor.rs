//! What becomes of a request between its extraction and the response, without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use farewell::aio::{UpgradeDecision, WebSocketUpgrade};
use farewell::handshake::{Accept, HandshakeError, Origins, Rejection};
use farewell::{AcceptError, Acceptor, Cause, Config};

use super::support::{run, soon};
use crate::adapters::support::quiet;

/// A request, with an upgrade that is never fulfilled.
async fn extract() -> WebSocketUpgrade {
    let (mut parts, ()) = http::Request::get("/chat")
        .header("Host", "example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap()
        .into_parts();
    parts.extensions.insert(hyper::upgrade::on(http::Request::new(())));
    WebSocketUpgrade::from_request_parts(&mut parts, &()).await.unwrap()
}

async fn decide() -> UpgradeDecision {
    extract().await.origins(Origins::SameHost)
}

#[cfg(feature = "tracing")]
#[test]
fn a_request_that_a_handler_gives_up_is_told_once() {
    use crate::support::collector::Collector;

    fn causes(act: impl Future<Output = ()>) -> Vec<(String, Option<String>)> {
        let collector = Collector::default();
        collector.collect(|| crate::adapters::support::runtime().block_on(act));
        let log = collector.log();
        assert!(log.strays.is_empty(), "{log:?}");
        let told = |span: &crate::support::collector::Seen| {
            let path = span.fields.get("path").cloned();
            let events = span.events.iter();
            events.map(|(_, event)| (event["cause"].clone(), path.clone())).collect::<Vec<_>>()
        };
        log.spans.iter().flat_map(told).collect()
    }
    let told = |cause: &str| vec![(cause.to_owned(), Some("/chat".to_owned()))];
    assert_eq!(causes(async { drop(extract().await) }), told("aborted"));
    assert_eq!(causes(async { drop(decide().await) }), told("aborted"));
    assert_eq!(causes(async { drop(decide().await.into_parts()) }), told("aborted"));
    let reject = async { drop(extract().await.reject(Rejection::new(404).unwrap())) };
    assert_eq!(causes(reject), told("handshake_rejected"));
}

#[test]
fn a_handler_that_decides_too_late_accepts_nothing() {
    run(async || {
        let mut config = Config::default();
        config.timeouts.handshake = Duration::ZERO;
        let (response, upgrade) = decide().await.config(config.clone()).into_parts();
        assert_eq!(response.status(), 503);
        let Err(AcceptError::Ended(report)) = soon(upgrade).await else { panic!("it opened") };
        assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
        // One that rejects has something to say all the same.
        let late = Acceptor::from_fn(|_| Err(Rejection::new(404).unwrap())).config(config);
        let (response, _upgrade) = extract().await.acceptor(&late).into_parts();
        assert_eq!(response.status(), 404);
    });
}

#[test]
fn the_limits_stand_before_the_applications_decision() {
    run(async || {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let mut config = quiet();
        config.limits.headers = 3;
        let acceptor = Acceptor::from_fn(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Accept::new(Origins::Any))
        });
        let strict = acceptor.clone().config(config);
        let (response, upgrade) = extract().await.acceptor(&strict).into_parts();
        assert_eq!(response.status(), 431);
        let Err(AcceptError::Ended(report)) = soon(upgrade).await else { panic!("it opened") };
        let rule = HandshakeError::TooManyHeaders { limit: 3 };
        assert_eq!(report.cause, Cause::HandshakeInvalid(rule), "{report}");
        assert_eq!(calls.load(Ordering::Relaxed), 0, "it was asked");
        let (response, _upgrade) = extract().await.acceptor(&acceptor).into_parts();
        assert_eq!((response.status().as_u16(), calls.load(Ordering::Relaxed)), (101, 1));
    });
}
