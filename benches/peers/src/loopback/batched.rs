//! Echoes of whoever is a stream and a sink of messages.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// How many messages are answered with one flush at most.
const MOST: usize = 32;

/// How echoes leave.
#[derive(Clone, Copy, PartialEq)]
pub enum Leave {
    /// Each is flushed: nothing else is in flight.
    AtOnce,
    /// What is there is answered one by one, then flushed.
    Together,
    /// What is there is taken first, since asking for a message flushes.
    TakenFirst,
}

/// Echoes until the end.
pub async fn echo<S, M, E>(mut socket: S, leave: Leave, reply: impl Fn(M) -> Option<M>)
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    let mut batch = Vec::with_capacity(MOST);
    while let Some(Ok(message)) = socket.next().await {
        let Some(message) = reply(message) else { continue };
        if leave == Leave::AtOnce {
            if socket.send(message).await.is_err() {
                return;
            }
            continue;
        }
        batch.push(message);
        for _ in 1..MOST {
            if leave == Leave::Together && feed(&mut socket, &mut batch).await.is_err() {
                return;
            }
            let Some(Some(Ok(message))) = socket.next().now_or_never() else { break };
            batch.extend(reply(message));
        }
        if feed(&mut socket, &mut batch).await.is_err() {
            return;
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

async fn feed<M, S: Sink<M> + Unpin>(socket: &mut S, batch: &mut Vec<M>) -> Result<(), S::Error> {
    for message in batch.drain(..) {
        socket.feed(message).await?;
    }
    Ok(())
}
