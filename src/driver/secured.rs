//! TLS in the turn: what is read and written is ciphertext, and both ends of it are said in TLS too.
//!
//! There may be two layers of it: that with the peer, and below it that with a proxy of `https://`, the
//! tunnel. What one of them makes of plaintext is plaintext to the one below.
//!
//! Invariants: what was decrypted before a failure is handed out before it; our alert leaves and
//! the peer's stream is read to its end, both within the linger timeout, before a failure of TLS
//! ends the connection. `close_notify` leaves behind everything else, and before the stream is shut
//! down; an abort says nothing.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::{Driver, Shutdown, Step, Want};
use crate::report::{Cause, ReadClosed, ReadEnd, Termination, TlsError, TlsFacts, TransportError};
use crate::session::{Output, Session};
use crate::time::{Timer, Timestamp};
use crate::tls::TlsLayer;

/// Plaintext is read in pieces of this size, where there is not enough memory for all of it.
const ENOUGH: usize = 4096;

/// The TLS below a session, if there is any.
#[derive(Debug)]
pub(super) struct Security(Option<Box<Secured>>);

#[derive(Debug, Default)]
struct Secured {
    /// TLS with a proxy, below all else.
    tunnel: Option<Box<TlsLayer>>,
    /// TLS with the peer.
    layer: Option<TlsLayer>,
    failing: Option<Failing>,
}

impl Secured {
    fn layers(&self) -> impl Iterator<Item = &TlsLayer> {
        self.tunnel.as_deref().into_iter().chain(&self.layer)
    }

    fn is_closed(&self) -> bool {
        self.layers().any(TlsLayer::is_closed)
    }

    /// Why one of the layers has failed, if one has.
    fn failure(&self) -> Option<TransportError> {
        let peers = self.layer.as_ref().and_then(TlsLayer::failure).map(TransportError::Tls);
        let proxys = self.tunnel.as_deref().and_then(TlsLayer::failure);
        peers.or(proxys.map(TransportError::ProxyTls))
    }
}

/// TLS has failed, and the connection is about to end by it.
#[derive(Debug, Clone, Copy)]
struct Failing {
    error: TransportError,
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
        let Some(secured) = self.0.as_deref() else { return false };
        if ended && !secured.is_closed() {
            return false;
        }
        let Secured { tunnel, layer, failing } = secured;
        // Where nothing is ready to leave a layer, nothing of what is above is encrypted.
        let more = !ended && failing.is_none();
        let mut above = || match layer {
            Some(layer) => {
                layer.has_output() || more && layer.takes_plaintext() && session.has_output()
            }
            None => more && session.has_output(),
        };
        match tunnel {
            Some(tunnel) => tunnel.has_output() || tunnel.takes_plaintext() && above(),
            None => above(),
        }
    }

    /// What there is to be written, where there is TLS.
    pub(super) fn output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        if !self.is_on() {
            return session.output();
        }
        session.has_output();
        self.ready_output(session)
    }

    /// The same, right after it was asked whether there is any.
    #[inline]
    pub(super) fn ready_output<'a>(&'a mut self, session: &'a mut Session) -> Output<'a> {
        let mut output = session.ready_output();
        let Some(Secured { tunnel, layer, .. }) = self.0.as_deref_mut() else { return output };
        //= rfc6455#4.1
        //# Otherwise, all further communication on this channel MUST run through
        //# the encrypted tunnel [RFC5246].
        for layer in layer.iter_mut().chain(tunnel.as_deref_mut()) {
            layer.encrypt(output);
            output = layer.output();
        }
        output
    }

    /// The stream has taken so much ciphertext. Returns how much plaintext it has by that.
    pub(super) fn written(&mut self, len: usize) -> usize {
        let Some(Secured { tunnel, layer, .. }) = self.0.as_deref_mut() else { return len };
        let layers = tunnel.as_deref_mut().into_iter().chain(layer);
        layers.fold(len, |len, layer| layer.consume(len))
    }

    /// Nothing of what waits will leave.
    pub(super) fn forget_output(&mut self) {
        let Some(Secured { tunnel, layer, .. }) = self.0.as_deref_mut() else { return };
        tunnel.as_deref_mut().into_iter().chain(layer).for_each(TlsLayer::clear);
    }

    /// Says in TLS that nothing more comes from us, behind what has left: to the peer first, then to
    /// the proxy. Returns whether that is to be written.
    pub(super) fn close(&mut self, ended: Option<&Termination>) -> bool {
        let Some(secured) = self.0.as_deref_mut() else { return false };
        let aborted = ended.is_some_and(|report| report.cause == Cause::Aborted);
        if aborted || secured.layers().any(TlsLayer::has_output) {
            return false;
        }
        let Secured { tunnel, layer, .. } = secured;
        let passes = tunnel.as_deref().is_none_or(TlsLayer::takes_plaintext);
        let peer_told = layer.as_mut().filter(|_| passes).is_some_and(TlsLayer::close);
        peer_told || tunnel.as_deref_mut().is_some_and(TlsLayer::close)
    }

    /// Whether the end of our side was said in TLS.
    pub(super) fn is_closed(&self) -> bool {
        self.0.as_deref().is_some_and(Secured::is_closed)
    }

    /// Why nothing more will be encrypted, if that is so and what was has left.
    pub(super) fn write_failure(&self) -> Option<TransportError> {
        let Secured { tunnel, layer, .. } = self.0.as_deref()?;
        if layer.as_ref().is_some_and(TlsLayer::is_stuck) {
            return Some(TransportError::Tls(TlsError::Local));
        }
        let stuck = tunnel.as_deref().is_some_and(TlsLayer::is_stuck);
        stuck.then_some(TransportError::ProxyTls(TlsError::Local))
    }

    /// By when a failure ends the connection.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        Some(self.0.as_deref()?.failing?.deadline)
    }

    /// What is known of the TLS with the peer.
    pub(super) fn facts(&self) -> Option<&TlsFacts> {
        Some(self.0.as_deref()?.layer.as_ref()?.facts())
    }

    /// Has the report of an ending say what is known of TLS, and why that with a proxy has failed.
    pub(super) fn tell(&self, report: &mut Termination) {
        report.tls = self.facts().cloned().map(Box::new);
        let Some(tunnel) = self.0.as_deref().and_then(|secured| secured.tunnel.as_deref()) else {
            return;
        };
        if let Some(record) = report.dial.as_mut().and_then(|dial| dial.proxy_tls.as_mut()) {
            (*record.facts).clone_from(tunnel.facts());
        }
    }

    fn get_or_begin(&mut self) -> &mut Secured {
        self.0.get_or_insert_default()
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
        self.security.get_or_begin().layer = Some(layer);
        self
    }

    /// Speaks TLS with a proxy below everything else, that with the peer among it: what
    /// [`Dialled::tunnel`](crate::dial::Dialled::tunnel) has.
    ///
    /// What was read behind the proxy's answer is plaintext of this layer's: bytes for
    /// [`with_input`](Self::with_input) are what comes out of it. A failure of it is one of
    /// [`TransportError::ProxyTls`].
    #[must_use]
    pub fn with_tunnel(mut self, layer: impl Into<Box<TlsLayer>>) -> Self {
        self.security.get_or_begin().tunnel = Some(layer.into());
        self
    }

    /// Decrypts what was read, and takes in what that brings.
    pub(super) fn read_ciphertext(&mut self, input: &mut [u8]) {
        self.with_layers(input.len(), |driver, Secured { tunnel, layer, .. }| match tunnel {
            Some(tunnel) => driver.decrypt(tunnel, Some(layer), input, 0),
            None => driver.decrypt_peers(layer, input, 0),
        });
    }

    /// The same for what came out of a tunnel.
    pub(super) fn read_behind_tunnel(&mut self, input: &mut [u8]) {
        self.with_layers(input.len(), |driver, secured| {
            driver.decrypt_peers(&mut secured.layer, input, 0);
        });
    }

    /// Has so many bytes decrypted, unless they are of no use any more, and draws the conclusions.
    fn with_layers(&mut self, len: usize, decrypt: impl FnOnce(&mut Self, &mut Secured)) {
        let Some(mut secured) = self.security.0.take() else { return };
        if let Some(failing) = &mut secured.failing {
            failing.discarded += len as u64;
        } else if !self.read_closed {
            decrypt(self, &mut secured);
            self.conclude(&mut secured);
        }
        self.security.0 = Some(secured);
        // What came has ended the connection: its report was made while the layers were at work.
        if let Some(report) = self.ready.ended_mut().filter(|report| report.tls.is_none()) {
            self.security.tell(report);
        }
    }

    /// What it means for the connection how the layers are now.
    fn conclude(&mut self, secured: &mut Secured) {
        self.calm &= !secured.layers().any(TlsLayer::has_output);
        if let Some(error) = secured.failure() {
            let linger = self.now + self.session.config().timeouts.linger;
            // No other deadline cuts it short: a Ping that is due, for example.
            let handshake = self.session.next_timer().filter(|next| next.1 == Timer::Handshake);
            let deadline = handshake.map_or(linger, |next| linger.min(next.0));
            let failing = Failing { error, deadline, discarded: 0, read_closed: false };
            secured.failing = Some(failing);
            self.calm = false;
        } else if secured.layer.as_ref().is_some_and(TlsLayer::is_peer_closed) {
            self.close_reading(ReadClosed::Eof.into());
        } else if secured.tunnel.as_deref().is_some_and(TlsLayer::is_peer_closed) {
            // The proxy has said so, and the peer has not.
            let established = secured.layer.as_ref().is_some_and(TlsLayer::is_established);
            let how = if established { ReadClosed::TlsTruncated } else { ReadClosed::Eof };
            self.close_reading(how.into());
        }
    }

    /// Decrypts what the peer has sent, or takes it in as it is where there is no TLS with it.
    fn decrypt_peers(&mut self, layer: &mut Option<TlsLayer>, input: &mut [u8], more: usize) {
        match layer {
            Some(layer) => self.decrypt(layer, None, input, more),
            None => self.take_in(input, more),
        }
    }

    /// Decrypts what is this layer's, and hands on what comes of it: to the session, or from a tunnel
    /// to what is above. So much more was read behind it.
    fn decrypt(
        &mut self,
        layer: &mut TlsLayer,
        mut above: Option<&mut Option<TlsLayer>>,
        input: &mut [u8],
        more: usize,
    ) {
        let (mut at, mut nothing) = (0, !input.is_empty());
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let established = layer.is_established();
            let taken = layer.take(rest);
            if !established {
                if above.is_none() {
                    let agreed = layer.is_established().then(|| layer.facts());
                    self.session.tls_received(agreed, self.now);
                }
                // What waits to be sent can leave now, whether TLS has something to say or not.
                self.calm &= !layer.is_established();
            }
            at += taken.ciphertext;
            nothing &= established && taken.plaintext == 0;
            // What was taken in has made room for what came of it.
            let (memory, rest) = input.split_at_mut(at.min(input.len()));
            let more = more + rest.len();
            self.read_plaintext(layer, above.as_deref_mut(), taken.plaintext, memory, more);
        }
        if nothing {
            self.session.ciphertext_received(self.now);
        }
    }

    /// Takes in so much plaintext at most, or all that there is before a failure.
    fn read_plaintext(
        &mut self,
        layer: &mut TlsLayer,
        mut above: Option<&mut Option<TlsLayer>>,
        mut left: usize,
        memory: &mut [u8],
        more: usize,
    ) {
        let mut own = Vec::new();
        while left > 0 {
            let is_sessions = above.as_deref().is_none_or(Option::is_none);
            let spare = if is_sessions && self.unparsed.is_empty() {
                self.session.spare_mut()
            } else {
                &mut []
            };
            let len = if !spare.is_empty() {
                let len = layer.read(spare);
                self.session.handle_filled(len, self.now);
                self.poll_session();
                // The peer may have broken a rule, which makes a Close and no event.
                self.calm = false;
                len
            } else {
                // The end of a record that came piece by piece needs more memory than the piece had.
                if memory.len() < left.min(ENOUGH) && own.is_empty() {
                    own = vec![0; ENOUGH];
                }
                let memory = if own.is_empty() { &mut *memory } else { own.as_mut_slice() };
                let len = layer.read(memory);
                let more = more + left.saturating_sub(len);
                let plaintext = memory.get_mut(..len).unwrap_or_default();
                match above.as_deref_mut() {
                    Some(peers) => self.decrypt_peers(peers, plaintext, more),
                    None => self.take_in(plaintext, more),
                }
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
            self.poll_with_more(plaintext, more);
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
        // Nobody has said so in TLS: neither the peer nor, where there is none with that, the proxy.
        let cut = secured.layer.as_ref().is_none_or(TlsLayer::is_established);
        Some(match end.how {
            ReadClosed::Eof | ReadClosed::EndOrReset if cut => ReadClosed::TlsTruncated.into(),
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
        let told = matches!(
            error,
            TransportError::Tls(TlsError::Alert(_)) | TransportError::ProxyTls(TlsError::Alert(_))
        );
        if told || deadline <= self.now || self.write_failed {
            self.end_failing(error);
            return None;
        }
        let leaving = self.wants_write() || self.unflushed;
        if leaving && !self.turn.write_blocked {
            return Some(if self.wants_write() { Step::Write } else { Step::Flush });
        }
        if !leaving && self.shut_down.is_none() {
            // The tunnel is sound where it is the peer's TLS that failed.
            if self.security.close(None) {
                return Some(Step::Write);
            }
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

    fn end_failing(&mut self, error: TransportError) {
        if let Some(secured) = self.security.0.as_deref_mut() {
            secured.failing = None;
        }
        self.security.forget_output();
        //= rfc6455#4.1
        //# If this fails (e.g., the server's certificate could not be verified),
        //# then the client MUST _Fail the WebSocket Connection_ and abort the
        //# connection.
        self.close_reading(ReadClosed::Failed(error).into());
    }
}
