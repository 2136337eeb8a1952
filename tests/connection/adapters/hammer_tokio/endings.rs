//! Every order of ending: closed, aborted, halves dropped one by one, a peer that is gone.

use farewell::{Cause, CloseCode, SendError};
use tokio::io::duplex;
use tokio::task::yield_now;

use super::{ends, on_threads, patient, the_end};
use crate::adapters::support::quiet;
use crate::driver::rng::Rng;
use crate::driver::script::numbered;

#[test]
fn a_close_or_an_abort_ends_the_half_that_waits() {
    on_threads(
        async |seed| {
            let mut rng = Rng::new(seed);
            for _ in 0..40 {
                let (client, server) = ends(duplex(rng.pick(&[1, 100, 1 << 16])), &quiet());
                let (mut receiver, mut sender) = client.split();
                let (mut other, mut other_sender) = server.split();
                let reader = tokio::spawn(async move { the_end(&mut receiver).await });
                let other = tokio::spawn(async move { the_end(&mut other).await });
                for _ in 0..rng.below(4) {
                    yield_now().await;
                }
                let cause = match rng.below(4) {
                    0 => {
                        sender.close(CloseCode::NORMAL).await.unwrap();
                        Cause::ClosingHandshake
                    }
                    1 => {
                        // Dropped on its way, it goes on by itself.
                        let _ = patient(rng.below(2), sender.close(CloseCode::NORMAL)).await;
                        Cause::ClosingHandshake
                    }
                    2 => {
                        let (one, two) = tokio::join!(
                            sender.close(CloseCode::NORMAL),
                            other_sender.close(CloseCode::NORMAL)
                        );
                        assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
                        Cause::ClosingHandshake
                    }
                    _ => {
                        sender.abort();
                        Cause::Aborted
                    }
                };
                let report = reader.await.unwrap();
                assert_eq!(report.cause, cause, "{report}");
                assert_eq!(report.clean, cause == Cause::ClosingHandshake, "{report}");
                assert_eq!(sender.send("too late").await, Err(SendError::Ended));
                drop(sender);
                let report = other.await.unwrap();
                assert_eq!(report.clean, cause == Cause::ClosingHandshake, "{report}");
            }
        },
        3,
    );
}

#[test]
fn halves_can_be_dropped_in_each_order() {
    const COUNT: usize = 20;
    on_threads(
        async |seed| {
            let mut rng = Rng::new(seed);
            for _ in 0..20 {
                let (client, mut server) = ends(duplex(1_000), &quiet());
                let (mut receiver, mut sender) = client.split();
                let (all, all_came) = tokio::sync::oneshot::channel();
                let other = tokio::spawn(async move {
                    for number in 0..COUNT {
                        let message = server.next().await.into_message().unwrap();
                        assert!(message.as_bytes() == numbered(number, 500));
                    }
                    all.send(()).unwrap();
                    server.next().await.into_message().unwrap_err()
                });
                match rng.below(3) {
                    0 => {
                        // The reader goes first, while it waits; the writer works on alone.
                        assert_eq!(patient(0, receiver.next()).await, None);
                        drop(receiver);
                        for number in 0..COUNT {
                            sender.send(numbered(number, 500)).await.unwrap();
                        }
                        all_came.await.unwrap();
                        drop(sender);
                    }
                    1 => {
                        // The writer goes first; what it has fed leaves while the reader waits.
                        let reader = tokio::spawn(async move { receiver.next().await });
                        for number in 0..COUNT {
                            sender.feed(numbered(number, 500)).await.unwrap();
                        }
                        drop(sender);
                        all_came.await.unwrap();
                        reader.abort();
                        assert!(reader.await.is_err_and(|error| error.is_cancelled()));
                    }
                    _ => {
                        // The reader goes while the writer waits for room in the pipe.
                        let flood = tokio::spawn(async move {
                            for number in 0..COUNT {
                                sender.send(numbered(number, 500)).await.unwrap();
                            }
                            sender
                        });
                        for _ in 0..rng.below(9) {
                            assert_eq!(patient(0, receiver.next()).await, None);
                            yield_now().await;
                        }
                        drop(receiver);
                        all_came.await.unwrap();
                        drop(flood.await.unwrap());
                    }
                }
                let report = other.await.unwrap();
                assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
            }
        },
        3,
    );
}

/// The peer is gone while one half waits and the other writes.
#[test]
fn a_peer_that_vanishes_ends_both_halves() {
    on_threads(
        async |seed| {
            for _ in 0..20 {
                let (client, server) = ends(duplex(100), &quiet());
                let (mut receiver, mut sender) = client.split();
                let reader = tokio::spawn(async move { the_end(&mut receiver).await });
                let writer = tokio::spawn(async move {
                    loop {
                        if let Err(error) = sender.send(vec![7; 300]).await {
                            return error;
                        }
                    }
                });
                for _ in 0..seed % 5 {
                    yield_now().await;
                }
                drop(server);
                let report = reader.await.unwrap();
                assert!(!report.clean, "{report}");
                let error = writer.await.unwrap();
                assert!(matches!(error, SendError::Ended | SendError::WriteFailed), "{error}");
            }
        },
        3,
    );
}
