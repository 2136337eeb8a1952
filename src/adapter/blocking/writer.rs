//! One message, written piece by piece.

use core::fmt;
use std::io::{self, Write};

use super::WebSocket;
use super::access::Access;
use super::split::Sender;
use super::transport::{Socket, Transport};
use super::turn::Turn;
use crate::adapter::pieces::{PART, Pending, flushed, refused};
use crate::connection::SendError;
use crate::wire::data::MessageKind;

/// One message of any length, written piece by piece: a [`Write`].
///
/// From `message_writer` of [`WebSocket`] and [`Sender`]. It sends fragments of 32 KiB, or what there
/// is at a `flush`, and holds no more than one. [`finish`](Self::finish) ends the message.
///
/// One that is dropped before takes along what it holds: unlike a [`BufWriter`](io::BufWriter), it does
/// not wait to send that. Where it has sent nothing, no message was begun, and others can be sent. Where
/// it has, the message stays open without what was held, and nothing else can be sent until
/// `send_fragment` or another writer of the same kind ends it. A `flush` before leaves nothing out but a
/// part of a character.
///
/// What is written into a text message has to be UTF-8, wherever it is cut: else the error is
/// [`InvalidData`](io::ErrorKind::InvalidData), and the message stays open. Other errors have the
/// [`SendError`] in them, or, where the connection is over, the report.
///
/// ```no_run
/// use farewell::{MessageKind, blocking};
///
/// let mut socket = blocking::connect("ws://127.0.0.1:9001/")?;
/// let mut message = socket.message_writer(MessageKind::Binary);
/// std::io::copy(&mut std::fs::File::open("/tmp/long")?, &mut message)?;
/// message.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
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

impl<A: Access> Turn<A> {
    /// Queues what is pending as soon as there is room.
    fn send_part(&mut self, pending: &mut Pending, fin: bool) -> io::Result<()> {
        if self.access.with(|driver| driver.session().pending_output()) > PART {
            self.flush_or_report()?;
        }
        let data = pending.part(fin)?;
        let len = data.as_bytes().len();
        if len > 0 || fin {
            let result = self.queue_other(|session, now| session.send_fragment(data, fin, now));
            self.or_report(result)?;
            pending.sent(len, fin);
        }
        Ok(())
    }

    pub(super) fn flush_or_report(&mut self) -> io::Result<()> {
        let result = self.flush();
        self.access.with(|driver| flushed(result, driver.ended()))
    }

    /// The result as an error of the standard library, with the report where there is one.
    pub(super) fn or_report(&mut self, result: Result<(), SendError>) -> io::Result<()> {
        let Err(error) = result else { return Ok(()) };
        Err(self.access.with(|driver| refused(error, driver.ended())))
    }
}

macro_rules! writer_to {
    ($($type:ident: $bound:ident),*) => {$(
        impl<S: $bound> Write for MessageWriter<'_, $type<S>> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.pending.is_full() {
                    self.to.turn.send_part(&mut self.pending, false)?;
                }
                self.pending.take(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                if !self.pending.is_finished() {
                    self.to.turn.send_part(&mut self.pending, false)?;
                }
                self.to.turn.flush_or_report()
            }
        }

        impl<S: $bound> MessageWriter<'_, $type<S>> {
            /// Ends the message, and waits until all of it is with the transport.
            ///
            /// # Errors
            ///
            /// Why it cannot be sent.
            pub fn finish(mut self) -> io::Result<()> {
                self.to.turn.send_part(&mut self.pending, true)?;
                self.to.turn.flush_or_report()
            }
        }
    )*};
}

writer_to!(WebSocket: Transport, Sender: Socket);
