//! How the stream below a session came about: who dialled says so, and the handshakes add their
//! part, that of TLS and the opening handshake.

use alloc::boxed::Box;

use super::Session;
#[cfg(feature = "rustls")]
use super::stage::at_either;
#[cfg(feature = "hyper")]
use crate::handshake::Request;
use crate::report::DialRecord;
#[cfg(feature = "rustls")]
use crate::report::{Position, TlsFacts};
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

    /// There is TLS below, whose handshake comes first.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_begins(&mut self) {
        if let Some(opening) = self.stage.opening_mut() {
            opening.move_to(Position::TlsHandshake);
        }
        if let Some(dial) = &mut self.dial {
            dial.tls_begins();
        }
    }

    /// Bytes of the TLS handshake came. Where it is over by them, this was agreed on.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_received(&mut self, agreed: Option<&TlsFacts>, now: Timestamp) {
        let Some(opening) = self.stage.opening_mut() else { return };
        opening.note_received(now);
        let Some(facts) = agreed else { return };
        opening.move_to(Position::OpeningHandshake);
        if let Some(dial) = &mut self.dial {
            dial.secured(facts, now);
        }
    }

    /// Bytes came that TLS has not made plaintext of, the beginning of a record for example.
    #[cfg(feature = "rustls")]
    pub(crate) fn ciphertext_received(&mut self, now: Timestamp) {
        at_either!(&mut self.stage, at => at.note_received(now));
    }

    /// The transport has accepted bytes that are no whole record, or one of TLS's own.
    #[cfg(feature = "rustls")]
    pub(crate) fn ciphertext_flushed(&mut self, now: Timestamp) {
        if let Some(connection) = self.stage.connection_mut() {
            connection.note_flushing(now);
        }
    }

    /// The opening handshake is over, or what comes before it has ended everything.
    pub(super) fn conclude_dial(&mut self, http_status: Option<u16>, now: Timestamp) {
        if let Some(dial) = &mut self.dial {
            dial.upgraded(http_status, now);
        }
    }
}
