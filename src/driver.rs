//! The turn of a connection, sans-IO: what to do next, and what came of it.
//!
//! Invariants: no byte is read while an earlier one waits unparsed, so an end of stream never
//! overtakes data; a deadline takes effect once nothing is left to read that could prevent it, or
//! after so many reads that the peer only puts it off; what is queued is written before anything
//! waits. No other place restates one of these rules: whoever has a socket only executes the steps.

mod check;
mod getters;
mod handing;
#[cfg(feature = "std")]
mod io;
mod output;
mod parse;
mod ready;
#[cfg(feature = "rustls")]
mod secured;
mod step;
mod told;
mod turn;
mod unparsed;
#[cfg(not(feature = "rustls"))]
mod unsecured;
#[cfg(feature = "std")]
mod waiting;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::report::{Phase, ReadEnd};
use crate::session::{Session, SessionEvent};
use crate::time::{Timer, Timestamp};
use crate::wire::message::Message;

use check::Check;
use handing::Handing;
use ready::Ready;
#[cfg(feature = "rustls")]
use secured::Security;
pub(crate) use step::Flushing;
pub use step::{Shutdown, Step, Wait, Want};
pub(crate) use turn::Turn;
use unparsed::Unparsed;
#[cfg(not(feature = "rustls"))]
use unsecured::Security;

/// Output is written by then even if the application goes on without waiting.
const WRITE_SOON: usize = 64 * 1024;

/// How long writing goes on at most before reading gets its turn, where writes wait.
pub(crate) const WRITE_SLICE: Duration = Duration::from_millis(10);

/// How many events are handed out before somebody has to look at the clock again.
const WITHOUT_TIME: u8 = 32;

/// A [`Session`] and the turns that it takes, for whoever has a socket of their own kind.
///
/// [`next`](Self::next) says what to do, one [`Step`] at a time; the `handle_` methods are told
/// what came of it. The adapters of this crate, its testkit and its examples with epoll and smol
/// execute this and nothing else: see [the loop](crate#the-canonical-loop), to be pasted.
///
/// | Step | Then |
/// |---|---|
/// | [`Event`](Step::Event) | commands to [`session_mut`](Self::session_mut), or none |
/// | [`Write`](Step::Write): some of [`output`](Self::output) | [`handle_written`](Self::handle_written), [`handle_write_blocked`](Self::handle_write_blocked) or [`handle_write_failed`](Self::handle_write_failed) |
/// | [`Flush`](Step::Flush) | [`handle_flushed`](Self::handle_flushed), or as for a write |
/// | [`Read`](Step::Read) into [`spare_mut`](Self::spare_mut), or into memory of yours where that is empty | [`handle_filled`](Self::handle_filled) or [`handle_read`](Self::handle_read), [`handle_read_blocked`](Self::handle_read_blocked), [`handle_read_closed`](Self::handle_read_closed) |
/// | [`ShutDown`](Step::ShutDown) | nothing |
/// | [`Wait`](Step::Wait) | [`handle_timeout`](Self::handle_timeout) if [`Wait::until`] has passed, else [`handle_ready`](Self::handle_ready) once the stream may be ready, or the time has come |
///
/// With feature `std`, [`read_with`](Self::read_with), [`write_with`](Self::write_with) and
/// [`flush_with`](Self::flush_with) carry out a step and sort what comes of it.
///
/// A program without sockets, a clock or `std`: the two ends of a connection, each with the bytes
/// that are on their way to it.
///
/// ```
/// use core::mem;
///
/// use bytes::Buf;
/// use farewell::driver::{Driver, Shutdown, Step, Want};
/// use farewell::handshake::{Accept, ClientRequest, Origins};
/// use farewell::{CloseCode, Config, ReadClosed, Seed, Session, SessionEvent, Timestamp};
///
/// struct End {
///     driver: Driver,
///     incoming: Vec<u8>,
///     /// The other end has shut down its side.
///     last: bool,
/// }
///
/// /// Executes steps until there is an event, or nothing to do but to wait.
/// fn turn(end: &mut End, peer: &mut End, now: Timestamp) -> Option<SessionEvent<'static>> {
///     let driver = &mut end.driver;
///     driver.handle_ready();
///     loop {
///         match driver.next(Want::Event) {
///             Step::Event(event) => return Some(event),
///             Step::Write => {
///                 let len = driver.output().chunk().len();
///                 peer.incoming.extend_from_slice(driver.output().chunk());
///                 driver.handle_written(len, now);
///             }
///             Step::Flush => driver.handle_flushed(),
///             Step::Read if !end.incoming.is_empty() => {
///                 driver.handle_read(&mut mem::take(&mut end.incoming), now);
///             }
///             Step::Read if end.last => driver.handle_read_closed(ReadClosed::Eof, now),
///             Step::Read => driver.handle_read_blocked(),
///             Step::ShutDown(Shutdown::Write | Shutdown::Both) => peer.last = true,
///             Step::Wait(wait) if wait.is_over(now) => driver.handle_timeout(now),
///             Step::Wait(_) | Step::Done => return None,
///         }
///     }
/// }
///
/// let now = Timestamp::ZERO;
/// let end = |session| {
///     End { driver: Driver::new(session, now), incoming: Vec::new(), last: false }
/// };
/// // Use `Seed::from_os` outside of examples.
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut client = end(Session::client(&request, Config::default(), Seed::new([1; 32]), now));
/// let mut server = end(Session::server(Config::default(), Seed::new([2; 32]), now));
///
/// let report = loop {
///     match turn(&mut server, &mut client, now) {
///         Some(SessionEvent::Request(_)) => {
///             server.driver.session_mut().accept(Accept::new(Origins::Any), now)?;
///         }
///         Some(SessionEvent::Message(message)) => server.driver.send(message, now)?,
///         _ => {}
///     }
///     match turn(&mut client, &mut server, now) {
///         Some(SessionEvent::Open(_)) => client.driver.send("hello", now)?,
///         Some(SessionEvent::Message(message)) => {
///             assert_eq!(message.as_text(), Some("hello"));
///             client.driver.session_mut().close(CloseCode::NORMAL, now)?;
///         }
///         Some(SessionEvent::Ended(report)) => break report,
///         _ => {}
///     }
/// };
/// assert!(report.clean);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Driver {
    session: Session,
    security: Security,
    ready: Ready,
    unparsed: Unparsed,
    turn: Turn,
    /// The latest time that was told.
    now: Timestamp,
    /// Events handed out since.
    without_time: u8,
    /// Nothing has come up since a read was asked for: what is there is handed out, or a read is
    /// due again. Most turns need no more than this to be known.
    calm: bool,
    /// Something was queued meanwhile: it leaves before the next read.
    queued: bool,
    /// The session may have an event although nothing was read.
    stale: bool,
    /// A Pong or a Close is queued that has to leave before what came behind its cause is handed
    /// out.
    reply_due: bool,
    /// A request was handed out.
    asked: bool,
    /// The stream has taken bytes that it may still hold.
    unflushed: bool,
    read_closed: bool,
    /// The peer's stream has ended in order, of which the session is not told before what came first
    /// is handed out: what the application answers is accepted until then.
    ended_behind: Option<Box<ReadEnd>>,
    write_failed: bool,
    shut_down: Option<Shutdown>,
    settings: Settings,
    handing: Handing,
    /// A Ping whose Pong is waited for.
    check: Option<Box<Check>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    without_control_events: bool,
    reads_may_last: bool,
    writes_wait: bool,
}

impl Driver {
    /// Takes over a session at this time.
    #[must_use]
    pub fn new(session: Session, now: Timestamp) -> Self {
        Self {
            session,
            security: Security::none(),
            ready: Ready::default(),
            unparsed: Unparsed::default(),
            turn: Turn::default(),
            now,
            without_time: 0,
            calm: false,
            queued: false,
            stale: true,
            reply_due: false,
            asked: false,
            unflushed: false,
            read_closed: false,
            ended_behind: None,
            write_failed: false,
            shut_down: None,
            settings: Settings::default(),
            handing: Handing::default(),
            check: None,
        }
    }

    /// Leaves out [`SessionEvent::Ping`], [`SessionEvent::Pong`] and
    /// [`SessionEvent::CloseReceived`].
    #[must_use]
    pub fn without_control_events(mut self) -> Self {
        self.receive_control_events(false);
        self
    }

    /// Says that a read may wait for ever, whatever the deadline.
    ///
    /// What is there is then handed out before a read is tried, even if a deadline has passed. And
    /// nothing is read once the end has begun, with a Close in either direction, a broken rule, a
    /// failed write or a refusal: what there is to say of it is said, and the report follows. So
    /// the echo of a Close of our own is not awaited, and the report shows it as unanswered: not
    /// clean, 1006.
    #[must_use]
    pub fn reads_may_last(mut self, may_last: bool) -> Self {
        self.settings.reads_may_last = may_last;
        self
    }

    /// Takes in bytes that somebody else has read, behind an upgrade for example.
    #[must_use]
    pub fn with_input(mut self, read: &[u8]) -> Self {
        if self.security.is_on() {
            self.read_behind_tunnel(&mut Vec::from(read));
        } else {
            self.unparsed.keep(read, &self.session);
        }
        self
    }

    /// Says what to do next to get what is wanted.
    ///
    /// Each step is to be executed once, and what came of it told, before the next one is asked
    /// for. After the end, [`Want::Event`] is answered with the same report again.
    #[inline]
    pub fn next(&mut self, want: Want) -> Step {
        match want {
            Want::Event if self.calm && self.without_time < WITHOUT_TIME => {
                if let Some(message) = self.ready.take() {
                    self.without_time += 1;
                    return Step::Event(message);
                }
                if !self.unparsed.is_empty() {
                    if let Some(step) = self.next_unparsed() {
                        return step;
                    }
                }
                if self.calm && !self.queued && !self.turn.read_blocked {
                    return self.turn.will_read(None, self.now);
                }
            }
            Want::Flushed => match self.next_of_flush() {
                Some(Flushing::Write) => return Step::Write,
                Some(Flushing::Flush) => return Step::Flush,
                Some(Flushing::Done) => return Step::Done,
                None => {}
            },
            Want::Event | Want::Room | Want::RoomForPart | Want::Answered => {}
        }
        self.next_slow(want)
    }

    /// The next step of a flush that nothing keeps up: it comes before deadlines and events.
    #[inline]
    pub(crate) fn next_of_flush(&mut self) -> Option<Flushing> {
        let kept_up = self.stale || self.turn.write_blocked || self.has_failed();
        if kept_up || self.security.is_on() {
            return None;
        }
        Some(if self.session.has_output() {
            Flushing::Write
        } else if self.unflushed {
            Flushing::Flush
        } else {
            Flushing::Done
        })
    }

    /// The next message of several that were read at once, if nothing has to be done before it. It
    /// is what [`next`](Self::next) would say, with less in between.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn next_of_many(&mut self) -> Option<Message<'static>> {
        let many = self.calm && !self.unparsed.is_empty() && self.ready.is_empty();
        if many && self.without_time < WITHOUT_TIME { self.parse_message() } else { None }
    }

    #[inline(never)]
    fn next_unparsed(&mut self) -> Option<Step> {
        self.parse_message().map(|message| Step::Event(SessionEvent::Message(message)))
    }

    #[inline]
    fn parse_message(&mut self) -> Option<Message<'static>> {
        match self.unparsed.poll(&mut self.session, self.now) {
            Some(SessionEvent::Message(message)) => {
                self.without_time += 1;
                return Some(message);
            }
            Some(event) => drop(self.sort(event)),
            // The peer may have broken a rule, which makes a Close and no event.
            None => self.calm = false,
        }
        None
    }

    #[inline(never)]
    fn next_slow(&mut self, want: Want) -> Step {
        loop {
            if self.stale {
                self.stale = false;
                self.poll_session();
            }
            if self.without_time >= WITHOUT_TIME {
                return Step::Wait(Wait { read: false, write: false, until: Some(self.now) });
            }
            if let Some(step) = self.next_failing(want) {
                return step;
            }
            if let Some(failure) = self.security.write_failure().filter(|_| !self.has_failed()) {
                self.handle_write_failed(failure, self.now);
                continue;
            }
            let due = self.session.is_due(self.now);
            let is_next = want == Want::Event && self.ready.is_empty() && self.unparsed.is_empty();
            if (due || is_next) && self.tell_ended() {
                continue;
            }
            // Before a deadline takes effect comes a read, unless that would keep back what is there.
            if !due || self.settings.reads_may_last || self.ready.has_ended() {
                if let Some(step) = self.grant(want) {
                    return step;
                }
            }
            // What was parsed just now may ask for a Pong or a Close.
            let output = self.wants_write();
            if let Some(step) = self.write(output) {
                return step;
            }
            if (due || want != Want::Event) && self.parses_ahead() {
                self.poll_unparsed();
                continue;
            }
            let may_read = self.may_read(want, due);
            if due && (self.has_read_enough() || !may_read) {
                self.time_out();
                continue;
            }
            if may_read && !self.turn.read_blocked {
                self.calm = want == Want::Event && !due && !output && !self.unflushed;
                self.queued = false;
                let late = if due { self.session.poll_timeout() } else { None };
                return self.turn.will_read(late, self.now);
            }
            if !self.stale && !self.is_lost() {
                return self.wait(may_read);
            }
        }
    }

    /// Lets the deadline that has passed take effect.
    fn time_out(&mut self) {
        self.session.handle_timeout(self.now);
        self.turn.has_timed_out();
        (self.calm, self.stale) = (false, true);
    }

    /// What is wanted, if it is there.
    fn grant(&mut self, want: Want) -> Option<Step> {
        let done = match want {
            Want::Event => return self.take_event(),
            Want::Flushed => !(self.has_output() || self.unflushed) || self.has_failed(),
            Want::Room => self.has_room() || self.ready.has_ended(),
            Want::RoomForPart => !self.session.is_full() || self.ready.has_ended(),
            Want::Answered => self.is_answered(),
        };
        done.then_some(Step::Done)
    }

    /// What has to be done with the writing direction, if anything can be.
    fn write(&mut self, output: bool) -> Option<Step> {
        let ended = self.ready.has_ended();
        let step = if output && !(ended && self.turn.write_blocked) {
            Step::Write
        } else if self.unflushed
            && !(ended && (self.turn.write_blocked || !self.security.is_closed()))
        {
            Step::Flush
        } else if self.says_goodbye() {
            Step::Write
        } else {
            return self.take_shutdown().map(Step::ShutDown);
        };
        (!self.turn.write_blocked).then_some(step)
    }

    /// How much of the stream is to be shut down now; says each once.
    fn take_shutdown(&mut self) -> Option<Shutdown> {
        let wanted = if self.ready.has_ended() {
            Some(Shutdown::Both)
        } else {
            self.session.wants_shutdown().then_some(Shutdown::Write)
        };
        if wanted <= self.shut_down {
            return None;
        }
        self.shut_down = wanted;
        wanted
    }

    fn may_read(&self, want: Want, due: bool) -> bool {
        let open = !self.read_closed && !self.ready.has_ended() && !self.is_left_alone();
        // What is read ahead while sending is bounded, as is what waits to be sent.
        open && (want == Want::Event || due || !self.is_far_ahead())
    }

    fn room_ahead(&self) -> usize {
        self.session.config().limits.pending_output
    }

    fn wait(&mut self, read: bool) -> Step {
        if self.turn.is_over(self.now) {
            return Step::Done;
        }
        let write = self.wants_write() || self.unflushed;
        let until = sooner(self.deadline(), self.turn.until);
        Step::Wait(Wait { read, write, until })
    }

    /// When time changes something next.
    fn deadline(&self) -> Option<Timestamp> {
        self.security.deadline().or_else(|| self.session.poll_timeout())
    }

    /// Whether the end has begun and a read for the peer's part in it might last for ever: no
    /// deadline would end that.
    fn is_left_alone(&self) -> bool {
        self.settings.reads_may_last && (self.write_failed || self.session.is_ending())
    }

    /// Nothing can come any more, and nothing is left to write or to wait for: the end.
    fn is_lost(&mut self) -> bool {
        let told = self.read_closed && self.ended_behind.is_none();
        let silent = told && self.session.poll_timeout().is_none();
        let lost = (silent || self.is_left_alone() && !self.unflushed)
            && !self.ready.has_ended()
            && !self.wants_write();
        if lost {
            self.session.stop_waiting(self.now);
            (self.calm, self.stale) = (false, true);
        }
        lost
    }

    /// Whether nothing that could be read would prevent the deadline that has passed.
    fn has_read_enough(&self) -> bool {
        let Some((deadline, timer)) = self.session.next_timer() else { return true };
        // A Ping ends nothing: for its sake, nothing is read that nobody has asked for.
        let one_is_enough = timer == Timer::Ping || self.settings.reads_may_last;
        self.turn.has_read_enough(one_is_enough, deadline)
    }

    /// Whether a request was handed out that the application has not decided about.
    fn is_undecided(&self) -> bool {
        self.asked && self.session.phase() == Phase::Opening
    }
}

/// The sooner of two times, of which either may never come.
#[inline]
fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
