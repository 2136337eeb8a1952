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
/// ended, and so may be a connection that this server's own keep-alive has given up. Where it does not
/// tell by another way, the end is [`TransportError::EndOrReset`](crate::TransportError::EndOrReset).
/// Where the connection below has ended, it is
/// [`TransportError::UnexpectedEof`](crate::TransportError::UnexpectedEof), also after a GOAWAY of the
/// client's, of which hyper's server says nothing.
pub struct Upgraded {
    io: hyper::upgrade::Upgraded,
    carrier: Carrier,
    /// The stream has ended, and the task that writes to it has had a turn to say why.
    asked: bool,
    /// A byte that was read when a failed write was looked into.
    early: Option<u8>,
}

impl Upgraded {
    pub(super) fn new(io: hyper::upgrade::Upgraded, carrier: Carrier) -> Self {
        Self { io, carrier, asked: false, early: None }
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
            match said_of(&error) {
                Said::ByPeer(kind) => return Poll::Ready(with(kind)),
                Said::Code(code) => return Poll::Ready(with(ended_with(code))),
                Said::Below(_) | Said::Other => {}
            }
        }
        if !core::mem::replace(&mut self.asked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(with(TransportError::EndOrReset))
    }

    /// Why writing failed. The task that writes keeps the code of a reset, and not who has sent it: the
    /// reading side knows, once everything that had come before was read.
    fn write_failed(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        let code = match said_of(&error) {
            Said::ByPeer(kind) => return with(kind),
            Said::Below(kind) => return io::Error::new(kind, error),
            Said::Code(code) if self.early.is_none() => code,
            Said::Code(_) | Said::Other => return error,
        };
        let mut byte = [0];
        let mut theirs = hyper::rt::ReadBuf::new(&mut byte);
        match Pin::new(&mut self.io).poll_read(cx, theirs.unfilled()) {
            Poll::Ready(Err(known)) => read_failed(known, self.carrier),
            Poll::Ready(Ok(())) if theirs.filled().is_empty() => with(ended_with(code)),
            Poll::Ready(Ok(())) => {
                self.early = theirs.filled().first().copied();
                error
            }
            Poll::Pending => error,
        }
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            if let Some(byte) = self.early.take() {
                buffer.put_slice(&[byte]);
                return Poll::Ready(Ok(()));
            }
        }
        let carrier = self.carrier;
        let memory = buffer.initialize_unfilled();
        let empty = memory.is_empty();
        let mut theirs = hyper::rt::ReadBuf::new(memory);
        ready!(Pin::new(&mut self.io).poll_read(cx, theirs.unfilled()))
            .map_err(|error| read_failed(error, carrier))?;
        let count = theirs.filled().len();
        if count == 0 && !empty && carrier.is_stream() {
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
        let result = ready!(Pin::new(&mut self.io).poll_write(cx, bytes));
        Poll::Ready(result.map_err(|error| self.write_failed(cx, error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices));
        Poll::Ready(result.map_err(|error| self.write_failed(cx, error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.io).poll_flush(cx));
        Poll::Ready(result.map_err(|error| self.write_failed(cx, error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        Poll::Ready(result.map_err(|error| self.write_failed(cx, error)))
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

/// What HTTP/2 has said, in an error of hyper's.
enum Said {
    /// The peer's, in a frame.
    ByPeer(TransportError),
    /// An error code, and not whose.
    Code(u64),
    /// How the connection below failed.
    Below(ErrorKind),
    /// Nothing, or what this end has found wrong, which is no word of the peer's.
    Other,
}

fn said_of(error: &io::Error) -> Said {
    let mut source = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return match (error.reason(), error.get_io()) {
                (Some(reason), _) => said_with(error, u32::from(reason).into()),
                (None, Some(below)) => Said::Below(below.kind()),
                (None, None) => Said::Other,
            };
        }
        source = error.source();
    }
    Said::Other
}

fn said_with(error: &h2::Error, code: u64) -> Said {
    let (go_away, reset) = (error.is_go_away(), error.is_reset());
    match error.is_remote() {
        true if go_away => Said::ByPeer(TransportError::GoAway { code }),
        true => Said::ByPeer(TransportError::StreamReset { code }),
        false if go_away || reset => Said::Other,
        false => Said::Code(code),
    }
}

/// The end of a stream which hyper passes off as an orderly one, where the code of it is known.
fn ended_with(code: u64) -> TransportError {
    match code == u64::from(u32::from(h2::Reason::CANCEL)) {
        // No server of hyper's resets a stream with it that is still held.
        true => TransportError::StreamReset { code },
        // With NO_ERROR, its own keep-alive gives up the connection.
        false => TransportError::EndOrReset,
    }
}

fn read_failed(error: io::Error, carrier: Carrier) -> io::Error {
    match said_of(&error) {
        Said::ByPeer(kind) => with(kind),
        // What h2 calls so is an end of the connection below.
        Said::Other
            if carrier.is_stream()
                && error.kind() == ErrorKind::BrokenPipe
                && !is_of_stream(&error) =>
        {
            io::Error::new(ErrorKind::UnexpectedEof, "the HTTP/2 connection below has ended")
        }
        Said::Below(kind) => io::Error::new(kind, error),
        Said::Code(_) | Said::Other if is_of_stream(&error) => io::Error::other(error),
        Said::Code(_) | Said::Other => error,
    }
}

/// Whether it is HTTP/2 that has failed, whatever the kind: hyper calls a pipe broken, too.
fn is_of_stream(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<h2::Error>())
}

fn with(kind: TransportError) -> io::Error {
    let ended = kind == TransportError::EndOrReset;
    io::Error::new(if ended { ErrorKind::UnexpectedEof } else { ErrorKind::ConnectionReset }, kind)
}
