//! One end of a connection on which compression is agreed, and the bytes of the other.

use std::fmt::Write as _;

use bytes::Buf;
use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{
    Cause, Compression, Config, Message, MessageKind, ReadClosed, Role, Seed, Session,
    SessionEvent, Termination, Violation,
};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};

use crate::support::pair::{Endpoint, START};
use crate::support::split::Split;
use crate::support::wire::{CLOSE, frames, peer_of, show};

/// RSV1 in the first byte of a frame.
pub(crate) const RSV1: u8 = 0x40;

/// The end of the empty block that is left out at the end of a message.
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config.fragment_size = None;
    let mut compression = Compression::default();
    compression.threshold = 0;
    config.compression = Some(compression);
    config
}

/// The same with changed settings of compression.
pub(crate) fn compressing(change: impl FnOnce(&mut Compression)) -> Config {
    let mut config = config();
    change(config.compression.as_mut().unwrap());
    config
}

/// Parameters by which neither end takes over its context.
pub(crate) fn no_takeover() -> DeflateParams {
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = true;
    params.client_no_context_takeover = true;
    params
}

pub(crate) fn session(role: Role, params: DeflateParams, config: Config) -> Session {
    let negotiated = Negotiated::default().with_deflate(params);
    Session::upgraded(role, negotiated, config, Seed::new([9; 32]), START)
}

/// Everything that was seen of a session to which the peer sent `wire` and nothing more.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) events: String,
    pub(crate) messages: Vec<Message<'static>>,
    pub(crate) output: Vec<u8>,
    pub(crate) report: Termination,
}

pub(crate) fn receive(session: Session, wire: &[u8], reads: Split, direct: bool) -> Seen {
    receive_as(session, wire, reads, direct, false)
}

/// The same, in chunks that are put together here.
fn receive_as(
    mut session: Session,
    wire: &[u8],
    reads: Split,
    direct: bool,
    in_chunks: bool,
) -> Seen {
    session.receive_in_chunks(in_chunks);
    let mut side = Endpoint::new(session);
    side.behaviour.eager = true;
    side.behaviour.direct = direct;
    side.reads = reads;
    side.incoming = wire.to_vec();
    side.incoming_end = Some(ReadClosed::Eof);
    while !side.write(START).is_empty() {}
    while side.read(START) {
        while !side.write(START).is_empty() {}
    }
    side.events = joined(std::mem::take(&mut side.events));
    let mut events = String::new();
    for event in &side.events {
        match event {
            // Held against each other as they are: text of them takes long to write.
            SessionEvent::Message(message) => writeln!(events, "message of {}", message.len()),
            other => writeln!(events, "{other:?}"),
        }
        .unwrap();
    }
    let messages = side.messages().into_iter().cloned().collect();
    let report = side.report().clone();
    Seen { events, messages, output: side.written, report }
}

/// Chunks as the messages that they make.
fn joined(events: Vec<SessionEvent<'static>>) -> Vec<SessionEvent<'static>> {
    let (mut joined, mut message) = (Vec::new(), Vec::new());
    for event in events {
        let SessionEvent::Chunk(chunk) = event else {
            joined.push(event);
            continue;
        };
        message.extend_from_slice(chunk.payload());
        if chunk.is_last() {
            let whole = std::mem::take(&mut message);
            joined.push(SessionEvent::Message(match chunk.kind() {
                MessageKind::Text => Message::text(String::from_utf8(whole).unwrap()),
                MessageKind::Binary => whole.into(),
            }));
        }
    }
    joined
}

/// What is seen, which has to be the same however `wire` is cut.
pub(crate) fn in_every_split(make: impl Fn() -> Session, wire: &[u8]) -> Seen {
    let whole = receive(make(), wire, Split::Whole, false);
    // Of a long wire not every place; that is what single bytes are for.
    let firsts = (1..wire.len()).step_by(wire.len().div_ceil(200).max(1)).map(Split::First);
    let every = [1, 2, 3, 7, 64].map(Split::Every);
    let random = (1..9).map(Split::Random);
    for reads in firsts.chain(every).chain(random) {
        let direct = matches!(reads, Split::Random(_));
        if !matches!(reads, Split::First(_)) {
            let seen = receive_as(make(), wire, reads, false, true);
            assert_eq!(seen, whole, "{reads:?}, in chunks:\n{}", show(wire));
        }
        let seen = receive(make(), wire, reads, direct);
        assert_eq!(seen, whole, "{reads:?}, direct {direct}:\n{}", show(wire));
    }
    whole
}

/// The messages that `role` receives, however the wire is cut.
pub(crate) fn hears(role: Role, params: DeflateParams, wire: &[u8], expected: &[Message<'_>]) {
    let seen = in_every_split(|| session(role, params, config()), wire);
    assert_eq!(seen.messages, expected, "{role:?}\n{}", show(wire));
    let Cause::Eof { .. } = seen.report.cause else { panic!("{}\n{}", seen.report, show(wire)) };
}

/// The peer of `role` sends `wire`, which breaks `rule` at `offset`.
///
/// The Close that says so is sent, once, whatever else comes; the report names the rule and its
/// section; and however the wire is cut, it is all the same.
pub(crate) fn fails(
    role: Role,
    params: DeflateParams,
    config: Config,
    wire: &[u8],
    rule: Violation,
    offset: usize,
) -> Seen {
    let seen = in_every_split(|| session(role, params, config.clone()), wire);
    check_failure(role, wire, &seen, rule, offset);
    seen
}

pub(crate) fn check_failure(role: Role, wire: &[u8], seen: &Seen, rule: Violation, offset: usize) {
    match seen.report.cause {
        Cause::Violation { rule: found, offset: at }
        | Cause::TooBig { rule: found, offset: at } => {
            assert_eq!((found, at), (rule, offset as u64), "{role:?}\n{}", show(wire));
        }
        other => panic!("{other:?} instead of {rule:?} for {role:?}\n{}", show(wire)),
    }
    assert!(!seen.report.clean);
    let closes: Vec<_> =
        frames(&seen.output).into_iter().filter(|frame| frame.first == CLOSE).collect();
    assert_eq!(closes.len(), 1, "{}", show(&seen.output));
    assert_eq!(closes[0].payload[..2], rule.close_code().get().to_be_bytes());
    let place = format!("RFC {} section {}, byte {offset}", rule.rfc(), rule.section());
    assert!(seen.report.to_string().contains(&place), "{}", seen.report);
}

/// All that the session has to write.
pub(crate) fn written(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    while session.has_output() {
        let mut output = session.output();
        let some = output.copy_to_bytes(output.remaining());
        session.handle_flushed(some.len(), START);
        bytes.extend_from_slice(&some);
    }
    bytes
}

/// A peer that compresses with flate2 alone.
pub(crate) struct Peer {
    pub(crate) role: Role,
    compress: Compress,
    decompress: Decompress,
}

impl Peer {
    pub(crate) fn new(role: Role) -> Self {
        let compress = Compress::new(flate2::Compression::new(6), false);
        Self { role, compress, decompress: Decompress::new(false) }
    }

    /// The peer of this end.
    pub(crate) fn of(role: Role) -> Self {
        Self::new(peer_of(role))
    }

    /// A message's payload, compressed with what came before.
    pub(crate) fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + message.len() / 8 + 100);
        self.compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        match out.strip_suffix(&TAIL) {
            Some(stripped) => stripped.to_vec(),
            None => vec![0],
        }
    }

    /// What a payload inflates to, with what came before.
    pub(crate) fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        for mut rest in [payload, &TAIL] {
            loop {
                let before = self.decompress.total_in();
                let flush = FlushDecompress::None;
                self.decompress.decompress_vec(rest, &mut out, flush).expect("valid DEFLATE data");
                rest = &rest[(self.decompress.total_in() - before) as usize..];
                if out.len() < out.capacity() {
                    break;
                }
                out.reserve(out.len());
            }
            assert!(rest.is_empty());
        }
        out
    }

    /// The messages on a wire: kind, whether it was compressed, and its bytes.
    pub(crate) fn hear(&mut self, wire: &[u8]) -> Vec<(u8, bool, Vec<u8>)> {
        let mut messages: Vec<(u8, bool, Vec<u8>)> = Vec::new();
        for frame in frames(wire) {
            assert_eq!(frame.mask.is_some(), self.role == Role::Server);
            let opcode = frame.first & 0xf;
            match opcode {
                0 => {
                    assert_eq!(frame.first & 0x70, 0, "a reserved bit on a continuation");
                    messages.last_mut().unwrap().2.extend(&frame.payload);
                }
                1 | 2 => messages.push((opcode, frame.first & RSV1 != 0, frame.payload)),
                _ => assert_eq!(frame.first & 0x70, 0, "a reserved bit on a control frame"),
            }
            if opcode < 8 && frame.first & 0x80 != 0 {
                let last = messages.last_mut().unwrap();
                if last.1 {
                    last.2 = self.inflate(&last.2);
                }
            }
        }
        messages
    }
}

/// Text of `size` bytes that compresses about as JSON does.
pub(crate) fn json(size: usize, seed: u64) -> String {
    let mut number = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::from("[");
    while text.len() < size {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        text.push_str(&format!(
            "{{\"id\":{},\"name\":\"sensor-{}\",\"value\":{}.{}}},",
            number % 100_000,
            number % 37,
            number % 900,
            number % 10,
        ));
    }
    text.truncate(size);
    text
}

/// Bytes that do not compress.
pub(crate) fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut number = seed | 1;
    (0..size)
        .map(|_| {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            (number >> 24) as u8
        })
        .collect()
}

/// The events of a session that reads all of `wire` at once and goes on living.
pub(crate) fn messages(session: &mut Session, wire: &[u8]) -> Vec<Message<'static>> {
    let mut bytes = wire.to_vec();
    let mut input = &mut bytes[..];
    let mut messages = Vec::new();
    while let Some(event) = session.poll_event(&mut input, START) {
        match event {
            SessionEvent::Message(message) => messages.push(message.into_owned()),
            other => panic!("{other:?}\n{}", show(wire)),
        }
    }
    messages
}
