//! Messages that are kept across connections: an outbox, sans-IO.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How much an [`Outbox`] holds at most.
///
/// ```
/// use farewell::reconnect::OutboxLimit;
///
/// let limit = OutboxLimit::new(100, 64 * 1024);
/// assert_eq!(OutboxLimit::default(), OutboxLimit::new(1024, 1024 * 1024));
/// # let _ = limit;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLimit {
    /// Messages. Zero counts as one. Default: 1,024.
    pub messages: usize,
    /// Bytes of their payloads. Default: 1 MiB.
    pub bytes: usize,
}

impl OutboxLimit {
    /// So many messages with so many bytes of payload in all.
    #[must_use]
    pub const fn new(messages: usize, bytes: usize) -> Self {
        Self { messages, bytes }
    }

    /// Whether a message of `len` bytes fits in beside these.
    pub(crate) fn has_room(self, kept: Kept, len: usize) -> bool {
        kept.messages < self.messages.max(1) && kept.bytes.saturating_add(len) <= self.bytes
    }
}

impl Default for OutboxLimit {
    fn default() -> Self {
        Self::new(1024, 1024 * 1024)
    }
}

/// How many messages are kept, and of how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Kept {
    /// Messages.
    pub messages: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
}

/// Why an [`Outbox`] did not take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// There is no room at present.
    #[error("the outbox is full")]
    Full,
    /// The message is longer than all that the outbox can hold.
    #[error("the message is longer than the outbox's limit of {limit} bytes")]
    TooLong {
        /// [`OutboxLimit::bytes`].
        limit: usize,
    },
}

/// Messages that are to be sent in order, whatever becomes of connections: those that wait, and an
/// account of those that are with the present connection and may come back.
///
/// It knows no connection, no clock and no kind of message: `M` is whatever is sent. Both adapters'
/// `Reconnecting` execute it; for a runtime of your own:
///
/// 1. [`push`](Self::push) takes a message, or says why not: the one bound is for all that is kept,
///    with the connection or not.
/// 2. While a connection takes more, give it what [`poll_message`](Self::poll_message) returns; one
///    that it refuses goes back with [`handle_refused`](Self::handle_refused).
/// 3. Tell with [`handle_kept`](Self::handle_kept) how much of that may still come back, as
///    [`Session::kept`](crate::Session::kept) says it.
/// 4. After the end, [`handle_ended`](Self::handle_ended) takes back what
///    [`Session::take_unsent`](crate::Session::take_unsent) returns, in front of what waits.
///
/// ```
/// use farewell::reconnect::{Kept, Outbox, OutboxError, OutboxLimit};
///
/// let mut outbox = Outbox::new(OutboxLimit::new(3, 100));
/// for order in ["one", "two", "three"] {
///     outbox.push(order, order.len()).expect("there is room");
/// }
/// assert_eq!(outbox.push("four", 4), Err((OutboxError::Full, "four")));
///
/// // A connection opens and takes two; one of them is known to have arrived when it is lost.
/// assert_eq!((outbox.poll_message(), outbox.poll_message()), (Some("one"), Some("two")));
/// let mut kept = Kept::default();
/// (kept.messages, kept.bytes) = (1, 3);
/// outbox.handle_kept(kept);
/// outbox.push("four", 4).expect("there is room again");
/// outbox.handle_ended([("two", 3, true)]);
/// assert_eq!(outbox.kept().messages, 3);
///
/// // "two" had left: it may arrive twice.
/// assert_eq!(outbox.poll_message(), Some("two"));
/// assert_eq!(outbox.resent(), 1);
/// let rest = [("three", false), ("four", false)];
/// assert_eq!(outbox.take(), rest);
/// ```
#[derive(Debug, Clone)]
pub struct Outbox<M> {
    limit: OutboxLimit,
    /// Each with its length.
    waiting: VecDeque<(M, usize)>,
    /// Of those that wait.
    bytes: usize,
    /// What is with the connection and may come back.
    given: Kept,
    /// How many of all, from the first, have left on an earlier connection. Messages leave in order,
    /// so there is none behind one that has not.
    doubtful: usize,
    resent: u64,
}

impl<M> Outbox<M> {
    /// An empty one.
    #[must_use]
    pub fn new(limit: OutboxLimit) -> Self {
        Self {
            limit,
            waiting: VecDeque::new(),
            bytes: 0,
            given: Kept::default(),
            doubtful: 0,
            resent: 0,
        }
    }

    /// Takes a message with `len` bytes of payload, behind all others.
    ///
    /// # Errors
    ///
    /// The message, and why it was not taken.
    pub fn push(&mut self, message: M, len: usize) -> Result<(), (OutboxError, M)> {
        if let Err(error) = self.check(len) {
            return Err((error, message));
        }
        self.bytes += len;
        self.waiting.push_back((message, len));
        Ok(())
    }

    /// Whether [`push`](Self::push) would take a message of so many bytes.
    ///
    /// # Errors
    ///
    /// Why it would not.
    pub fn check(&self, len: usize) -> Result<(), OutboxError> {
        if len > self.limit.bytes {
            return Err(OutboxError::TooLong { limit: self.limit.bytes });
        }
        if self.limit.has_room(self.kept(), len) { Ok(()) } else { Err(OutboxError::Full) }
    }

    /// The next message for the connection.
    pub fn poll_message(&mut self) -> Option<M> {
        let (message, len) = self.waiting.pop_front()?;
        if self.given.messages < self.doubtful {
            self.resent += 1;
        }
        self.bytes -= len;
        self.given.messages += 1;
        self.given.bytes += len;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(message)
    }

    /// The connection has not taken the message that [`poll_message`](Self::poll_message) returned
    /// last.
    pub fn handle_refused(&mut self, message: M, len: usize) {
        self.given.messages = self.given.messages.saturating_sub(1);
        self.given.bytes = self.given.bytes.saturating_sub(len);
        if self.given.messages < self.doubtful {
            self.resent = self.resent.saturating_sub(1);
        }
        self.bytes += len;
        self.waiting.push_front((message, len));
    }

    /// Of what the connection was given, so much may still come back. Says whether that has made
    /// room.
    pub fn handle_kept(&mut self, kept: Kept) -> bool {
        let gone = self.given.messages.saturating_sub(kept.messages);
        self.doubtful = self.doubtful.saturating_sub(gone);
        self.given.messages -= gone;
        let bytes = if self.given.messages == 0 { 0 } else { kept.bytes.min(self.given.bytes) };
        let room = gone > 0 || bytes < self.given.bytes;
        self.given.bytes = bytes;
        room
    }

    /// The connection has ended. These come back, in their order: each with its length, and whether it
    /// has left and may have arrived.
    pub fn handle_ended(&mut self, back: impl IntoIterator<Item = (M, usize, bool)>) {
        let back: Vec<_> = back.into_iter().collect();
        // What had left before and did not come back is known to have arrived.
        let gone = self.given.messages.saturating_sub(back.len());
        self.doubtful = self.doubtful.saturating_sub(gone);
        self.doubtful = self.doubtful.max(back.iter().take_while(|(.., left)| *left).count());
        self.given = Kept::default();
        for (message, len, _) in back.into_iter().rev() {
            self.bytes += len;
            self.waiting.push_front((message, len));
        }
    }

    /// All messages that wait, in their order, each with whether it left on an earlier connection and
    /// may have arrived. Those that are with the connection come back with its end.
    pub fn take(&mut self) -> Vec<(M, bool)> {
        let doubtful = self.doubtful.saturating_sub(self.given.messages);
        self.doubtful -= doubtful;
        self.bytes = 0;
        let waiting = core::mem::take(&mut self.waiting).into_iter().enumerate();
        waiting.map(|(index, (message, _))| (message, index < doubtful)).collect()
    }

    /// What is kept: what waits, and what is with the connection and may come back.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let Kept { messages, bytes } = self.given;
        Kept { messages: messages + self.waiting.len(), bytes: bytes.saturating_add(self.bytes) }
    }

    /// How many messages wait for a connection, or for room in it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many messages were given to a connection again although they had left on an earlier one:
    /// so many duplicates may have arrived.
    #[must_use]
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// Sets another limit. What is kept stays, and where that is more, nothing is taken before there is
    /// room again.
    pub fn set_limit(&mut self, limit: OutboxLimit) {
        self.limit = limit;
    }

    /// The limit in force.
    #[must_use]
    pub fn limit(&self) -> OutboxLimit {
        self.limit
    }
}
