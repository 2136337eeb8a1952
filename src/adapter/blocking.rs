//! WebSockets over blocking streams: one thread waits for one connection.
//!
//! [`connect`] and [`accept`] return a [`WebSocket`]; its [`split`](WebSocket::split) returns a
//! reader and a writer for two threads. Deadlines take effect while a call waits, through the
//! socket's own timeouts: see [`Transport`]. A client that is to come back after an ending is a
//! [`Reconnecting`].
//!
//! ```no_run
//! use std::net::TcpListener;
//! use std::thread;
//! use std::time::Duration;
//!
//! use farewell::Acceptor;
//! use farewell::blocking::{self, Incoming};
//! use farewell::handshake::Origins;
//!
//! let acceptor = Acceptor::new(Origins::SameHost);
//! let listener = TcpListener::bind("127.0.0.1:9001")?;
//! for stream in listener.incoming() {
//!     let Ok(stream) = stream else {
//!         // Without a free file, for example, the next attempt would fail at once, too.
//!         thread::sleep(Duration::from_millis(200));
//!         continue;
//!     };
//!     let _ = stream.set_nodelay(true);
//!     let acceptor = acceptor.clone();
//!     let serve = move || {
//!         let mut socket = match blocking::accept(stream, &acceptor) {
//!             Ok(socket) => socket,
//!             Err(error) => return eprintln!("{error}"),
//!         };
//!         let report = loop {
//!             match socket.next().into_message() {
//!                 Ok(message) => drop(socket.feed(message)), // `next` tells why it failed
//!                 Err(report) => break report,
//!             }
//!         };
//!         eprintln!("{report}");
//!     };
//!     // Where there can be no other thread, the connection is dropped.
//!     let _ = thread::Builder::new().spawn(serve);
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

mod access;
mod commands;
mod reconnecting;
mod split;
mod transport;
mod turn;
mod verbs;
mod waits;
mod websocket;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use crate::adapter::error::unresolved;
use crate::adapter::opening::{self, Opening};
use crate::config::Config;
use crate::handshake::ClientRequest;
use crate::session::Session;
use crate::time::{Clock, Timestamp};
use crate::wire::keystream::Seed;

pub use crate::adapter::{
    AcceptError, Acceptor, ConnectError, Disconnected, Incoming, ReconnectEvent,
};
use access::Own;
pub use reconnecting::{Reconnecting, Stopper};
pub use split::{Receiver, Sender};
pub use transport::{Socket, Transport, Untimed};
use turn::Turn;
pub use websocket::WebSocket;

/// Connects to a `ws://` URL with the default settings.
///
/// # Errors
///
/// As [`connect_with`].
pub fn connect(url: &str) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_with(&ClientRequest::new(url)?, Config::default())
}

/// Connects over TCP, with a request that has header fields or subprotocols, and with settings.
///
/// Every address that the host's name resolves to is tried, each with its share of what is left of
/// [`Timeouts::handshake`](crate::Timeouts::handshake). Resolving the name itself takes as long as
/// the system lets it.
///
/// ```no_run
/// use farewell::{Config, blocking};
/// use farewell::handshake::ClientRequest;
///
/// let request = ClientRequest::new("ws://127.0.0.1:9001/chat")?
///     .subprotocol("v1.chat.example")?
///     .header("Authorization", "Bearer abc")?;
/// let socket = blocking::connect_with(&request, Config::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ConnectError`]: no connection came about, the server refused, or its response broke a rule.
pub fn connect_with(
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
    let stream = connect_tcp(request, clock, Timestamp::ZERO + config.timeouts.handshake)?;
    open(stream, request, config, clock, Timestamp::ZERO)
}

/// Speaks the client's opening handshake on a stream that is connected already: over TLS for a
/// `wss://` URL, through a proxy, over a Unix socket.
///
/// # Errors
///
/// [`ConnectError`]: the server refused, its response broke a rule, or the stream failed.
pub fn handshake<S: Transport>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<S>, ConnectError> {
    open(stream, request, config.into(), Clock::new(), Timestamp::ZERO)
}

/// Speaks the server's opening handshake on a stream that was accepted.
///
/// The stream has to be in blocking mode. Of a [`TcpStream`], call
/// [`set_nodelay`](TcpStream::set_nodelay) first where small messages are not to wait for
/// acknowledgements; [`connect`] does so itself.
///
/// # Errors
///
/// [`AcceptError`]: the request broke a rule, was rejected, or did not come.
pub fn accept<S: Transport>(stream: S, acceptor: &Acceptor) -> Result<WebSocket<S>, AcceptError> {
    let clock = Clock::new();
    let session = Session::server(acceptor.shared_config(), Seed::from_os()?, clock.now());
    let driver = opening::driver(session, clock.now());
    let mut turn = Turn { access: Own::new(stream, driver)?, clock };
    let mut opening = Opening::default();
    loop {
        let event = turn.next_event();
        let session = turn.access.driver.session_mut();
        if opening.accept(event, session, acceptor, clock.now())? {
            break;
        }
    }
    // The client may wait for the response before it sends anything. The session knows of a
    // failure.
    let _ = turn.flush();
    opening::accepted(&turn.access.driver)?;
    Ok(WebSocket::new(turn, opening))
}

/// The session begins before the stream was connected, so that one deadline covers both.
fn open<S: Transport>(
    stream: S,
    request: &ClientRequest,
    config: Arc<Config>,
    clock: Clock,
    began: Timestamp,
) -> Result<WebSocket<S>, ConnectError> {
    let session = Session::client(request, config, Seed::from_os()?, began);
    let driver = opening::driver(session, clock.now());
    let mut turn = Turn { access: Own::new(stream, driver)?, clock };
    let mut opening = Opening::default();
    while !opening.connect(turn.next_event())? {}
    Ok(WebSocket::new(turn, opening))
}

fn connect_tcp(
    request: &ClientRequest,
    clock: Clock,
    deadline: Timestamp,
) -> io::Result<TcpStream> {
    let resolved = (request.host(), request.port()).to_socket_addrs().map_err(unresolved)?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.since(clock.now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        if share.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    //= rfc6455#4.1
    //# If the connection could not be opened, either because a direct
    //# connection failed or because any proxy used returned an error, then the
    //# client MUST _Fail the WebSocket Connection_ and abort the connection
    //# attempt.
    Err(failure)
}
