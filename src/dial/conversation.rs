//! The conversation with a proxy: what is written to it, and what its answer means.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use bytes::{Buf, BytesMut};

use super::proxy::ProxyServer;
use super::socks::Socks;
use crate::config::Limits;
use crate::handshake::{Answer, Refusal, Tunnel, basic};
use crate::report::{PhaseSpan, ProxyAnswer, ProxyFailure, ProxyKind, ProxyRecord, SocksReply};
use crate::time::Timestamp;

/// What a proxy answered, with the whole answer where HTTP refused.
pub(super) type Told = (ProxyAnswer, Option<Box<Refusal>>);

pub(super) struct Conversation {
    speaks: Speaks,
    output: BytesMut,
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
    Wait { read: bool, write: bool },
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
        now: Timestamp,
    ) -> (Self, ProxyRecord) {
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
        let record = ProxyRecord {
            kind: proxy.kind(),
            credentials: credentials.is_some(),
            span: PhaseSpan::begun(now),
            answer: None,
            refusal: None,
        };
        (Self { speaks, output, read_blocked: false, write_blocked: false }, record)
    }

    pub(super) fn next(&self) -> Step {
        match (self.output.is_empty(), self.write_blocked, self.read_blocked) {
            (false, false, _) => Step::Write,
            (_, _, false) => Step::Read,
            (sent, ..) => Step::Wait { read: true, write: !sent },
        }
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    pub(super) fn handle_written(&mut self, bytes: usize) {
        // A write of nothing is a failure, or it would be tried for ever.
        match bytes {
            0 => self.handle_write_failed(),
            _ => self.output.advance(bytes.min(self.output.len())),
        }
    }

    pub(super) fn handle_write_failed(&mut self) {
        self.output.clear();
    }

    /// Takes what was read. Returns, once the proxy has answered, what lies behind that.
    pub(super) fn receive<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], Told)> {
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
        Some((input.get(taken..).unwrap_or_default(), told))
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

/// Why this proxy cannot be used for this host.
pub(super) fn unfit(proxy: &ProxyServer, host: &str) -> Option<ProxyFailure> {
    match proxy.kind() {
        ProxyKind::Https => Some(ProxyFailure::NoTls),
        ProxyKind::Socks5 if host.len() > 255 => Some(ProxyFailure::NameTooLong),
        ProxyKind::Socks5 | ProxyKind::Http => None,
    }
}
