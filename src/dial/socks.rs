//! The client of SOCKS5 (RFC 1928), with user name and password (RFC 1929).
//!
//! Invariant: not a byte is taken that is the server's: the reply's length is known before its end.

use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::BytesMut;

use crate::report::{ProxyAnswer, SocksReply};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

/// What a SOCKS proxy is to connect to; a name is the proxy's to resolve.
pub(super) struct Socks {
    state: State,
    /// The request, once it may leave.
    request: Vec<u8>,
    /// User name and password, once they are asked for.
    credentials: Option<Vec<u8>>,
    /// What came of the present answer: at most 262 bytes, with the longest name.
    answer: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Method,
    Credentials,
    Reply,
    Done,
}

impl Socks {
    /// Writes the greeting.
    pub(super) fn begin(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
        out: &mut BytesMut,
    ) -> Self {
        let credentials = credentials.map(|(user, password)| {
            let mut message = alloc::vec![1];
            for text in [user, password] {
                push_text(&mut message, text);
            }
            message
        });
        if credentials.is_some() {
            out.extend_from_slice(&[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD]);
        } else {
            out.extend_from_slice(&[VERSION, 1, NO_AUTHENTICATION]);
        }
        let (request, answer) = (request(host, port), Vec::new());
        Self { state: State::Method, request, credentials, answer }
    }

    /// Takes bytes up to the end of the reply. Returns how many, and the answer at its end.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
    ) -> (usize, Option<ProxyAnswer>) {
        let mut taken = 0;
        while let Some(byte) = input.get(taken) {
            if matches!(self.state, State::Done) {
                break;
            }
            taken += 1;
            self.answer.push(*byte);
            if let Some(answer) = self.judge(out) {
                self.state = State::Done;
                return (taken, Some(answer));
            }
        }
        (taken, None)
    }

    /// Looks at what came of the present answer.
    fn judge(&mut self, out: &mut BytesMut) -> Option<ProxyAnswer> {
        match (self.state, self.answer.as_slice()) {
            (State::Method, [VERSION]) | (State::Credentials, [_]) => return None,
            (State::Method, [VERSION, NO_AUTHENTICATION]) => self.ask(out),
            (State::Method, [VERSION, USER_AND_PASSWORD]) => match self.credentials.take() {
                Some(credentials) => {
                    self.next(State::Credentials);
                    out.extend_from_slice(&credentials);
                }
                None => return Some(ProxyAnswer::NotSocks),
            },
            (State::Method, [VERSION, 0xff]) => return Some(ProxyAnswer::SocksNoMethod),
            (State::Credentials, [_, 0]) => self.ask(out),
            (State::Credentials, _) => return Some(ProxyAnswer::SocksCredentials),
            (State::Reply, answer) => return judge_reply(answer),
            (State::Method | State::Done, _) => return Some(ProxyAnswer::NotSocks),
        }
        None
    }

    fn ask(&mut self, out: &mut BytesMut) {
        self.next(State::Reply);
        out.extend_from_slice(&self.request);
    }

    fn next(&mut self, state: State) {
        self.state = state;
        self.answer.clear();
    }
}

/// The reply, once all of it is there; of a refusal, its number is enough.
fn judge_reply(answer: &[u8]) -> Option<ProxyAnswer> {
    match answer {
        [VERSION] => None,
        [VERSION, 0] | [VERSION, 0, _] => None,
        [VERSION, 0, _, kind, rest @ ..] => {
            let address = match (*kind, rest.first()) {
                (1, _) => 4,
                (4, _) => 16,
                (3, Some(len)) => 1 + usize::from(*len),
                (3, None) => return None,
                _ => return Some(ProxyAnswer::NotSocks),
            };
            let complete = rest.len() >= address + 2;
            complete.then_some(ProxyAnswer::Socks(SocksReply::Succeeded))
        }
        [VERSION, number, ..] => Some(ProxyAnswer::Socks(SocksReply::from_number(*number))),
        _ => Some(ProxyAnswer::NotSocks),
    }
}

fn request(host: &str, port: u16) -> Vec<u8> {
    const CONNECT: u8 = 1;
    let mut request = alloc::vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.push(3);
            push_text(&mut request, host);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

/// A text behind its length. What is longer was refused before.
fn push_text(message: &mut Vec<u8>, text: &str) {
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    message.push(len);
    message.extend_from_slice(text.as_bytes().get(..usize::from(len)).unwrap_or_default());
}
