//! The conversation with a proxy: what is written to it, and what its answer means.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, BytesMut};

use super::Cover;
use super::proxy::ProxyServer;
use super::socks::Socks;
use crate::config::Limits;
use crate::handshake::{Answer, Refusal, Tunnel, basic};
use crate::report::{DialPhase, ProxyAnswer, ProxyFailure, ProxyKind, SocksReply, TlsFacts};

/// What a proxy answered, with the whole answer where HTTP refused.
pub(super) type Told = (ProxyAnswer, Option<Box<Refusal>>);

/// What has come of what was read.
pub(super) enum Came {
    Nothing,
    /// The proxy has answered, and these bytes lie behind that.
    Answer(Vec<u8>, Told),
    /// Nothing more will come.
    End,
}

pub(super) struct Conversation {
    /// TLS with the proxy, where it speaks that.
    cover: Cover,
    speaks: Speaks,
    /// What is said to the proxy, and has not left.
    output: BytesMut,
    /// An answer that lets the connection through, with what lies behind it. It waits until all that
    /// was to be said has left, which would else be taken for the connection's own.
    early: Option<(Vec<u8>, Told)>,
    /// Some of what was to be said never will be.
    lost: bool,
    /// Some of it has.
    asked: bool,
    pub(super) read_blocked: bool,
    pub(super) write_blocked: bool,
}

enum Speaks {
    Http(Tunnel),
    Socks(Socks),
}

/// What is to be done next.
pub(super) enum Step {
    Write,
    Read,
    Wait {
        read: bool,
        write: bool,
    },
    /// TLS has failed, and what there was to be said of that has left if it could.
    Over(ProxyFailure),
}

// What is written has credentials in it.
impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.output.len();
        f.debug_struct("Conversation").field("pending", &pending).finish_non_exhaustive()
    }
}

impl Conversation {
    pub(super) fn begin(
        proxy: &ProxyServer,
        host: &str,
        port: u16,
        limits: &Limits,
        cover: Cover,
    ) -> Self {
        let mut output = BytesMut::new();
        let credentials = proxy.user_and_password();
        let speaks = match proxy.kind() {
            ProxyKind::Http | ProxyKind::Https => {
                let brackets = if host.contains(':') { ["[", "]"] } else { ["", ""] };
                let authority = format!("{}{host}{}:{port}", brackets[0], brackets[1]);
                let basic = credentials.map(|(user, password)| basic(user, password));
                Speaks::Http(Tunnel::begin(&authority, basic.as_deref(), limits, &mut output))
            }
            ProxyKind::Socks5 => Speaks::Socks(Socks::begin(host, port, credentials, &mut output)),
        };
        let (read_blocked, write_blocked) = (false, false);
        Self {
            cover,
            speaks,
            output,
            early: None,
            lost: false,
            asked: false,
            read_blocked,
            write_blocked,
        }
    }

    /// What is under way.
    pub(super) fn phase(&self) -> DialPhase {
        if self.cover.is_under_way() { DialPhase::ProxyTls } else { DialPhase::Proxy }
    }

    /// Whether the proxy was asked for anything, be it not to the end.
    pub(super) fn has_asked(&self) -> bool {
        self.asked
    }

    /// What is known of TLS with the proxy.
    pub(super) fn tls_facts(&self) -> Box<TlsFacts> {
        Box::new(self.cover.facts().cloned().unwrap_or_default())
    }

    /// TLS with the proxy, below all that follows.
    pub(super) fn into_cover(self) -> Cover {
        self.cover
    }

    pub(super) fn next(&self) -> Step {
        if let (Some(failure), true) =
            (self.failure(), self.output().is_empty() || self.write_blocked)
        {
            return Step::Over(failure);
        }
        match (self.output().is_empty(), self.write_blocked, self.read_blocked) {
            (false, false, _) => Step::Write,
            (false, true, _) if self.early.is_some() => Step::Wait { read: false, write: true },
            (_, _, false) => Step::Read,
            (sent, ..) => Step::Wait { read: true, write: !sent },
        }
    }

    pub(super) fn output(&self) -> &[u8] {
        if self.cover.is_on() { self.cover.output() } else { &self.output }
    }

    /// Why TLS with the proxy has failed, if it has.
    pub(super) fn failure(&self) -> Option<ProxyFailure> {
        self.cover.failure().map(ProxyFailure::Tls)
    }

    /// Returns what has come before, where it had to wait for this.
    pub(super) fn handle_written(&mut self, bytes: usize) -> Came {
        // A write of nothing is a failure, or it would be tried for ever.
        if bytes == 0 {
            return self.handle_write_failed();
        }
        let said = self.cover.consume(bytes).min(self.output.len());
        self.asked |= said > 0;
        self.output.advance(said);
        match self.early.take_if(|_| self.output.is_empty()) {
            Some(early) if self.cover.is_over() => {
                self.early = Some(early);
                Came::End
            }
            Some((rest, told)) => Came::Answer(rest, told),
            None => Came::Nothing,
        }
    }

    /// What the proxy has said is still worth reading, unless it has let through what nobody will hear
    /// of.
    pub(super) fn handle_write_failed(&mut self) -> Came {
        self.lost |= !self.output.is_empty();
        self.cover.clear();
        self.output.clear();
        if self.early.is_some() { Came::End } else { Came::Nothing }
    }

    /// Takes what was read.
    pub(super) fn receive(&mut self, input: &[u8]) -> Came {
        if !self.cover.is_on() {
            return match self.hear(input) {
                Some((rest, told)) => self.answer(rest, told),
                None => Came::Nothing,
            };
        }
        let input = self.cover.decrypt(input);
        let heard = self.hear(&input);
        self.cover.encrypt(&self.output);
        match heard {
            // Who has said that nothing more comes, or says what nobody understands, is no way through.
            Some((_, (answer, _))) if self.cover.is_over() && failure(answer, false).is_none() => {
                Came::End
            }
            Some((rest, told)) => self.answer(rest, told),
            None if self.cover.is_closed() => Came::End,
            // What TLS has to say of a failure leaves first.
            None => Came::Nothing,
        }
    }

    /// The proxy has answered.
    fn answer(&mut self, rest: Vec<u8>, told: Told) -> Came {
        let through = failure(told.0, false).is_none();
        if through && self.lost {
            return Came::End;
        }
        if !through || self.output.is_empty() {
            return Came::Answer(rest, told);
        }
        self.early = Some((rest, told));
        Came::Nothing
    }

    /// Takes what the proxy has said. Returns, once it has answered, what lies behind that.
    fn hear(&mut self, input: &[u8]) -> Option<(Vec<u8>, Told)> {
        if let Some((mut rest, told)) = self.early.take() {
            rest.extend_from_slice(input);
            return Some((rest, told));
        }
        let (taken, told) = match &mut self.speaks {
            Speaks::Socks(socks) => {
                let (taken, answer) = socks.receive(input, &mut self.output);
                (taken, (answer?, None))
            }
            Speaks::Http(tunnel) => match tunnel.receive(input) {
                Ok((taken, answer)) => (taken, told(answer?)),
                Err(error) => (input.len(), (ProxyAnswer::Malformed(error), None)),
            },
        };
        Some((input.get(taken..).unwrap_or_default().into(), told))
    }

    /// What the proxy has said before it was asked to the end.
    pub(super) fn early_answer(&self) -> Option<ProxyAnswer> {
        self.early.as_ref().map(|(_, (answer, _))| *answer)
    }

    /// Takes what there is of an answer when no more will come.
    pub(super) fn finish(&mut self) -> Option<Told> {
        match &mut self.speaks {
            Speaks::Http(tunnel) => tunnel.finish().map(told),
            Speaks::Socks(_) => None,
        }
    }
}

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Through { status } => (ProxyAnswer::Http { status }, None),
        Answer::Refused(refusal) => (ProxyAnswer::Http { status: refusal.status() }, Some(refusal)),
    }
}

/// What an answer means, to somebody who gave credentials or did not; nothing where it lets the
/// connection through.
pub(super) fn failure(answer: ProxyAnswer, credentials: bool) -> Option<ProxyFailure> {
    Some(match answer {
        ProxyAnswer::Http { status: 200..=299 } | ProxyAnswer::Socks(SocksReply::Succeeded) => {
            return None;
        }
        // 401 is the server's to say, and some proxies say it of themselves.
        ProxyAnswer::Http { status: 401 | 407 } | ProxyAnswer::SocksNoMethod if !credentials => {
            ProxyFailure::CredentialsNeeded
        }
        ProxyAnswer::Http { status: 401 | 407 } | ProxyAnswer::SocksCredentials => {
            ProxyFailure::CredentialsRefused
        }
        ProxyAnswer::SocksNoMethod => ProxyFailure::NoMethod,
        ProxyAnswer::Http { status } => ProxyFailure::Refused { status },
        ProxyAnswer::Socks(reply) => ProxyFailure::Socks(reply),
        ProxyAnswer::Malformed(error) => ProxyFailure::Malformed(error),
        ProxyAnswer::NotSocks => ProxyFailure::NotSocks,
    })
}

/// What this proxy needs besides a stream: TLS, if it speaks that. Or why it cannot be used for this
/// host.
pub(super) fn prepare(proxy: &ProxyServer, host: &str) -> Result<Cover, ProxyFailure> {
    match proxy.kind() {
        ProxyKind::Https => Cover::of(proxy),
        ProxyKind::Socks5 if host.len() > 255 => Err(ProxyFailure::NameTooLong),
        ProxyKind::Socks5 | ProxyKind::Http => Ok(Cover::none()),
    }
}
