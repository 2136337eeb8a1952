//! One face for both adapters' reconnecting sockets, and a server with a script.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::blocking::Transport;
use farewell::diagnosis::{Diagnosis, History};
use farewell::handshake::ClientRequest;
use farewell::reconnect::{Attempt, Reason, ReconnectConfig};
use farewell::{
    CloseCode, Config, ConnectError, Disconnected, Message, ReconnectEvent, SendError, Timestamp,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::adapters::support::{Raw, accept_head, listen, millis, runtime};

/// Half of the range of every delay.
const HALF: u64 = 1 << 63;

/// Delays of milliseconds, so that the tests are fast. A first delay is 4 ms, as is any later one.
pub(crate) fn fast() -> ReconnectConfig {
    let mut policy = ReconnectConfig::default();
    policy.first_delay = millis(8);
    (policy.min_delay, policy.base_delay, policy.max_delay) = (millis(0), millis(4), millis(8));
    policy.restart_delay = millis(10)..=millis(20);
    policy.overload_delay = millis(20)..=millis(40);
    policy.later_delay = millis(30)..=millis(60);
    policy.budget_attempts = 1000;
    policy.connect_timeout = millis(20_000);
    policy
}

/// Deadlines that end what a test leaves unfinished.
pub(crate) fn settings() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    (config.timeouts.close, config.timeouts.linger) = (millis(200), millis(100));
    config
}

pub(crate) fn request_to(url: &str) -> ClientRequest {
    ClientRequest::new(url).unwrap()
}

/// The event in words, without what differs from run to run.
pub(crate) fn trace(event: &ReconnectEvent) -> String {
    match event {
        ReconnectEvent::Attempt(attempt) => format!("attempt {}", attempt.number),
        ReconnectEvent::Failed { decision, .. } => format!("failed; {decision}"),
        ReconnectEvent::Opened => "opened".into(),
        ReconnectEvent::Message(message) => format!("message {:?}", message.as_text().unwrap()),
        ReconnectEvent::Ended(ending) => format!("ended; {}", ending.decision),
        other => other.to_string(),
    }
}

pub(crate) type Script = Box<dyn FnOnce(Raw) + Send>;

/// A server that accepts one connection for each of the scripts, after the opening handshake.
pub(crate) fn script(scripts: Vec<Script>) -> (ClientRequest, JoinHandle<()>) {
    let (listener, request) = listen();
    let server = thread::spawn(move || {
        for script in scripts {
            let mut raw = Raw(listener.accept().unwrap().0);
            let head = raw.head();
            raw.write(accept_head(&head).as_bytes());
            script(raw);
        }
    });
    (request, server)
}

/// What the scenarios do with a reconnecting socket.
pub(crate) trait Client {
    fn next(&mut self) -> ReconnectEvent;
    fn feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)>;
    fn send(&mut self, message: Message<'static>) -> Result<(), SendError>;
    fn flush(&mut self) -> Result<(), SendError>;
    fn close(&mut self, code: CloseCode) -> Option<Disconnected>;
    fn retry_now(&mut self);
    fn now(&self) -> Timestamp;
    fn history(&self) -> History;
    fn diagnosis(&self) -> Option<Diagnosis>;
    /// Stops it while `next` waits. Gives why it gave up.
    fn stopped_while_waiting(&mut self) -> Reason;
}

/// An adapter.
pub(crate) trait Kind {
    /// Connects by itself; `greet` is sent first on each connection.
    fn tcp(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
    ) -> impl Client;
    /// The transport of the first connection takes so many bytes behind the request, and no more.
    fn throttled(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
        allowance: usize,
    ) -> impl Client;
    /// Has a new request for each attempt.
    fn renewing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        renew: impl FnMut(&Attempt, &ClientRequest) -> Result<ClientRequest, ConnectError>
        + Send
        + 'static,
    ) -> impl Client;
    /// Never connects.
    fn failing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        fail: fn() -> io::Error,
    ) -> impl Client;
}

fn messages(greet: &[&'static str]) -> Vec<Message<'static>> {
    greet.iter().map(|text| Message::from(*text)).collect()
}

/// A stream that stops taking bytes.
pub(crate) struct Throttled<S> {
    stream: S,
    /// Bytes that it takes behind the request; `None` for any number.
    allowance: Option<usize>,
    /// The request has left.
    requested: bool,
}

impl<S> Throttled<S> {
    fn new(stream: S, allowance: Option<usize>) -> Self {
        Self { stream, allowance, requested: false }
    }

    /// How many of these bytes it takes.
    fn take(&mut self, bytes: &[u8]) -> usize {
        match (self.requested, self.allowance) {
            (false, _) => {
                assert!(bytes.ends_with(b"\r\n\r\n"), "the request leaves in one write");
                bytes.len()
            }
            (true, Some(left)) => left.min(bytes.len()),
            (true, None) => bytes.len(),
        }
    }

    fn taken(&mut self, count: usize) {
        match &mut self.allowance {
            Some(left) if self.requested => *left -= count,
            _ => {}
        }
        self.requested = true;
    }
}

impl Read for Throttled<TcpStream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Throttled<TcpStream> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.take(bytes);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.stream.write(&bytes[..count])?;
        self.taken(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Throttled<TcpStream> {
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

impl AsyncRead for Throttled<tokio::net::TcpStream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Throttled<tokio::net::TcpStream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = self.take(bytes);
        if count == 0 {
            return Poll::Pending; // For ever: reading wakes the task.
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, &bytes[..count]);
        if let Poll::Ready(Ok(count)) = result {
            self.taken(count);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(crate) struct Blocking;

impl Kind for Blocking {
    fn tcp(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
    ) -> impl Client {
        let socket = farewell::blocking::Reconnecting::new(request, config).unwrap();
        socket.policy(policy).random(|| HALF).on_open(move |_| messages(greet))
    }

    fn throttled(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
        allowance: usize,
    ) -> impl Client {
        let mut allowance = Some(allowance);
        let connect = move |request: &ClientRequest, _| {
            let stream = TcpStream::connect((request.host(), request.port()))?;
            Ok(Throttled::new(stream, allowance.take()))
        };
        farewell::blocking::Reconnecting::with_connector(request, config, connect)
            .unwrap()
            .policy(policy)
            .random(|| HALF)
            .on_open(move |_| messages(greet))
    }

    fn renewing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        renew: impl FnMut(&Attempt, &ClientRequest) -> Result<ClientRequest, ConnectError>
        + Send
        + 'static,
    ) -> impl Client {
        let socket = farewell::blocking::Reconnecting::new(request, config).unwrap();
        socket.policy(policy).request_with(renew)
    }

    fn failing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        fail: fn() -> io::Error,
    ) -> impl Client {
        let connect = move |_: &ClientRequest, _| Err::<TcpStream, _>(fail());
        farewell::blocking::Reconnecting::with_connector(request, config, connect)
            .unwrap()
            .policy(policy)
    }
}

impl<S: Transport> Client for farewell::blocking::Reconnecting<S> {
    fn next(&mut self) -> ReconnectEvent {
        self.next()
    }
    fn feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)> {
        self.feed(message).map_err(|refused| (refused.reason, refused.message.into_message()))
    }
    fn send(&mut self, message: Message<'static>) -> Result<(), SendError> {
        self.send(message)
    }
    fn flush(&mut self) -> Result<(), SendError> {
        self.ready();
        self.flush()
    }
    fn close(&mut self, code: CloseCode) -> Option<Disconnected> {
        self.close(code)
    }
    fn retry_now(&mut self) {
        self.retry_now();
    }
    fn now(&self) -> Timestamp {
        self.now()
    }
    fn history(&self) -> History {
        *self.history()
    }
    fn diagnosis(&self) -> Option<Diagnosis> {
        self.diagnosis().cloned()
    }
    fn stopped_while_waiting(&mut self) -> Reason {
        assert!(self.next_within(millis(20)).is_none(), "it waits");
        let stopper = self.stopper();
        let thread = thread::spawn(move || stopper.stop());
        let ReconnectEvent::GaveUp(reason) = self.next() else { panic!("it goes on") };
        thread.join().unwrap();
        reason
    }
}

pub(crate) struct Tokio;

/// A tokio socket in a runtime of its own.
pub(crate) struct InRuntime<S> {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) socket: farewell::aio::Reconnecting<S>,
}

impl Kind for Tokio {
    fn tcp(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
    ) -> impl Client {
        let socket = farewell::aio::Reconnecting::new(request, config).unwrap();
        let socket = socket.policy(policy).random(|| HALF).on_open(move |_| messages(greet));
        InRuntime { runtime: runtime(), socket }
    }

    fn throttled(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        greet: &'static [&'static str],
        allowance: usize,
    ) -> impl Client {
        let mut allowance = Some(allowance);
        let connect = move |request: Arc<ClientRequest>, _| {
            let allowance = allowance.take();
            async move {
                let to = (request.host(), request.port());
                Ok(Throttled::new(tokio::net::TcpStream::connect(to).await?, allowance))
            }
        };
        let socket = farewell::aio::Reconnecting::with_connector(request, config, connect)
            .unwrap()
            .policy(policy)
            .random(|| HALF)
            .on_open(move |_| messages(greet));
        InRuntime { runtime: runtime(), socket }
    }

    fn renewing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        mut renew: impl FnMut(&Attempt, &ClientRequest) -> Result<ClientRequest, ConnectError>
        + Send
        + 'static,
    ) -> impl Client {
        let socket = farewell::aio::Reconnecting::new(request, config).unwrap();
        let socket = socket.policy(policy).request_with(move |attempt, request| {
            let request = renew(&attempt, &request);
            async {
                // A server of tokens takes its time.
                tokio::time::sleep(millis(1)).await;
                request
            }
        });
        InRuntime { runtime: runtime(), socket }
    }

    fn failing(
        request: ClientRequest,
        config: Config,
        policy: ReconnectConfig,
        fail: fn() -> io::Error,
    ) -> impl Client {
        let connect = move |_, _| std::future::ready(Err::<tokio::net::TcpStream, _>(fail()));
        let socket = farewell::aio::Reconnecting::with_connector(request, config, connect);
        InRuntime { runtime: runtime(), socket: socket.unwrap().policy(policy) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Client for InRuntime<S> {
    fn next(&mut self) -> ReconnectEvent {
        self.runtime.block_on(self.socket.next())
    }
    fn feed(&mut self, message: Message<'static>) -> Result<(), (SendError, Message<'static>)> {
        let result = self.runtime.block_on(self.socket.feed(message));
        result.map_err(|refused| (refused.reason, refused.message.into_message()))
    }
    fn send(&mut self, message: Message<'static>) -> Result<(), SendError> {
        self.runtime.block_on(self.socket.send(message))
    }
    fn flush(&mut self) -> Result<(), SendError> {
        self.runtime.block_on(async {
            self.socket.ready().await;
            self.socket.flush().await
        })
    }
    fn close(&mut self, code: CloseCode) -> Option<Disconnected> {
        self.runtime.block_on(self.socket.close(code))
    }
    fn retry_now(&mut self) {
        self.socket.retry_now();
    }
    fn now(&self) -> Timestamp {
        self.socket.now()
    }
    fn history(&self) -> History {
        *self.socket.history()
    }
    fn diagnosis(&self) -> Option<Diagnosis> {
        self.socket.diagnosis().cloned()
    }
    fn stopped_while_waiting(&mut self) -> Reason {
        let waited = self.runtime.block_on(async {
            tokio::time::timeout(millis(20), self.socket.next()).await.is_err()
        });
        assert!(waited, "it waits");
        self.socket.stop(CloseCode::NORMAL);
        let ReconnectEvent::GaveUp(reason) = self.next() else { panic!("it goes on") };
        reason
    }
}
