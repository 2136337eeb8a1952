//! What a whole stream of frames means, found out the slow and obvious way.
//!
//! Written from the RFC and from the table of limits, over a complete byte string, with nothing of
//! the crate but its vocabulary. Streaming implementations are compared with it.

use farewell::{Limits, MessageKind, Position, Role, Violation};

/// What a receiver sees, with the pieces of a message joined unless a control frame comes between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Data {
        kind: MessageKind,
        first: bool,
        last: bool,
        bytes: Vec<u8>,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code, or 1005, and the reason.
    Close(u16, String),
}

/// Adds `seen` to `log`, joined to the piece before it where it continues that one.
pub(crate) fn note(log: &mut Vec<Seen>, seen: Seen) {
    if let (
        Some(Seen::Data { last: end @ false, bytes, .. }),
        Seen::Data { first: false, last, bytes: more, .. },
    ) = (log.last_mut(), &seen)
    {
        bytes.extend(more);
        *end = *last;
        return;
    }
    log.push(seen);
}

/// What is at the end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The stream simply stops.
    At(Position),
    /// A Close; so many bytes come after it.
    Closed { trailing: u64 },
    /// A rule is broken at this offset.
    Broken { rule: Violation, offset: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) log: Vec<Seen>,
    pub(crate) end: End,
}

/// The message that is under way.
struct Message {
    kind: MessageKind,
    bytes: Vec<u8>,
    given: bool,
    declared: u64,
    fragments: u32,
    empty_run: u32,
}

/// Reads everything that `sender` sent.
pub(crate) fn read(sender: Role, wire: &[u8], limits: &Limits) -> Reading {
    let mut log = Vec::new();
    let mut message = None;
    let mut at = 0;
    let end = loop {
        match next_frame(sender, wire, at, &mut message, limits, &mut log) {
            Ok(end) if matches!(log.last(), Some(Seen::Close(..))) => {
                break End::Closed { trailing: (wire.len() - end) as u64 };
            }
            Ok(end) => at = end,
            Err(end) => break end,
        }
    };
    Reading { log, end }
}

/// Reads the frame at `at` and gives where the next one begins.
fn next_frame(
    sender: Role,
    wire: &[u8],
    at: usize,
    message: &mut Option<Message>,
    limits: &Limits,
    log: &mut Vec<Seen>,
) -> Result<usize, End> {
    let broken = |rule, offset: usize| End::Broken { rule, offset: offset as u64 };
    let here = || match (wire.len() - at, message.as_ref()) {
        (0, None) => Position::FrameBoundary,
        (0, Some(begun)) => Position::BetweenFragments { received: begun.bytes.len() as u64 },
        (received, _) => Position::InsideHeader { received: received as u64 },
    };
    let byte = |index: usize| wire.get(at + index).copied().ok_or(End::At(here()));

    let first = byte(0)?;
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
    if first & 0x70 != 0 {
        return Err(broken(Violation::ReservedBits, at));
    }
    if !matches!(opcode, 0..=2 | 8..=10) {
        return Err(broken(Violation::ReservedOpcode(opcode), at));
    }
    let control = opcode >= 8;
    if control && !fin {
        return Err(broken(Violation::FragmentedControl, at));
    }
    let second = byte(1)?;
    let masked = second & 0x80 != 0;
    if masked != (sender == Role::Client) {
        let rule = if masked { Violation::MaskedFrame } else { Violation::UnmaskedFrame };
        return Err(broken(rule, at + 1));
    }
    if control && second & 0x7f > 125 {
        return Err(broken(Violation::ControlTooLong, at + 1));
    }
    let (extended, least) = match second & 0x7f {
        126 => (2, 126),
        127 => (8, 0x1_0000),
        _ => (0, 0),
    };
    let mut len = if extended == 0 { u64::from(second & 0x7f) } else { 0 };
    for index in 0..extended {
        let byte = byte(2 + index)?;
        if index == 0 && extended == 8 && byte & 0x80 != 0 {
            return Err(broken(Violation::LengthOverflow, at + 2));
        }
        len = len << 8 | u64::from(byte);
    }
    if len < least {
        return Err(broken(Violation::NonMinimalLength, at + 1 + extended));
    }
    let mut key = [0; 4];
    if masked {
        for (index, part) in key.iter_mut().enumerate() {
            *part = byte(2 + extended + index)?;
        }
    }
    let start = at + 2 + extended + if masked { 4 } else { 0 };
    if !control {
        begin_fragment(message, opcode, fin, len, limits)
            .map_err(|(rule, offset)| broken(rule, at + offset))?;
    }

    let end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
    let there = &wire[start..end.min(wire.len())];
    let payload: Vec<u8> = there.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
    let received = payload.len() as u64;
    let position = match control && message.is_none() {
        true => Position::InsideControlFrame { received, expected: len },
        false => Position::InsidePayload { received, expected: len },
    };
    let short = wire.len() < end;
    if control {
        if short {
            return Err(End::At(position));
        }
        log.push(control_frame(opcode, payload).map_err(|rule| broken(rule, start))?);
        return Ok(end);
    }
    let begun = message.as_mut().expect("a data frame is part of a message");
    let before = begun.bytes.len();
    begun.bytes.extend(payload);
    let bad = (begun.kind == MessageKind::Text).then(|| first_bad(&begun.bytes)).flatten();
    let piece = begun.bytes[before..bad.unwrap_or(begun.bytes.len())].to_vec();
    // Text may be cut between frames inside a character, but not end inside one.
    let complete = fin && !short && bad.is_none();
    let unfinished =
        begun.kind == MessageKind::Text && complete && std::str::from_utf8(&begun.bytes).is_err();
    let last = complete && !unfinished;
    if last || !piece.is_empty() {
        let first = !std::mem::replace(&mut begun.given, true);
        note(log, Seen::Data { kind: begun.kind, first, last, bytes: piece });
    }
    if let Some(bad) = bad {
        return Err(broken(Violation::InvalidUtf8, start + bad - before));
    }
    if unfinished {
        return Err(broken(Violation::InvalidUtf8, end));
    }
    if short {
        return Err(End::At(position));
    }
    if fin {
        *message = None;
    }
    Ok(end)
}

/// Takes a data frame's header into its message; where a rule is broken, at which byte of it.
fn begin_fragment(
    message: &mut Option<Message>,
    opcode: u8,
    fin: bool,
    len: u64,
    limits: &Limits,
) -> Result<(), (Violation, usize)> {
    let kind = if opcode == 1 { MessageKind::Text } else { MessageKind::Binary };
    match (opcode, message.is_some()) {
        (0, false) => return Err((Violation::UnexpectedContinuation, 0)),
        (1 | 2, true) => return Err((Violation::ExpectedContinuation, 0)),
        _ => {}
    }
    let begun = message.get_or_insert(Message {
        kind,
        bytes: Vec::new(),
        given: false,
        declared: 0,
        fragments: 0,
        empty_run: 0,
    });
    begun.declared = begun.declared.saturating_add(len);
    begun.fragments += 1;
    begun.empty_run = if len == 0 && !fin { begun.empty_run + 1 } else { 0 };
    let total = begun.declared;
    let excess = [
        (len > limits.frame, Violation::FrameTooBig { len, limit: limits.frame }),
        (total > limits.message, Violation::MessageTooBig { len: total, limit: limits.message }),
        (
            begun.fragments > limits.fragments,
            Violation::TooManyFragments { limit: limits.fragments },
        ),
        (
            begun.empty_run > limits.empty_fragments,
            Violation::TooManyEmptyFragments { limit: limits.empty_fragments },
        ),
    ];
    match excess.into_iter().find(|(over, _)| *over) {
        Some((_, rule)) => Err((rule, 1)),
        None => Ok(()),
    }
}

fn control_frame(opcode: u8, payload: Vec<u8>) -> Result<Seen, Violation> {
    match opcode {
        9 => return Ok(Seen::Ping(payload)),
        10 => return Ok(Seen::Pong(payload)),
        _ => {}
    }
    let (code, reason) = match payload.len() {
        0 => return Ok(Seen::Close(1005, String::new())),
        1 => return Err(Violation::CloseBodyTooShort),
        _ => (u16::from_be_bytes([payload[0], payload[1]]), payload[2..].to_vec()),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::InvalidCloseCode(code));
    }
    let reason = String::from_utf8(reason).map_err(|_| Violation::InvalidCloseReason)?;
    Ok(Seen::Close(code, reason))
}

/// The first byte after which nothing could make `bytes` valid UTF-8.
fn first_bad(bytes: &[u8]) -> Option<usize> {
    let error = std::str::from_utf8(bytes).err()?;
    error.error_len()?;
    // The shortest beginning that is not merely incomplete ends with the bad byte.
    let hopeless = |end: &usize| match std::str::from_utf8(&bytes[..*end]) {
        Ok(_) => false,
        Err(error) => error.error_len().is_some(),
    };
    (error.valid_up_to() + 1..=bytes.len()).find(hopeless).map(|end| end - 1)
}
