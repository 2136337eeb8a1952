//! One endpoint of a simulated connection: a session, what its application does, and what it has
//! seen.
//!
//! Invariant: the turn is the driver's, as it is under an adapter. What is here is what a system
//! does for a process: its calls, its sleep, and what becomes of a stream that it has closed.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Buf;

use super::pipe::{Pipe, Read};
use super::trace::Trace;
use crate::driver::{Driver, Shutdown, Step, Want};
use crate::handshake::{Accept, Origins};
use crate::report::{ReadClosed, TransportError};
use crate::session::{Session, SessionEvent};
use crate::time::Timestamp;

/// An event of a session, and when it came.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: SessionEvent<'static>,
}

pub(super) type App = Box<dyn FnMut(&mut Session, &SessionEvent<'static>, Timestamp) + Send>;

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) driver: Driver,
    pub(super) app: Option<App>,
    pub(super) leaves_requests: bool,
    pub(super) events: Vec<Recorded>,
    /// How much of the stream was shut down.
    shut_down: Option<Shutdown>,
}

/// The two directions of an endpoint's stream, at one time.
pub(super) struct Stream<'a> {
    pub(super) inbound: &'a mut Pipe,
    pub(super) outbound: &'a mut Pipe,
    pub(super) now: Timestamp,
}

impl Stream<'_> {
    /// Reads once, unless that would have to wait. A stream that has failed cannot be written to.
    fn read(&mut self) -> Option<Read> {
        let read = self.inbound.read(self.now);
        if let Some(Read::End(ReadClosed::Failed(kind))) = read {
            self.outbound.fail_writes(kind);
        }
        read
    }

    /// Answers what comes although the stream is closed with a reset, as systems do it.
    fn refuse(&mut self) {
        if self.inbound.discard() && self.outbound.fail_writes(TransportError::Aborted) {
            self.outbound.reset(self.now);
        }
    }
}

impl Endpoint {
    pub(super) fn new(session: Session, now: Timestamp) -> Self {
        Self {
            driver: Driver::new(session, now),
            app: None,
            leaves_requests: false,
            events: Vec::new(),
            shut_down: None,
        }
    }

    /// When it next does something by itself: at a deadline, or once its process runs again.
    pub(super) fn next(&self, inbound: &Pipe, now: Timestamp) -> Option<Timestamp> {
        let wakes = inbound.faults.asleep(now);
        let deadline = self.driver.session().poll_timeout();
        let deadline = deadline.map(|at| wakes.map_or(at, |wakes| at.max(wakes)));
        [deadline, wakes].into_iter().flatten().min()
    }

    /// Does all that there is to do now. Returns whether there was anything.
    pub(super) fn turn(&mut self, mut stream: Stream<'_>, trace: &mut Trace) -> bool {
        if stream.inbound.faults.asleep(stream.now).is_some() {
            return false;
        }
        let before = trace.count();
        if self.shut_down < Some(Shutdown::Both) {
            self.driver.handle_ready();
            self.handle_timeout(stream.now, trace);
            while self.step(&mut stream, trace) {}
        }
        if self.shut_down == Some(Shutdown::Both) {
            stream.refuse();
        }
        trace.count() > before
    }

    /// Executes a step of the driver. Returns whether another one may follow at this time.
    fn step(&mut self, stream: &mut Stream<'_>, trace: &mut Trace) -> bool {
        match self.driver.next(Want::Event) {
            Step::Event(event) => {
                let is_last = matches!(event, SessionEvent::Ended(_));
                self.hand_out(event, stream.now, trace);
                return !is_last;
            }
            Step::Write => self.write(stream, trace),
            Step::Flush => self.driver.handle_flushed(),
            Step::Read => self.read(stream, trace),
            Step::ShutDown(how) => self.shut_down(how, stream, trace),
            Step::Wait(wait) if wait.is_over(stream.now) => self.handle_timeout(stream.now, trace),
            Step::Wait(_) | Step::Done => return false,
        }
        true
    }

    /// Tells the driver the time.
    fn handle_timeout(&mut self, now: Timestamp, trace: &mut Trace) {
        let due = self.driver.session().next_timer().filter(|(at, _)| *at <= now);
        if let Some((_, timer)) = due {
            self.note(now, trace, format!("{timer:?} timer"));
        }
        self.driver.handle_timeout(now);
    }

    fn hand_out(&mut self, event: SessionEvent<'static>, now: Timestamp, trace: &mut Trace) {
        self.note(now, trace, describe(&event));
        let session = self.driver.session_mut();
        if let Some(app) = &mut self.app {
            app(session, &event, now);
        }
        if matches!(event, SessionEvent::Request(_)) && !self.leaves_requests {
            // Refused where the application has responded already.
            let _ = session.accept(Accept::new(Origins::Any), now);
        }
        self.events.push(Recorded { at: now, event });
    }

    fn write(&mut self, stream: &mut Stream<'_>, trace: &mut Trace) {
        let now = stream.now;
        let mut output = self.driver.output();
        let bytes = output.copy_to_bytes(output.remaining().min(stream.outbound.room()));
        match stream.outbound.write(&bytes, now) {
            Ok(0) => self.driver.handle_write_blocked(),
            Ok(len) => {
                self.note(now, trace, format!("wrote {}", show(&bytes[..len])));
                self.driver.handle_written(len, now);
            }
            Err(kind) => {
                self.note(now, trace, format!("a write failed: {kind}"));
                self.driver.handle_write_failed(kind, now);
            }
        }
    }

    fn read(&mut self, stream: &mut Stream<'_>, trace: &mut Trace) {
        let now = stream.now;
        match stream.read() {
            Some(Read::Bytes(mut bytes)) => {
                self.note(now, trace, format!("read {}", show(&bytes)));
                self.driver.handle_read(&mut bytes, now);
            }
            Some(Read::End(how)) => {
                self.note(now, trace, format!("read the end: {how:?}"));
                self.driver.handle_read_closed(how, now);
            }
            None => self.driver.handle_read_blocked(),
        }
    }

    fn shut_down(&mut self, how: Shutdown, stream: &mut Stream<'_>, trace: &mut Trace) {
        if self.shut_down.is_none() {
            self.note(stream.now, trace, String::from("shut down writing"));
            stream.outbound.shut(stream.now);
        }
        self.shut_down = Some(how);
    }

    fn note(&self, now: Timestamp, trace: &mut Trace, what: String) {
        trace.note(now, Some(self.driver.session().role()), what);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("driver", &self.driver).finish_non_exhaustive()
    }
}

/// The beginning of some bytes, in hexadecimal.
fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    let mut text = format!("{} bytes:", bytes.len());
    for byte in bytes.iter().take(SHOWN) {
        text.push_str(&format!(" {byte:02x}"));
    }
    if bytes.len() > SHOWN {
        text.push_str(" ..");
    }
    text
}

fn describe(event: &SessionEvent<'_>) -> String {
    match event {
        SessionEvent::Request(request) => format!("request for {}", request.path()),
        SessionEvent::Open(_) => String::from("open"),
        SessionEvent::Message(message) => {
            format!("message of {} bytes", message.len())
        }
        SessionEvent::Ended(report) => format!("ended: {report}"),
        other => format!("{other:?}"),
    }
}
