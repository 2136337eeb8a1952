//! Closing all sockets of a server within a time, spread: what both adapters share of it.
//!
//! Invariant: a drain never touches a socket. It leaves an order with it, which the socket's own turn
//! obeys when it waits: so there is no lock, no timer and no look for a message, and of a task that
//! waits the waker is called. How the socket ended comes back with its last step, once.

mod outcome;
mod plan;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::sync::atomic::{AtomicU8, Ordering};
#[cfg(feature = "tokio")]
use core::task::Waker;
use core::time::Duration;
use std::sync::{Condvar, Mutex};

use crate::adapter::lock;
use crate::driver::Driver;
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;

pub use outcome::Drained;
use plan::{Plan, Step};

/// Called whenever there may be something new for who waits for the drain.
type Bell = dyn Fn() + Send + Sync + UnwindSafe + RefUnwindSafe;

/// The sockets of a drain, and how far it has got.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    bell: Option<Box<Bell>>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u64, Arc<Signal>>,
    next: u64,
    /// What everybody is closed with, once it has begun.
    closing: Option<CloseFrame>,
    drained: Drained,
    /// How often something has changed since it began.
    changes: u64,
}

/// What a socket is to do, and whom to wake for it.
#[derive(Default)]
struct Signal {
    order: AtomicU8,
    #[cfg(feature = "tokio")]
    waker: Mutex<Option<Waker>>,
}

const NOTHING: u8 = 0;
const CLOSE: u8 = 1;
const ABORT: u8 = 2;

impl Signal {
    fn give(&self, order: u8) {
        self.order.fetch_max(order, Ordering::AcqRel);
        #[cfg(feature = "tokio")]
        {
            let waker = lock(&self.waker).clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Shared {
    pub(super) fn new(bell: Option<Box<Bell>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), bell })
    }

    pub(super) fn has_begun(&self) -> bool {
        lock(&self.state).closing.is_some()
    }

    /// Sockets that are there, and connections that may still become one.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).open.len()
    }

    pub(super) fn ticket(self: &Arc<Self>) -> Ticket {
        let signal = Arc::<Signal>::default();
        let mut state = lock(&self.state);
        let id = state.next;
        state.next += 1;
        state.open.insert(id, signal.clone());
        if state.closing.is_some() {
            state.drained.sockets += 1;
            signal.order.store(CLOSE, Ordering::Release);
        }
        drop(state);
        Ticket {
            shared: self.clone(),
            id,
            signal,
            has_socket: false,
            #[cfg(feature = "tokio")]
            woken: None,
        }
    }

    /// It begins, with this Close unless it has begun before.
    pub(super) fn begin(&self, frame: CloseFrame, within: Duration) -> Draining<'_> {
        let mut state = lock(&self.state);
        let waiting: VecDeque<u64> = state.open.keys().copied().collect();
        if state.closing.is_none() {
            state.closing = Some(frame);
            state.drained.sockets = waiting.len() as u64;
        }
        drop(state);
        self.ring();
        Draining { plan: Plan::new(waiting.len(), within), waiting, shared: self }
    }

    fn ring(&self) {
        lock(&self.state).changes += 1;
        self.changed.notify_all();
        if let Some(bell) = &self.bell {
            bell();
        }
    }

    /// Somebody has left: `count` says as what, if anybody counts.
    fn leave(&self, id: u64, count: impl FnOnce(&mut Drained)) {
        let mut state = lock(&self.state);
        let was_there = state.open.remove(&id).is_some();
        let counted = was_there && state.closing.is_some();
        if counted {
            count(&mut state.drained);
        }
        drop(state);
        if counted {
            self.ring();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Drain")
            .field("sockets", &state.open.len())
            .field("closing", &state.closing)
            .finish_non_exhaustive()
    }
}

/// A drain that has begun, for who executes it.
pub(super) struct Draining<'a> {
    shared: &'a Shared,
    plan: Plan,
    /// Those that were there when it began and have had no order.
    waiting: VecDeque<u64>,
}

/// What is next for who drains.
pub(super) enum Next {
    /// To come back when something has changed, or after this time since the beginning at the latest.
    Wait { until: Duration, seen: u64 },
    /// All are gone, or time is up.
    Over(Drained),
}

impl Draining<'_> {
    /// Gives the orders that are due so long after the beginning.
    pub(super) fn next(&mut self, elapsed: Duration) -> Next {
        loop {
            let state = lock(&self.shared.state);
            // Woken without the lock: a waker may do anything.
            let (order, told): (u8, Vec<Arc<Signal>>) =
                match self.plan.next(state.open.len(), elapsed) {
                    Step::Close { count } => {
                        let ids = self.waiting.drain(..count.min(self.waiting.len()));
                        (CLOSE, ids.filter_map(|id| state.open.get(&id).cloned()).collect())
                    }
                    Step::Abort => (ABORT, state.open.values().cloned().collect()),
                    Step::Wait { until } => return Next::Wait { until, seen: state.changes },
                    Step::Over => {
                        let left = state.open.len() as u64;
                        return Next::Over(state.drained.clone().with(left, elapsed));
                    }
                };
            drop(state);
            told.iter().for_each(|signal| signal.give(order));
        }
    }

    /// Waits until something has changed since then, for so long at most.
    pub(super) fn wait(&self, seen: u64, limit: Duration) {
        let state = lock(&self.shared.state);
        // Poisoned or not: it is looked at again.
        drop(self.shared.changed.wait_timeout_while(state, limit, |state| state.changes == seen));
    }
}

/// A place in a drain, for a connection that was accepted: the drain waits for who has one.
///
/// Take it before the opening handshake, with `Drain::ticket`, and give it to the socket's `join`.
/// Dropped without a socket, it counts for nothing.
///
/// ```no_run
/// # fn run(listener: std::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::blocking::{self, Drain};
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, Ticket};
///
/// let (acceptor, drain) = (Acceptor::new(Origins::SameHost), Drain::new());
/// let (stream, _) = listener.accept()?;
/// let ticket: Ticket = drain.ticket(); // before the opening handshake
/// let mut socket = blocking::accept(stream, &acceptor)?;
/// socket.join(ticket);
/// # Ok(())
/// # }
/// ```
pub struct Ticket {
    shared: Arc<Shared>,
    id: u64,
    signal: Arc<Signal>,
    /// It is a socket's.
    has_socket: bool,
    /// Who is woken for an order.
    #[cfg(feature = "tokio")]
    woken: Option<Waker>,
}

impl Ticket {
    /// For the socket of this driver. Its end counts, unless it was before.
    pub(super) fn of_socket(mut self, driver: &Driver) -> Box<Self> {
        if driver.ended().is_some() {
            // Nobody will take another step.
            self.shared.leave(self.id, |drained| drained.sockets -= 1);
        }
        self.has_socket = true;
        Box::new(self)
    }

    /// Whether there is an order to be [obeyed](Self::obey).
    pub(super) fn is_called(&self) -> bool {
        self.signal.order.load(Ordering::Acquire) != NOTHING
    }

    /// The same, and who is to be woken for one.
    #[cfg(feature = "tokio")]
    pub(super) fn poll_called(&mut self, waker: &Waker) -> bool {
        if !self.woken.as_ref().is_some_and(|woken| woken.will_wake(waker)) {
            *lock(&self.signal.waker) = Some(waker.clone());
            self.woken = Some(waker.clone());
        }
        self.is_called()
    }

    /// Does what the drain has asked for, once.
    pub(super) fn obey(&self, driver: &mut Driver, now: Timestamp) {
        match self.signal.order.swap(NOTHING, Ordering::AcqRel) {
            CLOSE => {
                let frame = lock(&self.shared.state).closing;
                // A refusal says that the end is already under way.
                let _ = frame.map(|frame| driver.session_mut().close(frame, now));
            }
            ABORT => driver.abort(now),
            _ => {}
        }
    }

    /// The socket's connection is over.
    pub(super) fn ended(&self, driver: &Driver) {
        if let Some(report) = driver.ended() {
            self.shared.leave(self.id, |drained| drained.add(report));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let has_socket = self.has_socket;
        self.shared.leave(self.id, |drained| match has_socket {
            true => drained.dropped += 1,
            false => drained.sockets -= 1,
        });
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("has_socket", &self.has_socket).finish_non_exhaustive()
    }
}
