//! The outbox of a `Reconnecting`, shared with the handles that other tasks and threads put messages
//! into.
//!
//! Invariant: nobody holds the lock while anything waits, and what is decided is decided by the
//! [`Outbox`].

use alloc::sync::Arc;
use alloc::vec::Vec;
#[cfg(feature = "tokio")]
use core::task::Waker;
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "tokio")]
use tokio::sync::Notify;

use crate::adapter::lock;
use crate::connection::SendError;
use crate::reconnect::{Kept, Outbox, OutboxLimit};
use crate::session::{Outgoing, SendRefused, Unsent};

/// The outbox with those who wait at it.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Threads that wait for room.
    room: Condvar,
    /// Tasks that do.
    #[cfg(feature = "tokio")]
    pub(super) notify: Notify,
}

struct State {
    outbox: Outbox<Unsent>,
    /// How many messages were ever put in, but for those that were taken out: each is known by its
    /// number.
    pushed: u64,
    /// The message of which a part has left on an earlier connection, and not all. Messages leave in
    /// order, so there is one at most.
    partly: Option<u64>,
    /// No connection will take anything, unless it is started again.
    over: bool,
    /// The task that sends what is put in.
    #[cfg(feature = "tokio")]
    owner: Option<Waker>,
}

/// What a connection has taken of an outbox.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pumped {
    /// So many messages.
    pub(super) given: usize,
    /// Why it has refused another one, if it has.
    pub(super) refused: Option<SendError>,
}

impl State {
    /// The number of the first message that waits.
    fn first_waiting(&self) -> u64 {
        self.pushed.saturating_sub(self.outbox.waiting() as u64)
    }
}

impl Shared {
    pub(super) fn new(limit: OutboxLimit) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                outbox: Outbox::new(limit),
                pushed: 0,
                partly: None,
                over: false,
                #[cfg(feature = "tokio")]
                owner: None,
            }),
            room: Condvar::new(),
            #[cfg(feature = "tokio")]
            notify: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What is in it stays, be it more than that.
    pub(super) fn limit_to(&self, limit: OutboxLimit) {
        self.state().outbox.set_limit(limit);
    }

    pub(super) fn limit(&self) -> OutboxLimit {
        self.state().outbox.limit()
    }

    /// Puts a message in, if there is room.
    pub(super) fn push<'m>(&self, message: Outgoing<'m>) -> Result<(), SendRefused<'m>> {
        let mut state = self.state();
        let len = message.len();
        let room = if state.over {
            Err(SendError::Ended)
        } else {
            state.outbox.check(len).map_err(SendError::from)
        };
        if let Err(reason) = room {
            return Err(SendRefused { reason, message });
        }
        // There is room, as nobody else had the lock in between.
        drop(state.outbox.push(Unsent::new(message), len));
        state.pushed += 1;
        #[cfg(feature = "tokio")]
        if let Some(owner) = state.owner.take() {
            drop(state);
            owner.wake();
        }
        Ok(())
    }

    /// As [`push`](Self::push), waiting for room, for so long at most.
    pub(super) fn push_within<'m>(
        &self,
        message: Outgoing<'m>,
        limit: Option<Duration>,
    ) -> Result<(), SendRefused<'m>> {
        let len = message.len();
        let full = |state: &mut State| {
            !state.over
                && state.outbox.check(len).map_err(SendError::from) == Err(SendError::OutboxFull)
        };
        let state = self.state();
        let state = match limit {
            None => self.room.wait_while(state, full).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.room.wait_timeout_while(state, limit, full);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        drop(state);
        self.push(message)
    }

    /// Whether a message of some bytes would be taken.
    pub(super) fn is_full(&self) -> bool {
        self.state().outbox.check(0).is_err()
    }

    /// Gives what waits to `feed`, so many messages at most, until that refuses one.
    pub(super) fn pump(
        &self,
        most: usize,
        mut feed: impl FnMut(Outgoing<'static>) -> Result<(), SendRefused<'static>>,
    ) -> Pumped {
        let mut pumped = Pumped::default();
        while pumped.given < most {
            let Some(unsent) = self.state().outbox.poll_message() else { break };
            if let Err(SendRefused { message, reason }) = feed(unsent.into_outgoing()) {
                let len = message.len();
                self.state().outbox.handle_refused(Unsent::new(message), len);
                pumped.refused = Some(reason);
                break;
            }
            pumped.given += 1;
        }
        pumped
    }

    /// So much of what was given is still kept there.
    pub(super) fn handle_kept(&self, kept: Kept) {
        let room = self.state().outbox.handle_kept(kept);
        if room {
            self.wake();
        }
    }

    /// The connection has ended, and these come back.
    pub(super) fn handle_ended(&self, unsent: Vec<Unsent>) {
        let partly = unsent.iter().position(|unsent| unsent.partly);
        let back = unsent.into_iter().map(|unsent| {
            let (len, left) = (unsent.message.len(), unsent.left);
            (unsent, len, left)
        });
        let mut state = self.state();
        state.outbox.handle_ended(back);
        if let Some(index) = partly {
            state.partly = Some(state.first_waiting() + index as u64);
        }
        drop(state);
        self.wake();
    }

    /// All that waits.
    pub(super) fn take(&self) -> Vec<Unsent> {
        let mut state = self.state();
        let (first, partly) = (state.first_waiting(), state.partly);
        let waiting = state.outbox.take();
        state.pushed = first;
        // Those that are put in later get the numbers of these.
        state.partly.take_if(|number| *number >= first);
        drop(state);
        self.wake();
        let waiting = waiting.into_iter().zip(first..).map(|((unsent, left), number)| {
            let partly = partly == Some(number) && !left;
            Unsent { partly, left, ..unsent }
        });
        waiting.collect()
    }

    pub(super) fn kept(&self) -> Kept {
        self.state().outbox.kept()
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().outbox.waiting()
    }

    pub(super) fn resent(&self) -> u64 {
        self.state().outbox.resent()
    }

    /// Whether there is anybody who puts messages in for the connection to take, or may.
    pub(super) fn set_over(&self, over: bool) {
        let changed = core::mem::replace(&mut self.state().over, over) != over;
        if changed {
            self.wake();
        }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn register(&self, owner: &Waker) {
        match &mut self.state().owner {
            Some(set) => set.clone_from(owner),
            none => *none = Some(owner.clone()),
        }
    }

    fn wake(&self) {
        self.room.notify_all();
        #[cfg(feature = "tokio")]
        self.notify.notify_waiters();
    }
}

/// The outbox as its owner has it: without the owner, it takes nothing more.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// What an ended connection has not sent is sent on the next one, and not handed back.
    pub(super) resends: bool,
}

impl Keeper {
    /// Whether others may put messages in at any time.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.set_over(true);
    }
}

/// What the handles of both adapters have in common.
macro_rules! outbox_sender {
    () => {
        /// Puts a message into the outbox, and never waits.
        ///
        /// # Errors
        ///
        /// The message, with the reason why it was not taken: [`SendError::OutboxFull`]; or
        /// [`SendError::OverOutboxLimit`] for one that never will be; or [`SendError::Ended`] once
        /// the `Reconnecting` is gone, was stopped or has given up.
        pub fn try_send<'m>(
            &self,
            message: impl Into<Outgoing<'m>>,
        ) -> Result<(), SendRefused<'m>> {
            self.0.push(message.into())
        }

        /// What is kept in the outbox, whoever has put it there.
        #[must_use]
        pub fn kept(&self) -> Kept {
            self.0.kept()
        }
    };
}

pub(super) use outbox_sender;

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::Shared;
    use crate::connection::SendError;
    use crate::reconnect::OutboxLimit;
    use crate::session::{Outgoing, SendRefused, Unsent};
    use crate::wire::message::Message;

    fn refuse(message: Outgoing<'static>) -> Result<(), SendRefused<'static>> {
        Err(SendRefused { reason: SendError::Full, message })
    }

    /// Those that a connection has taken, of which so many have left, and of the next one a part.
    fn back(texts: &[&str], left: usize) -> Vec<Unsent> {
        let back = texts.iter().enumerate().map(|(index, text)| {
            let mut unsent = Unsent::new(Message::from(String::from(*text)).into());
            (unsent.left, unsent.partly) = (index < left, index == left);
            unsent
        });
        back.collect()
    }

    /// What is known of each: `l`eft, `p`artly, or neither.
    fn known(unsent: &[Unsent]) -> String {
        let known = unsent.iter().map(|unsent| match (unsent.left, unsent.partly) {
            (true, false) => 'l',
            (false, true) => 'p',
            (false, false) => '-',
            (true, true) => '?',
        });
        known.collect()
    }

    #[test]
    fn what_has_left_in_part_stays_so_whatever_connections_come_behind() {
        // Another connection takes none, or some, and none of that leaves.
        for (again, refuses) in [(0, true), (0, false), (2, false), (3, false)] {
            let shared = Shared::new(OutboxLimit::default());
            for text in ["1", "2", "3"] {
                shared.push(text.into()).unwrap();
            }
            assert_eq!(shared.pump(usize::MAX, |_| Ok(())).given, 3);
            shared.handle_ended(back(&["1", "2", "3"], 1));
            if refuses {
                assert_eq!(shared.pump(usize::MAX, refuse).refused, Some(SendError::Full));
            }
            assert_eq!(shared.pump(again, |_| Ok(())).given, again);
            let mut unsent = back(&["1", "2", "3"][..again], 9);
            for unsent in &mut unsent {
                unsent.left = false;
            }
            if again > 0 {
                shared.handle_ended(unsent);
            }
            assert_eq!(known(&shared.take()), "lp-", "{again} {refuses}");
            // What is put in later is another message.
            for text in ["4", "5", "6"] {
                shared.push(text.into()).unwrap();
            }
            assert_eq!(known(&shared.take()), "---");
        }
    }

    #[test]
    fn what_has_left_whole_has_not_left_in_part() {
        let shared = Shared::new(OutboxLimit::default());
        for text in ["1", "2", "3"] {
            shared.push(text.into()).unwrap();
        }
        shared.pump(usize::MAX, |_| Ok(()));
        shared.handle_ended(back(&["1", "2", "3"], 1));
        shared.pump(usize::MAX, |_| Ok(()));
        // The first is confirmed, the second has left, and of the third a part.
        shared.handle_ended(back(&["2", "3"], 1));
        assert_eq!(known(&shared.take()), "lp");
    }
}
