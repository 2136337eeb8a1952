//! The limit of those who hand out messages to keep: as the other one, over tokio, with `Bytes`.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::limit_lent::{READ, header, mask, rotated};
use crate::contender::{Contender, Hands, Kind};
use crate::keys::Keys;
use crate::wire::{Memory, Reading, Sink, header_len};
use crate::work::{Ready, Tally, Writing};

pub static CONTENDER: Contender = Contender {
    name: "limit: Bytes",
    package: "",
    kind: Kind::Limit,
    hands: Hands::Owned,
    notes: "the same over tokio's traits: reads into a BytesMut and splits messages off as Bytes",
    read,
    write,
    accept: || None,
    connect: || None,
};

struct Reader {
    stream: Memory,
    buffer: BytesMut,
    text: bool,
}

impl Reader {
    /// Reads once; there is room for a frame of `len` bytes then.
    async fn read(&mut self, len: usize) {
        self.buffer.reserve(len.saturating_sub(self.buffer.len()).max(READ));
        let mut stream = (&mut self.stream).take(READ as u64);
        stream.read_buf(&mut self.buffer).await.expect("it is endless");
    }

    /// The next frame's payload, unmasked, and whether it is the last of its message; none if not
    /// all of it is here.
    #[inline]
    fn whole(&mut self) -> Option<(bool, BytesMut)> {
        let head = header(&self.buffer)?;
        let len = head.len + head.payload;
        if len > self.buffer.len() {
            return None;
        }
        let mut frame = self.buffer.split_to(len);
        frame.advance(head.len);
        mask(&mut frame, head.key);
        Some((head.first & 0x80 != 0, frame))
    }

    /// As that, but waits for it.
    async fn frame(&mut self) -> (bool, BytesMut) {
        if self.buffer.is_empty() {
            self.read(0).await;
        }
        if let Some(frame) = self.whole() {
            return frame;
        }
        let head = loop {
            match header(&self.buffer) {
                Some(head) => break head,
                None => self.read(0).await,
            }
        };
        let len = head.len + head.payload;
        let mut unmasked = head.len;
        loop {
            let here = len.min(self.buffer.len());
            mask(&mut self.buffer[unmasked..here], rotated(head.key, unmasked - head.len));
            unmasked = here;
            if here == len {
                break;
            }
            self.read(len).await;
        }
        let mut frame = self.buffer.split_to(len);
        frame.advance(head.len);
        (head.first & 0x80 != 0, frame)
    }

    #[inline]
    async fn message(&mut self) -> Bytes {
        let (mut last, mut message) = match self.whole() {
            Some(frame) => frame,
            None => self.frame().await,
        };
        while !last {
            let (fin, piece) = match self.whole() {
                Some(frame) => frame,
                None => self.frame().await,
            };
            message.extend_from_slice(&piece);
            last = fin;
        }
        assert!(!self.text || simdutf8::basic::from_utf8(&message).is_ok());
        message.freeze()
    }
}

fn read(reading: &Reading) -> Option<Ready> {
    let stream = Memory::reading(reading);
    let mut reader =
        Reader { stream, buffer: BytesMut::with_capacity(READ), text: reading.is_text() };
    Some(Ready::on_tokio(Sink::new(), || {
        async move |count, tally: &mut Tally| {
            for _ in 0..count {
                tally.message(&reader.message().await);
            }
        }
    }))
}

fn write(writing: &Writing) -> Option<Ready> {
    let writing = *writing;
    let sink = Sink::new();
    let mut streams = writing.streams(&sink);
    let mut keys = Keys::new();
    let payload = writing.payload;
    let mut out = BytesMut::with_capacity(READ);
    // A large payload of a server's leaves from where it lies.
    let aside = payload.len() >= 4096 && !writing.client();
    Some(Ready::on_tokio(sink, || {
        async move |count, _: &mut Tally| {
            for _ in 0..count / (writing.per_flush * streams.len()) as u64 {
                for stream in &mut streams {
                    out.clear();
                    for _ in 0..writing.per_flush {
                        let mut head = [0; 14];
                        let len = header_len(writing.client(), payload.len());
                        encode(payload.len(), &mut head);
                        if writing.client() {
                            let key = keys.next();
                            head[1] |= 0x80;
                            head[len - 4..len].copy_from_slice(&key);
                            out.extend_from_slice(&head[..len]);
                            for block in payload.chunks(4096) {
                                let from = out.len();
                                out.extend_from_slice(block);
                                mask(&mut out[from..], key);
                            }
                        } else {
                            out.extend_from_slice(&head[..len]);
                            if !aside {
                                out.extend_from_slice(payload);
                            }
                        }
                    }
                    if aside {
                        let slices = [std::io::IoSlice::new(&out), std::io::IoSlice::new(payload)];
                        let written = stream.write_vectored(&slices).await;
                        assert_eq!(written.ok(), Some(out.len() + payload.len()));
                    } else {
                        stream.write_all(&out).await.expect("all is taken");
                    }
                }
            }
        }
    }))
}

#[inline]
fn encode(len: usize, head: &mut [u8; 14]) {
    head[0] = 0x82;
    match len {
        0..=125 => head[1] = len as u8,
        126..=65535 => {
            head[1] = 126;
            head[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            head[1] = 127;
            head[2..10].copy_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
