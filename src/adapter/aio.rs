//! WebSockets over tokio's streams.
//!
//! [`connect`] and [`accept`] return a [`WebSocket`]; its [`split`](WebSocket::split) returns a
//! reader and a writer for two tasks. A client that is to come back after an ending is a
//! [`Reconnecting`]. They have to run in a tokio runtime whose timers are enabled.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use std::time::Duration;
//!
//! use farewell::Acceptor;
//! use farewell::handshake::Origins;
//! use tokio::net::TcpListener;
//!
//! let acceptor = Acceptor::new(Origins::SameHost);
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let Ok((stream, _)) = listener.accept().await else {
//!         // Without a free file, for example, the next attempt would fail at once, too.
//!         tokio::time::sleep(Duration::from_millis(200)).await;
//!         continue;
//!     };
//!     let _ = stream.set_nodelay(true);
//!     let acceptor = acceptor.clone();
//!     tokio::spawn(async move {
//!         let mut socket = match farewell::aio::accept(stream, &acceptor).await {
//!             Ok(socket) => socket,
//!             Err(error) => return eprintln!("{error}"),
//!         };
//!         let report = loop {
//!             match socket.next().await.into_message() {
//!                 Ok(message) => drop(socket.feed(message).await), // `next` tells why it failed
//!                 Err(report) => break report,
//!             }
//!         };
//!         eprintln!("{report}");
//!     });
//! }
//! # }
//! ```

mod bytes;
mod clock;
mod commands;
mod dial;
mod drain;
#[cfg(feature = "axum")]
mod extract;
mod open;
mod outbox;
mod reconnecting;
mod split;
mod streams;
mod turn;
#[cfg(feature = "hyper")]
mod upgrade;
#[cfg(feature = "hyper")]
mod upgraded;
mod verbs;
mod websocket;
mod writer;

use alloc::sync::Arc;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use self::clock::Clock;
use self::open::{accept_over, open};
use crate::adapter::opening::Requests;
use crate::adapter::redirect::Redirects;
use crate::adapter::security::{Settings, Way};
use crate::config::Config;
use crate::dial::Dialled;
use crate::handshake::{Accept, ClientRequest, Rejection, Request};
use crate::time::Timestamp;
#[cfg(feature = "rustls")]
use crate::tls::{TlsClient, TlsServer};

#[cfg(feature = "hyper")]
pub use crate::adapter::UpgradeError;
pub use crate::adapter::{
    AcceptError, Acceptor, ConnectError, ConnectOptions, Disconnected, Drained, Incoming,
    IncomingChunk, IncomingEvent, Messages, PingError, ReconnectEvent, Ticket,
};
pub use bytes::{ByteReader, ByteStream, ByteWriter};
pub use drain::Drain;
#[cfg(feature = "axum")]
pub use extract::{UpgradeDecision, UpgradeRejection, WebSocketUpgrade};
pub use outbox::OutboxSender;
pub use reconnecting::Reconnecting;
pub use split::{Receiver, Sender};
#[cfg(feature = "hyper")]
pub use upgrade::{Upgrade, upgrade};
#[cfg(feature = "hyper")]
pub use upgraded::Upgraded;
pub use websocket::WebSocket;
pub use writer::MessageWriter;

/// Connects to a `ws://` or, with feature `wss`, a `wss://` URL with the default settings.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::aio;
///
/// let socket = aio::connect("ws://127.0.0.1:9001/").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`connect_with`].
pub async fn connect(url: &str) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_with(&ClientRequest::new(url)?, Config::default()).await
}

/// Connects over TCP, with a request that has header fields or subprotocols, and with settings: a
/// [`Config`](crate::Config), or [`ConnectOptions`] for the way to the server as well.
///
/// The addresses of the name race, IPv6 and IPv4 in turn, each 250 ms behind the one before (RFC
/// 8305). All of it, opening handshake included, has the time of
/// [`Timeouts::handshake`](crate::Timeouts::handshake). [`WebSocket::dial`] tells what happened on
/// the way.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::Config;
/// use farewell::handshake::ClientRequest;
///
/// let request = ClientRequest::new("ws://127.0.0.1:9001/chat")?
///     .subprotocol("v1.chat.example")?
///     .header("Authorization", "Bearer abc")?;
/// let socket = farewell::aio::connect_with(&request, Config::default()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError`]: no connection came about, the server refused, or its response broke a rule.
pub async fn connect_with(
    request: &ClientRequest,
    options: impl Into<ConnectOptions>,
) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_over(request, options, Ok).await
}

/// As [`connect_with`], with a stream of the caller's own over the one that was connected: one that
/// counts or records what passes, or the same with other settings of its socket.
/// For a `wss://` URL, TLS is spoken over it.
///
/// `wrap` is called once the proxy, where there is one, has opened the way, and once more for each
/// redirection that is followed. Through an `https://` proxy, TLS with that is spoken over it as well.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::ClientRequest;
/// use farewell::{Config, aio};
///
/// let request = ClientRequest::new("ws://127.0.0.1:9001/")?;
/// let socket = aio::connect_over(&request, Config::default(), |stream| {
///     stream.set_ttl(3)?;
///     Ok(stream)
/// });
/// let socket = socket.await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`connect_with`]; and [`ConnectError::Io`] with the error of `wrap`.
pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
    request: &ClientRequest,
    options: impl Into<ConnectOptions>,
    wrap: impl FnMut(TcpStream) -> io::Result<S>,
) -> Result<WebSocket<S>, ConnectError> {
    connect_through(request, &options.into(), wrap, Clock::new(), Timestamp::ZERO).await
}

/// Connects, and follows redirections as far as that is asked for.
async fn connect_through<S: AsyncRead + AsyncWrite + Unpin>(
    request: &ClientRequest,
    options: &ConnectOptions,
    mut wrap: impl FnMut(TcpStream) -> io::Result<S>,
    clock: Clock,
    began: Timestamp,
) -> Result<WebSocket<S>, ConnectError> {
    let mut redirects = Redirects::up_to(options.redirects);
    let mut moved;
    let (first, mut request) = (request, request);
    loop {
        let way = way_for(request, options, first).await;
        let way = way.map_err(|error| redirects.unsecured(error))?;
        //= rfc6455#4.1
        //# it MUST open a connection, send an opening handshake, and read the
        //# server's handshake in response.
        let dialled = dial::dial(request, options, &way.dial, clock, began).await;
        let (stream, dialled) = redirects.note(dialled)?;
        let config = options.config.clone();
        match open(wrap(stream)?, way.layer, request, config, Some(dialled), clock, began).await {
            Ok(socket) => return Ok(socket),
            Err(failure) => moved = redirects.follow(request, failure)?,
        }
        request = &moved;
    }
}

/// What a connection for a request needs. What may have to be read from disk for it is read where
/// nobody waits for the thread.
async fn way_for<'a>(
    request: &ClientRequest,
    options: &'a ConnectOptions,
    first: &ClientRequest,
) -> Result<Way<'a>, ConnectError> {
    let settings = match Settings::at_hand(request, options) {
        Some(settings) => settings,
        None => match tokio::task::spawn_blocking(Settings::make).await {
            Ok(made) => made?,
            // The runtime ends, or it panicked: the same then happens here.
            Err(_) => Settings::make()?,
        },
    };
    settings.way(request, options, first)
}

/// Connects to a Unix socket. The request's URL says what is asked for there; its host and its port
/// only name the server in the request's `Host`.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::ClientRequest;
/// use farewell::{Config, aio};
///
/// let request = ClientRequest::new("ws://localhost/chat")?;
/// let socket = aio::connect_unix("/run/chat.sock", &request, Config::default()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`connect_with`]; [`ConnectError::Io`] where the socket cannot be connected to.
#[cfg(unix)]
pub async fn connect_unix(
    path: impl AsRef<std::path::Path>,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<tokio::net::UnixStream>, ConnectError> {
    let layer = way_for(request, &ConnectOptions::new(), request).await?.layer;
    let (clock, config) = (Clock::new(), config.into());
    let connect = tokio::net::UnixStream::connect(path.as_ref());
    let connected = tokio::time::timeout(config.timeouts.handshake, connect).await;
    let stream = connected.map_err(io::Error::from)??;
    let dialled = Dialled::local(Timestamp::ZERO, clock.now());
    open(stream, layer, request, config, Some(dialled), clock, Timestamp::ZERO).await
}

/// Speaks the client's opening handshake on a stream that is connected already: over TLS for a
/// `wss://` URL, through a proxy, over a Unix socket.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::{ClientRequest, Origins};
/// use farewell::{Acceptor, Config, aio};
///
/// let (client, server) = tokio::io::duplex(4096); // no network at all
/// let request = ClientRequest::new("ws://localhost/")?;
/// let acceptor = Acceptor::new(Origins::Any);
/// let opening = aio::handshake(client, &request, Config::default());
/// let (client, server) = tokio::join!(opening, aio::accept(server, &acceptor));
/// let (mut client, mut server) = (client?, server?);
/// client.send("hello").await?;
/// assert_eq!(server.next().await.into_message()?.as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError`]: the server refused, its response broke a rule, or the stream failed.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<S>, ConnectError> {
    open(stream, None, request, config.into(), None, Clock::new(), Timestamp::ZERO).await
}

/// As [`handshake`], but over TLS that is spoken here, with these settings.
///
/// The TLS handshake has its part of [`Timeouts::handshake`](crate::Timeouts::handshake).
///
/// ```no_run
/// # async fn run(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::ClientRequest;
/// use farewell::tls::TlsClient;
/// use farewell::{Config, aio};
///
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let tls = TlsClient::new()?; // one for all connections
/// let socket = aio::handshake_tls(stream, &request, Config::default(), &tls).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`handshake`]; and [`ConnectError::Tls`] if there can be no TLS to this host.
#[cfg(feature = "rustls")]
pub async fn handshake_tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    tls: &TlsClient,
) -> Result<WebSocket<S>, ConnectError> {
    let layer = Some(tls.layer(request.host())?);
    open(stream, layer, request, config.into(), None, Clock::new(), Timestamp::ZERO).await
}

/// Speaks the server's opening handshake on a stream that was accepted.
///
/// Of a [`TcpStream`], call [`set_nodelay`](TcpStream::set_nodelay) first where small messages are
/// not to wait for acknowledgements; [`connect`] does so itself.
///
/// ```no_run
/// # async fn run(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, aio};
///
/// let acceptor = Acceptor::new(Origins::SameHost); // one for all connections
/// let (stream, _) = listener.accept().await?;
/// let socket = aio::accept(stream, &acceptor).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`AcceptError`]: the request broke a rule, was rejected, or did not come.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: &Acceptor,
) -> Result<WebSocket<S>, AcceptError> {
    let (config, requests) = (acceptor.shared_config(), acceptor.requests());
    let decide = async |request: &Request| acceptor.decide(request);
    accept_over(stream, None, config, requests, decide).await
}

/// Speaks the server's opening handshake on a stream that was accepted, with a decision about the
/// request that may wait: for a database, or for another server.
///
/// `decide` sees every request that follows the rules, [plain ones](Request::is_plain) included, which
/// it can answer with a [`PlainResponse`](crate::handshake::PlainResponse); a plain one that it accepts
/// is refused with status 426. The errors that it meets become a [`Rejection`] by `?`, as said there.
///
/// While it waits, the stream is watched: a client that goes away ends it, and its future is dropped.
/// It has the rest of [`Timeouts::handshake`](crate::Timeouts::handshake), which began with this call;
/// then the client gets status 503, and the error is [`AcceptError::Ended`] with
/// [`HandshakeTimeout`](crate::Cause::HandshakeTimeout).
///
/// ```no_run
/// use farewell::aio::{self, WebSocket};
/// use farewell::handshake::{Accept, Origins, PlainResponse, Rejection, Request};
/// use farewell::{AcceptError, Config};
/// use tokio::net::TcpStream;
///
/// # async fn look_up(token: &str) -> std::io::Result<Option<String>> { Ok(Some(token.into())) }
/// async fn welcome(stream: TcpStream) -> Result<WebSocket<TcpStream>, AcceptError> {
///     let decide = async |request: &Request| {
///         if request.is_plain() {
///             return Err(PlainResponse::new(200)?.body("alive\n").into());
///         }
///         let token = request.header("Authorization").unwrap_or_default();
///         // Where the look-up fails, the client gets status 500, and the log the reason.
///         match look_up(token).await? {
///             Some(_) => Ok(Accept::new(Origins::SameHost).subprotocols(&["chat"])?),
///             None => Err(Rejection::new(401)?.header("WWW-Authenticate", "Bearer")?),
///         }
///     };
///     aio::accept_with(stream, Config::default(), decide).await
/// }
/// # let _ = welcome;
/// ```
///
/// # Errors
///
/// As [`accept`]: [`AcceptError::Rejected`] for a rejection, [`AcceptError::Plain`] for a plain request
/// that was answered.
pub async fn accept_with<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl AsyncFnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    accept_over(stream, None, config.into(), Requests::PlainToo, decide).await
}

/// As [`accept`], but over TLS that is spoken here.
///
/// The TLS handshake has its part of [`Timeouts::handshake`](crate::Timeouts::handshake). The
/// server's name that the client has asked for is in [`WebSocket::tls`] afterwards.
///
/// ```no_run
/// # async fn run(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
/// use farewell::handshake::Origins;
/// use farewell::tls::TlsServer;
/// use farewell::{Acceptor, aio};
///
/// let acceptor = Acceptor::new(Origins::SameHost); // one of each for all connections
/// let tls = TlsServer::from_pem(std::fs::read("chain.pem")?, std::fs::read("key.pem")?)?;
/// let socket = aio::accept_tls(stream, &acceptor, &tls).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`accept`]; and [`AcceptError::Tls`] if there can be no TLS with these settings.
#[cfg(feature = "rustls")]
pub async fn accept_tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: &Acceptor,
    tls: &TlsServer,
) -> Result<WebSocket<S>, AcceptError> {
    let (config, requests) = (acceptor.shared_config(), acceptor.requests());
    let decide = async |request: &Request| acceptor.decide(request);
    accept_over(stream, Some(tls.layer()?), config, requests, decide).await
}

/// As [`accept_with`], but over TLS that is spoken here.
///
/// # Errors
///
/// As [`accept_with`]; and [`AcceptError::Tls`] if there can be no TLS with these settings.
#[cfg(feature = "rustls")]
pub async fn accept_tls_with<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: impl Into<Arc<Config>>,
    tls: &TlsServer,
    decide: impl AsyncFnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    accept_over(stream, Some(tls.layer()?), config.into(), Requests::PlainToo, decide).await
}
