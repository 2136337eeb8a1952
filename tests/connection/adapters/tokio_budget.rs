//! What never waits still gives way to other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use farewell::aio::{Reconnecting, WebSocket};
use farewell::handshake::{ClientRequest, Negotiated};
use farewell::{CloseCode, ReconnectEvent, Role};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::adapters::support::{bounded, masked, millis, quiet, runtime};

/// A stream that has as many tiny messages as can be read, takes everything, and never waits.
struct Flood;

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let message = masked(0x81, b"");
        while buffer.remaining() >= message.len() {
            buffer.put_slice(&message);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn flooded() -> WebSocket<Flood> {
    let (role, negotiated) = (Role::Server, Negotiated::default());
    WebSocket::upgraded(Flood, role, negotiated, quiet(), b"").unwrap()
}

/// How often another task of the thread gets its turn until this one is done.
async fn turns_of_others(task: impl Future<Output = ()>) -> u32 {
    let mut turns = 0;
    let other = async {
        loop {
            turns += 1;
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = task => {}
        () = other => {}
    }
    turns
}

#[test]
fn a_flood_of_tiny_messages_does_not_starve_the_other_tasks() {
    const MESSAGES: u32 = 200_000;
    bounded(|| {
        runtime().block_on(async {
            let mut socket = flooded();
            let next = async {
                for _ in 0..MESSAGES {
                    socket.next().await.into_message().unwrap();
                }
            };
            let turns = turns_of_others(next).await;
            assert!(turns >= 20, "{turns}");

            let (mut receiver, _sender) = flooded().split();
            let stream = async {
                for _ in 0..MESSAGES {
                    receiver.next().await;
                }
            };
            let turns = turns_of_others(stream).await;
            assert!(turns >= 20, "{turns}");
        });
    });
}

/// A loop that goes on after the end never let the timer around it have its turn.
#[test]
fn a_loop_that_goes_on_after_the_end_can_be_timed_out() {
    /// Calls again and again, as a loop would that does not look at what comes.
    macro_rules! times_out {
        ($call:expr) => {
            let calls = async {
                loop {
                    let _ = $call.await;
                }
            };
            let elapsed: Result<(), _> = timeout(millis(5), calls).await;
            assert!(elapsed.is_err(), stringify!($call));
        };
    }
    bounded(|| {
        runtime().block_on(async {
            let mut socket = flooded();
            socket.abort();
            times_out!(socket.next());
            times_out!(socket.send("x"));
            times_out!(socket.feed("x"));
            times_out!(socket.flush());
            times_out!(socket.ready());
            times_out!(socket.send_ping(b"x"));
            times_out!(socket.send_fragment("x", false));
            times_out!(socket.close(CloseCode::NORMAL));
            let (mut receiver, mut sender) = socket.split();
            times_out!(receiver.next());
            times_out!(sender.send("x"));
            times_out!(sender.flush());

            let mut socket = Reconnecting::to("ws://127.0.0.1:1/").unwrap();
            socket.stop(CloseCode::NORMAL);
            assert!(matches!(socket.next().await, ReconnectEvent::GaveUp(_)));
            times_out!(socket.next());
            let request = ClientRequest::new("ws://127.0.0.1:1/").unwrap();
            let mut stream = Reconnecting::new(request, quiet()).unwrap();
            stream.stop(CloseCode::NORMAL);
            assert!(StreamExt::next(&mut stream).await.is_some());
        });
    });
}
