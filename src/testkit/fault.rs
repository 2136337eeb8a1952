//! What goes wrong, where, and when: plain descriptions that do nothing by themselves.
#![deny(clippy::wildcard_enum_match_arm)]

use alloc::vec::Vec;
use core::time::Duration;

use crate::report::TransportError;
use crate::wire::frame::OpCode;
use crate::wire::role::Role;

/// The faults of one connection.
///
/// The same value serves a simulated [`Network`](super::Network) and the streams that inject faults
/// into real sockets, [`FaultyStream`](super::FaultyStream) and, with feature `tokio`,
/// `AsyncFaultyStream`.
///
/// Directions are named after the endpoint that they lead to. For the client, what goes
/// [`to_client`](Self::to_client) is what it reads and what goes [`to_server`](Self::to_server) is
/// what it writes.
///
/// ```
/// use std::time::Duration;
/// use farewell::Role;
/// use farewell::testkit::{At, Effect, Faults, Proxy};
///
/// // A server that crashes in the middle of its 300th byte's frame:
/// let crash = Faults::none().to_client(At::Byte(300), Effect::Eof);
/// // A cable that is pulled out after ten seconds, which nobody is told:
/// let cable = Faults::none().both(At::Time(Duration::from_secs(10)), Effect::Vanish);
/// // A laptop that is shut for an hour behind a proxy that gives up on it after a minute:
/// let laptop = Faults::none()
///     .suspend(Role::Client, Duration::from_secs(10), Duration::from_secs(3600))
///     .proxy(Proxy::idle(Duration::from_secs(60)));
/// # let _ = (crash, cable, laptop);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    pub(super) list: Vec<Fault>,
    pub(super) proxies: Vec<Proxy>,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Something goes wrong with what goes to the client.
    #[must_use]
    pub fn to_client(self, at: At, effect: Effect) -> Self {
        self.towards(Role::Client, at, effect)
    }

    /// Something goes wrong with what goes to the server.
    #[must_use]
    pub fn to_server(self, at: At, effect: Effect) -> Self {
        self.towards(Role::Server, at, effect)
    }

    /// Something goes wrong with what goes to this endpoint.
    #[must_use]
    pub fn towards(mut self, endpoint: Role, at: At, effect: Effect) -> Self {
        self.list.push(Fault { to: endpoint, at, effect });
        self
    }

    /// The same goes wrong in both directions, in each where [`At`] says.
    #[must_use]
    pub fn both(self, at: At, effect: Effect) -> Self {
        self.to_client(at, effect).to_server(at, effect)
    }

    /// There is a proxy between the endpoints.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies.push(proxy);
        self
    }

    /// The process of one endpoint does not run for `span`, from `at` after the beginning on:
    /// [`Effect::Suspend`] at [`At::Time`].
    #[must_use]
    pub fn suspend(self, endpoint: Role, at: Duration, span: Duration) -> Self {
        self.towards(endpoint, At::Time(at), Effect::Suspend(span))
    }
}

/// Something that goes wrong with what goes to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) to: Role,
    pub(super) at: At,
    pub(super) effect: Effect,
}

/// Where or when a fault happens, in the direction that it is put into.
///
/// Places count what the sender wrote, whether or not it arrived. A place that is never reached is
/// a fault that does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// Behind so many bytes, the opening handshake's included. Zero is the beginning.
    Byte(u64),
    /// Behind so many bytes of a frame.
    Frame {
        /// The frame, counted from zero. Behind no byte of frame 0 is right behind the opening
        /// handshake.
        index: u64,
        /// Bytes of it, its header included.
        byte: u64,
    },
    /// Behind so many bytes of the first Close frame; with zero, right before it.
    Close {
        /// Bytes of it, its header included.
        byte: u64,
    },
    /// Behind the whole Close frame.
    AfterClose,
    /// So long after the beginning.
    Time(Duration),
    /// At the `n`-th call, counted from one: for [`Effect::WriteFails`], [`Effect::FlushFails`] and
    /// [`Effect::ShutdownFails`] at the call that is to fail, for any other at the reader's `n`-th
    /// read.
    Call(u64),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// What is sent vanishes, the end of the stream included, and nobody is told: in one direction
    /// a half-open connection, in both a pulled cable. Once 64 KiB are on their way the writer is
    /// blocked, as no acknowledgement comes.
    Vanish,
    /// The reader's stream ends. What is written later vanishes.
    Eof,
    /// The connection is reset, for both endpoints.
    ///
    /// A stream cannot reset what lies below it: there only its own endpoint sees a reset.
    Reset,
    /// The reader's next read fails, and every one behind it. The writer is not told.
    ReadFails(TransportError),
    /// The writer's writes fail from now on.
    WriteFails(TransportError),
    /// The writer's flushes fail from now on. In a simulated network there are none.
    FlushFails(TransportError),
    /// The writer's attempt to end its stream fails, and the reader's stream does not end.
    ShutdownFails(TransportError),
    /// Nobody takes what is sent any more: the writer is blocked as soon as the buffers on the way
    /// are full. In a stream that is at once.
    Stall,
    /// Nothing gets through for so long, and then all of it: an outage that TCP survives.
    Hold(Duration),
    /// The reader's process does not run for so long: a laptop that is shut, a machine that swaps.
    /// It reads nothing, writes nothing and handles no deadline, and when it goes on, its clock has
    /// jumped.
    ///
    /// In a stream, the thread that uses it next sleeps meanwhile; a tokio clock that a test has
    /// stopped does not notice that.
    Suspend(Duration),
    /// Frames of this kind vanish: a Pong that is lost, a Close that is.
    Lose(OpCode),
    /// The next byte is changed by exclusive or with this one.
    Flip(u8),
    /// From now on no read and no write is of more than so many bytes, at least one.
    Pieces(usize),
}

/// A call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Read,
    Write,
    Flush,
    Shutdown,
}

/// With whom an effect lies.
enum Place {
    /// With the writer: this call of its fails.
    Writer(Call),
    /// With the reader's process.
    Reader,
    /// On the way from one to the other.
    Way,
}

impl Effect {
    fn place(&self) -> Place {
        match self {
            Self::WriteFails(_) => Place::Writer(Call::Write),
            Self::FlushFails(_) => Place::Writer(Call::Flush),
            Self::ShutdownFails(_) => Place::Writer(Call::Shutdown),
            Self::Suspend(_) => Place::Reader,
            Self::Vanish
            | Self::Eof
            | Self::Reset
            | Self::ReadFails(_)
            | Self::Stall
            | Self::Hold(_)
            | Self::Lose(_)
            | Self::Flip(_)
            | Self::Pieces(_) => Place::Way,
        }
    }

    /// Whether it lies with the writer's own calls.
    pub(super) fn is_writers(&self) -> bool {
        matches!(self.place(), Place::Writer(_))
    }

    /// Whether it concerns the reader's process alone.
    pub(super) fn is_readers(&self) -> bool {
        matches!(self.place(), Place::Reader)
    }

    /// The call at which it happens, where it is put at one.
    pub(super) fn call(&self) -> Call {
        match self.place() {
            Place::Writer(call) => call,
            Place::Reader | Place::Way => Call::Read,
        }
    }

    /// How the very read fails at which it happens.
    pub(super) fn read_failure(&self) -> Option<TransportError> {
        match self {
            Self::ReadFails(kind) => Some(*kind),
            Self::Reset | Self::Eof => Some(TransportError::Reset),
            Self::Vanish
            | Self::WriteFails(_)
            | Self::FlushFails(_)
            | Self::ShutdownFails(_)
            | Self::Stall
            | Self::Hold(_)
            | Self::Suspend(_)
            | Self::Lose(_)
            | Self::Flip(_)
            | Self::Pieces(_) => None,
        }
    }
}

impl At {
    /// How long after the beginning, where it is a time.
    pub(super) fn time(&self) -> Option<Duration> {
        match self {
            Self::Time(after) => Some(*after),
            Self::Byte(_)
            | Self::Frame { .. }
            | Self::Close { .. }
            | Self::AfterClose
            | Self::Call(_) => None,
        }
    }
}

/// A proxy between the endpoints, which ends connections by its own rules.
///
/// It sees the traffic that passes it and nothing else: a Ping counts as traffic, and what is still
/// on its way to it does not. In a stream it sees what the stream reads and writes.
///
/// ```
/// use std::time::Duration;
/// use farewell::testkit::{Cut, Proxy};
///
/// let nginx = Proxy::idle(Duration::from_secs(60));
/// let cloud = Proxy::idle(Duration::from_secs(240)).cut(Cut::Silence);
/// let gateway = Proxy::idle(Duration::from_secs(600)).lifetime(Duration::from_secs(7200));
/// # let _ = (nginx, cloud, gateway);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(super) idle: Option<Duration>,
    pub(super) lifetime: Option<Duration>,
    /// The direction that it watches for traffic, where it does not watch both.
    pub(super) watches: Option<Role>,
    pub(super) cut: Cut,
}

impl Proxy {
    /// A proxy that ends a connection on which nothing passes for so long.
    #[must_use]
    pub fn idle(span: Duration) -> Self {
        Self { idle: Some(span), lifetime: None, watches: None, cut: Cut::Fin }
    }

    /// A proxy that lets no connection live longer than this.
    #[must_use]
    pub fn max_lifetime(span: Duration) -> Self {
        Self { idle: None, lifetime: Some(span), watches: None, cut: Cut::Fin }
    }

    /// The same that also lets no connection live longer than this.
    #[must_use]
    pub fn lifetime(self, span: Duration) -> Self {
        Self { lifetime: Some(span), ..self }
    }

    /// The same that only counts what goes to this endpoint as traffic.
    #[must_use]
    pub fn watching(self, endpoint: Role) -> Self {
        Self { watches: Some(endpoint), ..self }
    }

    /// The same that ends connections in this way; [`Cut::Fin`] unless said otherwise.
    #[must_use]
    pub fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }
}

/// How a proxy ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// Both endpoints see the end of the stream; what they send later is answered with a reset.
    Fin,
    /// Both endpoints see a reset.
    Reset,
    /// Nobody is told: it forgets the connection, and what is sent vanishes.
    Silence,
}
