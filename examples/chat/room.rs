//! The room: everybody who is in it, with the writing half of their socket.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use farewell::aio::{Sender, WebSocket};
use farewell::{CloseCode, CloseFrame, Prepared, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::say;

pub(crate) struct Room<S>(Mutex<Members<S>>);

struct Members<S> {
    senders: BTreeMap<u64, Sender<S>>,
    next: u64,
}

impl<S> Default for Room<S> {
    fn default() -> Self {
        Self(Mutex::new(Members { senders: BTreeMap::new(), next: 0 }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Room<S> {
    fn members(&self) -> MutexGuard<'_, Members<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are here.
    pub(crate) fn census(&self) -> String {
        format!("{} members\n", self.members().senders.len())
    }

    /// From the entrance of a member until their end.
    pub(crate) async fn have(&self, socket: WebSocket<S>, name: &str) {
        let (mut receiver, sender) = socket.split();
        let number = self.enter(sender);
        let report = loop {
            match receiver.next().await.into_message() {
                Ok(message) => match message.as_text() {
                    Some(text) => self.tell_all(&format!("{name}: {text}")),
                    None => self.show_out(number, CloseCode::UNSUPPORTED_DATA, "text only"),
                },
                Err(report) => break report,
            }
        };
        self.members().senders.remove(&number);
        say(format_args!("{name} has left: {report}; {}", report.diagnosis()));
    }

    fn enter(&self, mut sender: Sender<S>) -> u64 {
        let mut members = self.members();
        let (number, count) = (members.next, members.senders.len());
        let _ = sender.try_feed(format!("{count} others are here"));
        members.senders.insert(number, sender);
        members.next += 1;
        number
    }

    /// Frames the text once, and queues it for everybody. It leaves in the tasks of the members, which
    /// this wakes: nobody waits for anybody here.
    fn tell_all(&self, text: &str) {
        let message = Prepared::new(text);
        for sender in self.members().senders.values_mut() {
            // Whoever else refuses it is leaving, and will say so themselves.
            if sender.try_feed(&message).is_err_and(|refused| refused.reason == SendError::Full) {
                // What waits for them is over the limit: they read too slowly, or not at all.
                close(sender, CloseCode::POLICY_VIOLATION, "too slow for this room");
            }
        }
    }

    fn show_out(&self, number: u64, code: CloseCode, reason: &'static str) {
        if let Some(sender) = self.members().senders.get_mut(&number) {
            close(sender, code, reason);
        }
    }
}

/// The reason is in the report, whether the Close arrives or not.
fn close<S: AsyncRead + AsyncWrite + Unpin>(
    sender: &mut Sender<S>,
    code: CloseCode,
    reason: &'static str,
) {
    if let Ok(frame) = CloseFrame::new(code, reason) {
        let _ = sender.queue_close(frame);
    }
}
