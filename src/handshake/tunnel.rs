//! A way through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6).
//!
//! What the proxy lets through begins right behind the head of a 2xx answer, whatever that head
//! says of a body; none of it is taken here.

use alloc::boxed::Box;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

use super::error::HandshakeError;
use super::head::Kind;
use super::http1::head::HeadReader;
use super::refusal::{BodyReader, Refusal};
use crate::config::Limits;

/// A CONNECT under way.
pub(crate) struct Tunnel(State);

enum State {
    Head(HeadReader),
    Body(BodyReader),
    Done,
}

/// How a CONNECT ended.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What follows is the server's.
    Through { status: u16 },
    /// The proxy let nothing through.
    Refused(Box<Refusal>),
}

impl Tunnel {
    /// Writes the request to `out` and waits for the answer.
    pub(crate) fn begin(
        authority: &str,
        basic: Option<&str>,
        limits: &Limits,
        out: &mut BytesMut,
    ) -> Self {
        let mut put = |parts: &[&str]| {
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
        };
        put(&["CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority, "\r\n"]);
        if let Some(credentials) = basic {
            put(&["Proxy-Authorization: Basic ", credentials, "\r\n"]);
        }
        put(&["\r\n"]);
        Self(State::Head(HeadReader::new(Kind::Response, limits)))
    }

    /// Takes bytes up to the end of the answer. Returns how many, and the answer at its end.
    pub(crate) fn receive(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<Answer>), HandshakeError> {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            match &mut self.0 {
                State::Done => return Ok((taken, None)),
                State::Body(body) => {
                    let (count, refusal) = body.receive(rest);
                    return Ok((taken + count, refusal.map(refused)));
                }
                State::Head(reader) => {
                    let (count, complete) = reader.receive(rest)?;
                    taken += count;
                    if !complete {
                        return Ok((taken, None));
                    }
                    let cut = reader.cut_at();
                    let head = reader.take_response()?;
                    match (head.status, cut) {
                        (0..=99, _) => return Err(HandshakeError::StartLine),
                        (100..=199, _) => {}
                        (200..=299, None) => {
                            self.0 = State::Done;
                            return Ok((taken, Some(Answer::Through { status: head.status })));
                        }
                        // Where the server's bytes begin is not known.
                        (200..=299, Some(limit)) => {
                            return Err(HandshakeError::HeadTooLarge { limit });
                        }
                        (_, None) => self.0 = State::Body(BodyReader::new(head, "")),
                        (_, Some(_)) => {
                            self.0 = State::Done;
                            return Ok((taken, BodyReader::new(head, "").finish().map(refused)));
                        }
                    }
                }
            }
        }
    }

    /// Takes what there is of a refusal when no more will come.
    pub(crate) fn finish(&mut self) -> Option<Answer> {
        match core::mem::replace(&mut self.0, State::Done) {
            State::Body(body) => body.finish().map(refused),
            State::Head(reader) => {
                let head = reader.finish_response().filter(|head| head.status >= 300)?;
                BodyReader::new(head, "").finish().map(refused)
            }
            State::Done => None,
        }
    }
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(Box::new(refusal))
}

/// The credentials of HTTP's Basic scheme (RFC 7617), without the scheme's name.
pub(crate) fn basic(user: &str, password: &str) -> String {
    STANDARD.encode([user, ":", password].concat())
}
