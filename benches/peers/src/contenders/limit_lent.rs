//! The limit of those who lend: a loop written by hand that knows only what is measured.
//!
//! It reads into one buffer, unmasks there, checks text, and shows the payload where it lies. What
//! does not fit is read straight into the message. It knows no control frame, no timer, no limit.

use std::io::{IoSlice, Read, Write};
use std::ops::Range;

use httparse::{EMPTY_HEADER, Request, Response, Status};

use crate::contender::{Contender, Hands, Kind};
use crate::keys::Keys;
use crate::opening::{self, Opening, accept_key};
use crate::wire::{Memory, Reading, Sink};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "limit: slices",
    package: "",
    kind: Kind::Limit,
    hands: Hands::Lent,
    notes: "written by hand: knows data frames alone, checks their first two bytes and text, hands \
            out slices of its buffer; no control frames, limits, timers or report",
    read,
    write,
    accept,
    connect,
};

/// The header of a masked data frame: its length, masking key and payload's length.
pub struct Header {
    pub len: usize,
    pub first: u8,
    pub key: [u8; 4],
    pub payload: usize,
}

/// Decodes a header, if all of it is there.
#[inline]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert!(matches!(first, 0 | 1 | 2 | 0x80 | 0x81 | 0x82) && second & 0x80 != 0);
    let (payload, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*len) as usize, rest)
        }
        len => (usize::from(len), rest),
    };
    let (key, rest) = rest.split_first_chunk()?;
    Some(Header { len: bytes.len() - rest.len(), first, key: *key, payload })
}

/// Masks or unmasks in place, 64 bytes at a time where there are so many: the compiler makes vectors
/// of them.
#[inline]
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let mut wide = [0; 64];
    wide.chunks_exact_mut(4).for_each(|part| part.copy_from_slice(&key));
    let (blocks, rest) = payload.as_chunks_mut::<64>();
    for block in blocks {
        block.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
    let (words, rest) = rest.as_chunks_mut::<8>();
    for word in words {
        word.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
    rest.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
}

/// How much is read at once: it is unmasked while the L1 cache has it.
pub const READ: usize = 16 * 1024;

/// A buffer that grows to a frame and one read, and what was read into it.
struct Buffer {
    stream: Memory,
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Reads once; there is room for a frame of `len` bytes then.
    fn read(&mut self, len: usize) {
        if self.start + len.max(READ) > self.memory.len() || self.start == self.end {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if len + READ > self.memory.len() {
                self.memory.resize(len + READ, 0);
            }
        }
        let room = self.memory.len().min(self.end + READ);
        self.end += self.stream.read(&mut self.memory[self.end..room]).expect("it is endless");
    }

    /// The next frame, unmasked: whether it is the last of its message, and where it lies.
    #[inline]
    fn frame(&mut self) -> (bool, Range<usize>) {
        let head = loop {
            match header(self.filled()) {
                Some(head) => break head,
                None => self.read(0),
            }
        };
        let len = head.len + head.payload;
        let mut unmasked = head.len;
        loop {
            let here = len.min(self.end - self.start);
            let part = &mut self.memory[self.start + unmasked..self.start + here];
            mask(part, rotated(head.key, unmasked - head.len));
            unmasked = here;
            if here == len {
                break;
            }
            self.read(len);
        }
        let payload = self.start + head.len..self.start + len;
        self.start += len;
        (head.first & 0x80 != 0, payload)
    }
}

/// The key for what is so far into a payload.
#[inline]
pub fn rotated(key: [u8; 4], at: usize) -> [u8; 4] {
    u32::from_be_bytes(key).rotate_left(at as u32 % 4 * 8).to_be_bytes()
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let mut buffer = Buffer { stream, memory: Vec::new(), start: 0, end: 0 };
    let mut assembled: Vec<u8> = Vec::new();
    let text = reading.is_text();
    Some(Ready::reading(move |count, tally: &mut Tally| {
        let mut left = count;
        while left > 0 {
            let (last, place) = buffer.frame();
            let mut payload = &buffer.memory[place];
            if !last || !assembled.is_empty() {
                assembled.extend_from_slice(payload);
                payload = &assembled;
            }
            if last {
                assert!(!text || simdutf8::basic::from_utf8(payload).is_ok());
                tally.message(payload);
                assembled.clear();
                left -= 1;
            }
        }
    }))
}

/// From here on, a payload is written from where it lies and not copied.
const LARGE: usize = 4096;

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let mut streams = writing.streams(&sink);
    let mut keys = Keys::new();
    let mut out = Vec::new();
    let payload = writing.payload;
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count / (writing.per_flush * streams.len()) as u64 {
            for stream in &mut streams {
                out.clear();
                for _ in 0..writing.per_flush {
                    if writing.client() {
                        append_masked(payload, keys.next(), &mut out);
                    } else {
                        append_header(payload.len(), 0, &mut out);
                        if payload.len() < LARGE {
                            out.extend_from_slice(payload);
                        }
                    }
                }
                if payload.len() < LARGE || writing.client() {
                    stream.write_all(&out).expect("all is taken");
                } else {
                    let slices = [IoSlice::new(&out), IoSlice::new(payload)];
                    assert_eq!(
                        stream.write_vectored(&slices).ok(),
                        Some(out.len() + payload.len())
                    );
                }
            }
        }
    }))
}

#[inline]
fn append_header(len: usize, masked: u8, out: &mut Vec<u8>) {
    match len {
        0..=125 => out.extend_from_slice(&[0x82, masked | len as u8]),
        126..=65535 => {
            let [high, low] = (len as u16).to_be_bytes();
            out.extend_from_slice(&[0x82, masked | 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[0x82, masked | 127]);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

#[inline]
fn append_masked(payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    append_header(payload.len(), 0x80, out);
    out.extend_from_slice(&key);
    let from = out.len();
    if payload.len() < LARGE {
        out.extend_from_slice(payload);
        return mask(&mut out[from..], key);
    }
    // Masked on the way, in blocks that a cache holds.
    for block in payload.chunks(LARGE) {
        let from = out.len();
        out.extend_from_slice(block);
        mask(&mut out[from..], key);
    }
}

fn accept() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let mut buffer = vec![0; 4096];
    let mut out = Vec::with_capacity(256);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::asking(&out_sink);
            let len = stream.read(&mut buffer).expect("the request is there");
            let mut headers = [EMPTY_HEADER; 32];
            let mut request = Request::new(&mut headers);
            assert!(matches!(request.parse(&buffer[..len]), Ok(Status::Complete(_))));
            assert!(request.method == Some("GET") && request.version == Some(1));
            let mut key = None;
            let mut found = 0;
            for header in request.headers.iter() {
                let is = |name: &str| header.name.eq_ignore_ascii_case(name);
                if is("sec-websocket-key") {
                    key = Some(header.value);
                } else if is("upgrade") {
                    found += u32::from(header.value.eq_ignore_ascii_case(b"websocket"));
                } else if is("connection") {
                    found += u32::from(header.value.eq_ignore_ascii_case(b"upgrade"));
                } else if is("sec-websocket-version") {
                    found += u32::from(header.value == b"13");
                }
            }
            let key = key.filter(|key| key.len() == 24 && found == 3).expect("it is sound");
            out.clear();
            out.extend_from_slice(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: ",
            );
            out.extend_from_slice(accept_key(key).as_bytes());
            out.extend_from_slice(b"\r\n\r\n");
            stream.write_all(&out).expect("all is taken");
        }
    }))
}

fn connect() -> Option<Ready> {
    let sink = Sink::new();
    let out_sink = sink.clone();
    let mut buffer = vec![0; 4096];
    let mut keys = Keys::new();
    let mut out = Vec::with_capacity(512);
    Some(Ready::new(sink, move |count, _: &mut Tally| {
        for _ in 0..count {
            let mut stream = Opening::answering(&out_sink);
            let nonce: Vec<u8> = (0..4).flat_map(|_| keys.next()).collect();
            let key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, nonce);
            out.clear();
            write!(
                out,
                "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
                opening::RESOURCE,
                opening::HOST
            )
            .expect("memory takes all");
            stream.write_all(&out).expect("all is taken");
            let len = stream.read(&mut buffer).expect("the response is there");
            let mut headers = [EMPTY_HEADER; 32];
            let mut response = Response::new(&mut headers);
            assert!(matches!(response.parse(&buffer[..len]), Ok(Status::Complete(_))));
            assert_eq!(response.code, Some(101));
            let expected = accept_key(key.as_bytes());
            let mut found = 0;
            for header in response.headers.iter() {
                let is = |name: &str| header.name.eq_ignore_ascii_case(name);
                if is("sec-websocket-accept") {
                    found += u32::from(header.value == expected.as_bytes());
                } else if is("upgrade") {
                    found += u32::from(header.value.eq_ignore_ascii_case(b"websocket"));
                } else if is("connection") {
                    found += u32::from(header.value.eq_ignore_ascii_case(b"upgrade"));
                }
            }
            assert_eq!(found, 3);
        }
    }))
}
