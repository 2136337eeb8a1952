//! What comes in as `Result`s, for those who want `?`, `try_next` and `forward`.

use alloc::boxed::Box;
#[cfg(feature = "tokio")]
use core::task::Poll;

use super::Incoming;
use crate::report::Termination;
use crate::wire::message::Message;

/// A message, or the report of an unclean end.
pub(super) type Item = Result<Message<'static>, Box<Termination>>;

/// The messages of a socket, up to its end: a `Stream` under tokio, an `Iterator` over blocking.
///
/// An unclean end is the one error, its report; after it, and after a clean end, nothing comes. The
/// report of a clean end is there as well: [`report`](Self::report) has it, and so has the socket's
/// `next()`.
///
/// ```
/// # use std::net::TcpListener;
/// # use farewell::handshake::Origins;
/// # use farewell::{Acceptor, CloseCode, blocking};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     let (stream, _) = listener.accept().unwrap();
/// #     let mut socket = blocking::accept(stream, &Acceptor::new(Origins::Any)).unwrap();
/// #     socket.send("one").unwrap();
/// #     socket.send("two").unwrap();
/// #     socket.close(CloseCode::GOING_AWAY)
/// # });
/// let mut socket = blocking::connect(&url)?;
/// let mut texts = Vec::new();
/// for message in socket.messages() {
///     texts.push(message?.into_text()?); // an end without a Close would be an error here
/// }
/// assert_eq!(texts, ["one", "two"]);
/// assert_eq!(socket.next().into_message().unwrap_err().code, 1001);
/// # server.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "messages come only where they are asked for"]
pub struct Messages<R> {
    socket: R,
    report: Option<Box<Termination>>,
    ended: bool,
}

impl<R> Messages<R> {
    pub(super) fn new(socket: R) -> Self {
        Self { socket, report: None, ended: false }
    }

    /// The report, once a clean end has come.
    #[must_use]
    pub fn report(&self) -> Option<&Termination> {
        self.report.as_deref()
    }

    #[cfg(feature = "tokio")]
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What comes next, up to the end; as soon as the socket has it.
    #[cfg(feature = "tokio")]
    pub(super) fn poll_next_with(
        &mut self,
        poll: impl FnOnce(&mut R) -> Poll<Incoming>,
    ) -> Poll<Option<Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        poll(&mut self.socket).map(|incoming| self.give(incoming))
    }

    /// What comes next, up to the end.
    pub(super) fn next_with(&mut self, next: impl FnOnce(&mut R) -> Incoming) -> Option<Item> {
        if self.ended {
            return None;
        }
        let incoming = next(&mut self.socket);
        self.give(incoming)
    }

    fn give(&mut self, incoming: Incoming) -> Option<Item> {
        match incoming {
            Incoming::Message(message) => Some(Ok(message)),
            Incoming::Ended(report) => {
                self.ended = true;
                if !report.clean {
                    return Some(Err(report));
                }
                self.report = Some(report);
                None
            }
        }
    }
}
