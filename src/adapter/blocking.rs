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
mod bytes;
mod commands;
mod dial;
mod drain;
mod outbox;
mod reconnecting;
mod split;
mod transport;
mod turn;
mod verbs;
mod waits;
mod websocket;
mod writer;

use alloc::sync::Arc;
use std::io;
use std::net::TcpStream;

use crate::adapter::opening::{self, Opening, Requests};
use crate::adapter::redirect::Redirects;
use crate::adapter::security::{Layer, Settings, Way};
use crate::config::Config;
use crate::dial::Dialled;
use crate::handshake::{Accept, ClientRequest, Rejection, Request};
use crate::time::{Clock, Timestamp};
#[cfg(feature = "rustls")]
use crate::tls::{TlsClient, TlsServer};

pub use crate::adapter::{
    AcceptError, Acceptor, ConnectError, ConnectOptions, Disconnected, Drained, Incoming,
    IncomingChunk, IncomingEvent, Messages, PingError, ReconnectEvent, Ticket,
};
use access::Own;
pub use bytes::{ByteReader, ByteStream, ByteWriter};
pub use drain::Drain;
pub use outbox::OutboxSender;
pub use reconnecting::{Reconnecting, Stopper};
pub use split::{Receiver, Sender};
pub use transport::{Socket, Transport, Untimed};
use turn::Turn;
pub use websocket::WebSocket;
pub use writer::MessageWriter;

/// Connects to a `ws://` or, with feature `wss`, a `wss://` URL with the default settings.
///
/// ```no_run
/// use farewell::blocking;
///
/// let mut socket = blocking::connect("ws://127.0.0.1:9001/")?;
/// socket.send("hello")?;
/// println!("{:?}", socket.next().into_message()?.as_text());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`connect_with`].
pub fn connect(url: &str) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_with(&ClientRequest::new(url)?, Config::default())
}

/// Connects over TCP, with a request that has header fields or subprotocols, and with settings: a
/// [`Config`](crate::Config), or [`ConnectOptions`] for the way to the server as well.
///
/// The name is looked up on a thread of its own; its addresses race, IPv6 and IPv4 in turn, each
/// 250 ms behind the one before (RFC 8305), where there are several on a thread for each. All of
/// it, opening handshake included, has the time of
/// [`Timeouts::handshake`](crate::Timeouts::handshake). [`WebSocket::dial`] tells what happened on
/// the way.
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
    options: impl Into<ConnectOptions>,
) -> Result<WebSocket<TcpStream>, ConnectError> {
    connect_over(request, options, Ok)
}

/// As [`connect_with`], with a stream of the caller's own over the one that was connected: one that
/// counts or records what passes, or the same with other settings of its socket.
/// For a `wss://` URL, TLS is spoken over it.
///
/// `wrap` is called once the proxy, where there is one, has opened the way, and once more for each
/// redirection that is followed. Through an `https://` proxy, TLS with that is spoken over it as well.
///
/// ```no_run
/// use farewell::handshake::ClientRequest;
/// use farewell::{Config, blocking};
///
/// let request = ClientRequest::new("ws://127.0.0.1:9001/")?;
/// let socket = blocking::connect_over(&request, Config::default(), |stream| {
///     stream.set_ttl(3)?;
///     Ok(stream)
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`connect_with`]; and [`ConnectError::Io`] with the error of `wrap`.
pub fn connect_over<S: Transport>(
    request: &ClientRequest,
    options: impl Into<ConnectOptions>,
    wrap: impl FnMut(TcpStream) -> io::Result<S>,
) -> Result<WebSocket<S>, ConnectError> {
    connect_through(request, &options.into(), wrap, Clock::new(), Timestamp::ZERO)
}

/// Connects, and follows redirections as far as that is asked for.
fn connect_through<S: Transport>(
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
        let way = way_for(request, options, first);
        let way = way.map_err(|error| redirects.unsecured(error))?;
        //= rfc6455#4.1
        //# it MUST open a connection, send an opening handshake, and read the
        //# server's handshake in response.
        let dialled = dial::dial(request, options, &way.dial, clock, began);
        let (stream, dialled) = redirects.note(dialled)?;
        let config = options.config.clone();
        match open(wrap(stream)?, way.layer, request, config, Some(dialled), clock, began) {
            Ok(socket) => return Ok(socket),
            Err(failure) => moved = redirects.follow(request, failure)?,
        }
        request = &moved;
    }
}

/// What a connection for a request needs.
fn way_for<'a>(
    request: &ClientRequest,
    options: &'a ConnectOptions,
    first: &ClientRequest,
) -> Result<Way<'a>, ConnectError> {
    let settings = Settings::at_hand(request, options).map_or_else(Settings::make, Ok)?;
    settings.way(request, options, first)
}

/// Connects to a Unix socket. The request's URL says what is asked for there; its host and its port
/// only name the server in the request's `Host`.
///
/// ```no_run
/// use farewell::handshake::ClientRequest;
/// use farewell::{Config, blocking};
///
/// let request = ClientRequest::new("ws://localhost/chat")?;
/// let socket = blocking::connect_unix("/run/chat.sock", &request, Config::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`connect_with`]; [`ConnectError::Io`] where the socket cannot be connected to.
#[cfg(unix)]
pub fn connect_unix(
    path: impl AsRef<std::path::Path>,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<std::os::unix::net::UnixStream>, ConnectError> {
    let layer = way_for(request, &ConnectOptions::new(), request)?.layer;
    let (clock, config) = (Clock::new(), config.into());
    let stream = dial::connect_unix(path.as_ref(), config.timeouts.handshake)?;
    let dialled = Dialled::local(Timestamp::ZERO, clock.now());
    open(stream, layer, request, config, Some(dialled), clock, Timestamp::ZERO)
}

/// Speaks the client's opening handshake on a stream that is connected already: over TLS for a
/// `wss://` URL, through a proxy, over a Unix socket.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
///
/// use farewell::handshake::{ClientRequest, Origins};
/// use farewell::{Acceptor, Config, blocking};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// let server = std::thread::spawn(move || {
///     let (stream, _) = listener.accept().expect("a client connects");
///     let acceptor = Acceptor::new(Origins::Any);
///     blocking::accept(stream, &acceptor).expect("it asks for a WebSocket").next()
/// });
///
/// let request = ClientRequest::new("ws://localhost/")?; // as the stream is connected already
/// let mut socket = blocking::handshake(stream, &request, Config::default())?;
/// socket.send("hello")?;
/// let message = server.join().expect("it does not panic").into_message()?;
/// assert_eq!(message.as_text(), Some("hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ConnectError`]: the server refused, its response broke a rule, or the stream failed.
pub fn handshake<S: Transport>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
) -> Result<WebSocket<S>, ConnectError> {
    open(stream, None, request, config.into(), None, Clock::new(), Timestamp::ZERO)
}

/// As [`handshake`], but over TLS that is spoken here, with these settings.
///
/// The TLS handshake has its part of [`Timeouts::handshake`](crate::Timeouts::handshake).
///
/// ```no_run
/// use std::net::TcpStream;
///
/// use farewell::handshake::ClientRequest;
/// use farewell::tls::TlsClient;
/// use farewell::{Config, blocking};
///
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let tls = TlsClient::new()?; // one for all connections
/// let stream = TcpStream::connect((request.host(), request.port()))?;
/// let socket = blocking::handshake_tls(stream, &request, Config::default(), &tls)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`handshake`]; and [`ConnectError::Tls`] if there can be no TLS to this host.
#[cfg(feature = "rustls")]
pub fn handshake_tls<S: Transport>(
    stream: S,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    tls: &TlsClient,
) -> Result<WebSocket<S>, ConnectError> {
    let layer = Some(tls.layer(request.host())?);
    open(stream, layer, request, config.into(), None, Clock::new(), Timestamp::ZERO)
}

/// Speaks the server's opening handshake on a stream that was accepted.
///
/// The stream has to be in blocking mode. Of a [`TcpStream`], call
/// [`set_nodelay`](TcpStream::set_nodelay) first where small messages are not to wait for
/// acknowledgements; [`connect`] does so itself.
///
/// ```no_run
/// use std::net::TcpListener;
///
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, blocking};
///
/// let acceptor = Acceptor::new(Origins::SameHost); // one for all connections
/// let (stream, _) = TcpListener::bind("127.0.0.1:9001")?.accept()?;
/// let mut socket = blocking::accept(stream, &acceptor)?;
/// println!("{:?}", socket.next().into_message()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`AcceptError`]: the request broke a rule, was rejected, or did not come.
pub fn accept<S: Transport>(stream: S, acceptor: &Acceptor) -> Result<WebSocket<S>, AcceptError> {
    let (config, requests) = (acceptor.shared_config(), acceptor.requests());
    accept_over(stream, None, config, requests, |request| acceptor.decide(request))
}

/// Speaks the server's opening handshake on a stream that was accepted, with a decision about the
/// request that is this one's alone, and may take its time.
///
/// `decide` sees every request that follows the rules, [plain ones](Request::is_plain) included, which
/// it can answer with a [`PlainResponse`](crate::handshake::PlainResponse); a plain one that it accepts
/// is refused with status 426. The errors that it meets become a [`Rejection`] by `?`, as said there.
///
/// It runs on this thread, within what is left of [`Timeouts::handshake`](crate::Timeouts::handshake),
/// which began with this call. Nobody can interrupt it: where it comes back later than that, the client
/// gets status 503, and the error is [`AcceptError::Ended`] with
/// [`HandshakeTimeout`](crate::Cause::HandshakeTimeout). A client that went away meanwhile is noticed
/// when it comes back.
///
/// ```no_run
/// use std::net::TcpListener;
///
/// use farewell::handshake::{Accept, Origins, PlainResponse, Rejection};
/// use farewell::{Config, blocking};
///
/// # fn look_up(token: &str) -> std::io::Result<Option<String>> { Ok(Some(token.into())) }
/// let (stream, peer) = TcpListener::bind("127.0.0.1:9001")?.accept()?;
/// let mut user = None;
/// let socket = blocking::accept_with(stream, Config::default(), |request| {
///     if request.is_plain() {
///         return Err(PlainResponse::new(200)?.body("alive\n").into());
///     }
///     // Where the look-up fails, the client gets status 500, and the log the reason.
///     user = look_up(request.header("Authorization").unwrap_or_default())?;
///     match user {
///         Some(_) => Ok(Accept::new(Origins::SameHost).subprotocols(&["chat"])?),
///         None => Err(Rejection::new(401)?.header("WWW-Authenticate", "Bearer")?),
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`accept`]: [`AcceptError::Rejected`] for a rejection, [`AcceptError::Plain`] for a plain request
/// that was answered.
pub fn accept_with<S: Transport>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    accept_over(stream, None, config.into(), Requests::PlainToo, decide)
}

/// As [`accept`], but over TLS that is spoken here.
///
/// The TLS handshake has its part of [`Timeouts::handshake`](crate::Timeouts::handshake). The
/// server's name that the client has asked for is in [`WebSocket::tls`] afterwards.
///
/// ```no_run
/// use std::net::TcpListener;
///
/// use farewell::handshake::Origins;
/// use farewell::tls::TlsServer;
/// use farewell::{Acceptor, blocking};
///
/// // One of each for all connections.
/// let acceptor = Acceptor::new(Origins::SameHost);
/// let tls = TlsServer::from_pem(std::fs::read("chain.pem")?, std::fs::read("key.pem")?)?;
/// let (stream, _) = TcpListener::bind("127.0.0.1:9001")?.accept()?;
/// let socket = blocking::accept_tls(stream, &acceptor, &tls)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`accept`]; and [`AcceptError::Tls`] if there can be no TLS with these settings.
#[cfg(feature = "rustls")]
pub fn accept_tls<S: Transport>(
    stream: S,
    acceptor: &Acceptor,
    tls: &TlsServer,
) -> Result<WebSocket<S>, AcceptError> {
    let (config, requests) = (acceptor.shared_config(), acceptor.requests());
    let decide = |request: &Request| acceptor.decide(request);
    accept_over(stream, Some(tls.layer()?), config, requests, decide)
}

/// As [`accept_with`], but over TLS that is spoken here.
///
/// # Errors
///
/// As [`accept_with`]; and [`AcceptError::Tls`] if there can be no TLS with these settings.
#[cfg(feature = "rustls")]
pub fn accept_tls_with<S: Transport>(
    stream: S,
    config: impl Into<Arc<Config>>,
    tls: &TlsServer,
    decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    accept_over(stream, Some(tls.layer()?), config.into(), Requests::PlainToo, decide)
}

fn accept_over<S: Transport>(
    stream: S,
    layer: Layer,
    config: Arc<Config>,
    requests: Requests,
    decide: impl FnOnce(&Request) -> Result<Accept, Rejection>,
) -> Result<WebSocket<S>, AcceptError> {
    let clock = Clock::new();
    let session = opening::server(config, requests, Timestamp::ZERO)?;
    let driver = opening::driver(session, layer, Timestamp::ZERO);
    let mut turn = Turn { access: Own::new(stream, driver)?, clock };
    let (mut opening, mut decide) = (Opening::default(), Some(decide));
    let mut event = turn.next_event();
    loop {
        if opening.accept(event)? {
            // There is one request, and so one decision.
            let (Some(request), Some(decide)) = (opening.request(), decide.take()) else { break };
            let began = clock.now();
            let decision = decide(request);
            if let Some(end) = turn.event_since(began) {
                event = end;
                continue;
            }
            let session = turn.access.driver.session_mut();
            if opening.respond(decision, session, clock.now()) {
                break;
            }
        }
        event = turn.next_event();
    }
    // The client may wait for the response before it sends anything. The session knows of a
    // failure.
    let _ = turn.flush();
    opening::accepted(&turn.access.driver)?;
    Ok(WebSocket::new(turn, opening))
}

fn open<S: Transport>(
    stream: S,
    layer: Layer,
    request: &ClientRequest,
    config: Arc<Config>,
    dialled: Option<Dialled>,
    clock: Clock,
    began: Timestamp,
) -> Result<WebSocket<S>, ConnectError> {
    let driver = opening::client(request, layer, config, dialled, began, clock.now())?;
    let mut turn = Turn { access: Own::new(stream, driver)?, clock };
    let mut opening = Opening::default();
    while !opening.connect(turn.next_event())? {}
    Ok(WebSocket::new(turn, opening))
}
