//! The last few connections to one peer, in a fixed size.

use core::time::Duration;

use crate::report::{Cause, Initiator, Phase, Termination};

/// How many connections are remembered.
const REMEMBERED: usize = 4;

/// What is remembered of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PastConnection {
    /// From its beginning to its end, or to the peer's Close where that began it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub lifetime: Duration,
    /// For how long no byte had gone either way then.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub idle: Duration,
    /// For how long no message had gone either way then.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::seconds"))]
    pub no_message: Duration,
    /// How it ended.
    pub cause: Cause,
    /// Whether it ended cleanly.
    pub clean: bool,
    /// Who began the ending.
    pub initiator: Initiator,
}

impl PastConnection {
    fn of(report: &Termination) -> Self {
        let evidence = &report.evidence;
        let end = evidence.end(report.initiator);
        let sent = evidence.last_sent.map(|sent| sent.queued);
        let message = evidence.last_data.max(sent).unwrap_or(evidence.opened);
        Self {
            lifetime: end.since(evidence.opened),
            idle: evidence.quiet_before(report.initiator),
            no_message: end.since(message),
            cause: report.cause,
            clean: report.clean,
            initiator: report.initiator,
        }
    }

    /// Whether the peer or something on the way ended it, with a Close or without.
    pub(super) fn was_cut(&self) -> bool {
        match self.cause {
            Cause::Eof { .. } | Cause::Transport { .. } => self.initiator != Initiator::Local,
            Cause::ClosingHandshake | Cause::CloseTimeout | Cause::Aborted => {
                self.initiator == Initiator::Peer
            }
            Cause::PongTimeout { .. }
            | Cause::IdleTimeout { .. }
            | Cause::MessageTimeout { .. }
            | Cause::WriteStalled { .. }
            | Cause::HandshakeTimeout
            | Cause::HandshakeRejected { .. }
            | Cause::PlainRequest { .. }
            | Cause::HandshakeInvalid(_)
            | Cause::Violation { .. }
            | Cause::TooBig { .. } => false,
        }
    }
}

/// The last four connections to the same peer: equal lifetimes in it give a proxy away.
///
/// Record each ending after its diagnosis; copying and recording are cheap. Connections that never
/// opened are not recorded: their lifetime says nothing.
///
/// ```
/// use farewell::diagnosis::{Diagnoser, History};
/// # use farewell::{Config, Connection, Event, Role, Seed, Timestamp};
/// # let mut connection =
/// #     Connection::new(Role::Client, Config::default(), Seed::new([1; 32]), Timestamp::ZERO);
/// # connection.abort(Timestamp::ZERO);
/// # let Some(Event::Ended(report)) = connection.poll_event(&mut &mut [][..], Timestamp::ZERO)
/// # else { panic!() };
///
/// let mut history = History::new();
/// // At the end of every connection to this peer:
/// let diagnosis = Diagnoser::new().history(&history).diagnose(&report);
/// history.record(&report);
/// assert_eq!(history.len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// The latest first.
    past: [Option<PastConnection>; REMEMBERED],
}

impl History {
    /// A history without any connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { past: [None; REMEMBERED] }
    }

    /// Remembers an ending; the oldest of four makes room.
    pub fn record(&mut self, report: &Termination) {
        if report.evidence.phase == Phase::Opening {
            return;
        }
        self.past.rotate_right(1);
        self.past[0] = Some(PastConnection::of(report));
    }

    /// What is remembered, the latest first.
    pub fn iter(&self) -> impl Iterator<Item = &PastConnection> {
        self.past.iter().flatten()
    }

    /// How many connections are remembered, at most four.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
