//! The TLS of one connection: ciphertext in, plaintext out, and the other way round.
//!
//! Invariant: no more is encrypted than one write takes, so that what was sent and what was dropped
//! is known to a record, and what comes late can still go first. All that comes in is decrypted at
//! once and handed on at once: nothing waits here but a record that is not complete.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::panic::{self, AssertUnwindSafe};

use bytes::{Buf, BufMut};
use rustls::{AlertDescription, Connection, Error, HandshakeKind, IoState, ProtocolVersion};

use super::certificate;
use super::ciphertext::{Ciphertext, RECORD};
use super::failure::{describe, meaning};
use super::inspector::Inspector;
use crate::report::{FirstBytes, TlsError, TlsFacts, TlsVersion};
use crate::session::Output;

/// The type of a record that holds an alert.
const ALERT: u8 = 21;

/// No more is encrypted while this much ciphertext waits.
const BATCH: usize = 64 * 1024;

/// What the TLS library may hold back for us, each way. Nothing stays with it, so that this is only
/// the bound.
const LIBRARY_LIMIT: usize = 64 * 1024;

/// As many pieces of plaintext as go into one record.
const SLICES: usize = 16;

/// What bytes brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes of ciphertext that were taken in. More are to be given, once the plaintext was read.
    pub(crate) ciphertext: usize,
    /// Bytes of plaintext that can be read, at most.
    pub(crate) plaintext: usize,
}

/// The TLS of one connection, for a [`Driver`](crate::driver::Driver).
///
/// Made by [`TlsClient::layer`](super::TlsClient::layer) or
/// [`TlsServer::layer`](super::TlsServer::layer).
pub struct TlsLayer {
    /// What a panic in it would leave behind refuses to go on.
    connection: AssertUnwindSafe<Connection>,
    ciphertext: Ciphertext,
    facts: Box<TlsFacts>,
    inspector: Inspector,
    /// The first bytes that came.
    first: FirstBytes,
    established: bool,
    failure: Option<TlsError>,
    /// The peer has closed its side in TLS.
    peer_closed: bool,
    /// We have closed ours.
    closed: bool,
    /// No more plaintext is taken: the keys are used up, and TLS 1.2 has no others.
    stuck: bool,
    /// Something that was encrypted was dropped, maybe behind a part of it: the peer can read nothing
    /// that follows.
    torn: bool,
}

impl TlsLayer {
    pub(super) fn new(mut connection: Connection, facts: TlsFacts, inspector: Inspector) -> Self {
        connection.set_buffer_limit(Some(LIBRARY_LIMIT));
        let mut layer = Self {
            connection: AssertUnwindSafe(connection),
            ciphertext: Ciphertext::new(),
            facts: Box::new(facts),
            inspector,
            first: FirstBytes::default(),
            established: false,
            failure: None,
            peer_closed: false,
            closed: false,
            stuck: false,
            torn: false,
        };
        layer.collect(0);
        layer
    }

    /// Takes in some of what came, up to where there is plaintext to be read.
    pub(crate) fn take(&mut self, input: &[u8]) -> Taken {
        if self.failure.is_some() || self.peer_closed {
            return Taken { ciphertext: input.len(), plaintext: 0 };
        }
        if !self.established {
            self.first.extend(input);
        }
        let mut rest = input;
        let read = self.connection.read_tls(&mut rest);
        let ciphertext = input.len() - rest.len();
        if read.is_err() || ciphertext == 0 {
            // A handshake message that is larger than any should be.
            self.fail(&Error::PeerSentOversizedRecord);
            return Taken { ciphertext: input.len(), plaintext: 0 };
        }
        let plaintext = match self.process() {
            Ok(state) => {
                self.peer_closed = state.peer_has_closed();
                state.plaintext_bytes_to_read()
            }
            // An error only because it came before the handshake was over: the peer hangs up.
            Err(Error::AlertReceived(AlertDescription::CloseNotify)) => {
                self.peer_closed = true;
                0
            }
            Err(error) => {
                self.fail(&error);
                // What was decrypted before that is there, however much it is.
                RECORD
            }
        };
        if !self.established && !self.connection.is_handshaking() {
            self.establish();
        }
        self.collect(0);
        Taken { ciphertext, plaintext }
    }

    fn process(&mut self) -> Result<IoState, Error> {
        if !self.closed {
            return self.connection.process_new_packets();
        }
        // Where its debug assertions are on, the library asserts that it sends no alert behind
        // close_notify; what the peer sends makes it do so.
        let process = AssertUnwindSafe(|| self.connection.process_new_packets());
        panic::catch_unwind(process).unwrap_or(Err(Error::DecryptError))
    }

    /// Reads plaintext. Returns how much.
    pub(crate) fn read(&mut self, memory: &mut [u8]) -> usize {
        let len = self.connection.reader().read(memory).unwrap_or(0);
        self.inspector.read(memory.get(..len).unwrap_or_default());
        len
    }

    /// The handshake is over.
    fn establish(&mut self) {
        self.established = true;
        let connection = &self.connection;
        let facts = &mut *self.facts;
        facts.version = connection.protocol_version().and_then(version);
        facts.cipher_suite =
            connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let alpn = connection.alpn_protocol();
        facts.alpn = alpn.map(|name| String::from_utf8_lossy(name).into());
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        facts.certificate = certificate.and_then(|der| certificate::facts(der)).map(Box::new);
        facts.resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        self.note_server_name();
    }

    fn note_server_name(&mut self) {
        if let Connection::Server(connection) = &*self.connection {
            self.facts.server_name = connection.server_name().map(Into::into);
        }
    }

    fn fail(&mut self, error: &Error) {
        describe(error, &mut self.facts);
        let plain = !self.established && !is_tls(self.first.as_bytes());
        self.facts.not_tls = plain.then_some(self.first);
        self.facts.version = self.connection.protocol_version().and_then(version);
        self.note_server_name();
        self.failure = Some(if plain { TlsError::NotTls } else { meaning(error) });
        self.collect(0);
    }

    /// Encrypts what of this output is not, as much as one write takes.
    pub(crate) fn encrypt(&mut self, mut output: impl Buf + Copy) {
        self.collect(0);
        if !self.takes_plaintext() {
            return;
        }
        output.advance(self.ciphertext.plaintext().min(output.remaining()));
        if output.has_remaining() {
            self.ciphertext.reserve(output.remaining().min(BATCH));
        }
        while output.has_remaining() && self.ciphertext.len() < BATCH {
            let taken = self.encrypt_record(output);
            if taken == 0 {
                describe(&Error::EncryptError, &mut self.facts);
                self.stuck = true;
                break;
            }
            output.advance(taken);
        }
        self.collect(0);
    }

    /// Makes one record. Returns how much plaintext is in it: none if TLS goes on no more.
    fn encrypt_record(&mut self, output: impl Buf + Copy) -> usize {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (first, record) = (output.chunk(), output.take(RECORD));
        let count = if first.len() == output.remaining() && first.len() <= RECORD {
            slices[0] = IoSlice::new(first);
            1
        } else {
            record.chunks_vectored(&mut slices)
        };
        let slices = slices.get(..count).unwrap_or_default();
        let taken = self.connection.writer().write_vectored(slices).unwrap_or(0);
        // Where the keys are used up, the library says of TLS 1.2 that it has taken the plaintext,
        // drops it, and ends the connection with an alert.
        let encrypted = self.collect(taken);
        self.inspector.written(slices, encrypted);
        encrypted
    }

    /// Takes from the library what is ready to leave, and should have so much plaintext in it.
    /// Returns how much it has.
    fn collect(&mut self, plaintext: usize) -> usize {
        if !self.connection.wants_write() {
            return 0;
        }
        let connection = &mut self.connection;
        if self.closed {
            // Nothing follows our close_notify: the peer would take no notice.
            while connection.wants_write() && connection.write_tls(&mut io::sink()).is_ok() {}
            return 0;
        }
        self.ciphertext.push(|out| {
            let before = out.len();
            let mut writer = out.writer();
            while connection.wants_write() && connection.write_tls(&mut writer).is_ok() {}
            let alert = has_alert(out.get(before..).unwrap_or_default());
            if alert { 0 } else { plaintext }
        })
    }

    /// Whether it takes plaintext: the handshake is over, and nothing has ended.
    pub(crate) fn takes_plaintext(&self) -> bool {
        self.established && !self.closed && !self.stuck && !self.torn && self.failure.is_none()
    }

    /// Says in TLS that nothing more comes from us. Returns whether that is news, and can be read.
    pub(crate) fn close(&mut self) -> bool {
        if !self.established || self.closed || self.torn || self.failure.is_some() {
            return false;
        }
        self.connection.send_close_notify();
        self.collect(0);
        self.closed = true;
        true
    }

    /// What is ready to leave.
    pub(crate) fn output(&self) -> Output<'_> {
        self.ciphertext.output()
    }

    /// Whether something is ready to leave.
    pub(crate) fn has_output(&self) -> bool {
        self.ciphertext.len() > 0
    }

    /// So much of the output has left. Returns how much plaintext has by that.
    pub(crate) fn consume(&mut self, count: usize) -> usize {
        self.ciphertext.consume(count)
    }

    /// Forgets what is ready to leave: it never will.
    pub(crate) fn clear(&mut self) {
        self.torn |= self.has_output();
        self.ciphertext.clear();
    }

    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// Whether the peer has closed its side in TLS.
    pub(crate) fn is_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Whether we have closed our side in TLS.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether no more plaintext will be taken, and what was has left.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck && !self.has_output()
    }

    /// Why it has failed, if it has.
    pub(crate) fn failure(&self) -> Option<TlsError> {
        self.failure
    }

    /// What is known.
    pub(crate) fn facts(&self) -> &TlsFacts {
        &self.facts
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLayer")
            .field("established", &self.established)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Whether these bytes may begin a record: its type, and the first byte of its version.
fn is_tls(first: &[u8]) -> bool {
    match first {
        [] => true,
        [kind] => (0x14..=0x18).contains(kind),
        [kind, major, ..] => (0x14..=0x18).contains(kind) && *major == 3,
    }
}

/// Whether one of these records is an alert, as far as that can be seen: TLS 1.3 hides it.
fn has_alert(mut records: &[u8]) -> bool {
    while let Some((&[kind, _, _, len_high, len_low], rest)) = records.split_first_chunk() {
        if kind == ALERT {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        records = rest.get(len..).unwrap_or_default();
    }
    false
}

fn version(version: ProtocolVersion) -> Option<TlsVersion> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds variants")]
    match version {
        ProtocolVersion::TLSv1_2 => Some(TlsVersion::V1_2),
        ProtocolVersion::TLSv1_3 => Some(TlsVersion::V1_3),
        _ => None,
    }
}
