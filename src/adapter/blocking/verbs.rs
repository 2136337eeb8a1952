//! What a socket and its writing half send with, written once for both.

/// Implements the verbs for a type with a turn. The attributes document when a message that was fed
/// leaves.
macro_rules! verbs {
    ($type:ident: $bound:ident, $(#[$feed:meta])*) => {
        impl<S: $bound> $type<S> {
            /// Queues a message and waits until all that is queued is with the transport.
            ///
            /// While the transport takes nothing, messages go on being read and wait for
            /// [`next`](super::WebSocket::next), up to as many bytes as
            /// [`Limits::pending_output`](crate::Limits::pending_output): so two endpoints that
            /// send at the same time do not wait for each other. A peer that reads nothing ends as
            /// [`WriteStalled`](crate::Cause::WriteStalled).
            ///
            /// # Errors
            ///
            /// Why the message was not accepted, or why it cannot leave any more.
            pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
                self.feed(message)?;
                self.flush()
            }

            $(#[$feed])*
            ///
            /// Waits as [`send`](Self::send) does, but only while more is queued than
            /// [`Limits::pending_output`](crate::Limits::pending_output).
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted.
            pub fn feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                self.turn.feed(message.into())
            }

            /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output.
            pub fn ready(&mut self) {
                self.turn.wait_for_room();
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
                self.turn.try_feed(message.into())
            }

            /// Waits until all that is queued is with the transport, as [`send`](Self::send) does.
            ///
            /// # Errors
            ///
            /// Why it cannot leave any more.
            pub fn flush(&mut self) -> Result<(), SendError> {
                self.turn.flush()
            }

            /// Sends a part of a message, which is the last one if `fin` says so, and waits as
            /// [`send`](Self::send) does. No other message can begin in between; see
            /// [`Session::send_fragment`](crate::Session::send_fragment).
            ///
            /// # Errors
            ///
            /// Why the part was not accepted, or why it cannot leave any more.
            pub fn send_fragment<'m>(
                &mut self,
                data: impl Into<Data<'m>>,
                fin: bool,
            ) -> Result<(), SendError> {
                let data = data.into();
                self.turn.send_other(|session, now| session.send_fragment(data, fin, now))
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
            pub fn ping(&mut self) -> Result<Duration, PingError> {
                self.turn.ping(None)
            }

            /// As [`ping`](Self::ping), for this long at most: whether the peer is there, after
            /// the machine has slept, for example. A connection whose peer is silent goes on;
            /// [`abort`](Self::abort) gives it up.
            ///
            /// # Errors
            ///
            /// As for [`ping`](Self::ping); [`PingError::Silent`] where the time is over.
            pub fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
                self.turn.ping(Some(limit))
            }

            /// Sends a Ping with a payload of at most 125 bytes, and waits as [`send`](Self::send)
            /// does, not for a Pong.
            ///
            /// # Errors
            ///
            /// Why it was not accepted, or why it cannot leave any more.
            pub fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
                self.turn.send_other(|session, now| session.ping(payload, now))
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
                self.turn.queue_close(frame.into())
            }

            /// Gives the connection up at once, without a Close frame. The report comes from
            /// [`next`](super::WebSocket::next).
            pub fn abort(&mut self) {
                self.turn.abort();
            }
        }
    };
}

pub(super) use verbs;
