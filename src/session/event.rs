//! What a session tells its caller.

use alloc::boxed::Box;
use core::time::Duration;

use super::MessageChunk;
use crate::handshake::{Negotiated, Request, Response};
use crate::report::Termination;
use crate::wire::message::Message;

/// What happened on a session, from [`Session::poll_event`](crate::Session::poll_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent<'b> {
    /// A client asks for the connection, on a server. Respond with
    /// [`Session::accept`](crate::Session::accept) or [`Session::reject`](crate::Session::reject).
    Request(Box<Request>),
    /// The opening handshake is over and messages can be sent. There is none for a session that
    /// was made of an existing upgrade.
    Open(Box<Opened>),
    /// A whole message.
    Message(Message<'b>),
    /// A part of a message, of a session that
    /// [receives in chunks](crate::Session::receive_in_chunks).
    Chunk(Box<MessageChunk>),
    /// A Ping came; its Pong is already queued. The payload is in
    /// [`Session::ping_payload`](crate::Session::ping_payload).
    Ping,
    /// A Pong came. The payload is in
    /// [`Session::pong_payload`](crate::Session::pong_payload).
    Pong {
        /// The round trip, where it is for the latest Ping of the heartbeat, or of
        /// [`Driver::ping`](crate::driver::Driver::ping).
        rtt: Option<Duration>,
    },
    /// The peer's Close came; ours in response is already queued, behind what was accepted for
    /// sending before. The frame is in [`Session::peer_close`](crate::Session::peer_close).
    CloseReceived,
    /// The session has ended. Always the last event, and always there.
    Ended(Box<Termination>),
}

impl SessionEvent<'_> {
    /// The same event; a message in it is copied if it was borrowed.
    #[must_use]
    pub fn into_owned(self) -> SessionEvent<'static> {
        match self {
            Self::Request(request) => SessionEvent::Request(request),
            Self::Open(opened) => SessionEvent::Open(opened),
            Self::Message(message) => SessionEvent::Message(message.into_owned()),
            Self::Chunk(chunk) => SessionEvent::Chunk(chunk),
            Self::Ping => SessionEvent::Ping,
            Self::Pong { rtt } => SessionEvent::Pong { rtt },
            Self::CloseReceived => SessionEvent::CloseReceived,
            Self::Ended(termination) => SessionEvent::Ended(termination),
        }
    }
}

/// The result of an opening handshake.
#[derive(Debug, Clone)]
pub struct Opened {
    pub(super) negotiated: Negotiated,
    pub(super) response: Option<Response>,
}

impl Opened {
    /// What was agreed on.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The server's response with its header fields; on a client only.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.response.as_ref()
    }
}
