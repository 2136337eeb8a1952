//! The turn of a connection, sans-IO: what to do next, and what came of it.
//!
//! Invariants: no byte is read while an earlier one waits unparsed, so an end of stream never
//! overtakes data; a deadline takes effect only after a read that came too late to prevent it; what
//! is queued is written before anything waits. No other place restates one of these rules: whoever
//! has a socket only executes the steps.

#[cfg(feature = "std")]
mod io;
mod ready;
mod step;
mod turn;
mod unparsed;

#[cfg(feature = "std")]
use bytes::Buf;

use crate::connection::SendError;
use crate::report::{Phase, ReadClosed, Termination, TransportError};
use crate::session::{Outgoing, Output, SendRefused, Session, SessionEvent};
use crate::time::Timestamp;

use ready::Ready;
pub use step::{Shutdown, Step, Wait, Want};
pub(crate) use turn::Turn;
use unparsed::Unparsed;

/// Output is written by then even if the application goes on without waiting.
const WRITE_SOON: usize = 64 * 1024;

/// How many events are handed out before somebody has to look at the clock again.
const WITHOUT_TIME: u8 = 32;

/// A [`Session`] and the turns that it takes, for whoever has a socket of their own kind.
///
/// [`next`](Self::next) says what to do, one [`Step`] at a time; the `handle_` methods are told
/// what came of it. The adapters of this crate, its testkit and its examples with epoll and smol
/// execute this and nothing else.
///
/// 1. [`Step::Event`]: something for the application, a message for example. Commands go to
///    [`session_mut`](Self::session_mut).
/// 2. [`Step::Write`]: write some of [`output`](Self::output), and say what came of it:
///    [`handle_written`](Self::handle_written), [`handle_write_blocked`](Self::handle_write_blocked)
///    or [`handle_write_failed`](Self::handle_write_failed).
/// 3. [`Step::Flush`]: flush the stream, where it has a buffer of its own:
///    [`handle_flushed`](Self::handle_flushed), or as above.
/// 4. [`Step::Read`]: read into [`spare_mut`](Self::spare_mut), or into memory of yours where that
///    is empty: [`handle_filled`](Self::handle_filled) or [`handle_read`](Self::handle_read),
///    [`handle_read_blocked`](Self::handle_read_blocked),
///    [`handle_read_closed`](Self::handle_read_closed).
/// 5. [`Step::ShutDown`]: shut down the stream, our side of it or both.
/// 6. [`Step::Wait`]: compare [`Wait::until`] with the clock. If it has passed, say so to
///    [`handle_timeout`](Self::handle_timeout); else wait until then, or until the stream is ready,
///    and say [`handle_ready`](Self::handle_ready).
///
/// With feature `std`, [`read_with`](Self::read_with), [`write_with`](Self::write_with) and
/// [`flush_with`](Self::flush_with) carry out the steps 2 to 4 and sort what comes of them.
///
/// ```
/// # #[cfg(feature = "std")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::{self, Read, Write};
/// use std::net::{TcpListener, TcpStream};
/// use std::thread;
///
/// use farewell::driver::{Driver, Shutdown, Step, Want};
/// use farewell::handshake::{Accept, ClientRequest, Origins};
/// use farewell::{Clock, CloseCode, Config, Seed, Session, SessionEvent, Termination};
///
/// /// Executes the driver on a socket that does not block.
/// fn drive(
///     stream: &mut TcpStream,
///     mut driver: Driver,
///     clock: Clock,
///     mut application: impl FnMut(SessionEvent<'static>, &mut Session),
/// ) -> io::Result<Box<Termination>> {
///     let mut memory = vec![0; 64 * 1024];
///     loop {
///         match driver.next(Want::Event) {
///             Step::Event(SessionEvent::Ended(report)) => return Ok(report),
///             Step::Event(event) => application(event, driver.session_mut()),
///             Step::Write => driver.write_with(|slices| stream.write_vectored(slices), || clock.now()),
///             Step::Flush => driver.flush_with(|| stream.flush(), || clock.now()),
///             Step::Read => driver.read_with(&mut memory, |part| stream.read(part), || clock.now()),
///             Step::ShutDown(Shutdown::Write) => stream.shutdown(std::net::Shutdown::Write)?,
///             Step::ShutDown(Shutdown::Both) | Step::Done => {}
///             Step::Wait(wait) => {
///                 let now = clock.now();
///                 if wait.is_over(now) {
///                     driver.handle_timeout(now);
///                 } else {
///                     // Here a runtime waits: for input, for room, for the deadline.
///                     thread::yield_now();
///                     driver.handle_ready();
///                 }
///             }
///         }
///     }
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let request = ClientRequest::new(&format!("ws://{}/", listener.local_addr()?))?;
/// let server = thread::spawn(move || -> io::Result<_> {
///     let (mut stream, _) = listener.accept()?;
///     stream.set_nonblocking(true)?;
///     let clock = Clock::new();
///     let seed = Seed::from_os().map_err(io::Error::other)?;
///     let driver = Driver::new(Session::server(Config::default(), seed, clock.now()), clock.now());
///     drive(&mut stream, driver, clock, |event, session| match event {
///         SessionEvent::Request(_) => {
///             session.accept(Accept::new(Origins::Any), clock.now()).expect("it was asked for");
///         }
///         SessionEvent::Message(message) => drop(session.send(message, clock.now())),
///         _ => {}
///     })
/// });
///
/// let mut stream = TcpStream::connect((request.host(), request.port()))?;
/// stream.set_nonblocking(true)?;
/// let clock = Clock::new();
/// let session = Session::client(&request, Config::default(), Seed::from_os()?, clock.now());
/// let driver = Driver::new(session, clock.now());
/// let report = drive(&mut stream, driver, clock, |event, session| match event {
///     SessionEvent::Open(_) => session.send("hello", clock.now()).expect("it is open"),
///     SessionEvent::Message(message) => {
///         assert_eq!(message.as_text(), Some("hello"));
///         session.close(CloseCode::NORMAL, clock.now()).expect("it is open");
///     }
///     _ => {}
/// })?;
/// assert!(report.clean && server.join().expect("no panic")?.clean);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "std"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Driver {
    session: Session,
    ready: Ready,
    unparsed: Unparsed,
    turn: Turn,
    /// The latest time that was told.
    now: Timestamp,
    /// Events handed out since.
    without_time: u8,
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
    write_failed: bool,
    shut_down: Option<Shutdown>,
    settings: Settings,
}

#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    without_control_events: bool,
    reads_may_last: bool,
}

/// What became of an event.
enum Sorted {
    Unwanted,
    Ready,
    /// Ready, and the application has to decide before anything behind it is parsed.
    Request,
}

impl Sorted {
    fn control(unwanted: bool) -> Self {
        if unwanted { Self::Unwanted } else { Self::Ready }
    }
}

impl Driver {
    /// Takes over a session at this time.
    #[must_use]
    pub fn new(session: Session, now: Timestamp) -> Self {
        Self {
            session,
            ready: Ready::default(),
            unparsed: Unparsed::default(),
            turn: Turn::default(),
            now,
            without_time: 0,
            stale: true,
            reply_due: false,
            asked: false,
            unflushed: false,
            read_closed: false,
            write_failed: false,
            shut_down: None,
            settings: Settings::default(),
        }
    }

    /// Leaves out [`SessionEvent::Ping`], [`SessionEvent::Pong`] and
    /// [`SessionEvent::CloseReceived`].
    #[must_use]
    pub fn without_control_events(mut self) -> Self {
        self.settings.without_control_events = true;
        self
    }

    /// Says that a read may wait for ever, whatever the deadline.
    ///
    /// What is there is then handed out before a read is tried, even if a deadline has passed.
    #[must_use]
    pub fn reads_may_last(mut self, may_last: bool) -> Self {
        self.settings.reads_may_last = may_last;
        self
    }

    /// Takes in bytes that somebody else has read, behind an upgrade for example.
    #[must_use]
    pub fn with_input(mut self, read: &[u8]) -> Self {
        self.unparsed.keep(read);
        self
    }

    /// Says what to do next to get what is wanted.
    ///
    /// Each step is to be executed once, and what came of it told, before the next one is asked
    /// for. After the end, [`Want::Event`] is answered with the same report again.
    #[inline]
    pub fn next(&mut self, want: Want) -> Step {
        if want == Want::Event && self.is_plain() {
            match self.unparsed.poll(&mut self.session, self.now) {
                Some(message @ SessionEvent::Message(_)) => {
                    self.without_time += 1;
                    return Step::Event(message);
                }
                Some(event) => drop(self.sort(event)),
                None => {}
            }
        }
        self.next_slow(want)
    }

    /// Whether the next event can be handed out without anything else to be done before.
    #[inline]
    fn is_plain(&self) -> bool {
        !self.unparsed.is_empty()
            && self.ready.is_empty()
            && !self.stale
            && !self.reply_due
            && self.without_time < WITHOUT_TIME
            && self.session.pending_output() < WRITE_SOON
            && !self.is_undecided()
    }

    #[inline(never)]
    fn next_slow(&mut self, want: Want) -> Step {
        loop {
            if self.stale {
                self.stale = false;
                while let Some(event) = self.session.poll_event(&mut &mut [][..], self.now) {
                    self.sort(event);
                }
            }
            if self.without_time >= WITHOUT_TIME {
                return Step::Wait(Wait { read: false, write: false, until: Some(self.now) });
            }
            let due = self.is_due();
            // Before a deadline takes effect comes a read, unless that would keep back what is there.
            if !due || self.settings.reads_may_last || self.ready.has_ended() {
                if let Some(step) = self.grant(want) {
                    return step;
                }
            }
            if let Some(step) = self.write() {
                return step;
            }
            if due || want != Want::Event {
                self.poll_unparsed();
            }
            let may_read = self.may_read(want, due);
            if due && (self.turn.read_tried == Some(self.now) || !may_read) {
                self.session.handle_timeout(self.now);
                self.turn.read_tried = None;
                self.stale = true;
                continue;
            }
            if may_read && !self.turn.read_blocked {
                self.turn.read_asked = Some(self.now);
                return Step::Read;
            }
            if !self.stale && !self.is_lost() {
                return Step::Wait(self.wait(want, due));
            }
        }
    }

    /// What is wanted, if it is there.
    fn grant(&mut self, want: Want) -> Option<Step> {
        match want {
            Want::Event => self.take_event(),
            Want::Flushed => (self.flushed() != Ok(false)).then_some(Step::Done),
            Want::Room => (!self.session.is_full() || self.ready.has_ended()).then_some(Step::Done),
        }
    }

    fn take_event(&mut self) -> Option<Step> {
        if self.ready.is_empty() && !self.is_undecided() {
            self.poll_next();
        }
        if self.ready.is_empty() && !self.ready.has_ended() {
            return None;
        }
        let soon = self.reply_due || self.session.pending_output() >= WRITE_SOON;
        if soon || self.ready.is_empty() {
            if let Some(step) = self.write() {
                return Some(step);
            }
            self.reply_due = false;
        }
        self.without_time += 1;
        self.ready.take().map(Step::Event)
    }

    /// What has to be done with the writing side, if anything can be.
    fn write(&mut self) -> Option<Step> {
        let blocked = self.turn.write_blocked;
        if self.wants_write() {
            return (!blocked).then_some(Step::Write);
        }
        if self.unflushed && !self.ready.has_ended() {
            return (!blocked).then_some(Step::Flush);
        }
        self.take_shutdown().map(Step::ShutDown)
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
        let open = !self.read_closed && !self.ready.has_ended();
        // What is read ahead while sending is bounded, as is what waits to be sent.
        open && (want == Want::Event || due || self.ready.size() < self.room_ahead())
    }

    fn room_ahead(&self) -> usize {
        self.session.config().limits.pending_output
    }

    fn wait(&mut self, want: Want, due: bool) -> Wait {
        let write = self.wants_write() || self.unflushed;
        Wait { read: self.may_read(want, due), write, until: self.session.poll_timeout() }
    }

    /// Nothing can come any more, and nothing is left to write or to wait for: the end.
    fn is_lost(&mut self) -> bool {
        let lost = self.read_closed
            && !self.ready.has_ended()
            && !self.wants_write()
            && self.session.poll_timeout().is_none();
        if lost {
            self.session.abort(self.now);
            self.stale = true;
        }
        lost
    }

    fn is_due(&self) -> bool {
        self.session.poll_timeout().is_some_and(|at| at <= self.now)
    }

    /// Whether a request was handed out that the application has not decided about.
    fn is_undecided(&self) -> bool {
        self.asked && self.session.phase() == Phase::Opening
    }

    /// Parses what was read before up to the first event.
    fn poll_next(&mut self) {
        while !self.unparsed.is_empty() && self.ready.is_empty() {
            let Some(event) = self.unparsed.poll(&mut self.session, self.now) else { return };
            self.sort(event);
        }
    }

    /// Parses all that was read before, up to a request: it is decided about first, so that what
    /// lies behind it meets an open connection, whether it came in the same read or not.
    fn poll_unparsed(&mut self) {
        while !self.unparsed.is_empty() {
            let Some(event) = self.unparsed.poll(&mut self.session, self.now) else { return };
            if let Sorted::Request = self.sort(event) {
                return;
            }
        }
    }

    /// Takes in bytes up to the first event that is wanted; keeps the rest.
    fn poll(&mut self, mut input: &mut [u8]) {
        while let Some(event) = self.session.poll_event(&mut input, self.now) {
            if !matches!(self.sort(event.into_owned()), Sorted::Unwanted) {
                break;
            }
        }
        if !input.is_empty() {
            self.unparsed.keep(input);
        }
    }

    /// Makes an event ready to be handed out, if it is wanted.
    fn sort(&mut self, event: SessionEvent<'static>) -> Sorted {
        let sorted = match &event {
            SessionEvent::Ping | SessionEvent::CloseReceived => {
                self.reply_due = true;
                Sorted::control(self.settings.without_control_events)
            }
            SessionEvent::Pong { .. } => Sorted::control(self.settings.without_control_events),
            SessionEvent::Request(_) => {
                self.asked = true;
                Sorted::Request
            }
            SessionEvent::Open(_) | SessionEvent::Message(_) | SessionEvent::Ended(_) => {
                Sorted::Ready
            }
        };
        if !matches!(sorted, Sorted::Unwanted) {
            self.ready.add(event);
        }
        sorted
    }

    /// Whether there is anything to hand out or to write.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_work(&mut self) -> bool {
        self.stale || !self.ready.is_empty() || self.ready.has_ended() || self.wants_write()
    }

    /// Exchanges what this driver's executor has tried for what another one has.
    #[cfg(feature = "std")]
    pub(crate) fn swap_turn(&mut self, turn: &mut Turn) {
        core::mem::swap(&mut self.turn, turn);
    }

    /// Whether an event would be handed out before anything is read.
    #[cfg(feature = "std")]
    pub(crate) fn has_incoming(&self) -> bool {
        (!self.ready.is_empty() && !self.is_due()) || self.ready.has_ended()
    }

    #[cfg(feature = "std")]
    pub(crate) fn is_write_blocked(&self) -> bool {
        self.turn.write_blocked
    }

    /// Copies the beginning of the output. Returns how much of it.
    #[cfg(feature = "std")]
    pub(crate) fn copy_output(&mut self, memory: Option<&mut [u8]>) -> usize {
        let memory = memory.unwrap_or_default();
        if !self.wants_write() {
            return 0;
        }
        let mut output = self.session.output();
        let len = output.remaining().min(memory.len());
        output.copy_to_slice(memory.get_mut(..len).unwrap_or_default());
        len
    }

    /// What there is to be written, after [`Step::Write`].
    pub fn output(&mut self) -> Output<'_> {
        self.session.output()
    }

    /// Memory to read into after [`Step::Read`], if it is not empty: that of a large message, which
    /// is then copied no more.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.session.spare_mut()
    }

    fn wants_write(&mut self) -> bool {
        !self.ready.has_ended() && self.session.has_output()
    }

    /// Whether everything that was queued is with the transport.
    ///
    /// # Errors
    ///
    /// Why it never will be.
    pub fn flushed(&mut self) -> Result<bool, SendError> {
        if self.ready.has_ended() {
            Err(SendError::Ended)
        } else if self.write_failed {
            Err(SendError::WriteFailed)
        } else {
            Ok(!self.session.has_output() && !self.unflushed)
        }
    }

    /// The stream has taken `len` bytes of the output. None at all is a failure.
    pub fn handle_written(&mut self, len: usize, now: Timestamp) {
        if len == 0 {
            return self.handle_write_failed(TransportError::BrokenPipe, now);
        }
        self.tell(now);
        self.unflushed = true;
        self.session.handle_flushed(len, now);
        self.stale |= self.read_closed;
    }

    /// The stream takes nothing at present.
    pub fn handle_write_blocked(&mut self) {
        self.turn.write_blocked = true;
        self.turn.reads = 0;
    }

    /// The stream will take nothing any more. Reading goes on: the peer's Close may be waiting.
    pub fn handle_write_failed(&mut self, kind: TransportError, now: Timestamp) {
        self.tell(now);
        self.write_failed = true;
        self.unflushed = false;
        self.session.handle_write_failed(kind, now);
        self.poll_unparsed();
        self.stale = true;
    }

    /// The stream holds nothing back any more, after [`Step::Flush`].
    pub fn handle_flushed(&mut self) {
        self.unflushed = false;
    }

    /// These bytes were read.
    pub fn handle_read(&mut self, input: &mut [u8], now: Timestamp) {
        // The order of bytes is kept although nothing should be there.
        self.poll_unparsed();
        self.tell(now);
        self.turn.has_read(self.now);
        if self.unparsed.is_empty() {
            self.poll(input);
        } else {
            self.unparsed.keep(input);
        }
    }

    /// `len` bytes were read into [`spare_mut`](Self::spare_mut).
    pub fn handle_filled(&mut self, len: usize, now: Timestamp) {
        self.tell(now);
        self.turn.has_read(self.now);
        self.session.handle_filled(len, now);
        self.stale = true;
    }

    /// There is nothing to read at present.
    pub fn handle_read_blocked(&mut self) {
        self.turn.read_tried = self.turn.read_asked;
        self.turn.read_blocked = true;
    }

    /// Nothing will be read any more.
    pub fn handle_read_closed(&mut self, how: ReadClosed, now: Timestamp) {
        self.poll_unparsed();
        self.tell(now);
        self.read_closed = true;
        self.session.handle_read_closed(how, now);
        self.stale = true;
    }

    /// The stream may have become ready: what was blocked is tried again.
    pub fn handle_ready(&mut self) {
        self.turn.read_blocked = false;
        self.turn.write_blocked = false;
    }

    /// It is so late. Deadlines that have passed take effect after one more read.
    ///
    /// Harmless at any time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.tell(now);
        if self.is_due() {
            self.handle_ready();
        }
    }

    /// Time runs forwards, and what was tried before was tried too early.
    fn tell(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.without_time = 0;
    }

    /// Ends the connection without a word. What was read and not handed out is dropped.
    pub fn abort(&mut self, now: Timestamp) {
        self.tell(now);
        self.session.abort(now);
        self.ready.clear();
        self.unparsed = Unparsed::default();
        self.stale = true;
    }

    /// The session, for its getters.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session, for its commands: to send, to close, to accept a request.
    ///
    /// What the `handle_` methods and [`next`](Self::next) do for it, they have to do alone.
    pub fn session_mut(&mut self) -> &mut Session {
        self.stale = true;
        &mut self.session
    }

    /// Queues a message; see [`Session::send`].
    ///
    /// # Errors
    ///
    /// The message, with the reason why it was not accepted.
    #[inline]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
        now: Timestamp,
    ) -> Result<(), SendRefused<'m>> {
        self.tell(now);
        self.session.send(message, now)
    }

    /// The latest time that was told.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The report, once the connection has ended.
    #[must_use]
    pub fn ended(&self) -> Option<&Termination> {
        self.ready.ended()
    }
}
