//! Compression in the sessions' bodies: what is agreed on, and what the peer inflates.

use bytes::Buf;
use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{
    Cause, Compression, Config, MessageKind, ReadClosed, Role, Seed, Session, SessionEvent,
    Timestamp,
};

use super::script::other;

/// Settings that compress whatever there is.
pub(crate) fn settings(config: &mut Config, forgets: bool) {
    let mut settings = Compression::default();
    settings.threshold = 0;
    settings.level = 1;
    settings.context_takeover = !forgets;
    settings.peer_context_takeover = !forgets;
    config.compression = Some(settings);
}

/// What such settings agree on.
pub(crate) fn negotiated(forgets: bool) -> Negotiated {
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = forgets;
    params.client_no_context_takeover = forgets;
    Negotiated::default().with_deflate(params)
}

/// What the peer compresses with, once that was agreed on.
#[derive(Default)]
pub(crate) struct Peer(Option<Session>);

impl Peer {
    /// The frames of a message, or of a fragment of one, as `session` can receive it.
    pub(crate) fn compress(
        &mut self,
        session: &Session,
        first: u8,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        session.negotiated().extensions().deflate()?;
        let now = Timestamp::ZERO;
        let peer = self.0.get_or_insert_with(|| {
            let (role, negotiated) = (other(session.role()), session.negotiated().clone());
            let mut config = Config::default();
            settings(&mut config, false);
            Session::upgraded(role, negotiated, config, Seed::new([8; 32]), now)
        });
        let fin = first & 0x80 != 0;
        let sent = match first & 0x7 {
            0..3 => peer.send(payload, now).map_err(|refused| refused.reason),
            3 => peer.send_fragment("ä".repeat(payload.len()).as_str(), fin, now),
            _ => peer.send_fragment(payload, fin, now),
        };
        sent.ok()?;
        let mut output = peer.output();
        let frames = output.copy_to_bytes(output.remaining()).to_vec();
        peer.handle_flushed(frames.len(), now);
        Some(frames)
    }
}

/// The messages in an output, which a session of the other role must not find fault with.
pub(crate) fn hear(
    wire: &[u8],
    role: Role,
    negotiated: &Negotiated,
) -> Vec<(MessageKind, Vec<u8>)> {
    let mut config = Config::default();
    config.limits.frame = u64::MAX;
    config.limits.message = u64::MAX;
    config.limits.fragments = u32::MAX;
    config.limits.empty_fragments = u32::MAX;
    config.compression = Some(Compression::default());
    let now = Timestamp::ZERO;
    let mut peer = Session::upgraded(role, negotiated.clone(), config, Seed::new([3; 32]), now);
    let (mut messages, mut copy) = (Vec::new(), wire.to_vec());
    let mut input = &mut copy[..];
    while let Some(event) = peer.poll_event(&mut input, now) {
        if let SessionEvent::Message(message) = event {
            messages.push((message.kind(), message.as_bytes().to_vec()));
        }
    }
    peer.handle_read_closed(ReadClosed::Failed(farewell::TransportError::Reset), now);
    let Some(SessionEvent::Ended(report)) = peer.poll_event(&mut input, now) else {
        panic!("no end after a reset");
    };
    assert!(
        !matches!(report.cause, Cause::Violation { .. } | Cause::TooBig { .. }),
        "the output breaks a rule: {report}, {wire:02x?}"
    );
    messages
}
