//! Frames as bytes: built by hand, taken apart by hand, and printed so that a person can read them.
//!
//! Nothing here uses the crate's own framing: what the tests compare with is written from the RFC.

use farewell::Role;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
/// The first fragment of a text, and of a binary message.
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const BINARY_BEGINS: u8 = 0x02;
/// A fragment that neither begins nor ends its message, and the one that ends it.
pub(crate) const GOES_ON: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;

/// The masking key of the RFC's examples.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

pub(crate) fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The bytes that hexadecimal digits stand for; blanks and `#` comments are passed over.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    let digits: Vec<u32> =
        lines.flat_map(str::chars).filter_map(|digit| digit.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "half a byte in {text:?}");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// A header: the first byte as it is on the wire, the masking key where there is one, a length.
pub(crate) fn header(first: u8, mask: Option<[u8; 4]>, len: u64) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(masked | len as u8),
        126..=0xffff => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    bytes
}

/// A frame, the first byte given as it is on the wire: FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, mask, payload.len() as u64);
    let key = mask.unwrap_or_default();
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The masking key that `sender`'s frames have.
pub(crate) fn mask_of(sender: Role) -> Option<[u8; 4]> {
    (sender == Role::Client).then_some(KEY)
}

/// Frames as a peer is to send them: the first byte and the payload of each.
pub(crate) type Frames<'a> = &'a [(u8, &'a [u8])];

/// Frames that `sender` sends, masked with [`KEY`] where it has to.
pub(crate) fn sent_by(sender: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(*first, mask_of(sender), payload)).collect()
}

/// The body of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A frame that was taken off the wire, unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

/// The whole frames that `wire` consists of.
pub(crate) fn frames(wire: &[u8]) -> Vec<Frame> {
    let mut rest = wire;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let Some((frame, length)) = first_frame(rest) else {
            panic!("no whole frame at byte {} of {}", wire.len() - rest.len(), show(wire));
        };
        frames.push(frame);
        rest = &rest[length..];
    }
    frames
}

/// The first byte and the payload of each frame of `wire`.
pub(crate) fn plain(wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    frames(wire).into_iter().map(|frame| (frame.first, frame.payload)).collect()
}

fn first_frame(wire: &[u8]) -> Option<(Frame, usize)> {
    let extended = match wire.get(1)? & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut len = u64::from(wire[1] & 0x7f);
    if extended > 0 {
        len = wire.get(2..2 + extended)?.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    }
    let mut at = 2 + extended;
    let mut mask: Option<[u8; 4]> = None;
    if wire[1] & 0x80 != 0 {
        mask = Some(wire.get(at..at + 4)?.try_into().ok()?);
        at += 4;
    }
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    let key: [u8; 4] = mask.unwrap_or_default();
    let bytes = wire.get(at..end)?.iter().zip(key.iter().cycle());
    let payload = bytes.map(|(byte, key)| byte ^ key).collect();
    Some((Frame { first: wire[0], mask, payload }, end))
}

/// `wire` in hexadecimal: a line for each frame, its header apart from its payload.
pub(crate) fn show(wire: &[u8]) -> String {
    let digits = |bytes: &[u8]| -> String {
        let shown: String = bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
        if bytes.len() > 64 { format!("{shown}.. ({} bytes)", bytes.len()) } else { shown }
    };
    let mut text = String::new();
    let mut rest = wire;
    while let Some((frame, end)) = first_frame(rest) {
        let head = end - frame.payload.len();
        let key = if frame.mask.is_some() { head - 4 } else { head };
        let parts = [&rest[..1], &rest[1..key], &rest[key..head], &rest[head..end]];
        for part in parts.iter().filter(|part| !part.is_empty()) {
            text.push_str(&digits(part));
            text.push(' ');
        }
        text.push('\n');
        rest = &rest[end..];
    }
    text.push_str(&digits(rest));
    text
}
