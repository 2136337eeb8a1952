//! What is done, and what everybody who does it has to show for it.

use std::sync::Arc;

use farewell::Role;
use tokio::runtime::{Builder, Runtime};

use crate::opening::ACCEPT;
use crate::wire::{Content, Memory, Reading, Sink, header_len, payload};

/// What a contender has to write.
#[derive(Clone, Copy)]
pub struct Writing {
    pub role: Role,
    pub payload: &'static [u8],
    /// How many messages are queued before they are flushed.
    pub per_flush: usize,
    /// To how many connections each message goes.
    pub sockets: usize,
}

impl Writing {
    /// One message for each flush, to one connection.
    pub fn new(role: Role, size: usize) -> Self {
        Self { role, payload: payload(Content::Binary, size), per_flush: 1, sockets: 1 }
    }

    pub fn client(&self) -> bool {
        self.role == Role::Client
    }

    /// Streams for all connections, with one sink.
    pub fn streams(&self, sink: &Arc<Sink>) -> Vec<Memory> {
        (0..self.sockets).map(|_| Memory::writing(sink)).collect()
    }

    fn frame_len(&self) -> u64 {
        (header_len(self.client(), self.payload.len()) + self.payload.len()) as u64
    }
}

#[derive(Clone, Copy)]
pub enum Work {
    Read(Reading),
    Write(Writing),
    Accept,
    Connect,
}

impl Work {
    /// How many times it is done at least: work comes in whole batches.
    pub fn unit(&self) -> u64 {
        match self {
            Self::Write(writing) => (writing.per_flush * writing.sockets) as u64,
            Self::Read(_) | Self::Accept | Self::Connect => 1,
        }
    }

    /// How many units are verified.
    fn verified(&self) -> u64 {
        match self {
            Self::Read(reading) => (4 << 20) / reading.size().max(1024) as u64,
            Self::Write(writing) => {
                (1 + (1 << 20) / writing.payload.len().max(16384) as u64).min(8)
            }
            Self::Accept | Self::Connect => 4,
        }
    }
}

/// What came of reading, as seen by who got the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    messages: u64,
    bytes: u64,
    /// First and last bytes of messages, or every byte where all is looked at.
    sum: u64,
    latest: u8,
    thorough: bool,
}

impl Tally {
    /// Looks at every byte.
    fn thorough() -> Self {
        Self { thorough: true, ..Self::default() }
    }

    /// A whole message.
    #[inline]
    pub fn message(&mut self, payload: &[u8]) {
        self.piece(payload, true, true);
    }

    /// A part of a message.
    #[inline]
    pub fn piece(&mut self, payload: &[u8], first: bool, last: bool) {
        self.bytes += payload.len() as u64;
        self.messages += u64::from(last);
        if let Some(byte) = payload.last() {
            self.latest = *byte;
        }
        if self.thorough {
            payload.iter().for_each(|byte| self.hash(*byte));
            return;
        }
        if first {
            self.sum += payload.first().map_or(0, |byte| u64::from(*byte));
        }
        if last {
            self.sum += u64::from(self.latest);
        }
    }

    fn hash(&mut self, byte: u8) {
        self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
}

/// Does the work so many times. Who reads adds to the tally.
type Run = Box<dyn FnMut(u64, &mut Tally)>;

/// A contender that is set up, and the sink into which it writes.
pub struct Ready {
    run: Run,
    pub sink: Arc<Sink>,
}

impl Ready {
    pub fn new(sink: Arc<Sink>, run: impl FnMut(u64, &mut Tally) + 'static) -> Self {
        Self { run: Box::new(run), sink }
    }

    /// For who only reads.
    pub fn reading(run: impl FnMut(u64, &mut Tally) + 'static) -> Self {
        Self::new(Sink::new(), run)
    }

    /// On one thread of tokio's, as a server with a runtime for each core has it.
    pub fn on_tokio<R>(sink: Arc<Sink>, set_up: impl FnOnce() -> R) -> Self
    where
        R: AsyncFnMut(u64, &mut Tally) + 'static,
    {
        let runtime = runtime();
        let mut run = {
            let _inside = runtime.enter();
            set_up()
        };
        Self::new(sink, move |count, tally| runtime.block_on(run(count, tally)))
    }

    /// Does the work, and leaves what came of it to who asks.
    pub fn work(&mut self, count: u64, tally: &mut Tally) {
        (self.run)(count, tally);
    }

    /// Does the work once, and looks at every byte of what came of it.
    pub fn verify(&mut self, work: &Work) {
        let count = work.unit() * work.verified();
        let mut tally = Tally::thorough();
        self.sink.start_recording();
        (self.run)(count, &mut tally);
        let record = self.sink.stop_recording();
        match work {
            Work::Read(reading) => {
                let mut expected = Tally::thorough();
                (0..count).for_each(|_| expected.message(reading.payload));
                assert_eq!(tally, expected, "what was read");
            }
            Work::Write(writing) => verify_frames(&record, writing, count),
            Work::Accept => {
                let text = String::from_utf8(record).expect("a response is text");
                let accepted = text.matches(ACCEPT).count() as u64;
                let ended = text.matches("\r\n\r\n").count() as u64;
                assert_eq!((accepted, ended), (count, count), "responses: {text}");
                assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
            }
            Work::Connect => {
                let text = String::from_utf8(record).expect("a request is text").to_lowercase();
                let asked = text.matches("sec-websocket-key: ").count() as u64;
                let paths = text.matches("get /chat?room=1 http/1.1\r\n").count() as u64;
                assert_eq!((asked, paths), (count, count), "requests: {text}");
            }
        }
    }

    /// Does the work, and checks what came of it by its size and its edges.
    pub fn run(&mut self, work: &Work, count: u64) {
        let mut tally = Tally::default();
        let before = self.sink.bytes();
        (self.run)(count, &mut tally);
        let written = self.sink.bytes() - before;
        match work {
            Work::Read(reading) => {
                let [first, .., last] = reading.payload else { panic!("payloads are longer") };
                let edges = u64::from(*first) + u64::from(*last);
                let expected = (count, count * reading.size() as u64, count * edges);
                assert_eq!((tally.messages, tally.bytes, tally.sum), expected, "what was read");
            }
            Work::Write(writing) => {
                // Nobody cuts a message into so many fragments that their headers count.
                let expected = count * writing.frame_len();
                assert!((expected..=expected + expected / 100).contains(&written), "{written}");
            }
            Work::Accept | Work::Connect => assert!(written >= count * 100, "what was written"),
        }
    }
}

/// Decodes what was written, one byte after the other. A message may be in fragments.
fn verify_frames(record: &[u8], writing: &Writing, count: u64) {
    let (mut rest, mut keys, mut messages, mut message) = (record, Vec::new(), 0, Vec::new());
    while !rest.is_empty() {
        let (first, masked) = (rest[0], rest[1] & 0x80 != 0);
        assert_eq!(masked, writing.client(), "masked by clients alone");
        let (mut header, payload) = match rest[1] & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127 => (10, u64::from_be_bytes(rest[2..10].try_into().expect("eight bytes")) as usize),
            len => (2, usize::from(len)),
        };
        let mut key = [0; 4];
        if masked {
            key.copy_from_slice(&rest[header..header + 4]);
            header += 4;
        }
        keys.push(key);
        let body = &rest[header..header + payload];
        assert_eq!(first & 0x7f, if message.is_empty() { 2 } else { 0 }, "binary");
        message.extend(body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        if first & 0x80 != 0 {
            assert!(message == writing.payload, "the payload is another");
            message.clear();
            messages += 1;
        }
        rest = &rest[header + payload..];
    }
    assert_eq!(messages, count, "messages");
    let differ = keys.windows(2).any(|pair| pair[0] != pair[1]);
    assert!(!writing.client() || differ, "the same key again");
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime needs little")
}
