//! The way through a proxy: the conversation with it, in TLS where it speaks that, and what is noted of
//! both.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::conversation::{self, Came, Conversation, Told};
use super::{Dial, Stage};
use crate::report::{
    DialFailure, DialPhase, PhaseSpan, ProxyFailure, ProxyRecord, ProxyTlsRecord, ReadClosed,
};
use crate::time::Timestamp;

impl Dial {
    /// This attempt has connected.
    pub(super) fn begin_through(&mut self, attempt: usize) {
        let Some(proxy) = &self.proxy else {
            self.stage = Stage::Connected(attempt, Vec::new(), mem::take(&mut self.cover));
            return self.enter(DialPhase::Upgrade);
        };
        let cover = mem::take(&mut self.cover);
        let conversation = Conversation::begin(proxy, &self.host, self.port, &self.limits, cover);
        let phase = conversation.phase();
        if phase == DialPhase::ProxyTls {
            let span = PhaseSpan::begun(self.now);
            self.record.proxy_tls = Some(ProxyTlsRecord { span, facts: Box::default() });
        } else {
            self.begin_asking();
        }
        self.stage = Stage::Proxy(attempt, Box::new(conversation));
        self.enter(phase);
    }

    fn begin_asking(&mut self) {
        self.record.proxy = self.proxy.as_ref().map(|proxy| ProxyRecord {
            kind: proxy.kind(),
            credentials: proxy.has_credentials(),
            span: PhaseSpan::begun(self.now),
            answer: None,
            refusal: None,
        });
    }

    /// Notes what TLS with the proxy has come to: its handshake, or a failure of it later.
    fn note_cover(&mut self) {
        let Stage::Proxy(_, conversation) = &self.stage else { return };
        let Some(tls) = &mut self.record.proxy_tls else { return };
        let (under_way, failed) = (tls.span.ended.is_none(), conversation.failure().is_some());
        let unasked = failed && !conversation.has_asked();
        if under_way || failed {
            tls.facts = conversation.tls_facts();
        }
        if under_way && conversation.phase() == DialPhase::Proxy {
            tls.span.end(self.now);
            self.begin_asking();
        }
        if unasked {
            self.record.proxy = None;
        }
    }

    /// Whatever was under way with the proxy is over.
    pub(super) fn end_through(&mut self) {
        self.note_cover();
        let tls = self.record.proxy_tls.as_mut().map(|tls| &mut tls.span);
        let asking = self.record.proxy.as_mut().map(|proxy| &mut proxy.span);
        for span in tls.into_iter().chain(asking) {
            span.end(self.now);
        }
    }

    /// What is to be written to the stream that connected.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        match &self.stage {
            Stage::Proxy(_, conversation) => conversation.output(),
            Stage::Resolve { .. } | Stage::Connect(_) | Stage::Connected(..) | Stage::Failed => &[],
        }
    }

    /// The stream has taken so many bytes of the output; none is a failure.
    pub fn handle_written(&mut self, bytes: usize, now: Timestamp) {
        self.tell(now);
        let Stage::Proxy(_, conversation) = &mut self.stage else { return };
        let came = conversation.handle_written(bytes);
        self.sort(came);
    }

    /// The stream takes nothing at present.
    pub fn handle_write_blocked(&mut self) {
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.write_blocked = true;
        }
    }

    /// The stream will take nothing any more. What the proxy has said is still worth reading.
    pub fn handle_write_failed(&mut self, now: Timestamp) {
        self.tell(now);
        let Stage::Proxy(_, conversation) = &mut self.stage else { return };
        let came = conversation.handle_write_failed();
        self.sort(came);
    }

    /// These bytes were read. What lies behind the proxy's answer is kept for the driver.
    pub fn handle_read(&mut self, bytes: &[u8], now: Timestamp) {
        self.tell(now);
        let Stage::Proxy(_, conversation) = &mut self.stage else { return };
        let came = conversation.receive(bytes);
        self.note_cover();
        self.sort(came);
        // A proxy that always has more to say does not put the deadline off.
        self.expire();
    }

    /// Goes on from what has come of the proxy.
    fn sort(&mut self, came: Came) {
        match came {
            Came::Nothing => {}
            Came::Answer(rest, told) => self.conclude_proxy(told, |dial| {
                dial.enter(DialPhase::Upgrade);
                let stage = mem::replace(&mut dial.stage, Stage::Failed);
                let Stage::Proxy(attempt, conversation) = stage else { return };
                dial.stage = Stage::Connected(attempt, rest, conversation.into_cover());
            }),
            Came::End => self.finish_proxy(ProxyFailure::CutShort.into()),
        }
    }

    /// There is nothing to read at present.
    pub fn handle_read_blocked(&mut self) {
        if let Stage::Proxy(_, conversation) = &mut self.stage {
            conversation.read_blocked = true;
        }
    }

    /// Nothing will be read any more.
    pub fn handle_read_closed(&mut self, _: ReadClosed, now: Timestamp) {
        self.tell(now);
        self.finish_proxy(ProxyFailure::CutShort.into());
    }

    /// No more will come of the proxy: a refusal that has begun counts, else this failure.
    pub(super) fn finish_proxy(&mut self, otherwise: DialFailure) {
        let Stage::Proxy(_, conversation) = &mut self.stage else { return };
        if let (Some(proxy), Some(answer)) = (&mut self.record.proxy, conversation.early_answer()) {
            proxy.answer = Some(answer);
        }
        match (conversation.finish(), conversation.failure()) {
            (Some(told), _) => self.conclude_proxy(told, |_| {}),
            (None, Some(failure)) => self.fail(failure.into()),
            (None, None) => self.fail(otherwise),
        }
    }

    /// The proxy has answered. Says what follows where it lets the connection through.
    fn conclude_proxy(&mut self, (answer, refusal): Told, through: impl FnOnce(&mut Self)) {
        let now = self.now;
        let mut failure = None;
        if let Some(proxy) = &mut self.record.proxy {
            proxy.span.end(now);
            (proxy.answer, proxy.refusal) = (Some(answer), refusal);
            failure = conversation::failure(answer, proxy.credentials);
        }
        match failure {
            Some(failure) => self.fail(failure.into()),
            None => through(self),
        }
    }
}
