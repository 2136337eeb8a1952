//! Opening handshakes that are dropped at every await: no stream and no task is left.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use farewell::aio::{accept, connect, handshake};
use farewell::handshake::ClientRequest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

use super::patient;
use crate::adapters::support::{anyone, bounded, quiet, runtime};

/// A stream that tells whether it was dropped.
struct Counted(DuplexStream, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Through a pipe of three bytes, the handshakes wait some hundred times.
#[test]
fn a_handshake_dropped_at_any_await_leaves_nothing_behind() {
    bounded(|| {
        runtime().block_on(async {
            let metrics = tokio::runtime::Handle::current().metrics();
            let mut dropped = 0;
            for client_first in [true, false] {
                for polls in 0.. {
                    let alive = Arc::new(());
                    let (one, other) = duplex(3);
                    let request = ClientRequest::new("ws://localhost/").unwrap();
                    let acceptor = anyone(quiet());
                    let client = handshake(Counted(one, alive.clone()), &request, quiet());
                    let server = accept(Counted(other, alive.clone()), &acceptor);
                    let (client, server) = match client_first {
                        true => tokio::join!(patient(polls, client), server),
                        false => {
                            let (server, client) = tokio::join!(patient(polls, server), client);
                            (
                                client.ok().map(Ok),
                                server.unwrap_or_else(|| {
                                    Err(farewell::AcceptError::Io(std::io::ErrorKind::Other.into()))
                                }),
                            )
                        }
                    };
                    let done = matches!((&client, &server), (Some(Ok(_)), Ok(_)));
                    drop((client, server));
                    assert_eq!(Arc::strong_count(&alive), 1, "a stream is left");
                    assert_eq!(metrics.num_alive_tasks(), 0, "a task is left");
                    if done {
                        break;
                    }
                    dropped += 1;
                }
            }
            assert!(dropped > 100, "{dropped}");
        });
    });
}

/// Each of the listener's ends sees the end of a client that was dropped: its socket is closed.
#[test]
fn a_connect_dropped_at_any_await_leaves_nothing_behind() {
    bounded(|| {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let metrics = tokio::runtime::Handle::current().metrics();
            let mut dropped = 0;
            for polls in 0.. {
                let serve = async |mut stream: TcpStream| {
                    // The response comes byte by byte.
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    for byte in crate::driver::model::response(&head) {
                        if stream.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        yield_now().await;
                    }
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                };
                let (done, ()) = tokio::join!(
                    async {
                        let client = patient(polls, connect(&url)).await;
                        client.map(Result::unwrap).is_some()
                    },
                    async { serve(listener.accept().await.unwrap().0).await }
                );
                assert_eq!(metrics.num_alive_tasks(), 0, "a task is left");
                if done {
                    break;
                }
                dropped += 1;
            }
            assert!(dropped > 1, "{dropped}");
        });
    });
}
