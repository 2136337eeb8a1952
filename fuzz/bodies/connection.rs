//! A connection driven by a script: bytes in any pieces, time in any steps, calls in any order.
//!
//! A script is a number for the settings, a byte for the driver's habits, a byte for how it comes
//! to an end, and then steps. Steps are numbered as in [`Driver::step`].

use bytes::BytesMut;
use core::time::Duration;
use farewell::{
    Cause, CloseCode, CloseFrame, Config, Connection, Data, Event, MessageKind, OpCode, Phase,
    ReadClosed, Role, Seed, SendError, Termination, Timestamp, TransportError, apply_mask,
};

use super::peer;
use super::script::{Chunks, Script, before, config, other};

pub(crate) fn check(role: Role, data: &[u8]) {
    let whole = Driver::run(role, data, Chunks::Whole);
    whole.check_output();
    if whole.habits.lazy {
        // Only who drains the output after each event is promised the same output.
        return;
    }
    let seed = data.iter().fold(1, |seed: u32, byte| seed.rotate_left(5) ^ u32::from(*byte));
    for chunks in [Chunks::Bytes, Chunks::Random(seed)] {
        let cut = Driver::run(role, data, chunks);
        assert_eq!(cut.seen, whole.seen, "{role:?}, cut as {chunks:?}");
        assert_eq!(cut.out, whole.out, "the output of {role:?}, cut as {chunks:?}");
    }
}

/// What was seen, as far as it may not depend on how the input was cut.
#[derive(Debug, PartialEq)]
enum Seen {
    Piece { kind: MessageKind, payload: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>, Option<Duration>),
    CloseReceived(CloseFrame),
    Answer(Result<(), SendError>),
    Ended(Box<Termination>),
}

/// How the driver of a connection goes about it.
#[derive(Debug, Clone, Copy)]
struct Habits {
    /// Fetches output only when told to, instead of after every event.
    lazy: bool,
    /// Writes out all output at once.
    flushes: bool,
}

struct Driver {
    connection: Connection,
    role: Role,
    config: Config,
    chunks: Chunks,
    habits: Habits,
    now: Timestamp,
    /// The latest time that was told.
    latest: Timestamp,
    /// By when the end must have come, once it has begun.
    due: Option<Timestamp>,
    out: BytesMut,
    flushed: u64,
    fed: u64,
    seen: Vec<Seen>,
    /// Messages that were accepted.
    sent: Vec<(MessageKind, Vec<u8>)>,
    /// The message that goes out in fragments.
    fragments: Vec<u8>,
    /// Payloads of Pings that have to be answered.
    pings: Vec<Vec<u8>>,
    in_message: bool,
    write_failed: bool,
    ended: bool,
}

impl Driver {
    fn run(role: Role, data: &[u8], chunks: Chunks) -> Self {
        let mut script = Script::new(data);
        let config = config(script.number());
        let habits = script.byte();
        let ending = script.byte();
        let now = Timestamp::from_nanos(1_000_000_000);
        let mut driver = Self {
            connection: Connection::new(role, config.clone(), Seed::new([7; 32]), now),
            role,
            config,
            chunks,
            habits: Habits { lazy: habits & 1 != 0, flushes: habits & 2 != 0 },
            now,
            latest: now,
            due: None,
            out: BytesMut::new(),
            flushed: 0,
            fed: 0,
            seen: Vec::new(),
            sent: Vec::new(),
            fragments: Vec::new(),
            pings: Vec::new(),
            in_message: false,
            write_failed: false,
            ended: false,
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
        match script.byte() % 20 {
            0 => self.feed(script.string()),
            1 => self.feed_frame(script.byte(), script.byte(), script.string()),
            2 => self.feed_frame(0x82, script.byte(), &vec![script.byte(); script.length()]),
            3 => self.now = self.now + script.span(),
            4 => self.now = before(self.now, script.span()),
            5 => self.wait(),
            6 => self.timeout(),
            7 => self.send(script),
            8 => self.fragment(script),
            9 => self.begin_frame(script),
            10 => {
                let payload = script.string();
                let answer = self.connection.ping(payload, &mut self.out, self.now);
                self.seen.push(Seen::Answer(answer));
            }
            11 => self.close(script),
            12 => self.connection.abort(self.now),
            13 => {
                self.connection.poll_transmit(&mut self.out);
            }
            14 => self.flush(script.byte().into()),
            15 => self.flush(usize::MAX),
            16 => self.read_closed(script.byte()),
            17 => {
                self.write_failed = true;
                self.connection.handle_write_failed(failure(script.byte()), self.now);
            }
            18 => self.answer_ping(),
            _ => self.now = Timestamp::MAX,
        }
        self.latest = self.latest.max(self.now);
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let len = self.chunks.next(at, bytes.len() - at);
            let mut copy = bytes[at..at + len].to_vec();
            self.poll(&mut copy);
            at += len;
        }
    }

    fn feed_frame(&mut self, first: u8, key: u8, payload: &[u8]) {
        let key = (self.role == Role::Server).then_some([key, 0, 0x5a, !key]);
        self.feed(&peer::frame(first, payload, key));
    }

    /// The Pong that answers our latest Ping.
    fn answer_ping(&mut self) {
        let frames = peer::frames(&self.out, self.role);
        if let Some((_, payload)) = frames.iter().rfind(|(header, _)| header.opcode == OpCode::Ping)
        {
            self.feed_frame(0x8a, 1, payload);
        }
    }

    fn poll(&mut self, bytes: &mut [u8]) {
        if !self.ended && self.connection.phase() != Phase::Ended {
            self.fed += bytes.len() as u64;
        }
        let mut input = bytes;
        loop {
            let before = self.connection.phase();
            let left = input.len();
            let Some(event) = self.connection.poll_event(&mut input, self.now) else { break };
            assert!(!self.ended, "{event:?} came after the end");
            assert!(input.len() < left || matches!(event, Event::Ended(_) | Event::Data(_)));
            self.note(event, before);
            self.drain_output();
        }
        assert!(input.is_empty(), "{} bytes were left", input.len());
        assert_eq!(self.ended, self.connection.phase() == Phase::Ended);
    }

    fn note(&mut self, event: Event<'_>, before: Phase) {
        let seen = match event {
            Event::Data(chunk) => {
                assert_eq!(chunk.is_first(), !self.in_message);
                assert!(chunk.is_last() || !chunk.payload().is_empty());
                assert!(matches!(before, Phase::Open | Phase::CloseSent), "data while {before:?}");
                self.in_message = !chunk.is_last();
                if let Some(Seen::Piece { payload, last: last @ false, .. }) = self.seen.last_mut()
                {
                    payload.extend_from_slice(chunk.payload());
                    *last = chunk.is_last();
                    return;
                }
                let payload = chunk.payload().to_vec();
                Seen::Piece {
                    kind: chunk.kind(),
                    payload,
                    first: chunk.is_first(),
                    last: chunk.is_last(),
                }
            }
            Event::Ping => {
                let payload = self.connection.ping_payload().to_vec();
                if !self.write_failed {
                    self.pings.push(payload.clone());
                }
                Seen::Ping(payload)
            }
            Event::Pong { rtt } => Seen::Pong(self.connection.pong_payload().to_vec(), rtt),
            Event::CloseReceived => {
                Seen::CloseReceived(*self.connection.peer_close().expect("a Close came"))
            }
            Event::Ended(report) => {
                self.ended = true;
                self.check_report(&report);
                Seen::Ended(report)
            }
            other => panic!("unknown event {other:?}"),
        };
        self.seen.push(seen);
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let text = script.flag();
        let payload = script.string();
        let text = text.then(|| String::from_utf8_lossy(payload));
        let data = text.as_deref().map_or(Data::Binary(payload), Data::Text);
        let answer = self.connection.send(data, &mut self.out, self.now);
        if answer.is_ok() {
            self.sent.push((data.kind(), data.as_bytes().to_vec()));
        }
        self.seen.push(Seen::Answer(answer));
    }

    fn fragment(&mut self, script: &mut Script<'_>) {
        let (text, fin) = (script.flag(), script.flag());
        let payload = script.string();
        let text = text.then(|| String::from_utf8_lossy(payload));
        let data = text.as_deref().map_or(Data::Binary(payload), Data::Text);
        let answer = self.connection.send_fragment(data, fin, &mut self.out, self.now);
        if answer.is_ok() {
            self.fragment_sent(data.kind(), data.as_bytes(), fin);
        }
        self.seen.push(Seen::Answer(answer));
    }

    fn begin_frame(&mut self, script: &mut Script<'_>) {
        let (text, fin) = (script.flag(), script.flag());
        let kind = if text { MessageKind::Text } else { MessageKind::Binary };
        let byte = if text { script.byte() & 0x7f } else { script.byte() };
        let mut payload = vec![byte; script.length()];
        let too_long = script.byte() == 1;
        let len = if too_long { 1 << 63 } else { payload.len() as u64 };
        let answer = self.connection.begin_frame(kind, len, fin, self.now);
        if let Ok(head) = answer {
            assert!(!too_long);
            self.out.extend_from_slice(head.bytes());
            self.fragment_sent(kind, &payload, fin);
            if let Some(key) = head.mask() {
                apply_mask(&mut payload, key);
            }
            self.out.extend_from_slice(&payload);
        }
        self.seen.push(Seen::Answer(answer.map(|_| ())));
    }

    fn fragment_sent(&mut self, kind: MessageKind, payload: &[u8], fin: bool) {
        self.fragments.extend_from_slice(payload);
        if fin {
            self.sent.push((kind, core::mem::take(&mut self.fragments)));
        }
    }

    fn close(&mut self, script: &mut Script<'_>) {
        let code = CloseCode::new(script.number());
        let reason = String::from_utf8_lossy(script.string());
        let frame = code.map_or(CloseFrame::EMPTY, |code| {
            CloseFrame::new(code, &reason).unwrap_or(CloseFrame::from_code(code))
        });
        let answer = self.connection.close(frame, self.now);
        self.seen.push(Seen::Answer(answer));
    }

    fn read_closed(&mut self, how: u8) {
        let how = match how % 4 {
            0 | 1 => ReadClosed::Eof,
            2 => ReadClosed::TlsTruncated,
            _ => ReadClosed::Failed(failure(how)),
        };
        self.connection.handle_read_closed(how, self.now);
    }

    fn flush(&mut self, bytes: usize) {
        let pending = self.out.len() as u64 - self.flushed;
        self.flushed += pending.min(bytes as u64);
        self.connection.handle_flushed(bytes, self.now);
    }

    fn timeout(&mut self) {
        self.latest = self.latest.max(self.now);
        self.connection.handle_timeout(self.now);
        if let Some((at, timer)) = self.connection.next_timer() {
            let beyond = at > self.latest || self.latest == Timestamp::MAX;
            assert!(
                beyond,
                "{timer:?} is still due at {at:?}, it was handled at {:?}",
                self.latest
            );
        }
        if self.due.is_some_and(|due| self.latest >= due) {
            let phase = self.connection.phase();
            assert_eq!(phase, Phase::Ended, "due {:?}, now {:?}", self.due, self.latest);
        }
    }

    /// Waits for the deadline, if there is one.
    fn wait(&mut self) {
        if let Some(at) = self.connection.poll_timeout() {
            self.now = self.now.max(at);
            self.timeout();
        }
    }

    /// Takes out what a call may have brought about.
    fn drain(&mut self) {
        self.latest = self.latest.max(self.now);
        self.poll(&mut []);
        self.drain_output();
        self.poll(&mut []);
    }

    fn drain_output(&mut self) {
        if !self.habits.lazy {
            let len = self.out.len();
            let wrote = self.connection.poll_transmit(&mut self.out);
            assert_eq!(wrote, self.out.len() > len);
        }
        if self.habits.flushes && !self.write_failed {
            self.flush(usize::MAX);
        }
        assert_eq!(self.connection.pending_output(), self.out.len() as u64 - self.flushed);
    }

    fn check(&mut self) {
        let begun = self.connection.phase() != Phase::Open
            || self.write_failed
            || self.connection.local_close().is_some();
        if begun && self.due.is_none() {
            let timeouts = &self.config.timeouts;
            self.due = Some(self.latest + timeouts.close + timeouts.linger);
        }
        if let (Some(due), Some(at)) = (self.due, self.connection.poll_timeout()) {
            assert!(at <= due.max(self.latest), "the next deadline is {at:?}, the end due {due:?}");
        }
        let evidence = self.connection.evidence();
        assert_eq!(evidence.sent.bytes, self.out.len() as u64);
        assert_eq!(evidence.sent.messages, self.sent.len() as u64);
        assert!(evidence.received.bytes <= self.fed);
        if self.ended {
            assert_eq!(self.connection.poll_timeout(), None);
            let refused = self.connection.send(&b"late"[..], &mut self.out, self.now);
            assert_eq!(refused, Err(SendError::Ended));
        }
    }

    /// Nothing more is fed; only the deadlines are waited for.
    fn finish(&mut self, how: u8) {
        match how & 7 {
            0 => self.connection.abort(self.now),
            1 => self.read_closed(how >> 3),
            2 | 3 => {
                let _ = self.connection.close(CloseCode::GOING_AWAY, self.now);
            }
            4 => {
                self.write_failed = true;
                self.connection.handle_write_failed(failure(how >> 3), self.now);
            }
            _ => {}
        }
        for _ in 0..32 {
            self.drain();
            self.check();
            if self.ended {
                return;
            }
            if self.connection.poll_timeout().is_none() {
                assert_eq!(self.due, None, "the end has begun, and nothing is waited for");
                self.connection.handle_read_closed(ReadClosed::Eof, self.now);
            }
            self.wait();
        }
        panic!("still {:?} after 32 deadlines", self.connection.phase());
    }

    fn check_report(&self, report: &Termination) {
        peer::check_report(self.role, report);
        let handshake = matches!(report.cause, Cause::ClosingHandshake);
        assert!(report.clean || !handshake, "{report:?}");
        let evidence = &report.evidence;
        assert_eq!(report.dropped.bytes, self.out.len() as u64 - self.flushed);
        assert_eq!(evidence.pending_output, report.dropped.bytes);
        assert!(evidence.opened <= evidence.ended && evidence.ended <= self.latest.max(self.now));
    }

    /// The peer understands everything that was written, and nothing was written that must not be.
    fn check_output(&self) {
        assert!(self.ended);
        let frames = peer::frames(&self.out, self.role);
        let close = frames.iter().position(|(header, _)| header.opcode == OpCode::Close);
        let after = close.map_or(&[][..], |at| &frames[at + 1..]);
        assert!(after.iter().all(|(header, _)| header.opcode == OpCode::Pong), "{after:?}");
        let heard = peer::hear(&self.out, other(self.role));
        assert_eq!(heard.messages, self.sent);
        assert_eq!(heard.unfinished, self.fragments);
        assert_eq!(heard.closed, close.is_some());
        let pongs = frames.iter().filter(|(header, _)| header.opcode == OpCode::Pong);
        let pongs: Vec<_> = pongs.map(|(_, payload)| payload.clone()).collect();
        if self.habits.lazy {
            let mut pings = self.pings.iter();
            assert!(pongs.iter().all(|pong| pings.any(|ping| ping == pong)), "{pongs:?}");
        } else {
            assert_eq!(pongs, self.pings);
        }
        assert!(heard.pongs.len() <= pongs.len());
    }
}

pub(crate) fn failure(number: u8) -> TransportError {
    match number >> 2 & 3 {
        0 => TransportError::Reset,
        1 => TransportError::BrokenPipe,
        2 => TransportError::TimedOut,
        _ => TransportError::Other,
    }
}
