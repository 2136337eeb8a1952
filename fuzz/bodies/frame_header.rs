//! Frame headers: decoded as a naive decoder does, refused at the same byte however many of them
//! are there, and encoded back to the same bytes.

use farewell::{FrameHeader, FrameHeaderError, MaskingKey, OpCode, Role, Violation};

use super::script::{Script, other};

type Decoded = Result<Option<(FrameHeader, usize)>, FrameHeaderError>;

pub(crate) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let sender = if script.flag() { Role::Client } else { Role::Server };
    let wire = script.take(usize::MAX);
    let decoded = FrameHeader::decode(wire, sender);
    assert_eq!(decoded, naive(wire, sender), "{sender:?} sent {wire:02x?}");
    for len in 0..wire.len().min(16) {
        let prefix = FrameHeader::decode(&wire[..len], sender);
        let complete = match &decoded {
            Ok(None) => false,
            Ok(Some((_, end))) => len >= *end,
            Err(error) => len > error.at,
        };
        let expected = if complete { decoded } else { Ok(None) };
        assert_eq!(prefix, expected, "{len} bytes of {wire:02x?} from {sender:?}");
    }
    if let Ok(Some((header, end))) = decoded {
        let mut out = [0; 14];
        let len = header.encode(&mut out);
        assert_eq!(out[..len], wire[..end], "{header:?}");
        let refused = FrameHeader::decode(wire, other(sender));
        assert!(matches!(refused, Err(FrameHeaderError { at: 1, .. })), "{refused:?}");
    }
    encoded(wire, sender);
}

/// Any header that can be, made from bytes, is decoded as it was encoded.
fn encoded(data: &[u8], sender: Role) {
    const OPCODES: [OpCode; 6] = [
        OpCode::Continuation,
        OpCode::Text,
        OpCode::Binary,
        OpCode::Close,
        OpCode::Ping,
        OpCode::Pong,
    ];
    let mut script = Script::new(data);
    let opcode = OPCODES[usize::from(script.byte()) % OPCODES.len()];
    let fin = script.flag();
    let shift = script.byte() % 64;
    let bits = script.take(8).iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    let len = bits >> shift & (u64::MAX >> 1);
    let mut header = FrameHeader::new(opcode, if opcode.is_control() { len % 126 } else { len });
    header.fin = fin || opcode.is_control();
    let key = MaskingKey::new([script.byte(), script.byte(), script.byte(), script.byte()]);
    header.mask = (sender == Role::Client).then_some(key);
    let mut out = [0; 14];
    let end = header.encode(&mut out);
    assert_eq!(FrameHeader::decode(&out[..end], sender), Ok(Some((header, end))));
    assert_eq!(FrameHeader::decode(&out, sender), Ok(Some((header, end))));
}

/// The table of RFC 6455 section 5.2, read one byte after the other.
fn naive(wire: &[u8], sender: Role) -> Decoded {
    let error = |rule, at| Err(FrameHeaderError { rule, at });
    let [first, rest @ ..] = wire else { return Ok(None) };
    if first & 0b0111_0000 != 0 {
        return error(Violation::ReservedBits, 0);
    }
    let opcode = match first & 0b1111 {
        0 => OpCode::Continuation,
        1 => OpCode::Text,
        2 => OpCode::Binary,
        8 => OpCode::Close,
        9 => OpCode::Ping,
        10 => OpCode::Pong,
        reserved => return error(Violation::ReservedOpcode(reserved), 0),
    };
    let fin = first >= &128;
    let control = first & 0b1000 != 0;
    if control && !fin {
        return error(Violation::FragmentedControl, 0);
    }
    let [second, rest @ ..] = rest else { return Ok(None) };
    match (sender, second >= &128) {
        (Role::Client, false) => return error(Violation::UnmaskedFrame, 1),
        (Role::Server, true) => return error(Violation::MaskedFrame, 1),
        _ => {}
    }
    let (len, rest) = match (second % 128, rest) {
        (126 | 127, _) if control => return error(Violation::ControlTooLong, 1),
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [high, ..]) if *high >= 128 => return error(Violation::LengthOverflow, 2),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (short, rest) => (u64::from(short), rest),
    };
    match second % 128 {
        126 if len <= 125 => return error(Violation::NonMinimalLength, 3),
        127 if len <= 65_535 => return error(Violation::NonMinimalLength, 9),
        _ => {}
    }
    let mut header = FrameHeader::new(opcode, len);
    header.fin = fin;
    if sender == Role::Server {
        return Ok(Some((header, wire.len() - rest.len())));
    }
    let [a, b, c, d, rest @ ..] = rest else { return Ok(None) };
    header.mask = Some(MaskingKey::new([*a, *b, *c, *d]));
    Ok(Some((header, wire.len() - rest.len())))
}
