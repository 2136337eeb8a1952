//! The other end of an opening handshake, in memory.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use farewell::blocking::Transport;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::Sink;

pub const HOST: &str = "server.example.com";
pub const RESOURCE: &str = "/chat?room=1";
pub const URL: &str = "ws://server.example.com/chat?room=1";

/// A request as a browser sends it.
pub const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\n\
    Origin: http://server.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// The answer to the key of [`REQUEST`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

/// A stream whose other end opens a connection, or answers as soon as a request has come.
pub struct Opening {
    /// What is to be read still.
    input: Vec<u8>,
    at: usize,
    /// The request so far, where there is one to answer.
    request: Option<Vec<u8>>,
    /// Who reads before it has written the request, as hyper does.
    reader: Option<Waker>,
    sink: Arc<Sink>,
}

impl Opening {
    /// A client that has sent its request.
    pub fn asking(sink: &Arc<Sink>) -> Self {
        Self { input: REQUEST.to_vec(), at: 0, request: None, reader: None, sink: sink.clone() }
    }

    /// A server that answers.
    pub fn answering(sink: &Arc<Sink>) -> Self {
        let request = Some(Vec::with_capacity(1024));
        Self { input: Vec::with_capacity(256), at: 0, request, reader: None, sink: sink.clone() }
    }

    fn written(&mut self, bytes: &[u8]) {
        self.sink.take(bytes);
        let Some(request) = &mut self.request else { return };
        request.extend_from_slice(bytes);
        if request.ends_with(b"\r\n\r\n") {
            answer(request, &mut self.input);
            request.clear();
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
    }

    /// The next bytes; none where there is nothing yet.
    fn given(&mut self, room: usize) -> &[u8] {
        let end = self.input.len().min(self.at + room);
        let start = std::mem::replace(&mut self.at, end);
        &self.input[start..end]
    }
}

/// Writes the response to a request.
fn answer(request: &[u8], out: &mut Vec<u8>) {
    const NAME: &[u8] = b"sec-websocket-key:";
    let line = request
        .split(|&byte| byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .expect("a client sends a key");
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ");
    out.extend_from_slice(accept_key(line[NAME.len()..].trim_ascii()).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

impl AsyncRead for Opening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.given(buffer.remaining());
        if !bytes.is_empty() {
            buffer.put_slice(bytes);
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Opening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(slices))
    }

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

impl Read for Opening {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.given(buffer.len());
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Opening {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().for_each(|slice| self.written(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Opening {
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

impl wtx::stream::StreamReader for Opening {
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(Read::read(self, bytes)?)
    }
}

impl wtx::stream::StreamWriter for Opening {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.written(bytes);
        Ok(())
    }

    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        slices.iter().for_each(|slice| self.written(slice));
        Ok(())
    }
}
