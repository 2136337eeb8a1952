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
        Self { cover, speaks, output, asked: false, read_blocked, write_blocked }
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

    pub(super) fn handle_written(&mut self, bytes: usize) {
        // A write of nothing is a failure, or it would be tried for ever.
        match bytes {
            0 => self.handle_write_failed(),
            _ => {
                let said = self.cover.consume(bytes).min(self.output.len());
                self.asked |= said > 0;
                self.output.advance(said);
            }
        }
    }

    pub(super) fn handle_write_failed(&mut self) {
        self.cover.clear();
        self.output.clear();
    }

    /// Takes what was read.
    pub(super) fn receive(&mut self, input: &[u8]) -> Came {
        if !self.cover.is_on() {
            return match self.hear(input) {
                Some((_, told)) if self.is_early(told.0) => Came::End,
                Some((taken, told)) => Came::Answer(behind(input, taken), told),
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
            Some((_, told)) if self.is_early(told.0) => Came::End,
            Some((taken, told)) => Came::Answer(behind(&input, taken), told),
            None if self.cover.is_closed() => Came::End,
            // What TLS has to say of a failure leaves first.
            None => Came::Nothing,
        }
    }

    /// Whether this lets a connection through that was not asked for to the end: what of that has not
    /// left would be taken for the connection's own.
    fn is_early(&self, answer: ProxyAnswer) -> bool {
        !self.output.is_empty() && failure(answer, false).is_none()
    }

    /// Takes what the proxy has said. Returns, once it has answered, how much of it that took.
    fn hear(&mut self, input: &[u8]) -> Option<(usize, Told)> {
        Some(match &mut self.speaks {
            Speaks::Socks(socks) => {
                let (taken, answer) = socks.receive(input, &mut self.output);
                (taken, (answer?, None))
            }
            Speaks::Http(tunnel) => match tunnel.receive(input) {
                Ok((taken, answer)) => (taken, told(answer?)),
                Err(error) => (input.len(), (ProxyAnswer::Malformed(error), None)),
            },
        })
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

fn behind(input: &[u8], taken: usize) -> Vec<u8> {
    input.get(taken..).unwrap_or_default().into()
}
