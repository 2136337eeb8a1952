//! Futures that are dropped half-way, and the stream of events.

use std::sync::Arc;

use farewell::aio::Reconnecting;
use farewell::handshake::ClientRequest;
use farewell::reconnect::ReasonKind;
use farewell::{ConnectError, ReconnectEvent};
use futures_util::StreamExt;
use futures_util::future::FutureExt;

use super::support::{Script, fast, script, settings, trace};
use crate::adapters::support::{bounded, listen, millis, plain, runtime};

fn three_times() -> Vec<Script> {
    let serve: fn() -> Script = || Box::new(|mut raw| raw.write(&plain(0x81, b"hello")));
    let mut scripts = vec![serve(), serve()];
    scripts.push(Box::new(|mut raw| {
        raw.write(&plain(0x88, &1000_u16.to_be_bytes()));
        let _ = raw.rest();
    }));
    scripts
}

const EXPECTED: [&str; 12] = [
    "attempt 1",
    "opened",
    "message \"hello\"",
    "ended; retry in 4 ms: the peer's stream ended without a Close (1006)",
    "attempt 2",
    "opened",
    "message \"hello\"",
    "ended; retry in 4 ms: the peer's stream ended without a Close (1006)",
    "attempt 3",
    "opened",
    "ended; stop: the peer closed normally (1000)",
    "gave up: the peer closed normally (1000)",
];

#[test]
fn a_dropped_next_loses_nothing() {
    bounded(|| {
        let (request, server) = script(three_times());
        runtime().block_on(async {
            let socket = Reconnecting::new(request, settings()).unwrap();
            let mut socket = socket.policy(fast()).random(|| 1 << 63);
            let mut seen = Vec::new();
            while seen.len() < EXPECTED.len() {
                // Polled once and dropped, again and again.
                match socket.next().now_or_never() {
                    Some(event) => seen.push(trace(&event)),
                    None => tokio::time::sleep(millis(1)).await,
                }
            }
            assert_eq!(seen, EXPECTED);
        });
        server.join().unwrap();
    });
}

#[test]
fn it_is_a_stream_that_ends_and_can_be_sent_to_a_task() {
    bounded(|| {
        let (request, server) = script(three_times());
        runtime().block_on(async {
            let socket = Reconnecting::new(request, settings()).unwrap();
            let socket = socket.policy(fast()).random(|| 1 << 63);
            let events = tokio::spawn(socket.map(|event| trace(&event)).collect::<Vec<_>>());
            assert_eq!(events.await.unwrap(), EXPECTED);
        });
        server.join().unwrap();
    });
}

#[test]
fn a_connector_that_hangs_is_dropped_at_the_deadline() {
    struct Dropped(Arc<std::sync::atomic::AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    bounded(|| {
        let (_listener, request) = listen();
        runtime().block_on(async {
            let dropped = Arc::new(std::sync::atomic::AtomicU32::new(0));
            let counter = dropped.clone();
            let connect = move |_: Arc<ClientRequest>, _| {
                let guard = Dropped(counter.clone());
                async move {
                    let _guard = guard;
                    std::future::pending::<std::io::Result<tokio::net::TcpStream>>().await
                }
            };
            let mut policy = fast();
            policy.connect_timeout = millis(20);
            let socket = Reconnecting::with_connector(request, settings(), connect).unwrap();
            let mut socket = socket.policy(policy);
            for attempt in 1..=3 {
                assert_eq!(trace(&socket.next().await), format!("attempt {attempt}"));
                match socket.next().await {
                    ReconnectEvent::Failed { error: ConnectError::Io(error), decision } => {
                        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
                        assert!(
                            matches!(decision.reason().kind, ReasonKind::Failed(_)),
                            "{decision}"
                        );
                    }
                    other => panic!("{other}"),
                }
                assert_eq!(dropped.load(std::sync::atomic::Ordering::SeqCst), attempt);
            }
        });
    });
}
