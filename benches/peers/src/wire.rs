//! The bytes that a client sends, and a stream in memory that gives them and takes what is written.

use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use farewell::blocking::Transport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes of frames are made, about, before they are repeated: they fit into caches.
const CYCLE: usize = 128 * 1024;
const MOST_MESSAGES: usize = 4096;

#[derive(Clone, Copy, PartialEq)]
pub enum Content {
    Binary,
    Ascii,
    /// UTF-8 in five scripts, with an emoji: sequences of one to four bytes.
    Mixed,
}

/// The payload of every message, for as long as the program runs.
pub fn payload(content: Content, size: usize) -> &'static [u8] {
    const ASCII: &str = "{\"id\":4711,\"text\":\"plain words and numbers\",\"ok\":true} ";
    const MIXED: &str = "Grüße aus Köln, привет, 世界こんにちは, γειά, plain words 🎉 ";
    let bytes: Vec<u8> = match content {
        Content::Binary => (0..size).map(|at| (at * 7 + at / 256) as u8).collect(),
        Content::Ascii => ASCII.bytes().cycle().take(size).collect(),
        Content::Mixed => {
            let mut text = MIXED.repeat(size / MIXED.len() + 1);
            let end = (0..=size).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.extend(std::iter::repeat_n('.', size - end));
            text.into_bytes()
        }
    };
    bytes.leak()
}

/// How long a frame's header is, masking key included.
pub fn header_len(masked: bool, payload: usize) -> usize {
    let length = match payload {
        0..=125 => 2,
        126..=65535 => 4,
        _ => 10,
    };
    length + if masked { 4 } else { 0 }
}

/// What a peer has to read.
#[derive(Clone, Copy)]
pub struct Reading {
    pub content: Content,
    pub payload: &'static [u8],
    /// The size of a fragment, where messages are cut.
    pub fragment: Option<usize>,
    /// One frame comes with each read, and not as much as there is room for.
    pub one_per_read: bool,
}

impl Reading {
    /// Whole messages, as many in a read as there is room for.
    pub fn new(content: Content, size: usize) -> Self {
        Self { content, payload: payload(content, size), fragment: None, one_per_read: false }
    }

    pub fn size(&self) -> usize {
        self.payload.len()
    }

    pub fn is_text(&self) -> bool {
        self.content != Content::Binary
    }

    /// The masked frames of one message after the other, each with its own key, and how long a
    /// message is on the wire.
    fn frames(&self) -> (Vec<u8>, usize) {
        let messages = (CYCLE / (self.size() + 6)).clamp(1, MOST_MESSAGES);
        let mut bytes = Vec::new();
        let mut key = 0_u32;
        for _ in 0..messages {
            let pieces = self.payload.chunks(self.fragment.unwrap_or(self.size()));
            let last = pieces.len() - 1;
            for (number, piece) in pieces.enumerate() {
                key = key.wrapping_add(0x9e37_79b9);
                let opcode = match (number, self.content) {
                    (0, Content::Binary) => 2,
                    (0, Content::Ascii | Content::Mixed) => 1,
                    _ => 0,
                };
                let fin = if number == last { 0x80 } else { 0 };
                append_frame(fin | opcode, key.to_be_bytes(), piece, &mut bytes);
            }
        }
        let message = bytes.len() / messages;
        (bytes, message)
    }
}

fn append_frame(first: u8, key: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=65535 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// What a stream has to give: frames without end.
pub struct Feed {
    bytes: Vec<u8>,
    at: usize,
    per_read: usize,
    /// How much of `per_read` is left, where a read took less.
    left: usize,
}

impl Feed {
    pub fn new(reading: &Reading) -> Self {
        let (bytes, message) = reading.frames();
        let per_read = if reading.one_per_read { message } else { usize::MAX };
        Self { bytes, at: 0, per_read, left: per_read }
    }

    /// Nothing, for those that only write.
    pub fn nothing() -> Self {
        Self { bytes: Vec::new(), at: 0, per_read: 0, left: 0 }
    }

    /// Hands pieces of the next bytes to `put`, as many as one read of `room` bytes takes.
    #[inline]
    pub fn read(&mut self, room: usize, mut put: impl FnMut(&[u8])) {
        let mut wanted = room.min(self.left);
        self.left -= wanted;
        if self.left == 0 {
            self.left = self.per_read;
        }
        while wanted > 0 {
            let end = self.bytes.len().min(self.at + wanted);
            put(&self.bytes[self.at..end]);
            wanted -= end - self.at;
            self.at = if end == self.bytes.len() { 0 } else { end };
        }
    }

    #[inline]
    pub fn read_into(&mut self, buffer: &mut [u8]) -> usize {
        let mut at = 0;
        self.read(buffer.len(), |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
        at
    }
}

/// Takes all that is written and counts it.
#[derive(Default)]
pub struct Sink {
    bytes: AtomicU64,
    writes: AtomicU64,
    recording: AtomicBool,
    record: Mutex<Vec<u8>>,
}

impl Sink {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    #[inline]
    pub fn take(&self, bytes: &[u8]) {
        // Nobody writes at the same time: a locked instruction would only cost.
        self.writes.store(self.writes.load(Relaxed) + 1, Relaxed);
        self.put(bytes);
    }

    #[inline]
    fn put(&self, bytes: &[u8]) {
        self.bytes.store(self.bytes.load(Relaxed) + black_box(bytes).len() as u64, Relaxed);
        if self.recording.load(Relaxed) {
            self.record.lock().expect("nobody panics with it").extend_from_slice(bytes);
        }
    }

    #[inline]
    pub fn take_vectored(&self, slices: &[IoSlice<'_>]) -> usize {
        self.writes.store(self.writes.load(Relaxed) + 1, Relaxed);
        let mut len = 0;
        for slice in slices {
            self.put(slice);
            len += slice.len();
        }
        len
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    /// From now on, what is written is kept.
    pub fn start_recording(&self) {
        self.recording.store(true, Relaxed);
    }

    /// What was written since [`Self::start_recording`].
    pub fn stop_recording(&self) -> Vec<u8> {
        self.recording.store(false, Relaxed);
        std::mem::take(&mut self.record.lock().expect("nobody panics with it"))
    }
}

/// A stream that is always ready: it gives what its feed has and takes all that is written.
pub struct Memory {
    feed: Feed,
    sink: Arc<Sink>,
}

impl Memory {
    pub fn reading(reading: &Reading) -> Self {
        Self { feed: Feed::new(reading), sink: Sink::new() }
    }

    pub fn writing(sink: &Arc<Sink>) -> Self {
        Self { feed: Feed::nothing(), sink: sink.clone() }
    }
}

impl AsyncRead for Memory {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.feed.bytes.is_empty() {
            return Poll::Pending;
        }
        let room = buffer.remaining();
        self.feed.read(room, |bytes| buffer.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.sink.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.sink.take_vectored(slices)))
    }

    // As a TCP stream.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Read for Memory {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.feed.bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.feed.read_into(buffer))
    }
}

impl Write for Memory {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.take(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.sink.take_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Memory {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl wtx::stream::StreamReader for Memory {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.feed.read_into(bytes))
    }
}

impl wtx::stream::StreamWriter for Memory {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.sink.take(bytes);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        self.sink.writes.store(self.sink.writes.load(Relaxed) + 1, Relaxed);
        slices.iter().for_each(|slice| self.sink.put(slice));
        Ok(())
    }
}
