//! A sans-IO WebSocket protocol that always knows how the connection ended.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod adapter;
mod close;
mod config;
mod connection;
mod event;
mod frame;
pub mod handshake;
mod keystream;
mod mask;
mod message;
mod session;
mod termination;
mod time;
mod timer;
mod utf8;
mod violation;

#[cfg(feature = "tokio")]
pub use adapter::tokio;
#[cfg(feature = "std")]
pub use adapter::{AcceptError, Acceptor, ConnectError, Incoming, blocking};
pub use close::{CloseCode, CloseFrame, CloseFrameError, InvalidCloseCode};
pub use config::{Config, Heartbeat, Limits, Timeouts};
pub use connection::{Connection, FrameHead};
pub use event::{
    Chunk, Data, Event, MessageKind, Phase, ReadClosed, Role, SendError, TransportError,
};
pub use frame::{FrameHeader, FrameHeaderError, OpCode};
pub use keystream::Seed;
#[cfg(feature = "std")]
pub use keystream::SeedError;
pub use mask::{MaskingKey, apply as apply_mask, apply_at as apply_mask_at};
pub use message::{Message, NotUtf8, Payload, Text};
pub use session::{AnswerError, Opened, Output, Prepared, SendRefused, Session, SessionEvent};
pub use termination::{
    Backlog, Cause, Evidence, Initiator, LocalClose, Pings, Position, Rtt, Side, StreamEnd,
    Termination, Traffic,
};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Timestamp;
pub use timer::Timer;
pub use utf8::{IncompleteUtf8, InvalidUtf8, Utf8Validator};
pub use violation::Violation;
