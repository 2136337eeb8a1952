//! The wire as the other end sees it: whole frames made, and output judged.

use farewell::{
    Cause, Config, Connection, Event, FrameHeader, MaskingKey, MessageKind, OpCode, ReadClosed,
    Role, Seed, Termination, Timestamp, apply_mask,
};

/// The bytes of a frame; a client's has to be given a key.
pub(crate) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut header = FrameHeader::new(OpCode::Binary, payload.len() as u64);
    header.mask = key.map(MaskingKey::new);
    let mut head = [0; 14];
    let end = header.encode(&mut head);
    head[0] = first;
    let mut wire = head[..end].to_vec();
    wire.extend_from_slice(payload);
    if let Some(key) = header.mask {
        apply_mask(&mut wire[end..], key);
    }
    wire
}

/// The frames of an output, taken apart without regard to their order; the last may be cut short.
pub(crate) fn frames(mut wire: &[u8], sender: Role) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((header, end)) =
        FrameHeader::decode(wire, sender).expect("an output holds valid headers")
    {
        let len = usize::try_from(header.len).unwrap_or(usize::MAX).min(wire.len() - end);
        let mut payload = wire[end..end + len].to_vec();
        if let Some(key) = header.mask {
            apply_mask(&mut payload, key);
        }
        wire = &wire[end + len..];
        frames.push((header, payload));
    }
    frames
}

/// What every report keeps to.
pub(crate) fn check_report(role: Role, report: &Termination) {
    assert_eq!(report.role, role);
    let code = report.peer_close.map_or(1006, |close| close.reported_code());
    assert_eq!(report.code, code);
    if report.clean {
        assert!(report.peer_close.is_some());
        assert!(report.local_close.is_some_and(|close| close.flushed));
    }
    let sentence = report.to_string();
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    assert!(report.evidence.discarded <= report.evidence.received.bytes);
}

/// What the peer makes of an output.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Whole messages.
    pub(crate) messages: Vec<(MessageKind, Vec<u8>)>,
    /// The last message, where it was not finished.
    pub(crate) unfinished: Vec<u8>,
    pub(crate) pongs: Vec<Vec<u8>>,
    pub(crate) closed: bool,
}

/// Feeds an output to a connection of the other role, which must not find fault with it.
pub(crate) fn hear(wire: &[u8], role: Role) -> Heard {
    let mut config = Config::default();
    config.limits.frame = u64::MAX;
    config.limits.message = u64::MAX;
    config.limits.fragments = u32::MAX;
    config.limits.empty_fragments = u32::MAX;
    let now = Timestamp::ZERO;
    let mut peer = Connection::new(role, config, Seed::new([3; 32]), now);
    let mut heard = Heard::default();
    let mut copy = wire.to_vec();
    let mut input = &mut copy[..];
    while let Some(event) = peer.poll_event(&mut input, now) {
        match event {
            Event::Data(chunk) => {
                heard.unfinished.extend_from_slice(chunk.payload());
                if chunk.is_last() {
                    heard.messages.push((chunk.kind(), core::mem::take(&mut heard.unfinished)));
                }
            }
            Event::Pong { .. } => heard.pongs.push(peer.pong_payload().to_vec()),
            Event::CloseReceived => heard.closed = true,
            _ => {}
        }
    }
    peer.handle_read_closed(ReadClosed::Failed(farewell::TransportError::Reset), now);
    let Some(Event::Ended(report)) = peer.poll_event(&mut input, now) else {
        panic!("no end after a reset");
    };
    assert!(
        !matches!(report.cause, Cause::Violation { .. } | Cause::TooBig { .. }),
        "the output breaks a rule: {report}, {wire:02x?}"
    );
    heard
}
