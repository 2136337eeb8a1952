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
    /// No connection will take anything, unless it is started again.
    over: bool,
    /// The task that sends what is put in.
    #[cfg(feature = "tokio")]
    owner: Option<Waker>,
}

impl Shared {
    pub(super) fn new(limit: OutboxLimit) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                outbox: Outbox::new(limit),
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

    /// Gives what waits to `feed` until that refuses one, or all is given. Returns whether it has
    /// taken any.
    pub(super) fn pump(
        &self,
        mut feed: impl FnMut(Outgoing<'static>) -> Result<(), SendRefused<'static>>,
    ) -> bool {
        let mut any = false;
        loop {
            let Some(unsent) = self.state().outbox.poll_message() else { return any };
            if let Err(SendRefused { message, .. }) = feed(unsent.into_outgoing()) {
                let len = message.len();
                self.state().outbox.handle_refused(Unsent::new(message), len);
                return any;
            }
            any = true;
        }
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
        let back = unsent.into_iter().map(|unsent| {
            let (len, left) = (unsent.message.len(), unsent.left);
            (unsent, len, left)
        });
        self.state().outbox.handle_ended(back);
        self.wake();
    }

    /// All that waits.
    pub(super) fn take(&self) -> Vec<Unsent> {
        let waiting = self.state().outbox.take();
        self.wake();
        waiting.into_iter().map(|(unsent, left)| Unsent { left, ..unsent }).collect()
    }

    pub(super) fn kept(&self) -> Kept {
        self.state().outbox.kept()
    }

    pub(super) fn waits(&self) -> bool {
        self.state().outbox.waiting() > 0
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
