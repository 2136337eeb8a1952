//! A session driven by a script: from the opening handshake, or an upgrade made elsewhere, to its
//! end.
//!
//! A script is a number for the settings, a byte for the driver's habits, a byte for how it comes
//! to an end, and then steps. Steps are numbered as in [`Driver::step`].

mod opening;
mod parts;

use bytes::{Buf, Bytes};
use core::time::Duration;
use farewell::handshake::Negotiated;
use farewell::{
    CloseCode, CloseFrame, Config, Data, Message, MessageKind, Payload, Phase, Prepared,
    ReadClosed, Role, SendError, Session, SessionEvent, Termination, Timestamp,
};

#[cfg(feature = "deflate")]
use super::compression;
use super::connection::failure;
use super::handshake;
use super::peer;
use super::script::{Chunks, Script, before, config, other};

use opening::session;
use parts::{Asked, Parts};

pub(crate) fn check(role: Role, data: &[u8]) {
    let whole = Driver::run(role, data, Chunks::Whole, false, Asked::Whole);
    whole.check_output();
    let seed = data.iter().fold(1, |seed: u32, byte| seed.rotate_left(5) ^ u32::from(*byte));
    let mut cut_off = None;
    for (chunks, direct, asked) in [
        (Chunks::Bytes, false, Asked::Whole),
        (Chunks::Random(seed), true, Asked::Whole),
        (Chunks::Whole, false, Asked::Parts),
        (Chunks::Bytes, false, Asked::Parts),
        (Chunks::Random(!seed), false, Asked::Parts),
        (Chunks::Random(seed), true, Asked::Either(seed)),
    ] {
        let cut = Driver::run(role, data, chunks, direct, asked);
        assert_eq!(cut.seen, whole.seen, "{role:?}, cut as {chunks:?}, in {asked:?}");
        assert_eq!(cut.wire, whole.wire, "the output of {role:?}, cut as {chunks:?}, in {asked:?}");
        if let Asked::Parts = asked {
            let expected = cut_off.get_or_insert_with(|| cut.parts.clone());
            assert_eq!(&cut.parts, expected, "what {role:?} was given, cut as {chunks:?}");
        }
    }
}

/// What was seen.
#[derive(Debug, PartialEq)]
enum Seen {
    Request(handshake::Seen),
    Open(Negotiated),
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>, Option<Duration>),
    CloseReceived(CloseFrame),
    Answer(String),
    Ended(Box<Termination>),
}

#[derive(Debug, Clone, Copy)]
struct Habits {
    /// Writes out all output at once.
    flushes: bool,
    /// Starts behind an upgrade.
    upgraded: bool,
    /// Accepts a request as it comes.
    accepts: bool,
    /// Offers compression, or accepts it.
    compresses: bool,
    /// Takes no compression context over.
    #[cfg_attr(not(feature = "deflate"), expect(dead_code, reason = "nothing to be switched on"))]
    forgets: bool,
}

struct Driver {
    session: Session,
    #[cfg(feature = "deflate")]
    peer: compression::Peer,
    role: Role,
    config: Config,
    chunks: Chunks,
    /// Reads into the session's own memory where it offers some.
    direct: bool,
    /// How messages are asked for.
    asked: Asked,
    /// What was given of the message under way.
    parts: Option<Parts>,
    habits: Habits,
    now: Timestamp,
    started: Timestamp,
    /// The latest time that was told.
    latest: Timestamp,
    /// By when the end must have come, once it has begun.
    due: Option<Timestamp>,
    /// What the transport has accepted.
    wire: Vec<u8>,
    seen: Vec<Seen>,
    /// Messages that were accepted.
    sent: Vec<(MessageKind, Vec<u8>)>,
    fragments: Vec<u8>,
    write_failed: bool,
    dropped_messages: Option<u64>,
}

impl Driver {
    fn run(role: Role, data: &[u8], chunks: Chunks, direct: bool, asked: Asked) -> Self {
        let mut script = Script::new(data);
        #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "see above"))]
        let mut config = config(script.number());
        let habits = script.byte();
        let ending = script.byte();
        let habits = Habits {
            flushes: habits & 2 != 0,
            upgraded: habits & 4 != 0,
            accepts: habits & 8 == 0,
            compresses: habits & 16 != 0,
            forgets: habits & 32 != 0,
        };
        #[cfg(feature = "deflate")]
        if habits.compresses {
            compression::settings(&mut config, habits.forgets);
        }
        let now = Timestamp::from_nanos(1_000_000_000);
        let mut driver = Self {
            session: session(role, &config, habits, now),
            #[cfg(feature = "deflate")]
            peer: compression::Peer::default(),
            role,
            config,
            chunks,
            direct,
            asked,
            parts: None,
            habits,
            now,
            started: now,
            latest: now,
            due: None,
            wire: Vec::new(),
            seen: Vec::new(),
            sent: Vec::new(),
            fragments: Vec::new(),
            write_failed: false,
            dropped_messages: None,
        };
        while !script.is_empty() {
            driver.step(&mut script);
            driver.drain();
            driver.check();
        }
        driver.finish(ending);
        driver
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 21 {
            0 => self.feed(script.string()),
            1 => self.feed_frame(script.byte(), script.byte(), script.string()),
            2 => {
                let (first, key) = (script.byte() & 0x8f, script.byte());
                let payload = vec![script.byte(); script.length()];
                #[cfg(feature = "deflate")]
                if let Some(frames) = self.peer.compress(&self.session, first, &payload) {
                    return self.feed(&frames);
                }
                self.feed_frame(first, key, &payload);
            }
            3 => self.now = self.now + script.span(),
            4 => self.now = before(self.now, script.span()),
            5 => self.wait(),
            6 => self.timeout(),
            7 => self.send(script),
            8 => self.fragment(script),
            9 => self.send_large(script),
            10 => {
                let answer = self.session.ping(script.string(), self.now);
                self.answered(answer);
            }
            11 => self.close(script),
            12 => self.session.abort(self.now),
            13 => self.accept(script.byte()),
            14 => self.flush(script.byte().into()),
            15 => self.flush(usize::MAX),
            16 => self.read_closed(script.byte()),
            17 => self.write_fails(script.byte()),
            18 => self.feed_handshake(script.string()),
            19 => self.reject(script),
            _ => self.now = Timestamp::MAX,
        }
        self.latest = self.latest.max(self.now);
    }

    fn answered<E: core::fmt::Debug>(&mut self, answer: Result<(), E>) {
        self.seen.push(Seen::Answer(format!("{answer:?}")));
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let mut len = self.chunks.next(at, bytes.len() - at);
            let spare = if self.direct { self.session.spare_mut() } else { &mut [] };
            if spare.is_empty() {
                self.poll(&mut bytes[at..at + len].to_vec());
            } else {
                len = len.min(spare.len());
                spare[..len].copy_from_slice(&bytes[at..at + len]);
                self.session.handle_filled(len, self.now);
                self.poll(&mut []);
            }
            at += len;
        }
    }

    fn feed_frame(&mut self, first: u8, key: u8, payload: &[u8]) {
        let key = (self.role == Role::Server).then_some([key, 0, 0x5a, !key]);
        self.feed(&peer::frame(first, payload, key));
    }

    fn poll(&mut self, bytes: &mut [u8]) {
        let mut input = bytes;
        loop {
            self.ask();
            let Some(event) = self.session.poll_event(&mut input, self.now) else { break };
            assert_eq!(self.dropped_messages, None, "{event:?} came after the end");
            if let SessionEvent::Chunk(chunk) = event {
                self.note_chunk(&chunk);
                continue;
            }
            let requested = matches!(event, SessionEvent::Request(_));
            self.note(event);
            if requested && self.habits.accepts {
                self.accept(1);
            }
            if self.habits.flushes {
                self.flush(usize::MAX);
            }
        }
        assert!(input.is_empty(), "{} bytes were left", input.len());
        assert_eq!(self.dropped_messages.is_some(), self.session.phase() == Phase::Ended);
    }

    fn note(&mut self, event: SessionEvent<'_>) {
        let seen = match event {
            SessionEvent::Request(request) => {
                assert_eq!(self.session.phase(), Phase::Opening);
                Seen::Request(handshake::see(&request))
            }
            SessionEvent::Open(opened) => {
                assert_eq!(opened.negotiated(), self.session.negotiated());
                assert_eq!(opened.response().is_some(), self.role == Role::Client);
                Seen::Open(opened.negotiated().clone())
            }
            SessionEvent::Message(message) => {
                assert_eq!(self.parts, None, "that has to go on");
                assert_eq!(message.as_text().is_some(), message.kind() == MessageKind::Text);
                assert!(message.len() as u64 <= self.config.limits.message);
                Seen::Message(message.kind(), message.as_bytes().to_vec())
            }
            SessionEvent::Ping => Seen::Ping(self.session.ping_payload().to_vec()),
            SessionEvent::Pong { rtt } => Seen::Pong(self.session.pong_payload().to_vec(), rtt),
            SessionEvent::CloseReceived => {
                Seen::CloseReceived(*self.session.peer_close().expect("a Close came"))
            }
            SessionEvent::Ended(report) => {
                peer::check_report(self.role, &report);
                assert!(report.dropped.messages == 0 || report.dropped.bytes > 0);
                self.dropped_messages = Some(report.dropped.messages);
                Seen::Ended(report)
            }
            other => panic!("unknown event {other:?}"),
        };
        self.seen.push(seen);
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let how = script.byte();
        let payload = script.string();
        let text = String::from_utf8_lossy(payload);
        let message = match how % 4 {
            0 => Message::from(payload),
            1 => Message::from(&*text),
            2 => Message::from(payload.to_vec()),
            _ => Message::from(text.clone().into_owned()),
        };
        self.send_message(message);
    }

    fn send_message(&mut self, message: Message<'_>) {
        let pending = self.session.pending_output();
        let copy = (message.kind(), message.as_bytes().to_vec());
        match self.session.send(message, self.now) {
            Ok(()) => {
                assert!(pending <= self.config.limits.pending_output);
                self.sent.push(copy);
                self.answered(Ok::<_, SendError>(()));
            }
            Err(refused) => {
                assert_eq!(
                    (refused.message.kind(), refused.message.as_bytes()),
                    (copy.0, &copy.1[..])
                );
                assert_eq!(self.session.pending_output(), pending);
                self.answered(Err(refused.reason));
            }
        }
    }

    fn send_large(&mut self, script: &mut Script<'_>) {
        let how = script.byte();
        let payload = Bytes::from(vec![script.byte(); script.length()]);
        match how % 3 {
            0 => {}
            1 => {
                let _shared = payload.clone();
                return self.send_message(Message::Binary(Payload::Owned(payload)));
            }
            _ => return self.send_message(Message::Binary(Payload::Owned(payload))),
        }
        let prepared = Prepared::new(payload);
        let answer = self.session.send(&prepared, self.now);
        if answer.is_ok() {
            self.sent.push((prepared.kind(), prepared.payload().to_vec()));
        }
        self.answered(answer);
    }

    fn fragment(&mut self, script: &mut Script<'_>) {
        let (text, fin) = (script.flag(), script.flag());
        let payload = script.string();
        let text = text.then(|| String::from_utf8_lossy(payload));
        let data = text.as_deref().map_or(Data::Binary(payload), Data::Text);
        let answer = self.session.send_fragment(data, fin, self.now);
        if answer.is_ok() {
            self.fragments.extend_from_slice(data.as_bytes());
            if fin {
                self.sent.push((data.kind(), core::mem::take(&mut self.fragments)));
            }
        }
        self.answered(answer);
    }

    fn close(&mut self, script: &mut Script<'_>) {
        let code = CloseCode::new(script.number());
        let reason = String::from_utf8_lossy(script.string());
        let frame = code.map_or(CloseFrame::EMPTY, |code| {
            CloseFrame::new(code, &reason).unwrap_or(CloseFrame::from_code(code))
        });
        let answer = self.session.close(frame, self.now);
        self.answered(answer);
    }

    fn read_closed(&mut self, how: u8) {
        let how = match how % 4 {
            0 | 1 => ReadClosed::Eof,
            2 => ReadClosed::TlsTruncated,
            _ => ReadClosed::Failed(failure(how)),
        };
        self.session.handle_read_closed(how, self.now);
    }

    fn write_fails(&mut self, how: u8) {
        self.write_failed = true;
        self.session.handle_write_failed(failure(how), self.now);
        assert!(!self.session.has_output());
    }

    /// The transport takes at most `count` bytes.
    fn flush(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let mut output = self.session.output();
            let len = output.chunk().len().min(left);
            if len == 0 {
                assert_eq!(output.remaining(), 0);
                break;
            }
            self.wire.extend_from_slice(&output.chunk()[..len]);
            let remaining = output.remaining();
            output.advance(len);
            assert_eq!(output.remaining(), remaining - len);
            self.session.handle_flushed(len, self.now);
            left -= len;
        }
    }

    fn timeout(&mut self) {
        self.latest = self.latest.max(self.now);
        self.session.handle_timeout(self.now);
        if let Some((at, timer)) = self.session.next_timer() {
            let beyond = at > self.latest || self.latest == Timestamp::MAX;
            assert!(beyond, "{timer:?} is still due at {at:?}, handled at {:?}", self.latest);
        }
        let phase = self.session.phase();
        if self.due.is_some_and(|due| self.latest >= due) {
            assert_eq!(phase, Phase::Ended, "due {:?}, now {:?}", self.due, self.latest);
        }
        if self.latest >= self.started + self.config.timeouts.handshake {
            assert_ne!(phase, Phase::Opening);
        }
    }

    /// Waits for the deadline, if there is one.
    fn wait(&mut self) {
        if let Some(at) = self.session.poll_timeout() {
            self.now = self.now.max(at);
            self.timeout();
        }
    }

    /// Takes out what a call may have brought about.
    fn drain(&mut self) {
        self.latest = self.latest.max(self.now);
        self.poll(&mut []);
        if self.habits.flushes {
            self.flush(usize::MAX);
        }
        self.poll(&mut []);
    }

    fn check(&mut self) {
        let phase = self.session.phase();
        let opening = phase == Phase::Opening;
        let begun = !matches!(phase, Phase::Opening | Phase::Open);
        if (begun || self.write_failed && !opening) && self.due.is_none() {
            let timeouts = &self.config.timeouts;
            self.due = Some(self.latest + timeouts.close + timeouts.linger);
        }
        if let (Some(due), Some(at)) = (self.due, self.session.poll_timeout()) {
            assert!(at <= due.max(self.latest), "the next deadline is {at:?}, the end due {due:?}");
        }
        let evidence = self.session.evidence();
        assert!(evidence.opened <= evidence.ended);
        if phase == Phase::Ended {
            assert_eq!(self.session.poll_timeout(), None);
            assert_eq!((self.session.pending_output(), self.session.has_output()), (0, false));
            assert!(self.session.spare_mut().is_empty());
            let refused = self.session.send("late", self.now).map_err(|refused| refused.reason);
            assert_eq!(refused, Err(SendError::Ended));
        }
    }

    /// Nothing more is fed; only the deadlines are waited for.
    fn finish(&mut self, how: u8) {
        match how & 7 {
            0 => self.session.abort(self.now),
            1 => self.read_closed(how >> 3),
            2 | 3 => {
                let _ = self.session.close(CloseCode::GOING_AWAY, self.now);
            }
            4 => self.write_fails(how >> 3),
            _ => {}
        }
        for _ in 0..32 {
            self.drain();
            self.check();
            if self.dropped_messages.is_some() {
                return;
            }
            if self.session.poll_timeout().is_none() {
                assert_eq!(self.due, None, "the end has begun, and nothing is waited for");
                self.session.handle_read_closed(ReadClosed::Eof, self.now);
            }
            self.wait();
        }
        panic!("still {:?} after 32 deadlines", self.session.phase());
    }

    /// The peer understands what was written; what it did not get is reported as dropped.
    fn check_output(&self) {
        let frames = if self.habits.upgraded {
            &self.wire[..]
        } else {
            let head = self.wire.windows(4).position(|four| four == b"\r\n\r\n");
            head.map_or(&[][..], |end| &self.wire[end + 4..])
        };
        if self.wire.starts_with(b"HTTP/1.1 ") && !self.wire.starts_with(b"HTTP/1.1 101 ") {
            assert!(self.sent.is_empty());
            return;
        }
        #[cfg(feature = "deflate")]
        if self.session.negotiated().extensions().deflate().is_some() {
            let heard = compression::hear(frames, other(self.role), self.session.negotiated());
            assert!(self.sent.starts_with(&heard), "{heard:?} of {:?}", self.sent);
            let missing = self.sent.len() - heard.len();
            return assert_eq!(self.dropped_messages, Some(missing as u64));
        }
        let heard = peer::hear(frames, other(self.role));
        assert!(self.sent.starts_with(&heard.messages), "{heard:?} of {:?}", self.sent);
        let missing = self.sent.len() - heard.messages.len();
        assert_eq!(self.dropped_messages, Some(missing as u64));
        if heard.closed {
            assert_eq!((missing, &heard.unfinished), (0, &self.fragments));
        }
    }
}
