//! What the application asks of a session. A command that is refused changes nothing.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::outgoing::{Content, Outgoing, SendRefused};
use super::prepared::Frame;
use super::{Opened, RespondError, Session, Stage, Unsent, at_either};
use crate::connection::{Connection, SendError};
use crate::handshake::{Accept, Rejection};
use crate::report::Phase;
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::Data;

impl Session {
    /// The same, but a server's session hands out plain requests, too, which ask for no WebSocket
    /// connection, as [`SessionEvent::Request`](crate::SessionEvent::Request): see
    /// [`Request::is_plain`]. Without this, they are refused with status 426, as one is that is then
    /// accepted all the same.
    ///
    /// Call it before the first byte is handled.
    ///
    /// ```
    /// use farewell::handshake::PlainResponse;
    /// use farewell::{Cause, Config, ReadClosed, Seed, Session, SessionEvent, Timestamp};
    ///
    /// let now = Timestamp::ZERO;
    /// let session = Session::server(Config::default(), Seed::new([1; 32]), now);
    /// let mut session = session.with_plain_requests();
    /// let mut bytes = *b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    /// let event = session.poll_event(&mut &mut bytes[..], now);
    /// let Some(SessionEvent::Request(request)) = event else { panic!("it is a request") };
    /// assert!(request.is_plain() && request.path() == "/health");
    /// session.reject(PlainResponse::new(200)?.body("ok\n"), now)?;
    /// # session.handle_flushed(usize::MAX, now);
    /// # session.handle_read_closed(ReadClosed::Eof, now);
    /// // Once the response was written and the client has hung up:
    /// let event = session.poll_event(&mut &mut [][..], now);
    /// let Some(SessionEvent::Ended(report)) = event else { panic!("it is over") };
    /// assert_eq!(report.cause, Cause::PlainRequest { status: 200 });
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// [`Request::is_plain`]: crate::handshake::Request::is_plain
    #[must_use]
    pub fn with_plain_requests(mut self) -> Self {
        if let Some(opening) = self.stage.opening_mut() {
            opening.hand_out_plain_requests();
        }
        self
    }

    /// Accepts the request, on a server after [`SessionEvent::Request`].
    ///
    /// The response is queued and the connection is open: messages can be sent at once, and
    /// [`SessionEvent::Open`] comes next.
    ///
    /// # Errors
    ///
    /// [`RespondError::NoRequest`] where no request waits for a response. Of the errors inside
    /// [`RespondError::Response`], a refused Origin is rejected by the session itself, with status
    /// 403; after any other, the request still waits.
    ///
    /// [`SessionEvent::Request`]: crate::SessionEvent::Request
    /// [`SessionEvent::Open`]: crate::SessionEvent::Open
    pub fn accept(
        &mut self,
        accept: impl Borrow<Accept>,
        now: Timestamp,
    ) -> Result<(), RespondError> {
        self.accept_untold(accept.borrow(), now)?;
        let opened = Opened { negotiated: self.negotiated.clone(), response: None };
        self.deferred.get_or_insert_default().opened = Some(Box::new(opened));
        Ok(())
    }

    /// The same without the event, for whoever needs no telling.
    pub(crate) fn accept_untold(
        &mut self,
        accept: &Accept,
        now: Timestamp,
    ) -> Result<(), RespondError> {
        let opening = self.stage.opening_mut().ok_or(RespondError::NoRequest)?;
        let output = self.send_queue.handshake_output();
        let negotiated = opening.accept(accept, output, now)?;
        let early = self.open(negotiated, now);
        if !early.is_empty() {
            self.deferred.get_or_insert_default().early = early;
        }
        Ok(())
    }

    /// Rejects the request, on a server after
    /// [`SessionEvent::Request`](crate::SessionEvent::Request).
    ///
    /// The response is queued. Once it is written, [`wants_shutdown`](Self::wants_shutdown) asks
    /// for the end, and what the client still sends is thrown away until its stream ends or the
    /// linger timeout passes.
    ///
    /// A [plain request](crate::handshake::Request::is_plain) is answered with a
    /// [`PlainResponse`](crate::handshake::PlainResponse), or with any rejection.
    ///
    /// # Errors
    ///
    /// [`RespondError::NoRequest`] where no request waits for a response. [`ResponseError::Status`]
    /// for a response that does not refuse a request for a WebSocket connection, which then still
    /// waits.
    ///
    /// [`ResponseError::Status`]: crate::handshake::ResponseError::Status
    pub fn reject(
        &mut self,
        rejection: impl Into<Rejection>,
        now: Timestamp,
    ) -> Result<(), RespondError> {
        let opening = self.stage.opening_mut().ok_or(RespondError::NoRequest)?;
        opening.reject(&rejection.into(), self.send_queue.handshake_output(), now)
    }

    /// Queues a whole message: text, bytes, a [`Message`](crate::Message) or a
    /// [`Prepared`](crate::Prepared) one.
    ///
    /// Nothing waits for a transport here, so `feed`, [`try_feed`](Self::try_feed) and
    /// [`send`](Self::send) are three names for this; on a socket they differ in what they wait for.
    /// What is queued is in [`output`](Self::output) at once.
    ///
    /// A borrowed payload is copied, once; a large owned one is not copied on a server, nor is a
    /// prepared one. A message longer than [`Config::fragment_size`](crate::Config::fragment_size)
    /// leaves in fragments. Where compression was agreed on, it is compressed, unless it is
    /// [`uncompressed`](Outgoing::uncompressed).
    ///
    /// # Errors
    ///
    /// [`SendRefused`] with the message in it: [`SendError::Full`] where the pending output is over
    /// its limit, and where the session is not open, is closing, or is in the middle of a message
    /// that [`send_fragment`](Self::send_fragment) began.
    #[inline]
    pub fn feed<'a>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'a>> {
        let message = message.into();
        if self.feed_direct(&message, now) { Ok(()) } else { self.feed_whole(message, now) }
    }

    /// Queues a message, as [`feed`](Self::feed) does.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed).
    #[inline]
    pub fn try_feed<'a>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'a>> {
        self.feed(message, now)
    }

    /// Queues a message, as [`feed`](Self::feed) does. It is sent once the output is written.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed).
    #[inline]
    pub fn send<'a>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'a>> {
        self.feed(message, now)
    }

    /// Queues a message if it is accepted, and nothing has to be done with it but to frame it and to
    /// copy it. Most messages are such, and go this way without a detour through memory; it comes to
    /// the same as [`feed_whole`](Self::feed_whole).
    #[inline]
    pub(crate) fn feed_direct(&mut self, message: &Outgoing<'_>, now: Timestamp) -> bool {
        if let Some(prepared) = message.prepared() {
            return self.feed_frame(prepared.plain(), now);
        }
        let (Some(bytes), Stage::Open(connection)) = (message.to_copy(), &mut self.stage) else {
            return false;
        };
        let direct = self.deflate.is_none() && self.send_queue.takes_direct(bytes.len());
        if !direct || !connection.takes_message() {
            return false;
        }
        self.send_queue.add_direct(message.kind(), bytes, connection, now);
        true
    }

    /// The same of a frame that was made before.
    #[inline(never)]
    fn feed_frame(&mut self, frame: &Frame, now: Timestamp) -> bool {
        let Stage::Open(connection) = &mut self.stage else { return false };
        let takes = self.deflate.is_none()
            && self.send_queue.takes_direct(frame.payload().len())
            && connection.takes_message();
        takes && self.send_queue.add_direct_frame(frame, connection, now)
    }

    #[inline(never)]
    fn feed_whole<'a>(
        &mut self,
        message: Outgoing<'a>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'a>> {
        let len = message.len() as u64;
        match self.sending().and_then(|connection| connection.accept_message(len, now)) {
            Ok(()) => {
                self.queue_whole(message);
                Ok(())
            }
            Err(reason) => Err(SendRefused { reason, message }),
        }
    }

    /// Queues a message that was accepted.
    fn queue_whole(&mut self, message: Outgoing<'_>) {
        let Outgoing { content, compress } = message;
        let Some(connection) = self.stage.connection_mut() else { return };
        let deflate = self.deflate.as_deref_mut();
        match content {
            Content::Message(message) => {
                let (kind, payload) = (message.kind(), message.into_payload());
                self.send_queue.add_message(kind, payload, compress, deflate, connection);
            }
            Content::Prepared(prepared) => {
                self.send_queue.add_prepared(&prepared, compress, deflate, connection);
            }
        }
    }

    /// Queues a piece of a message whose length is not known yet (RFC 6455 section 5.4).
    ///
    /// The first piece begins the message and the one with `fin` ends it; it may be empty. Until
    /// then no other message can be sent. Where compression was agreed on, the message is compressed
    /// piece by piece, so that each can be read once it has arrived.
    ///
    /// # Errors
    ///
    /// [`SendError`] as for [`send`](Self::send), and where the piece is text and its message
    /// binary or the other way round.
    pub fn send_fragment<'a>(
        &mut self,
        data: impl Into<Data<'a>>,
        fin: bool,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let data = data.into();
        let len = data.as_bytes().len() as u64;
        let opcode = self.sending_parts()?.next_fragment(data.kind(), len, fin, now)?;
        if let Some(connection) = self.stage.connection_mut() {
            let deflate = self.deflate.as_deref_mut();
            self.send_queue.add_fragment(opcode, data, fin, deflate, connection);
        }
        Ok(())
    }

    /// Queues a Ping of the application's own, of at most 125 bytes (RFC 6455 section 5.5.2).
    ///
    /// The heartbeat pings by itself and measures round trips; this one is neither tracked nor
    /// timed.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the session is not open or is closing, the output that is ready to leave
    /// is over the limit of pending output, or the payload is too long.
    pub fn ping(&mut self, payload: &[u8], now: Timestamp) -> Result<(), SendError> {
        if self.send_queue.is_full_of_frames() && self.is_writable() {
            return Err(SendError::Full);
        }
        self.send_queue.add_ping(payload, self.stage.open_mut()?, now)
    }

    /// Queues a Close, and so starts the closing handshake (RFC 6455 section 7.1.2).
    ///
    /// Everything that was accepted before goes out first; what cannot within the close timeout is
    /// reported as dropped. Messages keep coming in until the peer's Close does. The end comes
    /// within the close timeout and the linger timeout.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the session is not open, a Close was already queued or received, or the
    /// transport takes no more writes.
    pub fn queue_close(
        &mut self,
        frame: impl Into<CloseFrame>,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let connection = self.stage.open_mut()?;
        self.send_queue.ping_before_close(connection);
        connection.close(frame, now)?;
        // The Close is queued here and not when the output is asked for, so that its place among
        // the Pongs does not depend on how the input was split.
        self.send_queue.fill(connection);
        Ok(())
    }

    /// Queues a Close, as [`queue_close`](Self::queue_close) does. The end comes from
    /// [`poll_event`](Self::poll_event); on a socket, `close` waits for it.
    ///
    /// # Errors
    ///
    /// As for [`queue_close`](Self::queue_close).
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Timestamp) -> Result<(), SendError> {
        self.queue_close(frame, now)
    }

    /// Ends the session at once, without a closing handshake.
    ///
    /// [`SessionEvent::Ended`](crate::SessionEvent::Ended) comes next; then the transport is to be
    /// dropped.
    pub fn abort(&mut self, now: Timestamp) {
        at_either!(&mut self.stage, at => at.abort(now));
    }

    /// Ends without the peer's part in an end that has begun, and with what is known of it.
    pub(crate) fn stop_waiting(&mut self, now: Timestamp) {
        match &mut self.stage {
            Stage::Opening(opening) => opening.stop_waiting(now),
            Stage::Open(connection) => connection.abort(now),
        }
    }

    /// Logs every whole message accepted from now on until the transport has accepted its last
    /// byte, so that [`take_unsent`](Self::take_unsent) can hand it back after the end.
    ///
    /// For whoever reconnects: what was accepted and did not leave is then not lost with the
    /// session. A message made of [`Bytes`](bytes::Bytes) is shared rather than copied, though a
    /// client cannot mask it in place any more; pending output takes up to twice the memory. A
    /// message sent in pieces by [`send_fragment`](Self::send_fragment) is not logged: whoever made
    /// the pieces has them.
    ///
    /// ```
    /// use farewell::handshake::Negotiated;
    /// use farewell::{Config, Message, Role, Seed, Session, SessionEvent, Timestamp};
    ///
    /// let now = Timestamp::ZERO;
    /// let negotiated = Negotiated::default();
    /// let seed = Seed::new([1; 32]);
    /// let mut session = Session::upgraded(Role::Client, negotiated, Config::default(), seed, now);
    /// session.keep_unsent();
    /// session.send("one", now)?;
    /// session.send("two", now)?;
    /// // A client's frame with three bytes has nine. The transport takes ten, then all is over.
    /// session.handle_flushed(10, now);
    /// session.abort(now);
    /// let Some(SessionEvent::Ended(_)) = session.poll_event(&mut &mut [][..], now) else { panic!() };
    /// let unsent = session.take_unsent();
    /// assert_eq!(unsent.len(), 1);
    /// assert_eq!((&unsent[0].message, unsent[0].partly), (&Message::from("two"), true));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn keep_unsent(&mut self) {
        self.send_queue.keep_unsent();
    }

    /// The messages that were accepted since [`keep_unsent`](Self::keep_unsent) and did not leave, or
    /// were accepted since [`keep_unconfirmed`](Self::keep_unconfirmed) and are not confirmed, in
    /// order, after [`SessionEvent::Ended`](crate::SessionEvent::Ended). Before, and a second time,
    /// there are none.
    ///
    /// Without `keep_unconfirmed`, a message is not among them once the transport has accepted its
    /// last byte. Whether the peer has got it then, only a reply of the peer's own can tell.
    pub fn take_unsent(&mut self) -> Vec<Unsent> {
        if self.phase() == Phase::Ended { self.send_queue.take_unsent() } else { Vec::new() }
    }

    /// How many messages in parts, from [`send_fragment`](Self::send_fragment), have not left whole
    /// since [`keep_unsent`](Self::keep_unsent), one that is not finished among them. Nobody keeps
    /// them: whoever made the parts has them. Ask for it before [`take_unsent`](Self::take_unsent).
    ///
    /// ```
    /// use farewell::handshake::Negotiated;
    /// use farewell::{Config, Role, Seed, Session, Timestamp};
    ///
    /// let (now, negotiated) = (Timestamp::ZERO, Negotiated::default());
    /// let seed = Seed::new([1; 32]);
    /// let mut session = Session::upgraded(Role::Client, negotiated, Config::default(), seed, now);
    /// session.keep_unsent();
    /// session.send_fragment("the beginning", false, now)?;
    /// session.handle_flushed(usize::MAX, now);
    /// session.abort(now);
    /// assert_eq!(session.unsent_in_parts(), 1);
    /// # Ok::<(), farewell::SendError>(())
    /// ```
    #[must_use]
    pub fn unsent_in_parts(&self) -> u64 {
        let Some(skipped) = self.send_queue.skipped() else { return 0 };
        let open = self.stage.connection().is_some_and(Connection::is_fragmenting);
        skipped + u64::from(open)
    }

    /// The connection, if it is open and another message may be queued.
    #[inline]
    fn sending(&mut self) -> Result<&mut Connection, SendError> {
        let full = self.is_full() || self.is_full_of_unconfirmed();
        if full { Err(SendError::Full) } else { self.stage.open_mut() }
    }

    /// The same for what is no message that could be kept until it is confirmed.
    #[inline]
    fn sending_parts(&mut self) -> Result<&mut Connection, SendError> {
        if self.is_full() { Err(SendError::Full) } else { self.stage.open_mut() }
    }

    /// Whether the pending output is over its limit, and no message is accepted therefore.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.send_queue.is_full() && self.is_writable()
    }

    /// Whether so much is unconfirmed that no message is accepted.
    #[inline]
    pub(crate) fn is_full_of_unconfirmed(&self) -> bool {
        self.send_queue.is_full_of_unconfirmed() && self.is_writable()
    }

    /// Whether there is no better reason to refuse a message than a full queue.
    pub(super) fn is_writable(&self) -> bool {
        self.phase() == Phase::Open && !at_either!(&self.stage, at => at.is_silent())
    }
}
