//! What can be seen of a session, and what it wants to be done.

use super::{Output, Session, Stage};
use crate::config::Config;
use crate::handshake::Negotiated;
use crate::report::Phase;
use crate::report::{Evidence, LocalClose};
use crate::report::{HighWater, Stats};
use crate::time::Timer;
use crate::time::Timestamp;
use crate::wire::close::CloseFrame;
use crate::wire::role::Role;

impl Session {
    /// What there is to be written to the transport, as a [`Buf`](bytes::Buf).
    ///
    /// Write as much of it as the transport takes, report that with
    /// [`handle_flushed`](Self::handle_flushed), and ask again: there may be more.
    pub fn output(&mut self) -> Output<'_> {
        let over = self.write_failed || self.phase() == Phase::Ended;
        if let (Stage::Open(connection), false) = (&mut self.stage, over) {
            self.outgoing.fill(connection, &self.config);
        }
        let output = self.outgoing.queue.output();
        if over { output.end() } else { output }
    }

    /// Whether there is anything to be written to the transport.
    pub fn has_output(&mut self) -> bool {
        bytes::Buf::has_remaining(&self.output())
    }

    /// Bytes that are queued and that the transport has not accepted, framed or not.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.outgoing.pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// The next deadline, and what it is for.
    #[must_use]
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        match &self.stage {
            Stage::Opening(opening) => opening.next_timer(),
            Stage::Open(connection) => connection.next_timer(),
        }
    }

    /// Whether to shut down the writing side of the transport, once all output is written.
    ///
    /// Shut it down once, then go on reading until the peer's stream ends or the deadline comes,
    /// then close the transport. Closing without that can destroy our last words on their way, by
    /// a reset (RFC 6455 section 7.1.1).
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        match &self.stage {
            Stage::Opening(opening) => opening.is_refused() && !self.write_failed,
            Stage::Open(connection) => connection.wants_shutdown(),
        }
    }

    /// How far the session has got.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.stage {
            Stage::Open(connection) => connection.phase(),
            Stage::Opening(opening) if opening.is_over() => Phase::Ended,
            Stage::Opening(opening) if opening.is_refused() => Phase::Lingering,
            Stage::Opening(_) => Phase::Opening,
        }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        match &self.stage {
            Stage::Opening(opening) => opening.role(),
            Stage::Open(connection) => connection.role(),
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was agreed on in the opening handshake; nothing before its end.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The payload of the latest Ping, after [`SessionEvent::Ping`](crate::SessionEvent::Ping).
    #[must_use]
    pub fn ping_payload(&self) -> &[u8] {
        match &self.stage {
            Stage::Opening(_) => &[],
            Stage::Open(connection) => connection.ping_payload(),
        }
    }

    /// The payload of the latest Pong, right after
    /// [`SessionEvent::Pong`](crate::SessionEvent::Pong).
    #[must_use]
    pub fn pong_payload(&self) -> &[u8] {
        match &self.stage {
            Stage::Opening(_) => &[],
            Stage::Open(connection) => connection.pong_payload(),
        }
    }

    /// The peer's Close, where it has come.
    #[must_use]
    pub fn peer_close(&self) -> Option<&CloseFrame> {
        match &self.stage {
            Stage::Opening(_) => None,
            Stage::Open(connection) => connection.peer_close(),
        }
    }

    /// Our Close, where one was queued.
    #[must_use]
    pub fn local_close(&self) -> Option<&LocalClose> {
        match &self.stage {
            Stage::Opening(_) => None,
            Stage::Open(connection) => connection.local_close(),
        }
    }

    /// What was done so far, in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = match &self.stage {
            Stage::Opening(opening) => Stats::new(self.phase(), &opening.evidence()),
            Stage::Open(connection) => connection.stats(),
        };
        stats.pending_output += self.outgoing.unframed() as u64;
        stats.message_memory = self.assembly.memory() as u64;
        stats.high_water = HighWater {
            pending_output: self.pending_peak.max(stats.pending_output),
            message_memory: self.assembly.memory_peak() as u64,
        };
        stats
    }

    /// What was seen so far; `ended` is the time of the latest call.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        match &self.stage {
            Stage::Opening(opening) => opening.evidence(),
            Stage::Open(connection) => {
                let mut evidence = connection.evidence();
                evidence.pending_output += self.outgoing.unframed() as u64;
                evidence
            }
        }
    }
}
