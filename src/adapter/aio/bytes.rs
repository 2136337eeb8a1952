//! A stream of bytes over binary messages, for other protocols on top.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::WebSocket;
use super::split::{Receiver, Sender};
use super::turn::Turn;
use crate::adapter::IncomingChunk;
use crate::adapter::pieces::{PART, binary, end, flushed, refused};
use crate::connection::SendError;
use crate::report::{Evidence, Stats};
use crate::wire::close::CloseCode;

/// A stream of bytes over the binary messages of a WebSocket: an [`AsyncRead`] and [`AsyncWrite`], for
/// tunnels and other protocols on top.
///
/// Where messages begin and end has no meaning, in either direction, and how long they are none: what
/// comes is read as it comes, and takes no memory. The two directions can be used by two tasks, with
/// [`into_split`](Self::into_split) or tokio's own `split`.
///
/// - **Writing** sends a message of at most 32 KiB, which leaves at once if the transport takes it.
///   While the transport takes nothing, it waits once 64 KiB are pending. `flush` waits until
///   everything is with the transport.
/// - **`shutdown`** sends what is pending and a Close with 1000. A WebSocket cannot be closed in one
///   direction alone: the peer answers with its own Close, and until then its bytes can be read.
/// - **Reading** ends, with no bytes, behind a Close with 1000, or without a code, that follows a whole
///   message, be it the peer's or the answer to ours. Any other end is an error: the
///   [`Termination`](crate::Termination) is in the [`io::Error`], whose kind says what it was.
///   [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) is an end without a Close, or a Close with another
///   code, so that what was cut off never looks complete. A text message is
///   [`InvalidData`](io::ErrorKind::InvalidData), and closes the connection with 1003.
///
/// Pings are answered and deadlines kept while one of the calls waits, so that one should: read, if
/// nothing else. An application that does not read holds the peer up.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::aio::{self, ByteStream};
/// use tokio::net::TcpListener;
///
/// // What comes to this port goes through the tunnel.
/// let listener = TcpListener::bind("127.0.0.1:2222").await?;
/// loop {
///     let (mut local, _) = listener.accept().await?;
///     let mut tunnel = ByteStream::new(aio::connect("ws://127.0.0.1:9001/ssh").await?);
///     tokio::spawn(async move { tokio::io::copy_bidirectional(&mut local, &mut tunnel).await });
/// }
/// # }
/// ```
pub struct ByteStream<S> {
    reader: ByteReader<S>,
    writer: ByteWriter<S>,
}

/// The reading half of a [`ByteStream`].
///
/// It answers Pings and keeps deadlines while it waits.
pub struct ByteReader<S> {
    half: Receiver<S>,
    /// What was received and not read.
    rest: Bytes,
}

/// The writing half of a [`ByteStream`]. Dropping it does not close the stream; `shutdown` does.
pub struct ByteWriter<S> {
    half: Sender<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream<S> {
    /// Over an open connection. What it has received and not handed out is read first.
    #[must_use]
    pub fn new(socket: WebSocket<S>) -> Self {
        let (reader, writer) = socket.split();
        let reader = ByteReader { half: reader, rest: Bytes::new() };
        Self { reader, writer: ByteWriter { half: writer } }
    }

    /// Splits it for two tasks.
    #[must_use]
    pub fn into_split(self) -> (ByteReader<S>, ByteWriter<S>) {
        (self.reader, self.writer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteReader<S> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.rest.is_empty() {
            match ready!(self.half.shared.receive(cx, Turn::poll_chunk)) {
                IncomingChunk::Chunk(chunk) => match binary(chunk) {
                    Ok(bytes) => self.rest = bytes,
                    Err(error) => {
                        let refuse = |turn: &mut Turn<S>, cx: &mut Context<'_>| {
                            let close = CloseCode::UNSUPPORTED_DATA;
                            // A refusal says that the end is already under way. What cannot leave now
                            // leaves with the next read.
                            let _ = turn.command(|session, now| session.close(close, now));
                            let _ = turn.poll_flush(cx);
                            Poll::Ready(())
                        };
                        ready!(self.half.shared.receive(cx, refuse));
                        return Poll::Ready(Err(error));
                    }
                },
                IncomingChunk::Ended(report) => return Poll::Ready(end(&report).map(|()| false)),
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteReader<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let reader = self.get_mut();
        if buffer.remaining() > 0 && ready!(reader.poll_fill(cx))? {
            let len = reader.rest.len().min(buffer.remaining());
            buffer.put_slice(&reader.rest.split_to(len));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Turn<S> {
    /// Queues some of these bytes as a message, once little enough is pending, and writes what the
    /// stream takes.
    fn poll_bytes(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let bytes = bytes.get(..PART).unwrap_or(bytes);
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.driver.session().pending_output() > PART {
            ready!(self.poll_flush_or_report(cx))?;
        }
        ready!(self.poll_room(cx));
        let sent = self.send(bytes.into()).map_err(|refused| refused.reason);
        sent.map_err(|error| refused(error, self.driver.ended()))?;
        // What cannot leave now is written by whoever waits next.
        let _ = self.poll_flush(cx);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let close = CloseCode::NORMAL;
        let result = match self.command(|session, now| session.close(close, now)) {
            Ok(()) | Err(SendError::Closing) => ready!(self.poll_close_flush(cx)),
            Err(error) => Err(error),
        };
        Poll::Ready(flushed(result, self.driver.ended()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteWriter<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.half.shared.send(cx, |turn, cx| turn.poll_bytes(bytes, cx))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.shared.send(cx, Turn::poll_flush_or_report)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.shared.send(cx, Turn::poll_closed)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reader).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writer).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_shutdown(cx)
    }
}

macro_rules! getters {
    ($($type:ident: |$stream:ident| $half:expr;)*) => {$(
        impl<S> $type<S> {
            /// What was seen so far of the connection below.
            pub fn evidence(&self) -> Evidence {
                let $stream = self;
                $half.evidence()
            }

            /// What the connection below has done so far, in numbers.
            pub fn stats(&self) -> Stats {
                let $stream = self;
                $half.stats()
            }
        }

        impl<S> fmt::Debug for $type<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

getters! {
    ByteStream: |stream| stream.reader.half;
    ByteReader: |stream| stream.half;
    ByteWriter: |stream| stream.half;
}
