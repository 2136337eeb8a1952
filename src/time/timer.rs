//! The deadlines of a connection, in one table indexed by [`Timer`].

use crate::time::Timestamp;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The opening handshake has to be over.
    Handshake,
    /// One direction has carried nothing for the heartbeat's interval: a Ping is due.
    Ping,
    /// Nothing has arrived since a Ping left: the peer is given up.
    Pong,
    /// Nothing has arrived for the idle timeout: the connection is closed.
    Idle,
    /// Output is pending and the transport accepts none of it: the peer is given up.
    WriteStall,
    /// The closing handshake has to be over.
    Close,
    /// The transport is given up, whether the peer has ended its stream or not.
    Linger,
}

impl Timer {
    const ALL: [Self; 7] = [
        Self::Handshake,
        Self::Ping,
        Self::Pong,
        Self::Idle,
        Self::WriteStall,
        Self::Close,
        Self::Linger,
    ];
}

/// A deadline for each [`Timer`] that is armed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines([Option<Timestamp>; Timer::ALL.len()]);

impl Deadlines {
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.0[timer as usize] = Some(at);
    }

    /// The earliest deadline and what it is for.
    pub(crate) fn next(&self) -> Option<(Timestamp, Timer)> {
        let armed = Timer::ALL.iter().zip(&self.0);
        armed.filter_map(|(timer, at)| at.map(|at| (at, *timer))).min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_comes_first() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        deadlines.set(Timer::Linger, Timestamp::from_nanos(7));
        deadlines.set(Timer::Ping, Timestamp::from_nanos(3));
        assert_eq!(deadlines.next(), Some((Timestamp::from_nanos(3), Timer::Ping)));
        for (index, timer) in Timer::ALL.iter().enumerate() {
            assert_eq!(*timer as usize, index);
        }
    }
}
