//! The room: everybody who is in it, with the writing half of their socket.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use farewell::aio::Sender;
use farewell::{CloseCode, CloseFrame, Prepared, SendError};
use tokio::net::TcpStream;

#[derive(Default)]
pub(crate) struct Room(Mutex<Members>);

#[derive(Default)]
struct Members {
    senders: BTreeMap<u64, Sender<TcpStream>>,
    next: u64,
}

impl Room {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> usize {
        self.members().senders.len()
    }

    pub(crate) fn enter(&self, mut sender: Sender<TcpStream>) -> u64 {
        let mut members = self.members();
        let (number, count) = (members.next, members.senders.len());
        let _ = sender.try_feed(format!("{count} others are here"));
        members.senders.insert(number, sender);
        members.next += 1;
        number
    }

    pub(crate) fn leave(&self, number: u64) {
        self.members().senders.remove(&number);
    }

    /// Frames the text once, and queues it for everybody. It leaves in the tasks of the members, which
    /// this wakes: nobody waits for anybody here.
    pub(crate) fn tell_all(&self, text: &str) {
        let message = Prepared::new(text);
        for sender in self.members().senders.values_mut() {
            // Whoever else refuses it is leaving, and will say so themselves.
            if sender.try_feed(&message).is_err_and(|refused| refused.reason == SendError::Full) {
                // What waits for them is over the limit: they read too slowly, or not at all.
                close(sender, CloseCode::POLICY_VIOLATION, "too slow for this room");
            }
        }
    }

    pub(crate) fn show_out(&self, number: u64, code: CloseCode, reason: &'static str) {
        if let Some(sender) = self.members().senders.get_mut(&number) {
            close(sender, code, reason);
        }
    }
}

/// The reason is in the report, whether the Close arrives or not.
fn close(sender: &mut Sender<TcpStream>, code: CloseCode, reason: &'static str) {
    if let Ok(frame) = CloseFrame::new(code, reason) {
        let _ = sender.queue_close(frame);
    }
}
