//! A flush waits for what was accepted before it, however fast others put more in.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use farewell::blocking::Transport;
use farewell::handshake::ClientRequest;
use farewell::reconnect::OutboxLimit;
use farewell::{Config, ReconnectEvent};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::support::{Client, InRuntime, fast, script, settings};
use crate::adapters::support::{Raw, runtime};

super::for_both_kinds!(a_flush_waits_for_what_was_accepted_before_it);

type Put = Box<dyn Fn() + Send>;

/// What others put in whenever something is written, up to a thousand messages.
#[derive(Clone, Default)]
struct Others {
    put: Arc<Mutex<Option<Put>>>,
    count: Arc<AtomicUsize>,
}

impl Others {
    fn wrote(&self) {
        if let Some(put) = &*self.put.lock().unwrap() {
            if self.count.fetch_add(1, Ordering::Relaxed) < 1000 {
                put();
            }
        }
    }

    fn begin(&self, put: impl Fn() + Send + 'static) {
        *self.put.lock().unwrap() = Some(Box::new(put));
    }
}

struct Watched<S> {
    stream: S,
    others: Others,
}

impl Read for Watched<TcpStream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Watched<TcpStream> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.stream.write(bytes)?;
        self.others.wrote();
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Watched<TcpStream> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Transport::set_read_timeout(&mut self.stream, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Transport::set_write_timeout(&mut self.stream, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Transport::shutdown_write(&mut self.stream)
    }
}

impl AsyncRead for Watched<tokio::net::TcpStream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched<tokio::net::TcpStream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.others.wrote();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

trait Marked: Client {
    fn flush(&mut self) -> Result<(), farewell::SendError>;
    /// From now on, others put something in.
    fn begin(&mut self, others: &Others);
}

trait MarkedKind {
    fn marked(request: ClientRequest, config: Config, others: Others) -> impl Marked;
}

impl MarkedKind for super::support::Blocking {
    fn marked(request: ClientRequest, config: Config, others: Others) -> impl Marked {
        let connect = move |request: &ClientRequest, _| {
            let stream = TcpStream::connect((request.host(), request.port()))?;
            Ok(Watched { stream, others: others.clone() })
        };
        let socket = farewell::blocking::Reconnecting::with_connector(request, config, connect);
        socket.unwrap().policy(fast()).outbox(OutboxLimit::default())
    }
}

impl MarkedKind for super::support::Tokio {
    fn marked(request: ClientRequest, config: Config, others: Others) -> impl Marked {
        let connect = move |request: Arc<ClientRequest>, _| {
            let others = others.clone();
            async move {
                let at = (request.host(), request.port());
                let stream = tokio::net::TcpStream::connect(at).await?;
                Ok(Watched { stream, others })
            }
        };
        let socket = farewell::aio::Reconnecting::with_connector(request, config, connect);
        let socket = socket.unwrap().policy(fast()).outbox(OutboxLimit::default());
        InRuntime { runtime: runtime(), socket }
    }
}

impl Marked for farewell::blocking::Reconnecting<Watched<TcpStream>> {
    fn flush(&mut self) -> Result<(), farewell::SendError> {
        self.flush()
    }
    fn begin(&mut self, others: &Others) {
        let sender = self.sender();
        others.begin(move || sender.try_send("another's").unwrap());
    }
}

impl Marked for InRuntime<Watched<tokio::net::TcpStream>> {
    fn flush(&mut self) -> Result<(), farewell::SendError> {
        self.runtime.block_on(self.socket.flush())
    }
    fn begin(&mut self, others: &Others) {
        let sender = self.socket.sender();
        others.begin(move || sender.try_send("another's").unwrap());
    }
}

fn a_flush_waits_for_what_was_accepted_before_it<K: MarkedKind>() {
    let (request, server) = script(vec![Box::new(|mut raw: Raw| {
        for _ in 0..4 {
            assert_eq!(raw.frame(), (0x81, b"one's own, which fills it".to_vec()));
        }
        drop(raw.rest());
    })]);
    let others = Others::default();
    let mut config = settings();
    // Each message waits for the one before it.
    config.limits.pending_output = 10;
    let mut client = K::marked(request, config, others.clone());
    while !matches!(client.next(), ReconnectEvent::Opened) {}
    client.begin(&others);
    for _ in 0..4 {
        client.feed("one's own, which fills it".into()).unwrap();
    }
    assert_eq!(Marked::flush(&mut client), Ok(()));
    let count = others.count.load(Ordering::Relaxed);
    assert!((4..20).contains(&count), "{count}");
    drop(client);
    server.join().unwrap();
}
