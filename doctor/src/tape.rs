//! What went over a connection and when: bytes, frames, the ends of the streams.
//!
//! It is fed with the bytes that a stream carried, and follows the frames in them by itself, so
//! that it shows what was on the wire and not what anybody made of it. Bounded: what would grow
//! beyond that is told more coarsely.

use std::time::Duration;

use farewell::{Clock, FrameHeader, OpCode, Role, Timestamp, apply_mask};

/// Points of a curve, and frames, beyond which neighbours are merged.
const MOST: usize = 2048;

/// Bytes of an HTTP head beyond which it is not looked for any more.
const HEAD: usize = 16 * 1024;

/// Which way something went, seen from the end that this library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// A frame, or several data frames one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) way: Way,
    /// When its last byte went over, or the header of one that is not complete.
    pub(crate) at: Duration,
    pub(crate) opcode: OpCode,
    pub(crate) count: u32,
    /// Bytes of payload, of all of them.
    pub(crate) len: u64,
    pub(crate) complete: bool,
    /// Of a control frame, unmasked.
    pub(crate) payload: Vec<u8>,
    /// Of a Ping that was answered.
    pub(crate) answered: Option<Duration>,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// When so many bytes had gone over.
    pub(crate) curve: Vec<(Duration, u64)>,
    pub(crate) bytes: u64,
    /// When the HTTP head was complete, and its first line.
    pub(crate) head: Option<(Duration, String)>,
    /// How the stream ended, where it did.
    pub(crate) end: Option<(Duration, String)>,
    /// Where the frames could not be followed any more.
    pub(crate) broken: Option<Duration>,
    follow: Follow,
}

/// Where in the stream its follower is.
#[derive(Debug)]
enum Follow {
    /// Inside the HTTP head, or inside a frame's header; with the bytes so far.
    Head(Vec<u8>),
    Header(Vec<u8>),
    /// Inside the payload of the latest frame of this direction, masked with this key.
    Payload {
        header: FrameHeader,
        left: u64,
    },
    Lost,
}

impl Default for Follow {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

#[derive(Debug)]
pub(crate) struct Tape {
    pub(crate) role: Role,
    clock: Clock,
    pub(crate) received: Side,
    pub(crate) sent: Side,
    pub(crate) frames: Vec<Frame>,
    /// Where TLS is spoken below: when the first plaintext passed, as far as any has.
    pub(crate) secured: Option<Option<Duration>>,
    /// When the connection ended, as far as it has.
    pub(crate) ended: Option<Duration>,
}

impl Tape {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            clock: Clock::new(),
            received: Side::default(),
            sent: Side::default(),
            frames: Vec::new(),
            secured: None,
            ended: None,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.now().since(Timestamp::ZERO)
    }

    /// The connection begins now, over TLS or not.
    pub(crate) fn start(&mut self, secure: bool) {
        self.clock = Clock::new();
        self.secured = secure.then_some(None);
    }

    /// Takes note of the end, the first time.
    pub(crate) fn end(&mut self) {
        self.ended = self.ended.or(Some(self.now()));
    }

    pub(crate) fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::In => &mut self.received,
            Way::Out => &mut self.sent,
        }
    }

    /// The stream ended, or failed, in one direction.
    pub(crate) fn close(&mut self, way: Way, how: &str) {
        let now = self.now();
        self.side(way).end.get_or_insert_with(|| (now, how.into()));
    }

    /// These bytes have gone over.
    pub(crate) fn carry(&mut self, way: Way, bytes: &[u8]) {
        let now = self.now();
        if let Some(secured) = &mut self.secured {
            secured.get_or_insert(now);
        }
        let side = self.side(way);
        side.bytes += bytes.len() as u64;
        side.curve.push((now, side.bytes));
        if side.curve.len() > MOST {
            // Every other point goes, the first and the last one stay.
            let (mut index, len) = (0, side.curve.len());
            side.curve.retain(|_| {
                index += 1;
                index % 2 == len % 2
            });
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.follow(way, rest, now);
        }
    }

    /// Follows the stream for a step. Returns what is left.
    fn follow<'b>(&mut self, way: Way, bytes: &'b [u8], now: Duration) -> &'b [u8] {
        let sender = self.sender(way);
        let side = self.side(way);
        match &mut side.follow {
            Follow::Head(head) => {
                let (rest, over) = take_head(head, bytes);
                if over {
                    let line = String::from_utf8_lossy(head);
                    let line = line.lines().next().unwrap_or_default().to_owned();
                    let opens = way_opens(sender, &line);
                    side.head = Some((now, line));
                    side.follow = if opens { Follow::Header(Vec::new()) } else { Follow::Lost };
                } else if head.len() > HEAD {
                    side.follow = Follow::Lost;
                }
                rest
            }
            Follow::Header(header) => {
                header.push(bytes[0]);
                match FrameHeader::decode(header, sender) {
                    Ok(None) => {}
                    Ok(Some((header, _))) => self.begin(way, header, now),
                    Err(_) => {
                        side.broken = Some(now);
                        side.follow = Follow::Lost;
                    }
                }
                &bytes[1..]
            }
            Follow::Payload { header, left } => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= len as u64;
                let (piece, rest) = bytes.split_at(len);
                let (over, header) = (*left == 0, *header);
                self.extend(way, header, piece);
                if over {
                    self.complete(way, header, now);
                }
                rest
            }
            Follow::Lost => &[],
        }
    }

    fn sender(&self, way: Way) -> Role {
        match (way, self.role) {
            (Way::Out, role) => role,
            (Way::In, Role::Client) => Role::Server,
            (Way::In, Role::Server) => Role::Client,
        }
    }

    fn begin(&mut self, way: Way, header: FrameHeader, now: Duration) {
        self.frames.push(Frame {
            way,
            at: now,
            opcode: header.opcode,
            count: 1,
            len: header.len,
            complete: false,
            payload: Vec::new(),
            answered: None,
        });
        self.side(way).follow = Follow::Payload { header, left: header.len };
        if header.len == 0 {
            self.complete(way, header, now);
        }
    }

    fn latest(&mut self, way: Way) -> Option<&mut Frame> {
        self.frames.iter_mut().rev().find(|frame| frame.way == way)
    }

    fn extend(&mut self, way: Way, header: FrameHeader, piece: &[u8]) {
        if !header.opcode.is_control() {
            return;
        }
        if let Some(frame) = self.latest(way) {
            frame.payload.extend_from_slice(piece);
        }
    }

    fn complete(&mut self, way: Way, header: FrameHeader, now: Duration) {
        self.side(way).follow = Follow::Header(Vec::new());
        let Some(frame) = self.latest(way) else { return };
        (frame.at, frame.complete) = (now, true);
        if let Some(key) = header.mask {
            apply_mask(&mut frame.payload, key);
        }
        if frame.opcode == OpCode::Pong {
            let payload = frame.payload.clone();
            let mut pings = self.frames.iter_mut().rev();
            let ping = pings.find(|ping| {
                ping.opcode == OpCode::Ping && ping.way != way && ping.payload == payload
            });
            if let Some(ping) = ping {
                ping.answered.get_or_insert(now);
            }
        }
        if self.frames.len() > MOST {
            self.merge();
        }
    }

    /// Merges neighbouring frames of a kind; where they alternate, those of every other pair.
    fn merge(&mut self) {
        let mut merged: Vec<Frame> = Vec::with_capacity(self.frames.len());
        for frame in self.frames.drain(..) {
            let len = merged.len();
            let alike = |other: &Frame| {
                (other.way, other.opcode, other.complete) == (frame.way, frame.opcode, true)
                    && frame.complete
                    && frame.opcode != OpCode::Close
            };
            let at = (len.saturating_sub(4)..len).rev().find(|index| alike(&merged[*index]));
            match at {
                Some(index) if merged[index].count < 2 * frame.count.max(1) => {
                    let other = &mut merged[index];
                    other.count += frame.count;
                    other.len += frame.len;
                    other.at = frame.at;
                    (other.payload, other.answered) = (frame.payload, frame.answered);
                }
                _ => merged.push(frame),
            }
        }
        self.frames = merged;
    }
}

/// Takes what belongs to the head. Returns whether it is complete.
fn take_head<'b>(head: &mut Vec<u8>, bytes: &'b [u8]) -> (&'b [u8], bool) {
    for (index, byte) in bytes.iter().enumerate() {
        head.push(*byte);
        if head.ends_with(b"\r\n\r\n") {
            return (&bytes[index + 1..], true);
        }
        if head.len() > HEAD {
            return (&[], false);
        }
    }
    (&[], false)
}

/// Whether frames come behind a head with this first line.
fn way_opens(sender: Role, line: &str) -> bool {
    sender == Role::Client || line.split(' ').nth(1) == Some("101")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{BINARY, CLOSE, TEXT, from_client, from_server};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    const PING: u8 = 0x89;
    const PONG: u8 = 0x8a;

    fn conversation() -> [Vec<u8>; 2] {
        let ours = [from_client(TEXT, b"hello"), from_client(PING, b"12345678")].concat();
        let theirs = [
            from_server(BINARY, &[7; 300]),
            from_server(PONG, b"12345678"),
            from_server(CLOSE, b"\x03\xe8done"),
            from_server(BINARY, &[7; 70_000])[..50].to_vec(),
        ];
        [[REQUEST, &ours].concat(), [RESPONSE, &theirs.concat()].concat()]
    }

    #[test]
    fn the_cut_does_not_matter() {
        let [ours, theirs] = conversation();
        for size in [1, 2, 3, 7, 100, 1000] {
            let mut tape = Tape::new(Role::Client);
            ours.chunks(size).for_each(|piece| tape.carry(Way::Out, piece));
            theirs.chunks(size).for_each(|piece| tape.carry(Way::In, piece));
            let frames: Vec<_> = tape
                .frames
                .iter()
                .map(|frame| (frame.way, frame.opcode, frame.len, frame.complete))
                .collect();
            let expected = [
                (Way::Out, OpCode::Text, 5, true),
                (Way::Out, OpCode::Ping, 8, true),
                (Way::In, OpCode::Binary, 300, true),
                (Way::In, OpCode::Pong, 8, true),
                (Way::In, OpCode::Close, 6, true),
                (Way::In, OpCode::Binary, 70_000, false),
            ];
            assert_eq!(frames, expected, "{size} bytes at a time");
            assert!(tape.frames[1].answered.is_some());
            assert_eq!(tape.frames[4].payload, b"\x03\xe8done");
            assert_eq!(tape.received.bytes, theirs.len() as u64);
            assert_eq!(tape.received.head.unwrap().1, "HTTP/1.1 101 Switching Protocols");
        }
    }

    #[test]
    fn what_is_no_frame_is_followed_no_further() {
        let mut tape = Tape::new(Role::Server);
        tape.carry(Way::In, &[REQUEST, &from_server(TEXT, b"not masked")].concat());
        assert!(tape.received.broken.is_some() && tape.frames.is_empty());
        let mut tape = Tape::new(Role::Client);
        tape.carry(Way::In, b"HTTP/1.1 404 Not Found\r\n\r\n\x81\x02no");
        assert!(tape.received.broken.is_none() && tape.frames.is_empty());
    }

    #[test]
    fn a_long_life_takes_no_more_room_and_loses_no_count() {
        let mut tape = Tape::new(Role::Client);
        tape.carry(Way::In, RESPONSE);
        tape.carry(Way::Out, REQUEST);
        for round in 0..20_000_u32 {
            tape.carry(Way::In, &from_server(TEXT, b"tick"));
            if round % 3 == 0 {
                tape.carry(Way::Out, &from_client(PING, &round.to_be_bytes()));
                tape.carry(Way::In, &from_server(PONG, &round.to_be_bytes()));
            }
        }
        assert!(tape.frames.len() <= MOST + 1 && tape.received.curve.len() <= MOST);
        let count = |opcode| {
            let frames = tape.frames.iter().filter(|frame| frame.opcode == opcode);
            frames.map(|frame| frame.count).sum::<u32>()
        };
        assert_eq!([OpCode::Text, OpCode::Ping, OpCode::Pong].map(count), [20_000, 6_667, 6_667]);
        assert_eq!(tape.received.curve.last().unwrap().1, tape.received.bytes);
    }
}
