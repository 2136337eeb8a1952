//! A sans-IO WebSocket protocol (RFC 6455, RFC 7692) that always knows how the connection ended.
//!
//! Bytes, time and entropy come in; bytes, events and deadlines come out. The core touches no
//! socket, no clock and no random source. Every connection gives exactly one report of its ending,
//! a [`Termination`]: the close code, whether it was clean, who began it, both Close frames, what
//! happened, and the evidence. [`Termination::diagnosis`] says why it probably happened, and what
//! to do about it: see [`diagnosis`]. The [`guide`] has a page for each task, from connecting through a
//! proxy to shutting a server down; who came here because of a 1006 finds every cause of it, and what
//! to change, in [`guide::unclean`].
//!
//! # Where to begin
//!
//! | You have | Take |
//! |---|---|
//! | threads, and a `TcpStream` or any other stream | [`blocking`] |
//! | tokio | `aio`, with feature `tokio` |
//! | a server of hyper's or axum's | `aio::upgrade` and `aio::WebSocketUpgrade`, with features `hyper` and `axum` |
//! | HTTP that somebody else speaks, HTTP/2 for example | `Request::from_http` and `HttpHandshake` in [`handshake`], with feature `http` |
//! | a way to go: through a proxy, to given addresses, over redirections | [`ConnectOptions`], with [`dial`] below it |
//! | a socket of your own kind: smol, mio, io_uring, embassy | [`Driver`](driver::Driver), which says what to do next: [the loop](#the-canonical-loop) |
//! | no socket at all (a test, a simulation, a tunnel), and want whole messages | [`Session`] |
//! | buffers of your own, and want each piece of a message where it was read | [`Connection`], after the opening handshake of [`handshake`] |
//! | a client that has to come back after every ending | [`blocking::Reconnecting`] or `aio::Reconnecting`; [`reconnect`] in a runtime of your own |
//!
//! # A whole life
//!
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::TcpListener;
//! use std::thread;
//!
//! use farewell::handshake::Origins;
//! use farewell::{Acceptor, CloseCode, Incoming, blocking};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let url = format!("ws://{}/", listener.local_addr()?);
//!
//! let server = thread::spawn(move || {
//!     let (stream, _) = listener.accept().expect("a client connects");
//!     let mut socket = blocking::accept(stream, &Acceptor::new(Origins::Any))
//!         .expect("it asks for a WebSocket connection");
//!     loop {
//!         match socket.next() {
//!             Incoming::Message(message) => drop(socket.send(message)),
//!             Incoming::Ended(report) => return report,
//!         }
//!     }
//! });
//!
//! let mut socket = blocking::connect(&url)?;
//! socket.send("hello")?;
//! let Incoming::Message(echo) = socket.next() else { panic!("the server echoes") };
//! assert_eq!(echo.as_text(), Some("hello"));
//! let ours = socket.close(CloseCode::NORMAL);
//! let theirs = server.join().expect("the server does not panic");
//!
//! assert!(ours.clean && theirs.clean);
//! assert!(ours.to_string().starts_with("clean (1000): we closed"));
//! assert!(theirs.to_string().starts_with("clean (1000): the peer closed"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! # The contract
//!
//! It holds for [`Connection`] and for [`Session`]. A [`Driver`](driver::Driver) keeps it for you,
//! and so do the adapters, which only execute what it says.
//!
//! - After any call that takes `now` or bytes: take the events out until there is none, then the
//!   output, then wait until the deadline of `poll_timeout` at the latest.
//! - `handle_timeout` lets every deadline that has passed take effect: its timer fires, or moves.
//!   Where none has passed, it only tells the time. Before it, at the deadline, read once more: a
//!   peer that looks dead may only be unread. A deadline that is handled late still takes effect,
//!   and the report says how late: [`Evidence::timer_lateness`].
//! - Calls that nothing asked for do no harm. No call panics, whatever the order, the bytes or the
//!   time. The latest time told counts: one that runs backwards is taken for it.
//! - How the input is cut never matters: any split gives the same events and the same output. (A
//!   [`Connection`] answers the latest Ping of those that came since it was last asked for output:
//!   ask it after each event where that matters.)
//! - The end comes exactly once, as the last event, no later than the close timeout and the linger
//!   timeout after it began. A clean close is not an error; an end of stream is not a `None`.
//!
//! ## The canonical loop
//!
//! [`Driver::next`](driver::Driver::next) says what to do, one step at a time, and is told what came
//! of it before it is asked again:
//!
//! 1. An event: the application's turn. The last one is the end.
//! 2. Write some of the output.
//! 3. Flush, where the stream has a buffer of its own.
//! 4. Try to read, into the driver's memory or into yours.
//! 5. Shut down our side of the stream, or both.
//! 6. Wait, until the stream is ready or the deadline has come. If it has, say so instead.
//!
//! This is all of it, for a socket that does not block; paste it, and wait in step 6 as your runtime
//! does:
//!
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::io::{Read, Write};
//! # use std::net::{TcpListener, TcpStream};
//! # use std::thread;
//! # use farewell::handshake::{Accept, ClientRequest, Origins};
//! # use farewell::{CloseCode, Config, Seed};
//! use farewell::driver::{Driver, Step, Want};
//! use farewell::{Clock, Session, SessionEvent, Termination};
//!
//! fn drive(
//!     mut stream: TcpStream,
//!     mut driver: Driver,
//!     clock: Clock,
//!     mut application: impl FnMut(SessionEvent<'static>, &mut Session),
//! ) -> Box<Termination> {
//!     let mut memory = vec![0; 64 * 1024];
//!     loop {
//!         match driver.next(Want::Event) {
//!             Step::Event(SessionEvent::Ended(report)) => return report,
//!             Step::Event(event) => application(event, driver.session_mut()),
//!             Step::Write => driver.write_with(|slices| stream.write_vectored(slices), || clock.now()),
//!             Step::Flush => driver.flush_with(|| stream.flush(), || clock.now()),
//!             Step::Read => driver.read_with(&mut memory, |part| stream.read(part), || clock.now()),
//!             // The peer's side decides, whatever comes of this.
//!             Step::ShutDown(how) => drop(stream.shutdown(how.into())),
//!             Step::Wait(wait) => {
//!                 let now = clock.now();
//!                 if wait.is_over(now) {
//!                     driver.handle_timeout(now);
//!                 } else {
//!                     // Wait here: for `wait.read`, `wait.write` or `wait.until`.
//!                     # thread::yield_now();
//!                     driver.handle_ready();
//!                 }
//!             }
//!             // What another `Want` asks for, before or after a message is sent.
//!             Step::Done => {}
//!         }
//!     }
//! }
//! #
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let request = ClientRequest::new(&format!("ws://{}/", listener.local_addr()?))?;
//! # let (seed, server_seed) = (Seed::from_os()?, Seed::from_os()?);
//! # let clock = Clock::new();
//! # let server = thread::spawn(move || {
//! #     let (stream, _) = listener.accept().expect("a client connects");
//! #     stream.set_nonblocking(true).expect("it is a socket");
//! #     let session = Session::server(Config::default(), server_seed, clock.now());
//! #     let driver = Driver::new(session, clock.now());
//! #     drive(stream, driver, clock, |event, session| match event {
//! #         SessionEvent::Request(_) => {
//! #             session.accept(Accept::new(Origins::Any), clock.now()).expect("it was asked for");
//! #         }
//! #         SessionEvent::Message(message) => drop(session.send(message, clock.now())),
//! #         _ => {}
//! #     })
//! # });
//! # let stream = TcpStream::connect((request.host(), request.port()))?;
//! # stream.set_nonblocking(true)?;
//! # let session = Session::client(&request, Config::default(), seed, clock.now());
//! # let driver = Driver::new(session, clock.now());
//! # let report = drive(stream, driver, clock, |event, session| match event {
//! #     SessionEvent::Open(_) => session.send("hello", clock.now()).expect("it is open"),
//! #     SessionEvent::Message(message) => {
//! #         assert_eq!(message.as_text(), Some("hello"));
//! #         session.close(CloseCode::NORMAL, clock.now()).expect("it is open");
//! #     }
//! #     _ => {}
//! # });
//! # assert!(report.clean && server.join().expect("no panic").clean);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! [`Driver`](driver::Driver) has a whole program without sockets, and what to tell it where `std`
//! is missing. `examples/smol.rs` waits in an asynchronous runtime, `examples/epoll` in one for any
//! number of connections.
//!
//! # Phases
//!
//! ```text
//!                 we close              the peer's Close comes,
//!          Open ───────────▶ CloseSent ── ours is written ──────┐
//!           │ │                  │                              ▼
//!           │ │ the peer's       │ ours is not      both     Lingering ──▶ Ended
//!           │ │ Close comes      ▼ yet written     passed       ▲        end of stream,
//!           │ └────────────▶ CloseReceived ─────────────────────┤        or its deadline
//!           │                                                   │
//!           └── the peer breaks a rule or a limit: our Close ───┘
//!
//!   From each of them: the stream ends or fails, the peer is given up, or `abort`  ──▶ Ended
//! ```
//!
//! The drawing has the usual ways; the table has all, and is tested against the code:
//!
//! | From | What happens | To |
//! |---|---|---|
//! | `Open` | we close, or the idle timeout does | `CloseSent` |
//! | `Open`, `CloseSent` | the peer's Close comes, ours is not yet written | `CloseReceived` |
//! | `Open`, `CloseSent`, `CloseReceived` | the peer's Close has come, ours is written or never can be | `Lingering` |
//! | `Open`, `CloseSent` | the peer breaks a rule or a limit | `Lingering` |
//! | `CloseSent` | the close deadline passes, our Close is written | `Lingering` |
//! | `Open` | nothing comes after a Ping, or the output stalls | `Ended` |
//! | `Lingering` | the linger deadline passes, or too much comes | `Ended` |
//! | `Open`, `CloseSent`, `CloseReceived`, `Lingering` | the close deadline passes otherwise | `Ended` |
//! | `Open`, `CloseSent`, `CloseReceived`, `Lingering` | the stream ends or fails, nothing of ours can still leave | `Ended` |
//! | `Open`, `CloseSent`, `CloseReceived`, `Lingering` | `abort` | `Ended` |
//!
//! Where the peer has only ended its side of the stream, a Close of ours that is queued still gets
//! its chance. Where only writing has failed, the connection stays in its phase, with the close
//! timeout to read what the peer has sent.
//!
//! While a connection lingers, its transport is shut down for writing and read to its end: closing
//! it at once would let a reset destroy our Close on its way.
//!
//! # Monitoring
//!
//! While a connection lives, [`Session::stats`] and [`Connection::stats`] say what it has done, in
//! numbers, with high-water marks: `examples/metrics` makes a Prometheus page of them. How it ended
//! is a [`Cause`], whose [`name`](Cause::name) is fit for a label. With feature `tracing`, every
//! connection has a span, and its ending is an event there.
//!
//! # Features
//!
//! - `std` (default): [`Clock`], [`Seed::from_os`], [`blocking`], run-time choice of SIMD.
//! - `http`: the opening handshake in the types of the `http` crate, for HTTP that somebody else
//!   speaks: `Request::from_http`, `Accept::to_http`, and for clients `HttpHandshake`, in
//!   [`handshake`].
//! - `tokio`: the tokio adapter.
//! - `hyper`: `aio::upgrade` makes a WebSocket of a request that hyper serves, over HTTP/1.1 and
//!   HTTP/2 (RFC 8441).
//! - `axum`: `aio::WebSocketUpgrade`, an extractor on the same.
//! - `deflate`: permessage-deflate, compression of messages (RFC 7692). Off until
//!   `Config::compression` asks for it. It needs `std`, and no C compiler.
//! - `wss`: all that `wss://` URLs need; it is `rustls` with `rustls-ring` and
//!   `rustls-platform-verifier`. `rustls` alone chooses neither a crypto provider nor roots, and
//!   `rustls-aws-lc-rs` and `rustls-webpki-roots` are others of each. See the module `tls`.
//! - `testkit`: a simulated network and streams with faults, to rehearse every ending.
//! - `serde`: reports and diagnoses can be serialised; see [`diagnosis::Report`].
//! - `tracing`: a span for each connection, and an event in it for its ending, of target
//!   `farewell`. The event is a warning where the end was not clean; its fields are `role`,
//!   `cause`, `code`, `clean`, `initiator`, `received_bytes`, `sent_bytes` and `dropped_bytes`. A
//!   connection that is dropped without an end says that it was dropped. Nothing is recorded for a
//!   message. Works without `std`.
//!
//! Without `std` the crate is `no_std` with `alloc`. Where the target can only load and store atomically, as
//! an RP2040 (`thumbv6m-none-eabi`), the program has to choose how portable-atomic makes the rest, for example
//! with its feature `critical-section`.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod adapter;
mod config;
mod connection;
mod deflate;
pub mod diagnosis;
pub mod dial;
pub mod driver;
pub mod guide;
pub mod handshake;
pub mod reconnect;
mod report;
mod session;
mod sync;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
#[cfg(feature = "rustls")]
pub mod tls;
mod wire;

#[cfg(feature = "tokio")]
pub use adapter::aio;
#[cfg(feature = "std")]
pub use adapter::{
    AcceptError, Acceptor, ConnectError, ConnectOptions, Disconnected, Drained, Incoming,
    IncomingChunk, IncomingEvent, Messages, PingError, ReconnectEvent, Ticket, blocking,
};
pub use config::{Config, Heartbeat, Limits, Timeouts};
pub use connection::{Connection, Event, FrameHead, SendError};
#[cfg(feature = "deflate")]
pub use deflate::{Compression, WindowBits};
pub use report::{
    Cause, CloseReceived, Direction, ErrorMessage, Evidence, FirstBytes, Gap, HighWater, Initiator,
    LocalClose, OpeningFailure, PeerPings, Phase, Pings, Position, ReadClosed, Rtt, SentMessage,
    Stats, StreamEnd, Termination, TlsAlert, TlsCertificate, TlsError, TlsFacts, TlsVersion,
    Traffic, TransportError, TransportFailure, Undelivered,
};
pub use session::{
    MessageChunk, Opened, Outgoing, Output, Prepared, RespondError, SendRefused, Session,
    SessionEvent, Unsent,
};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::{Timer, Timestamp};
pub use wire::close::{CloseCode, CloseFrame, CloseFrameError, InvalidCloseCode};
pub use wire::data::{Chunk, Data, MessageKind};
pub use wire::frame::{FrameHeader, FrameHeaderError, OpCode};
pub use wire::keystream::Seed;
#[cfg(feature = "std")]
pub use wire::keystream::SeedError;
pub use wire::mask::{MaskingKey, apply as apply_mask, apply_at as apply_mask_at};
pub use wire::message::{Message, NotUtf8, Payload, Text};
pub use wire::role::Role;
pub use wire::utf8::{IncompleteUtf8, InvalidUtf8, Utf8Validator};
pub use wire::violation::Violation;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
