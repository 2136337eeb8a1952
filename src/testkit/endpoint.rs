//! One end of a simulated connection: a session, what its application does, and what it has seen.
//!
//! Invariant: it drives the session as the contract says, and in no other way than an adapter
//! would: it reads before a deadline takes effect, and drains events, then output, after each call.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Buf;

use super::pipe::{Pipe, Read};
use super::trace::Trace;
use crate::handshake::{Accept, Origins};
use crate::report::Termination;
use crate::report::{ReadClosed, TransportError};
use crate::session::{Session, SessionEvent};
use crate::time::Timestamp;
use crate::wire::role::Role;

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

/// One end.
pub(super) struct Endpoint {
    role: Role,
    pub(super) session: Session,
    pub(super) app: Option<App>,
    pub(super) leaves_requests: bool,
    pub(super) events: Vec<Recorded>,
    told_end: bool,
    shut: bool,
    /// The transport is closed.
    closed: bool,
}

impl Endpoint {
    pub(super) fn new(session: Session) -> Self {
        Self {
            role: session.role(),
            session,
            app: None,
            leaves_requests: false,
            events: Vec::new(),
            told_end: false,
            shut: false,
            closed: false,
        }
    }

    pub(super) fn report(&self) -> Option<&Termination> {
        match self.events.last() {
            Some(Recorded { event: SessionEvent::Ended(report), .. }) => Some(report),
            _ => None,
        }
    }

    /// When it next does something by itself: at a deadline, or once its process runs again.
    pub(super) fn next(&self, inbound: &Pipe, now: Timestamp) -> Option<Timestamp> {
        let wakes = inbound.faults.asleep(now);
        let deadline = self.session.poll_timeout();
        let deadline = deadline.map(|at| wakes.map_or(at, |wakes| at.max(wakes)));
        [deadline, wakes].into_iter().flatten().min()
    }

    /// Does all that there is to do at `now`. Says whether there was anything.
    pub(super) fn turn(
        &mut self,
        inbound: &mut Pipe,
        outbound: &mut Pipe,
        trace: &mut Trace,
        now: Timestamp,
    ) -> bool {
        if inbound.faults.asleep(now).is_some() {
            return false;
        }
        if self.closed {
            self.refuse(inbound, outbound, now);
            return false;
        }
        let mut busy = self.poll(&mut [], trace, now);
        busy |= self.read(inbound, outbound, trace, now);
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            if let Some((_, timer)) = self.session.next_timer() {
                trace.note(now, Some(self.role), format!("{timer:?} timer"));
            }
            self.session.handle_timeout(now);
            self.poll(&mut [], trace, now);
            busy = true;
        }
        busy |= self.write(outbound, trace, now);
        self.shut_down(inbound, outbound, trace, now);
        busy
    }

    fn read(
        &mut self,
        inbound: &mut Pipe,
        outbound: &mut Pipe,
        trace: &mut Trace,
        now: Timestamp,
    ) -> bool {
        let mut busy = false;
        while !self.told_end && self.report().is_none() {
            match inbound.read(now) {
                Some(Read::Bytes(mut bytes)) => {
                    trace.note(now, Some(self.role), format!("read {}", show(&bytes)));
                    self.poll(&mut bytes, trace, now);
                }
                Some(Read::End(how)) => {
                    trace.note(now, Some(self.role), format!("read the end: {how:?}"));
                    self.told_end = true;
                    if let ReadClosed::Failed(kind) = how {
                        outbound.fail_writes(kind);
                    }
                    self.session.handle_read_closed(how, now);
                    self.poll(&mut [], trace, now);
                }
                None => break,
            }
            busy = true;
            self.write(outbound, trace, now);
        }
        busy
    }

    /// Takes out all events, and lets the application react to each.
    fn poll(&mut self, bytes: &mut [u8], trace: &mut Trace, now: Timestamp) -> bool {
        let mut input = bytes;
        let mut any = false;
        while let Some(event) = self.session.poll_event(&mut input, now) {
            any = true;
            let event = event.into_owned();
            trace.note(now, Some(self.role), describe(&event));
            if let Some(app) = &mut self.app {
                app(&mut self.session, &event, now);
            }
            if matches!(event, SessionEvent::Request(_)) && !self.leaves_requests {
                // An application that has answered already has its way.
                let _ = self.session.accept(Accept::new(Origins::Any), now);
            }
            self.events.push(Recorded { at: now, event });
        }
        any
    }

    fn write(&mut self, outbound: &mut Pipe, trace: &mut Trace, now: Timestamp) -> bool {
        let mut busy = false;
        while self.session.has_output() {
            let mut output = self.session.output();
            let bytes = output.copy_to_bytes(output.remaining().min(outbound.room()));
            match outbound.write(&bytes, now) {
                Ok(0) => break,
                Ok(len) => {
                    trace.note(now, Some(self.role), format!("wrote {}", show(&bytes[..len])));
                    self.session.handle_flushed(len, now);
                }
                Err(kind) => {
                    trace.note(now, Some(self.role), format!("a write failed: {kind}"));
                    self.session.handle_write_failed(kind, now);
                }
            }
            busy = true;
            self.poll(&mut [], trace, now);
        }
        busy
    }

    fn shut_down(
        &mut self,
        inbound: &mut Pipe,
        outbound: &mut Pipe,
        trace: &mut Trace,
        now: Timestamp,
    ) {
        let ended = self.report().is_some();
        let wanted = ended || (self.session.wants_shutdown() && !self.session.has_output());
        if wanted && !self.shut {
            self.shut = true;
            trace.note(now, Some(self.role), String::from("shut down writing"));
            outbound.shut(now);
        }
        if ended {
            self.closed = true;
            self.refuse(inbound, outbound, now);
        }
    }

    /// What comes for a transport that is closed is answered with a reset, as systems do it.
    fn refuse(&mut self, inbound: &mut Pipe, outbound: &mut Pipe, now: Timestamp) {
        if inbound.discard() && outbound.fail_writes(TransportError::Aborted) {
            outbound.reset(now);
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("session", &self.session).finish_non_exhaustive()
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
