//! A Ping of the application's own that is waited for: is the peer there, and how far away?

use alloc::boxed::Box;
use core::time::Duration;

use super::Driver;
use crate::connection::SendError;
use crate::time::Timestamp;

/// The latest Ping that is waited for, and its answer.
#[derive(Debug)]
pub(super) struct Check {
    payload: [u8; 8],
    asked: Timestamp,
    round_trip: Option<Duration>,
}

impl Driver {
    /// Queues a Ping whose Pong is waited for: with
    /// [`Want::Answered`](super::Want::Answered), or by asking for the
    /// [`round_trip`](Self::round_trip). A second one takes the place of the first.
    ///
    /// The heartbeat goes on beside it, and neither counts for the other.
    ///
    /// ```
    /// use core::time::Duration;
    /// use farewell::driver::{Driver, Step, Want};
    /// use farewell::handshake::Negotiated;
    /// use farewell::{Config, Role, Seed, Session, Timestamp};
    ///
    /// let (start, negotiated) = (Timestamp::ZERO, Negotiated::default());
    /// let seed = Seed::new([7; 32]); // `Seed::from_os` outside of examples
    /// let session = Session::upgraded(Role::Server, negotiated, Config::default(), seed, start);
    /// let mut driver = Driver::new(session, start);
    /// driver.ping(start)?;
    /// let mut ping = Vec::new();
    /// loop {
    ///     match driver.next(Want::Answered) {
    ///         Step::Write => {
    ///             driver.write_with(
    ///                 |slices| {
    ///                     ping.extend_from_slice(&slices[0]);
    ///                     Ok(slices[0].len())
    ///                 },
    ///                 || start,
    ///             );
    ///         }
    ///         Step::Flush => driver.handle_flushed(),
    ///         Step::Read => {
    ///             // A masked frame with the same payload.
    ///             let mut pong = [&[0x8a, 0x88, 0, 0, 0, 0], &ping[2..]].concat();
    ///             driver.handle_read(&mut pong, start + Duration::from_millis(30));
    ///         }
    ///         Step::Done => break,
    ///         other => panic!("{other:?}"),
    ///     }
    /// }
    /// assert_eq!(driver.round_trip(), Some(Duration::from_millis(30)));
    /// # Ok::<(), farewell::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Session::ping`](crate::Session::ping).
    pub fn ping(&mut self, now: Timestamp) -> Result<(), SendError> {
        self.tell(now);
        let payload = self.session_mut().check(now)?;
        self.check = Some(Box::new(Check { payload, asked: self.now, round_trip: None }));
        Ok(())
    }

    /// How long the latest [`ping`](Self::ping) was under way, from when it was queued until its
    /// Pong was read; nothing before.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.check.as_ref()?.round_trip
    }

    /// A Pong has come. Returns how long its Ping was under way, where it is the one waited for.
    pub(super) fn note_pong(&mut self) -> Option<Duration> {
        let check = self.check.as_mut()?;
        //= rfc6455#5.5.3
        //# A Pong frame sent in response to a Ping frame must have identical
        //# "Application data" as found in the message body of the Ping frame
        //# being replied to.
        if check.round_trip.is_some() || self.session.pong_payload() != check.payload {
            return None;
        }
        check.round_trip = Some(self.now.since(check.asked));
        check.round_trip
    }

    /// Whether the Pong has come, or cannot be waited for any longer.
    pub(crate) fn is_answered(&self) -> bool {
        let waits = self.check.as_ref().is_some_and(|check| check.round_trip.is_none());
        !waits || self.has_read_all() || self.is_far_ahead()
    }

    /// Whether another message is taken, or lacks a confirmation alone that cannot be waited for any
    /// longer.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        let session = &self.session;
        !session.is_full() && (!session.is_full_of_unconfirmed() || self.lacks_confirmation())
    }

    /// Whether a confirmation is lacking that cannot be waited for any longer.
    pub(crate) fn lacks_confirmation(&self) -> bool {
        self.session.is_full_of_unconfirmed() && (self.has_read_all() || self.is_far_ahead())
    }

    /// Whether nothing more will be read, and so no Pong.
    pub(crate) fn has_read_all(&self) -> bool {
        self.read_closed || self.ready.has_ended()
    }

    /// Whether so much was read that was not handed out that nothing more is read without need.
    pub(crate) fn is_far_ahead(&self) -> bool {
        self.ready.size() >= self.room_ahead()
    }
}
