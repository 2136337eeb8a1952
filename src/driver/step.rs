//! What a driver is asked for, and what it says.

use crate::session::SessionEvent;
use crate::time::Timestamp;

/// What [`Driver::next`](super::Driver::next) is asked to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Something for the application: a [`Step::Event`]. The last one is the end.
    Event,
    /// Everything that is queued is with the transport, or never will be.
    Flushed,
    /// The session takes another message, or never will. Where it keeps what is
    /// [unconfirmed](crate::Session::keep_unconfirmed), that may be once a Pong has come; it is not
    /// waited for where it cannot be read: the peer's stream has ended, or too much waits to be handed
    /// out.
    Room,
    /// The session takes a part of a message or a Ping, which nobody keeps, or never will.
    RoomForPart,
    /// The Pong for [`Driver::ping`](super::Driver::ping) has come, or cannot be waited for any
    /// longer: the peer's stream has ended, or too much waits to be handed out for more to be read.
    Answered,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// This has happened. [`SessionEvent::Ended`] is the last event, and is given again and again.
    Event(SessionEvent<'static>),
    /// What another [`Want`] than [`Want::Event`] asked for is so.
    Done,
    /// Some of the output is to be written.
    Write,
    /// A buffer below, if there is one, is to be flushed.
    Flush,
    /// The stream is to be shut down. Each is said once; a failure changes nothing.
    ShutDown(Shutdown),
    /// A read is to be tried.
    Read,
    /// There is nothing to do before time has passed or the stream is ready.
    Wait(Wait),
}

/// What a flush does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flushing {
    Write,
    /// Then there is nothing left to do.
    Flush,
    /// There is nothing left to do.
    Done,
}

/// How much of a stream is to be shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Our side: TCP's FIN. Reading goes on.
    Write,
    /// Both: the connection is over. Dropping the stream does as well.
    Both,
}

#[cfg(feature = "std")]
impl From<Shutdown> for std::net::Shutdown {
    fn from(shutdown: Shutdown) -> Self {
        match shutdown {
            Shutdown::Write => Self::Write,
            Shutdown::Both => Self::Both,
        }
    }
}

/// What to wait for: whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Something can be read.
    pub read: bool,
    /// Something can be written.
    pub write: bool,
    /// This time has come.
    pub until: Option<Timestamp>,
}

impl Wait {
    /// Whether the time has come.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
