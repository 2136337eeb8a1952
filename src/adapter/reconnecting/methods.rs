//! The methods of both adapters' reconnecting sockets, written once.

/// Implements what is the same in both adapters; the calls that wait are `async` in one of them.
///
/// A `Reconnecting` has a `plan` and a `clock`; its `open_socket` is what these calls go to.
macro_rules! reconnecting {
    ([$($bound:tt)+] $($async:tt $await:tt)?) => {
        impl Reconnecting<TcpStream> {
            /// For a `ws://` URL, with the default settings.
            ///
            /// # Errors
            ///
            /// The URL is malformed, or the operating system has no random bytes to give. Nothing
            /// is connected before [`next`](Self::next).
            pub fn to(url: &str) -> Result<Self, ConnectError> {
                Self::new(ClientRequest::new(url)?, Config::default())
            }
        }

        impl<S: $($bound)+> Reconnecting<S> {
            /// Sets when to connect again. Call it before [`next`](Self::next).
            #[must_use]
            pub fn policy(mut self, config: ReconnectConfig) -> Self {
                self.plan.policy(config);
                self
            }

            /// Gives up where no connection has been stable for so long: sets
            /// [`ReconnectConfig::give_up_after`]. Call it before [`next`](Self::next).
            #[must_use]
            pub fn give_up_after(mut self, span: Duration) -> Self {
                self.plan.give_up_after(span);
                self
            }

            /// Gives up after so many attempts in a row that have led to no stable connection: sets
            /// [`ReconnectConfig::give_up_after_attempts`]. Call it before [`next`](Self::next).
            ///
            /// One that opened and ended soon counts as well: stable is what was open for
            /// [`ReconnectConfig::stable_after`], and for as long as the delay before it.
            #[must_use]
            pub fn give_up_after_attempts(mut self, count: u32) -> Self {
                self.plan.give_up_after_attempts(count);
                self
            }

            /// Keeps messages across connections, in order: those that are sent while none is open,
            /// and those that an ended one could not send, are sent on the next one.
            ///
            /// `limit` bounds all that is kept, with the connection or not, before memory is taken.
            /// Beyond it, a message is refused with [`SendError::OutboxFull`], and none is ever
            /// dropped for another. Nothing waits in [`feed`](Self::feed) then:
            /// [`ready`](Self::ready) does. What is kept when no other attempt is made comes out of
            /// [`take_outbox`](Self::take_outbox).
            ///
            /// A message that has left may be lost all the same, between the transport and the peer:
            /// see [`keep_unconfirmed`](Self::keep_unconfirmed). Call it before
            /// [`next`](Self::next).
            #[must_use]
            pub fn outbox(mut self, limit: OutboxLimit) -> Self {
                self.plan.keep_in_outbox(Some(limit));
                self
            }

            /// Keeps each message until a Pong has shown that the peer has read past it. Where the
            /// connection ends before, an [`outbox`](Self::outbox) sends it again on the next one;
            /// without an outbox it comes back in [`Disconnected::unsent`], as one that has
            /// [left](Unsent::left), and [`OutboxLimit::default`] bounds what is kept.
            ///
            /// Together they make messages arrive at least once, in order, and no more than that:
            ///
            /// - A message may arrive twice, where only the Pong was lost: [`resent`](Self::resent)
            ///   counts those. Give each a number by which the peer can tell. What is sent again
            ///   begins behind the last confirmed message, so the order is kept: 1 2 3 2 3 4.
            /// - A Pong is the peer's WebSocket endpoint's. It does not show that the application
            ///   behind it has handled a message, and a proxy that speaks WebSocket itself answers in
            ///   its own name. Where that matters, the application has to answer.
            /// - What is kept is in memory, and goes with this process.
            ///
            /// It costs a Ping in each round trip in which something is sent; see
            /// [`Session::keep_unconfirmed`](crate::Session::keep_unconfirmed). Call it before
            /// [`next`](Self::next).
            #[must_use]
            pub fn keep_unconfirmed(mut self) -> Self {
                self.plan.keep_unconfirmed();
                self
            }

            /// Sets what is sent first on every connection: subscriptions, for example.
            ///
            /// `greet` is passed the server's response. Its messages are queued before
            /// [`ReconnectEvent::Opened`] is returned, so nothing can come before them; they do not
            /// come back in [`Disconnected::unsent`], as they are made anew for the next
            /// connection.
            #[must_use]
            pub fn on_open(
                mut self,
                greet: impl FnMut(&Response) -> Vec<Message<'static>> + Send + 'static,
            ) -> Self {
                self.plan.greet = Some(Box::new(greet));
                self
            }

            /// Sets where the random numbers for the delays come from, for tests that are the same
            /// each time. By default they come from the operating system.
            #[must_use]
            pub fn random(mut self, random: impl FnMut() -> u64 + Send + 'static) -> Self {
                self.plan.random = Box::new(random);
                self
            }

            /// Queues a message and waits until all that is queued is with the transport, as
            /// [`WebSocket::send`] does. With an [`outbox`](Self::outbox) and no open connection, it
            /// only puts it there.
            ///
            /// # Errors
            ///
            /// Why the message was not accepted: there is no open connection, for one, or the outbox
            /// is full. A message that was accepted and cannot leave any more is no error here: it
            /// comes back in [`Disconnected::unsent`], or is sent on the next connection.
            pub $($async)? fn send<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendError> {
                self.feed(message)$(.$await)??;
                // What cannot leave comes back with the ending.
                let _ = self.flush()$(.$await)?;
                Ok(())
            }

            /// Queues a message as [`WebSocket::feed`] does. With an [`outbox`](Self::outbox) it
            /// never waits.
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted.
            pub $($async)? fn feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                if self.plan.keeper.is_some() {
                    return self.keep(message.into());
                }
                match self.open_socket() {
                    Ok(socket) => socket.feed(message)$(.$await)?,
                    Err(reason) => Err(SendRefused { reason, message: message.into() }),
                }
            }

            /// Queues a message as [`feed`](Self::feed) does, and never waits.
            ///
            /// # Errors
            ///
            /// The message, with the reason why it was not accepted.
            pub fn try_feed<'m>(
                &mut self,
                message: impl Into<Outgoing<'m>>,
            ) -> Result<(), SendRefused<'m>> {
                if self.plan.keeper.is_some() {
                    return self.keep(message.into());
                }
                match self.open_socket() {
                    Ok(socket) => socket.try_feed(message),
                    Err(reason) => Err(SendRefused { reason, message: message.into() }),
                }
            }

            /// Sends a part of a message as [`WebSocket::send_fragment`] does, on the present
            /// connection.
            ///
            /// Nobody keeps a message in parts, an [`outbox`](Self::outbox) neither: one that has not
            /// left whole when the connection ends is lost, and cannot go on on the next one.
            /// [`Disconnected::unsent_in_parts`] says so; begin it again then. While it is not
            /// finished, what is in the outbox waits.
            ///
            /// # Errors
            ///
            /// Why the part was not accepted, or why it cannot leave any more.
            pub $($async)? fn send_fragment<'m>(
                &mut self,
                data: impl Into<Data<'m>>,
                fin: bool,
            ) -> Result<(), SendError> {
                self.open_socket()?.send_fragment(data, fin)$(.$await)?
            }

            /// One message of any length, written piece by piece on the present connection, as
            /// [`WebSocket::message_writer`] does. As with [`send_fragment`](Self::send_fragment),
            /// nobody keeps it: where the connection ends before all of it has left, it is lost, the
            /// writer returns the error, and [`Disconnected::unsent_in_parts`] counts it.
            ///
            /// It leaves behind what the connection has taken of the [`outbox`](Self::outbox):
            /// [`flush`](Self::flush) before, where it is to leave behind all of that.
            ///
            /// # Errors
            ///
            /// There is no open connection.
            pub fn message_writer(
                &mut self,
                kind: MessageKind,
            ) -> Result<MessageWriter<'_, WebSocket<S>>, SendError> {
                self.pump();
                Ok(self.open_socket()?.message_writer(kind))
            }

            /// Sends a Ping and waits for its Pong, as [`WebSocket::ping`] does.
            ///
            /// # Errors
            ///
            /// [`PingError`]: there is no open connection, it could not be sent, or it was not
            /// answered.
            pub $($async)? fn ping(&mut self) -> Result<Duration, PingError> {
                self.open_socket()?.ping()$(.$await)?
            }

            /// As [`ping`](Self::ping), for this long at most.
            ///
            /// # Errors
            ///
            /// As for [`ping`](Self::ping); [`PingError::Silent`] where the time is over.
            pub $($async)? fn ping_within(&mut self, limit: Duration) -> Result<Duration, PingError> {
                self.open_socket()?.ping_within(limit)$(.$await)?
            }

            /// Sends a Ping with a payload as [`WebSocket::send_ping`] does.
            ///
            /// # Errors
            ///
            /// Why it was not accepted, or why it cannot leave any more.
            pub $($async)? fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
                self.open_socket()?.send_ping(payload)$(.$await)?
            }

            /// Waits until [`try_feed`](Self::try_feed) would not be refused for a full output or a
            /// full outbox. It does not wait where nothing makes room: there is no connection, or on
            /// it a message in parts is not finished, or so many messages wait for
            /// [`next`](Self::next) that no Pong is read behind them.
            pub $($async)? fn ready(&mut self) {
                if self.plan.keeper.is_none() {
                    if let Ok(socket) = self.open_socket() {
                        socket.ready()$(.$await)?;
                    }
                    return;
                }
                loop {
                    let left = self.flush()$(.$await)?.is_ok();
                    if !left || !self.plan.outbox().is_some_and(|outbox| outbox.is_full()) {
                        return;
                    }
                    // A Pong tells that what is before its Ping was read.
                    if self.plan.confirms && self.ping()$(.$await)?.is_err() {
                        return;
                    }
                    self.pump();
                }
            }

            /// Puts a message into the outbox, and gives the connection what it takes.
            fn keep<'m>(&mut self, message: Outgoing<'m>) -> Result<(), SendRefused<'m>> {
                let is_open = self.open_socket().is_ok();
                if let Some(keeper) = &self.plan.keeper {
                    self.plan.push(keeper, message, is_open)?;
                }
                self.pump();
                Ok(())
            }

            /// Gives the connection what it takes of the outbox. Returns whether that was anything.
            fn pump(&mut self) -> bool {
                self.pump_some(usize::MAX).given > 0
            }

            /// The same, so many messages at most.
            fn pump_some(&mut self, most: usize) -> Pumped {
                let Some(outbox) = self.plan.outbox().cloned() else { return Pumped::default() };
                let Ok(socket) = self.open_socket() else { return Pumped::default() };
                let pumped = if socket.session().is_full() {
                    Pumped { given: 0, refused: Some(SendError::Full) }
                } else {
                    outbox.pump(most, |message| socket.try_feed(message))
                };
                outbox.handle_kept(socket.session().kept());
                pumped
            }

            /// A handle for other tasks and threads, which puts messages into the
            /// [`outbox`](Self::outbox): into one with the default limit, if none was asked for.
            /// They leave while [`next`](Self::next) is called.
            pub fn sender(&mut self) -> OutboxSender {
                OutboxSender(self.plan.keep_in_outbox(None).clone())
            }

            /// Takes out all messages that are kept and not with a connection, in order. After
            /// [`ReconnectEvent::GaveUp`], these are all that were not sent, or not confirmed.
            pub fn take_outbox(&mut self) -> Vec<Unsent> {
                self.plan.outbox().map_or_else(Vec::new, |outbox| outbox.take())
            }

            /// Waits until all that was accepted before this call is with the transport. What others
            /// put into the [`outbox`](Self::outbox) meanwhile is not waited for.
            ///
            /// # Errors
            ///
            /// Why it cannot leave any more, or that there is no open connection, or that a message
            /// in parts has to be finished first. Messages that were accepted are not lost by it:
            /// they come back in [`Disconnected::unsent`], or are sent on the next connection.
            pub $($async)? fn flush(&mut self) -> Result<(), SendError> {
                let mut left = self.plan.outbox().map_or(0, |outbox| outbox.waiting());
                let mut stuck = false;
                loop {
                    let Pumped { given, refused } = self.pump_some(left);
                    left -= given.min(left);
                    self.open_socket()?.flush()$(.$await)??;
                    match refused {
                        Some(reason)
                            if left > 0 && (reason != SendError::Full || stuck && given == 0) =>
                        {
                            return Err(reason);
                        }
                        // What has left has made room, unless it is a confirmation that is lacking.
                        Some(_) if left > 0 => self.open_socket()?.ready()$(.$await)?,
                        _ => break,
                    }
                    stuck = given == 0;
                }
                // What has left by now makes room.
                self.pump_some(0);
                Ok(())
            }

            /// Closes the present connection as [`WebSocket::queue_close`] does. What follows is
            /// decided as after any ending: after a close of our own, no other attempt is made.
            ///
            /// # Errors
            ///
            /// There is no open connection, or it is closing already.
            pub fn queue_close(&mut self, frame: impl Into<CloseFrame>) -> Result<(), SendError> {
                self.open_socket()?.queue_close(frame)
            }

            /// [Stops](Self::stop) and waits for the end, dropping the messages that still come.
            /// Returns the ending of the connection, if one was open.
            pub $($async)? fn close(&mut self, frame: impl Into<CloseFrame>) -> Option<Disconnected> {
                self.stop(frame);
                let mut ending = None;
                loop {
                    // What was received in chunks is not put together to be dropped.
                    let event = match self.gives_chunks() {
                        true => self.next_chunk()$(.$await)?,
                        false => self.next()$(.$await)?,
                    };
                    match event {
                        ReconnectEvent::Ended(ended) => ending = Some(ended),
                        ReconnectEvent::GaveUp(_) => return ending,
                        _ => {}
                    }
                }
            }

            /// The application has found the connection to work; see [`Reconnect::mark_healthy`].
            pub fn mark_healthy(&mut self) {
                self.plan.reconnect.mark_healthy(self.clock.now());
            }
        }

        impl<S> Reconnecting<S> {
            /// The state machine that decides, with its state and its settings.
            ///
            /// It finds out whether a connection has become stable when an event is returned.
            pub fn reconnect(&self) -> &Reconnect {
                &self.plan.reconnect
            }

            /// Why the last connection ended or the last attempt failed: probably so, in view of the
            /// connections before. Nothing where the caller's own request or connector was at fault.
            pub fn diagnosis(&self) -> Option<&Diagnosis> {
                self.plan.diagnosis.as_ref()
            }

            /// The connections before the present one, as far as they are remembered.
            pub fn history(&self) -> &History {
                &self.plan.history
            }

            /// What was seen so far of the present connection.
            pub fn evidence(&self) -> Option<Evidence> {
                self.socket().map(WebSocket::evidence)
            }

            /// How the present connection came about; of one that did not, the error tells.
            pub fn dial(&self) -> Option<&DialRecord> {
                self.socket().and_then(WebSocket::dial)
            }

            /// What is known of the TLS below the present connection, where this crate speaks it.
            pub fn tls(&self) -> Option<&TlsFacts> {
                self.socket().and_then(WebSocket::tls)
            }

            /// What the present connection has done so far, in numbers.
            pub fn stats(&self) -> Option<Stats> {
                self.socket().map(WebSocket::stats)
            }

            /// What is kept in the [`outbox`](Self::outbox): what waits for a connection, and what
            /// one has and may hand back.
            pub fn kept(&self) -> Kept {
                self.plan.outbox().map_or_else(Kept::default, |outbox| outbox.kept())
            }

            /// How many messages the [`outbox`](Self::outbox) has sent again although they had left
            /// before, so that they may have arrived twice.
            pub fn resent(&self) -> u64 {
                self.plan.outbox().map_or(0, |outbox| outbox.resent())
            }

            /// The time on the clock that the decisions and the reports refer to.
            pub fn now(&self) -> Timestamp {
                self.clock.now()
            }
        }

        impl<S> fmt::Debug for Reconnecting<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let state = self.plan.reconnect.state();
                f.debug_struct("Reconnecting").field("state", &state).finish_non_exhaustive()
            }
        }
    };
}

pub(in crate::adapter) use reconnecting;
