//! A socket and its halves as a `Stream` of what comes in and a `Sink` of what goes out.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::split::{Receiver, Sender};
use super::turn::Turn;
use super::websocket::WebSocket;
use crate::adapter::messages::Item;
use crate::adapter::{Incoming, Messages};
use crate::connection::SendError;
use crate::wire::message::Message;

/// The stream ends behind the report.
fn poll_next(ended: &mut bool, next: impl FnOnce() -> Poll<Incoming>) -> Poll<Option<Incoming>> {
    if *ended {
        return Poll::Ready(None);
    }
    let incoming = ready!(next());
    *ended = matches!(incoming, Incoming::Ended(_));
    Poll::Ready(Some(incoming))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let Self { turn, ended, .. } = self.get_mut();
        poll_next(ended, || turn.poll_incoming(cx))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<S> {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let Self { shared, ended } = self.get_mut();
        poll_next(ended, || shared.receive(cx, Turn::poll_incoming))
    }
}

/// Reads on after the end: a report that the socket's own [`Stream`] has given is given once more.
macro_rules! messages_of {
    ($($type:ty: |$socket:ident, $cx:ident| $poll:expr;)*) => {$(
        impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Messages<$type> {
            type Item = Item;

            fn poll_next(self: Pin<&mut Self>, $cx: &mut Context<'_>) -> Poll<Option<Item>> {
                self.get_mut().poll_next_with(|$socket| $poll)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Messages<$type> {
            fn is_terminated(&self) -> bool {
                self.has_ended()
            }
        }
    )*};
}

messages_of! {
    WebSocket<S>: |socket, cx| socket.turn.poll_incoming(cx);
    &mut WebSocket<S>: |socket, cx| socket.turn.poll_incoming(cx);
    Receiver<S>: |half, cx| half.shared.receive(cx, Turn::poll_incoming);
    &mut Receiver<S>: |half, cx| half.shared.receive(cx, Turn::poll_incoming);
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Receiver<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message<'static>> for WebSocket<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().turn.poll_room(cx).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        Ok(self.get_mut().try_feed(message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().turn.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().turn.poll_close_sink(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message<'static>> for Sender<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, Turn::poll_room).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        Ok(self.get_mut().try_feed(message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, Turn::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.send(cx, Turn::poll_close_sink)
    }
}
