//! TLS in the turn: what is read and written is ciphertext, and both ends of it are said in TLS too.
//!
//! Invariants: what was decrypted before a failure is handed out before it; our alert leaves and
//! the peer's stream is read to its end, both within the linger timeout, before a failure of TLS
//! ends the connection. `close_notify` leaves behind everything else, and before the stream is shut
//! down; an abort says nothing.

use alloc::boxed::Box;
use alloc::vec;

use bytes::Buf;

use super::{Driver, Shutdown, Step, Want};
use crate::report::{Cause, ReadClosed, ReadEnd, Termination, TlsError, TlsFacts, TransportError};
use crate::session::{Output, Session};
use crate::time::{Timer, Timestamp};
use crate::tls::TlsLayer;

/// The TLS below a session, if there is any.
#[derive(Debug)]
pub(super) struct Security(Option<Box<Secured>>);

#[derive(Debug)]
struct Secured {
    layer: TlsLayer,
    failing: Option<Failing>,
}

/// TLS has failed, and the connection is about to end by it.
#[derive(Debug, Clone, Copy)]
struct Failing {
    error: TlsError,
    /// It ends by then.
    deadline: Timestamp,
    /// Bytes that came since, and were thrown away.
    discarded: u64,
    /// Nothing more comes.
    read_closed: bool,
}

impl Security {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Whether there is TLS.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is something to write, or to encrypt and then to write.
    pub(super) fn wants_write(&self, session: &mut Session, ended: bool) -> bool {
        let Some(Secured { layer, failing }) = self.0.as_deref() else { return false };
        if ended {
            return layer.is_closed() && layer.has_output();
        }
        layer.has_output() || failing.is_none() && layer.lacks(session.output().remaining())
    }

    /// What there is to be written, where there is TLS.
    pub(super) fn output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        let Some(secured) = self.0.as_deref_mut() else { return session.output() };
        //= rfc6455#4.1
        //# Otherwise, all further communication on this channel MUST run through
        //# the encrypted tunnel [RFC5246].
        secured.layer.encrypt(session.output());
        secured.layer.output()
    }

    /// The same, right after it was asked whether there is any.
    #[inline]
    pub(super) fn ready_output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        if self.is_on() { self.output(session) } else { session.ready_output() }
    }

    /// The stream has taken so much ciphertext. Returns how much plaintext it has by that.
    pub(super) fn written(&mut self, len: usize) -> usize {
        self.0.as_deref_mut().map_or(len, |secured| secured.layer.consume(len))
    }

    /// Nothing of what waits will leave.
    pub(super) fn forget_output(&mut self) {
        if let Some(secured) = self.0.as_deref_mut() {
            secured.layer.clear();
        }
    }

    /// Says in TLS that nothing more comes from us, behind what has left. Returns whether that is
    /// to be written.
    pub(super) fn close(&mut self, ended: Option<&Termination>) -> bool {
        let Some(secured) = self.0.as_deref_mut() else { return false };
        let aborted = ended.is_some_and(|report| report.cause == Cause::Aborted);
        !aborted && !secured.layer.has_output() && secured.layer.close()
    }

    /// Whether the end of our side was said in TLS.
    pub(super) fn is_closed(&self) -> bool {
        self.0.as_deref().is_some_and(|secured| secured.layer.is_closed())
    }

    /// Why nothing more will be encrypted, if that is so and what was has left.
    pub(super) fn write_failure(&self) -> Option<TransportError> {
        let stuck = self.0.as_deref().is_some_and(|secured| secured.layer.is_stuck());
        stuck.then_some(TransportError::Tls(TlsError::Local))
    }

    /// By when a failure ends the connection.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        Some(self.0.as_deref()?.failing?.deadline)
    }

    /// What is known of it.
    pub(super) fn facts(&self) -> Option<&TlsFacts> {
        Some(self.0.as_deref()?.layer.facts())
    }
}

impl Driver {
    /// Speaks TLS below the session: from now on what is read and written is ciphertext, bytes for
    /// [`with_input`](Self::with_input) among it.
    ///
    /// For a session whose opening handshake has not begun: its deadline is one for both
    /// handshakes.
    ///
    /// ```
    /// use farewell::driver::Driver;
    /// use farewell::handshake::ClientRequest;
    /// use farewell::tls::TlsClient;
    /// use farewell::{Config, Seed, Session, Timestamp};
    ///
    /// # fn run(tls: &TlsClient) -> Result<Driver, Box<dyn std::error::Error>> {
    /// let (now, request) = (Timestamp::ZERO, ClientRequest::new("wss://example.com/chat")?);
    /// let session = Session::client(&request, Config::default(), Seed::from_os()?, now);
    /// let driver = Driver::new(session, now).with_tls(tls.layer(request.host())?);
    /// # Ok(driver)
    /// # }
    /// ```
    #[must_use]
    pub fn with_tls(mut self, layer: TlsLayer) -> Self {
        self.session.tls_begins();
        self.security = Security(Some(Box::new(Secured { layer, failing: None })));
        self
    }

    /// Decrypts what was read, and takes in what that brings.
    pub(super) fn read_ciphertext(&mut self, input: &mut [u8]) {
        let Some(mut secured) = self.security.0.take() else { return };
        if !self.read_closed {
            self.decrypt(&mut secured, input);
        }
        self.security.0 = Some(secured);
    }

    fn decrypt(&mut self, secured: &mut Secured, input: &mut [u8]) {
        let Secured { layer, failing } = secured;
        if let Some(failing) = failing {
            failing.discarded += input.len() as u64;
            return;
        }
        let (mut at, mut nothing) = (0, true);
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let established = layer.is_established();
            let taken = layer.take(rest);
            if !established {
                let agreed = layer.is_established().then(|| layer.facts());
                self.session.tls_received(agreed, self.now);
                // What waits to be sent can leave now, whether TLS has something to say or not.
                self.calm &= !layer.is_established();
            }
            at += taken.ciphertext;
            nothing &= established && taken.plaintext == 0;
            // What was taken in has made room for what came of it.
            let (memory, more) = input.split_at_mut(at.min(input.len()));
            self.read_plaintext(layer, taken.plaintext, memory, more.len());
        }
        if nothing {
            self.session.ciphertext_received(self.now);
        }
        self.calm &= !layer.has_output();
        if let Some(error) = layer.failure() {
            let linger = self.now + self.session.config().timeouts.linger;
            // No other deadline cuts it short: a Ping that is due, for example.
            let handshake = self.session.next_timer().filter(|next| next.1 == Timer::Handshake);
            let deadline = handshake.map_or(linger, |next| linger.min(next.0));
            *failing = Some(Failing { error, deadline, discarded: 0, read_closed: false });
            self.calm = false;
        } else if layer.is_peer_closed() {
            self.close_reading(ReadClosed::Eof.into());
        }
    }

    /// Takes in so much plaintext at most, or all that there is before a failure. So much ciphertext
    /// was read behind it.
    fn read_plaintext(
        &mut self,
        layer: &mut TlsLayer,
        mut left: usize,
        memory: &mut [u8],
        more: usize,
    ) {
        while left > 0 {
            let spare = if self.unparsed.is_empty() { self.session.spare_mut() } else { &mut [] };
            let len = if !spare.is_empty() {
                let len = layer.read(spare);
                self.session.handle_filled(len, self.now);
                self.poll_session();
                // The peer may have broken a rule, which makes a Close and no event.
                self.calm = false;
                len
            } else if memory.len() >= left {
                let len = layer.read(memory);
                self.take_in(memory.get_mut(..len).unwrap_or_default(), more);
                len
            } else {
                // The end of a record that came piece by piece.
                let mut memory = vec![0; left];
                let len = layer.read(&mut memory);
                self.take_in(memory.get_mut(..len).unwrap_or_default(), more);
                len
            };
            if len == 0 {
                break;
            }
            if layer.failure().is_none() {
                left = left.saturating_sub(len);
            }
        }
    }

    fn take_in(&mut self, plaintext: &mut [u8], more: usize) {
        if self.unparsed.is_empty() {
            self.poll(plaintext);
        } else {
            self.unparsed.keep_with_more(plaintext, more, &self.session);
        }
    }

    /// The stream has taken ciphertext, but no whole record that has plaintext in it.
    pub(super) fn note_flushing(&mut self) {
        self.session.ciphertext_flushed(self.now);
    }

    /// The stream below has ended. Returns how the session is to see it, if that is news to it.
    pub(super) fn end_ciphertext(&mut self, end: ReadEnd) -> Option<ReadEnd> {
        let Some(secured) = self.security.0.as_deref_mut() else { return Some(end) };
        if let Some(failing) = &mut secured.failing {
            failing.read_closed = true;
            return None;
        }
        if self.read_closed {
            return None;
        }
        Some(match end.how {
            ReadClosed::Eof if secured.layer.is_established() => ReadClosed::TlsTruncated.into(),
            ReadClosed::EndOrReset if secured.layer.is_established() => {
                ReadClosed::TlsTruncated.into()
            }
            ReadClosed::Eof
            | ReadClosed::EndOrReset
            | ReadClosed::TlsTruncated
            | ReadClosed::Failed(_) => end,
        })
    }

    /// What is to be done before a failure of TLS ends the connection. Nothing where there is none,
    /// or it has ended just now.
    pub(super) fn next_failing(&mut self, want: Want) -> Option<Step> {
        let Failing { error, deadline, discarded, read_closed } =
            self.security.0.as_deref()?.failing?;
        if self.ready.has_ended() {
            return None;
        }
        if want == Want::Event {
            if let Some(step) = self.take_event() {
                return Some(step);
            }
        }
        // Who has sent an alert does not wait for one.
        let told = matches!(error, TlsError::Alert(_));
        if told || deadline <= self.now || self.write_failed {
            self.end_failing(error);
            return None;
        }
        let leaving = self.wants_write() || self.unflushed;
        if leaving && !self.turn.write_blocked {
            return Some(if self.wants_write() { Step::Write } else { Step::Flush });
        }
        if !leaving && self.shut_down.is_none() {
            self.shut_down = Some(Shutdown::Write);
            return Some(Step::ShutDown(Shutdown::Write));
        }
        let drained = read_closed || discarded > self.session.config().limits.linger;
        let reads = !drained && !self.settings.reads_may_last;
        if reads && !self.turn.read_blocked {
            return Some(self.turn.will_read(Some(deadline), self.now));
        }
        if reads || leaving {
            return Some(self.wait(reads));
        }
        self.end_failing(error);
        None
    }

    fn end_failing(&mut self, error: TlsError) {
        if let Some(secured) = self.security.0.as_deref_mut() {
            secured.failing = None;
            secured.layer.clear();
        }
        //= rfc6455#4.1
        //# If this fails (e.g., the server's certificate could not be verified),
        //# then the client MUST _Fail the WebSocket Connection_ and abort the
        //# connection.
        self.close_reading(ReadClosed::Failed(TransportError::Tls(error)).into());
    }
}
