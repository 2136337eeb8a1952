//! The opening handshake of the session's driver.

use bytes::{Buf, BytesMut};
use farewell::handshake::{Accept, Negotiated, Origins, Rejection, ServerHandshake};
use farewell::{Config, Limits, Role, Seed, Session, Timestamp};

#[cfg(feature = "deflate")]
use super::super::compression;
use super::super::script::Script;
use super::{Driver, Habits};

impl Driver {
    /// The other side of the opening handshake, as it should be, and `behind` it.
    pub(super) fn feed_handshake(&mut self, behind: &[u8]) {
        let mut bytes = BytesMut::new();
        match self.role {
            Role::Server => {
                bytes.extend_from_slice(
                    b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    Sec-WebSocket-Version: 13\r\n",
                );
                if self.habits.compresses {
                    bytes.extend_from_slice(
                        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
                    );
                }
                bytes.extend_from_slice(b"\r\n");
            }
            Role::Client => {
                let mut request = self.wire.clone();
                let mut output = self.session.output();
                while output.has_remaining() {
                    request.extend_from_slice(output.chunk());
                    output.advance(output.chunk().len());
                }
                let request = ServerHandshake::new(&Limits::default()).receive(&request);
                let Ok((_, Some(request))) = request else { return };
                let accept = Accept::new(Origins::Any);
                #[cfg(feature = "deflate")]
                let answer = match &self.config.compression {
                    Some(settings) => {
                        accept.write_response_compressing(&request, settings, &mut bytes)
                    }
                    None => accept.write_response(&request, &mut bytes),
                };
                #[cfg(not(feature = "deflate"))]
                let answer = accept.write_response(&request, &mut bytes);
                answer.expect("it accepts anything");
            }
        }
        bytes.extend_from_slice(behind);
        self.feed(&bytes);
    }

    pub(super) fn accept(&mut self, how: u8) {
        let accept = match how % 4 {
            0 => Accept::new(Origins::Absent),
            1 => Accept::new(Origins::Any),
            2 => Accept::new(Origins::SameHost).require_origin(),
            _ => Accept::new(Origins::Any).subprotocol("chat").expect("a token"),
        };
        let answer = self.session.accept(accept, self.now);
        self.answered(answer);
    }

    pub(super) fn reject(&mut self, script: &mut Script<'_>) {
        let status = script.number();
        let Ok(rejection) = Rejection::new(status) else { return };
        let answer = self.session.reject(rejection.body(script.string().to_vec()), self.now);
        self.answered(answer);
    }
}

pub(super) fn session(role: Role, config: &Config, habits: Habits, now: Timestamp) -> Session {
    let (config, seed) = (config.clone(), Seed::new([7; 32]));
    match role {
        _ if habits.upgraded => {
            #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "see above"))]
            let mut negotiated = Negotiated::default();
            #[cfg(feature = "deflate")]
            if habits.compresses {
                negotiated = compression::negotiated(habits.forgets);
            }
            Session::upgraded(role, negotiated, config, seed, now)
        }
        Role::Server => Session::server(config, seed, now),
        Role::Client => {
            let request = farewell::handshake::ClientRequest::new("ws://example.com/chat");
            Session::client(&request.expect("a valid URI"), config, seed, now)
        }
    }
}
