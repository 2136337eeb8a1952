//! A stream that an HTTP server of hyper's has given up, as the adapter reads and writes it.
//!
//! Invariant: what is said of an end is what hyper knows of it, and no more.

use core::error::Error;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, IoSlice};

use hyper::rt::{Read as _, Write as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::handshake::Carrier;
use crate::report::TransportError;

/// The stream of a request that was upgraded: a connection of its own that was HTTP/1.1 before, or
/// one stream of an HTTP/2 connection.
///
/// Over HTTP/2, hyper passes a stream that was reset with `CANCEL` or `NO_ERROR` off as one that has
/// ended. Where it tells neither by another way, the end is
/// [`TransportError::EndOrReset`](crate::TransportError::EndOrReset).
pub struct Upgraded {
    io: hyper::upgrade::Upgraded,
    carrier: Carrier,
    /// The stream has ended, and the task that writes to it has had a turn to say why.
    asked: bool,
}

impl Upgraded {
    pub(super) fn new(io: hyper::upgrade::Upgraded, carrier: Carrier) -> Self {
        Self { io, carrier, asked: false }
    }

    /// What carries the connection.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Nothing more comes on a stream of HTTP/2. The task of hyper's that writes to it learns of a
    /// reset, and its reason, by itself.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(cx) {
            if let Some(kind) = kind_of(&error) {
                return Poll::Ready(io::Error::new(ErrorKind::ConnectionReset, kind));
            }
        }
        if !core::mem::replace(&mut self.asked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(io::Error::new(ErrorKind::UnexpectedEof, TransportError::EndOrReset))
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let memory = buffer.initialize_unfilled();
        let empty = memory.is_empty();
        let mut theirs = hyper::rt::ReadBuf::new(memory);
        ready!(Pin::new(&mut self.io).poll_read(cx, theirs.unfilled())).map_err(told)?;
        let count = theirs.filled().len();
        if count == 0 && !empty && self.carrier.is_stream() {
            return Poll::Ready(Err(ready!(self.poll_end(cx))));
        }
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes).map_err(told)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices).map_err(told)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx).map_err(told)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx).map_err(told)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

/// An error of hyper's, with what HTTP/2 has said of the stream in it.
fn told(error: io::Error) -> io::Error {
    match kind_of(&error) {
        Some(kind) => io::Error::new(ErrorKind::ConnectionReset, kind),
        None => error,
    }
}

/// What the peer's HTTP/2 has said, where that is why.
fn kind_of(error: &io::Error) -> Option<TransportError> {
    let mut source = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let code = u64::from(u32::from(error.reason()?));
            // What this end has found wrong is no word of the peer's.
            let ours = (error.is_go_away() || error.is_reset()) && !error.is_remote();
            return match error.is_go_away() {
                _ if ours => None,
                true => Some(TransportError::GoAway { code }),
                false => Some(TransportError::StreamReset { code }),
            };
        }
        source = error.source();
    }
    None
}
