//! The two halves of an HTTP/2 stream as one that tokio reads and writes.
//!
//! What ends it is said as it is: the end of the stream is one, and a reset or a shutdown of the
//! connection comes with its code, for the report.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use farewell::TransportError;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How the connection below ended, once it has: what its streams are not told.
pub(crate) type Ending = Shared<BoxFuture<'static, Option<TransportError>>>;

/// Drives a connection to its end, in a task of its own.
pub(crate) fn drive(
    connection: impl Future<Output = Result<(), h2::Error>> + Send + 'static,
) -> Ending {
    let ended = tokio::spawn(connection);
    let ending = async move {
        let error = ended.await.ok()?.err()?;
        let code = u64::from(u32::from(error.reason()?));
        // What this end has found wrong is no word of the peer's.
        (error.is_go_away() && error.is_remote()).then_some(TransportError::GoAway { code })
    };
    ending.boxed().shared()
}

pub(crate) struct Http2Stream {
    connection: Ending,
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// What came and was not read yet.
    unread: Bytes,
    ended: bool,
    reason: Cell<Option<Reason>>,
}

impl Http2Stream {
    pub(crate) fn new(send: SendStream<Bytes>, receive: RecvStream, connection: Ending) -> Self {
        Self {
            connection,
            send,
            receive,
            unread: Bytes::new(),
            ended: false,
            reason: Cell::new(None),
        }
    }

    /// The sending side knows the code of a reset, and not whose it is: that, the receiving side knows,
    /// once everything that had come before was read.
    fn reset_with(&mut self, cx: &mut Context<'_>, reason: Reason) -> io::Error {
        if self.unread.is_empty() {
            match self.receive.poll_data(cx) {
                Poll::Ready(Some(Err(error))) => return told(error),
                Poll::Ready(Some(Ok(data))) => self.unread = data,
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
        io::Error::other(h2::Error::from(reason))
    }

    /// What it is reset with when it is dropped, in place of `CANCEL`.
    pub(crate) fn reset_when_dropped(&self, reason: Reason) {
        self.reason.set(Some(reason));
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        if let Some(reason) = self.reason.get() {
            self.send.send_reset(reason);
        }
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.unread.is_empty() {
            match ready!(this.receive.poll_data(cx)) {
                Some(Ok(data)) => this.unread = data,
                // The connection is gone: it may have been told why.
                Some(Err(error)) if error.is_io() => {
                    let why = ready!(Pin::new(&mut this.connection).poll(cx));
                    return Poll::Ready(Err(why.map_or_else(|| told(error), io::Error::other)));
                }
                Some(Err(error)) => return Poll::Ready(Err(told(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = this.unread.len().min(buffer.remaining());
        buffer.put_slice(&this.unread[..count]);
        this.unread.advance(count);
        // The peer may send as much again.
        let _ = this.receive.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(reset) = self.send.poll_reset(cx) {
            return Poll::Ready(Err(match reset {
                Ok(reason) => self.reset_with(cx, reason),
                Err(error) => told(error),
            }));
        }
        self.send.reserve_capacity(bytes.len());
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(told(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let count = self.send.capacity().min(bytes.len());
        let data = Bytes::copy_from_slice(&bytes[..count]);
        Poll::Ready(self.send.send_data(data, false).map(|()| count).map_err(told))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.send.send_data(Bytes::new(), true).map_err(told))
    }
}

/// An error of HTTP/2 as one that the report can tell.
pub(crate) fn told(error: h2::Error) -> io::Error {
    // What this end has found wrong is no word of the peer's.
    let reason = error.reason().filter(|_| error.is_remote());
    match reason.map(|reason| u64::from(u32::from(reason))) {
        Some(code) if error.is_go_away() => io::Error::other(TransportError::GoAway { code }),
        Some(code) if error.is_reset() => io::Error::other(TransportError::StreamReset { code }),
        _ if error.is_io() => error.into_io().unwrap_or(io::ErrorKind::BrokenPipe.into()),
        _ => io::Error::other(error),
    }
}
