//! What a socket and its writing half send with, written once for both.
//!
//! Each of the two types says how it takes a turn, with `poll_turn`, and how it gives a command,
//! with `command`; everything else is the same.

/// Implements the verbs for a type. The attributes document when a message that was fed leaves.
macro_rules! verbs {
    ($type:ident, $(#[$feed:meta])*) => {
        impl<S: AsyncRead + AsyncWrite + Unpin> $type<S> {
            /// Queues a message and waits until all that is queued is with the transport.
            ///
            /// While the transport takes nothing, messages go on being read and wait for
            /// [`next`](super::WebSocket::next), up to as many bytes as
            /// [`Limits::pending_output`](crate::Limits::pending_output): so two endpoints that
            /// send at the same time do not wait for each other. A peer that reads nothing ends as
            /// [`WriteStalled`](crate::Cause::WriteStalled).
            ///
            /// The message is queued before the first wait, unless the output is over its limit.
            ///
            /// # Errors
            ///
            /// Why the message was not accepted, or why it cannot leave any more.
            pub async fn send<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendError> {
                let mut message = Some(message.into());
                poll_fn(|cx| self.poll_turn(cx, |turn, cx| turn.poll_send(&mut message, cx))).await
            }

            $(#[$feed])*
            ///
            /// Waits as [`send`](Self::send) does, but only while more is queued than
            /// [`Limits::pending_output`](crate::Limits::pending_output).
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted.
            pub async fn feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                let mut message = Some(message.into());
                poll_fn(|cx| self.poll_turn(cx, |turn, cx| turn.poll_feed(&mut message, cx))).await
            }

            /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output.
            pub async fn ready(&mut self) {
                poll_fn(|cx| self.poll_turn(cx, Turn::poll_room)).await;
            }

            /// Queues a message as [`feed`](Self::feed) does, and never waits.
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted: [`SendError::Full`] for one.
            pub fn try_feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                self.command(|turn| turn.send(message.into()))
            }

            /// Waits until all that is queued is with the transport, as [`send`](Self::send) does.
            ///
            /// # Errors
            ///
            /// Why it cannot leave any more.
            pub async fn flush(&mut self) -> Result<(), SendError> {
                poll_fn(|cx| self.poll_turn(cx, Turn::poll_flush)).await
            }

            /// Sends a part of a message, which is the last one if `fin` says so, and waits as
            /// [`send`](Self::send) does. No other message can begin in between; see
            /// [`Session::send_fragment`](crate::Session::send_fragment).
            ///
            /// # Errors
            ///
            /// Why the part was not accepted, or why it cannot leave any more.
            pub async fn send_fragment<'m>(
                &mut self,
                data: impl Into<Data<'m>>,
                fin: bool,
            ) -> Result<(), SendError> {
                let data = data.into();
                poll_fn(|cx| {
                    self.poll_turn(cx, |turn, cx| {
                        turn.poll_other(cx, |session, now| session.send_fragment(data, fin, now))
                    })
                })
                .await?;
                self.flush().await
            }

            /// One message of any length, written piece by piece: see
            /// [`MessageWriter`](super::MessageWriter).
            pub fn message_writer(&mut self, kind: MessageKind) -> MessageWriter<'_, Self> {
                MessageWriter::new(self, kind)
            }

            /// Sends a Ping and waits for its Pong: how long the round trip took. Messages that come
            /// meanwhile wait for [`next`](super::WebSocket::next).
            ///
            /// It waits for as long as the connection lives, which the heartbeat sees to;
            /// [`ping_within`](Self::ping_within) has a time of its own. The heartbeat sends its
            /// own Pings: its round trips are in [`evidence`](super::WebSocket::evidence).
            ///
            /// # Errors
            ///
            /// [`PingError`]: it could not be sent, or was not answered.
            pub async fn ping(&mut self) -> Result<Duration, PingError> {
                let mut sent = None;
                poll_fn(|cx| self.poll_turn(cx, |turn, cx| turn.poll_ping(&mut sent, cx))).await
            }

            /// As [`ping`](Self::ping), for this long at most: whether the peer is there, after
            /// the machine has slept, for example. A connection whose peer is silent goes on;
            /// [`abort`](Self::abort) gives it up.
            ///
            /// # Errors
            ///
            /// As for [`ping`](Self::ping); [`PingError::Silent`] where the time is over.
            ///
            /// ```no_run
            /// # async fn run(socket: &mut farewell::aio::WebSocket<tokio::net::TcpStream>) {
            /// use std::time::Duration;
            ///
            /// if let Err(error) = socket.ping_within(Duration::from_secs(2)).await {
            ///     println!("{error}");
            ///     socket.abort();
            /// }
            /// # }
            /// ```
            pub async fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
                let silent = Err(PingError::Silent { waited: limit });
                timeout(limit, self.ping()).await.unwrap_or(silent)
            }

            /// Sends a Ping with a payload of at most 125 bytes, and waits as [`send`](Self::send)
            /// does, not for a Pong.
            ///
            /// # Errors
            ///
            /// Why it was not accepted, or why it cannot leave any more.
            pub async fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
                poll_fn(|cx| {
                    self.poll_turn(cx, |turn, cx| {
                        turn.poll_other(cx, |session, now| session.ping(payload, now))
                    })
                })
                .await?;
                self.flush().await
            }

            /// Queues a Close behind what is queued and returns at once.
            ///
            /// Read on until the end: [`next`](super::WebSocket::next) returns the messages that
            /// the peer sends before its own Close.
            ///
            /// # Errors
            ///
            /// The connection is already closing or over.
            pub fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
                self.command(|turn| turn.command(|session, now| session.close(frame, now)))
            }

            /// Gives the connection up at once, without a Close frame. The report comes from
            /// [`next`](super::WebSocket::next).
            pub fn abort(&mut self) {
                self.command(Turn::abort);
            }
        }
    };
}

pub(super) use verbs;
