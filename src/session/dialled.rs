//! How the stream below a session came about: who dialled says so, and the opening handshake adds
//! its part.

use alloc::boxed::Box;

use super::Session;
#[cfg(feature = "hyper")]
use crate::handshake::Request;
use crate::report::DialRecord;
use crate::time::Timestamp;

impl Session {
    /// The same with the record of how its stream came about, which its report then holds: see
    /// [`dial`](crate::dial). The opening handshake adds its own part.
    #[must_use]
    pub fn with_dial(mut self, record: Box<DialRecord>) -> Self {
        self.dial = Some(record);
        self
    }

    /// How the stream below came about, where somebody has said so
    /// [with its record](Self::with_dial).
    #[must_use]
    pub fn dial(&self) -> Option<&DialRecord> {
        self.dial.as_deref()
    }

    /// Somebody else has read this request, on a server.
    #[cfg(feature = "hyper")]
    pub(crate) fn note_request(&self, request: &Request) {
        self.trace.asked(request);
    }

    /// The opening handshake is over.
    pub(super) fn conclude_dial(&mut self, http_status: Option<u16>, now: Timestamp) {
        if let Some(dial) = &mut self.dial {
            dial.upgraded(http_status, now);
        }
    }
}
