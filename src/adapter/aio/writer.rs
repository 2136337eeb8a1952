//! One message, written piece by piece.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::WebSocket;
use super::split::Sender;
use super::turn::Turn;
use crate::adapter::pieces::{PART, Pending, flushed, refused};
use crate::wire::data::MessageKind;

/// One message of any length, written piece by piece: an [`AsyncWrite`].
///
/// From `message_writer` of [`WebSocket`] and [`Sender`]. It sends fragments of 32 KiB, or what there
/// is at a `flush`, and holds no more than one. `shutdown`, or [`finish`](Self::finish), ends the
/// message.
///
/// One that is dropped before takes along what it holds, as a [`BufWriter`](tokio::io::BufWriter)
/// does. Where it has sent nothing, no message was begun, and others can be sent. Where it has, the
/// message stays open without what was held, and nothing else can be sent until `send_fragment` or
/// another writer of the same kind ends it. A `flush` before leaves nothing out but a part of a
/// character.
///
/// What is written into a text message has to be UTF-8, wherever it is cut: else the error is
/// [`InvalidData`](io::ErrorKind::InvalidData), and the message stays open. Other errors have the
/// [`SendError`](crate::SendError) in them, or, where the connection is over, the report.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::MessageKind;
/// use tokio::io::AsyncWriteExt;
///
/// let mut socket = farewell::aio::connect("ws://127.0.0.1:9001/").await?;
/// let mut file = tokio::fs::File::open("/tmp/long").await?;
/// let mut message = socket.message_writer(MessageKind::Binary);
/// tokio::io::copy(&mut file, &mut message).await?;
/// message.shutdown().await?;
/// # Ok(())
/// # }
/// ```
pub struct MessageWriter<'a, T> {
    to: &'a mut T,
    pending: Pending,
}

impl<'a, T> MessageWriter<'a, T> {
    pub(super) fn new(to: &'a mut T, kind: MessageKind) -> Self {
        Self { to, pending: Pending::new(kind) }
    }
}

impl<T> fmt::Debug for MessageWriter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("finished", &self.pending.is_finished())
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Turn<S> {
    /// Queues what is pending as soon as there is room.
    fn poll_part(
        &mut self,
        pending: &mut Pending,
        fin: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.driver.session().pending_output() > PART {
            ready!(self.poll_flush_or_report(cx))?;
        }
        let data = pending.part(fin)?;
        let len = data.as_bytes().len();
        if len > 0 || fin {
            let result =
                ready!(self.poll_other(cx, |session, now| session.send_fragment(data, fin, now)));
            result.map_err(|error| refused(error, self.driver.ended()))?;
            pending.sent(len, fin);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_parts(
        &mut self,
        pending: &mut Pending,
        fin: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !pending.is_finished() {
            ready!(self.poll_part(pending, fin, cx))?;
        }
        self.poll_flush_or_report(cx)
    }

    /// Ready once all that is queued is with the stream.
    pub(super) fn poll_flush_or_report(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.poll_flush(cx));
        Poll::Ready(flushed(result, self.driver.ended()))
    }
}

macro_rules! writer_to {
    ($($type:ident),*) => {$(
        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MessageWriter<'_, $type<S>> {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let Self { to, pending } = self.get_mut();
                if pending.is_full() {
                    ready!(to.poll_turn(cx, |turn, cx| turn.poll_part(pending, false, cx)))?;
                }
                Poll::Ready(pending.take(bytes))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let Self { to, pending } = self.get_mut();
                to.poll_turn(cx, |turn, cx| turn.poll_parts(pending, false, cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let Self { to, pending } = self.get_mut();
                to.poll_turn(cx, |turn, cx| turn.poll_parts(pending, true, cx))
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> MessageWriter<'_, $type<S>> {
            /// Ends the message, and waits until all of it is with the transport: as `shutdown` does.
            ///
            /// # Errors
            ///
            /// Why it cannot be sent.
            pub async fn finish(mut self) -> io::Result<()> {
                poll_fn(|cx| Pin::new(&mut self).poll_shutdown(cx)).await
            }
        }
    )*};
}

writer_to!(WebSocket, Sender);
