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

mod clock;
mod commands;
mod reconnecting;
mod split;
mod streams;
mod turn;
mod verbs;
mod websocket;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::net::SocketAddr;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use self::clock::Clock;
use self::turn::Turn;
use crate::adapter::error::unresolved;
use crate::adapter::opening::{self, Opening};
use crate::config::Config;
use crate::handshake::ClientRequest;
use crate::session::Session;
use crate::time::Timestamp;
use crate::wire::keystream::Seed;

pub use crate::adapter::{
    AcceptError, Acceptor, ConnectError, Disconnected, Incoming, ReconnectEvent,
};
pub use reconnecting::Reconnecting;
pub use split::{Receiver, Sender};
pub use websocket::WebSocket;

/// Connects to a `ws://` URL with the default settings.
///
/// # Errors
///
/// As [`connect_with`].
pub async fn connect(url: &str) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_with(&ClientRequest::new(url)?, Config::default()).await
}

/// Connects over TCP, with a request that has header fields or subprotocols, and with settings.
///
/// Every address that the host's name resolves to is tried, each with its share of what is left of
/// [`Timeouts::handshake`](crate::Timeouts::handshake).
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
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<TcpStream>, ConnectError> {
    if request.secure() {
        return Err(ConnectError::TlsNeeded);
    }
    let config = config.into();
    let clock = Clock::new();
    //= rfc6455#4.1
    //# it MUST open a connection, send an opening handshake, and read the
    //# server's handshake in response.
    let stream = connect_tcp(request, clock, Timestamp::ZERO + config.timeouts.handshake).await?;
    open(stream, request, config, clock, Timestamp::ZERO).await
}

/// Speaks the client's opening handshake on a stream that is connected already: over TLS for a
/// `wss://` URL, through a proxy, over a Unix socket.
///
/// # Errors
///
/// [`ConnectError`]: the server refused, its response broke a rule, or the stream failed.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<S>, ConnectError> {
    open(stream, request, config.into(), Clock::new(), Timestamp::ZERO).await
}

/// Speaks the server's opening handshake on a stream that was accepted.
///
/// Of a [`TcpStream`], call [`set_nodelay`](TcpStream::set_nodelay) first where small messages are
/// not to wait for acknowledgements; [`connect`] does so itself.
///
/// # Errors
///
/// [`AcceptError`]: the request broke a rule, was rejected, or did not come.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: &Acceptor,
) -> Result<WebSocket<S>, AcceptError> {
    let clock = Clock::new();
    let session = Session::server(acceptor.shared_config(), Seed::from_os()?, clock.now());
    let mut turn = Turn::new(stream, opening::driver(session, clock.now()), clock);
    let mut opening = Opening::default();
    loop {
        let event = poll_fn(|cx| turn.poll_event(cx)).await;
        if opening.accept(event, turn.driver.session_mut(), acceptor, clock.now())? {
            break;
        }
    }
    // The client may wait for the response before it sends anything. The session knows of a
    // failure.
    let _ = poll_fn(|cx| turn.poll_flush(cx)).await;
    opening::accepted(&turn.driver)?;
    Ok(WebSocket::new(turn, opening))
}

/// The session begins before the stream was connected, so that one deadline covers both.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &ClientRequest,
    config: Arc<Config>,
    clock: Clock,
    began: Timestamp,
) -> Result<WebSocket<S>, ConnectError> {
    let session = Session::client(request, config, Seed::from_os()?, began);
    let mut turn = Turn::new(stream, opening::driver(session, clock.now()), clock);
    let mut opening = Opening::default();
    while !opening.connect(poll_fn(|cx| turn.poll_event(cx)).await)? {}
    Ok(WebSocket::new(turn, opening))
}

async fn connect_tcp(
    request: &ClientRequest,
    clock: Clock,
    deadline: Timestamp,
) -> io::Result<TcpStream> {
    let left = || deadline.since(clock.now());
    let resolved = timeout(left(), lookup_host((request.host(), request.port()))).await?;
    let resolved = resolved.map_err(unresolved)?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (index, address) in addresses.iter().enumerate() {
        let share = left() / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(elapsed) => failure = elapsed.into(),
        }
    }
    //= rfc6455#4.1
    //# If the connection could not be opened, either because a direct
    //# connection failed or because any proxy used returned an error, then the
    //# client MUST _Fail the WebSocket Connection_ and abort the connection
    //# attempt.
    Err(failure)
}
