//! One face for both adapters.

use std::future::Future;
use std::net::TcpStream;

use farewell::dial::DialRecord;
use farewell::handshake::ClientRequest;
use farewell::tls::{TlsClient, TlsServer};
use farewell::{
    AcceptError, Acceptor, CloseFrame, Config, ConnectError, ConnectOptions, Evidence, Incoming,
    Message, ReconnectEvent, SendError, Termination, TlsFacts,
};

/// An adapter's socket over TLS, as the scenarios see it.
pub(crate) trait Adapter: Sized + Send + 'static {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError>;
    /// What becomes of a first attempt to connect that is to be followed by others.
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent;
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError>;
    fn accept(stream: TcpStream, acceptor: &Acceptor, tls: &TlsServer)
    -> Result<Self, AcceptError>;
    /// A server without TLS, which echoes until the end.
    fn echo_without_tls(stream: TcpStream, acceptor: &Acceptor) -> Box<Termination>;
    fn next(&mut self) -> Incoming;
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError>;
    fn evidence(&self) -> Evidence;
    fn tls(&self) -> Option<&TlsFacts>;
    fn dial(&self) -> Option<&DialRecord>;
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination>;
    fn abort(&mut self);

    fn message(&mut self) -> Message<'static> {
        self.next().into_message().unwrap_or_else(|report| panic!("{report}"))
    }

    fn ended(&mut self) -> Box<Termination> {
        match self.next() {
            Incoming::Ended(report) => report,
            other => panic!("not the end: {other:?}"),
        }
    }
}

pub(crate) struct Blocking(pub(crate) farewell::blocking::WebSocket<TcpStream>);

impl Adapter for Blocking {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError> {
        farewell::blocking::connect_with(request, options).map(Self)
    }
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent {
        let mut socket = farewell::blocking::Reconnecting::new(request, options).unwrap();
        assert!(matches!(socket.next(), ReconnectEvent::Attempt(_)));
        socket.next()
    }
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError> {
        farewell::blocking::handshake_tls(stream, request, config, tls).map(Self)
    }
    fn accept(
        stream: TcpStream,
        acceptor: &Acceptor,
        tls: &TlsServer,
    ) -> Result<Self, AcceptError> {
        farewell::blocking::accept_tls(stream, acceptor, tls).map(Self)
    }
    fn echo_without_tls(stream: TcpStream, acceptor: &Acceptor) -> Box<Termination> {
        super::echo(Self(farewell::blocking::accept(stream, acceptor).unwrap()))
    }
    fn next(&mut self) -> Incoming {
        self.0.next()
    }
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.0.send(message)
    }
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        Ok(self.0.feed(message)?)
    }
    fn evidence(&self) -> Evidence {
        self.0.evidence()
    }
    fn tls(&self) -> Option<&TlsFacts> {
        self.0.tls()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.0.dial()
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.0.close(frame)
    }
    fn abort(&mut self) {
        self.0.abort();
    }
}

/// A tokio socket in a runtime of its own.
pub(crate) struct Tokio {
    runtime: tokio::runtime::Runtime,
    socket: farewell::aio::WebSocket<tokio::net::TcpStream>,
}

impl Tokio {
    fn open<E>(
        open: impl Future<Output = Result<farewell::aio::WebSocket<tokio::net::TcpStream>, E>>,
    ) -> Result<Self, E> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(open)?;
        Ok(Self { runtime, socket })
    }
}

pub(crate) fn for_tokio(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

impl Adapter for Tokio {
    fn connect(request: &ClientRequest, options: ConnectOptions) -> Result<Self, ConnectError> {
        Self::open(farewell::aio::connect_with(request, options))
    }
    fn reconnect(request: ClientRequest, options: ConnectOptions) -> ReconnectEvent {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut socket = farewell::aio::Reconnecting::new(request, options).unwrap();
            assert!(matches!(socket.next().await, ReconnectEvent::Attempt(_)));
            socket.next().await
        })
    }
    fn handshake(
        stream: TcpStream,
        request: &ClientRequest,
        config: Config,
        tls: &TlsClient,
    ) -> Result<Self, ConnectError> {
        Self::open(async {
            farewell::aio::handshake_tls(for_tokio(stream), request, config, tls).await
        })
    }
    fn accept(
        stream: TcpStream,
        acceptor: &Acceptor,
        tls: &TlsServer,
    ) -> Result<Self, AcceptError> {
        Self::open(async { farewell::aio::accept_tls(for_tokio(stream), acceptor, tls).await })
    }
    fn echo_without_tls(stream: TcpStream, acceptor: &Acceptor) -> Box<Termination> {
        let open = async { farewell::aio::accept(for_tokio(stream), acceptor).await };
        super::echo(Self::open(open).unwrap())
    }
    fn next(&mut self) -> Incoming {
        self.runtime.block_on(self.socket.next())
    }
    fn send(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.runtime.block_on(self.socket.send(message))
    }
    fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), SendError> {
        self.runtime.block_on(async { Ok(self.socket.feed(message).await?) })
    }
    fn evidence(&self) -> Evidence {
        self.socket.evidence()
    }
    fn tls(&self) -> Option<&TlsFacts> {
        self.socket.tls()
    }
    fn dial(&self) -> Option<&DialRecord> {
        self.socket.dial()
    }
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Box<Termination> {
        self.runtime.block_on(self.socket.close(frame))
    }
    fn abort(&mut self) {
        self.socket.abort();
    }
}
