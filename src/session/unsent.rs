//! A log of the messages that were accepted and may not have arrived, so that they can be handed
//! back.
//!
//! Invariant: the log has the whole messages accepted since it began, each once, in the order in
//! which they were accepted, up to the moment when they are let go: when the transport has accepted
//! the last byte, or, where that is asked for, when a Pong has shown that the peer has read past it.
//! A session that was not asked for it has nothing of this but an empty pointer.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::outgoing::{self, Outgoing};
use crate::reconnect::{Kept, OutboxLimit};
use crate::wire::data::MessageKind;
use crate::wire::message::{Message, Payload};

/// As many Pings at most are remembered of which the Pong has not come.
const PINGS: usize = 4;

/// A message that was accepted for sending and may not have arrived.
///
/// From [`Session::take_unsent`](crate::Session::take_unsent). One of which not everything has
/// [left](Self::left) was not received: the peer's application never gets a message of which a part
/// is missing, so sending it again on the next connection does not send it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsent {
    /// The message, as it was accepted.
    pub message: Message<'static>,
    /// Whether the transport has accepted some of its bytes, and not all. A peer that looks at the
    /// pieces of a message before its end may have seen them.
    pub partly: bool,
    /// Whether the transport has accepted all of its bytes, and nothing has shown that the peer has
    /// read them: it may have arrived, so that sending it again may send it twice. Only after
    /// [`Session::keep_unconfirmed`](crate::Session::keep_unconfirmed).
    pub left: bool,
    /// Whether it was sent as one that is not to be compressed.
    pub uncompressed: bool,
}

impl Unsent {
    /// The message to be sent again, as it was sent first.
    ///
    /// ```
    /// # fn resend(session: &mut farewell::Session, unsent: farewell::Unsent, now: farewell::Timestamp) {
    /// let result = session.feed(unsent.into_outgoing(), now);
    /// # }
    /// ```
    #[must_use]
    pub fn into_outgoing(self) -> Outgoing<'static> {
        let message = Outgoing::from(self.message);
        if self.uncompressed { message.uncompressed() } else { message }
    }

    /// One that was never with any transport.
    #[cfg(feature = "std")]
    pub(crate) fn new(message: Outgoing<'_>) -> Self {
        let uncompressed = !message.compress;
        let message = message.into_message().into_owned();
        Self { message, partly: false, left: false, uncompressed }
    }
}

/// The messages that can be handed back.
///
/// Messages leave in the order in which they were accepted, so each is known by its number.
#[derive(Debug)]
pub(super) struct UnsentLog {
    messages: VecDeque<Entry>,
    /// Payload bytes of all of them.
    bytes: usize,
    /// Messages that were accepted to their end, and of these, how many have left. Both count from
    /// the first message that had not left when the log began.
    accepted: u64,
    left: u64,
    /// The number of the first one that was accepted since.
    start: u64,
    /// Where messages are kept until they are confirmed.
    confirmation: Option<Box<Confirmation>>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    kind: MessageKind,
    payload: Bytes,
    compress: bool,
}

/// Which Pings are under way, and what their Pongs will show.
#[derive(Debug)]
struct Confirmation {
    limit: OutboxLimit,
    /// Makes the payloads unpredictable.
    nonce: u64,
    /// Pings that were queued; the number of the latest.
    sent: u64,
    /// Those whose Pong has not come: the number, and how many messages lie before it.
    pings: VecDeque<(u64, u64)>,
    /// Messages that lie before some Ping.
    covered: u64,
    /// A Ping of somebody else's was queued behind the latest, whose Pong may be the only one to
    /// come.
    overtaken: bool,
}

impl UnsentLog {
    /// Begins behind the messages that were accepted before and have not left.
    pub(super) fn new(accepted_before: u64) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            accepted: accepted_before,
            left: 0,
            start: accepted_before,
            confirmation: None,
        }
    }

    /// From now on, messages are kept until a Pong shows that the peer has read past them.
    pub(super) fn confirm(&mut self, limit: OutboxLimit, nonce: u64) {
        let confirmation = Confirmation {
            limit,
            nonce,
            sent: 0,
            pings: VecDeque::new(),
            covered: self.accepted,
            overtaken: false,
        };
        self.confirmation.get_or_insert_with(|| Box::new(confirmation));
    }

    /// A whole message was accepted. Returns its payload, shared with the log.
    pub(super) fn add(
        &mut self,
        kind: MessageKind,
        payload: Payload<'_>,
        compress: bool,
    ) -> Payload<'static> {
        let payload = payload.into_bytes();
        let number = self.accepted;
        self.messages.push_back(Entry { number, kind, payload: payload.clone(), compress });
        self.bytes += payload.len();
        self.accepted += 1;
        Payload::Owned(payload)
    }

    /// The end of a message was accepted that is not to be handed back.
    pub(super) fn skip(&mut self) {
        self.accepted += 1;
    }

    /// So many messages more have left.
    pub(super) fn handle_left(&mut self, messages: u64) {
        self.left += messages;
        if self.confirmation.is_none() {
            self.let_go(self.left);
        }
    }

    /// Lets go of the messages before this number.
    fn let_go(&mut self, number: u64) {
        while let Some(entry) = self.messages.front().filter(|entry| entry.number < number) {
            self.bytes -= entry.payload.len();
            self.messages.pop_front();
        }
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    /// What is held.
    pub(super) fn kept(&self) -> Kept {
        Kept { messages: self.messages.len(), bytes: self.bytes }
    }

    /// How many messages have not left that are not to be handed back.
    pub(super) fn skipped(&self) -> u64 {
        let first = self.left.max(self.start);
        let left = self.messages.partition_point(|entry| entry.number < first);
        (self.accepted - first) - (self.messages.len() - left) as u64
    }

    /// Whether so much is unconfirmed that nothing more is to be accepted.
    pub(super) fn is_full(&self) -> bool {
        let limit = self.confirmation.as_ref().map(|confirmation| confirmation.limit);
        limit.is_some_and(|limit| !limit.has_room(self.kept(), 0))
    }

    /// Messages up to the last one in the log that is framed to its end, if the ends of so many are
    /// not.
    fn framed(&self, unframed: u64) -> u64 {
        let logged = self.messages.back().map_or(0, |last| last.number + 1);
        logged.min(self.accepted.saturating_sub(unframed))
    }

    /// Whether a Ping is due: a message is framed that lies behind every Ping, and none is under way
    /// whose Pong would be the time for the next.
    pub(super) fn wants_ping(&self, unframed: u64) -> bool {
        self.confirmation.as_ref().is_some_and(|confirmation| {
            confirmation.pings.is_empty() && self.framed(unframed) > confirmation.covered
        })
    }

    /// Whether a Ping is worth it although one is under way: none can follow any more.
    pub(super) fn wants_last_ping(&self, unframed: u64) -> bool {
        let covered = self.confirmation.as_ref().map(|confirmation| confirmation.covered);
        covered.is_some_and(|covered| self.framed(unframed) > covered)
    }

    /// The payload of the next Ping, which is queued at once behind what is framed, where this log
    /// has to do with it.
    pub(super) fn ping(&mut self, unframed: u64) -> Option<[u8; 8]> {
        let framed = self.framed(unframed);
        let confirmation = self.confirmation.as_mut()?;
        confirmation.sent += 1;
        confirmation.covered = confirmation.covered.max(framed);
        confirmation.overtaken = false;
        if confirmation.pings.len() >= PINGS {
            // What its Pong would have shown, those of later ones show as well.
            confirmation.pings.pop_front();
        }
        confirmation.pings.push_back((confirmation.sent, confirmation.covered));
        Some(confirmation.nonce.wrapping_add(confirmation.sent).to_be_bytes())
    }

    /// A Ping of somebody else's was queued.
    pub(super) fn handle_other_ping(&mut self) {
        if let Some(confirmation) = &mut self.confirmation {
            confirmation.overtaken = true;
        }
    }

    /// A Pong came. Returns whether another Ping has to take the place of one whose Pong may never
    /// come; `is_heartbeat` says that it is for the heartbeat's latest Ping.
    pub(super) fn handle_pong(&mut self, payload: &[u8], is_heartbeat: bool) -> bool {
        let Some(confirmation) = &mut self.confirmation else { return false };
        let number = payload.try_into().map(u64::from_be_bytes).unwrap_or_default();
        let number = number.wrapping_sub(confirmation.nonce);
        let ours = payload.len() == 8 && (1..=confirmation.sent).contains(&number);
        if !ours {
            //= rfc6455#5.5.3
            //# If an endpoint receives a Ping frame and has not yet sent Pong
            //# frame(s) in response to previous Ping frame(s), the endpoint MAY
            //# elect to send a Pong frame for only the most recently processed Ping
            //# frame.
            let again = is_heartbeat || confirmation.overtaken;
            return again && !confirmation.pings.is_empty();
        }
        let mut confirmed = 0;
        while let Some((_, before)) = confirmation.pings.front().filter(|ping| ping.0 <= number) {
            confirmed = *before;
            confirmation.pings.pop_front();
        }
        self.let_go(confirmed);
        false
    }

    /// The messages, where a part of the one that leaves next has left already or not.
    pub(super) fn into_unsent(self, begun: bool) -> Vec<Unsent> {
        let first = self.left;
        let unsent = self.messages.into_iter().map(|entry| Unsent {
            partly: begun && entry.number == first,
            left: entry.number < first,
            uncompressed: !entry.compress,
            message: outgoing::whole(entry.kind, entry.payload),
        });
        unsent.collect()
    }
}
