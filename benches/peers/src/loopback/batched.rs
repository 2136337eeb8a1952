//! Echoes of whoever is a stream and a sink of messages.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// Echoes until the end. With more than one message in flight, all that is there is answered before
/// one flush, as libraries advise that leave the flush to their user.
pub async fn echo<S, M, E>(mut socket: S, batched: bool, reply: impl Fn(M) -> Option<M>)
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    while let Some(Ok(message)) = socket.next().await {
        let Some(message) = reply(message) else { continue };
        if !batched {
            if socket.send(message).await.is_err() {
                return;
            }
            continue;
        }
        if socket.feed(message).await.is_err() {
            return;
        }
        while let Some(Some(Ok(message))) = socket.next().now_or_never() {
            let Some(message) = reply(message) else { continue };
            if socket.feed(message).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}
