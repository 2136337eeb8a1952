//! The door for tokio.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use farewell::aio::{Acceptor, Incoming, WebSocket, accept as accept_socket, handshake};
use farewell::handshake::{ClientRequest, Negotiated, Origins};
use farewell::{Config, Prepared, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use crate::wire::{Content, FRAME, Feed, PAYLOAD};
use crate::{BATCH, IN_FLIGHT, Work, http, wire};

pub fn read(feed: Feed, count: usize) -> Work {
    let (runtime, mut socket) = (runtime(), upgraded(feed));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                let Incoming::Message(message) = socket.next().await else {
                    panic!("the stream has more messages")
                };
                black_box(message);
            }
        });
    })
}

/// Messages of `len` bytes.
pub fn read_large(content: Content, len: usize, count: usize) -> Work {
    read(Feed::of_message(content.message(len, len), count), count)
}

pub fn write_server(count: usize) -> Work {
    let (runtime, mut socket) = (runtime(), upgraded(Feed::nothing()));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                assert!(socket.send(black_box(&PAYLOAD[..])).await.is_ok());
            }
        });
    })
}

pub fn write_prepared(count: usize) -> Work {
    let (runtime, mut socket) = (runtime(), upgraded(Feed::nothing()));
    let prepared = Prepared::new(&PAYLOAD[..]);
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                assert!(socket.send(black_box(&prepared)).await.is_ok());
            }
        });
    })
}

pub fn write_batches(count: usize) -> Work {
    let (runtime, mut socket) = (runtime(), upgraded(Feed::nothing()));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count / BATCH {
                for _ in 0..BATCH {
                    assert!(socket.feed(black_box(&PAYLOAD[..])).await.is_ok());
                }
                assert!(socket.flush().await.is_ok());
            }
        });
    })
}

pub fn echo(count: usize) -> Work {
    let feed = Feed::in_reads_of(IN_FLIGHT * FRAME, count);
    let (runtime, mut socket) = (runtime(), upgraded(feed));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                let Incoming::Message(message) = socket.next().await else {
                    panic!("the stream has more messages")
                };
                assert!(socket.feed(message).await.is_ok());
            }
        });
    })
}

pub fn accept(count: usize) -> Work {
    let runtime = runtime();
    let acceptor = Acceptor::new(Origins::SameHost);
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                let stream = Asking { asked: false };
                let Ok(socket) = accept_socket(stream, &acceptor).await else {
                    panic!("the request is sound")
                };
                black_box(socket);
            }
        });
    })
}

pub fn connect(count: usize) -> Work {
    let runtime = runtime();
    let config = Arc::new(Config::default());
    let request = ClientRequest::new(http::URL).expect("the URL is sound");
    let mut response = Vec::new();
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..count {
                response.clear();
                let stream = Answering { response: &mut response };
                let Ok(socket) = handshake(stream, &request, config.clone()).await else {
                    panic!("the response is sound")
                };
                black_box(socket);
            }
        });
    })
}

/// On one thread, as a server with a runtime per core has it.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime needs little")
}

fn upgraded(feed: Feed) -> WebSocket<Messages> {
    let (stream, config) = (Messages { feed }, Config::default());
    WebSocket::upgraded(stream, Role::Server, Negotiated::default(), config, &[])
        .expect("the system has random bytes")
}

/// A stream of messages that is always ready and accepts all that is written.
struct Messages {
    feed: Feed,
}

impl AsyncRead for Messages {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        self.feed.read(room, |bytes| buffer.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

/// A client that has sent its request.
struct Asking {
    asked: bool,
}

impl AsyncRead for Asking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asked {
            return Poll::Pending;
        }
        self.asked = true;
        buffer.put_slice(http::REQUEST);
        Poll::Ready(Ok(()))
    }
}

/// A server that answers the request as soon as it was written.
struct Answering<'a> {
    /// Borrowed, so that its memory is not counted.
    response: &'a mut Vec<u8>,
}

impl AsyncRead for Answering<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.response.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(self.response);
        Poll::Ready(Ok(()))
    }
}

/// What each stream does with what is written: `$written` with it, then all of it is accepted.
macro_rules! writes {
    ($stream:ty, $written:expr) => {
        impl AsyncWrite for $stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                $written(&mut *self, bytes);
                Poll::Ready(Ok(wire::accept(bytes)))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                for slice in slices {
                    $written(&mut *self, slice);
                }
                Poll::Ready(Ok(wire::accept_vectored(slices)))
            }

            // As a TCP stream.
            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    };
}

writes!(Messages, |_: &mut Messages, _: &[u8]| {});
writes!(Asking, |_: &mut Asking, _: &[u8]| {});
writes!(Answering<'_>, |stream: &mut Answering<'_>, request: &[u8]| {
    http::uncounted_response(request, stream.response);
});
