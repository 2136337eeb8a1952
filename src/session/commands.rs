//! What the application asks of a session. A command that is refused changes nothing.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::outgoing::{Content, Outgoing, SendRefused};
use super::send_queue::Part;
use super::{Deferred, Opened, Prepared, Session, Stage, Unsent};
use crate::connection::Connection;
use crate::connection::SendError;
use crate::handshake::{Accept, Rejection, ResponseError};
use crate::report::Cause;
use crate::report::Phase;
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::data::{Data, MessageKind};
use crate::wire::frame::{OpCode, RSV1};
use crate::wire::message::Payload;

impl Session {
    /// Accepts the request, on a server after [`SessionEvent::Request`].
    ///
    /// The response is queued and the connection is open: messages can be sent at once, and
    /// [`SessionEvent::Open`] comes next.
    ///
    /// # Errors
    ///
    /// [`AnswerError::NoRequest`] where no request waits for an answer. Of the errors inside
    /// [`AnswerError::Response`], a refused Origin is answered by the session itself, with status
    /// 403; after any other, the request still waits.
    ///
    /// [`SessionEvent::Request`]: crate::SessionEvent::Request
    /// [`SessionEvent::Open`]: crate::SessionEvent::Open
    pub fn accept(
        &mut self,
        accept: impl Borrow<Accept>,
        now: Timestamp,
    ) -> Result<(), AnswerError> {
        let Stage::Opening(opening) = &mut self.stage else { return Err(AnswerError::NoRequest) };
        let queue = &mut self.outgoing.queue;
        let Some(request) = opening.request() else { return Err(AnswerError::NoRequest) };
        let compression = self.config.compression();
        let accept = accept.borrow();
        let answer = queue.write_handshake(|out| accept.answer(request, compression, out));
        match answer {
            Ok(negotiated) => {
                let opened = Box::new(Opened { negotiated: negotiated.clone(), response: None });
                let early = self.open(negotiated, now);
                self.kept =
                    Some(Box::new(Deferred { opened: Some(opened), early, read_closed: None }));
                Ok(())
            }
            Err(error) => {
                if let ResponseError::Refused(error) = error {
                    opening.refuse_invalid(error, queue, now);
                }
                Err(error.into())
            }
        }
    }

    /// Rejects the request, on a server after
    /// [`SessionEvent::Request`](crate::SessionEvent::Request).
    ///
    /// The response is queued. Once it is written, [`wants_shutdown`](Self::wants_shutdown) asks
    /// for the end, and what the client still sends is thrown away until its stream ends or the
    /// linger timeout passes.
    ///
    /// # Errors
    ///
    /// [`AnswerError::NoRequest`] where no request waits for an answer.
    pub fn reject(
        &mut self,
        rejection: impl Borrow<Rejection>,
        now: Timestamp,
    ) -> Result<(), AnswerError> {
        let Stage::Opening(opening) = &mut self.stage else { return Err(AnswerError::NoRequest) };
        if opening.request().is_none() {
            return Err(AnswerError::NoRequest);
        }
        let rejection = rejection.borrow();
        self.outgoing.queue.write_handshake(|out| rejection.write_response(out));
        let status = rejection.status();
        opening.refuse(Cause::HandshakeRejected { status }, status, now);
        Ok(())
    }

    /// Queues a whole message: text, bytes, a [`Message`](crate::Message) or a [`Prepared`] one.
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
    pub fn send<'a>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'a>> {
        let message = message.into();
        if let Err(reason) = self.accept_message(message.len(), now) {
            return Err(SendRefused { reason, message });
        }
        let Outgoing { content, compress } = message;
        match content {
            Content::Message(message) => {
                self.queue_message(message.kind(), message.into_payload(), compress);
            }
            Content::Prepared(prepared) => self.queue_prepared(&prepared, compress),
        }
        Ok(())
    }

    #[inline(never)]
    fn accept_message(&mut self, len: usize, now: Timestamp) -> Result<(), SendError> {
        self.sending()?.accept_message(len as u64, now)
    }

    /// Queues an accepted message.
    #[inline(never)]
    fn queue_message(&mut self, kind: MessageKind, payload: Payload<'_>, compress: bool) {
        let opcode = kind.into();
        // Most sessions do neither, and have it out of their way.
        if self.deflate.is_some() || self.outgoing.keeps() {
            self.add_transformed(opcode, payload, compress);
        } else if let Stage::Open(connection) = &mut self.stage {
            let part = Part { opcode, rsv: 0, fin: true, kept: false, payload };
            self.outgoing.add(part, connection, &self.config);
        }
    }

    /// Queues an accepted message of which a copy is kept or which is compressed.
    #[inline(never)]
    fn add_transformed(&mut self, opcode: OpCode, payload: Payload<'_>, compress: bool) {
        let Stage::Open(connection) = &mut self.stage else { return };
        let (kept, mut payload) = self.outgoing.keep_copy(opcode, payload);
        let mut rsv = 0;
        //= rfc7692#6.1
        //# If this PMCE is the last extension to process outgoing
        //# messages, build frame(s) using the compressed data instead of
        //# the original data for the message payload, set the "Per-
        //# Message Compressed" bit of the first frame, and then send the
        //# frame(s) as described in Section 6.1 of [RFC6455].
        if let Some(deflate) = self.deflate.as_mut().filter(|_| compress) {
            if let Some(compressed) = deflate.compress(&payload) {
                (rsv, payload) = (RSV1, Payload::Owned(compressed));
            }
        }
        let part = Part { opcode, rsv, fin: true, kept, payload };
        self.outgoing.add(part, connection, &self.config);
    }

    /// Queues an accepted message that was framed before; on a server its bytes are shared, not
    /// copied.
    ///
    /// Where compression was agreed on, it is compressed by the first session that needs it so, for
    /// all that agreed on the same window. What it refers to is only itself, so that the next
    /// message of the session begins a new context.
    #[inline(never)]
    fn queue_prepared(&mut self, prepared: &Prepared, compress: bool) {
        let Stage::Open(connection) = &mut self.stage else { return };
        let deflate = self.deflate.as_mut().filter(|_| compress);
        let compressed = deflate.and_then(|deflate| {
            let frame = prepared.compressed(deflate)?;
            deflate.forget();
            Some(frame)
        });
        let (rsv, frame) = compressed.map_or((0, prepared.plain()), |frame| (RSV1, frame));
        let opcode = prepared.kind().into();
        let kept = self.outgoing.keeps();
        if kept {
            self.outgoing.keep_copy(opcode, Payload::Owned(prepared.shared_payload()));
        }
        self.outgoing.add_prepared(opcode, rsv, kept, frame, connection, &self.config);
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
        let opcode = self.sending()?.next_fragment(data.kind(), len, fin, now)?;
        if let Stage::Open(connection) = &mut self.stage {
            let mut payload = Payload::Borrowed(data.as_bytes());
            let mut rsv = 0;
            if let Some(deflate) = &mut self.deflate {
                let first = opcode != OpCode::Continuation;
                if let Some(compressed) = deflate.compress_fragment(&payload, first, fin) {
                    payload = Payload::Owned(compressed);
                    rsv = if first { RSV1 } else { 0 };
                }
            }
            self.outgoing.add(
                Part { opcode, rsv, fin, kept: false, payload },
                connection,
                &self.config,
            );
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
        // It leaves before what is not framed yet, so that does not count.
        self.check_room(self.outgoing.queue.len())?;
        match &mut self.stage {
            Stage::Open(connection) => {
                self.outgoing.queue.write(|out| connection.ping(payload, out, now))
            }
            Stage::Opening(_) => Err(SendError::Opening),
        }
    }

    /// Starts the closing handshake (RFC 6455 section 7.1.2).
    ///
    /// Everything that was accepted before goes out first; what cannot within the close timeout is
    /// reported as dropped. Messages keep coming in until the peer's Close does. The end comes
    /// within the close timeout and the linger timeout.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the session is not open, a Close was already queued or received, or the
    /// transport takes no more writes.
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Timestamp) -> Result<(), SendError> {
        match &mut self.stage {
            Stage::Open(connection) => {
                connection.close(frame, now)?;
                // Queued here and not when the output is asked for, so that its place among the
                // Pongs does not depend on how the input was split.
                self.outgoing.fill(connection, &self.config);
                Ok(())
            }
            Stage::Opening(_) => self.check_room(0),
        }
    }

    /// Ends the session at once, without a closing handshake.
    ///
    /// [`SessionEvent::Ended`](crate::SessionEvent::Ended) comes next; then the transport is to be
    /// dropped.
    pub fn abort(&mut self, now: Timestamp) {
        match &mut self.stage {
            Stage::Open(connection) => connection.abort(now),
            Stage::Opening(opening) => opening.abort(now),
        }
    }

    /// Keeps a copy of every whole message accepted from now on until the transport has accepted
    /// its last byte, so that [`take_unsent`](Self::take_unsent) can hand it back after the end.
    ///
    /// For whoever reconnects: what was accepted and did not leave is then not lost with the
    /// session. A message given as [`Bytes`](bytes::Bytes) is shared rather than copied, though a
    /// client cannot mask it in place any more; pending output takes up to twice the memory. A
    /// message sent in pieces by [`send_fragment`](Self::send_fragment) is not kept: whoever made
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
        self.outgoing.keep();
    }

    /// The messages that were accepted since [`keep_unsent`](Self::keep_unsent) and did not leave,
    /// in order, after [`SessionEvent::Ended`](crate::SessionEvent::Ended). Before, and a second
    /// time, there are none.
    ///
    /// A message is not among them once the transport has accepted its last byte. Whether the peer
    /// has got it then, only an answer of the peer's own can tell.
    pub fn take_unsent(&mut self) -> Vec<Unsent> {
        if self.phase() == Phase::Ended { self.outgoing.take_unsent() } else { Vec::new() }
    }

    /// The connection, if it is open and another message may be queued.
    #[inline]
    fn sending(&mut self) -> Result<&mut Connection, SendError> {
        self.check_room(self.outgoing.held())?;
        match &mut self.stage {
            Stage::Open(connection) => Ok(connection),
            Stage::Opening(_) => Err(SendError::Opening),
        }
    }

    /// Whether the pending output is over its limit, and no message is accepted therefore.
    pub(crate) fn is_full(&self) -> bool {
        self.check_room(self.outgoing.held()) == Err(SendError::Full)
    }

    #[inline]
    fn check_room(&self, pending: usize) -> Result<(), SendError> {
        match &self.stage {
            // Where there are other reasons to refuse, those are more to the point.
            Stage::Open(connection)
                if pending > self.config.limits.pending_output
                    && !self.write_failed
                    && connection.phase() == Phase::Open =>
            {
                Err(SendError::Full)
            }
            Stage::Open(_) => Ok(()),
            Stage::Opening(opening) if opening.is_over() || opening.is_refused() => {
                Err(SendError::Ended)
            }
            //= rfc6455#4.1
            //# Once the client's opening handshake has been sent, the client MUST wait
            //# for a response from the server before sending any further data.
            Stage::Opening(_) => Err(SendError::Opening),
        }
    }
}

/// Why a request could not be answered as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// No request waits for an answer: none has come, it was answered before, or its time is over.
    #[error("no request waits for an answer")]
    NoRequest,
    /// The answer does not fit the request.
    #[error(transparent)]
    Response(#[from] ResponseError),
}
